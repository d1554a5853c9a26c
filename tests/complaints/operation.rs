//! What it is like to run the thing.

use mock_idp::{FaultKind, Faults};
use serde_json::json;
use vestibule::account::mapping::{ApplyError, Consent};
use vestibule::base::Clock;

use crate::scene::{Scene, ada, mapping};
use crate::support::{Browser, World};

/// keycloak#11917, #21476, #23690
#[tokio::test]
async fn c18_no_opaque_errors() {
    let scene = Scene::with_profile(
        json!({ "userId": 1, "contact": { "mail": "ada@example.test" } }),
        "",
    )
    .await;
    // The person sees a stable code and an id that finds the log line …
    let page = scene.fails("login.email_missing").await;
    assert!(
        page.url.as_str().contains("login.email_missing"),
        "{}",
        page.url
    );
    // … and the operator step, field, what was expected and what came.
    assert_eq!(
        scene.why().await,
        "userinfo login.email_missing: `userinfo.response.email`: `email` matched nothing; \
         `$.contact.mail` looks like an email; where the provider gives none, set \
         `userinfo.response.email_placeholder`"
    );
    scene.profile(r#"{"userId":{"value":1},"email":"ada@example.test"}"#);
    assert_eq!(
        scene.why().await,
        "userinfo login.user_id_missing: `userinfo.response.user_id`: `userId` should be a \
         string or a number, but is object"
    );
    scene.mock(json!({}));
    let status = |code: u16, body: &str| FaultKind::Status {
        code,
        body: body.into(),
        content_type: "text/plain".into(),
        headers: std::collections::BTreeMap::new(),
    };
    let cases = [
        (
            "token",
            FaultKind::Html200,
            "token login.token_response_invalid: ",
            "an HTML page",
        ),
        (
            "token",
            FaultKind::Empty200,
            "token login.token_response_invalid: ",
            "empty",
        ),
        (
            "token",
            FaultKind::Missing {
                field: "access_token".into(),
            },
            "token login.token_response_invalid: `token.response.access_token`: ",
            "`access_token` matched nothing",
        ),
        (
            "token",
            FaultKind::Replace {
                field: "access_token".into(),
                value: json!([12]),
            },
            "token login.token_response_invalid: `token.response.access_token`: ",
            "`access_token` should be a string, but is array",
        ),
        (
            "token",
            status(401, ""),
            "token login.token_rejected: ",
            "HTTP 401",
        ),
        (
            "userinfo",
            status(500, "boom"),
            "userinfo login.provider_failing: ",
            "HTTP 500",
        ),
        (
            "userinfo",
            FaultKind::Html200,
            "userinfo login.userinfo_invalid: ",
            "an HTML page",
        ),
    ];
    for (endpoint, fault, start, part) in cases {
        scene
            .world
            .idp
            .set_faults(Faults::none().once(endpoint, fault));
        let why = scene.why().await;
        assert!(why.starts_with(start) && why.contains(part), "{why}");
        assert!(!why.contains("vestibule-demo-secret"), "{why}");
    }
}

/// Every exchange and every mapped value, secrets masked.
#[tokio::test]
async fn c18_a_trace_shows_every_exchange_and_value() {
    let scene = Scene::new(json!({}), "").await;
    let (outcome, trace) = scene.by_hand().await;
    outcome.unwrap();
    let steps: Vec<&str> = trace.exchanges.iter().map(|e| e.step.as_str()).collect();
    assert_eq!(steps, ["token", "userinfo"]);
    assert!(
        trace.exchanges[0]
            .request
            .body
            .contains("client_secret={{client_secret}}")
    );
    let shown = format!("{:?}", trace.exchanges);
    assert!(!shown.contains("vestibule-demo-secret"), "{shown}");
    let notes: Vec<String> = trace.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "userinfo.response.user_id = userId -> id \"u-1001\"",
            "userinfo.response.email = email -> email \"ada@example.test\"",
            "userinfo.response.name = name -> \"Ada Lovelace\"",
        ]
    );
}

/// fusionauth-issues#3447. A login with a draft, registered nowhere, is `provider try`.
#[tokio::test]
async fn c19_a_bad_save_locks_nobody_out() {
    let scene = Scene::new(json!({}), "").await;
    scene.logs_in().await;
    let mappings = &scene.world.broker.app().logins.mappings;
    let account = "acme".parse().unwrap();
    let now = scene.world.clock.now();
    let bad = mapping(
        &scene.world.idp.origin(),
        "[token]\nurl = \"https://https://id.acme.test/token\"\n[userinfo.response]\nuser_id = \"$.[\"",
    );
    match mappings
        .apply(&account, &bad, "test", now, None, Consent::default())
        .await
    {
        Err(ApplyError::Findings(findings)) => {
            let keys: Vec<&str> = findings
                .iter()
                .filter(|f| f.is_error())
                .map(|f| f.key.as_str())
                .collect();
            assert_eq!(keys, ["token.url", "userinfo.response.user_id"]);
        }
        other => panic!("{other:?}"),
    }
    scene.logs_in().await;

    // One that compiles and is wrong all the same is one step away from the old one.
    scene.map("[userinfo.response]\nemail = \"e_mail\"").await;
    scene.fails("login.email_missing").await;
    let provider = "custom".parse().unwrap();
    let versions = mappings
        .history(&account, &provider, None, 10)
        .await
        .unwrap();
    assert_eq!(versions.len(), 2);
    scene.world.apply("acme", &versions[1].source).await;
    scene.logs_in().await;
}

/// oauth2-proxy#926, #1674
#[tokio::test]
async fn c20_one_instance_many_tenants_and_providers() {
    let scene = Scene::new(json!({}), "").await;
    let world: &World = &scene.world;
    let second = mock_idp::MockIdp::start(
        mock_idp::Config::from_json(
            &json!({
                "accounts": [ada(json!({ "uid": "u-1001", "mail": "ada@example.test" }))],
                "callback": { "code": "authCode" },
            })
            .to_string(),
        )
        .unwrap(),
    )
    .await
    .unwrap();
    world.account("brand").await;
    let other = mapping(
        &second.origin(),
        r#"
        [provider]
        id = "brand-id"
        [callback]
        code_key = "authCode"
        [userinfo.response]
        user_id = "uid"
        email = "mail"
        "#,
    );
    world.apply("brand", &other).await;
    // One of the built-in choices beside the custom one.
    let google = mapping(
        &second.origin(),
        "[provider]\nid = \"google\"\nname = \"Google\"",
    )
    .replace("\"userId\"", "\"uid\"")
    .replace("\"email\"", "\"mail\"");
    let google = format!("{google}\n[callback]\ncode_key = \"authCode\"\n");
    world.apply("brand", &google).await;

    scene.logs_in().await;
    let browser = &mut Browser::new();
    let choice = browser
        .get(world.url("brand", "login?return_to=/welcome"))
        .await;
    assert!(
        choice.status.is_success() && choice.shows("Google"),
        "{}",
        choice.body
    );
    for provider in ["brand-id", "google"] {
        let browser = &mut Browser::new();
        let start = format!("login?return_to=/welcome&provider={provider}");
        let end = browser
            .log_in(&world.url("brand", &start), "ada", "lovelace")
            .await;
        assert_eq!(end.url.path(), "/welcome", "{}", end.body);
        let session = browser.session(world, "brand").await;
        assert_eq!(session["provider"], provider);
        // A session of one account does not count in another.
        assert_eq!(browser.session(world, "acme").await["authenticated"], false);
    }
    // The same email, two tenants: two users that know nothing of each other.
    let (acme, brand) = (world.users("acme").await, world.users("brand").await);
    assert_eq!((acme.len(), brand.len()), (1, 1));
    assert_ne!(acme[0].id, brand[0].id);
    assert_eq!(acme[0].email, brand[0].email);
    assert_eq!(brand[0].links.len(), 2);
}

/// A secret that must be rotated without downtime.
#[tokio::test]
async fn also_a_secret_rolls_over_without_downtime() {
    let scene = Scene::new(
        json!({ "client_secret": "old-secret" }),
        "[client]\nsecret = \"new-secret\"\nprevious_secret = \"old-secret\"",
    )
    .await;
    scene.logs_in().await;
    assert_eq!(scene.world.calls("/token"), 2);
    scene.mock(json!({ "client_secret": "new-secret" }));
    scene.logs_in().await;
    assert_eq!(scene.world.calls("/token"), 3);
}
