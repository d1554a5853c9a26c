//! Whose user a login is.

use mock_idp::{Account, Config, MockIdp};
use serde_json::json;
use tokio::task::JoinSet;

use super::support::attack::START;
use super::support::{Browser, World, mapping_for};
use super::{login, login_through, profile};

const VICTIM: &str = "ada@example.test";

/// A second provider, whose emails count as this table says.
async fn beside(world: &World, trust: &str) {
    let mapping = world
        .mapping()
        .replace("\"mock-idp\"", "\"google\"")
        .replace(
            "email_trust = \"provider\"",
            &format!("email_trust = \"{trust}\""),
        );
    world
        .apply(
            "acme",
            &format!("{mapping}\nemail_verified = \"email_verified\""),
        )
        .await;
}

#[tokio::test]
async fn m01_an_email_without_the_right_to_link() {
    let world = World::start().await;
    let victim = login(&world, profile("1", VICTIM)).await.unwrap();
    for trust in ["never", "claim"] {
        beside(&world, trust).await;
        for email in [VICTIM, "ADA@example.test", "ada@EXAMPLE.test"] {
            let page = login_through(&world, "google", profile("66", email))
                .await
                .unwrap_err();
            assert!(page.contains("login.email_not_trusted"), "{page}");
        }
    }
    let users = world.users("acme").await;
    assert_eq!(users.len(), 1);
    assert_eq!(users[0].links, victim.links);
}

#[tokio::test]
async fn m01_who_waits_with_an_email_of_another() {
    let world = World::start().await;
    beside(&world, "claim").await;
    let attacker = login_through(&world, "google", profile("66", VICTIM))
        .await
        .unwrap();
    assert_eq!(attacker.email, VICTIM, "nobody had it, so it makes a user");
    // Its owner comes through a provider that may be trusted, and has the user alone.
    let owner = login(&world, profile("1", VICTIM)).await.unwrap();
    assert_eq!(owner.id, attacker.id);
    assert_eq!(owner.links.len(), 1);
    let page = login_through(&world, "google", profile("66", VICTIM))
        .await
        .unwrap_err();
    assert!(page.contains("login.email_not_trusted"), "{page}");

    // The same by a change of email at the provider.
    let attacker = login_through(&world, "google", profile("67", "evil@ok.test"))
        .await
        .unwrap();
    let changed = login_through(&world, "google", profile("67", "grace@example.test"))
        .await
        .unwrap();
    assert_eq!(
        (changed.id, changed.email.as_str()),
        (attacker.id, "grace@example.test")
    );
    let owner = login(&world, profile("2", "grace@example.test"))
        .await
        .unwrap();
    assert_eq!(owner.links.len(), 1);

    // Where the first provider had vouched for the email, both stay linked.
    let mut verified = profile("68", "alan@example.test");
    verified["email_verified"] = json!(true);
    login_through(&world, "google", verified).await.unwrap();
    let owner = login(&world, profile("3", "alan@example.test"))
        .await
        .unwrap();
    assert_eq!(owner.links.len(), 2);
}

#[tokio::test]
async fn m01_who_waited_is_logged_out_when_the_owner_comes() {
    let world = World::start().await;
    beside(&world, "claim").await;
    world
        .idp
        .configure(|config| config.accounts[0].profile["email_verified"] = json!(false));
    let attacker = &mut Browser::new();
    let start = world.url("acme", "login?provider=google&return_to=/welcome");
    let end = attacker.log_in(&start, "ada", "lovelace").await;
    assert_eq!(end.url.path(), "/welcome", "{}", end.body);
    assert!(
        attacker.session(&world, "acme").await["authenticated"]
            .as_bool()
            .unwrap()
    );

    let owner = &mut Browser::new();
    let start = world.url("acme", "login?provider=mock-idp&return_to=/welcome");
    owner.log_in(&start, "ada", "lovelace").await;
    assert!(
        owner.session(&world, "acme").await["authenticated"]
            .as_bool()
            .unwrap()
    );
    assert!(
        !attacker.session(&world, "acme").await["authenticated"]
            .as_bool()
            .unwrap()
    );
}

#[tokio::test]
async fn m01_a_changed_email_takes_nobody_elses() {
    let world = World::start().await;
    let victim = login(&world, profile("1", VICTIM)).await.unwrap();
    let other = login(&world, profile("2", "evil@ok.test")).await.unwrap();
    let after = login(&world, profile("2", VICTIM)).await.unwrap();
    assert_eq!(after.id, other.id);
    assert_eq!(after.email, "evil@ok.test", "the email is taken");
    let again = login(&world, profile("1", VICTIM)).await.unwrap();
    assert_eq!((again.id, again.email), (victim.id, victim.email));
}

#[tokio::test]
async fn m02_what_counts_as_verified() {
    let world = World::start().await;
    beside(&world, "claim").await;
    let user = login(&world, profile("1", VICTIM)).await.unwrap();
    for value in [
        json!(false),
        json!("true"),
        json!(1),
        json!("1"),
        json!(null),
        json!([true]),
        json!({ "true": true }),
    ] {
        let mut claimed = profile("66", VICTIM);
        claimed["email_verified"] = value.clone();
        let page = login_through(&world, "google", claimed)
            .await
            .expect_err(&value.to_string());
        assert!(page.contains("login.email_not_trusted"), "{value}");
    }
    let mut claimed = profile("66", VICTIM);
    claimed["email_verified"] = json!(true);
    let linked = login_through(&world, "google", claimed).await.unwrap();
    assert_eq!(linked.id, user.id);
    assert_eq!(linked.links.len(), 2);
}

#[tokio::test]
async fn m02_a_trusted_provider_links() {
    let world = World::start().await;
    beside(&world, "provider").await;
    let user = login(&world, profile("1", VICTIM)).await.unwrap();
    let linked = login_through(&world, "google", profile("66", "Ada@Example.test"))
        .await
        .unwrap();
    assert_eq!(linked.id, user.id);
    assert_eq!(world.users("acme").await.len(), 1);
}

#[tokio::test]
async fn m01_accounts_share_no_users() {
    let world = World::start().await;
    world.account("other").await;
    world.apply("other", &world.mapping()).await;
    login(&world, profile("1", VICTIM)).await.unwrap();
    let browser = &mut Browser::new();
    browser
        .log_in(&world.url("other", "login"), "ada", "lovelace")
        .await;
    let (here, there) = (world.users("acme").await, world.users("other").await);
    assert_eq!((here.len(), there.len()), (1, 1));
    assert_ne!(here[0].id, there[0].id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m01_first_logins_at_once_make_one_user() {
    let world = World::start().await;
    let mut race = JoinSet::new();
    let mut begun = Vec::new();
    for _ in 0..30 {
        begun.push(world.begun().await);
    }
    for (mut browser, callback) in begun {
        race.spawn(async move {
            let page = browser.get(callback.as_str()).await;
            browser.follow(page).await.url
        });
    }
    for end in race.join_all().await {
        assert_eq!(end.path(), "/welcome");
    }
    assert_eq!(world.users("acme").await.len(), 1);
    assert_eq!(world.users("acme").await[0].links.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn m01_one_email_at_once_from_many_ids_makes_one_user() {
    let world = World::start().await;
    let crowd = MockIdp::start(Config::default()).await.unwrap();
    crowd.configure(|config| {
        config.accounts = (0..20)
            .map(|i| {
                Account::new(&format!("u{i}"), "x")
                    .with_profile(json!({ "userId": i, "email": VICTIM }))
            })
            .collect();
    });
    world.apply("acme", &mapping_for(&crowd)).await;
    let mut race = JoinSet::new();
    for i in 0..20 {
        let mut browser = Browser::new();
        let callback = browser
            .to_callback(&world.url("acme", START), &format!("u{i}"), "x")
            .await;
        race.spawn(async move {
            let page = browser.get(callback.as_str()).await;
            browser.follow(page).await.url
        });
    }
    for end in race.join_all().await {
        assert_eq!(end.path(), "/welcome");
    }
    let users = world.users("acme").await;
    assert_eq!((users.len(), users[0].links.len()), (1, 20));
}
