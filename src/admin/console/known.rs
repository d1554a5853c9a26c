//! A provider that is known already: what it gives to each of its clients, and
//! nothing else, is asked for.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::http::StatusCode;
use minijinja::context;
use serde_json::{Value, json};

use super::fields::STEPS;
use super::guard::{LoggedIn, Post};
use super::sentences::{problem, say, say_with};
use super::start::{account, open};
use super::view::{Html, nothing, page, provider_name, shown};
use super::{Console, State, expect};
use crate::account::Account;
use crate::account::draft::Draft;
use crate::document::Finding;
use crate::operator::session::Current;
use crate::provider::blanks::{asks_for_a_secret, blanks, fill};
use crate::provider::gallery;

/// What was typed, by the placeholder that it is for.
type Answers = BTreeMap<String, String>;

/// `GET …/new/{entry}`
pub(super) async fn ask(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path((id, entry)): Path<(String, String)>,
) -> Html {
    let account = account(&console, &who, &id).await?;
    let Some(source) = gallery::get(&entry) else {
        return Ok(nothing(LoggedIn(who)).await);
    };
    let form = Form {
        account,
        entry,
        source,
    };
    form.page(&console, &who, &Answers::new(), &[])
}

/// `POST …/new/{entry}`: a draft with the answers in it, ready for review.
pub(super) async fn begin(
    axum::extract::State(console): State,
    Path((id, entry)): Path<(String, String)>,
    post: Post,
) -> Html {
    let who = &post.who;
    let account = account(&console, who, &id).await?;
    let Some(source) = gallery::get(&entry) else {
        return Ok(nothing(LoggedIn(post.who)).await);
    };
    let answers: Answers = blanks(source)
        .into_iter()
        .map(|blank| {
            let typed = post.get(&blank.name).trim().to_owned();
            (blank.name, typed)
        })
        .collect();
    let secret = post.get("secret").trim();
    let mut missing: Vec<&str> = answers
        .iter()
        .filter(|(_, typed)| typed.is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    if secret.is_empty() && asks_for_a_secret(source) {
        missing.push("secret");
    }
    let form = Form {
        account,
        entry,
        source,
    };
    if !missing.is_empty() {
        return form.page(&console, who, &answers, &missing);
    }
    let draft = Draft::new(
        fill(source, &answers, secret),
        None,
        who.operator.email.as_str(),
    );
    let wrong = expect::check(&draft.source, console.admin.mappings.context())
        .iter()
        .any(Finding::is_error);
    let at = if wrong { STEPS[0].id } else { "review" };
    open(&console, who, &form.account, &draft, at).await
}

struct Form {
    account: Account,
    entry: String,
    source: &'static str,
}

impl Form {
    /// The form; a secret that was typed is not shown again.
    fn page(&self, console: &Console, who: &Current, answers: &Answers, missing: &[&str]) -> Html {
        let fields: Vec<Value> = blanks(self.source)
            .into_iter()
            .map(|blank| {
                json!({
                    "value": answers.get(&blank.name),
                    "missing": missing.contains(&blank.name.as_str()),
                    "example": (blank.example != blank.name).then_some(blank.example),
                    "name": blank.name,
                    "label": problem(&blank.label),
                })
            })
            .collect();
        let secret = asks_for_a_secret(self.source).then(|| {
            json!({
                "missing": missing.contains(&"secret"),
                "key": self.source.contains("\nprivate_key "),
            })
        });
        let status = if missing.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::UNPROCESSABLE_ENTITY
        };
        let name = provider_name(self.source, &self.entry);
        let mappings = &console.admin.mappings;
        let values = context! {
            title => say_with("known.set_up", &[("name", &name)]),
            nav => "accounts",
            account => context! { id => self.account.id.as_str(), name => self.account.name.as_str() },
            name,
            notes => shown(notes(self.source, &self.entry)),
            redirect_uri => expect::redirect_uri(self.source, mappings, &self.account.id),
            logout_uris => expect::logout_uris(self.source, mappings, &self.account.id),
            fields => shown(fields),
            secret => secret.map(shown),
            wrong => !missing.is_empty(),
        };
        page(Some(who), status, "known.html", values)
    }
}

/// The comment at a sample's head, paragraph by paragraph: what to do at the
/// provider, and what its ids and emails are worth.
fn notes(source: &str, entry: &str) -> Vec<String> {
    let address = format!("{{public_url}}/callback/{{account}}/{entry}");
    let head: Vec<&str> = source
        .lines()
        .map_while(|line| line.strip_prefix('#'))
        .map(str::trim)
        .collect();
    head.split(|line| line.is_empty())
        .map(|lines| {
            lines
                .join(" ")
                .replace(&address, &say("known.redirect_uri_below"))
        })
        .filter(|text| !text.is_empty())
        .collect()
}
