//! A browser and a client in one, small enough for tests.

use mock_idp::{Config, MockIdp};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:1/callback";

pub(crate) struct Visitor {
    pub(crate) idp: MockIdp,
    pub(crate) http: reqwest::Client,
}

/// A running identity provider and somebody to visit it.
pub(crate) async fn visit(config: Config) -> Visitor {
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .unwrap();
    Visitor {
        idp: MockIdp::start(config).await.unwrap(),
        http,
    }
}

pub(crate) type Pairs = Vec<(String, String)>;

pub(crate) fn get<'a>(pairs: &'a Pairs, name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// The parameters a redirect carries.
pub(crate) fn location(response: &Response) -> Pairs {
    let location = response.headers()["location"].to_str().unwrap();
    assert!(location.starts_with(REDIRECT_URI), "{location}");
    let (_, query) = location.split_once(['?', '#']).unwrap();
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

impl Visitor {
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.idp.origin())
    }

    /// A standard authorization request with more parameters.
    pub(crate) fn request(more: &[(&str, &str)]) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        out.append_pair("response_type", "code")
            .append_pair("client_id", "vestibule-demo")
            .append_pair("redirect_uri", REDIRECT_URI)
            .append_pair("state", "s-1")
            .extend_pairs(more);
        out.finish()
    }

    /// Fills in the form.
    pub(crate) async fn sign_in(&self, request: &str, username: &str, password: &str) -> Response {
        let form = [
            ("request", request),
            ("username", username),
            ("password", password),
        ];
        self.http
            .post(self.at("/login"))
            .form(&form)
            .send()
            .await
            .unwrap()
    }

    /// What comes back with Ada's login.
    pub(crate) async fn callback(&self, more: &[(&str, &str)]) -> Pairs {
        location(&self.sign_in(&Self::request(more), "ada", "lovelace").await)
    }

    /// A code for Ada.
    pub(crate) async fn code(&self) -> String {
        get(&self.callback(&[]).await, "code").unwrap().to_owned()
    }

    /// A standard token request with some form.
    pub(crate) fn exchange(&self, code: &str) -> RequestBuilder {
        self.http.post(self.at("/token")).form(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("client_id", "vestibule-demo"),
            ("client_secret", "vestibule-demo-secret"),
        ])
    }

    /// A login up to the token response.
    pub(crate) async fn tokens(&self, more: &[(&str, &str)]) -> Value {
        let code = get(&self.callback(more).await, "code").unwrap().to_owned();
        self.exchange(&code)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    pub(crate) async fn userinfo(&self, token: &str) -> Response {
        self.http
            .get(self.at("/userinfo"))
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
    }
}

/// The status and the OAuth error of an answer.
pub(crate) async fn refusal(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    (
        status,
        body["error"].as_str().unwrap_or_default().to_owned(),
    )
}
