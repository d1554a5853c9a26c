//! The door of the console: who is logged in passes, everybody else is asked to log in.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{OriginalUri, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use minijinja::context;
use serde_json::json;

use super::guard::{LoggedIn, ask, current, form, scripted};
use super::resume::Interrupted;
use super::sentences::speaking;
use super::view::{fail, json_answer, page, redirect_to, shown_failure};
use super::{Console, State, guest as guests, provider_sign_in, rights, second_factor};
use crate::operator::session::Current;

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
    if let Some(answer) = second_factor::demanded(console, &who, &parts) {
        return answer;
    }
    who.writes = !parts.method.is_safe();
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
