//! What a mapping puts into the session, as the storefront sees it.

use super::*;
use crate::support::{Browser, World};

#[tokio::test]
async fn attributes_groups_and_locale_reach_the_session() {
    let world = World::empty().await;
    world.account("acme").await;
    let document = r#"{
        "userId": 1, "email": "ada@example.test", "name": "Ada",
        "lang": "pt-BR", "first": "Ada", "last": "Lovelace", "avatar": "https://img.test/a.png",
        "teams": ["gold", 7, null, {"x": 1}, "beta"],
        "loyalty": {"tier": "gold", "points": 9007199254740993, "since": 1.50},
        "flags": [true, "x"], "nothing": null
    }"#;
    let profile: Value = serde_json::from_str(document).unwrap();
    world
        .idp
        .configure(|config| config.accounts[0].profile = profile);
    let mapping = format!(
        "{}{}",
        world.mapping(),
        r#"
locale = "lang"
given_name = "first"
family_name = "last"
picture = "avatar"
groups = "teams"
attributes = { tier = "$.loyalty.tier", points = "$.loyalty.points", since = "$.loyalty.since", flags = "flags", nothing = "nothing" }
"#
    );
    world.apply("acme", &mapping).await;
    let browser = &mut Browser::new();
    world.log_in(browser).await;
    let page = browser.get(world.url("acme", "session")).await;
    let user = &page.json()["user"];
    assert_eq!(user["locale"], "pt-BR");
    assert_eq!(user["given_name"], "Ada");
    assert_eq!(user["family_name"], "Lovelace");
    assert_eq!(user["picture"], "https://img.test/a.png");
    assert_eq!(user["groups"], json!(["gold", "7", "beta"]));
    assert_eq!(user["tier"], "gold");
    assert_eq!(user["flags"], json!([true, "x"]));
    assert!(user.get("nothing").is_none(), "{user}");
    // Digit for digit, through the store and out again.
    assert!(
        page.body.contains(r#""points":9007199254740993"#),
        "{}",
        page.body
    );
    assert!(page.body.contains(r#""since":1.50"#), "{}", page.body);
}

#[tokio::test]
async fn a_large_or_deep_profile_ends_in_time() {
    let world = World::empty().await;
    world.account("acme").await;
    let mapping = world.mapping().replace("\"userId\"", "\"$..userId\"");
    world.apply("acme", &mapping).await;
    let login = |user: Value| {
        world
            .idp
            .configure(|config| config.accounts[0].profile = user);
        let start = world.url("acme", "login?return_to=/welcome");
        async move { Browser::new().log_in(&start, "ada", "lovelace").await }
    };
    let mut profile = json!({ "userId": 1, "email": "ada@example.test" });
    profile["list"] = (0..20_000).map(|i| json!({ "n": i })).collect();
    let end = login(profile.clone()).await;
    assert_eq!(end.url.path(), "/welcome", "{}", end.body);
    profile["text"] = json!("x".repeat(1 << 20));
    let end = login(profile.clone()).await;
    assert!(end.shows("login.userinfo_invalid"), "{}", end.body);
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let end = login(json!({ "userId": 1, "email": "ada@example.test", "deep": deep })).await;
    assert!(end.shows("login.userinfo_invalid"), "{}", end.body);
}
