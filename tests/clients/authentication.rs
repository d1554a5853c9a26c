//! Client authentication at the token endpoint.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use vestibule::provider::preview::{preview, text};

use crate::scene::{Scene, mapping, value};

/// The preview of a mapping with these changes.
fn previewed(scene: &Scene, changes: &str) -> String {
    let text_of = mapping(&scene.world.idp.origin(), changes);
    let logins = &scene.world.broker.app().logins;
    let provider = logins.mappings.compile(&text_of).unwrap();
    text(&preview(&provider, None).unwrap())
}

/// keycloak#51474
#[tokio::test]
async fn client_secret_jwt_signs_with_the_secret() {
    let by_jwt = "[client]\nauthentication = \"client_secret_jwt\"";
    let scene = Scene::new(
        json!({ "client_authentication": ["client_secret_jwt"] }),
        by_jwt,
    )
    .await;
    scene.logs_in().await;
    let sent = scene.last("/token").form();
    assert_eq!(value(&sent, "client_secret"), None);
    let assertion = value(&sent, "client_assertion").unwrap();
    let part = |n: usize| -> Value {
        let part = assertion.split('.').nth(n).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(part(0)["alg"], "HS256");
    assert_eq!(part(1)["sub"], "vestibule-demo");
    let shown = previewed(&scene, by_jwt);
    assert!(
        shown.contains("client_assertion={{client_assertion}}"),
        "{shown}"
    );
    assert!(!shown.contains("vestibule-demo-secret"));

    // Another secret signs another assertion, and the one before it stands in.
    let other = format!("{by_jwt}\nsecret = \"other\"");
    scene.map(&other).await;
    scene.fails("login.token_rejected").await;
    scene
        .map(&format!(
            "{other}\nprevious_secret = \"vestibule-demo-secret\""
        ))
        .await;
    scene.logs_in().await;
}

/// better-auth#3279; Discourse and Rauthy have a switch for both.
#[tokio::test]
async fn basic_and_body_at_once() {
    let scene = Scene::new(
        json!({ "client_authentication": ["basic_and_body"] }),
        "[client]\nauthentication = \"basic_and_body\"",
    )
    .await;
    scene.logs_in().await;
    let request = scene.last("/token");
    let both = STANDARD.encode("vestibule-demo:vestibule-demo-secret");
    assert_eq!(
        request.header("authorization"),
        Some(format!("Basic {both}").as_str())
    );
    let sent = request.form();
    assert_eq!(value(&sent, "client_id"), Some("vestibule-demo"));
    assert_eq!(value(&sent, "client_secret"), Some("vestibule-demo-secret"));
    for one in ["basic", "body"] {
        scene
            .map(&format!("[client]\nauthentication = \"{one}\""))
            .await;
        scene.fails("login.token_rejected").await;
    }
}

/// passport-oauth2#20
#[tokio::test]
async fn an_empty_secret_is_sent_as_it_is() {
    let basic = "[client]\nauthentication = \"basic\"\nsecret = \"\"";
    let scene = Scene::new(
        json!({
            "client_secret": "", "empty_secrets": true,
            // In a body an empty value is as good as none (RFC 6749 §3.1).
            "client_authentication": ["basic", "body", "none"],
        }),
        basic,
    )
    .await;
    scene.logs_in().await;
    let pair = STANDARD.encode("vestibule-demo:");
    assert_eq!(
        scene.last("/token").header("authorization"),
        Some(format!("Basic {pair}").as_str())
    );
    scene.map("[client]\nsecret = \"\"").await;
    scene.logs_in().await;
    assert_eq!(
        value(&scene.last("/token").form(), "client_secret"),
        Some("")
    );
    assert!(previewed(&scene, "[client]\nsecret = \"\"").contains("client_secret=&"));

    // It signs nothing: whoever knows that it is empty could.
    let logins = &scene.world.broker.app().logins;
    let signed = "[client]\nauthentication = \"client_secret_jwt\"\nsecret = \"\"";
    let found = logins
        .mappings
        .compile(&mapping(&scene.world.idp.origin(), signed))
        .unwrap_err();
    assert!(format!("{found:?}").contains("an empty secret signs nothing"));
}

const OPENID: &str = r#"
[provider]
kind = "openid"
issuer = "{origin}"
[authorization]
url = -
[token]
url = -
[userinfo]
url = -
[userinfo.response]
user_id = "sub"
"#;

/// canaille, mockin
#[tokio::test]
async fn where_the_mapping_is_silent_discovery_lists_the_way() {
    let sent = async |ways: Value, more: &str| {
        let mock = json!({ "openid": { "enabled": true }, "client_authentication": ways });
        let scene = Scene::new(mock, &format!("{OPENID}{more}")).await;
        scene.logs_in().await;
        let request = scene.last("/token");
        let names: Vec<String> = request.form().into_iter().map(|(name, _)| name).collect();
        let has = |name: &str| names.iter().any(|known| known == name);
        (
            request.header("authorization").is_some(),
            has("client_secret"),
            has("client_assertion"),
        )
    };
    let ways = [
        (json!(["body", "basic"]), (false, true, false)),
        (json!(["basic"]), (true, false, false)),
        (json!(["client_secret_jwt"]), (false, false, true)),
    ];
    for (listed, wanted) in ways {
        assert_eq!(sent(listed, "").await, wanted);
    }
    // What the mapping says counts, whatever discovery lists.
    let basic = "[client]\nauthentication = \"basic\"";
    let listed = json!(["body", "basic"]);
    assert_eq!(sent(listed, basic).await, (true, false, false));
}
