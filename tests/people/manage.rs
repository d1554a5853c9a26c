//! Users are created, imported, unlinked, sent to prove their email again, exported
//! and deleted.

use reqwest::Method;
use serde_json::{Value, json};
use vestibule::base::{AccountId, UserId};

use crate::authority::{Client, user};
use crate::support::{Browser, World};

const JSON: &str = "application/json";
const ADA: &str = "ada@example.test";

async fn api(world: &World, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let (kind, text) = match body {
        Value::Null => ("", String::new()),
        body => (JSON, body.to_string()),
    };
    let path = format!("/accounts/acme/{path}");
    let (status, body) = world.admin(method, &path, kind, &text).await;
    (status, serde_json::from_str(&body).unwrap_or_default())
}

async fn log(world: &World) -> String {
    let (status, body) = world.admin(Method::GET, "/audit?limit=500", "", "").await;
    assert_eq!(status, 200);
    body
}

#[tokio::test]
async fn a_deleted_user_is_gone_from_everything_but_the_log() {
    let world = World::start().await;
    let mut browser = Browser::new();
    world.log_in(&mut browser).await;
    let shop = Client::storefront(&world).await;
    let tokens = shop.tokens(&world, &mut Browser::new()).await;
    let before = world.users("acme").await.remove(0);
    let (status, export) = api(
        &world,
        Method::GET,
        "users/ada@example.test/export",
        &Value::Null,
    )
    .await;
    assert_eq!(status, 200, "{export}");
    assert_eq!(export["user"]["email"], ADA);
    assert_eq!(export["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(export["grants"].as_array().unwrap().len(), 1);

    let (status, _) = api(
        &world,
        Method::DELETE,
        "users/ada@example.test",
        &Value::Null,
    )
    .await;
    assert_eq!(status, 204);
    assert_eq!(
        browser.session(&world, "acme").await["authenticated"],
        false
    );
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(shop.introspect(&world, access).await["active"], false);
    let refresh = tokens["refresh_token"].as_str();
    if let Some(refresh) = refresh {
        assert_eq!(shop.refresh(&world, refresh).await.status, 400);
    }
    for query in ["q=ada", "q=lovelace", "email=ada@example.test", "q="] {
        let path = format!("users?{query}");
        let (_, found) = api(&world, Method::GET, &path, &Value::Null).await;
        assert_eq!(found["items"], json!([]), "{query}");
    }
    // Nothing of them is left in any record of the account, and the log has the id.
    let account: AccountId = "acme".parse().unwrap();
    for space in vestibule::broker::spaces() {
        let scan = vestibule::store::Scan::all(space, account.as_str(), 500);
        for (_, entry) in world.store.scan(&scan).await.unwrap() {
            let text = String::from_utf8_lossy(&entry.value).into_owned();
            assert!(!text.contains(ADA), "{}: {text}", space.name);
        }
    }
    let log = log(&world).await;
    assert!(log.contains(&before.id.to_string()) && log.contains("user.delete"));
    assert!(!log.contains(ADA), "{log}");

    // Again: there is nobody. And who comes back is somebody else.
    let path = format!("users/{}", before.id);
    assert_eq!(
        api(&world, Method::DELETE, &path, &Value::Null).await.0,
        404
    );
    world.log_in(&mut Browser::new()).await;
    assert_ne!(world.users("acme").await.remove(0).id, before.id);
}

#[tokio::test]
async fn a_login_that_a_deletion_overtook_leaves_nobody_locked_out() {
    let world = World::start().await;
    world.log_in(&mut Browser::new()).await;
    let ada = world.users("acme").await.remove(0);
    // What a login writes after the deletion: the link.
    let mut spaces = vestibule::broker::spaces();
    let links = spaces.find(|s| s.name == "user_links").unwrap();
    let scan = vestibule::store::Scan::all(links, "acme", 10);
    let (key, entry) = world.store.scan(&scan).await.unwrap().remove(0);
    let path = format!("users/{}", ada.id);
    assert_eq!(
        api(&world, Method::DELETE, &path, &Value::Null).await.0,
        204
    );
    let when = vestibule::store::Precondition::Any;
    world.store.put(&key, entry.value, when).await.unwrap();
    let mut browser = Browser::new();
    world.log_in(&mut browser).await;
    let session = browser.session(&world, "acme").await;
    assert_eq!(session["authenticated"], true, "{session}");
    assert_ne!(world.users("acme").await.remove(0).id, ada.id);
}

#[tokio::test]
async fn an_unlinked_user_is_signed_out_and_found_again_by_email() {
    let world = World::start().await;
    let mut browser = Browser::new();
    world.log_in(&mut browser).await;
    let ada = world.users("acme").await.remove(0);
    let links = format!("users/{}/links", ada.id);
    for query in [
        "provider=nobody",
        "provider=mock-idp&user_id=other",
        "provider=%00",
    ] {
        let path = format!("{links}?{query}");
        assert_eq!(
            api(&world, Method::DELETE, &path, &Value::Null).await.0,
            404
        );
    }
    let path = format!("{links}?provider=mock-idp");
    let (status, user) = api(&world, Method::DELETE, &path, &Value::Null).await;
    assert_eq!((status, &user["links"]), (200, &json!([])), "{user}");
    assert_eq!(
        browser.session(&world, "acme").await["authenticated"],
        false
    );
    let (_, found) = api(
        &world,
        Method::GET,
        &format!("users?q={}", ada.links[0].user_id),
        &Value::Null,
    )
    .await;
    assert_eq!(found["items"], json!([]), "its word is gone");
    world.log_in(&mut Browser::new()).await;
    let after = world.users("acme").await;
    assert_eq!(
        (after.len(), after[0].id, after[0].links.len()),
        (1, ada.id, 1)
    );
}

#[tokio::test]
async fn an_email_is_proved_again() {
    let world = World::start().await;
    let mut browser = Browser::new();
    world.log_in(&mut browser).await;
    let path = "users/ada@example.test/reverify";
    let (status, user) = api(&world, Method::POST, path, &Value::Null).await;
    assert_eq!(
        (status, &user["email_trusted"]),
        (200, &json!(false)),
        "{user}"
    );
    assert_eq!(
        browser.session(&world, "acme").await["authenticated"],
        false
    );
    world.log_in(&mut browser).await;
    let session = browser.session(&world, "acme").await;
    assert_eq!(session["user"]["email_verified"], true, "{session}");
}

#[tokio::test]
async fn an_import_reports_each_and_can_be_run_again() {
    let world = World::start().await;
    user(&world, "taken@example.com", "difference engine").await;
    let link = json!({ "provider": "mock-idp", "user_id": "1" });
    let users = json!([
        { "email": "new@example.com", "name": "New", "links": [{ "provider": "mock-idp", "user_id": "9007" }] },
        { "email": "TAKEN@example.com" },
        { "email": "no address" },
        { "email": "new@EXAMPLE.com" },
        { "email": "other@example.com", "links": [{ "provider": "mock-idp", "user_id": "9007" }] },
        { "email": "third@example.com", "links": [link, link], "disabled": true, "email_trusted": false },
        { "email": "bad@example.com", "links": [{ "provider": "No Id", "user_id": "1" }] },
    ]);
    let outcomes = |report: &Value| -> Vec<String> {
        let rows = report["rows"].as_array().unwrap().iter();
        rows.map(|row| row["outcome"].as_str().unwrap().to_owned())
            .collect()
    };
    let expected = [
        "created", "exists", "invalid", "invalid", "invalid", "created", "invalid",
    ];
    let entries = log(&world).await;
    let dry = json!({ "users": users, "dry_run": true });
    let (status, report) = api(&world, Method::POST, "users/import", &dry).await;
    assert_eq!(
        (status, outcomes(&report)),
        (200, expected.map(str::to_owned).to_vec()),
        "{report}"
    );
    assert_eq!(world.users("acme").await.len(), 1, "nobody was created");
    assert_eq!(log(&world).await, entries);

    let (status, report) = api(
        &world,
        Method::POST,
        "users/import",
        &json!({ "users": users }),
    )
    .await;
    assert_eq!(
        (status, outcomes(&report)),
        (200, expected.map(str::to_owned).to_vec()),
        "{report}"
    );
    assert_eq!(world.users("acme").await.len(), 3);
    let (_, found) = api(&world, Method::GET, "users?q=9007", &Value::Null).await;
    assert_eq!(found["items"][0]["email"], "new@example.com");
    let third = world
        .users("acme")
        .await
        .into_iter()
        .find(|u| u.email == "third@example.com")
        .unwrap();
    assert!(third.disabled && !third.email_trusted && third.links.len() == 1);
    let entries = log(&world).await;
    assert!(entries.contains("user.import") && !entries.contains("new@example.com"));

    let (_, again) = api(
        &world,
        Method::POST,
        "users/import",
        &json!({ "users": users }),
    )
    .await;
    assert_eq!(
        (&again["created"], &again["exists"]),
        (&json!(0), &json!(3)),
        "{again}"
    );
    for wrong in [
        json!({ "users": [] }),
        json!({ "users": vec![json!({ "email": "a@b.example" }); 501] }),
    ] {
        assert_eq!(
            api(&world, Method::POST, "users/import", &wrong).await.0,
            400
        );
    }
}

#[tokio::test]
async fn an_email_that_a_broken_login_claimed_can_be_given_to_a_user() {
    let world = World::start().await;
    let left = UserId::new();
    let mut spaces = vestibule::broker::spaces();
    let emails = spaces.find(|s| s.name == "user_emails").unwrap();
    let key = vestibule::store::Key::new(emails, "acme", b"new@example.com".to_vec());
    let value = format!("\u{1}\"{left}\"").into_bytes();
    let when = vestibule::store::Precondition::Any;
    world.store.put(&key, value, when).await.unwrap();
    let (status, made) = api(
        &world,
        Method::POST,
        "users",
        &json!({ "email": "new@example.com" }),
    )
    .await;
    assert_eq!((status, &made["id"]), (201, &json!(left)), "{made}");
    assert!(
        world.users("acme").await[0].generation > 0,
        "what that id had before counts no more"
    );
}
