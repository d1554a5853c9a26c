//! What `/api/sessions` and the smaller addresses answer, and to whom.

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Browser, Page};
use super::{ADA, Scene, claims, cookies};

/// Whoever logs in with a code; their browser, and the answer.
async fn logged_in(scene: &Scene) -> (Browser, Page) {
    let token = scene.begin().await;
    scene.sent(&token, ADA).await;
    let code = scene.code(1).await;
    let form = [
        ("authenticationToken", &*token),
        ("login", ADA),
        ("accessKey", &code),
    ];
    let mut browser = Browser::new();
    let path = "vtexid/pub/authentication/accesskey/validate";
    let done = scene.post(&mut browser, path, &form).await;
    assert_eq!(done.json()["authStatus"], "Success", "{}", done.body);
    (browser, done)
}

#[tokio::test]
async fn a_session_is_begun_with_the_items_that_are_asked_for() {
    let scene = Scene::new().await;
    let (mut browser, _) = logged_in(&scene).await;
    let path = "sessions?items=profile.email,profile.id,store.channel,shopper.firstName";
    let made = scene.json(&mut browser, path, &json!({})).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let body = made.json();
    assert_eq!(
        body["namespaces"]["profile"]["email"]["value"], ADA,
        "{body}"
    );
    assert!(body["id"].is_string());
    let set = cookies(&made);
    let session = set
        .iter()
        .find(|cookie| cookie.starts_with("vtex_session="))
        .unwrap();
    assert!(session.contains("httponly") && session.contains("expires="));
    assert!(set.iter().any(|cookie| cookie.starts_with("vtex_segment=")));
    let token = body["sessionToken"].as_str().unwrap().to_owned();
    let told = claims(&token);
    assert_eq!(
        (&told["sub"], &told["version"]),
        (&json!("session"), &json!(3))
    );

    // A program has that token alone, and reads or writes with it.
    let cookie = format!("vtex_session={token}");
    let url = scene.url("sessions?items=*");
    let held = Browser::new().get_with(&url, &[("cookie", &cookie)]).await;
    let email = &held.json()["namespaces"]["profile"]["email"]["value"];
    assert_eq!(email, ADA, "{}", held.body);
    let headers = [("cookie", &*cookie), ("content-type", "application/json")];
    let body = json!({ "public": { "color": { "value": "red" } } }).to_string();
    let written = Browser::new()
        .send(Method::PATCH, &url, &headers, Some(body))
        .await
        .json();
    let email = &written["namespaces"]["profile"]["email"]["value"];
    assert_eq!(email, ADA, "{written}");
    // A browser brings the login's cookies, or nobody is logged in there.
    let headers = [("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
    let held = Browser::new().get_with(&url, &headers).await;
    let known = &held.json()["namespaces"]["profile"]["isAuthenticated"];
    assert_eq!(known["value"], "false", "{}", held.body);

    // Nobody else's token is one: another account's, a session's, one that was bent.
    let elsewhere = format!("{}/api/sessions?items=*&an=other", scene.world.origin);
    let bent = format!("{}AAAA", &token[..token.len() - 4]);
    let own = browser.jar.clone();
    let other_kind = scene.json(&mut browser, "sessions", &json!({})).await;
    assert_eq!(other_kind.status, 201);
    browser.jar = own;
    for (url, token) in [(&elsewhere, &token), (&url, &bent), (&url, &"x".to_owned())] {
        let cookie = format!("vtex_session={token}");
        let held = Browser::new().get_with(url, &[("cookie", &cookie)]).await;
        let known = &held.json()["namespaces"]["profile"]["isAuthenticated"];
        assert_eq!(known["value"], "false", "{}", held.body);
    }
    // The token opens nothing else.
    let body = json!({ "token": token });
    let whose = scene
        .json(&mut Browser::new(), "vtexid/credential/validate", &body)
        .await;
    assert_eq!(whose.status, 401, "{}", whose.body);

    let out = scene.get(&mut browser, "vtexid/pub/logout").await;
    let set = cookies(&out);
    assert!(
        set.iter()
            .any(|cookie| cookie.starts_with("vtex_session=;"))
    );
    let held = Browser::new().get_with(&url, &[("cookie", &cookie)]).await;
    let known = &held.json()["namespaces"]["profile"]["isAuthenticated"];
    assert_eq!(known["value"], "false", "{}", held.body);
}

#[tokio::test]
async fn a_code_in_an_address_logs_no_browser_in() {
    let scene = Scene::new().await;
    let token = scene.begin().await;
    scene.sent(&token, ADA).await;
    let code = scene.code(1).await;
    let path = format!(
        "vtexid/pub/authentication/accesskey/validate?login={ADA}&accesskey={code}&authenticationToken={token}"
    );
    let url = scene.url(&path);
    let cross = [("sec-fetch-site", "cross-site")];
    let page = Browser::new().get_with(&url, &cross).await;
    assert_eq!(page.status, 403, "{}", page.body);
    let send = scene.url(&format!(
        "vtexid/pub/authentication/accesskey/send?email={ADA}&authenticationToken={token}"
    ));
    let page = Browser::new().get_with(&send, &cross).await;
    assert_eq!(page.status, 403, "{}", page.body);
    for url in [&url, &send] {
        let page = Browser::new().send(Method::HEAD, url, &[], None).await;
        assert_eq!(page.status, 405);
    }
    assert_eq!(scene.mail.letters().len(), 1);
    // A program reads the body; cookies there are none, so no link logs anybody in.
    let page = Browser::new().get(&url).await;
    assert_eq!(page.json()["authStatus"], "Success", "{}", page.body);
    assert!(cookies(&page).is_empty());
}

#[tokio::test]
async fn a_way_in_is_the_last_used_also_through_the_facade() {
    let scene = Scene::new().await;
    let (mut browser, done) = logged_in(&scene).await;
    let set = cookies(&done);
    assert!(
        set.iter()
            .any(|cookie| cookie.starts_with("vestibule_acme.used=access_key;")),
        "{set:?}"
    );
    let page = browser
        .get(scene.world.url("acme", "login?return_to=/"))
        .await;
    assert!(
        page.body.contains("Last used on this device"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn who_removes_the_accounts_cookie_alone_is_logged_out() {
    let scene = Scene::new().await;
    let (mut browser, _) = logged_in(&scene).await;
    assert_eq!(scene.who(&mut browser).await["user"], ADA);
    browser
        .jar
        .retain(|(_, name), _| name != "VtexIdclientAutCookie_acme");
    assert_eq!(scene.who(&mut browser).await, Value::Null);
    let info = scene.get(&mut browser, "vtexid/user/info").await;
    assert_eq!(info.json(), Value::Null);
    // A logout ends what is left.
    let session = browser.session(&scene.world, "acme").await;
    assert_eq!(session["authenticated"], true, "{session}");
    scene.get(&mut browser, "vtexid/pub/logout").await;
    let session = browser.session(&scene.world, "acme").await;
    assert_eq!(session["authenticated"], false, "{session}");
}

/// As store-graphql reads them.
#[tokio::test]
async fn who_is_logged_in_lists_and_ends_their_sessions() {
    let scene = Scene::new().await;
    let (mut browser, done) = logged_in(&scene).await;
    let sess = claims(done.json()["authCookie"]["Value"].as_str().unwrap())["sess"].clone();
    let path = "vtexid/sessions?scope=acme";
    let listed = scene.get(&mut browser, path).await.json();
    assert_eq!(listed["currentSessionId"], sess, "{listed}");
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 1);
    let one = &sessions[0];
    assert_eq!(one["id"], sess);
    for name in [
        "creationDate",
        "expirationDate",
        "originHostname",
        "ipAddress",
        "userAgent",
    ] {
        assert!(one[name].is_string(), "{name} {one}");
    }
    assert!(one["accessHistory"][0]["date"].is_u64(), "{one}");
    let path = format!(
        "vtexid/sessions/{}/revoke?scope=acme",
        sess.as_str().unwrap()
    );
    let ended = scene.post(&mut browser, &path, &[]).await;
    assert_eq!(ended.status, 200, "{}", ended.body);
    assert_eq!(scene.who(&mut browser).await, Value::Null);
}

#[tokio::test]
async fn a_preference_tells_nobody_whose_an_address_is() {
    let scene = Scene::new().await;
    logged_in(&scene).await;
    let mut answers = Vec::new();
    for email in [ADA, "eve@example.test", "no address", ""] {
        let path = format!("vtexid/pub/authentication/userpreference?scope=acme&email={email}");
        let page = scene.get(&mut Browser::new(), &path).await;
        answers.push((page.status, page.body));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].0, 200);
    let no = scene
        .get(&mut Browser::new(), "vtexid/pvt/user/detailedinfo")
        .await;
    assert_eq!(no.status, 401, "{}", no.body);
}
