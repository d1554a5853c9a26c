//! The door of the console: who is logged in passes, everybody else is asked to log in.
//! It chooses the language too, in which either is answered.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{OriginalUri, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use minijinja::context;
use serde_json::json;

use super::form_token::numbered;
use super::guard::{Kind, LoggedIn, ask, cookie, current, form, scripted, set_cookie};
use super::resume::Interrupted;
use super::sentences::{chosen, speaking};
use super::view::{fail, json_answer, page, redirect_to, shown_failure};
use super::{Console, State, guest as guests, provider_sign_in, rights, second_factor};
use crate::base::Lang;
use crate::operator::session::Current;
use crate::protocol::form::Pairs;

/// How long a browser keeps the language that was chosen.
const LANGUAGE_KEPT: u64 = 365 * 24 * 3600;

/// The layer that chooses the language of a request: what is asked for with `language`,
/// else what was chosen in this browser before, else what the browser prefers, else
/// English. An operator's own setting, which [`signed_in`] finds, is stronger.
pub(super) async fn spoken(
    axum::extract::State(console): State,
    request: Request,
    next: Next,
) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let asked = Pairs::parse(query).ok();
    let asked = asked.as_ref().and_then(|query| query.get("language"));
    let asked = asked.and_then(|tag| Lang::ALL.into_iter().find(|lang| lang.tag() == tag));
    let lang = asked.unwrap_or_else(|| {
        let kept = cookie(&console, request.headers(), Kind::Language);
        Lang::choose(kept.as_deref(), accepted(request.headers()))
    });
    let rest: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("language="))
        .collect();
    let query = request.method().is_safe().then(|| rest.join("&"));
    let answer = numbered(console.admin.clock.now(), next.run(request));
    let mut answer = chosen(lang, query, answer).await;
    if let Some(lang) = asked {
        let kept = set_cookie(&console, Kind::Language, lang.tag(), LANGUAGE_KEPT);
        answer.headers_mut().append(header::SET_COOKIE, kept);
    }
    answer
}

fn accepted(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::ACCEPT_LANGUAGE);
    value.and_then(|value: &HeaderValue| value.to_str().ok())
}

/// Lets through who is logged in, and shows their failures in their page.
pub(super) async fn signed_in(
    axum::extract::State(console): State,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    match current(&console, &parts.headers).await {
        Err(failed) => failed,
        Ok(None) if scripted(&parts) => ask(&parts),
        Ok(None) => match keep_form(&console, &parts, body).await {
            Some(page) => page,
            None => ask(&parts),
        },
        Ok(Some(who)) => {
            let own = who.operator.language;
            let answer = let_in(&console, who, parts, body, next);
            match own {
                Some(lang) => speaking(lang, answer).await,
                None => answer.await,
            }
        }
    }
}

/// Answers somebody who is logged in, if they may see what they ask for.
async fn let_in(
    console: &Console,
    mut who: Current,
    mut parts: Parts,
    body: Body,
    next: Next,
) -> Response {
    let login_account = console.admin.login_account.as_ref();
    let checked = match &who.guest {
        Some(guest) => rights::check_guest(guest, login_account, &parts.method, &parts.uri),
        None => rights::check(&who.operator, login_account, &parts.method, &parts.uri),
    };
    match checked {
        Ok(limit) => who.limit = limit,
        Err(problem) => return fail(Some(&who), &problem),
    }
    if let Some(guest) = &who.guest
        && parts.uri.path() == "/admin/"
    {
        return redirect_to(&guests::home(&guest.account));
    }
    who.held = second_factor::is_demanded(console, &who);
    if let Some(answer) = second_factor::demanded(&who, &parts) {
        return answer;
    }
    who.writes = !parts.method.is_safe();
    if who.guest.is_none() {
        who.offered = rights::offers(&who.operator, login_account, &parts.uri);
    }
    parts.extensions.insert(who.clone());
    let answer = next.run(Request::from_parts(parts, body)).await;
    shown_failure(Some(&who), answer)
}

/// The page for a form of ours that came without a session; `None` where there is
/// nothing to go on with.
async fn keep_form(console: &Arc<Console>, parts: &Parts, body: Body) -> Option<Response> {
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
    json_answer(&json!({ "csrf": who.csrf }))
}
