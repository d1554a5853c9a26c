//! Row F21: one account's provider collects the codes of another's.
//!
//! The attack as it was carried out: the attacker begins a login at `acme` and
//! notes its authorization parameters. The victim is led to `evil`'s login, whose
//! provider forwards to acme's provider, with the attacker's `code_challenge` and
//! evil's own `state`. Where the code then comes to an address that all accounts
//! share, it is posted to evil's token endpoint, and the attacker redeems it in
//! the login begun first: PKCE, the binding of the browser and the nonce all fit.

use std::process::Command;
use std::sync::Arc;

use mock_idp::{Config as IdpConfig, FaultKind, Faults, MockIdp};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use url::Url;
use vestibule::base::SystemClock;
use vestibule::store::{Precondition, Scan, Space, Store};
use vestibule::{broker, config};

use super::support::attack::{openid_mapping_for, parameter, with};
use super::support::{Browser, Page, World, mapping_for};

/// Two accounts, each with its own provider; acme's knows its redirect URI only.
struct Scene {
    world: World,
    evil: MockIdp,
}

/// The parts of the attack that a test varies.
#[derive(Default)]
struct Forward<'a> {
    /// In place of acme's redirect URI.
    redirect_uri: Option<&'a str>,
    /// What the answer of acme's provider carries besides.
    with: &'a [(&'a str, Option<&'a str>)],
}

impl Scene {
    async fn new() -> Self {
        Self::of(World::start().await, "").await
    }

    /// With what both mappings say about their callback.
    async fn of(world: World, callback: &str) -> Self {
        let evil = MockIdp::start(IdpConfig::default()).await.unwrap();
        if !callback.is_empty() {
            world.account("acme").await;
            world.apply("acme", &mapping(&world.idp, callback)).await;
        }
        world.account("evil").await;
        world.apply("evil", &mapping(&evil, callback)).await;
        Self { world, evil }
    }

    /// Carries the attack out up to the browser's way back to the broker, which
    /// is not gone; gives the victim's browser and where it is sent.
    async fn forward(&self, forward: Forward<'_>) -> (Browser, Url) {
        let attacker = Browser::new()
            .get(self.world.url("acme", "login"))
            .await
            .location()
            .unwrap();
        let mut victim = Browser::new();
        let led = victim
            .get(self.world.url("evil", "login"))
            .await
            .location()
            .unwrap();
        assert_eq!(led.port(), Url::parse(&self.evil.origin()).unwrap().port());
        // What evil's authorization endpoint answers with.
        let state = parameter(&led, "state");
        let mut forwarded = with(&attacker, &[("state", Some(&state))]);
        if let Some(uri) = forward.redirect_uri {
            forwarded = with(&forwarded, &[("redirect_uri", Some(uri))]);
        }
        let page = Page {
            status: StatusCode::FOUND,
            headers: [(
                "location".parse().unwrap(),
                forwarded.as_str().parse().unwrap(),
            )]
            .into_iter()
            .collect(),
            body: String::new(),
            url: led,
        };
        let back = victim.through_idp(page, "ada", "lovelace").await;
        assert!(parameter(&back, "code").len() > 20, "{back}");
        (victim, with(&back, forward.with))
    }

    /// Nothing of the code went anywhere, and nobody is logged in.
    async fn held(&self, victim: &mut Browser, about: &str) {
        assert!(
            self.evil.journal().is_empty(),
            "{about}: evil's provider was asked: {:?}",
            self.evil.journal()
        );
        assert_eq!(self.world.calls("/token"), 0, "{about}");
        for account in ["acme", "evil"] {
            let session = victim.session(&self.world, account).await;
            assert_eq!(session["authenticated"], false, "{about}");
            assert!(self.world.users(account).await.is_empty(), "{about}");
        }
    }

    /// The attack, which must be rejected with this code.
    async fn rejected(&self, forward: Forward<'_>, code: &str) {
        let (mut victim, back) = self.forward(forward).await;
        self.world.rejected(&mut victim, back.as_str(), code).await;
        self.held(&mut victim, back.as_str()).await;
    }
}

/// The mock's mapping with a `[callback]` of its own.
fn mapping(idp: &MockIdp, callback: &str) -> String {
    let mapping = mapping_for(idp);
    assert!(mapping.contains("[callback]\n"));
    mapping.replace("[callback]\n", &format!("[callback]\n{callback}\n"))
}

fn own(world: &World, account: &str) -> String {
    format!("{}/callback/{account}/mock-idp", world.origin)
}

#[tokio::test]
async fn f21_the_code_of_another_accounts_provider() {
    let scene = Scene::new().await;
    let registered = own(&scene.world, "acme");
    let attacker = Browser::new()
        .get(scene.world.url("acme", "login"))
        .await
        .location()
        .unwrap();
    assert_eq!(parameter(&attacker, "redirect_uri"), registered);
    // At acme's own address evil's state does not count.
    scene
        .rejected(Forward::default(), "login.state_mismatch")
        .await;
    // With a provider that takes any address, evil may have the browser sent
    // elsewhere: nothing but evil's own takes evil's state.
    for elsewhere in [
        format!("{}/callback", scene.world.origin),
        format!("{}/accounts/evil/callback", scene.world.origin),
        format!("{}/accounts/acme/callback", scene.world.origin),
        format!("{}/accounts/acme/callback/mock-idp", scene.world.origin),
        format!("{}/callback/evil/other", scene.world.origin),
    ] {
        let forward = Forward {
            redirect_uri: Some(&elsewhere),
            ..Forward::default()
        };
        scene.rejected(forward, "login.state_mismatch").await;
    }
    // Evil's own address is one that acme's provider does not know.
    scene
        .world
        .idp
        .configure(|config| config.redirect_uris = vec![registered]);
    let evil = with(
        &attacker,
        &[("redirect_uri", Some(&own(&scene.world, "evil")))],
    );
    let page = Browser::new().get(evil.as_str()).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.body);
}

#[tokio::test]
async fn f21_by_other_methods_and_spellings() {
    let scene = Scene::new().await;
    let registered = own(&scene.world, "acme");
    for path in [
        "/callback/acme/mock-idp/",
        "/callback/%61cme/mock-idp",
        "/callback/acme/mock%2Didp",
        "/accounts/acme/callback/mock-idp/",
        "/accounts/acme/callback/",
        "/callback/",
    ] {
        let (mut victim, mut back) = scene.forward(Forward::default()).await;
        back.set_path(path);
        let head = victim.send(Method::HEAD, back.as_str(), &[], None).await;
        assert_eq!(head.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        scene
            .world
            .rejected(&mut victim, back.as_str(), "login.state_mismatch")
            .await;
        scene.held(&mut victim, path).await;

        let (mut victim, mut back) = scene.forward(Forward::default()).await;
        let form: Vec<(String, String)> = back.query_pairs().into_owned().collect();
        let form: Vec<(&str, &str)> = form.iter().map(|(k, v)| (&**k, &**v)).collect();
        back.set_path(path);
        back.set_query(None);
        let page = victim.post(back.as_str(), &form).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}");
        scene
            .world
            .is_rejection(&mut victim, page, "login.state_mismatch", path)
            .await;
        scene.held(&mut victim, path).await;
    }
    // What only looks like an address of ours is none.
    for path in [
        "/Callback/acme/mock-idp",
        "/callback/ACME/mock-idp",
        "/callback/acme/MOCK-IDP",
        "/callback/acme%2Fmock-idp",
        "/callback/acme/mock-idp/x",
        "/callback//mock-idp",
        "/callback/acme//",
        "//callback/evil/mock-idp",
        "/callback/acme/../evil/mock-idp",
        "/callback/acme/mock-idp;x",
        "/callback/acme/mock-idp%00",
    ] {
        let (mut victim, back) = scene.forward(Forward::default()).await;
        let target = format!("{path}?{}", back.query().unwrap());
        let answer = scene.world.raw_get(&target).await;
        let status: u16 = answer[9..12].parse().unwrap();
        assert!([303, 302, 400, 404].contains(&status), "{path}: {answer}");
        assert!(!answer.contains("finish?ticket"), "{path}: {answer}");
        scene.held(&mut victim, path).await;
    }
    // A provider that adds a slash is still itself, and a spelling of the same
    // account and provider is the same address.
    for path in [
        "/callback/acme/mock-idp/",
        "/callback/%61cme/mock-idp",
        "/accounts/acme/callback/mock-idp",
        "/accounts/acme/callback/mock-idp/",
    ] {
        let (mut browser, mut callback) = scene.world.begun().await;
        assert_eq!(callback.as_str().split('?').next().unwrap(), registered);
        callback.set_path(path);
        let page = browser.get(callback.as_str()).await;
        let end = browser.follow(page).await;
        assert_eq!(end.url.path(), "/welcome", "{path}: {}", end.body);
    }
}

#[tokio::test]
async fn f21_the_address_for_all_is_an_exception() {
    // Without the operator no mapping has it, by either name.
    let world = World::start().await;
    let by_url = format!("redirect_uri = \"{}/callback\"", world.origin);
    for callback in ["shared = true", &by_url] {
        let (status, body) = world
            .admin(
                Method::POST,
                "/accounts/acme/providers",
                "application/toml",
                &mapping(&world.idp, callback),
            )
            .await;
        assert_eq!(status, 422, "{body}");
        assert!(body.contains("login.shared_callback"), "{body}");
    }

    // Where the operator allows it, the login works, and a foreign `iss` still
    // ends it, since acme's mapping names that issuer.
    let world = World::with(|config| config.shared_callback = true).await;
    let scene = Scene::of(world, "shared = true").await;
    let (mut browser, callback) = scene.world.begun().await;
    assert_eq!(callback.path(), "/callback");
    let page = browser.get(callback.as_str()).await;
    assert_eq!(browser.follow(page).await.url.path(), "/welcome");

    // What the operator then answers for: the attack itself.
    let world = World::with(|config| config.shared_callback = true).await;
    let scene = Scene::of(world, "shared = true").await;
    let (mut victim, back) = scene.forward(Forward::default()).await;
    victim.get(back.as_str()).await;
    assert!(
        scene
            .evil
            .journal()
            .iter()
            .any(|entry| entry.path == "/token"),
        "else these tests show nothing"
    );

    let world = World::with(|config| config.shared_callback = true).await;
    let scene = Scene::of(world, "shared = true").await;
    let named = mapping(&scene.world.idp, "shared = true").replace(
        "[client]",
        &format!("issuer = \"{}\"\n\n[client]", scene.world.idp.origin()),
    );
    scene.world.apply("acme", &named).await;
    let issuer = scene.world.idp.origin();
    let forward = Forward {
        with: &[("iss", Some(&issuer))],
        ..Forward::default()
    };
    scene.rejected(forward, "login.issuer_mismatch").await;
    // At no other address does it count.
    let (mut browser, mut callback) = scene.world.begun().await;
    callback.set_path("/callback/acme/mock-idp");
    scene
        .world
        .rejected(&mut browser, callback.as_str(), "login.state_mismatch")
        .await;
}

#[tokio::test]
async fn f21_the_address_for_all_with_an_issuer_in_every_answer() {
    let world = World::openid().await;
    let shared =
        |idp: &MockIdp| format!("{}\n[callback]\nshared = true\n", openid_mapping_for(idp));
    let evil = MockIdp::start(IdpConfig::default()).await.unwrap();
    for idp in [&world.idp, &evil] {
        idp.configure(|config| {
            config.openid.enabled = true;
            config.callback.iss = true;
        });
    }
    world.apply("acme", &shared(&world.idp)).await;
    world.account("evil").await;
    // An issuer proves nothing of a mapping that sends the code elsewhere.
    for elsewhere in [
        format!("\n[token]\nurl = \"{}/token\"\n", evil.origin()),
        format!("\n[token.before]\nurl = \"{}/app_token\"\n", evil.origin()),
    ] {
        let (status, body) = world
            .admin(
                Method::POST,
                "/accounts/evil/providers",
                "application/toml",
                &format!("{}{elsewhere}", shared(&world.idp)),
            )
            .await;
        assert_eq!(status, 422, "{body}");
        assert!(body.contains("callback.shared"), "{body}");
    }
    world.apply("evil", &shared(&evil)).await;
    world.log_in(&mut Browser::new()).await;

    let scene = Scene { world, evil };
    scene.evil.clear_journal();
    let issuer = scene.world.idp.origin();
    let (mut victim, back) = scene.forward(Forward::default()).await;
    assert_eq!(parameter(&back, "iss"), issuer);
    scene
        .world
        .rejected(&mut victim, back.as_str(), "login.issuer_mismatch")
        .await;
    assert!(
        scene
            .evil
            .journal()
            .iter()
            .all(|entry| entry.path != "/token")
    );

    // Without `iss` nothing counts there, whatever discovery promises.
    let fault = FaultKind::NoIss;
    scene
        .world
        .idp
        .set_faults(Faults::none().on("authorize", fault));
    let (mut browser, callback) = scene.world.begun().await;
    scene
        .world
        .rejected(&mut browser, callback.as_str(), "login.issuer_mismatch")
        .await;
}

#[tokio::test]
async fn f21_a_stores_own_address() {
    let world = World::start().await;
    let origin = world.origin.clone();
    let at = |end: &str| format!("redirect_uri = \"{origin}/accounts/acme/callback{end}\"");
    // One that names the provider counts there only.
    world
        .apply("acme", &mapping(&world.idp, &at("/mock-idp")))
        .await;
    let (mut browser, callback) = world.begun().await;
    assert_eq!(callback.path(), "/accounts/acme/callback/mock-idp");
    let mut bare = callback.clone();
    bare.set_path("/accounts/acme/callback");
    world
        .rejected(&mut browser, bare.as_str(), "login.state_mismatch")
        .await;
    world.log_in(&mut Browser::new()).await;

    // One that names the account alone is for one mapping.
    world.apply("acme", &mapping(&world.idp, &at(""))).await;
    world.log_in(&mut Browser::new()).await;
    let second = mapping(&world.idp, &at("")).replace("\"mock-idp\"", "\"google\"");
    let (status, body) = world
        .admin(
            Method::POST,
            "/accounts/acme/providers",
            "application/toml",
            &second,
        )
        .await;
    assert_eq!(status, 422, "{body}");
    assert!(body.contains("callback.redirect_uri"), "{body}");

    // Evil's mapping with acme's address: the state does not count there.
    let scene = Scene {
        evil: MockIdp::start(IdpConfig::default()).await.unwrap(),
        world,
    };
    scene.world.account("evil").await;
    scene
        .world
        .apply("evil", &mapping(&scene.evil, &at("")))
        .await;
    scene.world.idp.clear_journal();
    let (mut victim, back) = scene.forward(Forward::default()).await;
    assert_eq!(back.path(), "/accounts/acme/callback");
    scene
        .world
        .rejected(&mut victim, back.as_str(), "login.state_mismatch")
        .await;
    assert!(scene.evil.journal().is_empty());
}

#[tokio::test]
async fn f21_test_links_and_the_console() {
    let world = World::with(|config| {
        config.console_login_account = Some("acme".parse().unwrap());
    })
    .await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    // A draft of another id has an address of its own as well.
    let draft = world.mapping().replace("\"mock-idp\"", "\"draft\"");
    let (status, body) = world
        .admin(
            Method::POST,
            "/accounts/acme/trials",
            "application/toml",
            &draft,
        )
        .await;
    assert_eq!(status, 201, "{body}");
    let opened: Value = serde_json::from_str(&body).unwrap();
    let link = format!("{}&go=true", opened["link"].as_str().unwrap());
    let mut browser = Browser::new();
    let callback = browser.to_callback(&link, "ada", "lovelace").await;
    assert_eq!(callback.path(), "/callback/acme/draft");
    let mut live = callback.clone();
    live.set_path("/callback/acme/mock-idp");
    let page = browser.get(live.as_str()).await;
    assert!(page.location().unwrap().as_str().ends_with("worked=false"));
    assert_eq!(world.calls("/token"), 0);

    let mut browser = Browser::new();
    let start = format!("{}/admin/login/start?provider=mock-idp", world.origin);
    let callback = browser.to_callback(&start, "ada", "lovelace").await;
    assert_eq!(callback.path(), "/callback/acme/mock-idp");
    let mut shared = callback.clone();
    shared.set_path("/callback");
    let page = browser.get(shared.as_str()).await;
    assert_eq!(page.location().unwrap().path(), "/admin/login");
    assert_eq!(world.calls("/token"), 0);
}

static MAPPINGS: Space = Space::durable("mappings").sealed();
static PENDING: Space = Space::transient("pending_logins").expiring().sealed();

/// Takes a member out of stored records, as if a version without it had written them.
async fn without(world: &World, space: &'static Space, partition: &str, member: &str) {
    take_out(&*world.store, space, partition, member).await;
}

async fn take_out(store: &dyn Store, space: &'static Space, partition: &str, member: &str) {
    let scan = Scan::all(space, partition, 100);
    let found = store.scan(&scan).await.unwrap();
    assert!(!found.is_empty());
    for (key, entry) in found {
        let (schema, text) = entry.value.split_first().unwrap();
        let mut record: Value = serde_json::from_slice(text).unwrap();
        for part in ["/Pending", ""] {
            if let Some(Value::Object(members)) = record.pointer_mut(part) {
                members.remove(member);
            }
        }
        let mut value = vec![*schema];
        value.extend(serde_json::to_vec(&record).unwrap());
        store.put(&key, value, Precondition::Any).await.unwrap();
    }
}

#[tokio::test]
async fn f21_what_was_applied_before_keeps_working_and_says_what_to_register() {
    let world = World::start().await;
    without(&world, &MAPPINGS, "acme", "rules").await;
    let shared = format!("{}/callback", world.origin);
    let registered = own(&world, "acme");
    world
        .idp
        .configure(|config| config.redirect_uris = vec![shared.clone()]);
    let (mut browser, callback) = world.begun().await;
    assert_eq!(callback.path(), "/callback");
    let page = browser.get(callback.as_str()).await;
    assert_eq!(browser.follow(page).await.url.path(), "/welcome");

    // It says so wherever one looks.
    let path = "/accounts/acme/providers";
    let json = "application/json";
    for path in [path.to_owned(), format!("{path}/mock-idp")] {
        let (_, body) = world.admin(Method::GET, &path, json, "").await;
        assert!(body.contains(&format!("register `{registered}`")), "{body}");
        assert!(
            body.contains(&format!("\"redirect_uri\":\"{shared}\"")),
            "{body}"
        );
    }

    // The same text again is nothing new; another one asks first.
    let same = world.mapping();
    let other = format!("{same}\n# a comment\n");
    let toml = "application/toml";
    let (status, body) = world.admin(Method::POST, path, toml, &same).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(&format!("register `{registered}`")), "{body}");
    let (status, body) = world.admin(Method::POST, path, toml, &other).await;
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &problem["code"]),
        (409, &json!("mapping.redirect_uri_changes"))
    );
    assert!(problem["detail"].as_str().unwrap().contains(&registered));
    let (status, body) = world
        .admin(Method::POST, &format!("{path}?accept=yes"), toml, &other)
        .await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("request.accept"), "{body}");
    let (mut late, pending) = world.begun().await;
    assert_eq!(pending.path(), "/callback");

    // Accepted, it has its own; the login that had begun ends where it was sent.
    let accepted = format!("{path}?accept=redirect-uri");
    let (status, body) = world.admin(Method::POST, &accepted, toml, &same).await;
    assert_eq!(status, 200, "{body}");
    assert!(
        body.contains(&format!("\"redirect_uri\":\"{registered}\"")),
        "{body}"
    );
    assert!(!body.contains("from before"), "{body}");
    let page = late.get(pending.as_str()).await;
    assert_eq!(late.follow(page).await.url.path(), "/welcome");
    world
        .idp
        .configure(|config| config.redirect_uris = vec![registered.clone()]);
    world.log_in(&mut Browser::new()).await;
    // Rolling back to a text of before does not bring the old address back.
    let back = format!("{path}/mock-idp/rollback");
    let (status, body) = world
        .admin(Method::POST, &back, json, "{\"version\":1}")
        .await;
    assert_eq!(status, 200, "{body}");
    world.log_in(&mut Browser::new()).await;
}

#[tokio::test]
async fn f21_a_login_pending_at_the_upgrade_ends() {
    let world = World::start().await;
    without(&world, &MAPPINGS, "acme", "rules").await;
    let (mut browser, callback) = world.begun().await;
    without(&world, &PENDING, "", "counts_at").await;
    let page = browser.get(callback.as_str()).await;
    assert_eq!(browser.follow(page).await.url.path(), "/welcome");
    // Begun before, it still counts for its own account alone.
    let (mut browser, mut callback) = world.begun().await;
    without(&world, &PENDING, "", "counts_at").await;
    world.account("evil").await;
    callback.set_path("/accounts/evil/callback");
    world
        .rejected(&mut browser, callback.as_str(), "login.state_mismatch")
        .await;
}

#[tokio::test]
async fn f21_evil_can_not_have_the_address_of_before() {
    // Acme's mapping is from before; whatever evil applies now has its own
    // address, so evil's state does not count at the one that acme still has.
    let scene = Scene::new().await;
    without(&scene.world, &MAPPINGS, "acme", "rules").await;
    let (mut victim, back) = scene.forward(Forward::default()).await;
    assert_eq!(back.path(), "/callback");
    scene
        .world
        .rejected(&mut victim, back.as_str(), "login.state_mismatch")
        .await;
    scene.held(&mut victim, "from before").await;
    // Both from before: only `iss` is left to tell them apart.
    without(&scene.world, &MAPPINGS, "evil", "rules").await;
    let named = scene.world.mapping().replace(
        "[client]",
        &format!("issuer = \"{}\"\n\n[client]", scene.world.idp.origin()),
    );
    scene.world.account("other").await;
    scene.world.apply("other", &named).await;
    let issuer = scene.world.idp.origin();
    let forward = Forward {
        with: &[("iss", Some(&issuer))],
        ..Forward::default()
    };
    scene.rejected(forward, "login.issuer_mismatch").await;
}

#[tokio::test]
async fn f21_commands_say_what_to_register() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("acme.toml");
    std::fs::write(&file, include_str!("../../providers/mock-idp.toml")).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_vestibule"))
            .args(arguments)
            .current_dir(home.path())
            .env_clear()
            .env("VESTIBULE_PUBLIC_URL", "https://login.platform.test")
            .env("VESTIBULE_OUTBOUND__ALLOW_HTTP", "true")
            .env("VESTIBULE_OUTBOUND__ALLOW_NETWORKS", "127.0.0.0/8")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        (output.status.success(), out, err)
    };
    let own = "https://login.platform.test/callback/acme/mock-idp";
    let account = ["--account", "acme"];
    let provider = |more: &[&str]| run(&[&["provider"], more, &account].concat());
    let create = [
        "account",
        "create",
        "acme",
        "--name",
        "Acme",
        "--store",
        "https://www.acme.test",
        "--auth-path",
        "/_auth",
    ];
    assert!(run(&create).0);
    let line = format!("redirect URI to register at the provider: {own}\n");
    for command in ["check", "apply"] {
        let (ok, out, err) = provider(&[command, "acme.toml"]);
        assert!(ok && out.contains(&line), "{command}: {out} {err}");
    }
    let (_, out, _) = run(&["provider", "check", "acme.toml"]);
    assert!(out.contains("/callback/{account}/mock-idp\n"), "{out}");
    let (_, out, _) = provider(&["preview", "acme.toml"]);
    assert!(out.contains("callback%2Facme%2Fmock-idp"), "{out}");
    let (_, out, err) = provider(&["list"]);
    assert!(out.contains(own) && err.is_empty(), "{out} {err}");

    let data = home.path().join("vestibule-data");
    let clock = Arc::new(SystemClock);
    let mut config = config::from_parts("", [], None).unwrap();
    config.data_dir = data;
    let store = broker::open_store(&config, clock).await.unwrap();
    take_out(&*store, &MAPPINGS, "acme", "rules").await;
    store.close().await.unwrap();
    drop(store);
    let register = format!("register `{own}` at the provider");
    for command in [&["list"][..], &["show"], &["check", "acme.toml"]] {
        let (ok, out, err) = provider(command);
        assert!(
            ok && format!("{out}{err}").contains(&register),
            "{command:?}: {out} {err}"
        );
    }
    std::fs::write(
        &file,
        include_str!("../../providers/mock-idp.toml").replace("Mock A", "A"),
    )
    .unwrap();
    let (ok, out, err) = provider(&["apply", "acme.toml"]);
    assert!(!ok && out.is_empty(), "{out}");
    assert!(
        err.contains(own) && err.contains("--accept redirect-uri"),
        "{err}"
    );
    let (ok, out, err) = provider(&["apply", "acme.toml", "--accept", "redirect-uri"]);
    assert!(ok && out.contains(&line), "{out} {err}");
    let (_, out, err) = provider(&["list"]);
    assert!(out.contains(own) && err.is_empty(), "{out} {err}");
}
