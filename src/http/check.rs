//! `check`: the question that a proxy asks before it lets a request through.
//!
//! nginx asks at `check` itself (`auth_request`), with a GET. Traefik, Caddy and
//! other proxies ask there too, and tell in `X-Forwarded-…` what was asked of them. Envoy
//! (`ext_authz` over HTTP) asks with the method of the request, and with its path
//! behind `check`.

use std::borrow::Cow;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use super::problem::Problem;
use super::session::current;
use super::site::Site;
use super::{App, Shared, failure, redirect};
use crate::account::{StoreFront, UnverifiedEmail};
use crate::base::ErrorCode;
use crate::login::ReturnTo;
use crate::protocol::form::Pairs;
use crate::session::Session;

/// The most characters of a name in a header.
const MAX_NAME: usize = 256;
/// The most characters of a host that an error repeats.
const MAX_HOST: usize = 255;
/// The options of a question, for proxies that cannot write them into its address.
const OPTIONS: HeaderName = HeaderName::from_static("x-auth-check");
/// All but the unreserved characters of RFC 3986 §2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A question, and what it is about.
struct Question {
    site: Site,
    /// What `X-Auth-Check` says; it goes before the query.
    options: Pairs,
    headers: HeaderMap,
    method: Method,
    /// What stands behind `check` in the address, with the query: a page of the store.
    page: Option<String>,
}

/// `check`, with any method, and with any path behind it.
///
/// It is asked at every request to a store's protected pages, so it takes the
/// request itself: the extractors of its parts would copy them.
pub(super) async fn check(State(app): State<Shared>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match answer(&app, parts).await {
        Ok(answer) | Err(answer) => answer,
    }
}

async fn answer(app: &App, parts: Parts) -> Result<Response, Response> {
    let Parts {
        uri,
        headers,
        method,
        ..
    } = parts;
    let path = uri.path();
    let (account, page) = path
        .strip_prefix("/accounts/")
        .and_then(|rest| rest.split_once('/'))
        .map(|(account, rest)| (account, rest.strip_prefix("check").unwrap_or_default()))
        .unwrap_or_default();
    let page = (!page.is_empty()).then(|| match uri.query() {
        Some(query) => format!("{page}?{query}"),
        None => page.to_owned(),
    });
    let site = Site::read(app, account, &uri, &headers).await?;
    let options = match headers.get(OPTIONS) {
        None => Pairs::default(),
        Some(value) => value
            .to_str()
            .ok()
            .and_then(|text| Pairs::parse(text).ok())
            .ok_or_else(|| refused("`X-Auth-Check` is not a query, as in `redirect=true`"))?,
    };
    let question = Question {
        site,
        options,
        headers,
        method,
        page,
    };
    question.answer(app).await
}

fn refused(why: &'static str) -> Response {
    Problem::new(ErrorCode::RequestInvalid, why).into_response()
}

impl Question {
    async fn answer(&self, app: &App) -> Result<Response, Response> {
        // A proxy that names a host means a store. One that names none may well hide it,
        // and who has a session needs none.
        let told = self.told_host();
        if let Some(named) = &told
            && self.store_of(named).is_none()
        {
            return Err(unknown_host(named));
        }
        match current(app, &self.site, &self.headers).await? {
            Some((_, session)) => {
                let email = self.email(&session)?;
                self.allowed(&session, email)
            }
            None if self.option("redirect") == Some("true") && !self.is_script() => {
                self.to_login(app, told.as_deref())
            }
            None => Err(Problem::new(
                ErrorCode::SessionNone,
                "nobody is logged in; send the browser to `login`",
            )
            .into_response()),
        }
    }

    /// An option of the question.
    fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).or_else(|| self.site.query.get(name))
    }

    fn header(&self, name: &'static str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The whole address that was asked for, where a proxy tells it (ingress-nginx).
    fn original_url(&self) -> Option<Url> {
        let url = Url::parse(self.header("x-original-url")?).ok()?;
        url.has_host().then_some(url)
    }

    /// The host that a proxy says it was asked for; of several the first, which is
    /// what the first of several proxies wrote.
    fn told_host(&self) -> Option<Cow<'_, str>> {
        if let Some(value) = self.headers.get("x-forwarded-host") {
            let text = String::from_utf8_lossy(value.as_bytes());
            let first = text.split(',').next().unwrap_or_default().trim();
            return Some(first.to_owned().into());
        }
        let url = self.original_url()?;
        let authority = url.authority();
        Some(authority.to_owned().into())
    }

    /// The account's store at a host, by the scheme that was asked for where it has
    /// both. It chooses among the account's own stores only, so it does no harm if a
    /// stranger named it.
    fn store_of(&self, host: &str) -> Option<&StoreFront> {
        let proto = self.header("x-forwarded-proto").unwrap_or("https");
        let stores = || {
            let all = self.site.account.stores.iter();
            all.filter(|store| store.is_host(host))
        };
        stores()
            .find(|store| store.is_https() == proto.eq_ignore_ascii_case("https"))
            .or_else(|| stores().next())
    }

    /// Whether what asks is a program of the page and not a visitor on their way to
    /// one: it would follow a redirect to a page that it cannot use, and what its
    /// POST had in it would be gone.
    fn is_script(&self) -> bool {
        let method = self
            .header("x-forwarded-method")
            .or_else(|| self.header("x-original-method"))
            .unwrap_or(self.method.as_str());
        if !matches!(method, "GET" | "HEAD") {
            return true;
        }
        let mode = self.header("sec-fetch-mode");
        if mode.is_some_and(|mode| mode != "navigate") {
            return true;
        }
        // Browsers inside Android programs send the program's name here, with dots.
        if self
            .header("x-requested-with")
            .is_some_and(|who| !who.contains('.'))
        {
            return true;
        }
        self.header("accept").is_some_and(|all| !takes_html(all))
    }

    /// The email that may be handed on, by what the question or else the account says
    /// of emails that nobody vouched for (threat F2).
    fn email<'s>(&self, session: &'s Session) -> Result<Option<&'s str>, Response> {
        let account = self.site.account.unverified_email;
        let rule = match self.option("unverified_email").map(str::parse) {
            None => account,
            Some(Ok(rule)) => account.max(rule),
            Some(Err(error)) => return Err(refused(error)),
        };
        match rule {
            _ if session.email_verified => Ok(Some(&session.email)),
            UnverifiedEmail::Mark => Ok(Some(&session.email)),
            UnverifiedEmail::Withhold => Ok(None),
            UnverifiedEmail::Refuse => Err(Problem::new(
                ErrorCode::SessionEmailUnverified,
                "nobody vouched for the email of who is logged in; they have to log in through a provider that does",
            )
            .into_response()),
        }
    }

    /// How names are written: names may be in any script, and header values are bytes.
    fn name<'n>(&self, name: &'n str) -> Result<Cow<'n, str>, Response> {
        match self.option("name_encoding") {
            None | Some("utf-8") => Ok(name.into()),
            Some("percent") => Ok(utf8_percent_encode(name, ENCODED).into()),
            Some(_) => Err(refused("`name_encoding` is `utf-8` or `percent`")),
        }
    }

    fn allowed(&self, session: &Session, email: Option<&str>) -> Result<Response, Response> {
        // Proxies have room for a few KB of headers in all.
        let name = session.name.as_deref().unwrap_or_default();
        let short: String = name.chars().take(MAX_NAME).collect();
        let name = self.name(&short)?;
        let mut response = StatusCode::OK.into_response();
        let headers = response.headers_mut();
        let mut set = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.insert(HeaderName::from_static(name), value);
            }
        };
        set("x-auth-user", &session.user.to_string());
        if let Some(email) = email {
            set("x-auth-email", email);
            let verified = session.email_verified;
            set(
                "x-auth-email-verified",
                if verified { "true" } else { "false" },
            );
        }
        set("x-auth-provider", session.method.as_str());
        if let Some(id) = &session.provider_user_id {
            set("x-auth-provider-user", id);
        }
        set("x-auth-name", &name);
        Ok(response)
    }

    /// Sends the browser to the login of the store that it is at, and from there back
    /// to the page. What is told of both is checked as any `return_to`.
    fn to_login(&self, app: &App, told: Option<&str>) -> Result<Response, Response> {
        let missing = || failure::coded(app, &self.site, ErrorCode::LoginStoreMissing, None);
        if self.site.account.stores.is_empty() {
            return Err(missing());
        }
        let named = self.headers.get(header::HOST);
        let named = told.or_else(|| named.and_then(|value| value.to_str().ok()));
        let named = named.unwrap_or_default();
        let store = self.store_of(named).ok_or_else(|| unknown_host(named))?;
        let original = self.original_url().map(|url| {
            let query = url.query().map(|query| format!("?{query}"));
            format!("{}{}", url.path(), query.unwrap_or_default())
        });
        let asked = match &self.page {
            // Its query is the page's own.
            Some(page) => self.options.get("return_to").or(Some(page)),
            None => self
                .option("return_to")
                .or_else(|| self.header("x-forwarded-uri"))
                .or_else(|| self.header("x-original-uri"))
                .or(original.as_deref()),
        };
        let account = &self.site.account;
        let (return_to, store) = ReturnTo::parse(asked, account, store)
            .or_else(|_| ReturnTo::parse(None, account, store))
            .map_err(|_| missing())?;
        let endpoint = format!("login?return_to={}", failure::encode(return_to.as_str()));
        Ok(redirect(StatusCode::FOUND, &store.url(&endpoint)))
    }
}

/// Whether an `Accept` header takes HTML (RFC 9110 §12.5.1).
fn takes_html(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let html = ["text/html", "application/xhtml+xml", "text/*", "*/*"];
        let refused = parts.any(|parameter| {
            parameter
                .strip_prefix("q=")
                .is_some_and(|weight| weight.parse() == Ok(0.0))
        });
        html.iter().any(|html| kind.eq_ignore_ascii_case(html)) && !refused
    })
}

fn unknown_host(host: &str) -> Response {
    let shown: String = host
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_HOST)
        .collect();
    Problem::new(
        ErrorCode::SessionUnknownHost,
        format!(
            "none of the account's stores has the host `{shown}`: add the store, or let the proxy send the host that the browser asked for as `Host` or `X-Forwarded-Host`"
        ),
    )
    .into_response()
}
