//! Codes that come by mail, and passwords.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::super::access_key::end;
use super::super::callback::end_issued;
use super::super::cookies::{self, Kind};
use super::super::login::end_old;
use super::super::{App, Shared};
use super::answer::{failed, failure, refused, success};
use super::front::Front;
use super::sessions::nobody;
use crate::account::{credential, directory};
use crate::base::Secret;
use crate::login::LoginError;
use crate::login::ReturnTo;
use crate::login::access_key::check::Checked;
use crate::login::finish::finish;
use crate::login::password::browsers;
use crate::login::password::check::{KnownPerson, SignIn, check};
use crate::login::password::set::{check_reuse, check_rule, set};
use crate::login::pending::Browser;
use crate::login::ticket::Place;
use crate::login::vtex::{LIFETIME, again, check_code, send_code};
use crate::session::renewal::Renewal;

fn off() -> Response {
    let why = "this account does not let people log in that way";
    refused(StatusCode::FORBIDDEN, "Error", why)
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped over errors")]
fn told(why: LoginError) -> Response {
    failure(&why, None)
}

/// `accesskey/send`
pub(super) async fn send(State(app): State<Shared>, request: Request) -> Response {
    let sent = async {
        let front = Front::read(&app, request).await?;
        if !front.site.takes_codes(&app) && !front.site.sets_passwords(&app) {
            return Err(off());
        }
        guard(&front)?;
        let token = front.login().ok_or(LoginError::StateUnknown);
        let token = token.map_err(told)?;
        let (to, lang, from) = (front.email(), front.lang(), front.from());
        let (account, store) = (&front.site.account, &front.store);
        send_code(&app.logins, account, store, &token, to, lang, from)
            .await
            .map_err(told)?;
        Ok(Json(json!({ "authStatus": "Success" })).into_response())
    };
    sent.await.unwrap_or_else(|answer: Response| answer)
}

/// What a `GET` does must not be another site's doing either.
fn guard(front: &Front) -> Result<(), Response> {
    if front.is_own() {
        return Ok(());
    }
    let why = "this comes from a page of another site";
    Err(refused(StatusCode::FORBIDDEN, "Error", why))
}

/// `accesskey/validate`. Some programs ask by `GET`: they read the answer's body, and no
/// link must log a browser in, so that has no cookies.
pub(super) async fn access_key(State(app): State<Shared>, request: Request) -> Response {
    let by_link = request.method() == Method::GET;
    let checked = async {
        let front = Front::read(&app, request).await?;
        if !front.site.takes_codes(&app) {
            return Err(off());
        }
        guard(&front)?;
        by_code(&app, &front, None).await
    };
    let mut answer = checked.await.unwrap_or_else(|answer: Response| answer);
    if by_link {
        answer.headers_mut().remove(header::SET_COOKIE);
    }
    answer
}

/// A login with the code that was sent, and with a password that is chosen by it.
async fn by_code(app: &Shared, front: &Front, new: Option<Secret>) -> Result<Response, Response> {
    let token = front.login().ok_or(LoginError::StateUnknown);
    let token = token.map_err(told)?;
    let account = &front.site.account;
    if let Some(new) = &new {
        check_rule(account, front.email(), new).map_err(told)?;
    }
    let typed = front.get(&["accesskey"]).unwrap_or_default();
    let (to, chosen) = (front.email(), new.as_ref());
    let checked = check_code(&app.logins, account, &token, to, typed, chosen).await;
    match checked.map_err(told)? {
        Checked::Right(proved) => {
            let ticket = end(app, &front.site, proved, new).await.map_err(told)?;
            complete(app, front, &ticket, &token.browser()).await
        }
        Checked::Wrong(left) => Err(failure(&LoginError::PasswordWrong, Some(left))),
        Checked::NoCode => Err(failure(&LoginError::PasswordWrong, None)),
    }
}

/// `classic/validate`
pub(super) async fn classic(State(app): State<Shared>, request: Request) -> Response {
    let checked = async {
        let front = Front::read(&app, request).await?;
        if !front.site.account.login.password {
            return Err(off());
        }
        let password = Secret::new(front.get(&["password"]).unwrap_or_default());
        let person = person(&app, &front, &password, false).await?;
        enter(&app, &front, person).await
    };
    checked.await.unwrap_or_else(|answer: Response| answer)
}

async fn person(
    app: &App,
    front: &Front,
    password: &Secret,
    to_change: bool,
) -> Result<KnownPerson, Response> {
    let known = front.site.cookie(app, &front.headers, Kind::Known)?;
    let sign_in = SignIn {
        account: &front.site.account,
        email: front.email(),
        password,
        from: front.from(),
        apart: front.client.is_some_and(|client| client.apart),
        browser: known.as_deref(),
        to_change,
    };
    check(&app.logins, sign_in).await.map_err(told)
}

/// `classic/setpassword`: with a code, or in place of the present one. All other
/// sessions end, also where the request does not ask for it.
pub(super) async fn set_password(State(app): State<Shared>, request: Request) -> Response {
    let done = async {
        let front = Front::read(&app, request).await?;
        let account = &front.site.account;
        if !account.login.password {
            return Err(off());
        }
        let new = Secret::new(front.get(&["newpassword"]).unwrap_or_default());
        let Some(present) = front.get(&["currentpassword"]) else {
            return by_code(&app, &front, Some(new)).await;
        };
        let logins = &app.logins;
        check_rule(account, front.email(), &new).map_err(told)?;
        let person = person(&app, &front, &Secret::new(present), true).await?;
        let user = person.user().clone();
        check_reuse(logins, account, &user.email, &new)
            .await
            .map_err(told)?;
        set(logins, account, &user, &new, front.lang())
            .await
            .map_err(told)?;
        end_issued(&app, &account.id, user.id).await.map_err(told)?;
        let person = person.again(logins).await.map_err(told)?;
        enter(&app, &front, person).await
    };
    done.await.unwrap_or_else(|answer: Response| answer)
}

/// `quickset`: a first password, for who is logged in with an email that was proved, and
/// has been for no longer than a login may take.
pub(super) async fn first_password(State(app): State<Shared>, request: Request) -> Response {
    let done = async {
        let front = Front::read(&app, request).await?;
        let account = &front.site.account;
        if !account.login.password {
            return Err(off());
        }
        let (_, session) = front.session(&app).await?.ok_or_else(nobody)?;
        let logins = &app.logins;
        let store = &*logins.store;
        let new = Secret::new(front.get(&["password"]).unwrap_or_default());
        check_rule(account, &session.email, &new).map_err(told)?;
        let found = directory::get(store, &account.id, session.user).await;
        let user = found.map_err(|why| failed(&why))?.ok_or_else(nobody)?.value;
        let recent = logins.now().since(session.authenticated_at()) < LIFETIME;
        let has = credential::get(store, &account.id, user.id).await;
        let has = has.map_err(|why| failed(&why))?.is_some();
        if has || !recent || !user.email_trusted || user.email != session.email {
            let why = "a first password takes a login by a proved email of the last ten minutes; for another one, call setpassword";
            return Err(refused(StatusCode::FORBIDDEN, "WrongCredentials", why));
        }
        set(logins, account, &user, &new, front.lang())
            .await
            .map_err(told)?;
        end_issued(&app, &account.id, user.id).await.map_err(told)?;
        let found = directory::get(store, &account.id, user.id).await;
        let user = found.map_err(|why| failed(&why))?.ok_or_else(nobody)?.value;
        let as_now = Renewal {
            user: user.id,
            generation: user.generation,
            method: session.method.clone(),
            authenticated_at: session.authenticated_at(),
        };
        let browser = front.browser();
        let ticket = again(logins, account, &front.store, &as_now, &browser).await;
        let ticket = ticket.map_err(told)?.ok_or_else(nobody)?;
        complete(&app, &front, ticket.as_str(), &browser).await
    };
    done.await.unwrap_or_else(|answer: Response| answer)
}

async fn enter(app: &Shared, front: &Front, person: KnownPerson) -> Result<Response, Response> {
    let logins = &app.logins;
    let account = &front.site.account;
    let browser = front.browser();
    let home = ReturnTo::parse(None, account, &front.store).map_err(|_| off())?;
    let place = Place::new(&front.store, &home.0, &browser);
    let user = person.user().id;
    let ticket = person.ticket(logins, place).await.map_err(told)?;
    let mut answer = complete(app, front, &ticket, &browser).await?;
    let known = front.site.cookie(app, &front.headers, Kind::Known)?;
    let remembered = browsers::remember(logins, &account.id, user, known.as_deref());
    if let Some(token) = remembered.await.map_err(|why| failed(&why))? {
        let (id, lifetime) = (&account.id, browsers::LIFETIME);
        let cookie = cookies::set(Kind::Known, id, &front.store, token.as_str(), lifetime);
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// The session begins in this answer.
pub(super) async fn complete(
    app: &App,
    front: &Front,
    ticket: &str,
    browser: &Browser,
) -> Result<Response, Response> {
    let logins = &app.logins;
    let account = &front.site.account;
    let finished = finish(logins, account, ticket, Some(browser))
        .await
        .map_err(told)?;
    end_old(app, &front.site, &front.headers, &finished.session).await?;
    let issuer = &logins.public_url;
    Ok(success(
        issuer,
        account,
        &front.store,
        logins.now(),
        &finished,
    ))
}
