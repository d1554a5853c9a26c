//! A form whose session ended. What was typed stays in the page that asks for the
//! login, and goes on after it: nothing is typed twice, nothing is kept here.

use axum::http::StatusCode;
use minijinja::{Value, context};

use super::form_token;
use super::sentences::say;
use super::view::{Html, page};
use crate::operator::session::Current;
use crate::protocol::form::Pairs;

/// A page of the console to go to after the login; anything else is the front page.
pub(super) fn next(text: &str) -> &str {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '\\' | '"' | '<' | '>');
    let ours = text.starts_with("/admin/") && !text.contains("//") && text.chars().all(plain);
    if ours { text } else { "/admin/" }
}

/// A form that waits for a login.
pub(super) struct Interrupted {
    path: String,
    fields: Vec<(String, String)>,
}

impl Interrupted {
    /// The form that a login form carries.
    pub fn carried(login: &Pairs) -> Option<Self> {
        let path = login.get("resume")?;
        let fields = Pairs::parse(login.get("typed").unwrap_or_default()).ok()?;
        Self::new(path, &fields)
    }

    /// A form for an address of the console; no address else is gone on to.
    pub fn new(path: &str, fields: &Pairs) -> Option<Self> {
        let ours = path == "/admin/" || next(path) != "/admin/";
        let own = ["/admin/login", "/admin/logout", "/admin/welcome"];
        (ours && !own.iter().any(|own| path.starts_with(own))).then(|| Self {
            path: path.to_owned(),
            fields: fields
                .iter()
                .filter(|(name, _)| !["csrf", form_token::FIELD].contains(name))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        })
    }

    /// As the login page carries it.
    pub fn shown(&self) -> Value {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(&self.fields);
        context! { path => self.path.clone(), typed => text.finish() }
    }

    /// The page after the login, whose button sends the form again.
    pub fn page(&self, who: &Current) -> Html {
        let values = context! { title => say("resume.go_on"), path => self.path.clone(), fields => self.fields.clone() };
        page(Some(who), StatusCode::OK, "resume.html", values)
    }
}
