//! Logging in and out, and the single-use links that lead to a password.

use axum::extract::{Extension, Request};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use minijinja::context;
use serde_json::Value;
use tracing::info;

use super::arrival::{Goal, step_in};
pub(super) use super::arrival::{entry, with_session_cookies};
use super::guard::{Kind, Post, cookie, current, form, guess_from, set_cookie};
use super::resume::Interrupted;
pub(super) use super::resume::next;
use super::view::{Html, fail, page, redirect_to};
use super::{Console, State, provider_sign_in, setup};
use crate::base::{ErrorCode, Secret};
use crate::http::problem::Problem;
use crate::http::server::ClientAddress;
use crate::operator::invite::{self, Accepted};
use crate::operator::{self, Email, InviteError, LoginError, password};
use crate::password::HashError;
use crate::protocol::form::Pairs;
use crate::store::{Step, StoreError, Token};

pub(super) async fn to_console() -> Response {
    redirect_to("/admin/")
}

/// `GET /admin/login`
pub(super) async fn ask(axum::extract::State(console): State, uri: Uri) -> Html {
    let query = Pairs::parse(uri.query().unwrap_or_default()).unwrap_or_default();
    let values = context! {
        next => next(query.get("next").unwrap_or_default()),
        ended => query.get("ended").is_some(),
        failed => query.get("why").map(|why| provider_sign_in::why(why, query.get("id"))),
        providers => provider_sign_in::providers(&console).await?,
    };
    page(None, StatusCode::OK, "login.html", values)
}

/// `POST /admin/login`
pub(super) async fn log_in(
    axum::extract::State(console): State,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    request: Request,
) -> Html {
    let form = form(&console, &headers, request).await?;
    let field = |name| form.get(name).unwrap_or_default();
    let interrupted = Interrupted::carried(&form);
    // Who signed in meanwhile, in another window.
    if let Some(interrupted) = &interrupted
        && field("action") == "go-on"
        && let Some(who) = current(&console, &headers).await?
    {
        return interrupted.page(&who);
    }
    let device = cookie(&console, &headers, Kind::Device);
    let guess = guess_from(client, device.as_deref());
    let password = Secret::new(field("password"));
    let done = console
        .operators
        .check(field("email"), &password, guess)
        .await;
    let status = match &done {
        Ok(_) => StatusCode::OK,
        Err(LoginError::Wrong) => StatusCode::UNPROCESSABLE_ENTITY,
        Err(LoginError::Wait(_)) => StatusCode::TOO_MANY_REQUESTS,
        Err(LoginError::Hash(_) | LoginError::Store(_)) => StatusCode::SERVICE_UNAVAILABLE,
    };
    match done {
        Ok(found) => {
            let goal = Goal {
                next: next(field("next")),
                interrupted,
            };
            step_in(&console, &found, None, Value::Null, &goal).await
        }
        Err(error) => {
            info!(why = %error, "console login refused");
            let values = context! {
                error => error.to_string(),
                email => field("email"),
                next => next(field("next")),
                resume => interrupted.as_ref().map(Interrupted::shown),
                providers => provider_sign_in::providers(&console).await?,
            };
            page(None, status, "login.html", values)
        }
    }
}

/// Writes to the audit log what has no route of the API.
pub(super) async fn note(
    console: &Console,
    who: &str,
    what: &str,
    after: Value,
) -> Result<(), Response> {
    note_with(console, who, what, after, Vec::new()).await
}

/// Makes a change of somebody's own and writes it down, in one commit.
pub(super) async fn note_with(
    console: &Console,
    who: &str,
    what: &str,
    after: Value,
    mut steps: Vec<Step>,
) -> Result<(), Response> {
    let failed = |error: StoreError| fail(None, &error.into());
    steps.push(entry(console, who, what, after).map_err(failed)?);
    let committed = console.admin.store.commit(steps).await;
    committed.map(drop).map_err(failed)
}

/// `POST /admin/logout`
pub(super) async fn log_out(
    axum::extract::State(console): State,
    headers: HeaderMap,
    post: Post,
) -> Html {
    if let Some(guest) = &post.who.guest {
        return setup::leave(&post, guest).await;
    }
    let broken = |error: StoreError| fail(None, &error.into());
    if let Some(cookie) = cookie(&console, &headers, Kind::Session) {
        console.operators.log_out(&cookie).await.map_err(broken)?;
    }
    note(
        &console,
        post.who.operator.email.as_str(),
        "operator.logout",
        Value::Null,
    )
    .await?;
    let mut answer = redirect_to("/admin/login?ended=true");
    let gone = set_cookie(&console, Kind::Session, "", 0);
    answer.headers_mut().append(header::SET_COOKIE, gone);
    Ok(answer)
}

fn dead_link() -> Response {
    let problem = Problem::new(ErrorCode::ConsoleLinkDead, InviteError::Unknown.to_string());
    fail(None, &problem)
}

/// `GET /admin/welcome?ticket=…`: looking does not use the link up.
pub(super) async fn welcome(axum::extract::State(console): State, uri: Uri) -> Html {
    let query = Pairs::parse(uri.query().unwrap_or_default()).unwrap_or_default();
    let ticket = query.get("ticket").and_then(Token::parse);
    let ticket = ticket.ok_or_else(dead_link)?;
    let invite = invite::peek(&*console.admin.store, &ticket)
        .await
        .map_err(|error| fail(None, &error.into()))?
        .ok_or_else(dead_link)?;
    let values = context! {
        ticket => ticket.as_str(),
        first => invite.email.is_none(),
        enter => invite.enter,
        email => invite.email.as_ref().map(Email::as_str),
    };
    page(None, StatusCode::OK, "welcome.html", values)
}

/// `POST /admin/welcome`
pub(super) async fn accept(
    axum::extract::State(console): State,
    headers: HeaderMap,
    request: Request,
) -> Html {
    let form = form(&console, &headers, request).await?;
    let field = |name| form.get(name).unwrap_or_default();
    let store = &*console.admin.store;
    let broken = |error: StoreError| fail(None, &error.into());
    let ticket = Token::parse(field("ticket")).ok_or_else(dead_link)?;
    let invite = invite::peek(store, &ticket)
        .await
        .map_err(broken)?
        .ok_or_else(dead_link)?;
    if invite.enter {
        return enter_once(&console, &ticket).await;
    }
    let chosen = Secret::new(field("password"));
    let first = invite.email.is_none();
    let email = match &invite.email {
        Some(email) => Ok(email.clone()),
        None => Email::parse(field("email")),
    };
    let name = if first {
        operator::name(field("name"))
    } else {
        Ok(String::new())
    };
    let good = password::check(&chosen);
    let (Ok(email), Ok(name), Ok(())) = (&email, &name, &good) else {
        let values = context! {
            ticket => ticket.as_str(),
            first,
            email => invite.email.as_ref().map_or(field("email"), Email::as_str),
            name => field("name"),
            email_error => email.err().map(|error| error.to_string()),
            name_error => name.err().map(|error| error.to_string()),
            password_error => good.err().map(|error| error.to_string()),
        };
        return page(
            None,
            StatusCode::UNPROCESSABLE_ENTITY,
            "welcome.html",
            values,
        );
    };
    let busy = |error: HashError| {
        let problem = Problem::new(ErrorCode::ServiceBusy, error.to_string());
        fail(None, &problem)
    };
    let hash = console
        .operators
        .hasher()
        .hash(&chosen)
        .await
        .map_err(busy)?;
    let accepted = Accepted {
        email: email.clone(),
        name: name.clone(),
        password: hash,
    };
    let what = if first {
        "operator.first"
    } else {
        "operator.password"
    };
    let entry = entry(&console, email.as_str(), what, Value::Null).map_err(broken)?;
    let now = console.admin.clock.now();
    let operator = match invite::accept(store, &ticket, accepted, now, entry).await {
        Ok(operator) => operator,
        Err(InviteError::Store(error)) => return Err(broken(error).into()),
        Err(_) => return Err(dead_link().into()),
    };
    info!(operator = %operator.email, what, "an operator chose a password");
    begun(&console, &operator.email).await
}

/// The link of a demo, used.
async fn enter_once(console: &Console, ticket: &Token) -> Html {
    let email = match invite::enter(&*console.admin.store, ticket).await {
        Ok(email) => email,
        Err(InviteError::Store(error)) => return Err(fail(None, &error.into()).into()),
        Err(_) => return Err(dead_link().into()),
    };
    begun(console, &email).await
}

/// The console, as an operator whose session begins.
async fn begun(console: &Console, email: &Email) -> Html {
    let broken = |error: StoreError| fail(None, &error.into());
    let found = operator::get(&*console.admin.store, email)
        .await
        .map_err(broken)?
        .filter(|found| !found.value.disabled)
        .ok_or_else(dead_link)?;
    let goal = Goal {
        next: "/admin/",
        interrupted: None,
    };
    step_in(console, &found, None, Value::Null, &goal).await
}
