//! Trials: a login with a draft that creates nothing, and what its trace is good for.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use mock_idp::{FaultKind, Faults};
use serde_json::{Value, json};
use support::{Browser, World};
use tower::ServiceExt;
use vestibule::http::server::Peer;
use vestibule::provider::compile::compile_toml;
use vestibule::provider::replay::replay;
use vestibule::provider::trace::{SavedTrace, text};

/// A call of the admin API as its socket's owner makes it.
async fn admin(world: &World, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/api/v1{path}"))
        .header("content-type", "application/toml")
        .body(Body::from(body.to_owned()))
        .unwrap();
    request.extensions_mut().insert(Peer::Unix);
    let answer = world.broker.admin_router().oneshot(request).await.unwrap();
    let status = answer.status();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    )
}

/// Opens a trial of a draft and goes through it; gives its trace.
async fn tried(world: &World, draft: &str) -> SavedTrace {
    let (status, opened) = admin(world, "POST", "/accounts/acme/trials", draft).await;
    assert_eq!(status, StatusCode::CREATED, "{opened}");
    let path = format!("/accounts/acme/trials/{}", opened["id"].as_str().unwrap());
    assert_eq!(admin(world, "GET", &path, "").await.1["state"], "waiting");
    let browser = &mut Browser::new();
    let link = format!("{}&go=true", opened["link"].as_str().unwrap());
    let end = browser.log_in(&link, "ada", "lovelace").await;
    assert_eq!(end.status, StatusCode::OK);
    assert!(end.url.path().ends_with("/trial-done"));
    let again = browser.get(&link).await;
    assert!(again.shows("login.ticket_invalid"), "a link counts once");
    let (_, answer) = admin(world, "GET", &path, "").await;
    assert_eq!(answer["state"], "done");
    serde_json::from_value(answer["trace"].clone()).unwrap()
}

#[tokio::test]
async fn a_trial_shows_the_whole_exchange_and_creates_nothing() {
    let world = World::empty().await;
    world.account("acme").await;
    let trace = tried(&world, &world.mapping()).await;

    assert_eq!(trace.identity.as_ref().unwrap().email, "ada@example.test");
    let steps: Vec<&str> = trace.exchanges.iter().map(|e| e.step.as_str()).collect();
    assert_eq!(steps, ["authorization", "token", "userinfo"]);
    let asked = &trace.exchanges[0].request.line;
    assert!(
        asked.contains("/authorize?") && asked.contains("&state={{state}}"),
        "{asked}"
    );
    let whole = serde_json::to_string(&trace).unwrap();
    assert!(
        whole.contains("client_secret={{client_secret}}")
            && whole.contains("Bearer {{access_token}}")
    );
    let journal = world.idp.journal();
    let token = journal.iter().find(|e| e.path == "/token").unwrap();
    for (name, value) in token.form() {
        if matches!(name.as_str(), "code" | "client_secret" | "code_verifier") {
            assert!(!whole.contains(&value), "{name} is in the trace");
        }
    }
    assert!(world.users("acme").await.is_empty());
    assert!(
        world
            .store
            .partitions(vestibule::session::spaces()[0])
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_failed_trial_says_where_the_value_may_be() {
    let world = World::empty().await;
    world.account("acme").await;
    world.idp.configure(|config| {
        config.accounts[0].profile = json!({ "data": { "uid": 7, "mail": "ada@example.test" } });
    });
    let trace = tried(&world, &world.mapping()).await;
    let failure = trace.failure.unwrap();
    assert_eq!(failure.code, "login.user_id_missing");
    let hints: Vec<String> = trace
        .notes
        .iter()
        .filter_map(|note| note.hint.clone())
        .collect();
    assert_eq!(
        hints,
        [
            "`$.data.uid` looks like an id",
            "`$.data.mail` looks like an email"
        ]
    );
}

#[tokio::test]
async fn a_failed_trial_says_what_stands_in_the_token_answer() {
    let world = World::empty().await;
    world.account("acme").await;
    world.idp.configure(|config| {
        let extra = json!({ "user": { "id": "u-1", "email": "ada@example.test" } });
        config.token.response.extra = extra.as_object().unwrap().clone();
        config.accounts[0].profile = json!({ "nick": "ada" });
    });
    let trace = tried(&world, &world.mapping()).await;
    let failure = trace.failure.unwrap();
    assert!(
        failure
            .message
            .ends_with("; `{token.$.user.id}` looks like an id"),
        "{}",
        failure.message
    );
    // The hint is a place that works.
    let draft = world
        .mapping()
        .replace("\"userId\"", "\"{token.$.user.id}\"")
        .replace("\"email\"", "\"{token.$.user.email}\"");
    let who = tried(&world, &draft).await.identity.unwrap();
    assert_eq!(
        (who.user_id.as_str(), who.email.as_str()),
        ("u-1", "ada@example.test")
    );
}

/// What to change when a login fails, for each kind of failure.
#[tokio::test]
async fn a_failed_trial_names_the_line_to_look_at() {
    let world = World::empty().await;
    world.account("acme").await;
    let draft = world.mapping();
    let status = |at: &str, code| Faults::none().once(at, FaultKind::status(code));
    let replaced = |at: &str, field: &str, value: Value| {
        let field = field.to_owned();
        Faults::none().once(at, FaultKind::Replace { field, value })
    };
    for (faults, line) in [
        (
            status("token", 404),
            "`token.url` (step 3, access token exchange)",
        ),
        (
            status("token", 405),
            "`token.method` (step 3, access token exchange)",
        ),
        (
            status("token", 415),
            "`token.content_type` (step 3, access token exchange)",
        ),
        (
            status("token", 401),
            "`client.authentication` (step 1, provider details)",
        ),
        (
            status("token", 400),
            "`token.parameters` (step 3, access token exchange)",
        ),
        (
            status("userinfo", 301),
            "`userinfo.url` (step 4, user information)",
        ),
        (
            status("userinfo", 403),
            "`userinfo.send_token` (step 4, user information)",
        ),
        (
            Faults::none().once("userinfo", FaultKind::Html200),
            "`userinfo.response.format` (step 4, user information)",
        ),
        (
            replaced("token", "access_token", json!({ "value": "0123456789" })),
            "`token.response.access_token` (step 3, access token exchange)",
        ),
        (
            replaced("userinfo", "email", json!(["a", "b"])),
            "`userinfo.response.email` (step 4, user information)",
        ),
    ] {
        world.idp.set_faults(faults);
        let trace = tried(&world, &draft).await;
        assert_eq!(
            trace.failure.as_ref().unwrap().look_at.as_deref(),
            Some(line)
        );
        assert!(text(&trace).contains(&format!("Look at {line}.")));
    }
    world.idp.set_faults(status("userinfo", 503));
    let failure = tried(&world, &draft).await.failure.unwrap();
    assert_eq!(failure.look_at, None, "no line can mend that");
}

/// The mock as an OpenID Connect provider, mapped so.
fn openid(world: &World) -> String {
    world.idp.configure(|config| config.openid.enabled = true);
    format!(
        "[provider]\nid = \"mock-idp\"\nname = \"Mock\"\nkind = \"openid\"\nissuer = \"{}\"\n\
         [client]\nid = \"vestibule-demo\"\nsecret = \"vestibule-demo-secret\"\n",
        world.idp.origin()
    )
}

#[tokio::test]
async fn a_trial_of_openid_shows_discovery_keys_and_claims() {
    let world = World::empty().await;
    world.account("acme").await;
    let draft = openid(&world);
    let trace = tried(&world, &draft).await;
    let shown: Vec<_> = trace
        .exchanges
        .iter()
        .map(|e| (e.step.as_str(), e.status))
        .collect();
    assert_eq!(
        shown,
        [
            ("discovery", Some(200)),
            ("authorization", None),
            ("token", Some(200)),
            ("jwks", Some(200)),
            ("userinfo", Some(200)),
        ]
    );
    let asked = &trace.exchanges[1].request.line;
    assert!(asked.contains("&nonce={{nonce}}"), "{asked}");
    let shown = text(&trace);
    assert!(shown.contains("/jwks.json"), "{shown}");
    assert!(shown.contains("Claims of the ID token"), "{shown}");
    assert!(shown.contains("\"sub\": \"u-1001\""), "{shown}");
    assert!(!shown.contains("eyJ"), "a signature: {shown}");

    // Claims are there whatever is wrong with them, and both issuers are named.
    for (fault, wanted) in [
        (
            FaultKind::WrongIss,
            "the token has `https://foreign-issuer.example.test`, the mapping `http://127.0.0.1",
        ),
        (FaultKind::WrongNonce, "`nonce` is not that of this login"),
        (
            FaultKind::SetClaim {
                name: "exp".into(),
                value: json!("soon"),
            },
            "`exp` is of the wrong type",
        ),
    ] {
        world.idp.set_faults(Faults::none().on("id_token", fault));
        let trace = tried(&world, &draft).await;
        let shown = text(&trace);
        assert!(
            shown.contains("Claims of the ID token") && shown.contains(wanted),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_trial_that_cannot_begin_is_over() {
    let world = World::empty().await;
    world.account("acme").await;
    let draft = openid(&world).replace(
        "kind = \"openid\"\nissuer = \"http://",
        "kind = \"openid\"\ndiscovery_url = \"http://127.0.0.1:1/nowhere\"\nissuer = \"http://",
    );
    let (_, opened) = admin(&world, "POST", "/accounts/acme/trials", &draft).await;
    let link = format!("{}&go=true", opened["link"].as_str().unwrap());
    Browser::new().get(&link).await;
    let path = format!("/accounts/acme/trials/{}", opened["id"].as_str().unwrap());
    let (_, answer) = admin(&world, "GET", &path, "").await;
    assert_eq!(answer["state"], "done", "{answer}");
    let trace: SavedTrace = serde_json::from_value(answer["trace"].clone()).unwrap();
    assert_eq!(
        trace.failure.as_ref().unwrap().code,
        "login.provider_unreachable"
    );
    let shown = text(&trace);
    assert!(
        shown.contains("GET http://127.0.0.1:1/nowhere") && shown.contains("no answer: "),
        "{shown}"
    );

    // The document of another issuer.
    let draft = openid(&world);
    let slash = draft.replacen("\"\n[client]", "/\"\n[client]", 1);
    let (_, opened) = admin(&world, "POST", "/accounts/acme/trials", &slash).await;
    let link = format!("{}&go=true", opened["link"].as_str().unwrap());
    Browser::new().get(&link).await;
    let path = format!("/accounts/acme/trials/{}", opened["id"].as_str().unwrap());
    let (_, answer) = admin(&world, "GET", &path, "").await;
    let message = answer["trace"]["failure"]["message"].as_str().unwrap();
    let origin = world.idp.origin();
    assert!(
        message.contains(&format!(
            "names the issuer `{origin}`, the mapping `{origin}/`"
        )),
        "{message}"
    );
}

#[tokio::test]
async fn a_trial_denied_at_the_provider_says_so() {
    let world = World::empty().await;
    world.account("acme").await;
    let (_, opened) = admin(&world, "POST", "/accounts/acme/trials", &world.mapping()).await;
    let browser = &mut Browser::new();
    let link = format!("{}&go=true", opened["link"].as_str().unwrap());
    let page = browser.get(&link).await;
    let authorize = page.location().unwrap();
    let form = [("request", authorize.query().unwrap()), ("action", "deny")];
    let denied = browser.post(authorize.join("/login").unwrap(), &form).await;
    let end = browser.follow(denied).await;
    assert!(end.url.query().unwrap().contains("worked=false"));
    let path = format!("/accounts/acme/trials/{}", opened["id"].as_str().unwrap());
    let (_, answer) = admin(&world, "GET", &path, "").await;
    assert_eq!(answer["trace"]["failure"]["code"], "login.denied");
}

#[tokio::test]
async fn a_draft_that_does_not_compile_is_not_tried() {
    let world = World::empty().await;
    world.account("acme").await;
    let (status, problem) = admin(
        &world,
        "POST",
        "/accounts/acme/trials",
        "[provider]\nidd = \"x\"",
    )
    .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(problem["findings"].as_array().unwrap().len() > 3);
}

#[tokio::test]
async fn a_replay_of_the_same_mapping_agrees_and_of_another_does_not() {
    let world = World::empty().await;
    world.account("acme").await;
    let trace = tried(&world, &world.mapping()).await;
    let context = world.broker.app().logins.mappings.context();
    let same = compile_toml(&world.mapping(), context).unwrap();
    assert!(replay(&same, &trace).agrees());
    let other = world
        .mapping()
        .replace("user_id = \"userId\"", "user_id = \"email\"");
    let other = replay(&compile_toml(&other, context).unwrap(), &trace);
    assert_eq!(other.differences.len(), 1);
    assert_eq!(other.differences[0].field, "user_id");
    let broken = world
        .mapping()
        .replace("email   = \"email\"", "email   = \"mail\"");
    let broken = replay(&compile_toml(&broken, context).unwrap(), &trace);
    assert!(!broken.agrees() && broken.failure.unwrap().contains("looks like an email"));
}

#[tokio::test]
async fn f22_a_test_link_survives_being_looked_at() {
    let world = World::start().await;
    let (_, opened) = admin(&world, "POST", "/accounts/acme/trials", &world.mapping()).await;
    let link = opened["link"].as_str().unwrap();
    let mut scanner = Browser::new();
    for _ in 0..3 {
        let page = scanner.send(reqwest::Method::HEAD, link, &[], None).await;
        assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED);
        let page = scanner.get(link).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.shows("A test login") && page.location().is_none());
    }
    let go = format!("{link}&go=true");
    let page = scanner.send(reqwest::Method::HEAD, &go, &[], None).await;
    assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED);
    let page = Browser::new().get(&go).await;
    assert!(page.location().is_some(), "{}", page.body);
}

#[tokio::test]
async fn f22_nothing_that_is_used_up_answers_head() {
    let world = World::start().await;
    for path in [
        "/accounts/acme/login",
        "/accounts/acme/finish?ticket=x",
        "/accounts/acme/trial?ticket=x&go=true",
        "/callback/acme/mock-idp?state=x&code=y",
        "/connect/authorize?client_id=x",
        "/connect/authorize/resume?request=x",
        "/admin/login/start?provider=mock-idp",
        "/admin/login/finish?ticket=x",
    ] {
        let url = format!("{}{path}", world.origin);
        let page = Browser::new()
            .send(reqwest::Method::HEAD, &url, &[], None)
            .await;
        assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert!(page.headers.get("set-cookie").is_none(), "{path}");
    }
}

#[tokio::test]
async fn f18_live_tokens_are_masked_where_no_mapping_finds_them() {
    let world = World::empty().await;
    world.account("acme").await;
    // The token is elsewhere, so nothing is known to be one.
    for (was, is) in [
        (
            "access_token = \"access_token\"",
            "access_token = \"jwt.elsewhere\"",
        ),
        (
            "access_token = \"access_token\"",
            "access_token = \"$.data.token\"",
        ),
    ] {
        let draft = world.mapping().replace(was, is);
        assert!(draft.contains(is));
        let trace = tried(&world, &draft).await;
        assert_eq!(
            trace.failure.as_ref().unwrap().code,
            "login.token_response_invalid"
        );
        let answer = trace.exchanges[1].response.as_ref().unwrap();
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body["access_token"], "{{access_token}}");
        assert!(
            body["token_type"]
                .as_str()
                .unwrap()
                .eq_ignore_ascii_case("bearer")
        );
        let (_, document) = &trace.documents[0];
        assert_eq!(document["access_token"], "{{access_token}}");
    }
}

/// Trials are kept in memory for an hour, with all that was said: an account has a share.
#[tokio::test]
async fn f28_an_account_opens_so_many_trials_and_leaves_others_theirs() {
    let world = World::empty().await;
    world.account("acme").await;
    world.account("other").await;
    let large = format!("{}\n# {}\n", world.mapping(), "x".repeat(200 << 10));
    let open = async |account: &str| {
        let path = format!("/accounts/{account}/trials");
        let (status, said) = admin(&world, "POST", &path, &large).await;
        assert!(
            status != 503 || said["code"] == "service.busy",
            "{status} {said}"
        );
        status.as_u16()
    };
    for _ in 0..60 {
        assert_eq!(open("acme").await, 201);
    }
    for _ in 0..3 {
        assert_eq!(open("acme").await, 503);
    }
    assert_eq!(open("other").await, 201);
    world.clock.advance(std::time::Duration::from_secs(30));
    assert_eq!([open("acme").await, open("acme").await], [201, 503]);
}
