//! What people granted to applications.

use serde_json::Value;

use crate::Op;
use crate::authority::{Client, user};
use crate::support::World;

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
