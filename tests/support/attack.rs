//! What the attack tests share: what a rejection looks like, an OpenID Connect
//! world, a store that fails on command, the admin API, and bytes on a socket.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use mock_idp::{FaultKind, Faults, MockIdp};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;
use url::Url;
use vestibule::http::server::Peer;
use vestibule::store::{Entry, Key, Precondition, Scan, Space, Step, Store, StoreError, Version};

use super::{Browser, Page, World};

/// The start of a login of `acme`.
pub const START: &str = "login?return_to=/welcome";

/// A mapping of OpenID Connect for the mock.
pub fn openid_mapping_for(idp: &MockIdp) -> String {
    format!(
        r#"[provider]
id = "mock-oidc"
name = "Mock OpenID"
kind = "openid"
issuer = "{}"
email_trust = "claim"
[client]
id = "vestibule-demo"
secret = "vestibule-demo-secret"
[authorization]
scopes = ["openid", "profile", "email"]
"#,
        idp.origin()
    )
}

/// The value of a parameter in a URL's query.
pub fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .unwrap_or_else(|| panic!("no {name} in {url}"))
        .1
        .into_owned()
}

/// The URL with other parameters: those named replaced, `None` left out.
pub fn with(url: &Url, changes: &[(&str, Option<&str>)]) -> Url {
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    for (name, value) in changes {
        match (pairs.iter_mut().find(|(key, _)| key == name), value) {
            (Some(pair), Some(value)) => (*value).clone_into(&mut pair.1),
            (Some(_), None) => pairs.retain(|(key, _)| key != name),
            (None, Some(value)) => pairs.push(((*name).to_owned(), (*value).to_owned())),
            (None, None) => {}
        }
    }
    let mut changed = url.clone();
    changed.query_pairs_mut().clear().extend_pairs(pairs);
    changed
}

impl World {
    /// A world whose account `acme` logs in through OpenID Connect.
    pub async fn openid() -> Self {
        let world = Self::empty().await;
        world.idp.configure(|config| config.openid.enabled = true);
        world.account("acme").await;
        let mapping = openid_mapping_for(&world.idp);
        world.apply("acme", &mapping).await;
        world
    }

    /// A login of `ada` in a new browser, up to the callback's address.
    pub async fn begun(&self) -> (Browser, Url) {
        let mut browser = Browser::new();
        let callback = browser
            .to_callback(&self.url("acme", START), "ada", "lovelace")
            .await;
        (browser, callback)
    }

    /// A whole login that must be rejected with this code.
    pub async fn login_fails(&self, code: &str) -> Page {
        let (mut browser, callback) = self.begun().await;
        self.rejected(&mut browser, callback.as_str(), code).await
    }

    /// A whole login under a fault, that must be rejected with this code.
    pub async fn fault_fails(&self, at: &str, fault: FaultKind, code: &str) -> Page {
        let named = format!("{at}: {fault:?}");
        self.idp.set_faults(Faults::none().on(at, fault));
        let (mut browser, callback) = self.begun().await;
        let page = browser.get(callback.as_str()).await;
        let page = self.is_rejection(&mut browser, page, code, &named).await;
        self.idp.set_faults(Faults::none());
        page
    }

    /// Visits an address, which must be rejected with this code.
    pub async fn rejected(&self, browser: &mut Browser, url: &str, code: &str) -> Page {
        let page = browser.get(url).await;
        self.is_rejection(browser, page, code, url).await
    }

    /// What every rejection is: the fixed error page, no session, nothing of
    /// the code in the address, nothing from third parties.
    pub async fn is_rejection(
        &self,
        browser: &mut Browser,
        page: Page,
        code: &str,
        about: &str,
    ) -> Page {
        let secret = page
            .url
            .query_pairs()
            .find(|(name, value)| name == "code" && value.len() > 30)
            .map(|(_, value)| value.into_owned());
        let redirected = page.status.is_redirection();
        if redirected {
            assert_eq!(page.header("referrer-policy"), "no-referrer", "{about}");
            let to = page.location().unwrap();
            assert_eq!(to.origin().ascii_serialization(), self.origin, "{about}");
        }
        let page = browser.follow(page).await;
        assert!(
            page.status.is_client_error() || page.status.is_server_error(),
            "{about}: {} {}",
            page.status,
            page.body
        );
        assert!(page.shows(code), "{about}: no {code} in {}", said(&page));
        if let Some(secret) = secret {
            assert!(
                !page.url.as_str().contains(&secret),
                "{about}: {}",
                page.url
            );
            assert!(!page.body.contains(&secret), "{about}");
        }
        is_safe_page(&page);
        let session = browser.session(self, "acme").await;
        assert_eq!(session["authenticated"], false, "{about}");
        page
    }

    /// Follows the page's link to a new login, which must then succeed.
    pub async fn restarts(&self, browser: &mut Browser, page: &Page) -> Page {
        let link = restart_link(page);
        let start = browser.get(link.as_str()).await;
        assert_eq!(start.status, StatusCode::FOUND, "{}", start.body);
        let callback = browser.through_idp(start, "ada", "lovelace").await;
        let page = browser.get(callback.as_str()).await;
        let end = browser.follow(page).await;
        let session = browser.session(self, "acme").await;
        assert_eq!(
            session["authenticated"], true,
            "{} {}",
            end.status, end.body
        );
        end
    }

    /// A request to the admin API as the owner of the Unix socket.
    pub async fn admin(&self, method: Method, path: &str, kind: &str, body: &str) -> (u16, String) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header("content-type", kind)
            .extension(Peer::Unix)
            .body(Body::from(body.to_owned()))
            .unwrap();
        let answer = self.broker.admin_router().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Bytes on a new connection, and all that comes back until it closes.
    pub async fn raw(&self, request: impl AsRef<[u8]>) -> String {
        let address = self.origin.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may answer and close before everything is sent.
        let _ = stream.write_all(request.as_ref()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A GET of a target exactly as written.
    pub async fn raw_get(&self, target: &str) -> String {
        let host = self.origin.strip_prefix("http://").unwrap();
        self.raw(format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ))
        .await
    }
}

/// What a page says, without its style.
pub fn said(page: &Page) -> &str {
    page.body
        .split_once("<main")
        .map_or(&*page.body, |(_, main)| main)
}

/// What holds for every page: nobody frames it, it loads nothing, tells nobody.
pub fn is_safe_page(page: &Page) {
    let csp = page.header("content-security-policy");
    assert!(csp.contains("frame-ancestors 'none'"), "{csp}");
    assert!(!csp.contains("unsafe-inline"), "{csp}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cache-control"), "no-store");
    for foreign in ["src=", "<script", "<iframe", "url(", "@import"] {
        assert!(!page.body.contains(foreign), "{foreign}: {}", page.body);
    }
}

/// Where a page's link to a new login leads.
pub fn restart_link(page: &Page) -> Url {
    let start = page
        .body
        .find("href=\"login")
        .unwrap_or_else(|| panic!("no way back: {} {}", page.url, said(page)));
    let rest = &page.body[start + 6..];
    let href = &rest[..rest.find('"').unwrap()];
    page.url.join(&href.replace("&amp;", "&")).unwrap()
}

/// The support id a page shows.
pub fn support_id(page: &Page) -> String {
    let shown: Vec<&str> = page
        .body
        .split("<dd><code>")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap())
        .collect();
    shown[0].to_owned()
}

/// What the journal has for an endpoint, as forms.
pub fn forms(world: &World, path: &str) -> Vec<Value> {
    world
        .idp
        .journal()
        .iter()
        .filter(|entry| entry.path == path)
        .map(|entry| {
            entry
                .form()
                .into_iter()
                .map(|(k, v)| (k, Value::from(v)))
                .collect()
        })
        .collect()
}

/// A store that fails while the switch is on.
pub struct Failing(pub Arc<dyn Store>, pub Arc<AtomicBool>);

impl Failing {
    fn up(&self) -> Result<&dyn Store, StoreError> {
        if self.1.load(Ordering::SeqCst) {
            Err(StoreError::Unavailable("switched off".to_owned()))
        } else {
            Ok(&*self.0)
        }
    }
}

#[async_trait]
impl Store for Failing {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.up()?.get(key).await
    }
    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.up()?.put(key, value, when).await
    }
    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.up()?.take(key).await
    }
    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        self.up()?.delete(key, when).await
    }
    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        self.up()?.scan(scan).await
    }
    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        self.up()?.partitions(space).await
    }
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        self.up()?.commit(steps).await
    }
    async fn purge_expired(
        &self,
        space: &'static Space,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.up()?.purge_expired(space, limit).await
    }
    async fn ready(&self) -> Result<(), StoreError> {
        self.up()?.ready().await
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.0.close().await
    }
}

/// A store that tells which spaces each commit of several steps was about, and those of
/// the expired records that each sweep removed.
pub struct Telling(pub Arc<dyn Store>, pub Arc<Mutex<Vec<Vec<String>>>>);

#[async_trait]
impl Store for Telling {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.0.get(key).await
    }
    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.0.put(key, value, when).await
    }
    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.0.take(key).await
    }
    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        self.0.delete(key, when).await
    }
    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        self.0.scan(scan).await
    }
    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        self.0.partitions(space).await
    }
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        let spaces = steps.iter().map(|step| step.key().space().name.to_owned());
        let spaces = spaces.collect();
        let done = self.0.commit(steps).await?;
        self.1.lock().unwrap().push(spaces);
        Ok(done)
    }
    async fn purge_expired(
        &self,
        space: &'static Space,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let removed = self.0.purge_expired(space, limit).await?;
        if removed > 0 {
            let swept = vec![format!("expired {}", space.name); removed];
            self.1.lock().unwrap().push(swept);
        }
        Ok(removed)
    }
    async fn ready(&self) -> Result<(), StoreError> {
        self.0.ready().await
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.0.close().await
    }
}

/// A store that counts the records that are read.
pub struct Counting(pub Arc<dyn Store>, pub Arc<AtomicUsize>);

#[async_trait]
impl Store for Counting {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.get(key).await
    }
    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.0.put(key, value, when).await
    }
    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.0.take(key).await
    }
    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        self.0.delete(key, when).await
    }
    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        let found = self.0.scan(scan).await?;
        self.1.fetch_add(found.len() + 1, Ordering::SeqCst);
        Ok(found)
    }
    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        self.0.partitions(space).await
    }
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        self.0.commit(steps).await
    }
    async fn purge_expired(
        &self,
        space: &'static Space,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.0.purge_expired(space, limit).await
    }
    async fn ready(&self) -> Result<(), StoreError> {
        self.0.ready().await
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.0.close().await
    }
}

/// A store at which somebody else is faster, once: before the next commit that checks a
/// record of the space of this name, that record is written again as it is.
pub struct Beaten(pub Arc<dyn Store>, pub Arc<Mutex<Option<&'static str>>>);

#[async_trait]
impl Store for Beaten {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.0.get(key).await
    }
    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.0.put(key, value, when).await
    }
    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.0.take(key).await
    }
    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        self.0.delete(key, when).await
    }
    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        self.0.scan(scan).await
    }
    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        self.0.partitions(space).await
    }
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        let armed = *self.1.lock().unwrap();
        let checked = steps.iter().find_map(|step| match step {
            Step::Check(key, Precondition::Version(_)) if Some(key.space().name) == armed => {
                Some(key.clone())
            }
            _ => None,
        });
        if let Some(key) = checked {
            *self.1.lock().unwrap() = None;
            let there = self.0.get(&key).await?.unwrap();
            self.0.put(&key, there.value, Precondition::Any).await?;
        }
        self.0.commit(steps).await
    }
    async fn purge_expired(
        &self,
        space: &'static Space,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.0.purge_expired(space, limit).await
    }
    async fn ready(&self) -> Result<(), StoreError> {
        self.0.ready().await
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.0.close().await
    }
}

/// A store that can be read, and written to only while the switch is off.
pub struct ReadOnly(pub Failing);

#[async_trait]
impl Store for ReadOnly {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.0.0.get(key).await
    }
    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.0.put(key, value, when).await
    }
    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.0.take(key).await
    }
    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        self.0.delete(key, when).await
    }
    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        self.0.0.scan(scan).await
    }
    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        self.0.0.partitions(space).await
    }
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        self.0.commit(steps).await
    }
    async fn purge_expired(
        &self,
        space: &'static Space,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.0.purge_expired(space, limit).await
    }
    async fn ready(&self) -> Result<(), StoreError> {
        self.0.ready().await
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.0.close().await
    }
}
