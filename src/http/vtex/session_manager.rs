//! `/api/sessions`, as far as a login needs it: who is logged in, by namespaces. What
//! pages write is not kept.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::super::{App, Shared};
use super::answer::{failed, failure, names, session_cookies};
use super::front::{Front, only_cookie};
use crate::base::{AccountId, random};
use crate::key::{Algorithm, Expect};
use crate::login::LoginError;
use crate::session::{self, Session, SessionError};

const LIFETIME: Duration = Duration::from_secs(8 * 24 * 3600);
const ISSUER: &str = "session-data-signer";

/// `POST` and `PATCH`: tokens for what comes next, and the items that are asked for.
pub(super) async fn write(State(app): State<Shared>, request: Request) -> Response {
    let done = async {
        let front = Front::read(&app, request).await?;
        let now = app.logins.now();
        let account = &front.site.account.id;
        let [_, guid] = names(&app.logins.public_url, account);
        let guid = guid.rsplit('_').next().unwrap_or_default().to_owned();
        let who = who(&app, &front).await?;
        let until = now.plus(LIFETIME);
        let claims = json!({
            "account": { "id": guid, "name": account },
            "id": random::support_id(),
            "version": 3,
            "sub": "session",
            "iss": ISSUER,
            "aud": audience(&app, account),
            "iat": now.as_secs(),
            "exp": until.as_secs(),
            "jti": random::token(),
            "sess": who.as_ref().map(|who| &who.name),
        });
        let signed = app.logins.keys.sign(Some(Algorithm::Es256), "jwt", &claims);
        let signed = signed
            .await
            .map_err(|why| failure(&LoginError::Session(SessionError::Key(why)), None))?;
        let segment = STANDARD.encode(b"{}");
        let cookies = session_cookies(&signed, &segment, until, &front.store);
        let mut body = json!({ "sessionToken": signed, "segmentToken": segment });
        if let Some(asked) = front.get(&["items"]) {
            let all = namespaces(&app, &front, who.as_ref().map(|who| &*who.session));
            body["id"] = claims["id"].clone();
            body["namespaces"] = json!(only(all, asked));
        }
        let mut answer = (StatusCode::CREATED, Json(body)).into_response();
        for cookie in cookies {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(answer)
    };
    done.await.unwrap_or_else(|answer: Response| answer)
}

/// `GET`: the items that are asked for, `ns.key` or `*`.
pub(super) async fn read(State(app): State<Shared>, request: Request) -> Response {
    let done = async {
        let front = Front::read(&app, request).await?;
        let found = who(&app, &front).await?;
        let asked = front.get(&["items"]).unwrap_or_default();
        let all = namespaces(&app, &front, found.as_ref().map(|who| &*who.session));
        Ok(Json(json!({
            "id": random::support_id(),
            "namespaces": only(all, asked),
        }))
        .into_response())
    };
    done.await.unwrap_or_else(|answer: Response| answer)
}

/// Who is logged in, and what names their session.
struct Who {
    session: Arc<Session>,
    name: String,
}

/// A browser brings the login's cookies. A program may have the session's token alone.
async fn who(app: &App, front: &Front) -> Result<Option<Who>, Response> {
    let account = &front.site.account.id;
    if let Some((token, session)) = front.session(app).await? {
        let name = session::name_of(account, &token);
        return Ok(name.map(|name| Who { session, name }));
    }
    let token = only_cookie(&front.headers, "vtex_session").filter(|_| !front.is_browser());
    let Some(token) = token else {
        return Ok(None);
    };
    let audience = audience(app, account);
    let expect = Expect {
        issuer: ISSUER,
        audience: &audience,
        typ: Some("jwt"),
        now: app.logins.now(),
    };
    let claims = app.logins.keys.verify_fresh(token, &expect).await.ok();
    let Some(name) = claims.as_ref().and_then(|claims| claims.text("sess")) else {
        return Ok(None);
    };
    let (sessions, store) = (&app.logins.sessions, &*app.logins.store);
    let found = sessions.named(store, account, name, app.logins.now()).await;
    let session = found.map_err(|why| failed(&why))?.map(Arc::new);
    let name = name.to_owned();
    Ok(session.map(|session| Who { session, name }))
}

/// No other token of ours has it.
fn audience(app: &App, account: &AccountId) -> String {
    format!("{}/accounts/{account}/api/sessions", app.logins.public_url)
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
