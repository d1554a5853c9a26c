//! `GET|POST /authorize`: the front door.

use std::net::IpAddr;
use std::time::Duration;

use cookie::Cookie;
use hyper::{Method, StatusCode, header};
use url::{Host, Url};

use crate::answer::Answer;
use crate::callback::{Callback, Mode, Outcome};
use crate::config::Config;
use crate::id_token::now;
use crate::login_page::{self, LoginPage};
use crate::params::Params;
use crate::pushed;
use crate::request::Request;
use crate::signature::Signed;
use crate::state::{Code, Seen, Shared};

/// The cookie that remembers a logged-in browser.
pub(crate) const BROWSER_COOKIE: &str = "mock_idp_session";

/// A valid authorization request.
pub(crate) struct AuthorizationRequest {
    pub(crate) client_id: String,
    pub(crate) callback: Callback,
    /// As it came, to travel through the login form.
    pub(crate) encoded: String,
    pub(crate) login_hint: Option<String>,
    prompt: Option<String>,
    /// How long ago they may have logged in, in seconds.
    max_age: Option<u64>,
    scope: String,
    nonce: Option<String>,
    challenge: Option<String>,
    /// The thumbprint of the key that it was pushed with.
    bound_to: Option<String>,
}

/// Answers at once if the browser is known, else with the login form.
pub(crate) fn answer(shared: &Shared, config: &Config, request: &Request) -> Answer {
    let mut params = request.query.clone();
    if request.method == Method::POST {
        params.extend(Params::form(&request.body));
    } else if request.method != Method::GET {
        return Answer::method_not_allowed("GET, POST");
    }
    let after_post = request.method == Method::POST;
    let params = match pushed::resolve(shared, config, &params) {
        Ok(params) => params,
        Err(why) => return login_page::error(StatusCode::BAD_REQUEST, &why),
    };
    let signed = Signed {
        shared,
        config,
        request,
        params: &params,
    };
    if let Some(lack) = signed.lacks(config.authorize.signature.as_ref()) {
        return login_page::error(StatusCode::BAD_REQUEST, &lack);
    }
    let asked = match AuthorizationRequest::check(shared, config, &params, after_post) {
        Ok(asked) => asked,
        Err(answer) => return *answer,
    };
    let prompt = asked.prompt.as_deref().unwrap_or_default();
    let known = browser(request)
        .and_then(|cookie| shared.browser(cookie))
        .filter(|seen| config.account(&seen.username).is_some())
        .filter(|seen| {
            asked
                .max_age
                .is_none_or(|age| now().saturating_sub(seen.at) < age)
        });
    match known {
        Some(seen) if !matches!(prompt, "login" | "select_account") => {
            asked.grant(shared, config, seen)
        }
        _ if prompt == "none" => {
            asked.refuse(shared, config, "login_required", "nobody is logged in here")
        }
        _ => login_page::login(
            config,
            &LoginPage {
                client_id: &asked.client_id,
                request: &asked.encoded,
                username: asked.login_hint.as_deref().unwrap_or_default(),
                message: None,
            },
        ),
    }
}

/// The browser's cookie.
pub(crate) fn browser(request: &Request) -> Option<&str> {
    let header = request.header(header::COOKIE)?;
    Cookie::split_parse(header)
        .flatten()
        .find(|cookie| cookie.name() == BROWSER_COOKIE)
        .and_then(|cookie| cookie.value_raw())
}

impl AuthorizationRequest {
    /// Checks a request. Until client and redirect URI are known to be good, a refusal is a page:
    /// an error must not become a redirector.
    pub(crate) fn check(
        shared: &Shared,
        config: &Config,
        params: &Params,
        after_post: bool,
    ) -> Result<Self, Box<Answer>> {
        let names = &config.authorize;
        let page = |text: &str| Box::new(login_page::error(StatusCode::BAD_REQUEST, text));
        for name in [&names.client_id, &names.redirect_uri] {
            if params.repeats(name) {
                return Err(page(&format!("The parameter {name} came twice.")));
            }
        }
        let Some(client_id) = params.get(&names.client_id) else {
            return Err(page(&format!(
                "The parameter {} is missing.",
                names.client_id
            )));
        };
        let Some(client) = config.client(client_id) else {
            return Err(page(&format!("There is no client {client_id} here.")));
        };
        let Some(redirect_uri) = params.get(&names.redirect_uri) else {
            return Err(page(&format!(
                "The parameter {} is missing.",
                names.redirect_uri
            )));
        };
        if !redirect_allowed(redirect_uri, client.redirect_uris) {
            return Err(page(&format!(
                "The redirect URI {redirect_uri} is not registered for the client {client_id}."
            )));
        }
        let response_mode = params.get("response_mode");
        let asked = Self {
            client_id: client_id.to_owned(),
            callback: Callback {
                redirect_uri: redirect_uri.to_owned(),
                state: params
                    .get(&names.state)
                    .filter(|_| !names.state_dropped)
                    .map(str::to_owned),
                mode: match response_mode {
                    Some("form_post") => Mode::FormPost,
                    Some("fragment") => Mode::Fragment,
                    _ => Mode::Query,
                },
                after_post,
            },
            encoded: params.encode(),
            login_hint: params.get("login_hint").map(str::to_owned),
            prompt: params.get("prompt").map(str::to_owned),
            max_age: params.get("max_age").and_then(|age| age.parse().ok()),
            scope: params.get(&names.scope).unwrap_or_default().to_owned(),
            nonce: params.get("nonce").map(str::to_owned),
            challenge: params.get("code_challenge").map(str::to_owned),
            bound_to: params.get("dpop_jkt").map(str::to_owned),
        };
        match asked.objection(config, params) {
            Some((error, description)) => {
                Err(Box::new(asked.refuse(shared, config, error, &description)))
            }
            None => Ok(asked),
        }
    }

    /// What is wrong with the rest of the request.
    fn objection(&self, config: &Config, params: &Params) -> Option<(&'static str, String)> {
        let invalid = |text: String| Some(("invalid_request", text));
        if let Some(name) = params.duplicate() {
            return invalid(format!("the parameter {name} came twice"));
        }
        match params.get("response_type") {
            Some("code") => {}
            Some(other) => {
                let text = format!("response_type must be code, not {other}");
                return Some(("unsupported_response_type", text));
            }
            None if config.authorize.response_type_required => {
                return invalid("the parameter response_type is missing".into());
            }
            None => {}
        }
        if config.authorize.state_required && self.callback.state.is_none() {
            return invalid(format!(
                "the parameter {} is missing",
                config.authorize.state
            ));
        }
        if let (Some(limit), Some(state)) = (config.authorize.state_limit, &self.callback.state)
            && (state.len() > limit || !state.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        {
            return invalid(format!("a state has at most {limit} letters and digits"));
        }
        if let Some(lack) = params.lacks(&config.authorize.required_parameters) {
            return invalid(lack);
        }
        match (&self.challenge, params.get("code_challenge_method")) {
            (Some(_), Some("plain")) if config.pkce_plain => None,
            (Some(_), _) if config.pkce_plain => {
                invalid("code_challenge_method must be plain".into())
            }
            (Some(challenge), Some("S256")) if challenge.len() == 43 => None,
            (Some(_), Some("S256")) => invalid("code_challenge must have 43 characters".into()),
            (Some(_), _) => invalid("code_challenge_method must be S256".into()),
            (None, _) if config.pkce_required => {
                invalid("the parameter code_challenge is missing".into())
            }
            (None, _) => None,
        }
    }

    /// Sends the browser back with a code.
    pub(crate) fn grant(self, shared: &Shared, config: &Config, seen: Seen) -> Answer {
        let code = Code {
            seen,
            client_id: self.client_id,
            redirect_uri: self.callback.redirect_uri.clone(),
            scope: self.scope,
            nonce: self.nonce,
            challenge: self.challenge,
            bound_to: self.bound_to,
            used_for: None,
        };
        let code = shared.issue_code(code, Duration::from_secs(config.code_lifetime));
        self.callback.answer(shared, config, Outcome::Code(code))
    }

    /// Sends the browser back with an error.
    pub(crate) fn refuse(
        &self,
        shared: &Shared,
        config: &Config,
        error: &str,
        description: &str,
    ) -> Answer {
        let outcome = Outcome::Error { error, description };
        self.callback.answer(shared, config, outcome)
    }
}

/// Whether the browser may be sent there: a registered URI, exactly; with none registered, any
/// https or loopback one.
pub(crate) fn redirect_allowed(uri: &str, registered: &[String]) -> bool {
    // The URI goes into a header as it came: nothing in it may be more than a character.
    if !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    if !registered.is_empty() {
        return registered.iter().any(|known| known == uri);
    }
    let Ok(url) = Url::parse(uri) else {
        return false;
    };
    if url.fragment().is_some() {
        return false;
    }
    match url.scheme() {
        "https" => true,
        "http" => match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
            Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
            None => false,
        },
        _ => false,
    }
}
