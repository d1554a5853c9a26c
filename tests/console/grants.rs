//! What people granted to applications.

use serde_json::Value;

use crate::Op;
use crate::authority::{Client, allowed, asking, user};
use crate::roles::operator;
use crate::support::{Browser, World};

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn f4_an_operator_sees_and_ends_a_grant() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let page = op.get("/admin/accounts/acme/grants").await;
    assert!(page.shows("No application has tokens of anyone"));
    user(&world, ADA, "difference engine").await;
    let shop = Client::with_passwords(&world).await;
    let tokens: Value = shop.password(&world, ADA, "difference engine").await.json();
    let refresh = tokens["refresh_token"].as_str().unwrap();

    let page = op.get("/admin/accounts/acme/grants").await;
    assert!(page.shows(ADA) && page.shows(&shop.id), "{}", page.body);
    assert!(!refresh.split('.').any(|part| page.body.contains(part)));
    let id = page.body.split("name=\"grant\" value=\"").nth(1).unwrap();
    let id = id.split('"').next().unwrap().to_owned();
    let page = op
        .done("/admin/accounts/acme/grants/revoke", &[("grant", &id)])
        .await;
    assert!(page.shows("No application has tokens of anyone"));
    assert_eq!(shop.refresh(&world, refresh).await.status, 400);
}

#[tokio::test]
async fn an_operator_sees_and_withdraws_a_consent() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let client = Client::create(&world, asking()).await;
    let tokens = allowed(&world, &client, &mut Browser::new()).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let id = world.users("acme").await[0].id.to_string();
    let path = format!("/admin/accounts/acme/users/{id}");
    let page = op.get(&path).await;
    assert!(page.shows(&client.id), "{}", page.body);
    let button = format!("what {} was allowed", client.id);
    assert!(page.shows(&button), "{}", page.body);

    let revoke = "/admin/accounts/acme/consents/revoke";
    let form = [("user", id.as_str()), ("application", client.id.as_str())];
    let mut auditor = operator(&world, "audit@example.test", "auditor", &[]).await;
    assert_eq!(auditor.post(revoke, &form).await.status, 403);
    let mut other = operator(&world, "help@example.test", "support", &["acme"]).await;
    let elsewhere = "/admin/accounts/globex/consents/revoke";
    assert_eq!(other.post(elsewhere, &form).await.status, 404);
    assert!(op.get(&path).await.shows(&button), "it is still there");

    // Support is enough for it.
    other.done(revoke, &form).await;
    let page = op.get(&path).await;
    assert!(!page.shows(&button), "{}", page.body);
    assert_eq!(client.refresh(&world, refresh).await.status, 400);
    let page = op.post(revoke, &form).await;
    assert_ne!(page.status, 200, "there is none any more");
}
