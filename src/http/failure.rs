//! Failures as pages.
//!
//! A failed callback redirects to an error page, so that the code is gone from
//! the address bar (RFC 9700 §4.2). The page's address carries only the stable
//! code and the support id; who invents one sees a fixed sentence.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tracing::{error, info, warn};

use super::pages::{ErrorPage, Lang, Look};
use super::site::{Site, accept_language, html};
use super::status::status;
use super::{App, Shared, connect, redirect, vtex};
use crate::base::{AccountId, ErrorCode, LoginMethod, ProviderId, random, traces};
use crate::login::journal::{LoginEntry, LoginStep};
use crate::login::restart::Restart;
use crate::login::{Blame, LoginError, ReturnTo, meters};
use crate::protocol::form::Pairs;
use crate::provider::email;
use crate::store::StoreError;

/// After how many seconds to try again where nobody said.
const RETRY_AFTER: u32 = 60;

/// Writes a failed login to the log, under the id its page shows.
///
/// `provider` is counted: one that the account has, or none.
fn log(app: &App, entry: LoginEntry, failure: &LoginError, provider: Option<&str>) {
    let id = entry.id.as_str();
    let account = entry.account.as_ref().map_or("", AccountId::as_str);
    let (step, code) = (failure.step().name(), failure.code().as_str());
    let why = failure.to_string();
    meters::failed(account, provider.unwrap_or_default(), failure);
    traces::note("vestibule.login", id.to_owned());
    traces::failed(code);
    match failure.blame() {
        Blame::Visitor => {
            info!(target: "vestibule::login", login = id, account, step, code, why, "login failed");
        }
        Blame::Provider | Blame::Operator => {
            warn!(target: "vestibule::login", login = id, account, step, code, why, "login failed");
        }
        Blame::Us => {
            error!(target: "vestibule::login", login = id, account, step, code, why, "login failed");
        }
    }
    app.logins.journal.note(entry.failed(failure));
}

/// The entry of a failed login in the log of logins.
fn entry(app: &App, id: &str, account: Option<&AccountId>) -> LoginEntry {
    let logins = &app.logins;
    LoginEntry {
        account: account.cloned(),
        ..LoginEntry::new(id, logins.now(), logins.journal.seen())
    }
}

/// The same, with what the request says of provider and store.
fn entry_at(app: &App, id: &str, site: &Site) -> LoginEntry {
    let provider = site.query.get("provider");
    let provider = provider.and_then(|text| text.parse::<LoginMethod>().ok());
    LoginEntry {
        provider: provider.map(|method| method.as_str().to_owned()),
        store: site.store().map(|store| store.origin.clone()),
        ..entry(app, id, Some(&site.account.id))
    }
}

/// A failure on an account's endpoint, with a link that starts again.
pub(super) fn at_site(
    app: &App,
    site: &Site,
    failure: &LoginError,
    return_to: Option<&str>,
) -> Response {
    let entry = entry_at(app, &random::support_id(), site);
    page_at(app, site, failure, return_to, None, entry)
}

fn page_at(
    app: &App,
    site: &Site,
    failure: &LoginError,
    return_to: Option<&str>,
    provider: Option<&str>,
    entry: LoginEntry,
) -> Response {
    let support_id = entry.id.clone();
    log(app, entry, failure, provider);
    let page = ErrorPage {
        code: failure.code(),
        support_id,
        restart_href: Some(login_href(return_to, &site.others())),
        store_href: site.store().map(crate::account::StoreFront::home),
    };
    let answer = html(
        status(failure.code()),
        app.pages.error(&site.look(), site.lang, &page),
    );
    let after = failure.retry_after().map(|after| after.to_string());
    with_retry_after(answer, after.as_deref())
}

/// A login that could not begin.
pub(super) fn at_start(
    app: &App,
    site: &Site,
    failure: &LoginError,
    return_to: &ReturnTo,
) -> Response {
    // Any other failure comes after the account was found to have it.
    let known = failure.code() != ErrorCode::LoginUnknownProvider;
    let provider = site.query.get("provider").filter(|_| known);
    let entry = entry_at(app, &random::support_id(), site);
    answered_at(app, site, failure, return_to, provider, entry)
}

fn answered_at(
    app: &App,
    site: &Site,
    failure: &LoginError,
    return_to: &ReturnTo,
    provider: Option<&str>,
    entry: LoginEntry,
) -> Response {
    match connect::authorize::failed(app, return_to, failure, &entry.id) {
        Some(location) => {
            log(app, entry, failure, provider);
            redirect(StatusCode::FOUND, &location)
        }
        None => {
            let return_to = Some(return_to.as_str());
            page_at(app, site, failure, return_to, provider, entry)
        }
    }
}

/// A login by what somebody typed that failed: by a code, or by a password.
pub(super) fn by_email(
    app: &App,
    site: &Site,
    failure: &LoginError,
    return_to: &ReturnTo,
    (method, email): (&LoginMethod, &str),
) -> Response {
    let entry = entry_of(app, site, method, email);
    answered_at(app, site, failure, return_to, Some(method.as_str()), entry)
}

/// Writes a failed login down whose page asks again and shows no failure.
pub(super) fn noted(
    app: &App,
    site: &Site,
    failure: &LoginError,
    (method, email): (&LoginMethod, &str),
) {
    let entry = entry_of(app, site, method, email);
    log(app, entry, failure, Some(method.as_str()));
}

/// The entry of a login by what somebody typed. What is no email may be a password that
/// was typed into the wrong field.
fn entry_of(app: &App, site: &Site, method: &LoginMethod, email: &str) -> LoginEntry {
    LoginEntry {
        provider: Some(method.as_str().to_owned()),
        email: email::normalize(email.trim()).ok(),
        ..entry_at(app, &random::support_id(), site)
    }
}

/// A failure outside of a login, on an account's endpoint; `restart` leads to
/// a login that does not fail the same way.
pub(super) fn coded(app: &App, site: &Site, code: ErrorCode, restart: Option<&str>) -> Response {
    let page = ErrorPage {
        code,
        support_id: random::support_id(),
        restart_href: restart.map(str::to_owned),
        store_href: site.store().map(crate::account::StoreFront::home),
    };
    info!(account = %site.account.id, %code, support_id = page.support_id, "request refused");
    html(
        status(code),
        app.pages.error(&site.look(), site.lang, &page),
    )
}

/// A callback that no login can be made of: a redirect to the error page, so
/// that a code in the address is gone from it.
pub(super) fn lost(app: &App, code: ErrorCode) -> Response {
    let id = random::support_id();
    info!(%code, support_id = id, "callback refused");
    to_page(app, code, &id)
}

fn to_page(app: &App, code: ErrorCode, id: &str) -> Response {
    redirect(
        StatusCode::SEE_OTHER,
        &format!("{}/error?code={code}&id={id}", app.logins.public_url),
    )
}

/// Back to the console's sign-in page, which says what went wrong.
fn to_console(base: &str, code: ErrorCode, id: &str) -> Response {
    let url = format!("{base}/admin/login?why={code}&id={id}");
    redirect(StatusCode::SEE_OTHER, &url)
}

/// An operator's login that failed outside its callback.
pub(crate) fn of_operator(app: &App, account: &AccountId, failure: &LoginError) -> Response {
    let id = random::support_id();
    log(app, entry(app, &id, Some(account)), failure, None);
    to_console(&app.logins.public_url, failure.code(), &id)
}

/// A failed callback: a redirect to its error page, or back to the application
/// whose request the login was for.
pub(super) fn after_callback(
    app: &App,
    failure: &LoginError,
    restart: Option<&Restart>,
    steps: Vec<LoginStep>,
) -> Response {
    let code = failure.code();
    match restart {
        None => {
            let id = random::support_id();
            log(app, entry(app, &id, None), failure, None);
            to_page(app, code, &id)
        }
        Some(restart) => {
            let entry = LoginEntry {
                provider: restart.provider.as_ref().map(|id| id.as_str().to_owned()),
                store: Some(restart.store.origin.clone()),
                steps,
                ..entry(app, &restart.id, Some(&restart.account.id))
            };
            let provider = restart.provider.as_ref().map(ProviderId::as_str);
            log(app, entry, failure, provider);
            if restart.console {
                return to_console(&app.logins.public_url, code, &restart.id);
            }
            let told = connect::authorize::failed(app, &restart.return_to, failure, &restart.id);
            if let Some(location) = told {
                return redirect(StatusCode::SEE_OTHER, &location);
            }
            let after = failure.retry_after().map(|after| format!("&after={after}"));
            let others = restart
                .parameters
                .iter()
                .fold(String::new(), |all, (n, v)| {
                    format!("{all}&{}={}", encode(n), encode(v))
                });
            let endpoint = format!(
                "error?code={code}&id={}{}&return_to={}{others}",
                restart.id,
                after.unwrap_or_default(),
                encode(restart.return_to.as_str())
            );
            redirect(StatusCode::SEE_OTHER, &restart.store.url(&endpoint))
        }
    }
}

/// `GET error` below an account: the page of a failed login.
pub(super) async fn account_page(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let site = match Site::read(&app, &account, &uri, &headers).await {
        Ok(site) => site,
        Err(answer) => return answer,
    };
    let code = known(site.query.get("code"));
    if let Some(answer) = vtex::error_page(&app, &site, &headers, code).await {
        return answer;
    }
    let page = ErrorPage {
        code,
        support_id: support_id(site.query.get("id")),
        restart_href: Some(login_href(site.query.get("return_to"), &site.others())),
        store_href: site.store().map(crate::account::StoreFront::home),
    };
    let answer = html(
        status(page.code),
        app.pages.error(&site.look(), site.lang, &page),
    );
    with_retry_after(answer, site.query.get("after"))
}

/// Says when to try again, where that is known; within an hour, whatever the
/// address claims.
fn with_retry_after(mut answer: Response, after: Option<&str>) -> Response {
    let later = [
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    if later.contains(&answer.status()) {
        let asked: Option<u32> = after.and_then(|after| after.parse().ok());
        let after = asked.unwrap_or(RETRY_AFTER).clamp(1, 3600);
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(after));
    }
    answer
}

/// `GET /error`: the page of a callback that belongs to no login.
pub(super) async fn page(State(app): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    let query = Pairs::parse(uri.query().unwrap_or_default()).unwrap_or_default();
    let lang = Lang::choose(query.get("lang"), accept_language(&headers));
    let page = ErrorPage {
        code: known(query.get("code")),
        support_id: support_id(query.get("id")),
        restart_href: None,
        store_href: None,
    };
    let answer = html(
        status(page.code),
        app.pages.error(&Look::default(), lang, &page),
    );
    with_retry_after(answer, None)
}

/// A page where no account is known.
pub(super) fn bare(app: &App, lang: Lang, code: ErrorCode) -> Response {
    let page = ErrorPage {
        code,
        support_id: random::support_id(),
        restart_href: None,
        store_href: None,
    };
    info!(%code, support_id = page.support_id, "request refused");
    html(status(code), app.pages.error(&Look::default(), lang, &page))
}

/// [`bare`], in the language the headers ask for.
pub(super) fn plain(app: &App, headers: &HeaderMap, code: ErrorCode) -> Response {
    bare(app, Lang::choose(None, accept_language(headers)), code)
}

/// The store failed.
pub(super) fn store(app: &App, lang: Lang, failure: &StoreError) -> Response {
    error!(why = %failure, "the store failed");
    bare(app, lang, ErrorCode::ServiceUnavailable)
}

/// A code that a page can show; another would be someone's invention.
fn known(code: Option<&str>) -> ErrorCode {
    code.and_then(|code| code.parse().ok())
        .filter(|code: &ErrorCode| code.is_for_shoppers())
        .unwrap_or(ErrorCode::RequestBad)
}

/// A support id of ours has this form; anything else is not repeated.
pub(super) fn support_id(id: Option<&str>) -> String {
    id.filter(|id| {
        id.len() == 10
            && id
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
    .unwrap_or("-")
    .to_owned()
}

/// The login again, with the parameters that it came with.
fn login_href(return_to: Option<&str>, others: &str) -> String {
    let return_to = return_to.map(|url| format!("&return_to={}", encode(url)));
    let query = format!("{}{others}", return_to.unwrap_or_default());
    match query.strip_prefix('&') {
        Some(query) => format!("login?{query}"),
        None => "login".to_owned(),
    }
}

/// Percent-encodes a query value.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
