//! A code is sent once.

use super::*;

#[tokio::test]
async fn o08_a_code_is_sent_once() {
    let world = impatient(300).await;
    let mapping = format!("{}\n[timeouts]\ntotal = \"300ms\"", world.mapping())
        .replace("secret     =", "previous_secret = \"old\"\nsecret     =");
    world.apply("acme", &mapping).await;
    for fault in [
        FaultKind::Close,
        FaultKind::Hang,
        FaultKind::Cut { after_bytes: 3 },
        FaultKind::status(503),
        FaultKind::status(500),
    ] {
        world.idp.clear_journal();
        world.fault_fails("token", fault, "login.").await;
        assert_eq!(world.calls("/token"), 1);
        world.clock.advance(Duration::from_secs(10));
        world.log_in(&mut Browser::new()).await;
    }
}

#[tokio::test]
async fn o08_only_a_refused_secret_is_followed_by_the_previous_one() {
    let world = World::start().await;
    let roll = |now: &str, before: &str| {
        let line = "secret     = \"vestibule-demo-secret\"";
        world.mapping().replace(
            line,
            &format!("secret = \"{now}\"\nprevious_secret = \"{before}\""),
        )
    };
    // The provider does not know the new one yet.
    world
        .apply("acme", &roll("new", "vestibule-demo-secret"))
        .await;
    world.log_in(&mut Browser::new()).await;
    let sent: Vec<String> = forms(&world, "/token")
        .iter()
        .map(|form| form["client_secret"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(sent, ["new", "vestibule-demo-secret"]);
    // Now it does.
    world.idp.clear_journal();
    world
        .idp
        .configure(|config| config.client_secret = "new".to_owned());
    world.log_in(&mut Browser::new()).await;
    assert_eq!(world.calls("/token"), 1);
    // Neither is right.
    world.apply("acme", &roll("x", "y")).await;
    world.idp.clear_journal();
    world.login_fails("login.token_rejected").await;
    assert_eq!(world.calls("/token"), 2);
}

#[tokio::test]
async fn o08_other_exchanges() {
    let world = World::start().await;
    world
        .idp
        .configure(|config| config.token.encoding = Encoding::Json);
    let json = world
        .mapping()
        .replace("application/x-www-form-urlencoded", "application/json");
    world.apply("acme", &json).await;
    world.log_in(&mut Browser::new()).await;
    world.idp.configure(|config| {
        config.token.allow_get = true;
        config.client_authentication = vec![mock_idp::ClientAuthentication::Query];
    });
    let get = world.mapping().replace(
        "content_type = \"application/x-www-form-urlencoded\"",
        "method = \"GET\"",
    );
    world.apply("acme", &get).await;
    world.log_in(&mut Browser::new()).await;
    let methods: Vec<String> = world
        .idp
        .journal()
        .into_iter()
        .filter(|e| e.path == "/token")
        .map(|e| e.method)
        .collect();
    assert_eq!(methods, ["POST", "GET"]);
}
