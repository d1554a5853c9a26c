//! The second step of a login: the page that asks for a code.

use axum::extract::{Extension, Request};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use minijinja::context;
use serde_json::{Value, json};
use tracing::warn;

use super::arrival::{Goal, arrive, entry, shown};
use super::guard::{Kind, cookie, current, form, guess_from, set_cookie};
use super::resume::{Interrupted, next};
use super::view::{Html, fail, page, redirect_to};
use super::{Console, State};
use crate::http::server::ClientAddress;
use crate::login::{LoginError, finish};
use crate::operator::Email;
use crate::operator::second_factor::Proof;
use crate::operator::second_step::{CodeError, HalfLogin};
use crate::protocol::form::Pairs;

/// `GET /admin/login/code?next=…`
pub(super) async fn ask(
    axum::extract::State(console): State,
    headers: HeaderMap,
    uri: Uri,
) -> Html {
    let query = Pairs::parse(uri.query().unwrap_or_default()).unwrap_or_default();
    let half = match cookie(&console, &headers, Kind::Half) {
        Some(half) => console.operators.half(&half).await?,
        None => None,
    };
    let Some(half) = half else {
        return Ok(redirect_to("/admin/login"));
    };
    let goal = Goal {
        next: next(query.get("next").unwrap_or_default()),
        interrupted: None,
    };
    let values = shown(half.operator.as_str(), &goal, None);
    page(None, StatusCode::OK, "code.html", values)
}

/// Whether the way of the first step still lets somebody in: its provider may have been
/// removed or switched off since (threat B1).
async fn stands(console: &Console, half: Option<&HalfLogin>) -> Result<bool, Response> {
    let Some(through) = half.and_then(HalfLogin::through) else {
        return Ok(true);
    };
    let (Some(account), Ok(provider)) = (&console.admin.login_account, through.parse()) else {
        return Ok(false);
    };
    match finish::stands(&console.app.logins, account, &provider).await {
        Ok(stands) => Ok(stands),
        Err(LoginError::Store { error, .. }) => Err(fail(None, &error.into())),
        Err(_) => Ok(false),
    }
}

fn without_half(console: &Console, mut answer: Response) -> Response {
    let gone = set_cookie(console, Kind::Half, "", 0);
    answer.headers_mut().append(header::SET_COOKIE, gone);
    answer
}

/// `POST /admin/login/code`
pub(super) async fn finish(
    axum::extract::State(console): State,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    request: Request,
) -> Html {
    let form = form(&console, &headers, request).await?;
    let field = |name| form.get(name).unwrap_or_default();
    let goal = Goal {
        next: next(field("next")),
        interrupted: Interrupted::carried(&form),
    };
    let half = cookie(&console, &headers, Kind::Half).unwrap_or_default();
    let device = cookie(&console, &headers, Kind::Device);
    let from = guess_from(client, device.as_deref());
    let noted = |email: &Email, how: Value, proof: Proof| {
        let mut how = if how.is_null() { json!({}) } else { how };
        how["second_factor"] = proof.name().into();
        entry(&console, email.as_str(), "operator.login", how)
    };
    let found = console.operators.half(&half).await?;
    let email = found.as_ref().map(|half| half.operator.to_string());
    let email = email.unwrap_or_default();
    let done = if stands(&console, found.as_ref()).await? {
        let code = field("code");
        console.operators.finish(&half, code, from, noted).await
    } else {
        Err(CodeError::Ended)
    };
    let (status, error) = match done {
        Ok(begun) => {
            let answer = arrive(&console, &begun, false, &goal).await?;
            return Ok(without_half(&console, answer));
        }
        Err(CodeError::Store(error)) => return Err(error.into()),
        // Sent twice: the first was in time.
        Err(CodeError::Ended) if current(&console, &headers).await?.is_some() => {
            return Ok(redirect_to(goal.next));
        }
        Err(error @ CodeError::Ended) => {
            let values = context! {
                error => error.to_string(),
                email,
                next => goal.next,
                resume => goal.interrupted.as_ref().map(Interrupted::shown),
                providers => super::provider_sign_in::providers(&console).await?,
            };
            let answer = page(None, StatusCode::UNPROCESSABLE_ENTITY, "login.html", values)?;
            return Ok(without_half(&console, answer));
        }
        Err(error @ CodeError::Wrong) => (StatusCode::UNPROCESSABLE_ENTITY, error),
        Err(error @ CodeError::Wait(_)) => (StatusCode::TOO_MANY_REQUESTS, error),
    };
    // Whoever is asked for a code knows the password, or has the mailbox.
    warn!(operator = email, why = %error, "the second step of a console login is refused");
    page(
        None,
        status,
        "code.html",
        shown(&email, &goal, Some(&error)),
    )
}
