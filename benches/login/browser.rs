//! One virtual browser: a connection that is kept, and cookies handled by hand.

use std::error::Error;

use bytes::Bytes;
use http::header::{COOKIE, HOST, LOCATION, SET_COOKIE};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Body;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The people who take turns at one browser.
pub const USERS: usize = 20;

/// Connects to the server on a port of this machine.
pub async fn connect<B>(port: u16) -> SendRequest<B>
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (connection, driver) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(driver);
    connection
}

/// A browser.
pub struct Browser {
    connection: SendRequest<Empty<Bytes>>,
    host: String,
    account: String,
    /// Whose the request is, as a proxy in front says it.
    address: Option<String>,
    number: usize,
    logins: usize,
    /// The session cookie of the last login.
    session: String,
}

impl Browser {
    /// Connects to the server on a port of this machine.
    pub async fn open(port: u16, number: usize) -> Self {
        Self {
            connection: connect(port).await,
            host: format!("127.0.0.1:{port}"),
            account: "shop".to_owned(),
            address: None,
            number,
            logins: 0,
            session: String::new(),
        }
    }

    /// The same at another account, from another address.
    pub fn at(self, account: &str, address: &str) -> Self {
        Self {
            account: account.to_owned(),
            address: Some(address.to_owned()),
            ..self
        }
    }

    /// From another address from now on.
    pub fn moves(&mut self, address: &str) {
        self.address = Some(address.to_owned());
    }

    async fn get(&mut self, path: &str, cookie: &str) -> (StatusCode, HeaderMap) {
        let mut request = Request::get(path).header(HOST, &self.host);
        if !cookie.is_empty() {
            request = request.header(COOKIE, cookie);
        }
        if let Some(address) = &self.address {
            request = request.header("x-forwarded-for", address);
        }
        let request = request.body(Empty::new()).unwrap();
        self.connection.ready().await.unwrap();
        let answer = self.connection.send_request(request).await.unwrap();
        let (head, mut body) = answer.into_parts();
        while let Some(frame) = body.frame().await {
            frame.unwrap();
        }
        (head.status, head.headers)
    }

    /// A whole login, as far as the broker sees it: the provider's page, which
    /// costs the broker nothing, is left out.
    pub async fn log_in(&mut self) {
        let (binding, callback) = self.begin().await;
        let (status, headers) = self.get(&callback, &binding).await;
        assert_eq!(status, StatusCode::FOUND, "callback: {headers:?}");
        let finish = text(&headers, LOCATION.as_str());
        let at = finish
            .find("/accounts/")
            .unwrap_or_else(|| panic!("{finish}"));
        let finish = finish[at..].to_owned();
        let (status, headers) = self.get(&finish, &binding).await;
        assert_eq!(status, StatusCode::FOUND, "finish: {headers:?}");
        assert!(text(&headers, LOCATION.as_str()).ends_with("/orders"));
        self.session = cookie(&headers);
    }

    /// A login whose provider may not let it come to its end, or to its beginning: one
    /// that failed again and again is left alone for a while.
    pub async fn attempt(&mut self) {
        if let Ok((binding, callback)) = self.try_begin().await {
            self.get(&callback, &binding).await;
        }
    }

    /// The start of a login; gives the binding cookie and the address that the provider
    /// sends the browser to.
    pub async fn begin(&mut self) -> (String, String) {
        let begun = self.try_begin().await;
        begun.unwrap_or_else(|headers| panic!("login: {headers:?}"))
    }

    /// The same, or the answer's headers where no login begins.
    pub async fn try_begin(&mut self) -> Result<(String, String), HeaderMap> {
        let start = format!("/accounts/{}/login?return_to=%2Forders", self.account);
        let (status, headers) = self.get(&start, "").await;
        let begins =
            status == StatusCode::FOUND && text(&headers, LOCATION.as_str()).contains("state=");
        if !begins {
            return Err(headers);
        }
        let binding = cookie(&headers);
        let state = parameter(text(&headers, LOCATION.as_str()), "state=").to_owned();
        // Codes of real providers are about as long. The provider gives the
        // profile of whom the code names.
        let user = self.number * USERS + self.logins % USERS;
        self.logins += 1;
        let callback = format!(
            "/callback/{}/mock-idp?code=4%2F0AeanS0{user:0>64}&state={state}",
            self.account
        );
        Ok((binding, callback))
    }

    /// Asks whether the last login counts.
    pub async fn check(&mut self) {
        let session = std::mem::take(&mut self.session);
        let (status, headers) = self.get("/accounts/shop/check", &session).await;
        self.session = session;
        assert_eq!(status, StatusCode::OK, "check: {headers:?}");
        assert!(headers.contains_key("x-auth-user"));
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// Name and value of the cookie that is set.
fn cookie(headers: &HeaderMap) -> String {
    let set = text(headers, SET_COOKIE.as_str());
    set.split(';').next().unwrap_or_default().to_owned()
}

/// The value behind `name=` in a query.
pub fn parameter<'a>(query: &'a str, name: &str) -> &'a str {
    let at = query.find(name).unwrap_or_else(|| panic!("{query}"));
    let rest = &query[at + name.len()..];
    rest.split('&').next().unwrap_or_default()
}
