//! Authorization requests that are kept: until there is a login, an answer, or the
//! browser that brings the reference. Strangers send them, so each client has a share
//! (threat F28).

use std::net::IpAddr;

use serde_json::Value;

use crate::authority::authorize::Authorization;
use crate::authority::{Application, Code, OAuthError};
use crate::base::Spent;
use crate::http::App;
use crate::protocol::form::Pairs;
use crate::store::Token;

/// Lets a request wait in this browser. `from` is the client's address, where clients
/// are told apart.
pub(super) async fn suspend(
    app: &App,
    from: Option<IpAddr>,
    request: Authorization,
    browser: &str,
) -> Result<Token, OAuthError> {
    let (shares, now) = (&app.logins.shares.requests, app.logins.now());
    shares.may_begin(from, now).map_err(|Spent(_)| {
        let why = "too many logins were begun from this address; try again in a minute";
        OAuthError::new(Code::TemporarilyUnavailable, why)
    })?;
    let texts = request.texts();
    let waiting = app.authority.suspend(request, browser).await?;
    for gone in shares.keep(from, &waiting, texts, now) {
        app.authority.forget_waiting(&gone).await?;
    }
    Ok(waiting)
}

/// Takes a request that is pushed (RFC 9126 §2.2). The back end of an application that
/// has a secret speaks for all its users: of such only what there is in all counts.
pub(super) async fn push(
    app: &App,
    from: Option<IpAddr>,
    application: &Application,
    form: &Pairs,
) -> Result<Value, OAuthError> {
    let (shares, now) = (&app.logins.shares.pushed, app.logins.now());
    let from = from.filter(|_| application.public);
    shares.may_begin(from, now).map_err(|Spent(_)| {
        let why = "too many requests were pushed from this address; try again in a minute";
        OAuthError::new(Code::SlowDown, why)
    })?;
    let pushed = app.authority.push(application, form).await?;
    for gone in shares.keep(from, &pushed.token, pushed.texts, now) {
        app.authority.forget_pushed(&gone).await?;
    }
    Ok(pushed.answer)
}
