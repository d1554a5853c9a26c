//! What live logins tell about a mapping: drift and shadows.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use mock_idp::{FaultKind, Faults};
use serde_json::json;
use support::{Browser, World};
use vestibule::base::{AccountId, ProviderId};
use vestibule::login::{drift, shadow};

fn ids() -> (AccountId, ProviderId) {
    ("acme".parse().unwrap(), "mock-idp".parse().unwrap())
}

async fn log_in(world: &World) {
    let browser = &mut Browser::new();
    browser
        .log_in(&world.url("acme", "login"), "ada", "lovelace")
        .await;
}

async fn shape(world: &World) -> drift::Shape {
    let (account, provider) = ids();
    drift::find(&*world.store, &account, &provider)
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_vanished_value_and_a_changed_type_raise_the_alarm_once() {
    let world = World::start().await;
    for _ in 0..6 {
        log_in(&world).await;
    }
    assert!(shape(&world).await.drifts.is_empty());
    let value = json!("a name no alarm may repeat");
    world.idp.set_faults(Faults::none().on(
        "userinfo",
        FaultKind::Replace {
            field: "name".into(),
            value: json!([value]),
        },
    ));
    for times in 1..=4 {
        log_in(&world).await;
        // What one or two people's profiles are like is no drift.
        assert_eq!(shape(&world).await.drifts.len(), usize::from(times >= 3));
    }
    world.idp.set_faults(Faults::none().on(
        "userinfo",
        FaultKind::Missing {
            field: "email".into(),
        },
    ));
    for _ in 0..5 {
        log_in(&world).await;
    }

    let found = shape(&world).await;
    let drifts: Vec<(&str, &str, &str)> = found
        .drifts
        .iter()
        .map(|d| (d.field.as_str(), d.was.as_str(), d.now.as_str()))
        .collect();
    assert_eq!(
        drifts,
        [
            ("userinfo.response.name", "string", "array"),
            ("userinfo.response.email", "string", "missing"),
        ]
    );
    assert!(
        !serde_json::to_string(&found)
            .unwrap()
            .contains("no alarm may repeat")
    );
}

#[tokio::test]
async fn an_optional_value_that_some_users_lack_is_no_drift() {
    let world = World::start().await;
    for round in 0..8 {
        let faults = match round % 2 {
            0 => Faults::none(),
            _ => Faults::none().on(
                "userinfo",
                FaultKind::Missing {
                    field: "name".into(),
                },
            ),
        };
        world.idp.set_faults(faults);
        log_in(&world).await;
    }
    assert!(shape(&world).await.drifts.is_empty());
}

#[tokio::test]
async fn a_shadow_counts_who_would_change_and_changes_nothing() {
    let world = World::start().await;
    let (account, provider) = ids();
    log_in(&world).await;
    let mappings = &world.broker.app().logins.mappings;
    let other = world
        .mapping()
        .replace("user_id = \"userId\"", "user_id = \"email\"");
    let set = vestibule::account::mapping::Shadow {
        source: other,
        started_at: vestibule::base::Timestamp::from_secs(0),
        author: "test".into(),
    };
    let found = mappings.get(&account, &provider).await.unwrap().unwrap();
    mappings
        .set_shadow(&account, found, Some(set), Vec::new())
        .await
        .unwrap();
    log_in(&world).await;

    let report = async {
        loop {
            let report = shadow::report(&*world.store, &account, &provider)
                .await
                .unwrap();
            if report.logins == 1 {
                return report;
            }
            tokio::task::yield_now().await;
        }
    };
    let report = report.await;
    assert_eq!(
        (report.user_id_changes, report.email_changes, report.same),
        (1, 0, 0)
    );
    assert_eq!(world.users("acme").await.len(), 1);
    assert_eq!(
        world.calls("/token"),
        2,
        "the shadow never exchanges a code"
    );
    assert_eq!(world.calls("/userinfo"), 3);
}

#[tokio::test]
async fn the_old_secret_stands_in_until_the_new_one_works_and_a_report_says_so() {
    let world = World::start().await;
    let (account, provider) = ids();
    let both = world.mapping().replace(
        "secret     = \"vestibule-demo-secret\"",
        "secret     = \"the-new-secret\"\nprevious_secret = \"vestibule-demo-secret\"",
    );
    world.apply("acme", &both).await;
    log_in(&world).await;
    let shape = drift::find(&*world.store, &account, &provider)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(shape.previous_secret, Some(drift::Previous::Needed));

    world
        .idp
        .configure(|config| config.client_secret = "the-new-secret".into());
    log_in(&world).await;
    let shape = drift::find(&*world.store, &account, &provider)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(shape.previous_secret, Some(drift::Previous::MayGo));
    assert_eq!(world.users("acme").await.len(), 1);
}
