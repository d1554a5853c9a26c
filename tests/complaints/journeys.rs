//! Odd ways of the browser between provider and callback.

use serde_json::json;
use url::Url;

use crate::places::json_answer;
use crate::scene::{Scene, value};
use crate::support::Browser;

const PROFILE: &str = r#"{"userId":"u-1","email":"ada@example.test"}"#;
const TOKEN: &str = r#"{"access_token":"tok-of-the-code"}"#;

/// The callback of a login that has begun, with other parameters.
fn changed(callback: &Url, change: impl Fn(&str, String) -> (String, String)) -> Url {
    let mut url = callback.clone();
    let pairs = callback.query_pairs().into_owned();
    let pairs: Vec<_> = pairs.map(|(name, value)| change(&name, value)).collect();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    url
}

impl Scene {
    async fn begun(&self, browser: &mut Browser) -> Url {
        let start = self.world.url("acme", "login?return_to=/welcome");
        browser.to_callback(&start, "ada", "lovelace").await
    }

    async fn ends_well(&self, browser: &mut Browser, callback: &Url) {
        let page = browser.get(callback.as_str()).await;
        let end = browser.follow(page).await;
        assert_eq!(end.url.path(), "/welcome", "{} {}", end.status, end.body);
    }
}

/// A server that gives the state back in capitals.
#[tokio::test]
async fn f01_the_state_in_another_case() {
    for alphabet in ["hexadecimal", "lower_alphanumeric"] {
        let changes = format!("[authorization]\nstate_alphabet = \"{alphabet}\"");
        let scene = Scene::new(json!({}), &changes).await;
        let browser = &mut Browser::new();
        let callback = scene.begun(browser).await;
        let loud = changed(&callback, |name, value| match name {
            "state" => (name.to_owned(), value.to_ascii_uppercase()),
            _ => (name.to_owned(), value),
        });
        assert_ne!(loud, callback);
        scene.ends_well(browser, &loud).await;
        // It counts once, in whatever case.
        for again in [&loud, &callback] {
            let page = browser.get(again.as_str()).await;
            let page = browser.follow(page).await;
            assert!(page.shows("login.state_replayed"), "{}", page.body);
        }
    }
    // A state with capitals of its own is another one without them.
    let scene = Scene::new(
        json!({}),
        "[authorization]\nstate_alphabet = \"alphanumeric\"",
    )
    .await;
    let browser = &mut Browser::new();
    let callback = scene.begun(browser).await;
    let quiet = changed(&callback, |name, value| match name {
        "state" => (name.to_owned(), value.to_ascii_lowercase()),
        _ => (name.to_owned(), value),
    });
    let page = browser.get(quiet.as_str()).await;
    let page = browser.follow(page).await;
    assert!(page.shows("login.state_"), "{}", page.body);
    scene.ends_well(browser, &callback).await;
}

/// Codes of several kilobytes, as those that hold an encrypted session are.
#[tokio::test]
async fn f02_a_code_of_six_kilobytes() {
    let scene = Scene::new(json!({}), "").await;
    scene.answers(json_answer(TOKEN), json_answer(PROFILE));
    let browser = &mut Browser::new();
    let callback = scene.begun(browser).await;
    let code = "0123456789abcdef+/".repeat(340);
    let long = changed(&callback, |name, value| match name {
        "code" => (name.to_owned(), code.clone()),
        _ => (name.to_owned(), value),
    });
    scene.ends_well(browser, &long).await;
    assert_eq!(
        value(&scene.last("/token").form(), "code"),
        Some(code.as_str())
    );
}

/// The code within a parameter that is JSON, as it is or in Base64.
#[tokio::test]
async fn f03_the_code_in_json() {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let changes = r#"
        [callback]
        code_key = "$.payload.token"
        error_key = "$.payload.error"
        [token]
        parameters = { uuid = "{callback.$.payload.uuid}" }
        [userinfo.response.attributes]
        kind = "{callback.$.payload.type}"
    "#;
    let scene = Scene::new(json!({}), changes).await;
    scene.answers(json_answer(TOKEN), json_answer(PROFILE));
    let json = json!({ "type": "silent", "token": "c-1", "uuid": 77 }).to_string();
    for payload in [
        json.clone(),
        STANDARD.encode(&json),
        URL_SAFE_NO_PAD.encode(&json),
    ] {
        let browser = &mut Browser::new();
        let callback = scene.begun(browser).await;
        let url = changed(&callback, |name, value| match name {
            "code" => ("payload".to_owned(), payload.clone()),
            _ => (name.to_owned(), value),
        });
        scene.ends_well(browser, &url).await;
        let sent = scene.last("/token").form();
        assert_eq!(value(&sent, "code"), Some("c-1"));
        assert_eq!(value(&sent, "uuid"), Some("77"));
        let session = browser.session(&scene.world, "acme").await;
        assert_eq!(session["user"]["kind"], "silent", "{session}");
    }
    for (payload, code) in [
        (
            json!({ "error": "access_denied" }).to_string(),
            "login.denied",
        ),
        (json!({ "token": "c-1" }).to_string(), "login.bad_callback"),
        ("{".to_owned(), "login.code_missing"),
        ("[[[[".to_owned(), "login.code_missing"),
    ] {
        let browser = &mut Browser::new();
        let callback = scene.begun(browser).await;
        let url = changed(&callback, |name, value| match name {
            "code" => ("payload".to_owned(), payload.clone()),
            _ => (name.to_owned(), value),
        });
        let page = browser.get(url.as_str()).await;
        let page = browser.follow(page).await;
        assert!(page.shows(code), "{payload}: {}", page.body);
    }
}

/// An error behind the `#`, where no server sees it, of a provider that answers in the
/// query otherwise.
#[tokio::test]
async fn f04_an_error_in_the_fragment() {
    let scene = Scene::new(json!({}), "").await;
    let browser = &mut Browser::new();
    let callback = scene.begun(browser).await;
    let state = value(
        &callback.query_pairs().into_owned().collect::<Vec<_>>(),
        "state",
    )
    .unwrap()
    .to_owned();
    let mut bare = callback.clone();
    bare.set_query(None);
    // What the browser asks for says nothing: a page comes that posts the fragment.
    let page = browser.get(bare.as_str()).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.body.contains("location.hash"), "{}", page.body);
    let form = [("error", "access_denied"), ("state", state.as_str())];
    let page = browser.post(bare.as_str(), &form).await;
    let page = browser.follow(page).await;
    assert!(page.shows("login.denied"), "{}", page.body);
    // Nothing there either.
    let page = browser.post(bare.as_str(), &[]).await;
    let page = browser.follow(page).await;
    assert!(page.shows("login.state_missing"), "{}", page.body);
}

/// A domain that is not ASCII, as people write it.
#[tokio::test]
async fn f05_a_domain_in_another_script() {
    let changes = "[authorization]\nurl = \"https://anmeldung.bücher.test/los?a=ä\"";
    let scene = Scene::new(json!({}), changes).await;
    let page = Browser::new().get(scene.world.url("acme", "login")).await;
    let to = page.location().unwrap();
    assert_eq!(to.host_str(), Some("anmeldung.xn--bcher-kva.test"));
    let asked: Vec<(String, String)> = to.query_pairs().into_owned().collect();
    assert_eq!(value(&asked, "a"), Some("ä"));
    assert!(value(&asked, "state").is_some());
}

/// A parameter that came with the link to the login stays where the login begins anew.
#[tokio::test]
async fn f06_the_links_parameters_stay() {
    let changes = "[authorization]\nparameters = { shop = \"{login.shop}\" }";
    let scene = Scene::new(json!({}), changes).await;
    let start = scene
        .world
        .url("acme", "login?shop=anna&return_to=/welcome");
    let browser = &mut Browser::new();
    let callback = browser.to_callback(&start, "ada", "lovelace").await;
    let refused = changed(&callback, |name, value| match name {
        "code" => ("error".to_owned(), "access_denied".to_owned()),
        _ => (name.to_owned(), value),
    });
    let page = browser.get(refused.as_str()).await;
    let page = browser.follow(page).await;
    assert!(page.shows("login.denied"), "{}", page.body);
    assert!(page.body.contains("shop=anna"), "{}", page.body);
    // So it does on the list of ways to log in.
    let other = crate::support::mapping_for(&scene.world.idp);
    let other = other.replace("\"mock-idp\"", "\"google\"");
    scene.world.apply("acme", &other).await;
    let page = Browser::new().get(&start).await;
    assert!(
        page.body.contains("login?provider=custom&"),
        "{}",
        page.body
    );
    assert!(page.body.contains("shop=anna"), "{}", page.body);
}

/// eduVPN: a `+` of the code is written as it is.
#[tokio::test]
async fn f07_a_plus_in_a_code_is_part_of_it() {
    let scene = Scene::new(json!({}), "").await;
    scene.answers(json_answer(TOKEN), json_answer(PROFILE));
    let browser = &mut Browser::new();
    let mut callback = scene.begun(browser).await;
    let state = callback.query_pairs().find(|(name, _)| name == "state");
    let state = state.unwrap().1.into_owned();
    callback.set_query(Some(&format!("code=a+b%2Bc%20d&state={state}")));
    scene.ends_well(browser, &callback).await;
    assert_eq!(value(&scene.last("/token").form(), "code"), Some("a+b+c d"));
}

/// A nonce that is not there is told apart from that of another login.
#[tokio::test]
async fn f08_absent_and_wrong_are_told_apart() {
    use mock_idp::{FaultKind, Faults};
    let mock = json!({ "openid": { "enabled": true } });
    let changes = "[provider]\nkind = \"openid\"\nissuer = \"{origin}\"\n[userinfo.response]\nuser_id = \"sub\"";
    let scene = Scene::new(mock, changes).await;
    for (fault, wanted) in [
        (FaultKind::NoNonce, "`nonce` is missing"),
        (FaultKind::WrongNonce, "`nonce` is not that of this login"),
    ] {
        scene
            .world
            .idp
            .set_faults(Faults::none().on("id_token", fault.clone()));
        let why = scene.why().await;
        assert!(why.contains(wanted), "{fault:?}: {why}");
    }
}

/// More answers and requests that no standard knows.
mod more {
    use super::{PROFILE, json_answer, value};
    use crate::places::answer;
    use crate::scene::Scene;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    /// A token request by PUT, with the state of the authorization response in it.
    #[tokio::test]
    async fn e13_a_token_by_put() {
        let changes = "[token]\nmethod = \"PUT\"\ncontent_type = \"application/json\"\nparameters = { state = \"{callback.state}\" }";
        let scene = Scene::new(json!({}), changes).await;
        scene.answers(json_answer(super::TOKEN), json_answer(PROFILE));
        scene.logs_in().await;
        let sent = scene.last("/token");
        assert_eq!(sent.method, "PUT");
        let body = sent.json().unwrap();
        let asked = scene.last("/authorize").query();
        assert_eq!(body["state"].as_str(), value(&asked, "state"));
        assert_eq!(body["grant_type"], "authorization_code");
    }

    /// JSON in the one element of an answer in XML, as services of ASP.NET have it.
    #[tokio::test]
    async fn e14_json_in_an_element() {
        let changes = "[userinfo.response]\ninner = \"$.string['#text']\"";
        let scene = Scene::new(json!({}), changes).await;
        let text = PROFILE.replace('"', "&quot;");
        let xml =
            format!("<?xml version=\"1.0\"?><string xmlns=\"http://tempuri.org/\">{text}</string>");
        scene.answers(
            json_answer(super::TOKEN),
            answer(200, "text/xml", &xml, &[]),
        );
        scene.logs_in().await;
        assert_eq!(scene.user_id().await, "u-1");
    }

    /// A body that is JSON in Base64 as a whole.
    #[tokio::test]
    async fn e15_a_body_in_base64() {
        let changes = "[userinfo.response]\nformat = \"text\"\ninner = \"$\"";
        let scene = Scene::new(json!({}), changes).await;
        let text = STANDARD.encode(PROFILE);
        scene.answers(
            json_answer(super::TOKEN),
            answer(200, "text/plain", &text, &[]),
        );
        scene.logs_in().await;
        assert_eq!(scene.user_id().await, "u-1");
    }

    /// A script that assigns the answer to a name.
    #[tokio::test]
    async fn e16_an_answer_that_is_assigned() {
        let scene = Scene::new(json!({}), "").await;
        for script in ["var user = {};", "let user={}", "/**/ const a.b = {} ;\n"] {
            let text = script.replace("{}", PROFILE);
            scene.answers(
                json_answer(super::TOKEN),
                answer(200, "application/javascript", &text, &[]),
            );
            scene.logs_in().await;
        }
        for bad in [
            "var a = {}; alert(1)",
            "var a == {}",
            "var 1a = {}",
            "var = {}",
        ] {
            let text = bad.replace("{}", PROFILE);
            scene.answers(
                json_answer(super::TOKEN),
                answer(200, "application/javascript", &text, &[]),
            );
            scene.fails("login.userinfo_invalid").await;
        }
    }
}
