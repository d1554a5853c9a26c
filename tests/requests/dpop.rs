//! Tokens that a provider binds to a key of the client's (RFC 9449).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mock_idp::JournalEntry;
use serde_json::{Value, json};
use vestibule::provider::preview::preview;

use crate::bodies::errors;
use crate::scene::{Scene, mapping};

const CHANGES: &str = "[client]\ndpop = true";

fn mock(nonce: Option<&str>) -> Value {
    json!({ "dpop": { "required": true, "nonce": nonce }, "userinfo": { "scheme": "DPoP" } })
}

/// Header and claims of a request's proof.
fn proof(sent: &JournalEntry) -> [Value; 2] {
    let text = sent.header("dpop").unwrap();
    let mut parts = text.split('.').map(|part| {
        let json = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        serde_json::from_slice(&json).unwrap_or(Value::Null)
    });
    [parts.next().unwrap(), parts.next().unwrap()]
}

#[tokio::test]
async fn tokens_are_bound_to_a_key_of_the_login() {
    let scene = Scene::new(mock(None), CHANGES).await;
    scene.logs_in().await;
    let [header, claims] = proof(&scene.last("/token"));
    assert_eq!(
        (&header["typ"], &header["alg"]),
        (&json!("dpop+jwt"), &json!("ES256"))
    );
    assert!(header["jwk"].get("d").is_none(), "{header}");
    assert_eq!(claims["htu"], format!("{}/token", scene.world.idp.origin()));
    assert!(
        claims.get("ath").is_none() && claims.get("nonce").is_none(),
        "{claims}"
    );
    let sent = scene.last("/userinfo");
    assert!(sent.header("authorization").unwrap().starts_with("DPoP "));
    let [same, claims] = proof(&sent);
    assert_eq!(same["jwk"], header["jwk"]);
    assert!(claims["ath"].is_string());
    // Another login has another key.
    scene.logs_in().await;
    assert_ne!(proof(&scene.last("/token"))[0]["jwk"], header["jwk"]);

    // Without it the provider gives nothing.
    scene.map("").await;
    scene.fails("login.token_rejected").await;

    let text = mapping(&scene.world.idp.origin(), CHANGES);
    let provider = scene.world.broker.app().logins.mappings.compile(&text);
    let shown = preview(&provider.unwrap(), None).unwrap();
    let token = shown.requests.iter().find(|step| step.name == "token");
    let shown = &token.unwrap().request.headers;
    assert!(
        shown
            .iter()
            .any(|(name, value)| name == "DPoP" && value == "{{dpop_proof}}"),
        "{shown:?}"
    );
    let found = errors(&scene, &format!("{CHANGES}\n[token]\nkeep = true"));
    assert_eq!(
        found,
        ["token.keep: a token that is bound to a login's key is of no use to an application"]
    );
}

#[tokio::test]
async fn a_server_may_want_its_nonce_in_each_proof() {
    let scene = Scene::new(mock(Some("n-1")), CHANGES).await;
    scene.logs_in().await;
    // Once a login, then it is known.
    assert_eq!(scene.world.calls("/token"), 2);
    assert_eq!(scene.world.calls("/userinfo"), 1);
    assert_eq!(proof(&scene.last("/userinfo"))[1]["nonce"], "n-1");
    // The proof is in no trace.
    let (outcome, trace) = scene.by_hand().await;
    outcome.unwrap();
    let whole = serde_json::to_string(&trace).unwrap();
    assert!(whole.contains("{{dpop_proof}}"), "{whole}");
    let sent = scene.last("/userinfo");
    assert!(!whole.contains(sent.header("dpop").unwrap()));
}

/// A server that never has enough is not asked for ever.
#[tokio::test]
async fn a_nonce_that_does_not_help_ends_the_login() {
    let scene = Scene::new(mock(None), CHANGES).await;
    let fault = mock_idp::FaultKind::Status {
        code: 400,
        body: json!({ "error": "use_dpop_nonce" }).to_string(),
        content_type: "application/json".into(),
        headers: [("DPoP-Nonce".to_owned(), "n-1".to_owned())].into(),
    };
    let always = mock_idp::Faults::none().on("token", fault);
    scene.world.idp.set_faults(always);
    scene.fails("login.token_rejected").await;
    assert_eq!(scene.world.calls("/token"), 2);
}
