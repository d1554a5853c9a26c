//! `login` as a form that was posted, and `access-key`: a login by a code that
//! comes by mail.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;

use super::callback::{end_issued, end_others};
use super::cookies::{self, Kind};
use super::email_first::to_ways;
use super::login::target;
use super::pages::{CodePage, Lang, LangLink};
use super::password::{Posted, sign_in};
use super::posted::{Way, form, guard};
use super::server::ClientAddress;
use super::site::{Site, html};
use super::ways::{EmailField, login_page};
use super::{App, Shared, failure, redirect};
use crate::account::StoreFront;
use crate::base::{ErrorCode, LoginMethod, Secret};
use crate::login::LoginError;
use crate::login::access_key::check::{Checked, ProvedEmail, Waiting, check, waiting};
use crate::login::access_key::identify::find as find_user;
use crate::login::access_key::send::{SendRequest, send};
use crate::login::access_key::{CODE_LIFETIME, TRIES};
use crate::login::identify::TICKET_LIFETIME;
use crate::login::password::set::{check_rule, set};
use crate::login::pending::Browser;
use crate::login::ticket::Place;

/// `POST login`: an address, to which a code goes, or with a password.
pub(super) async fn posted(
    State(app): State<Shared>,
    Path(account): Path<String>,
    client: Option<Extension<ClientAddress>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let client = client.map(|Extension(client)| client);
    let from = client.and_then(|client| client.ip);
    let sent = async {
        let site = Site::read(&app, &account, &uri, &headers).await?;
        let form = form(&app, &site, &body)?;
        let refuse = |code| failure::coded(&app, &site, code, None);
        let asked = form.get("return_to").or(site.query.get("return_to"));
        let (return_to, store) = target(&app, &site, asked).map_err(refuse)?;
        let way = Way::of(&app, &site, &form);
        guard(&app, &site, &store, &headers, way)?;
        let email = form.get("email").unwrap_or_default();
        if way == Way::Email {
            return to_ways(&app, &site, &headers, &return_to, email).await;
        }
        let cookie = site.cookie(&app, &headers, Kind::Browser)?;
        let known = cookie.as_deref().and_then(Browser::parse);
        let browser = Browser::beginning(known, store.is_https());
        if way == Way::Password {
            let place = Place::new(&store, &return_to, &browser);
            let posted = Posted {
                form: &form,
                headers: &headers,
                client,
                store: &store,
                return_to: &return_to,
                browser: &browser,
            };
            return sign_in(&app, &site, posted, place).await;
        }
        let request = SendRequest {
            account: &site.account,
            store: &store,
            return_to: &return_to,
            browser: &browser,
            email,
            sets_password: way == Way::NewPassword,
            under: None,
            lang: site.lang,
            from,
        };
        let token = match send(&app.logins, request).await {
            Ok(token) => token,
            Err(error @ LoginError::AddressInvalid) => {
                let field = EmailField {
                    typed: email,
                    wrong: Some(&error),
                    known: true,
                };
                return login_page(&app, &site, &headers, &return_to, field)
                    .await
                    .map_err(|error| failure::at_start(&app, &site, &error, &return_to));
            }
            Err(error) => {
                let who = (&LoginMethod::AccessKey, email);
                return Err(failure::by_email(&app, &site, &error, &return_to, who));
            }
        };
        let page = address(&store, token.as_str(), site.lang);
        let mut answer = redirect(StatusCode::SEE_OTHER, &page);
        let id = &site.account.id;
        let lifetime = CODE_LIFETIME + TICKET_LIFETIME;
        answer.headers_mut().append(
            header::SET_COOKIE,
            cookies::set(Kind::Browser, id, &store, browser.as_str(), lifetime),
        );
        Ok(answer)
    };
    sent.await.unwrap_or_else(|answer: Response| answer)
}

/// The longest code that is given back with what was wrong beside it.
const MOST_TYPED: usize = 16;

/// Why the page for a code comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Again {
    /// It does not.
    No,
    /// It was not the code; so many tries are left.
    Wrong(u32),
    /// The password that was chosen is none to choose; the code beside it.
    Weak(ErrorCode, String),
}

fn address(store: &StoreFront, token: &str, lang: Lang) -> String {
    store.url(&format!("access-key?login={token}&lang={}", lang.tag()))
}

/// `GET access-key`: the page for the code.
pub(super) async fn ask(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = async {
        let site = Site::read(&app, &account, &uri, &headers).await?;
        let token = site.query.get("login").unwrap_or_default();
        let login = find(&app, &site, token, &headers).await?;
        Ok(code_page(&app, &site, token, &login, &Again::No))
    };
    asked.await.unwrap_or_else(|answer: Response| answer)
}

/// `POST access-key`: the code.
pub(super) async fn answered(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answered = async {
        let site = Site::read(&app, &account, &uri, &headers).await?;
        let form = form(&app, &site, &body)?;
        let token = form.get("login").unwrap_or_default();
        let login = find(&app, &site, token, &headers).await?;
        let store = site
            .account
            .storefront_at(&login.store, &app.logins.public_url)
            .ok_or_else(|| failure::coded(&app, &site, ErrorCode::LoginStoreMissing, None))?;
        let way = if login.sets_password {
            Way::NewPassword
        } else {
            Way::AccessKey
        };
        guard(&app, &site, &store, &headers, way)?;
        let who = (&LoginMethod::AccessKey, login.email.as_str());
        let fail =
            |error: LoginError| failure::by_email(&app, &site, &error, &login.return_to, who);
        let browser = browser(&app, &site, &headers)?;
        let typed = form.get("code").unwrap_or_default();
        let logins = &app.logins;
        let new = Secret::new(form.get("new_password").unwrap_or_default());
        let new = login.sets_password.then_some(&new);
        let again = |again| Ok(code_page(&app, &site, token, &login, &again));
        let weak = |why: LoginError| {
            let typed = typed.chars().take(MOST_TYPED).collect();
            again(Again::Weak(why.code(), typed))
        };
        if let Some(Err(why)) = new.map(|new| check_rule(&site.account, &login.email, new)) {
            return weak(why);
        }
        let checked = check(logins, &site.account, token, browser.as_ref(), typed, new).await;
        let checked = match checked {
            Err(why @ LoginError::PasswordUsed) => return weak(why),
            checked => checked.map_err(fail)?,
        };
        let proved = match checked {
            Checked::Right(proved) => proved,
            Checked::Wrong(left) => return again(Again::Wrong(left)),
            Checked::NoCode => return again(Again::Wrong(TRIES)),
        };
        let new = new.cloned();
        let ticket = end(&app, &site, proved, new).await.map_err(fail)?;
        Ok(redirect(
            StatusCode::SEE_OTHER,
            &store.url(&format!("finish?ticket={ticket}")),
        ))
    };
    answered.await.unwrap_or_else(|answer: Response| answer)
}

/// In a task of its own: a browser that goes away must not cut it between the
/// user and the end of what others were issued.
pub(super) async fn end(
    app: &Shared,
    site: &Site,
    proved: ProvedEmail,
    new: Option<Secret>,
) -> Result<String, LoginError> {
    let (app, account, lang) = (Arc::clone(app), Arc::clone(&site.account), site.lang);
    let task = tokio::spawn(async move {
        let logins = &app.logins;
        let mut found = find_user(logins, proved).await?;
        let mut method = LoginMethod::AccessKey;
        if found.is_new_owner() {
            end_others(&app, &account.id, found.user().id).await?;
        }
        if let Some(new) = new {
            set(logins, &account, found.user(), &new, lang).await?;
            end_issued(&app, &account.id, found.user().id).await?;
            found = found.again(logins).await?;
            method = LoginMethod::Password;
        }
        let identity = found.ticket(logins, method).await?;
        Ok(identity.ticket.as_str().to_owned())
    });
    task.await.unwrap_or(Err(LoginError::TicketInvalid))
}

fn browser(app: &App, site: &Site, headers: &HeaderMap) -> Result<Option<Browser>, Response> {
    let cookie = site.cookie(app, headers, Kind::Browser)?;
    Ok(cookie.as_deref().and_then(Browser::parse))
}

async fn find(
    app: &App,
    site: &Site,
    token: &str,
    headers: &HeaderMap,
) -> Result<Waiting, Response> {
    let browser = browser(app, site, headers)?;
    waiting(&app.logins, &site.account.id, token, browser.as_ref())
        .await
        .map_err(|error| failure::at_site(app, site, &error, None))
}

/// The page for the code.
fn code_page(app: &App, site: &Site, token: &str, login: &Waiting, again: &Again) -> Response {
    let (left, weak, typed) = match again {
        Again::No => (None, None, ""),
        Again::Wrong(left) => (Some(*left), None, ""),
        Again::Weak(why, typed) => (None, Some(*why), typed.as_str()),
    };
    let waits = login.return_to.waiting_token(&app.logins.public_url);
    let langs = Lang::ALL.map(|lang| LangLink {
        lang,
        href: format!("access-key?login={token}&lang={}", lang.tag()),
    });
    let page = CodePage {
        login: token.to_owned(),
        email: login.email.clone(),
        return_to: login.return_to.as_str().to_owned(),
        other_href: format!(
            "login?lang={}&return_to={}",
            site.lang.tag(),
            failure::encode(login.return_to.as_str())
        ),
        minutes: CODE_LIFETIME.as_secs() / 60,
        left,
        new_password: login.sets_password.then_some(site.account.login.rules.rule),
        weak,
        typed: typed.to_owned(),
        tries: TRIES,
        late: app.mail.is_late(),
        // Browsers hold the redirects that follow a form to its policy.
        redirects: waits.is_none().then(|| {
            let stores = site.account.stores.iter();
            stores.map(StoreFront::home).collect()
        }),
        langs: langs.to_vec(),
    };
    let status = match again {
        Again::No => StatusCode::OK,
        Again::Wrong(_) => StatusCode::FORBIDDEN,
        Again::Weak(..) => StatusCode::BAD_REQUEST,
    };
    html(status, app.pages.code(&site.look(), site.lang, &page))
}
