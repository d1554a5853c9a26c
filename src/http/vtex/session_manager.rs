//! `/api/sessions`, as far as a login needs it: who is logged in, by namespaces. What
//! pages write is not kept.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::super::{App, Shared};
use super::answer::{failure, names};
use super::front::Front;
use crate::base::random;
use crate::key::Algorithm;
use crate::login::LoginError;
use crate::session::{Session, SessionError};

const LIFETIME: u64 = 8 * 24 * 3600;

/// `POST` and `PATCH`: tokens for what comes next.
pub(super) async fn write(State(app): State<Shared>, request: Request) -> Response {
    let done = async {
        let front = Front::read(&app, request).await?;
        let now = app.logins.now().as_secs();
        let account = &front.site.account.id;
        let [_, guid] = names(&app.logins.public_url, account);
        let guid = guid.rsplit('_').next().unwrap_or_default().to_owned();
        let claims = json!({
            "account": { "id": guid, "name": account },
            "id": random::support_id(),
            "version": 3,
            "sub": "session",
            "iss": "session-data-signer",
            "iat": now,
            "exp": now + LIFETIME,
            "jti": random::token(),
        });
        let signed = app.logins.keys.sign(Some(Algorithm::Es256), "jwt", &claims);
        let signed = signed
            .await
            .map_err(|why| failure(&LoginError::Session(SessionError::Key(why)), None))?;
        let segment = STANDARD.encode(b"{}");
        let body = json!({ "sessionToken": signed, "segmentToken": segment });
        Ok((StatusCode::CREATED, Json(body)).into_response())
    };
    done.await.unwrap_or_else(|answer: Response| answer)
}

/// `GET`: the items that are asked for, `ns.key` or `*`.
pub(super) async fn read(State(app): State<Shared>, request: Request) -> Response {
    let done = async {
        let front = Front::read(&app, request).await?;
        let found = front.session(&app).await?;
        let asked = front.get(&["items"]).unwrap_or_default();
        let all = namespaces(&app, &front, found.as_ref().map(|(_, session)| &**session));
        Ok(Json(json!({
            "id": random::support_id(),
            "namespaces": only(all, asked),
        }))
        .into_response())
    };
    done.await.unwrap_or_else(|answer: Response| answer)
}

fn namespaces(app: &App, front: &Front, session: Option<&Session>) -> Map<String, Value> {
    let account = &front.site.account;
    let [_, guid] = names(&app.logins.public_url, &account.id);
    let guid = guid.rsplit('_').next().unwrap_or_default();
    let mut profile = json!({
        "isAuthenticated": { "value": if session.is_some() { "true" } else { "false" } },
    });
    let mut authentication = json!({});
    if let Some(session) = session {
        authentication["storeUserId"] = json!({ "value": session.user });
        authentication["storeUserEmail"] = json!({ "value": session.email });
        profile["id"] = json!({ "value": session.user });
        profile["email"] = json!({ "value": session.email });
        let name = session.name.as_deref().unwrap_or_default();
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        for (key, part) in [("firstName", first), ("lastName", last)] {
            if !part.is_empty() {
                profile[key] = json!({ "value": part });
            }
        }
    }
    let all = [
        (
            "account",
            json!({ "id": { "value": guid }, "accountName": { "value": account.id } }),
        ),
        ("authentication", authentication),
        ("profile", profile),
        ("public", json!({})),
    ];
    all.into_iter()
        .map(|(name, values)| (name.to_owned(), values))
        .collect()
}

fn only(all: Map<String, Value>, asked: &str) -> Map<String, Value> {
    if asked == "*" {
        return all;
    }
    let mut found = Map::new();
    for item in asked.split(',').take(100) {
        let Some((space, key)) = item.trim().split_once('.') else {
            continue;
        };
        let Some(values) = all.get(space) else {
            continue;
        };
        let kept = found.entry(space).or_insert_with(|| json!({}));
        if key == "*" {
            kept.clone_from(values);
        } else if let Some(value) = values.get(key) {
            kept[key] = value.clone();
        }
    }
    found
}
