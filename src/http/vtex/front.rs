//! A request of a front end that speaks VTEX ID: which account and store it is for,
//! and what it says, in whichever of the forms that clients use.

use std::collections::HashMap;
use std::net::IpAddr;

use axum::extract::{FromRequest, FromRequestParts, Multipart, RawPathParams, Request};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use serde_json::Value;

use super::super::cookies::Kind;
use super::super::server::ClientAddress;
use super::super::site::{Site, from_page_at, host};
use super::super::{App, MAX_BODY};
use super::answer::{failed, names, refused};
use crate::account::{StoreFront, origins};
use crate::base::{AccountId, Lang};
use crate::login::ReturnTo;
use crate::login::pending::Browser;
use crate::login::vtex::LoginToken;
use crate::session::Session;

/// The most fields of a request.
const MAX_FIELDS: usize = 100;
/// What is read of a body alone, in lower case.
const SECRETS: [&str; 7] = [
    "password",
    "newpassword",
    "currentpassword",
    "apptoken",
    "accesstoken",
    "secret",
    "ott",
];
/// What the names of cookies with the session's token begin with, in lower case.
const COOKIE: &str = "vtexidclientautcookie";

/// A request, read.
pub(in crate::http) struct Front {
    pub site: Site,
    /// The store it is for.
    pub store: StoreFront,
    pub headers: HeaderMap,
    pub client: Option<ClientAddress>,
    fields: HashMap<String, String>,
    places: HashMap<String, String>,
}

impl Front {
    /// Reads a request; what it is not for is answered.
    pub async fn read(app: &App, request: Request) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let places = RawPathParams::from_request_parts(&mut parts, &())
            .await
            .map_err(|_| bad_request())?;
        let places: HashMap<String, String> = places
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let (uri, headers, method) = (
            parts.uri.clone(),
            parts.headers.clone(),
            parts.method.clone(),
        );
        let client = parts.extensions.get::<ClientAddress>().copied();
        let mut fields = HashMap::new();
        keep_form(&mut fields, uri.query().unwrap_or_default());
        // An address is written down in many places.
        fields.retain(|name, _| !SECRETS.contains(&name.as_str()));
        if method != Method::GET {
            let request = Request::from_parts(parts, body);
            read_body(&mut fields, &headers, request).await?;
        }
        if fields.len() > MAX_FIELDS {
            return Err(bad_request());
        }
        let account = resolve(app, places.get("account"), &uri, &headers, &fields).await?;
        // Its own reading of the query refuses what clients of VTEX ID may send.
        let bare: Uri = uri.path().parse().map_err(|_| bad_request())?;
        let site = Site::read(app, account.as_str(), &bare, &headers)
            .await
            .map_err(|_| not_here())?;
        if !site.account.login.vtex_compatible {
            return Err(not_here());
        }
        let store = site.here.as_ref().or_else(|| site.account.stores.first());
        let store = store.cloned().ok_or_else(not_here)?;
        if method != Method::GET && !from_page_at(&store.origin, &headers) {
            let why = "this comes from a page of another site";
            return Err(refused(StatusCode::FORBIDDEN, "Error", why));
        }
        Ok(Self {
            site,
            store,
            headers,
            client,
            fields,
            places,
        })
    }

    /// What a request says under the first of these names that it has, in lower case.
    pub fn get(&self, names: &[&str]) -> Option<&str> {
        let mut found = names.iter().filter_map(|name| self.fields.get(*name));
        found.find(|text| !text.is_empty()).map(String::as_str)
    }

    /// Whose login it is.
    pub fn email(&self) -> &str {
        self.get(&["login", "email", "user"]).unwrap_or_default()
    }

    /// A part of the address.
    pub fn place(&self, name: &str) -> &str {
        self.places.get(name).map_or("", String::as_str)
    }

    /// The language that is asked for.
    pub fn lang(&self) -> Lang {
        match self.get(&["locale"]) {
            Some(locale) => Lang::choose(Some(locale), None),
            None => self.site.lang,
        }
    }

    /// Where the request comes from.
    pub fn from(&self) -> Option<IpAddr> {
        self.client.and_then(|client| client.ip)
    }

    /// The login that it goes on with.
    pub fn login(&self) -> Option<LoginToken> {
        let named = self.get(&["authenticationtoken"]);
        named
            .or_else(|| only_cookie(&self.headers, "_vss"))
            .and_then(LoginToken::parse)
    }

    /// What stands for the browser.
    pub fn browser(&self) -> Browser {
        let login = self.login();
        login.map_or_else(Browser::new, |login| login.browser())
    }

    /// An address to go to, checked; `Ok(None)` where none is given.
    pub fn address(&self, name: &str) -> Result<Option<ReturnTo>, Response> {
        let Some(text) = self.get(&[name]) else {
            return Ok(None);
        };
        match ReturnTo::parse(Some(text), &self.site.account, &self.store) {
            Ok((address, _)) => Ok(Some(address)),
            Err(_) => {
                let why = format!("`{name}` leads off the account's stores");
                Err(refused(StatusCode::BAD_REQUEST, "Error", &why))
            }
        }
    }

    /// The session, by whichever of its tokens there is: a header, one of the cookies
    /// of VTEX ID, or our own.
    pub async fn session(
        &self,
        app: &App,
    ) -> Result<Option<(String, std::sync::Arc<Session>)>, Response> {
        if self.left(app) {
            return Ok(None);
        }
        self.any_session(app).await
    }

    /// The same, also of who removed a cookie to log out.
    pub async fn any_session(
        &self,
        app: &App,
    ) -> Result<Option<(String, std::sync::Arc<Session>)>, Response> {
        let own = self.site.cookie(app, &self.headers, Kind::Session)?;
        for token in tokens(&self.headers).into_iter().chain(own) {
            if let Some(session) = self.session_of(app, &token).await? {
                return Ok(Some((token, session)));
            }
        }
        Ok(None)
    }

    /// Whether somebody logged out by removing the cookie that bears the account's name
    /// and no other, as store-graphql does.
    fn left(&self, app: &App) -> bool {
        let [own, guid] = names(&app.logins.public_url, &self.site.account.id);
        let has = |wanted: &str| {
            cookies(&self.headers).any(|(name, _)| name.eq_ignore_ascii_case(wanted))
        };
        has(&guid) && !has(&own) && !self.headers.contains_key(COOKIE)
    }

    /// Whether a browser asks, and not a program.
    pub fn is_browser(&self) -> bool {
        let sent = |name: &str| self.headers.contains_key(name);
        sent("sec-fetch-site") || sent("origin")
    }

    /// The session of a token.
    pub async fn session_of(
        &self,
        app: &App,
        token: &str,
    ) -> Result<Option<std::sync::Arc<Session>>, Response> {
        let logins = &app.logins;
        let found =
            logins
                .sessions
                .find(&*logins.store, &self.site.account.id, token, logins.now());
        found.await.map_err(|why| failed(&why))
    }

    /// Whether a program or a page of the store itself asks, and not another site's.
    pub fn is_own(&self) -> bool {
        from_page_at(&self.store.origin, &self.headers)
    }
}

pub(super) fn bad_request() -> Response {
    let why = "the request cannot be read";
    refused(StatusCode::BAD_REQUEST, "Error", why)
}

/// The same for an account that is not there and one that has this switched off.
fn not_here() -> Response {
    let why = "there is no such account here, or it is not VTEX compatible";
    refused(StatusCode::NOT_FOUND, "Error", why)
}

fn keep(fields: &mut HashMap<String, String>, name: &str, value: String) {
    if fields.len() <= MAX_FIELDS {
        fields.insert(name.to_ascii_lowercase(), value);
    }
}

fn keep_form(fields: &mut HashMap<String, String>, text: &str) {
    for (name, value) in form_urlencoded::parse(text.as_bytes()).take(MAX_FIELDS) {
        keep(fields, &name, value.into_owned());
    }
}

/// Multipart, JSON, or a form; what is not said to be anything is read as a form.
async fn read_body(
    fields: &mut HashMap<String, String>,
    headers: &HeaderMap,
    request: Request,
) -> Result<(), Response> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    if kind.starts_with("multipart/form-data") {
        let parts = Multipart::from_request(request, &()).await;
        let mut parts = parts.map_err(|_| bad_request())?;
        while let Some(part) = parts.next_field().await.map_err(|_| bad_request())? {
            let name = part.name().unwrap_or_default().to_owned();
            keep(fields, &name, part.text().await.map_err(|_| bad_request())?);
        }
        return Ok(());
    }
    let bytes = axum::body::to_bytes(request.into_body(), MAX_BODY).await;
    let bytes = bytes.map_err(|_| bad_request())?;
    let text = std::str::from_utf8(&bytes).map_err(|_| bad_request())?;
    if kind.starts_with("application/json") {
        if ["", "null"].contains(&text.trim()) {
            return Ok(());
        }
        let Ok(Value::Object(members)) = serde_json::from_str(text) else {
            return Err(bad_request());
        };
        for (name, value) in members.into_iter().take(MAX_FIELDS) {
            match value {
                Value::String(text) => keep(fields, &name, text),
                Value::Bool(_) | Value::Number(_) => keep(fields, &name, value.to_string()),
                Value::Null | Value::Array(_) | Value::Object(_) => {}
            }
        }
        return Ok(());
    }
    keep_form(fields, text);
    Ok(())
}

/// Which account a request is for: that in the address, or the one whose store's host
/// the browser names. Where an origin has several, or at the broker's own host, the
/// request says which.
async fn resolve(
    app: &App,
    named: Option<&String>,
    uri: &Uri,
    headers: &HeaderMap,
    fields: &HashMap<String, String>,
) -> Result<AccountId, Response> {
    if let Some(named) = named {
        return named.parse().map_err(|_| not_here());
    }
    let host = host(headers, uri).unwrap_or_default().to_ascii_lowercase();
    let asked = |name: &str| fields.get(name)?.parse::<AccountId>().ok();
    let at_broker = app.logins.public_url.split("://").nth(1) == Some(&*host);
    let mut there = Vec::new();
    for scheme in ["https", "http"] {
        let origin = format!("{scheme}://{host}");
        let found = origins::accounts_at(&*app.logins.store, &origin).await;
        there.extend(found.map_err(|why| failed(&why))?);
    }
    // A scope may be a host or a word of the client's; the others name an account.
    for (name, binds) in [("an", true), ("accountname", true), ("scope", false)] {
        match asked(name) {
            Some(id) if at_broker || there.contains(&id) => return Ok(id),
            Some(_) if binds => return Err(not_here()),
            _ => {}
        }
    }
    let mut compatible = Vec::new();
    for id in there {
        let account = app.logins.accounts.get(&id).await;
        let account = account.map_err(|why| failed(&why))?;
        if account.is_some_and(|account| account.login.vtex_compatible) {
            compatible.push(id);
        }
    }
    compatible.dedup();
    match compatible.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(not_here()),
    }
}

/// The value of a cookie that is there once.
pub(super) fn only_cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut found = cookies(headers).filter(|(known, _)| *known == name);
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value)
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let all = headers.get_all(header::COOKIE).iter();
    all.filter_map(|header| header.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|piece| piece.trim_matches(' ').split_once('='))
}

/// The tokens of sessions that a request brings: clients differ in the name's case and
/// in what stands behind it. Each is looked at; a foreign one is none.
fn tokens(headers: &HeaderMap) -> Vec<String> {
    const MOST: usize = 8;
    let header = headers.get(COOKIE).and_then(|value| value.to_str().ok());
    let named = cookies(headers).filter(|(name, _)| {
        let head = name.get(..COOKIE.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(COOKIE))
    });
    let all = header.into_iter().chain(named.map(|(_, value)| value));
    let mut found: Vec<String> = all.map(str::to_owned).take(MOST).collect();
    found.dedup();
    found
}
