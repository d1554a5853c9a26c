//! Traps found in other brokers' sources.

use serde_json::json;

use crate::scene::{Scene, value};

/// Dex prints 12345678 as 1.2345678e+07.
#[tokio::test]
async fn trap_numeric_ids_do_not_go_through_floats() {
    let scene = Scene::new(json!({}), "").await;
    for id in [
        "0",
        "12345678",
        "9007199254740993",
        "18446744073709551615",
        "123456789012345678901234567890",
    ] {
        scene.profile(&format!(
            r#"{{"userId":{id},"email":"u{id}@example.test","name":"N"}}"#
        ));
        scene.logs_in().await;
        let users = scene.world.users("acme").await;
        assert!(
            users.iter().any(|u| u.links[0].user_id == id),
            "{id}: {users:?}"
        );
    }
}

/// In Grafana a top-level `email` silently beats the configured path.
#[tokio::test]
async fn trap_a_top_level_email_does_not_beat_the_path() {
    let scene = Scene::with_profile(
        json!({
            "userId": 1, "email": "public@example.test",
            "verified": { "email": "ada@example.test" },
        }),
        "[userinfo.response]\nemail = \"$.verified.email\"",
    )
    .await;
    assert_eq!(scene.logs_in().await["email"], "ada@example.test");
    scene.profile(r#"{"userId":1,"email":"public@example.test"}"#);
    scene.fails("login.email_missing").await;
}

/// In Casdoor one optional field that is not there aborts the login.
#[tokio::test]
async fn trap_optional_fields_do_not_abort_a_login() {
    let scene = Scene::with_profile(
        json!({
            "userId": 1, "email": "ada@example.test", "name": { "first": "Ada" },
            "picture": 7, "locale": null, "groups": "", "tier": ["gold", "silver"],
        }),
        r#"
        [userinfo.response]
        given_name = "$.name.first"
        picture = "$.picture.url"
        locale = "locale"
        groups = "teams"
        attributes = { tier = "$.tier[*]", plan = "plan" }
        "#,
    )
    .await;
    let user = scene.logs_in().await;
    assert_eq!(user["name"], json!(null));
    assert_eq!(user["given_name"], "Ada");
    for left_out in ["picture", "locale", "tier", "plan"] {
        assert!(user.get(left_out).is_none(), "{left_out} in {user}");
    }
    let (outcome, trace) = scene.by_hand().await;
    outcome.unwrap();
    let notes: Vec<String> = trace.notes.iter().map(ToString::to_string).collect();
    assert!(
        notes.contains(
            &"userinfo.response.attributes.tier = $.tier[*] -> left out: `$.tier[*]` matched 2 \
              values (string, string) where one is meant; narrow the path"
                .to_owned()
        ),
        "{notes:#?}"
    );
}

/// Rauthy builds the authorization URL without encoding.
#[tokio::test]
async fn trap_the_authorization_url_is_encoded() {
    let odd = "a&b=c d+é#x%20\"<>";
    let scene = Scene::new(
        json!({
            "authorize": { "required_parameters": { "note": odd, "tenant": "7", "k e&y": "v" } },
        }),
        &format!(
            "[authorization]\nurl = \"{{origin}}/authorize?tenant=7\"\nscopes = [\"a b\", \"c&d\"]\nscope_separator = \", \"\nparameters = {{ note = '{odd}', \"k e&y\" = \"v\" }}"
        ),
    )
    .await;
    scene.logs_in().await;
    let query = scene.last("/authorize").query();
    assert_eq!(value(&query, "scope"), Some("a b, c&d"));
    assert!(!scene.last("/authorize").target.contains('+'));
}

/// authentik reads a token answer as JSON only, although it has a form parser.
#[tokio::test]
async fn trap_a_token_answer_may_be_a_form() {
    let scene = Scene::new(
        json!({ "token": { "response": { "format": "form", "content_type": "text/plain" } } }),
        "",
    )
    .await;
    scene.logs_in().await;
}

/// An id is the mapping's alone: two names never fall back on each other.
#[tokio::test]
async fn trap_an_id_that_is_missing_is_not_replaced() {
    let scene = Scene::with_profile(
        json!({ "id": "other", "sub": "other", "userId": "", "email": "ada@example.test" }),
        "",
    )
    .await;
    scene.fails("login.user_id_missing").await;
    assert_eq!(
        scene.why().await,
        "userinfo login.user_id_missing: `userinfo.response.user_id`: `userId` matched nothing; \
         `$.id` looks like an id"
    );
    assert!(scene.world.users("acme").await.is_empty());
}
