//! What the second look at public reports found: answers that say it otherwise.

use mock_idp::{FaultKind, Faults};
use serde_json::{Value, json};

use crate::scene::Scene;

/// SocialiteProviders#390, goth#638, next-auth#12588: `mail` is null at some tenants.
#[tokio::test]
async fn d01_ordered_alternatives() {
    let scene = Scene::with_profile(
        json!({ "userId": 7, "mail": null, "userPrincipalName": "ada@example.test" }),
        "[userinfo.response]\nemail = [\"mail\", \"userPrincipalName\"]",
    )
    .await;
    assert_eq!(scene.logs_in().await["email"], "ada@example.test");
}

/// An id that is unique within a workspace only.
#[tokio::test]
async fn d02_an_id_of_two_values_keeps_two_people_apart() {
    let scene = Scene::with_profile(
        json!({ "team": { "id": "t/1" }, "user": "7", "email": "ada@example.test" }),
        "[userinfo.response]\nuser_id = { all = [\"$.team.id\", \"user\"] }",
    )
    .await;
    scene.logs_in().await;
    assert_eq!(scene.user_id().await, "t%2F1/7");
    scene.profile(r#"{"team":{"id":"t"},"user":"1/7","email":"eve@example.test"}"#);
    scene.logs_in().await;
    assert_eq!(scene.world.users("acme").await.len(), 2);
}

const PHONES: &str = r#"
    [[userinfo.then]]
    name = "phones"
    url = "{origin}/phones"
    accept_status = [204, 403, 404]
    [userinfo.response.attributes]
    phone = "$.phones.main"
"#;

#[tokio::test]
async fn d03_a_status_that_says_there_is_nothing() {
    let scene = Scene::new(json!({ "routes": { "/phones": { "main": "+1" } } }), PHONES).await;
    let (outcome, _) = scene.by_hand().await;
    assert_eq!(outcome.unwrap().profile().more["phone"], "+1");
    for code in [204, 403, 404] {
        let faults = Faults::none().once("/phones", FaultKind::status(code));
        scene.world.idp.set_faults(faults);
        let (outcome, _) = scene.by_hand().await;
        assert_eq!(outcome.unwrap().profile().more.get("phone"), None, "{code}");
    }
    // What was not stated ends the login.
    for (status, code) in [(401, "userinfo_rejected"), (500, "provider_failing")] {
        let faults = Faults::none().once("/phones", FaultKind::status(status));
        scene.world.idp.set_faults(faults);
        let why = scene.why().await;
        assert!(why.starts_with(&format!("then login.{code}")), "{why}");
    }
}

#[tokio::test]
async fn d03_an_optional_follow_up_never_ends_a_login() {
    let optional = PHONES.replace("accept_status = [204, 403, 404]", "optional = true");
    let scene = Scene::new(
        json!({ "routes": { "/phones": { "main": "+1" } } }),
        &optional,
    )
    .await;
    for fault in [
        FaultKind::status(500),
        FaultKind::Close,
        FaultKind::NotJson,
        FaultKind::Html200,
        FaultKind::Empty200,
        FaultKind::error_in_200(),
    ] {
        let faults = Faults::none().once("/phones", fault.clone());
        scene.world.idp.set_faults(faults);
        let (outcome, trace) = scene.by_hand().await;
        assert_eq!(outcome.unwrap().profile().more.get("phone"), None);
        let asked = trace.exchanges.iter().find(|e| e.step == "then").unwrap();
        let told = asked.error.as_deref().unwrap();
        assert!(told.starts_with("the login goes on without it: "), "{told}");
    }
    scene.logs_in().await;
    // Access that it decides is not given without it.
    let decides = format!("{optional}[access]\nrequire = [\"$.phones.main == '+1'\"]");
    scene.map(&decides).await;
    scene.logs_in().await;
    let faults = Faults::none().once("/phones", FaultKind::status(500));
    scene.world.idp.set_faults(faults);
    scene.fails("login.access_denied").await;
}

/// nango#328: Intuit's `realmId` comes in the callback only.
#[tokio::test]
async fn d04_a_callback_parameter_at_userinfo_and_as_attribute() {
    let scene = Scene::new(
        json!({
            "callback": { "extra": { "realmId": "9130" } },
            "routes": { "/company/9130": { "userId": "u", "email": "ada@example.test" } },
        }),
        r#"
        [userinfo]
        url = "{origin}/company/{callback.realmId}"
        [userinfo.response.attributes]
        realm = "{callback.realmId}"
        kind = "{token.token_type}"
        "#,
    )
    .await;
    let user = scene.logs_in().await;
    assert_eq!(user["email"], "ada@example.test");
    let (outcome, _) = scene.by_hand().await;
    let identified = outcome.unwrap();
    let more = &identified.profile().more;
    assert_eq!(more["realm"], "9130");
    assert_eq!(more["kind"], "Bearer");
    // A request that needs it can't be sent without it; an attribute is left out.
    scene.mock(json!({}));
    scene.fails("login.bad_callback").await;
    scene
        .map("[userinfo.response.attributes]\nrealm = \"{callback.realmId}\"")
        .await;
    let (outcome, _) = scene.by_hand().await;
    assert_eq!(outcome.unwrap().profile().more.get("realm"), None);
}

/// What counts may be a part of an answer, or a text in it that is JSON itself.
#[tokio::test]
async fn what_counts_may_be_a_text_within_the_answer() {
    let inner = r#"{"userId":90071992547409931,"email":"ada@example.test","name":"Ada"}"#;
    let changes = "[userinfo.response]\ninner = \"$.result.data\"";
    let answer = |data: Value| json!({ "code": 0, "result": { "data": data } });
    let scene = Scene::with_profile(answer(json!(inner)), changes).await;
    assert_eq!(scene.logs_in().await["name"], "Ada");
    assert_eq!(scene.user_id().await, "90071992547409931");
    let part: Value = serde_json::from_str(inner).unwrap();
    scene.profile(&answer(part).to_string());
    assert_eq!(scene.logs_in().await["name"], "Ada");
    for (data, why) in [
        (
            json!("no JSON"),
            "userinfo login.userinfo_invalid: the answer cannot be read",
        ),
        (
            json!(""),
            "userinfo login.userinfo_invalid: the answer cannot be read",
        ),
        (
            json!(7),
            "userinfo login.user_id_missing: `userinfo.response.user_id`",
        ),
    ] {
        scene.profile(&answer(data).to_string());
        let said = scene.why().await;
        assert!(said.starts_with(why), "{said}");
    }
    scene.profile(r#"{"code":0}"#);
    assert_eq!(
        scene.why().await,
        "userinfo login.userinfo_invalid: `userinfo.response.inner`: `$.result.data` matched nothing"
    );

    // The token endpoint's answer too.
    let token = json!({ "token": { "response": { "wrapper": "data" } } });
    let scene = Scene::new(token, "[token.response]\ninner = \"data\"").await;
    scene.logs_in().await;
}
