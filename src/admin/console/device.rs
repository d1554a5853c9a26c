//! A program in which an operator logs in (RFC 8628): it shows a code, and the operator
//! says yes here.

use axum::http::{StatusCode, Uri};
use minijinja::context;
use serde_json::json;

use super::guard::{Desk, Post};
use super::sentences::say;
use super::sign_in::note;
use super::view::Html;
use crate::authority::OAuthError;
use crate::authority::device::{Decision, DeviceAsk, UserCodeError};
use crate::authority::scope::ADMIN_WRITE;
use crate::base::ErrorCode;
use crate::http::problem::Problem;
use crate::protocol::form::Pairs;

/// The request of a code.
async fn find(desk: &Desk, code: &str) -> Result<DeviceAsk, Problem> {
    let dead = || {
        Problem::new(
            ErrorCode::ConsoleLinkDead,
            "no program waits for this code; begin again in the program",
        )
    };
    let found = desk.console.app.authority.device_ask(code, None).await;
    match found {
        Ok(ask) if ask.account.is_none() => Ok(ask),
        Ok(_) | Err(UserCodeError::Unknown) => Err(dead()),
        Err(UserCodeError::Wait(left)) => Err(Problem::new(
            ErrorCode::ServiceBusy,
            format!(
                "too many codes were wrong; wait {} s and try again",
                left.as_secs().max(1)
            ),
        )),
        Err(UserCodeError::Failed(error)) => Err(unavailable(error)),
    }
}

fn unavailable(error: OAuthError) -> Problem {
    Problem::new(ErrorCode::ServiceUnavailable, error.description)
}

/// `GET /admin/device?user_code=…`
pub(super) async fn ask(desk: Desk, uri: Uri) -> Html {
    let query = Pairs::parse(uri.query().unwrap_or_default()).unwrap_or_default();
    let ask = find(&desk, query.get("user_code").unwrap_or_default()).await?;
    let values = context! {
        title => say("device.title"),
        application => ask.application.name.as_str(),
        client_id => ask.application.client_id.as_str(),
        writes => ask.scopes.has(ADMIN_WRITE),
        role => desk.who.operator.role.name(),
        email => desk.who.operator.email.as_str(),
        user_code => ask.user_code.as_str(),
    };
    desk.page(StatusCode::OK, "device.html", values)
}

/// `POST /admin/device`
pub(super) async fn decide(post: Post) -> Html {
    let ask = find(&post.desk, post.get("user_code")).await?;
    let email = &post.who.operator.email;
    let allows = post.get("decision") == "allow";
    let decision = if allows {
        Decision::Operator(email)
    } else {
        Decision::Deny
    };
    if allows {
        // First: the program's session must not be there without its entry.
        let what = json!({ "application": ask.application.client_id.as_str() });
        note(&post.console, email.as_str(), "operator.login", what).await?;
    }
    let authority = &post.console.app.authority;
    let done = authority.device_decide(&ask, decision).await;
    let done = done.map_err(unavailable)?;
    let values = context! {
        title => say("device.title"),
        application => ask.application.name.as_str(),
        connected => done && allows,
        over => true,
    };
    post.page(StatusCode::OK, "device.html", values)
}
