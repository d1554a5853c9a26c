//! A form whose session ended. What was typed stays in the page that asks for the
//! login, and goes on after it: nothing is typed twice, nothing is kept here.

use axum::body::Body;
use axum::extract::OriginalUri;
use axum::http::request::Parts;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use minijinja::{Value, context};
use serde_json::json;

use super::guard::{LoggedIn, form};
use super::sign_in::next;
use super::view::{Html, page};
use super::wizard::answer;
use super::{Console, provider_sign_in};
use crate::operator::session::Current;
use crate::protocol::form::Pairs;
use std::sync::Arc;

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
    fn new(path: &str, fields: &Pairs) -> Option<Self> {
        let ours = path == "/admin/" || next(path) != "/admin/";
        let own = ["/admin/login", "/admin/logout", "/admin/welcome"];
        (ours && !own.iter().any(|own| path.starts_with(own))).then(|| Self {
            path: path.to_owned(),
            fields: fields
                .iter()
                .filter(|(name, _)| *name != "csrf")
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
        let values =
            context! { title => "Go on", path => self.path.clone(), fields => self.fields.clone() };
        page(Some(who), StatusCode::OK, "resume.html", values)
    }
}

/// The page for a form of ours that came without a session; `None` where there is
/// nothing to go on with.
pub(super) async fn ask(console: &Arc<Console>, parts: &Parts, body: Body) -> Option<Response> {
    if parts.method != Method::POST {
        return None;
    }
    let path = parts.extensions.get::<OriginalUri>();
    let path = path.map_or(&parts.uri, |whole| &whole.0).path().to_owned();
    let request = Request::from_parts(parts.clone(), body);
    let typed = form(console, &parts.headers, request).await.ok()?;
    let interrupted = Interrupted::new(&path, &typed)?;
    let values = context! {
        next => "/admin/",
        resume => interrupted.shown(),
        providers => provider_sign_in::providers(console).await.ok()?,
    };
    page(None, StatusCode::UNAUTHORIZED, "login.html", values).ok()
}

/// `GET /admin/session`: what the forms of a page carry from now on, for a script
/// whose page is of an earlier session.
pub(super) async fn session(LoggedIn(who): LoggedIn) -> Response {
    answer(&json!({ "csrf": who.csrf }))
}
