//! Logging in to the console through a provider of the broker.
//!
//! The login is an account's own, with all that its mapping demands. It ends in
//! an email that the provider vouches for, and counts only if there is an
//! operator of that email. It makes no operator and no shopper's session.

use axum::Extension;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use minijinja::{Value as TemplateValue, context};
use serde_json::json;
use tracing::info;

use super::arrival::{Goal, step_in};
use super::guard::{Kind, cookie, set_cookie};
use super::resume::next;
use super::sentences::say;
use super::view::{Html, fail, redirect_to, shown};
use super::{Console, State};
use crate::base::{AccountId, ErrorCode};
use crate::http::failure;
use crate::http::server::ClientAddress;
use crate::login::finish::vouch;
use crate::login::identify::TICKET_LIFETIME;
use crate::login::pending::Browser;
use crate::login::start::{StartRequest, start as start_login};
use crate::login::{LoginError, ReturnTo, Step};
use crate::operator::{self, Email};
use crate::protocol::form::Pairs;
use crate::provider::request::Demands;
use crate::store::StoreError;

/// The providers that the sign-in page offers.
pub(super) async fn providers(console: &Console) -> Result<TemplateValue, Response> {
    let Some(account) = &console.admin.login_account else {
        return Ok(TemplateValue::from(()));
    };
    let found = console.admin.mappings.list(account).await;
    let found = found.map_err(|error| fail(None, &error.into()))?;
    let of = console.app.logins.accounts.get(account).await;
    let of = of.map_err(|error| fail(None, &error.into()))?;
    let is_on = |id| {
        of.as_ref()
            .is_none_or(|account| account.login.ways.is_on(id))
    };
    let shown_ones: Vec<_> = found
        .iter()
        .filter(|found| is_on(&found.value.provider))
        .map(|found| json!({ "id": found.value.provider.as_str(), "name": found.value.name }))
        .collect();
    Ok(shown(shown_ones))
}

/// What the sign-in page says of a login that failed. Who invents a code sees
/// the sentence of all others.
pub(super) fn why(code: &str, id: Option<&str>) -> TemplateValue {
    let known = code.parse().ok();
    let text = match known {
        Some(ErrorCode::ConsoleNotOperator) => say("login.through_not_operator"),
        Some(ErrorCode::LoginEmailNotTrusted) => say("login.through_not_vouched"),
        Some(ErrorCode::LoginDenied) => say("login.through_cancelled"),
        Some(ErrorCode::LoginUserDisabled) => say("login.through_disabled"),
        Some(ErrorCode::LoginWrongBrowser) => say("login.through_other_browser"),
        Some(
            ErrorCode::LoginTicketInvalid
            | ErrorCode::LoginStateReplayed
            | ErrorCode::LoginStateExpired,
        ) => say("login.through_used"),
        _ => say("login.through_failed"),
    };
    let plain =
        |id: &&str| id.len() <= 40 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    context! { text, code, id => id.filter(plain).filter(|_| known.is_some()) }
}

fn failed(console: &Console, account: &AccountId, error: &LoginError) -> Response {
    failure::of_operator(&console.app, account, error)
}

fn broken(error: StoreError) -> Response {
    fail(None, &error.into())
}

/// `GET /admin/login/start?provider=…&next=…`
pub(super) async fn start(
    axum::extract::State(console): State,
    client: Option<Extension<ClientAddress>>,
    uri: Uri,
    headers: HeaderMap,
) -> Html {
    let query = Pairs::parse(uri.query().unwrap_or_default()).unwrap_or_default();
    let Some(id) = &console.admin.login_account else {
        return Ok(redirect_to("/admin/login"));
    };
    let logins = &console.app.logins;
    let found = logins.accounts.get(id).await.map_err(broken)?;
    let broker = &logins.public_url;
    let at = found.and_then(|account| {
        let store = account.storefront_at(broker, broker)?;
        Some((account, store))
    });
    let refuse = |error: LoginError| failed(&console, id, &error);
    let (account, store) = at.ok_or_else(|| refuse(LoginError::NoProvider))?;
    let provider = query.get("provider").unwrap_or_default();
    let provider = provider
        .parse()
        .map_err(|_| refuse(LoginError::UnknownProvider))?;
    let provider = logins.provider(id, &provider, Step::Start).await;
    let provider = provider.map_err(|error| match error {
        LoginError::Store { error, .. } => broken(error),
        error => refuse(error),
    })?;
    // One binding a browser: many logins at once stay one cookie (threat S11).
    let known = cookie(&console, &headers, Kind::Login);
    let known = known.as_deref().and_then(Browser::parse);
    let https = logins.public_url.starts_with("https://");
    let browser = Browser::beginning(known, https);
    let demands = Demands::default();
    let request = StartRequest {
        account: &account,
        store: &store,
        provider: &provider,
        return_to: ReturnTo::console(next(query.get("next").unwrap_or_default())),
        browser: &browser,
        login_hint: None,
        parameters: &[],
        client: client.and_then(|Extension(client)| client.apart()),
        demands: &demands,
        trial: None,
        console: true,
    };
    let started = start_login(logins, request).await.map_err(refuse)?;
    let mut answer = redirect_to(&started.location);
    let lifetime = (logins.lifetime + TICKET_LIFETIME).as_secs();
    let cookie = set_cookie(&console, Kind::Login, browser.as_str(), lifetime);
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
}

/// `GET /admin/login/finish?ticket=…`: the ticket for a session of the console,
/// in the browser that began.
pub(super) async fn finish(
    axum::extract::State(console): State,
    uri: Uri,
    headers: HeaderMap,
) -> Html {
    let query = Pairs::parse(uri.query().unwrap_or_default()).unwrap_or_default();
    let Some(account) = &console.admin.login_account else {
        return Ok(redirect_to("/admin/login"));
    };
    let browser = cookie(&console, &headers, Kind::Login);
    let browser = browser.as_deref().and_then(Browser::parse);
    let ticket = query.get("ticket").unwrap_or_default();
    let vouched = match vouch(&console.app.logins, account, ticket, browser.as_ref()).await {
        Ok(vouched) => vouched,
        Err(LoginError::Store { error, .. }) => return Err(broken(error).into()),
        Err(error) => return Err(failed(&console, account, &error).into()),
    };
    let store = &*console.admin.store;
    let found = match Email::parse(&vouched.email) {
        Ok(email) => operator::get(store, &email).await.map_err(broken)?,
        Err(_) => None,
    };
    let Some(found) = found.filter(|found| !found.value.disabled) else {
        info!(
            target: "vestibule::login",
            login = vouched.id,
            provider = %vouched.provider,
            "no session: no operator who may log in has the email that the provider vouches for"
        );
        let code = ErrorCode::ConsoleNotOperator;
        let why = format!("/admin/login?why={code}&id={}", vouched.id);
        return Ok(redirect_to(&why));
    };
    let through = vouched.provider.as_str();
    let how = json!({ "account": account.as_str(), "provider": through, "login": vouched.id });
    let goal = Goal {
        next: next(vouched.return_to.as_str()),
        interrupted: None,
    };
    step_in(&console, &found, Some(through), how, &goal).await
}
