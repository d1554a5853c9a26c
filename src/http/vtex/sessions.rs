//! Sessions: renewed, ended, listed.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::super::{App, Shared, failure, redirect};
use super::answer::{bare_cookie, clear_cookies, failed, failure as told, refused, success};
use super::front::{Front, only_cookie};
use crate::base::digest;
use crate::login::finish::finish;
use crate::login::pending::Browser;
use crate::login::vtex::again;
use crate::login::{LoginError, ReturnTo};
use crate::session::{self, renewal};

/// `refreshtoken/webstore`: another session for who has the token for it.
pub(super) async fn refresh(State(app): State<Shared>, request: Request) -> Response {
    refreshed(&app, request, For::Store).await
}

/// `refreshtoken/admin`: the same for programs, which look for a cookie that names no
/// account.
pub(super) async fn refresh_program(State(app): State<Shared>, request: Request) -> Response {
    refreshed(&app, request, For::Program).await
}

/// Whose session is renewed.
#[derive(PartialEq, Eq)]
enum For {
    Store,
    Program,
}

async fn refreshed(app: &App, request: Request, whose: For) -> Response {
    let renewed = async {
        let front = Front::read(app, request).await?;
        match renew(app, &front, &whose).await? {
            Some(answer) => Ok(answer),
            None => Ok(Json(json!({
                "status": "InvalidSession",
                "userId": null,
                "refreshAfter": null,
            }))
            .into_response()),
        }
    };
    renewed.await.unwrap_or_else(|answer: Response| answer)
}

async fn renew(app: &App, front: &Front, whose: &For) -> Result<Option<Response>, Response> {
    let logins = &app.logins;
    let (store, now) = (&*logins.store, logins.now());
    let account = &front.site.account;
    let Some(token) = only_cookie(&front.headers, "vid_rt") else {
        return Ok(None);
    };
    let found = renewal::take(store, &account.id, token, now).await;
    let Some(renewal) = found.map_err(|why| failed(&why))? else {
        return Ok(None);
    };
    let refuse = |why: LoginError| told(&why, None);
    let browser = Browser::new();
    let issued = again(logins, account, &front.store, &renewal, &browser).await;
    let Some(ticket) = issued.map_err(refuse)? else {
        return Ok(None);
    };
    let finished = match finish(logins, account, ticket.as_str(), Some(&browser)).await {
        Ok(finished) => finished,
        // The way they logged in is switched off since.
        Err(LoginError::TicketInvalid) => return Ok(None),
        Err(why) => return Err(refuse(why)),
    };
    super::super::login::end_old(app, &front.site, &front.headers, &finished.session).await?;
    let issuer = &logins.public_url;
    let cookies = success(issuer, account, &front.store, now, &finished);
    // Half way to its end, as VTEX ID says it.
    let half = finished.session.expires_at.since(now) / 2;
    let after = now.plus(half.max(Duration::from_secs(1)));
    let mut answer = Json(json!({
        "status": "Success",
        "userId": finished.session.user,
        "refreshAfter": after.rfc3339(),
    }))
    .into_response();
    for cookie in cookies.headers().get_all(header::SET_COOKIE) {
        answer
            .headers_mut()
            .append(header::SET_COOKIE, cookie.clone());
    }
    if *whose == For::Program {
        answer
            .headers_mut()
            .extend(bare_cookie(&front.store, &finished));
    }
    Ok(Some(answer))
}

/// `logout`. A page of another site only gets the question (threat C10).
pub(super) async fn logout(State(app): State<Shared>, request: Request) -> Response {
    let ended = async {
        let front = Front::read(&app, request).await?;
        let to = front.address("returnurl")?;
        let home = front.store.home();
        let target = to.as_ref().map_or(&*home, ReturnTo::as_str);
        if !front.is_own() {
            let ask = format!("logout?return_to={}", failure::encode(target));
            return Ok(redirect(StatusCode::FOUND, &front.store.url(&ask)));
        }
        let account = &front.site.account.id;
        while let Some((token, session)) = front.any_session(&app).await? {
            let ended = app.end_session(account, &token, &session).await;
            ended.map_err(|why| failed(&why))?;
        }
        let mut answer = redirect(StatusCode::FOUND, target);
        let issuer = &app.logins.public_url;
        clear_cookies(answer.headers_mut(), issuer, account, &front.store);
        Ok(answer)
    };
    ended.await.unwrap_or_else(|answer: Response| answer)
}

pub(super) fn nobody() -> Response {
    let why = "nobody is logged in";
    refused(StatusCode::UNAUTHORIZED, "WrongCredentials", why)
}

/// `sessions`: those of who asks.
pub(super) async fn list(State(app): State<Shared>, request: Request) -> Response {
    const MOST: usize = 100;
    let listed = async {
        let front = Front::read(&app, request).await?;
        let account = &front.site.account.id;
        let (_, own) = front.session(&app).await?.ok_or_else(nobody)?;
        let store = &*app.logins.store;
        let found = session::page_of(store, account, own.user, None, MOST).await;
        let found = found.map_err(|why| failed(&why))?;
        let now = app.logins.now();
        let mut current = None;
        let mut sessions = Vec::new();
        for (key, session) in &found {
            let session = &session.value;
            if now >= session.expires_at {
                continue;
            }
            let id = URL_SAFE_NO_PAD.encode(key.id());
            if digest::same(session.digest.as_bytes(), own.digest.as_bytes()) {
                current = Some(id.clone());
            }
            let address = session.address.as_deref().unwrap_or_default();
            sessions.push(json!({
                "id": id,
                "creationDate": session.created_at.rfc3339(),
                "expirationDate": session.expires_at.rfc3339(),
                "originHostname": front.store.host(),
                "ipAddress": address,
                "userAgent": session.device.as_deref().unwrap_or_default(),
                "accessHistory": [{ "date": session.seen_at.as_secs(), "ip": address }],
            }));
        }
        Ok(Json(json!({ "currentSessionId": current, "sessions": sessions })).into_response())
    };
    listed.await.unwrap_or_else(|answer: Response| answer)
}

/// `sessions/{id}/revoke`: one of who asks.
pub(super) async fn revoke(State(app): State<Shared>, request: Request) -> Response {
    let revoked = async {
        let front = Front::read(&app, request).await?;
        let account = &front.site.account.id;
        let (_, own) = front.session(&app).await?.ok_or_else(nobody)?;
        let store = &*app.logins.store;
        let missing = || {
            let why = "there is no such session";
            refused(StatusCode::NOT_FOUND, "InvalidSession", why)
        };
        let id = URL_SAFE_NO_PAD.decode(front.place("session"));
        let id = id.map_err(|_| missing())?;
        let found = session::get_id(store, account, &id).await;
        let found = found.map_err(|why| failed(&why))?;
        let session = found.filter(|session| session.user == own.user);
        let session = session.ok_or_else(missing)?;
        app.authority
            .session_ended(account, &session)
            .await
            .map_err(|why| failed(&why))?;
        session::revoke_id(store, account, &id, Vec::new())
            .await
            .map_err(|why| failed(&why))?;
        Ok(Json(json!({ "status": "Success" })).into_response())
    };
    revoked.await.unwrap_or_else(|answer: Response| answer)
}
