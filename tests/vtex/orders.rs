//! Orders of calls, from sign-in to sign-out, with the cookies that each client keeps.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::support::{Browser, Page};
use super::{ADA, FIRST, Scene, claims, cookies};

const OWN: &str = "VtexIdclientAutCookie_acme";

/// A cookie as the package `cookie` reads a whole `Set-Cookie` header: names as they
/// are spelled, attributes among them.
fn read(header: &str) -> BTreeMap<&str, &str> {
    let parts = header
        .split(';')
        .filter_map(|part| part.trim().split_once('='));
    parts.collect()
}

/// What store-graphql keeps of an answer: the account's cookie, until its `expires`.
fn kept(page: &Page) -> String {
    assert_eq!(page.json()["authStatus"], "Success", "{}", page.body);
    let all = cookies(page);
    let header = all.iter().find(|header| header.contains(OWN)).unwrap();
    let cookie = read(header);
    assert!(cookie["expires"].ends_with(" GMT"), "{header}");
    assert!(!cookie.contains_key("max-age") && !cookie.contains_key("Max-Age"));
    cookie[OWN].to_owned()
}

impl Scene {
    /// A request of a back end, with nothing but this cookie.
    async fn with_cookie(&self, method: Method, path: &str, cookie: &str) -> Page {
        let headers = [("cookie", cookie), ("vtex-ui-id-version", "store-graphql")];
        let url = self.url(path);
        Browser::new().send(method, &url, &headers, None).await
    }
}

#[tokio::test]
async fn store_graphql_from_a_forgotten_password_to_its_logout() {
    let scene = Scene::new().await;
    let pub_auth = "vtexid/pub/authentication";
    // recoveryPassword: a token of its own, kept in a cookie of the storefront's.
    let token = scene.begin().await;
    assert!(scene.sent(&token, ADA).await.json().is_object());
    let code = scene.code(1).await;
    let form = [
        ("authenticationToken", &*token),
        ("login", ADA),
        ("newPassword", FIRST),
        ("accessKey", &code),
    ];
    let path = format!("{pub_auth}/classic/setpassword");
    let set = scene.post(&mut Browser::new(), &path, &form).await;
    kept(&set);
    // classicSignIn: another token.
    let token = scene.begin().await;
    let form = [
        ("authenticationToken", &*token),
        ("login", ADA),
        ("password", FIRST),
    ];
    let path = format!("{pub_auth}/classic/validate");
    let done = scene.post(&mut Browser::new(), &path, &form).await;
    let value = kept(&done);
    // authenticatedUser, passwordLastUpdate, loginSessionsInfo, logOutFromSession: the
    // cookie in three spellings.
    let user = scene
        .with_cookie(
            Method::GET,
            "vtexid/user/info?scope=acme",
            &format!("{OWN}={value}"),
        )
        .await
        .json();
    assert_eq!(user["user"], ADA, "{user}");
    assert!(user["userId"].is_string() && user["locale"].is_string());
    let admin = format!("VtexIdClientAutCookie={value};");
    let path = "vtexid/pvt/user/detailedinfo?scope=acme";
    let details = scene.with_cookie(Method::GET, path, &admin).await.json();
    assert!(details["passwordLastUpdate"].is_string(), "{details}");
    let own = format!("VtexIdClientAutCookie_acme={value};");
    let path = "vtexid/sessions?scope=acme";
    let listed = scene.with_cookie(Method::GET, path, &own).await.json();
    let id = listed["currentSessionId"].as_str().unwrap();
    let path = format!("vtexid/sessions/{id}/revoke?scope=acme");
    let ended = scene.with_cookie(Method::POST, &path, &own).await;
    assert_eq!(ended.status, 200, "{}", ended.body);
    let path = "vtexid/pub/authenticated/user";
    let who = scene.with_cookie(Method::GET, path, &own).await.json();
    assert_eq!(who, Value::Null);
}

#[tokio::test]
async fn deco_from_a_code_to_its_logout() {
    let scene = Scene::new().await;
    let pub_auth = "vtexid/pub/authentication";
    let path = format!(
        "{pub_auth}/start?scope=acme&appStart=true&callbackUrl=/&returnUrl=/&locale=pt-BR&accountName=acme"
    );
    let begun = scene.get(&mut Browser::new(), &path).await.json();
    let token = begun["authenticationToken"].as_str().unwrap();
    let path = format!("{pub_auth}/accesskey/send?deliveryMethod=email");
    let form = [
        ("authenticationToken", token),
        ("email", ADA),
        ("locale", "pt-BR"),
        ("parentAppId", "deco.app"),
    ];
    let sent = scene.multipart(&mut Browser::new(), &path, &form).await;
    assert_ne!(sent.json()["authStatus"], "InvalidToken", "{}", sent.body);
    let code = scene.code(1).await;
    let path = format!("{pub_auth}/accesskey/validate");
    let form = [
        ("login", ADA),
        ("accessKey", &*code),
        ("authenticationToken", token),
    ];
    let done = scene.post(&mut Browser::new(), &path, &form).await;
    let body = done.json();
    // It sets the cookies itself, from the body, and the renewal's from the header.
    let mut jar: Vec<String> = ["authCookie", "accountAuthCookie"]
        .iter()
        .map(|name| {
            let cookie = &body[*name];
            let text = |part: &str| cookie[part].as_str().unwrap();
            format!("{}={}", text("Name"), text("Value"))
        })
        .collect();
    assert!(body["expiresIn"].as_u64().unwrap() > 0);
    let set = cookies(&done);
    let renewal = set.iter().find(|cookie| cookie.starts_with("vid_rt="));
    let renewal = renewal.unwrap().split(';').next().unwrap().to_owned();
    jar.push(renewal);
    let all = jar.join("; ");
    let path = "sessions?items=profile.email,profile.isAuthenticated";
    let held = scene.with_cookie(Method::GET, path, &all).await.json();
    let profile = &held["namespaces"]["profile"];
    assert_eq!(profile["email"]["value"], ADA, "{held}");
    assert_eq!(profile["isAuthenticated"]["value"], "true");
    // Renewed with all three; the new ones count.
    let headers = [("cookie", &*all), ("content-type", "application/json")];
    let url = scene.url("vtexid/refreshtoken/webstore");
    let renewed = Browser::new()
        .send(Method::POST, &url, &headers, Some("{}".to_owned()))
        .await;
    assert_eq!(renewed.json()["status"], "Success", "{}", renewed.body);
    let set = cookies(&renewed);
    let value = set.iter().find(|cookie| cookie.contains(OWN)).unwrap();
    let value = read(value)[OWN].to_owned();
    // Its logout ends the session that the token names, and drops the cookies.
    let sess = claims(&value)["sess"].as_str().unwrap().to_owned();
    let path = format!("vtexid/sessions/{sess}/revoke?scope=acme");
    let own = format!("{OWN}={value}");
    let ended = scene.with_cookie(Method::POST, &path, &own).await;
    assert_eq!(ended.status, 200, "{}", ended.body);
    let whose = json!({ "token": value });
    let path = "vtexid/credential/validate";
    let whose = scene.json(&mut Browser::new(), path, &whose).await;
    assert_eq!(whose.status, 401, "{}", whose.body);
}

/// A password is chosen as there, then their logout: it drops the cookies that have
/// `vtex` in their names, and leads the browser to `pub/logout`.
#[tokio::test]
async fn faststores_logout_ends_what_the_login_page_began() {
    let scene = Scene::new().await;
    let mut browser = Browser::new();
    let set = scene.choose(&mut browser, 0, FIRST).await;
    assert_eq!(set.json()["authStatus"], "Success", "{}", set.body);
    scene.json(&mut browser, "sessions", &json!({})).await;
    assert_eq!(scene.who(&mut browser).await["user"], ADA);
    browser
        .jar
        .retain(|(_, name), _| !name.to_lowercase().contains("vtex") && name != "vid_rt");
    let path = "vtexid/pub/logout?scope=acme&returnUrl=/";
    let out = scene.get(&mut browser, path).await;
    assert_eq!(out.location().unwrap().path(), "/", "{}", out.body);
    let session = browser.session(&scene.world, "acme").await;
    assert_eq!(session["authenticated"], false, "{session}");
}
