//! What the tests of the authority share: applications, and a client that
//! knows no more than the RFCs.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::Value;
use url::Url;
use vestibule::account::{User, directory};
use vestibule::authority::application::{NewApplication, Settings};
use vestibule::authority::{Applications, Grant, Scopes, password};
use vestibule::base::{AccountId, Secret, UserId, digest};
use vestibule::store::Precondition;

use crate::support::form::Form;
use crate::support::{Browser, Page, World};

pub const CALLBACK: &str = "https://shop.example.test/cb";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// An application and what it knows.
#[derive(Clone)]
pub struct Client {
    pub id: String,
    pub secret: Option<String>,
}

impl Client {
    /// Creates one.
    pub async fn create(world: &World, new: NewApplication) -> Self {
        let authority = &world.broker.app().authority;
        let given = new.secret.as_ref().map(|s| s.expose().to_owned());
        let (application, made) = new
            .make(&authority.hasher, &authority.audience, world.clock.now_())
            .await
            .unwrap();
        Applications::put(&*world.store, &application, Precondition::Absent)
            .await
            .unwrap();
        Self {
            id: application.client_id.to_string(),
            secret: made.map(|s| s.expose().to_owned()).or(given),
        }
    }

    /// A storefront of `acme` that logs shoppers in.
    pub async fn storefront(world: &World) -> Self {
        Self::create(world, storefront()).await
    }

    /// A service of `acme` that acts on its own behalf.
    pub async fn service(world: &World) -> Self {
        Self::create(world, service("acme")).await
    }

    /// A storefront of `acme` that takes passwords.
    pub async fn with_passwords(world: &World) -> Self {
        let new = NewApplication {
            account: Some("acme".parse().unwrap()),
            grants: Some([Grant::Password, Grant::RefreshToken].into()),
            scopes: Some(Scopes::parse("openid email profile offline_access orders").unwrap()),
            ..NewApplication::default()
        };
        Self::create(world, new).await
    }

    pub fn basic(&self) -> String {
        let secret = self.secret.as_deref().unwrap_or_default();
        format!("Basic {}", STANDARD.encode(format!("{}:{secret}", self.id)))
    }

    /// A request to an endpoint below `/connect`, with HTTP Basic.
    pub async fn post(&self, world: &World, endpoint: &str, form: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let basic = self.basic();
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        let body = if self.secret.is_some() {
            headers.push(("authorization", &basic));
            body
        } else {
            format!("{body}&client_id={}", self.id)
        };
        post(world, endpoint, &headers, body).await
    }

    pub async fn token(&self, world: &World, form: &[(&str, &str)]) -> Page {
        self.post(world, "token", form).await
    }

    pub async fn refresh(&self, world: &World, token: &str) -> Page {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.token(world, &form).await
    }

    pub async fn password(&self, world: &World, user: &str, password: &str) -> Page {
        let form = [
            ("grant_type", "password"),
            ("username", user),
            ("password", password),
            ("scope", "openid email profile offline_access"),
        ];
        self.token(world, &form).await
    }

    pub async fn introspect(&self, world: &World, token: &str) -> Value {
        let page = self.post(world, "introspect", &[("token", token)]).await;
        assert_eq!(page.status, 200, "{}", page.body);
        page.json()
    }

    /// The authorization request, with these parameters over the usual ones; an
    /// empty value leaves one out.
    pub fn authorize_url(&self, world: &World, over: &[(&str, &str)]) -> String {
        let challenge = digest::sha256_base64url(VERIFIER.as_bytes());
        let mut all = BTreeMap::from([
            ("client_id", self.id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", CALLBACK),
            ("scope", "openid email profile offline_access"),
            ("state", "st4te"),
            ("nonce", "n0nce"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ]);
        all.extend(over.iter().copied());
        all.retain(|_, value| !value.is_empty());
        let mut url = Url::parse(&format!("{}/connect/authorize", world.origin)).unwrap();
        url.query_pairs_mut().extend_pairs(all);
        url.into()
    }

    /// A whole login of `ada`; gives the URL that goes to the application.
    pub async fn log_in(&self, world: &World, browser: &mut Browser, over: &[(&str, &str)]) -> Url {
        self.log_in_as(world, browser, over, ("ada", "lovelace"))
            .await
    }

    pub async fn log_in_as(
        &self,
        world: &World,
        browser: &mut Browser,
        over: &[(&str, &str)],
        (user, password): (&str, &str),
    ) -> Url {
        let page = browser.get(self.authorize_url(world, over)).await;
        let mut page = browser.get(to(&page).as_str()).await;
        assert!(
            page.location().is_some(),
            "no login: {} {}",
            page.status,
            page.body
        );
        let callback = browser.through_idp(page, user, password).await;
        page = browser.get(callback.as_str()).await;
        for _ in 0..6 {
            let next = to(&page);
            if next.as_str().starts_with(CALLBACK) {
                return next;
            }
            page = browser.get(next.as_str()).await;
        }
        panic!("the login does not end: {} {}", page.url, page.body);
    }

    pub async fn exchange(&self, world: &World, code: &str) -> Page {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.token(world, &form).await
    }

    /// A whole login and its tokens.
    pub async fn tokens(&self, world: &World, browser: &mut Browser) -> Value {
        let url = self.log_in(world, browser, &[]).await;
        let page = self.exchange(world, &param(&url, "code").unwrap()).await;
        assert_eq!(page.status, 200, "{}", page.body);
        page.json()
    }
}

pub fn storefront() -> NewApplication {
    NewApplication {
        account: Some("acme".parse().unwrap()),
        redirect_uris: vec![CALLBACK.to_owned()],
        post_logout_redirect_uris: vec!["https://shop.example.test/bye".to_owned()],
        ..NewApplication::default()
    }
}

pub fn service(account: &str) -> NewApplication {
    NewApplication {
        account: Some(account.parse().unwrap()),
        grants: Some([Grant::ClientCredentials].into()),
        scopes: Some(Scopes::parse("orders stock").unwrap()),
        ..NewApplication::default()
    }
}

pub async fn post(world: &World, endpoint: &str, headers: &[(&str, &str)], body: String) -> Page {
    Browser::new()
        .send(
            Method::POST,
            &format!("{}/connect/{endpoint}", world.origin),
            headers,
            Some(body),
        )
        .await
}

/// Where a page redirects to.
pub fn to(page: &Page) -> Url {
    page.location()
        .unwrap_or_else(|| panic!("no redirect: {} {}", page.status, page.body))
}

pub fn param(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The claims of a token, unchecked.
pub fn claims(token: &Value) -> Value {
    part(token.as_str().unwrap(), 1)
}

pub fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A user of `acme` with a password.
pub async fn user(world: &World, email: &str, secret: &str) -> User {
    let account: AccountId = "acme".parse().unwrap();
    let user = directory::create(&*world.store, &account, email, None, world.clock.now_())
        .await
        .unwrap()
        .unwrap()
        .value;
    set_password(world, user.id, secret).await;
    user
}

pub async fn set_password(world: &World, user: UserId, secret: &str) {
    let account: AccountId = "acme".parse().unwrap();
    let hasher = &world.broker.app().authority.hasher;
    password::set(
        &*world.store,
        hasher,
        &account,
        user,
        &Secret::new(secret),
        world.clock.now_(),
    )
    .await
    .unwrap();
}

/// The time, where the trait is not in scope.
pub trait Now {
    fn now_(&self) -> vestibule::base::Timestamp;
}

impl Now for vestibule::base::ManualClock {
    fn now_(&self) -> vestibule::base::Timestamp {
        vestibule::base::Clock::now(self)
    }
}

/// Follows redirects, and logs `ada` in where the provider asks.
pub async fn log_in_on_the_way(browser: &mut Browser, mut page: Page) -> Page {
    for _ in 0..12 {
        let Some(next) = page.location() else {
            return page;
        };
        page = if next.path() == "/authorize" {
            let callback = browser.through_idp(page, "ada", "lovelace").await;
            browser.get(callback.as_str()).await
        } else {
            browser.get(next.as_str()).await
        };
    }
    panic!("it goes round in circles: {}", page.url);
}

/// An application that has to ask.
pub fn asking() -> NewApplication {
    NewApplication {
        name: Some("Rewards".to_owned()),
        settings: Settings {
            consent: true,
            ..Settings::default()
        },
        ..storefront()
    }
}

/// What an application gets that has to ask, from `ada` who says yes.
pub async fn allowed(world: &World, client: &Client, browser: &mut Browser) -> Value {
    let mut page = browser.get(client.authorize_url(world, &[])).await;
    while let Some(next) = page.location() {
        page = if next.path() == "/authorize" {
            let callback = browser.through_idp(page, "ada", "lovelace").await;
            browser.get(callback).await
        } else {
            browser.get(next).await
        };
    }
    let mut form = Form::of(&page);
    form.fields
        .push(("decision".to_owned(), "allow".to_owned()));
    let page = form.post(browser).await;
    let code = param(&to(&page), "code").unwrap_or_else(|| panic!("{}", to(&page)));
    client.exchange(world, &code).await.json()
}

/// An application that may administer the whole broker, as far as `scopes` go.
pub async fn operator(world: &World, scopes: &str) -> Client {
    let new = NewApplication {
        account: None,
        scopes: Some(Scopes::parse(scopes).unwrap()),
        ..service("acme")
    };
    Client::create(world, new).await
}

/// A request to the admin API by whoever has this access token.
pub async fn administer(
    world: &World,
    token: &str,
    method: Method,
    path: &str,
    body: &Value,
) -> Page {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("content-type", "application/json"),
        ("authorization", bearer.as_str()),
    ];
    let url = format!("{}/api/v1{path}", world.origin);
    Browser::new()
        .send(method, &url, &headers, Some(body.to_string()))
        .await
}
