//! Where a login arrives: in a session, or at the page that asks for the second step.

use axum::http::{StatusCode, header};
use axum::response::Response;
use minijinja::{Value as TemplateValue, context};
use serde_json::Value;

use super::Console;
use super::guard::{Kind, set_cookie};
use super::resume::Interrupted;
use super::view::{Html, page, redirect_to};
use crate::audit::{self, Entry};
use crate::operator::Operator;
use crate::operator::second_step::{CodeError, Entered, LIFETIME};
use crate::operator::session::NewSession;
use crate::store::{Step, StoreError, Token, Versioned};

/// Where a login leads.
pub(super) struct Goal<'a> {
    pub next: &'a str,
    /// A form that waits for the login.
    pub interrupted: Option<Interrupted>,
}

/// Lets in somebody who took the first step, or asks for the second.
pub(super) async fn step_in(
    console: &Console,
    operator: &Versioned<Operator>,
    through: Option<&str>,
    how: Value,
    goal: &Goal<'_>,
) -> Html {
    let email = operator.value.email.as_str();
    let entry = |how| entry(console, email, "operator.login", how);
    let entered = console.operators.enter(operator, through, how, entry).await;
    match entered? {
        Entered::Session(begun) => arrive(console, &begun, through.is_some(), goal).await,
        Entered::Half(half) => ask_after(console, &half, email, goal),
    }
}

/// The page that a login leads to, with the cookies of its session. `from_elsewhere`:
/// another site's page led here, so that a strict cookie comes along from a page of ours
/// only.
pub(super) async fn arrive(
    console: &Console,
    begun: &NewSession,
    from_elsewhere: bool,
    goal: &Goal<'_>,
) -> Html {
    let who = match &goal.interrupted {
        Some(_) => console.operators.find(begun.session.as_str()).await?,
        None => None,
    };
    let answer = match (who, &goal.interrupted) {
        (Some(who), Some(interrupted)) => interrupted.page(&who)?,
        _ if from_elsewhere => {
            let values = context! { next => goal.next };
            page(None, StatusCode::OK, "signed_in.html", values)?
        }
        _ => redirect_to(goal.next),
    };
    Ok(with_session_cookies(console, begun, answer))
}

/// What the page that asks for a code shows.
pub(super) fn shown(email: &str, goal: &Goal<'_>, error: Option<&CodeError>) -> TemplateValue {
    context! {
        email,
        next => goal.next,
        resume => goal.interrupted.as_ref().map(Interrupted::shown),
        error => error.map(ToString::to_string),
    }
}

/// The page after a first step, in whose browser the half login is.
fn ask_after(console: &Console, half: &Token, email: &str, goal: &Goal<'_>) -> Html {
    let mut answer = page(None, StatusCode::OK, "code.html", shown(email, goal, None))?;
    let cookie = set_cookie(console, Kind::Half, half.as_str(), LIFETIME.as_secs());
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
}

/// Adds the cookies of a session that begins to an answer.
pub(super) fn with_session_cookies(
    console: &Console,
    begun: &NewSession,
    mut answer: Response,
) -> Response {
    let session = set_cookie(console, Kind::Session, begun.session.as_str(), 12 * 3600);
    let device = set_cookie(
        console,
        Kind::Device,
        begun.device.as_str(),
        180 * 24 * 3600,
    );
    answer.headers_mut().append(header::SET_COOKIE, session);
    answer.headers_mut().append(header::SET_COOKIE, device);
    answer
}

/// The step of a batch that writes to the audit log what has no route of the API.
pub(super) fn entry(
    console: &Console,
    who: &str,
    what: &str,
    after: Value,
) -> Result<Step, StoreError> {
    let entry = Entry {
        id: String::new(),
        at: String::new(),
        who: who.to_owned(),
        what: what.to_owned(),
        account: None,
        target: format!("/operators/{who}"),
        before: Value::Null,
        after,
    };
    audit::step(console.admin.clock.now(), entry)
}
