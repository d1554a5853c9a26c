//! Where the profile is, and what it looks like.

use mock_idp::{FaultKind, Faults};
use serde_json::json;

use crate::scene::{Scene, ada};

/// dex#2778, casdoor#4115, keycloak#41165
#[tokio::test]
async fn c01_wrapped_profile() {
    let scene = Scene::new(
        json!({ "userinfo": { "response": {
            "wrapper": "data.user", "extra": { "code": 0, "msg": "ok" },
        } } }),
        r#"
        [userinfo.response]
        user_id = "$.data.user.userId"
        email = "$.data.user.email"
        name = "$.data.user.name"
        "#,
    )
    .await;
    let user = scene.logs_in().await;
    assert_eq!(user["email"], "ada@example.test");
    assert_eq!(user["name"], "Ada Lovelace");
    assert_eq!(scene.user_id().await, "u-1001");
}

/// authentik#14669, logto#4295
#[tokio::test]
async fn c02_subject_field_can_be_set() {
    let scene = Scene::with_profile(
        json!({ "uid": "ada-7", "contact": { "mail": "ada@example.test" } }),
        r#"
        [userinfo.response]
        user_id = "uid"
        email = "$.contact.mail"
        "#,
    )
    .await;
    scene.logs_in().await;
    assert_eq!(scene.user_id().await, "ada-7");

    // With OpenID Connect too, where `sub` is only the default.
    let scene = Scene::new(
        json!({
            "openid": { "enabled": true },
            "accounts": [ada(json!({
                "sub": "s-1", "employee": 4711, "email": "ada@example.test",
            }))],
        }),
        r#"
        [provider]
        kind = "openid"
        issuer = "{origin}"
        [userinfo.response]
        user_id = "employee"
        "#,
    )
    .await;
    scene.logs_in().await;
    assert_eq!(scene.user_id().await, "4711");
}

/// nextcloud-social-login#409
#[tokio::test]
async fn c03_no_list_of_id_fields() {
    let scene = Scene::with_profile(
        json!({
            "id": "wrong", "sub": "wrong", "identifier": "wrong", "user_id": "wrong",
            "Person": { "Employee Number": "E-42" }, "email": "ada@example.test",
        }),
        r#"
        [userinfo.response]
        user_id = "$.Person['Employee Number']"
        "#,
    )
    .await;
    scene.logs_in().await;
    assert_eq!(scene.user_id().await, "E-42");
}

/// better-auth#1479, grafana#13549
#[tokio::test]
async fn c16_no_email_or_an_array_of_emails() {
    let scene = Scene::with_profile(
        json!({ "userId": 1, "emails": ["ada@example.test", "second@example.test"] }),
        "[userinfo.response]\nemail = \"$.emails[0]\"",
    )
    .await;
    assert_eq!(scene.logs_in().await["email"], "ada@example.test");

    scene
        .map("[userinfo.response]\nemail = \"$.addresses[?@.type == 'work'].value\"")
        .await;
    scene.profile(
        r#"{"userId":1,"addresses":[{"type":"home","value":"h@example.test"},
                                    {"type":"work","value":"w@example.test"}]}"#,
    );
    assert_eq!(scene.logs_in().await["email"], "w@example.test");

    // None at all: a page that says so …
    scene.map("").await;
    scene.profile(r#"{"userId":1,"name":"Ada"}"#);
    scene.fails("login.email_missing").await;

    // … or a made-up address, if the mapping wants one.
    scene
        .map(
            r#"
            [provider]
            email_trust = "never"
            [userinfo.response]
            email_placeholder = "custom.invalid"
            "#,
        )
        .await;
    scene.profile(r#"{"userId":"oAbC","email":null,"name":"Ada"}"#);
    let made_up = scene.logs_in().await["email"].as_str().unwrap().to_owned();
    assert!(made_up.starts_with("u-") && made_up.ends_with("@custom.invalid"));
    // Ids that differ only in case are different people, and so are their addresses.
    scene.profile(r#"{"userId":"oabc","email":"","name":"Other"}"#);
    let other = scene.logs_in().await["email"].as_str().unwrap().to_owned();
    assert_ne!(made_up.to_lowercase(), other.to_lowercase());
}

/// A provider that may give no address.
const NEVER: &str = r#"
    [provider]
    email_trust = "never"
    [userinfo.response]
    email_placeholder = "custom.invalid"
    "#;

/// zitadel#10569: an update that writes empties over good data.
#[tokio::test]
async fn c16_an_email_that_is_gone_is_not_forgotten() {
    let scene = Scene::with_profile(
        json!({ "userId": 1, "email": "ada@example.test", "name": "Ada Lovelace" }),
        NEVER,
    )
    .await;
    scene.logs_in().await;
    scene.profile(r#"{"userId":1,"email":null,"name":""}"#);
    let user = scene.logs_in().await;
    assert_eq!(user["email"], "ada@example.test");
    let stored = scene.user().await;
    assert_eq!(stored.email, "ada@example.test");
    assert_eq!(stored.name.as_deref(), Some("Ada Lovelace"));
    // Nor are the parts of a name and the picture.
    let parts = r#"
        [userinfo.response]
        given_name = "first"
        picture = "picture"
        groups = "groups"
        "#;
    scene.map(&format!("{NEVER}{parts}")).await;
    scene.profile(r#"{"userId":1,"first":"Ada","picture":"https://img.test/a","groups":["a"]}"#);
    assert_eq!(scene.logs_in().await["given_name"], "Ada");
    scene.profile(r#"{"userId":1,"first":"","picture":null}"#);
    let user = scene.logs_in().await;
    assert_eq!(
        (&user["given_name"], &user["picture"]),
        (&json!("Ada"), &json!("https://img.test/a"))
    );
    // Something may be allowed by a group.
    assert_eq!(user["groups"], json!([]));
    scene.profile(r#"{"userId":1,"first":"Augusta"}"#);
    assert_eq!(scene.logs_in().await["given_name"], "Augusta");
    // And a made-up address gives way to the real one.
    scene.profile(r#"{"userId":2,"name":"Grace"}"#);
    let made_up = scene.logs_in().await["email"].clone();
    scene.profile(r#"{"userId":2,"name":"Grace","email":"grace@example.test"}"#);
    let real = scene.logs_in().await["email"].clone();
    assert_ne!(made_up, real);
    assert_eq!(real, "grace@example.test");
    assert_eq!(scene.world.users("acme").await.len(), 2);
}

/// pomerium#6694
#[tokio::test]
async fn c17_second_call_decides_access() {
    let mock = |member: bool| {
        json!({ "routes": { "/memberships": {
            "items": [{ "club": "other", "active": true }, { "club": "acme", "active": member }],
        } } })
    };
    let scene = Scene::new(
        mock(true),
        r#"
        [[userinfo.then]]
        name = "club"
        url = "{origin}/memberships"
        [access]
        require = ["$.club.items[?@.club == 'acme' && @.active == true]"]
        "#,
    )
    .await;
    scene.logs_in().await;
    assert!(scene.last("/memberships").header("authorization").is_some());
    scene.mock(mock(false));
    scene.fails("login.access_denied").await;
    // No answer is no access.
    let gone = FaultKind::Status {
        code: 404,
        body: String::new(),
        content_type: "text/plain".into(),
        headers: std::collections::BTreeMap::new(),
    };
    scene
        .world
        .idp
        .set_faults(Faults::none().once("/memberships", gone));
    scene.fails("login.userinfo_not_found").await;
    assert_eq!(scene.world.users("acme").await.len(), 1);
}

/// rauthy#1513: claims to roles.
#[tokio::test]
async fn also_claims_become_groups() {
    let scene = Scene::with_profile(
        json!({
            "userId": 1, "email": "ada@example.test",
            "realm_access": { "roles": ["gold", "beta"] },
            "units": [{ "name": "sales" }, { "name": "care" }], "one": "staff",
        }),
        "[userinfo.response]\ngroups = \"$.realm_access.roles\"",
    )
    .await;
    assert_eq!(scene.logs_in().await["groups"], json!(["gold", "beta"]));
    scene
        .map("[userinfo.response]\ngroups = \"$.units[*].name\"")
        .await;
    assert_eq!(scene.logs_in().await["groups"], json!(["sales", "care"]));
    scene.map("[userinfo.response]\ngroups = \"one\"").await;
    assert_eq!(scene.logs_in().await["groups"], json!(["staff"]));
}
