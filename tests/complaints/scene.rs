//! A store, one odd provider, and logins at it.

use mock_idp::JournalEntry;
use serde_json::{Value, json};
use url::Url;
use vestibule::account::User;
use vestibule::login::LoginError;
use vestibule::login::arrival::Arrival;
use vestibule::login::callback::{CallbackQuery, verify};
use vestibule::login::exchange::exchange;
use vestibule::login::userinfo::{Identified, fetch};
use vestibule::provider::trace::{SavedTrace, Trace};

use crate::support::{Browser, Page, World};

/// What a mapping of a server that follows the rules says.
const BASE: &str = r#"
[provider]
id = "custom"
name = "Custom Accounts"
email_trust = "provider"
[client]
id = "vestibule-demo"
secret = "vestibule-demo-secret"
[authorization]
url = "{origin}/authorize"
[token]
url = "{origin}/token"
[userinfo]
url = "{origin}/userinfo"
[userinfo.response]
user_id = "userId"
email = "email"
name = "name"
"#;

/// Tables of a mapping: names and lines, in the order they came.
fn tables(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with('[') {
            found.push((line.to_owned(), Vec::new()));
        } else {
            found.last_mut().unwrap().1.push(line.to_owned());
        }
    }
    found
}

/// The base mapping with these tables' keys in place of its own; `key = -` leaves one out.
pub fn mapping(origin: &str, changes: &str) -> String {
    let mut all = tables(BASE);
    for (table, lines) in tables(changes) {
        let at = all.iter().position(|(known, _)| *known == table);
        let Some(at) = at.filter(|_| !table.starts_with("[[")) else {
            all.push((table, lines));
            continue;
        };
        for line in lines {
            let key = |line: &str| line.split('=').next().unwrap().trim().to_owned();
            let known = &mut all[at].1;
            known.retain(|old| key(old) != key(&line));
            if !line.ends_with("= -") {
                known.push(line);
            }
        }
    }
    let lines: Vec<String> = all
        .into_iter()
        .flat_map(|(table, lines)| std::iter::once(table).chain(lines))
        .collect();
    lines.join("\n").replace("{origin}", origin)
}

/// A store with one odd provider.
pub struct Scene {
    pub world: World,
}

impl Scene {
    /// The provider behaves as `mock` says; the mapping is the base one with `changes`.
    pub async fn new(mock: Value, changes: &str) -> Self {
        let world = World::empty().await;
        world.account("acme").await;
        let scene = Self { world };
        scene.mock(mock);
        scene.map(changes).await;
        scene
    }

    /// Like [`Scene::new`], with this profile for `ada`.
    pub async fn with_profile(profile: Value, changes: &str) -> Self {
        Self::new(json!({ "accounts": [ada(profile)] }), changes).await
    }

    /// Another behaviour from now on.
    #[expect(clippy::needless_pass_by_value, reason = "it is called with `json!`")]
    pub fn mock(&self, mock: Value) {
        let config = mock_idp::Config::from_json(&mock.to_string()).unwrap();
        self.world.idp.configure(|old| *old = config);
    }

    /// Another profile from now on, byte for byte.
    pub fn profile(&self, json: &str) {
        let profile: Value = serde_json::from_str(json).unwrap();
        self.world
            .idp
            .configure(|config| config.accounts[0].profile = profile);
    }

    /// Another mapping from now on.
    pub async fn map(&self, changes: &str) {
        let text = mapping(&self.world.idp.origin(), changes);
        self.world.apply("acme", &text).await;
    }

    /// A login that must end in a session; what `session` says about the user.
    pub async fn logs_in(&self) -> Value {
        let browser = &mut Browser::new();
        let end = self.page(browser).await;
        assert_eq!(end.url.path(), "/welcome", "{} {}", end.status, end.body);
        let session = browser.session(&self.world, "acme").await;
        assert_eq!(session["authenticated"], true);
        session["user"].clone()
    }

    /// A login that must end on a page with this code.
    pub async fn fails(&self, code: &str) -> Page {
        let end = self.page(&mut Browser::new()).await;
        assert!(end.shows(code), "{code}: {} {}", end.status, end.body);
        end
    }

    async fn page(&self, browser: &mut Browser) -> Page {
        let start = self.world.url("acme", "login?return_to=/welcome");
        browser.log_in(&start, "ada", "lovelace").await
    }

    /// A login whose last steps are done here, with everything they say.
    pub async fn by_hand(&self) -> (Result<Identified, LoginError>, SavedTrace) {
        let start = self.world.url("acme", "login");
        let callback = Browser::new().to_callback(&start, "ada", "lovelace").await;
        self.finish_by_hand(&callback).await
    }

    pub async fn finish_by_hand(
        &self,
        callback: &Url,
    ) -> (Result<Identified, LoginError>, SavedTrace) {
        let logins = &self.world.broker.app().logins;
        let mut trace = Trace::on();
        let query = CallbackQuery::parse(callback.query().unwrap()).unwrap();
        let named: Vec<&str> = callback.path_segments().unwrap().collect();
        let [_, account, provider] = named[..] else {
            panic!("another address: {callback}")
        };
        let at = Arrival::Provider(account.parse().unwrap(), provider.parse().unwrap());
        let outcome = match verify(logins, query, &at).await {
            Err(failed) => Err(failed.error),
            Ok((verified, _)) => match exchange(logins, verified, &mut trace).await {
                Ok(token) => fetch(logins, token, &mut trace).await,
                Err(error) => Err(error),
            },
        };
        (outcome, trace.save(String::new(), logins.now(), None, None))
    }

    /// Why a login fails, in the operator's words.
    pub async fn why(&self) -> String {
        match self.by_hand().await {
            (Ok(_), _) => panic!("it did not fail"),
            (Err(error), _) => format!("{} {}: {error}", error.step().name(), error.code()),
        }
    }

    /// The one user of the store.
    pub async fn user(&self) -> User {
        let mut users = self.world.users("acme").await;
        assert_eq!(users.len(), 1);
        users.remove(0)
    }

    /// The user's id at the provider.
    pub async fn user_id(&self) -> String {
        self.user().await.links[0].user_id.clone()
    }

    /// The last request to a path.
    pub fn last(&self, path: &str) -> JournalEntry {
        let journal = self.world.idp.journal();
        journal.into_iter().rfind(|e| e.path == path).unwrap()
    }
}

/// The account every login here is of.
#[expect(clippy::needless_pass_by_value, reason = "it is called with `json!`")]
pub fn ada(profile: Value) -> Value {
    json!({ "username": "ada", "password": "lovelace", "profile": profile })
}

/// A parameter's value in a list.
pub fn value<'p>(pairs: &'p [(String, String)], name: &str) -> Option<&'p str> {
    let mut found = pairs.iter().filter(|(known, _)| known == name);
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} occurs twice");
    value
}
