//! A visit to an application, as keycloak-benchmark's scenario `AuthorizationCode` has
//! it: a browser without a session is sent to log in and comes back with a code, the
//! application redeems it, refreshes its tokens, and a share of the visitors logs out.
//! The login is at the account's provider, whose page is left out.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE};
use http::request::Builder;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use serde_json::Value;

use super::broker::{AFTER_LOGOUT, CALLBACK, SECRET, VISITED};
use super::browser::{USERS, connect, parameter};
use super::turn::{Load, Work};

/// The verifier and its challenge of RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Redirects of one login, at most.
const REDIRECTS: usize = 10;

/// What a visit consists of beside the login and the code.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    /// How often the tokens are refreshed.
    pub refreshes: usize,
    /// How many visitors of a hundred log out.
    pub logouts: usize,
}

impl Scenario {
    pub const ALL: [Self; 3] = [
        Self {
            name: "authorization code",
            refreshes: 0,
            logouts: 0,
        },
        Self {
            name: "the same, one refresh",
            refreshes: 1,
            logouts: 0,
        },
        Self {
            name: "the same, all log out",
            refreshes: 1,
            logouts: 100,
        },
    ];
}

/// A browser, and the application behind it, by one connection that is kept.
pub struct Visitor {
    connection: SendRequest<Full<Bytes>>,
    host: String,
    cookies: BTreeMap<String, String>,
    number: usize,
    visits: usize,
    scenario: Scenario,
}

impl Visitor {
    /// Connects to the server on a port of this machine.
    pub async fn open(port: u16, number: usize, scenario: Scenario) -> Self {
        Self {
            connection: connect(port).await,
            host: format!("127.0.0.1:{port}"),
            cookies: BTreeMap::new(),
            number,
            visits: 0,
            scenario,
        }
    }

    async fn send(&mut self, request: Builder, body: String) -> (StatusCode, HeaderMap, Bytes) {
        let request = request
            .header(HOST, &self.host)
            .body(Full::new(body.into()));
        self.connection.ready().await.unwrap();
        let answer = self.connection.send_request(request.unwrap()).await;
        let (head, body) = answer.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status, head.headers, body)
    }

    /// Where the browser is sent from an address.
    async fn follow(&mut self, path: &str) -> String {
        let cookies = self.cookies.iter();
        let cookies: Vec<_> = cookies
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = Request::get(path);
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        let (status, headers, body) = self.send(request, String::new()).await;
        assert!(status.is_redirection(), "{path}: {status} {body:?}");
        for set in headers.get_all(SET_COOKIE) {
            let set = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = set.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        headers[LOCATION].to_str().unwrap().to_owned()
    }

    /// The code that the application is given in the end.
    async fn authorize(&mut self) -> String {
        let mut path = format!(
            "/connect/authorize?response_type=code&client_id={VISITED}&redirect_uri={CALLBACK}&scope=openid%20email%20profile%20offline_access&state=visit&code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        for _ in 0..REDIRECTS {
            let to = self.follow(&path).await;
            if to.starts_with(CALLBACK) {
                return parameter(&to, "code=").to_owned();
            }
            let own = format!("http://{}", self.host);
            path = match to.strip_prefix(&own) {
                Some(path) => path.to_owned(),
                None if to.starts_with('/') => to,
                // The provider: it sends the browser back with a code.
                None => {
                    let user = self.number * USERS + self.visits % USERS;
                    let state = parameter(&to, "state=");
                    format!("/callback/shop/mock-idp?code=4%2F0AeanS0{user:0>64}&state={state}")
                }
            };
        }
        panic!("no code after {REDIRECTS} redirects: {path}");
    }

    async fn tokens(&mut self, form: String) -> Value {
        let basic = STANDARD.encode(format!("{VISITED}:{SECRET}"));
        let request = Request::post("/connect/token")
            .header(AUTHORIZATION, format!("Basic {basic}"))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let (status, _, body) = self.send(request, form).await;
        assert_eq!(status, StatusCode::OK, "{body:?}");
        serde_json::from_slice(&body).unwrap()
    }
}

impl Load for Visitor {
    async fn once(&mut self, _: Work) {
        self.cookies.clear();
        let code = self.authorize().await;
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}"
        );
        let mut tokens = self.tokens(form).await;
        let id_token = tokens["id_token"].as_str().unwrap().to_owned();
        for _ in 0..self.scenario.refreshes {
            let refresh = tokens["refresh_token"].as_str().unwrap();
            let form = format!("grant_type=refresh_token&refresh_token={refresh}");
            tokens = self.tokens(form).await;
        }
        if self.visits % 100 < self.scenario.logouts {
            let path = format!(
                "/connect/logout?id_token_hint={id_token}&post_logout_redirect_uri={AFTER_LOGOUT}"
            );
            let to = self.follow(&path).await;
            assert!(to.starts_with(AFTER_LOGOUT), "{to}");
        }
        self.visits += 1;
    }
}
