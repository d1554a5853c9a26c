//! States of a shape, states within the redirect URI, answers in the fragment, and
//! PKCE as servers had it first.

use serde_json::json;
use url::Url;

use crate::bodies::{errors, previewed};
use crate::scene::{Scene, value};
use crate::support::{Browser, Page};

/// arctic#225
#[tokio::test]
async fn pkce_plain_sends_the_verifier_itself() {
    let changes = "[authorization]\npkce = \"plain\"";
    let mock = json!({ "pkce_required": true, "pkce_plain": true });
    let scene = Scene::new(mock, changes).await;
    scene.logs_in().await;
    let (asked, sent) = (
        scene.last("/authorize").query(),
        scene.last("/token").form(),
    );
    assert_eq!(value(&asked, "code_challenge_method"), Some("plain"));
    let verifier = value(&sent, "code_verifier").unwrap();
    assert_eq!(value(&asked, "code_challenge"), Some(verifier));
    assert!(verifier.len() >= 43);
    let (line, _) = previewed(&scene, changes, "authorization");
    assert!(line.contains("&code_challenge_method=plain"), "{line}");

    // The same server, and a mapping that says nothing.
    scene.map("").await;
    scene.fails("login.provider_error").await;
}

/// casdoor#867, FOSOAuthServerBundle#494
#[tokio::test]
async fn a_state_has_the_shape_the_server_wants() {
    let mock = json!({ "authorize": { "state_limit": 32 } });
    let scene = Scene::new(mock, "").await;
    scene.fails("login.provider_error").await;
    for (shape, length, characters) in [
        (
            "state_alphabet = \"alphanumeric\"",
            27,
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        ),
        (
            "state_alphabet = \"alphanumeric\"\nstate_length = 22",
            22,
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        ),
        (
            "state_alphabet = \"lower_alphanumeric\"\nstate_length = 32",
            32,
            "0123456789abcdefghijklmnopqrstuvwxyz",
        ),
        (
            "state_alphabet = \"hexadecimal\"\nstate_length = 32",
            32,
            "0123456789abcdef",
        ),
    ] {
        scene.map(&format!("[authorization]\n{shape}")).await;
        scene.logs_in().await;
        let query = scene.last("/authorize").query();
        let state = value(&query, "state").unwrap();
        assert_eq!(state.len(), length, "{shape}");
        assert!(state.chars().all(|c| characters.contains(c)), "{state}");
    }
    // Any length that a server may count on; and names of the mapping's.
    scene.mock(
        json!({ "authorize": { "state": "nonce_str" }, "callback": { "state": "nonce_str" } }),
    );
    for shape in [
        "state_alphabet = \"digits\"",
        "state_alphabet = \"hexadecimal\"\nstate_length = 48",
        "state_length = 44",
        "state_length = 256",
    ] {
        let key = "state_key = \"nonce_str\"";
        scene.map(&format!("[authorization]\n{key}\n{shape}")).await;
        scene.logs_in().await;
    }
}

#[tokio::test]
async fn a_state_that_could_be_guessed_is_refused() {
    let scene = Scene::new(json!({}), "").await;
    for (shape, least) in [
        ("state_length = 21", 22),
        ("state_length = 0", 22),
        ("state_length = 257", 22),
        ("state_alphabet = \"hexadecimal\"\nstate_length = 31", 32),
        ("state_alphabet = \"digits\"\nstate_length = 32", 39),
    ] {
        assert_eq!(
            errors(&scene, &format!("[authorization]\n{shape}")),
            [format!(
                "authorization.state_length: a state of these characters has between {least} \
                 and 256 of them: a shorter one could be guessed"
            )]
        );
    }
}

/// A state of a shape is good once, for its own provider, in time, like any other.
#[tokio::test]
async fn a_state_of_a_shape_counts_once_and_in_time() {
    let scene = Scene::new(
        json!({}),
        "[authorization]\nstate_alphabet = \"alphanumeric\"\nstate_length = 32",
    )
    .await;
    let world = &scene.world;
    let browser = &mut Browser::new();
    let start = world.url("acme", "login?return_to=/welcome");
    let callback = browser.to_callback(&start, "ada", "lovelace").await;

    // At another provider's address it does not count, and is used up.
    let there = callback.as_str().replace("/acme/custom", "/acme/google");
    let answer = browser.get(&there).await;
    assert!(answer.header("location").contains("login.state_mismatch"));
    let answer = browser.get(callback.as_str()).await;
    assert!(answer.header("location").contains("login.state_replayed"));
    let after = answer.location().unwrap();
    assert!(after.as_str().ends_with("%2Fwelcome"), "{after}");

    let start = world.url("acme", "login?return_to=/welcome");
    let callback = browser.to_callback(&start, "ada", "lovelace").await;
    world.clock.advance(std::time::Duration::from_secs(601));
    let answer = browser.get(callback.as_str()).await;
    assert!(
        answer.header("location").contains("login.state_expired"),
        "{answer:?}"
    );

    // One that nobody was given.
    let mut made_up = callback.clone();
    made_up.set_query(Some("code=x&state=abcdefghijklmnopqrstuvwxyz012345"));
    let answer = browser.get(made_up.as_str()).await;
    assert!(answer.header("location").contains("login.state_unknown"));
}

/// Across the hour by which such states are found.
#[tokio::test]
async fn a_state_of_a_shape_is_found_at_any_time_of_the_hour() {
    let scene = Scene::new(json!({}), "[authorization]\nstate_alphabet = \"digits\"").await;
    let world = &scene.world;
    for _ in 0..14 {
        let browser = &mut Browser::new();
        let start = world.url("acme", "login?return_to=/welcome");
        let callback = browser.to_callback(&start, "ada", "lovelace").await;
        world.clock.advance(std::time::Duration::from_secs(299));
        let answer = browser.get(callback.as_str()).await;
        assert_eq!(browser.follow(answer).await.url.path(), "/welcome");
    }
}

/// CAS: aspnet-contrib#572, apereo/cas#1539
#[tokio::test]
async fn the_state_stands_within_the_redirect_uri() {
    let mock = json!({
        "authorize": { "redirect_uri": "service", "response_type_required": false, "state_dropped": true },
        "callback": { "code": "ticket" },
        "token": { "code": "ticket", "redirect_uri": "service" },
    });
    let changes = r#"
        [authorization]
        redirect_uri_key = "service"
        state_in = "redirect_uri"
        [callback]
        code_key = "ticket"
        [token]
        code_key = "ticket"
    "#;
    let scene = Scene::new(mock, changes).await;
    scene.logs_in().await;
    let asked = scene.last("/authorize").query();
    assert_eq!(value(&asked, "state"), None);
    let service = value(&asked, "service").unwrap();
    let (address, state) = service.split_once("?state=").unwrap();
    assert_eq!(
        address,
        format!("{}/callback/acme/custom", scene.world.origin)
    );
    assert!(state.len() > 40);
    assert_eq!(
        value(&scene.last("/token").form(), "service"),
        Some(service)
    );
    let (line, _) = previewed(&scene, changes, "authorization");
    assert!(line.contains("%3Fstate%3D{{state}}"), "{line}");
    let (_, body) = previewed(&scene, changes, "token");
    assert!(body.contains("%3Fstate%3D{{state}}"), "{body}");

    // Posted, with the state in the address still.
    scene
        .map(&changes.replace("state_in", "response_mode = \"form_post\"\nstate_in"))
        .await;
    let browser = &mut Browser::new();
    let (callback, form) = posted(&scene, browser).await;
    assert!(callback.query().unwrap().starts_with("state="));
    let form: Vec<_> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let answer = browser.post(callback.as_str(), &form).await;
    assert_eq!(browser.follow(answer).await.url.path(), "/welcome");
}

/// Up to the page that posts itself to the callback: where to, and what.
async fn posted(scene: &Scene, browser: &mut Browser) -> (Url, Vec<(String, String)>) {
    let start = scene.world.url("acme", "login?return_to=/welcome");
    let authorize = browser.get(&start).await.location().unwrap();
    let page = browser
        .post(
            authorize.join("/login").unwrap().as_str(),
            &[
                ("request", authorize.query().unwrap()),
                ("username", "ada"),
                ("password", "lovelace"),
            ],
        )
        .await;
    let attribute = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=\"")).unwrap();
        let value = rest.split_once('"').unwrap().0;
        value.replace("&amp;", "&").replace("&#x2f;", "/")
    };
    let action = Url::parse(&attribute(&page.body, "action")).unwrap();
    let fields = page.body.split("type=\"hidden\"").skip(1);
    let fields = fields.map(|text| (attribute(text, "name"), attribute(text, "value")));
    (action, fields.collect())
}

/// What the script of the page does.
async fn by_script(browser: &mut Browser, callback: &Url) -> Page {
    let page = browser.get(&callback[..url::Position::AfterQuery]).await;
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("<form method=\"post\">"),
        "{}",
        page.body
    );
    assert!(page.body.contains("<noscript>"), "{}", page.body);
    let pairs: Vec<_> = form_urlencoded::parse(callback.fragment().unwrap().as_bytes())
        .into_owned()
        .collect();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    browser
        .post(&callback[..url::Position::AfterQuery], &pairs)
        .await
}

/// APICenter-Portal-Starter#139
#[tokio::test]
async fn an_answer_in_the_fragment_is_posted_on() {
    let changes = "[authorization]\nresponse_mode = \"fragment\"";
    let scene = Scene::new(json!({}), changes).await;
    let (start, browser) = (
        scene.world.url("acme", "login?return_to=/welcome"),
        &mut Browser::new(),
    );
    let callback = browser.to_callback(&start, "ada", "lovelace").await;
    assert_eq!(callback.query(), None);
    let answer = by_script(browser, &callback).await;
    assert_eq!(answer.status, 303);
    assert_eq!(browser.follow(answer).await.url.path(), "/welcome");
    let asked = scene.last("/authorize").query();
    assert_eq!(value(&asked, "response_mode"), Some("fragment"));

    // An empty fragment is posted too, and told as what it is.
    let answer = browser
        .post(&callback[..url::Position::AfterPath], &[])
        .await;
    assert!(answer.header("location").contains("login.state_missing"));

    // With the state in the redirect URI.
    scene
        .map(&format!("{changes}\nstate_in = \"redirect_uri\""))
        .await;
    let callback = browser.to_callback(&start, "ada", "lovelace").await;
    assert!(callback.query().unwrap().starts_with("state="));
    let mut without_state = callback.clone();
    let fragment = callback.fragment().unwrap().to_owned();
    without_state.set_fragment(fragment.split('&').find(|pair| pair.starts_with("code=")));
    let answer = by_script(browser, &without_state).await;
    assert_eq!(browser.follow(answer).await.url.path(), "/welcome");

    // Without it in the mapping, an address that says nothing may still be that of an
    // error; one that says the state is that of a refusal.
    scene.map("").await;
    let bare = callback[..url::Position::AfterPath].to_owned();
    assert_eq!(browser.get(&bare).await.status, 200);
    let answer = browser.get(format!("{bare}?state=unknown")).await;
    assert!(answer.header("location").contains("login.state_unknown"));

    assert_eq!(
        errors(
            &scene,
            "[authorization]\nresponse_mode = \"fragment\"\n[callback]\nredirect_uri = \"https://www.acme.test/_auth/callback\""
        ),
        [
            "authorization.response_mode: an answer in the fragment needs a redirect URI that names the provider"
        ]
    );
}

/// A draft is tried before any mapping says that its answers are in the fragment.
#[tokio::test]
async fn a_trial_waits_for_a_fragment_too() {
    let scene = Scene::new(json!({}), "").await;
    let world = &scene.world;
    let logins = &world.broker.app().logins;
    let draft = crate::scene::mapping(
        &world.idp.origin(),
        "[authorization]\nresponse_mode = \"fragment\"",
    );
    let account = "acme".parse().unwrap();
    let opened = vestibule::login::trial::open(logins, &account, &draft)
        .await
        .unwrap();
    let link = world.url(
        "acme",
        &format!("trial?ticket={}&go=true", opened.link.as_str()),
    );
    let browser = &mut Browser::new();
    let callback = browser.to_callback(&link, "ada", "lovelace").await;
    let answer = by_script(browser, &callback).await;
    assert!(
        answer
            .header("location")
            .ends_with("trial-done?worked=true"),
        "{answer:?}"
    );
}
