//! Who is signed in to the console.

use std::collections::BTreeMap;

use minijinja::Value as TemplateValue;
use serde_json::{Value, json};
use tracing::info;

use super::guard::Post;
use super::sign_in::entry;
use super::view::{Html, failing, redirect_to, shown};
use super::{Console, State};
use crate::operator::Email;
use crate::operator::session::{self, Current};
use crate::store::{Key, StoreError, Versioned};

/// The most sessions on the page.
const MOST: usize = 500;

/// The sessions that are good now, the newest first.
pub(super) async fn list(console: &Console, who: &Current) -> Result<TemplateValue, StoreError> {
    let found = session::page(&*console.admin.store, None, MOST).await?;
    Ok(rows(console, who, found))
}

/// One's own sessions that are good now, the newest first.
pub(super) async fn own(console: &Console, who: &Current) -> Result<TemplateValue, StoreError> {
    let found = session::of(&*console.admin.store, &who.operator.email).await?;
    Ok(rows(console, who, found))
}

fn rows(
    console: &Console,
    who: &Current,
    found: Vec<(Key, Versioned<session::Console>)>,
) -> TemplateValue {
    let now = console.admin.clock.now();
    let good: Vec<_> = found
        .into_iter()
        .filter(|(_, session)| session.value.is_awake(now))
        .collect();
    let mut of: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, session) in &good {
        *of.entry(session.value.operator.as_str()).or_default() += 1;
    }
    let rows: Vec<Value> = good
        .iter()
        .rev()
        .map(|(key, session)| {
            let (id, session) = (session::id(key), &session.value);
            let email = session.operator.as_str();
            json!({
                "mine": id == who.id,
                "id": id,
                "email": email,
                "created_at": session.created_at.rfc3339(),
                "seen_at": session.seen_at.rfc3339(),
                "through": session.program.as_ref().map_or(session.through.as_deref(), |program| Some(&program.client_id)),
                "several": of.get(email).is_some_and(|count| *count > 1),
            })
        })
        .collect();
    shown(rows)
}

/// `POST /admin/operators/sign-out`: one session, or all of an operator.
pub(super) async fn end(axum::extract::State(console): State, post: Post) -> Html {
    let store = &*console.admin.store;
    let broken = |error: StoreError| failing(&post.who)(error.into());
    let by = post.who.operator.email.as_str();
    let note = |operator: &Email, sessions: usize| {
        let what = json!({ "operator": operator.as_str(), "sessions": sessions });
        entry(&console, by, "operator.sign_out", what)
    };
    let ended = match (post.get("session"), Email::parse(post.get("email"))) {
        ("", Ok(email)) => {
            let entry = |sessions: usize| note(&email, sessions);
            let ended = session::revoke_of(store, &email, entry)
                .await
                .map_err(broken)?;
            (ended > 0).then_some((email, ended))
        }
        (id, _) => {
            let entry = |session: &session::Console| note(&session.operator, 1);
            let ended = session::revoke(store, id, entry).await.map_err(broken)?;
            ended.map(|session| (session.operator, 1))
        }
    };
    if let Some((operator, sessions)) = ended {
        info!(%operator, sessions, by, "console sessions ended");
    }
    Ok(redirect_to("/admin/operators?done=revoked"))
}
