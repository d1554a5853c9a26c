//! `POST /login`: who is it? And `/logout`: forget it.

use hyper::{Method, header};

use crate::answer::Answer;
use crate::authorize::{AuthorizationRequest, BROWSER_COOKIE, browser, redirect_allowed};
use crate::config::Config;
use crate::id_token::now;
use crate::login_page::{self, LoginPage};
use crate::params::{Params, encode};
use crate::request::Request;
use crate::state::{Seen, Shared};

/// Checks what was typed. The authorization request travels in the hidden field `request`, and
/// is checked again: a form field is anybody's to write.
pub(crate) fn answer(shared: &Shared, config: &Config, request: &Request) -> Answer {
    if request.method != Method::POST {
        return Answer::method_not_allowed("POST");
    }
    let form = Params::form(&request.body);
    let carried = Params::form(form.get("request").unwrap_or_default().as_bytes());
    let asked = match AuthorizationRequest::check(shared, config, &carried, true) {
        Ok(asked) => asked,
        Err(answer) => return *answer,
    };
    if form.get("action") == Some("deny") {
        return asked.refuse(shared, config, "access_denied", "the user said no");
    }
    let username = form.get("username").unwrap_or_default();
    let password = form.get("password").unwrap_or_default();
    let known = config
        .account(username)
        .is_some_and(|account| account.password == password && !password.is_empty());
    if !known {
        return login_page::login(
            config,
            &LoginPage {
                client_id: &asked.client_id,
                request: &asked.encoded,
                username,
                message: Some("That user name and password do not match. Try again."),
            },
        );
    }
    let seen = Seen {
        username: username.to_owned(),
        at: now(),
    };
    let cookie = shared.remember_browser(seen.clone());
    asked
        .grant(shared, config, seen)
        .with(header::SET_COOKIE, set_cookie(&cookie, 86_400))
}

/// Forgets the browser, and sends it on where `post_logout_redirect_uri` says.
pub(crate) fn logout(shared: &Shared, config: &Config, request: &Request) -> Answer {
    if request.method != Method::GET && request.method != Method::POST {
        return Answer::method_not_allowed("GET, POST");
    }
    if let Some(cookie) = browser(request) {
        shared.forget_browser(cookie);
    }
    let mut params = request.query.clone();
    params.extend(Params::form(&request.body));
    let registered = params
        .get("client_id")
        .and_then(|id| config.client(id))
        .map(|client| client.redirect_uris)
        .unwrap_or_default();
    let answer = match params.get("post_logout_redirect_uri") {
        // A logout's target is another URI than a login's: a client's list counts if it names
        // it, and else the rule for clients without a list does.
        Some(uri) if redirect_allowed(uri, registered) || redirect_allowed(uri, &[]) => {
            let after_post = request.method == Method::POST;
            match params.get("state") {
                None => Answer::redirect(after_post, uri),
                Some(state) => {
                    let joint = if uri.contains('?') { '&' } else { '?' };
                    let state = encode(&[("state".to_owned(), state.to_owned())]);
                    Answer::redirect(after_post, &format!("{uri}{joint}{state}"))
                }
            }
        }
        _ => login_page::logged_out(),
    };
    answer.with(header::SET_COOKIE, set_cookie("", 0))
}

fn set_cookie(value: &str, seconds: u32) -> String {
    format!("{BROWSER_COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax")
}
