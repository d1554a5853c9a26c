//! A login with a password, and `password`: who is logged in chooses another one.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;

use super::callback::end_issued;
use super::cookies::{self, Kind};
use super::pages::PasswordPage;
use super::posted::{Way, form, guard};
use super::server::ClientAddress;
use super::session::current;
use super::site::{Site, html};
use super::status::status;
use super::ways::{EmailField, login_page};
use super::{App, Shared, failure, redirect};
use crate::account::StoreFront;
use crate::base::{ErrorCode, LoginMethod, Secret};
use crate::login::identify::TICKET_LIFETIME;
use crate::login::password::browsers;
use crate::login::password::check::{SignIn, check};
use crate::login::password::set::{check_reuse, check_rule, set};
use crate::login::pending::Browser;
use crate::login::ticket::Place;
use crate::login::{LoginError, ReturnTo, Step};
use crate::protocol::form::Pairs;

/// A form with a password, and where it was posted.
pub(super) struct Posted<'a> {
    pub form: &'a Pairs,
    pub headers: &'a HeaderMap,
    pub client: Option<ClientAddress>,
    pub store: &'a StoreFront,
    pub return_to: &'a ReturnTo,
    pub browser: &'a Browser,
}

/// `POST login` with a password.
pub(super) async fn sign_in(
    app: &Shared,
    site: &Site,
    posted: Posted<'_>,
    place: Place,
) -> Result<Response, Response> {
    let email = posted.form.get("email").unwrap_or_default();
    let who = (&LoginMethod::Password, email);
    let fail = |error: LoginError| failure::by_email(app, site, &error, posted.return_to, who);
    let password = Secret::new(posted.form.get("password").unwrap_or_default());
    let known = site.cookie(app, posted.headers, Kind::Known)?;
    let sign_in = SignIn {
        account: &site.account,
        email,
        password: &password,
        from: posted.client.and_then(|client| client.ip),
        apart: posted.client.is_some_and(|client| client.apart),
        browser: known.as_deref(),
        to_change: false,
    };
    let person = match check(&app.logins, sign_in).await {
        Ok(person) => person,
        Err(
            error @ (LoginError::PasswordWrong
            | LoginError::PasswordWait { .. }
            | LoginError::PasswordExpired),
        ) => {
            // Who has to wait is answered without a look, as often as they ask.
            if !matches!(error, LoginError::PasswordWait { .. }) {
                failure::noted(app, site, &error, who);
            }
            let field = EmailField {
                typed: email,
                wrong: Some(&error),
                known: true,
            };
            let page = login_page(app, site, posted.headers, posted.return_to, field).await;
            return page.map_err(fail);
        }
        Err(error) => return Err(fail(error)),
    };
    let user = person.user().id;
    let ticket = person.ticket(&app.logins, place).await.map_err(fail)?;
    let remembered = browsers::remember(&app.logins, &site.account.id, user, known.as_deref());
    let remembered = remembered
        .await
        .map_err(|error| fail(Step::Callback.store()(error)))?;
    let mut answer = to_finish(site, posted.store, posted.browser, &ticket);
    if let Some(token) = remembered {
        let id = &site.account.id;
        answer.headers_mut().append(
            header::SET_COOKIE,
            cookies::set(
                Kind::Known,
                id,
                posted.store,
                token.as_str(),
                browsers::LIFETIME,
            ),
        );
    }
    Ok(answer)
}

/// To `finish`, in the browser that the ticket is for.
fn to_finish(site: &Site, store: &StoreFront, browser: &Browser, ticket: &str) -> Response {
    let to = store.url(&format!("finish?ticket={ticket}"));
    let mut answer = redirect(StatusCode::SEE_OTHER, &to);
    let id = &site.account.id;
    let cookie = cookies::set(Kind::Browser, id, store, browser.as_str(), TICKET_LIFETIME);
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    answer
}

/// `GET password`
pub(super) async fn ask(
    State(app): State<Shared>,
    Path(account): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = async {
        let site = Site::read(&app, &account, &uri, &headers).await?;
        let (return_to, store) = target(&app, &site, site.query.get("return_to"))?;
        if !site.account.login.password {
            return Err(failure::coded(
                &app,
                &site,
                ErrorCode::RequestNotFound,
                None,
            ));
        }
        let Some((_, session)) = current(&app, &site, &headers).await? else {
            let own = store.url("password");
            let to = format!("login?return_to={}", failure::encode(&own));
            return Ok(redirect(StatusCode::SEE_OTHER, &to));
        };
        Ok(page(&app, &site, &session.email, &return_to, None))
    };
    asked.await.unwrap_or_else(|answer: Response| answer)
}

fn target(app: &App, site: &Site, asked: Option<&str>) -> Result<(ReturnTo, StoreFront), Response> {
    let refuse = |code| failure::coded(app, site, code, None);
    let store = site
        .store()
        .ok_or_else(|| refuse(ErrorCode::LoginStoreMissing))?;
    let (return_to, store) = ReturnTo::parse(asked, &site.account, store)
        .map_err(|_| refuse(ErrorCode::LoginReturnToInvalid))?;
    Ok((return_to, store.clone()))
}

fn page(
    app: &App,
    site: &Site,
    email: &str,
    return_to: &ReturnTo,
    wrong: Option<&LoginError>,
) -> Response {
    let code = wrong.map(LoginError::code);
    let page = PasswordPage {
        email: email.to_owned(),
        return_to: return_to.as_str().to_owned(),
        rule: site.account.login.rules.rule,
        forgot: site.sets_passwords(app),
        wrong: code,
        redirects: site.account.stores.iter().map(StoreFront::home).collect(),
    };
    let page = app.pages.change_password(&site.look(), site.lang, &page);
    html(code.map_or(StatusCode::OK, status), page)
}

/// `POST password`: another one. All other sessions end, and this one begins anew.
pub(super) async fn changed(
    State(app): State<Shared>,
    Path(account): Path<String>,
    client: Option<Extension<ClientAddress>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let client = client.map(|Extension(client)| client);
    let changed = async {
        let site = Site::read(&app, &account, &uri, &headers).await?;
        let form = form(&app, &site, &body)?;
        let (return_to, store) = target(&app, &site, form.get("return_to"))?;
        guard(&app, &site, &store, &headers, Way::Password)?;
        let Some((_, session)) = current(&app, &site, &headers).await? else {
            return Ok(redirect(StatusCode::SEE_OTHER, "login"));
        };
        let fail = |error: LoginError| match error {
            LoginError::PasswordWrong
            | LoginError::PasswordWait { .. }
            | LoginError::PasswordWeak(_)
            | LoginError::PasswordUsed => {
                page(&app, &site, &session.email, &return_to, Some(&error))
            }
            error => failure::at_site(&app, &site, &error, None),
        };
        let new = Secret::new(form.get("new_password").unwrap_or_default());
        check_rule(&site.account, &session.email, &new).map_err(fail)?;
        let present = Secret::new(form.get("password").unwrap_or_default());
        let known = site.cookie(&app, &headers, Kind::Known)?;
        let sign_in = SignIn {
            account: &site.account,
            email: &session.email,
            password: &present,
            from: client.and_then(|client| client.ip),
            apart: client.is_some_and(|client| client.apart),
            browser: known.as_deref(),
            to_change: true,
        };
        let logins = &app.logins;
        let person = check(logins, sign_in).await.map_err(fail)?;
        let user = person.user().clone();
        if user.id != session.user {
            return Err(fail(LoginError::PasswordWrong));
        }
        check_reuse(logins, &site.account, &user.email, &new)
            .await
            .map_err(fail)?;
        set(logins, &site.account, &user, &new, site.lang)
            .await
            .map_err(fail)?;
        end_issued(&app, &site.account.id, user.id)
            .await
            .map_err(fail)?;
        let cookie = site.cookie(&app, &headers, Kind::Browser)?;
        let browser =
            Browser::beginning(cookie.as_deref().and_then(Browser::parse), store.is_https());
        let place = Place::new(&store, &return_to, &browser);
        let person = person.again(logins).await.map_err(fail)?;
        let ticket = person.ticket(logins, place).await.map_err(fail)?;
        Ok(to_finish(&site, &store, &browser, &ticket))
    };
    changed.await.unwrap_or_else(|answer: Response| answer)
}
