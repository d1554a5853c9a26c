//! A login begins: which ways there are, and a token for what follows.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::server::ClientAddress;
use super::super::{App, Shared};
use super::answer::{begun, failed, failure};
use super::front::Front;
use crate::base::LoginMethod;
use crate::login::ReturnTo;
use crate::login::vtex::{Begun, LoginToken, begin};

/// `start`: the ways to log in, and the token.
pub(super) async fn start(State(app): State<Shared>, request: Request) -> Response {
    let started = async {
        let front = Front::read(&app, request).await?;
        let (token, cookie) = token(&app, &front).await?;
        let session = front.session(&app).await?;
        let mut answer = Json(json!({
            "authenticationToken": token.text(),
            "oauthProviders": providers_of(&app, &front).await?,
            "showClassicAuthentication": front.site.account.login.password,
            "showAccessKeyAuthentication": front.site.takes_codes(&app),
            "showPasskeyAuthentication": false,
            "authCookie": null,
            "isAuthenticated": session.is_some(),
            "selectedProvider": null,
            "samlProviders": [],
        }))
        .into_response();
        answer.headers_mut().append(header::SET_COOKIE, cookie);
        Ok(answer)
    };
    started.await.unwrap_or_else(|answer: Response| answer)
}

/// `startlogin`: the token alone, in its cookie.
pub(super) async fn start_login(State(app): State<Shared>, request: Request) -> Response {
    let started = async {
        let front = Front::read(&app, request).await?;
        let (_, cookie) = token(&app, &front).await?;
        let mut answer = Json(json!({})).into_response();
        answer.headers_mut().append(header::SET_COOKIE, cookie);
        Ok(answer)
    };
    started.await.unwrap_or_else(|answer: Response| answer)
}

async fn token(app: &App, front: &Front) -> Result<(LoginToken, HeaderValue), Response> {
    let account = &front.site.account;
    let home = || ReturnTo::parse(None, account, &front.store).map(|(home, _)| home);
    let return_to = match front.address("returnurl")? {
        Some(address) => address,
        None => home().map_err(|_| super::front::bad_request())?,
    };
    let callback = front.address("callbackurl")?;
    let begins = Begun::new(&return_to, callback.as_ref());
    let from = front.client.and_then(ClientAddress::apart);
    let token = begin(&app.logins, &account.id, &begins, from)
        .await
        .map_err(|why| failure(&why, None))?;
    let cookie = begun(&token, app.logins.now(), &front.store);
    Ok((token, cookie))
}

/// `providers`: the ways to log in.
pub(super) async fn providers(State(app): State<Shared>, request: Request) -> Response {
    let listed = async {
        let front = Front::read(&app, request).await?;
        let account = &front.site.account;
        Ok(Json(json!({
            "passwordAuthentication": account.login.password,
            "accessKeyAuthentication": front.site.takes_codes(&app),
            "passkeyAuthentication": false,
            "oAuthProviders": providers_of(&app, &front).await?,
            "samlProviders": [],
            "corporateProviders": [],
            "sessionRenewal": true,
        }))
        .into_response())
    };
    listed.await.unwrap_or_else(|answer: Response| answer)
}

async fn providers_of(app: &App, front: &Front) -> Result<Value, Response> {
    let found = app.logins.mappings.list(&front.site.account.id).await;
    let mut found = found.map_err(|why| failed(&why))?;
    let ways = &front.site.account.login.ways;
    found.retain(|mapping| ways.is_on(&mapping.value.provider));
    ways.sort(&mut found, |mapping| {
        LoginMethod::Provider(mapping.value.provider.clone())
    });
    let providers = found.into_iter().map(|mapping| {
        let id = mapping.value.provider.as_str();
        let class = match id {
            "google" => "google-plus",
            "facebook" => "facebook",
            _ => "custom-oauth",
        };
        // The two that VTEX ID has are known by these names.
        let name = match id {
            "google" => "Google",
            "facebook" => "Facebook",
            _ => mapping.value.name.as_str(),
        };
        json!({ "providerName": name, "className": class, "expectedContext": [] })
    });
    Ok(providers.collect())
}
