//! Logins through providers, by name, and where they end.

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;

use super::super::cookies::{self, Kind};
use super::super::login::given;
use super::super::server::ClientAddress;
use super::super::site::{Site, html};
use super::super::{App, Shared, redirect};
use super::answer::failure as told;
use super::front::Front;
use crate::base::{ErrorCode, ProviderId};
use crate::login::pending::Browser;
use crate::login::start::{StartRequest, start};
use crate::login::vtex::{LoginToken, find};
use crate::login::{LoginError, ReturnTo, Step};
use crate::provider::request::Demands;

/// `oauth/redirect`: to the provider of this name.
pub(super) async fn redirect_to_provider(State(app): State<Shared>, request: Request) -> Response {
    let begun = async {
        let front = Front::read(&app, request).await?;
        let fallback = front.address("errorfallbackurl")?;
        match to_provider(&app, &front, fallback.as_ref()).await {
            Ok(answer) => Ok(answer),
            Err(why) => Err(match fallback {
                Some(to) => redirect(StatusCode::FOUND, &with_status(&to, status_of(why.code()))),
                None => told(&why, None),
            }),
        }
    };
    begun.await.unwrap_or_else(|answer: Response| answer)
}

async fn to_provider(
    app: &App,
    front: &Front,
    fallback: Option<&ReturnTo>,
) -> Result<Response, LoginError> {
    let logins = &app.logins;
    let account = &front.site.account;
    let token = front.login().ok_or(LoginError::StateUnknown)?;
    let begun = find(logins, &account.id, &token).await?.value;
    let id = provider(app, front).await?;
    let provider = logins.provider(&account.id, &id, Step::Start).await?;
    let cookie = front.site.cookie(app, &front.headers, Kind::Browser);
    let known = cookie.unwrap_or_default();
    let known = known.as_deref().and_then(Browser::parse);
    let browser = Browser::beginning(known, front.store.is_https());
    crate::login::vtex::note_fallback(logins, &account.id, &token, fallback).await?;
    let request = StartRequest {
        account,
        store: &front.store,
        provider: &provider,
        return_to: begun.target(),
        browser: &browser,
        login_hint: None,
        parameters: &given(&front.site),
        client: front.client.and_then(ClientAddress::apart),
        demands: &Demands::default(),
        trial: None,
        console: false,
    };
    let started = start(logins, request).await?;
    let mut answer = redirect(StatusCode::FOUND, &started.location);
    let lifetime = logins.lifetime + crate::login::identify::TICKET_LIFETIME;
    let (id, value) = (&account.id, browser.as_str());
    let cookie = cookies::set(Kind::Browser, id, &front.store, value, lifetime);
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    // Where the login fails, its page reads it in this cookie.
    let cookie = super::answer::begun(&token, logins.now(), &front.store);
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
}

/// The provider of a name, as `providers` gives it; its id does too.
pub(super) async fn provider(app: &App, front: &Front) -> Result<ProviderId, LoginError> {
    let name = front
        .get(&["providername", "providerid"])
        .unwrap_or_default();
    let found = app.logins.mappings.list(&front.site.account.id).await;
    let mut found = found.map_err(Step::Start.store())?;
    found.retain(|one| front.site.account.login.ways.is_on(&one.value.provider));
    let id = match name {
        "Google" => "google",
        "Facebook" => "facebook",
        other => other,
    };
    let of_id = found.iter().find(|one| one.value.provider.as_str() == id);
    of_id
        .or_else(|| found.iter().find(|one| one.value.name == name))
        .map(|one| one.value.provider.clone())
        .ok_or(LoginError::UnknownProvider)
}

/// `oauth/finish`: the cookies are there already, so on to the page that was asked for.
/// A window of its own has nothing more to do: who opened it sees where it is.
pub(super) async fn finish(State(app): State<Shared>, request: Request) -> Response {
    let done = async {
        let front = Front::read(&app, request).await?;
        let popup = front.get(&["popup"]) == Some("true")
            || front.get(&["sessionredirect"]) == Some("false");
        if popup {
            let (look, lang) = (front.site.look(), front.lang());
            return Ok(html(StatusCode::OK, app.pages.login_done(&look, lang)));
        }
        let begun = match front.login() {
            Some(token) => find(&app.logins, &front.site.account.id, &token).await.ok(),
            None => None,
        };
        let to = begun.map_or_else(|| front.store.home(), |begun| begun.value.return_to);
        Ok(redirect(StatusCode::FOUND, &to))
    };
    done.await.unwrap_or_else(|answer: Response| answer)
}

/// `redirect`: back to the store, for who is logged in already.
pub(super) async fn back(State(app): State<Shared>, request: Request) -> Response {
    let done = async {
        let front = Front::read(&app, request).await?;
        let to = front.address("returnurl")?;
        let home = front.store.home();
        let to = to.as_ref().map_or(&*home, ReturnTo::as_str);
        Ok(redirect(StatusCode::FOUND, to))
    };
    done.await.unwrap_or_else(|answer: Response| answer)
}

/// An address with what became of a login. No token is ever in it.
pub(super) fn with_status(to: &ReturnTo, status: &str) -> String {
    let text = to.as_str();
    let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
    let join = if before.contains('?') { '&' } else { '?' };
    let fragment = if fragment.is_empty() {
        String::new()
    } else {
        format!("#{fragment}")
    };
    format!("{before}{join}authStatus={status}{fragment}")
}

fn status_of(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::LoginDenied => "CanceledByUser",
        ErrorCode::LoginUserDisabled => "InativeUser",
        ErrorCode::LoginStateUnknown | ErrorCode::LoginStateExpired => "InvalidToken",
        _ => "Error",
    }
}

/// Where a login goes that failed at its provider, if the client said where.
pub(in crate::http) async fn error_page(
    app: &App,
    site: &Site,
    headers: &axum::http::HeaderMap,
    code: ErrorCode,
) -> Option<Response> {
    if !site.account.login.vtex_compatible {
        return None;
    }
    let token = super::front::only_cookie(headers, "_vss").and_then(LoginToken::parse)?;
    let begun = find(&app.logins, &site.account.id, &token)
        .await
        .ok()?
        .value;
    let store = site.store()?;
    let to = begun.fallback()?;
    let (to, _) = ReturnTo::parse(Some(to), &site.account, store).ok()?;
    Some(redirect(
        StatusCode::SEE_OTHER,
        &with_status(&to, status_of(code)),
    ))
}
