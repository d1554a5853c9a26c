//! One server after another under the same provider's id (threat F5).

use mock_idp::{Config, MockIdp};
use reqwest::Method;

use super::support::{World, mapping_for};
use super::{login, profile};

/// The provider's id of the world's mapping, at another server.
async fn moves_away(world: &mut World) -> MockIdp {
    let other = MockIdp::start(Config::default()).await.unwrap();
    std::mem::replace(&mut world.idp, other)
}

async fn apply(world: &World, accept: &str) -> (u16, String) {
    let path = format!("/accounts/acme/providers{accept}");
    let mapping = mapping_for(&world.idp);
    world
        .admin(Method::POST, &path, "application/toml", &mapping)
        .await
}

#[tokio::test]
async fn f05_another_server_under_the_same_id_knows_other_people() {
    let mut world = World::start().await;
    let before = login(&world, profile("1", "ada@example.test"))
        .await
        .unwrap();
    let first = moves_away(&mut world).await;
    let path = "/accounts/acme/providers/mock-idp";
    let (status, body) = world.admin(Method::DELETE, path, "", "").await;
    assert_eq!(status, 204, "{body}");
    let (status, body) = apply(&world, "").await;
    assert!(status < 300, "{body}");
    let other = login(&world, profile("1", "mallory@example.test"))
        .await
        .unwrap();
    assert_ne!(other.id, before.id, "the id `1` is another's here");
    // Back at the first, people are who they were.
    let _second = std::mem::replace(&mut world.idp, first);
    let (status, body) = apply(&world, "?accept=new-people").await;
    assert!(status < 300, "{body}");
    let again = login(&world, profile("1", "ada@example.test"))
        .await
        .unwrap();
    assert_eq!(again.id, before.id);
}

#[tokio::test]
async fn f05_the_same_mapping_again_keeps_its_people() {
    let world = World::start().await;
    let before = login(&world, profile("1", "ada@example.test"))
        .await
        .unwrap();
    let path = "/accounts/acme/providers/mock-idp";
    let (status, body) = world.admin(Method::DELETE, path, "", "").await;
    assert_eq!(status, 204, "{body}");
    let (status, body) = apply(&world, "").await;
    assert!(status < 300, "{body}");
    let again = login(&world, profile("1", "ada@example.test"))
        .await
        .unwrap();
    assert_eq!(again.id, before.id);
}

#[tokio::test]
async fn f05_a_change_of_server_asks() {
    for (accept, same) in [("same-people", true), ("new-people", false)] {
        let mut world = World::start().await;
        // Nobody is linked yet: nothing is asked.
        moves_away(&mut world).await;
        let (status, body) = apply(&world, "").await;
        assert!(status < 300, "{body}");
        let before = login(&world, profile("1", "ada@example.test"))
            .await
            .unwrap();
        moves_away(&mut world).await;
        let (status, body) = apply(&world, "").await;
        assert_eq!(status, 409, "{body}");
        assert!(body.contains("mapping.people_change"), "{body}");
        let (status, body) = apply(&world, &format!("?accept={accept}")).await;
        assert!(status < 300, "{body}");
        let after = login(&world, profile("1", "moved@example.test"))
            .await
            .unwrap();
        assert_eq!(after.id == before.id, same, "{accept}");
    }
}
