//! `toolbelt/…`: a login for the command line of VTEX IO. It waits on the person's own
//! computer, for what their browser brings when they allow it.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::pages::{Ask, DeviceEnd};
use super::super::server::ClientAddress;
use super::super::site::html;
use super::super::{App, Shared, failure, redirect};
use super::answer::{failure as told, refused};
use super::front::Front;
use crate::base::Secret;
use crate::login::vtex::program::{Waiting, allow, forget, redeem, waiting};
use crate::login::vtex::{Begun, LoginToken, begin};
use crate::login::{LoginError, ReturnTo};
use crate::session::Session;

/// `toolbelt/start`: the state, as text.
pub(super) async fn start(State(app): State<Shared>, request: Request) -> Response {
    let begun = async {
        let front = Front::read(&app, request).await?;
        let hash = front.get(&["secrethash"]).unwrap_or_default();
        let loopback = front.get(&["loopbackurl"]).unwrap_or_default();
        let program = Waiting::new(hash, loopback);
        let program = program.map_err(|why| refused(StatusCode::BAD_REQUEST, "Error", why))?;
        let account = &front.site.account;
        let home = ReturnTo::parse(None, account, &front.store);
        let (home, _) = home.map_err(|_| super::front::bad_request())?;
        let begins = Begun::of_program(&home, program);
        let from = front.client.and_then(ClientAddress::apart);
        let token = begin(&app.logins, &account.id, &begins, from).await;
        let token = token.map_err(|why| told(&why, None))?;
        let plain = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        Ok((plain, token.text()).into_response())
    };
    begun.await.unwrap_or_else(|answer: Response| answer)
}

/// The login page to which such programs send the browser: ours.
pub(super) async fn log_in(State(app): State<Shared>, request: Request) -> Response {
    let sent = async {
        let front = Front::read(&app, request).await?;
        let to = front.address("returnurl")?;
        let home = front.store.home();
        let to = to.as_ref().map_or(&*home, ReturnTo::as_str);
        Ok(to_login(&front, to))
    };
    sent.await.unwrap_or_else(|answer: Response| answer)
}

fn to_login(front: &Front, back: &str) -> Response {
    let login = format!("login?return_to={}", failure::encode(back));
    redirect(StatusCode::FOUND, &front.store.url(&login))
}

/// What a browser asks about a program, and who is logged in there.
async fn asked(
    app: &App,
    front: &Front,
) -> Result<(LoginToken, Waiting, Option<std::sync::Arc<Session>>), Response> {
    let refuse = |why: LoginError| failure::at_site(app, &front.site, &why, None);
    let token = front.get(&["state"]).and_then(LoginToken::parse);
    let token = token.ok_or_else(|| refuse(LoginError::StateUnknown))?;
    let account = &front.site.account.id;
    let program = waiting(&app.logins, account, &token)
        .await
        .map_err(refuse)?;
    let session = front.session(app).await?.map(|(_, session)| session);
    Ok((token, program, session))
}

/// `GET toolbelt/callback`: whether the program may be logged in as who is logged in
/// here. It cannot be told from another that waits there (RFC 8252 §8.6).
pub(super) async fn ask(State(app): State<Shared>, request: Request) -> Response {
    let shown = async {
        let front = Front::read(&app, request).await?;
        let (token, program, session) = asked(&app, &front).await?;
        let account = &front.site.account.id;
        let Some(session) = session else {
            let own = format!(
                "{}/api/vtexid/toolbelt/callback?state={}&an={account}",
                front.store.origin,
                token.text()
            );
            return Ok(to_login(&front, &own));
        };
        let lang = front.lang();
        let ask = Ask {
            application: app.pages.program_at(lang, &program.at()),
            user: session.email.clone(),
            action: format!("callback?an={account}"),
            fields: vec![("state", token.text()), ("locale", lang.tag().to_owned())],
            elsewhere: true,
            ..Ask::default()
        };
        let page = app.pages.ask(&front.site.look(), lang, &ask);
        Ok(html(StatusCode::OK, page))
    };
    shown.await.unwrap_or_else(|answer: Response| answer)
}

/// `POST toolbelt/callback`: the answer.
pub(super) async fn answered(State(app): State<Shared>, request: Request) -> Response {
    let answered = async {
        let front = Front::read(&app, request).await?;
        let (token, _, session) = asked(&app, &front).await?;
        let refuse = |why: LoginError| failure::at_site(&app, &front.site, &why, None);
        let session = session.ok_or_else(|| refuse(LoginError::StateUnknown))?;
        let (logins, account) = (&app.logins, &front.site.account);
        if front.get(&["decision"]) != Some("allow") {
            forget(logins, &token).await.map_err(refuse)?;
            let (look, lang) = (front.site.look(), front.lang());
            let page = app.pages.device_end(&look, lang, DeviceEnd::Refused);
            return Ok(html(StatusCode::OK, page));
        }
        let to = allow(logins, account, &front.store, &token, &session).await;
        Ok(redirect(StatusCode::SEE_OTHER, &to.map_err(refuse)?))
    };
    answered.await.unwrap_or_else(|answer: Response| answer)
}

/// `toolbelt/validate`: the program's token, and one that renews it.
pub(super) async fn validate(State(app): State<Shared>, request: Request) -> Response {
    let done = async {
        let front = Front::read(&app, request).await?;
        let wrong = || {
            let why = "`state`, `secret` and `ott` belong to no login that waits";
            refused(StatusCode::UNAUTHORIZED, "WrongCredentials", why)
        };
        let token = front.get(&["state"]).and_then(LoginToken::parse);
        let token = token.ok_or_else(wrong)?;
        let secret = Secret::new(front.get(&["secret"]).unwrap_or_default());
        let ticket = front.get(&["ott"]).unwrap_or_default();
        let (logins, account) = (&app.logins, &front.site.account);
        let finished = redeem(logins, account, &token, &secret, ticket).await;
        let finished = finished.map_err(|why| match why {
            LoginError::StateUnknown | LoginError::TicketInvalid | LoginError::WrongBrowser => {
                wrong()
            }
            other => told(&other, None),
        })?;
        let tokens = finished.vtex.ok_or_else(wrong)?;
        Ok(Json(json!({
            "token": tokens.token,
            "refresh_token": tokens.renewal.as_str(),
        }))
        .into_response())
    };
    done.await.unwrap_or_else(|answer: Response| answer)
}
