//! A program that calls the authority: a connection that is kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use serde_json::Value;

use super::broker::{PASSWORD, SECRET, USER};
use super::browser::connect;
use super::turn::{Load, Work};

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Token,
    Refresh,
    Introspect,
}

impl Call {
    pub const ALL: [Self; 3] = [Self::Token, Self::Refresh, Self::Introspect];

    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "/connect/token, client_credentials",
            Self::Refresh => "/connect/token, refresh_token",
            Self::Introspect => "/connect/introspect",
        }
    }
}

/// A caller.
pub struct Caller {
    connection: SendRequest<Full<Bytes>>,
    host: String,
    basic: String,
    call: Call,
    /// The refresh token that counts, or the access token that is asked about.
    token: String,
}

impl Caller {
    /// Connects to the server on a port of this machine, as this application.
    pub async fn open(port: u16, client: &str, call: Call) -> Self {
        let mut caller = Self {
            connection: connect(port).await,
            host: format!("127.0.0.1:{port}"),
            basic: format!("Basic {}", STANDARD.encode(format!("{client}:{SECRET}"))),
            call,
            token: String::new(),
        };
        let member = match call {
            Call::Token => return caller,
            Call::Refresh => "refresh_token",
            Call::Introspect => "access_token",
        };
        let login = format!(
            "grant_type=password&username={USER}&password={PASSWORD}&scope=offline_access%20orders"
        );
        let answer = caller.post("/connect/token", login).await;
        caller.token = text(&answer, member);
        caller
    }

    async fn post(&mut self, path: &str, form: String) -> Bytes {
        let request = Request::post(path)
            .header(HOST, &self.host)
            .header(AUTHORIZATION, &self.basic)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(form.into()))
            .unwrap();
        self.connection.ready().await.unwrap();
        let answer = self.connection.send_request(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        assert_eq!(head.status, StatusCode::OK, "{path}: {body:?}");
        body
    }
}

impl Load for Caller {
    async fn once(&mut self, _: Work) {
        match self.call {
            Call::Token => {
                let form = "grant_type=client_credentials".to_owned();
                self.post("/connect/token", form).await;
            }
            Call::Refresh => {
                let form = format!("grant_type=refresh_token&refresh_token={}", self.token);
                let answer = self.post("/connect/token", form).await;
                self.token = text(&answer, "refresh_token");
            }
            Call::Introspect => {
                let form = format!("token={}", self.token);
                let answer = self.post("/connect/introspect", form).await;
                assert!(answer.starts_with(b"{") && find(&answer, b"\"active\":true"));
            }
        }
    }
}

fn text(json: &[u8], member: &str) -> String {
    let answer: Value = serde_json::from_slice(json).unwrap();
    answer[member].as_str().unwrap().to_owned()
}

fn find(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|part| part == what)
}
