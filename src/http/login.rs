//! `login` and `finish`: a login's first and last request.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;

use super::cookies::{self, Kind};
use super::server::ClientAddress;
use super::site::Site;
use super::vtex::set_cookies;
use super::ways::{EmailField, login_page, used};
use super::{App, Shared, failure, redirect};
use crate::account::StoreFront;
use crate::account::mapping::ProviderCount;
use crate::base::ErrorCode;
use crate::login::finish::finish as finish_login;
use crate::login::pending::Browser;
use crate::login::start::{StartRequest, start};
use crate::login::{LoginError, ReturnTo, Step};
use crate::provider::Provider;
use crate::provider::request::Demands;
use crate::session::{self, Session};

/// The longest hint that is handed on.
const MAX_HINT: usize = 320;

/// `GET login`: to the provider, or to the list of providers.
pub(super) async fn login(
    State(app): State<Shared>,
    Path(account): Path<String>,
    client: Option<Extension<ClientAddress>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let client = client.and_then(|Extension(client)| client.apart());
    match begin(&app, &account, client, &uri, &headers).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn begin(
    app: &App,
    account: &str,
    client: Option<IpAddr>,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Response> {
    let site = Site::read(app, account, uri, headers).await?;
    let refuse = |code| failure::coded(app, &site, code, None);
    let (return_to, store) = target(app, &site, site.query.get("return_to")).map_err(|code| {
        let again = (code == ErrorCode::LoginReturnToInvalid).then_some("login");
        failure::coded(app, &site, code, again)
    })?;
    let at_broker = site.at_broker && store.origin == app.logins.public_url;
    if site.here.as_ref() != Some(&store) && !at_broker {
        return begin_there(&site, &store).ok_or_else(|| refuse(ErrorCode::LoginStoreHostHidden));
    }
    let hint = site.query.get("login_hint");
    if hint.is_some_and(|h| h.len() > MAX_HINT || h.chars().any(char::is_control)) {
        return Err(refuse(ErrorCode::RequestBad));
    }
    let fail = |error: LoginError| failure::at_start(app, &site, &error, &return_to);
    let Some(provider) = choose(app, &site).await.map_err(fail)? else {
        let field = EmailField {
            typed: hint.unwrap_or_default(),
            ..EmailField::default()
        };
        return login_page(app, &site, headers, &return_to, field)
            .await
            .map_err(fail);
    };
    let cookie = site.cookie(app, headers, Kind::Browser)?;
    // One binding a browser: many logins at once stay one cookie (threat S11).
    let known = cookie.as_deref().and_then(Browser::parse);
    let browser = Browser::beginning(known, store.is_https());
    let demands = demands(app, &site, &return_to).await.map_err(fail)?;
    let request = StartRequest {
        account: &site.account,
        store: &store,
        provider: &provider,
        return_to: return_to.clone(),
        browser: &browser,
        login_hint: hint,
        client,
        demands: &demands,
        trial: None,
        console: false,
    };
    let started = start(&app.logins, request).await.map_err(fail)?;
    let mut answer = redirect(StatusCode::FOUND, &started.location);
    let lifetime = app.logins.lifetime + crate::login::identify::TICKET_LIFETIME;
    answer.headers_mut().append(
        header::SET_COOKIE,
        cookies::set(
            Kind::Browser,
            &site.account.id,
            &store,
            browser.as_str(),
            lifetime,
        ),
    );
    Ok(answer)
}

/// What the application demands whose request waits for this login. Only its
/// request says so: the login's own address can be anybody's (threat S15).
async fn demands(app: &App, site: &Site, return_to: &ReturnTo) -> Result<Demands, LoginError> {
    let Some(token) = return_to.waiting_token(&app.logins.public_url) else {
        return Ok(Demands::default());
    };
    let waiting = app.authority.waiting(token).await;
    let waiting = waiting.map_err(Step::Start.store())?;
    Ok(waiting
        .filter(|request| request.account == site.account.id)
        .map(|request| request.demands())
        .unwrap_or_default())
}

/// Where the login returns to, and the store it runs on: for an application's
/// request that waits, the broker's own place.
pub(super) fn target(
    app: &App,
    site: &Site,
    asked: Option<&str>,
) -> Result<(ReturnTo, StoreFront), ErrorCode> {
    let broker = &app.logins.public_url;
    if let Some(waiting) = ReturnTo::parse_waiting(asked, broker) {
        let store = site.account.storefront_at(broker, broker);
        return Ok((waiting, store.ok_or(ErrorCode::LoginStoreMissing)?));
    }
    let from = site.store().ok_or(ErrorCode::LoginStoreMissing)?;
    let (return_to, store) =
        ReturnTo::parse(asked, &site.account, from).map_err(|_| ErrorCode::LoginReturnToInvalid)?;
    Ok((return_to, store.clone()))
}

/// Sends the browser to the same login on the store's own host, where cookies
/// are first-party. `None` if it was sent there already and still arrives under
/// another name: then a proxy hides the host, and once more would be a loop.
fn begin_there(site: &Site, store: &StoreFront) -> Option<Response> {
    if site.query.get("moved").is_some() {
        return None;
    }
    let mut endpoint = "login?moved=1".to_owned();
    for (name, value) in site.query.iter() {
        if matches!(name, "return_to" | "provider" | "login_hint" | "lang") {
            let _ = write!(endpoint, "&{name}={}", failure::encode(value));
        }
    }
    Some(redirect(StatusCode::FOUND, &store.url(&endpoint)))
}

/// The provider that was asked for, or the only way there is; `None` if there is
/// a choice.
async fn choose(app: &App, site: &Site) -> Result<Option<Arc<Provider>>, LoginError> {
    let logins = &app.logins;
    let account = &site.account.id;
    if let Some(asked) = site.query.get("provider") {
        let id = asked.parse().map_err(|_| LoginError::UnknownProvider)?;
        return logins.provider(account, &id, Step::Start).await.map(Some);
    }
    if site.takes_codes(app) || site.account.login.password {
        return Ok(None);
    }
    match logins
        .mappings
        .only(account, &site.account.login.ways.off)
        .await
        .map_err(Step::Start.store())?
    {
        ProviderCount::None => Err(LoginError::NoProvider),
        ProviderCount::One(provider) => provider
            .map(Some)
            .map_err(|findings| LoginError::misconfigured(&findings)),
        ProviderCount::Several => Ok(None),
    }
}

/// `GET finish`: the ticket for the session cookie.
pub(super) async fn finish(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match end(&app, &account, &uri, &headers).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn end(
    app: &App,
    account: &str,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Response> {
    let site = Site::read(app, account, uri, headers).await?;
    let ticket = site.query.get("ticket").unwrap_or_default();
    let browser = site.cookie(app, headers, Kind::Browser)?;
    let browser = browser.as_deref().and_then(Browser::parse);
    let logins = &app.logins;
    let finished = finish_login(logins, &site.account, ticket, browser.as_ref())
        .await
        .map_err(|error| failure::at_site(app, &site, &error, None))?;
    let store = site
        .account
        .storefront_at(&finished.store, &logins.public_url)
        .ok_or_else(|| failure::coded(app, &site, ErrorCode::LoginStoreMissing, None))?;
    end_old(app, &site, headers, &finished.session).await?;
    let mut answer = redirect(StatusCode::FOUND, finished.return_to.as_str());
    answer.headers_mut().append(
        header::SET_COOKIE,
        cookies::set(
            Kind::Session,
            &site.account.id,
            &store,
            &finished.token,
            logins.sessions.lifetime(),
        ),
    );
    let (issuer, id) = (&logins.public_url, &site.account.id);
    let used = used(id, &store, &finished.session);
    answer.headers_mut().append(header::SET_COOKIE, used);
    set_cookies(answer.headers_mut(), issuer, id, &store, &finished);
    Ok(answer)
}

/// Whoever was logged in here before is not any more (threats S13, C12).
pub(super) async fn end_old(
    app: &App,
    site: &Site,
    headers: &HeaderMap,
    new: &Session,
) -> Result<(), Response> {
    let Some(token) = site.cookie(app, headers, Kind::Session)? else {
        return Ok(());
    };
    let (logins, account) = (&app.logins, &site.account.id);
    let (store, now) = (&*logins.store, logins.now());
    let ended = async {
        let Some(old) = logins.sessions.find(store, account, &token, now).await? else {
            return Ok(());
        };
        if old.user != new.user {
            app.authority.session_ended(account, &old).await?;
        }
        session::revoke_found(store, account, &token, &old).await
    };
    ended
        .await
        .map_err(|error| failure::store(app, site.lang, &error))
}
