//! What an application gets: consent, claims, and how the user authenticated.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use authority::{CALLBACK, Client, asking, claims, param, storefront, to};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::form::Form;
use support::{Browser, Page, World};
use vestibule::authority::application::{NewApplication, Settings};

/// Through the login of `ada`, to the first page that is none of it.
async fn ask(world: &World, client: &Client, browser: &mut Browser, over: &[(&str, &str)]) -> Page {
    let mut page = browser.get(client.authorize_url(world, over)).await;
    if page
        .location()
        .is_some_and(|to| to.path().ends_with("/login"))
    {
        page = browser.get(to(&page)).await;
        let callback = browser.through_idp(page, "ada", "lovelace").await;
        page = browser.get(callback).await;
    }
    while let Some(next) = page.location() {
        if next.as_str().starts_with(CALLBACK) {
            return page;
        }
        page = browser.get(next).await;
    }
    page
}

async fn answer(browser: &mut Browser, page: &Page, decision: &str) -> Page {
    let mut form = Form::of(page);
    form.fields
        .push(("decision".to_owned(), decision.to_owned()));
    form.post(browser).await
}

async fn code(world: &World, client: &Client, page: &Page) -> Value {
    let code = param(&to(page), "code").unwrap_or_else(|| panic!("{}", to(page)));
    let page = client.exchange(world, &code).await;
    assert_eq!(page.status, 200, "{}", page.body);
    page.json()
}

#[tokio::test]
async fn people_are_asked_once_and_again_for_more() {
    let world = World::start().await;
    let client = Client::create(&world, asking()).await;
    let browser = &mut Browser::new();
    let some = [("scope", "openid email")];
    let page = ask(&world, &client, browser, &some).await;
    for shown in ["Rewards", "ada@example.test", "your email address"] {
        assert!(page.shows(shown), "{shown}: {}", page.body);
    }
    assert!(!page.shows("your name and profile"));
    // No redirect's origin can be known beforehand: the policy must let it go there.
    assert!(
        !page
            .header("content-security-policy")
            .contains("form-action")
    );
    let page = answer(browser, &page, "allow").await;
    let tokens = code(&world, &client, &page).await;
    assert_eq!(claims(&tokens["id_token"])["email"], "ada@example.test");
    // Remembered, for as much.
    let page = ask(&world, &client, browser, &some).await;
    code(&world, &client, &page).await;
    let silent = [("scope", "openid email"), ("prompt", "none")];
    let page = ask(&world, &client, browser, &silent).await;
    code(&world, &client, &page).await;
    let more = [("scope", "openid email profile"), ("prompt", "none")];
    let page = ask(&world, &client, browser, &more).await;
    assert_eq!(param(&to(&page), "error").unwrap(), "consent_required");
    let more = [("scope", "openid email profile")];
    let page = ask(&world, &client, browser, &more).await;
    assert!(page.shows("your name and profile"), "{}", page.body);
    let page = answer(browser, &page, "deny").await;
    assert_eq!(param(&to(&page), "error").unwrap(), "access_denied");
    assert_eq!(param(&to(&page), "state").unwrap(), "st4te");
    // A claim that is asked for by name is asked about as its scope is.
    let named = json!({ "userinfo": { "name": null } }).to_string();
    let named = [("scope", "openid"), ("claims", named.as_str())];
    let page = ask(&world, &client, browser, &named).await;
    assert!(page.shows("your name and profile"), "{}", page.body);
    // Our own applications ask only where they want it.
    let own = Client::storefront(&world).await;
    let page = ask(&world, &own, browser, &[]).await;
    code(&world, &own, &page).await;
    let page = ask(&world, &own, browser, &[("prompt", "consent")]).await;
    assert!(page.shows("asks for access"), "{}", page.body);
    let page = answer(browser, &page, "allow").await;
    code(&world, &own, &page).await;
}

#[tokio::test]
async fn x2_a_consent_is_given_by_who_was_asked() {
    let world = World::start().await;
    let client = Client::create(&world, asking()).await;
    let browser = &mut Browser::new();
    let page = ask(&world, &client, browser, &[]).await;
    let asked = Form::of(&page);
    let url = format!("{}/connect/authorize/consent", world.origin);
    let body = |fields: &[(String, String)]| {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .append_pair("decision", "allow")
            .finish()
    };
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let foreign = [kind, ("origin", "https://evil.test")];
    let sent = body(&asked.fields);
    let page = browser
        .send(Method::POST, &url, &foreign, Some(sent.clone()))
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.body);
    let mut other = Browser::new();
    let page = other
        .send(Method::POST, &url, &[kind], Some(sent.clone()))
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.body);
    let forged = asked.fill("proof", "AAAA");
    let page = browser
        .send(Method::POST, &url, &[kind], Some(body(&forged.fields)))
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.body);
    // Once.
    let page = browser
        .send(Method::POST, &url, &[kind], Some(sent.clone()))
        .await;
    code(&world, &client, &page).await;
    let page = browser.send(Method::POST, &url, &[kind], Some(sent)).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.body);
}

#[tokio::test]
async fn a_consent_is_listed_and_withdrawn() {
    let world = World::start().await;
    let client = Client::create(&world, asking()).await;
    let browser = &mut Browser::new();
    let list = "/accounts/acme/consents";
    let both = format!("{list}?user=ada@example.test&application={}", client.id);
    // By an administrator.
    let page = ask(&world, &client, browser, &[]).await;
    let page = answer(browser, &page, "allow").await;
    let tokens = code(&world, &client, &page).await;
    let listed = world.admin(Method::GET, list, "", "").await;
    let listed: Value = serde_json::from_str(&listed.1).unwrap();
    assert_eq!(listed["items"][0]["application"], client.id, "{listed}");
    let user = listed["items"][0]["user"].as_str().unwrap().to_owned();
    assert_eq!(world.admin(Method::DELETE, &both, "", "").await.0, 204);
    assert_eq!(world.admin(Method::DELETE, &both, "", "").await.0, 404);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(client.refresh(&world, refresh).await.status, 400);
    // By the shopper, at the broker's host here.
    let page = ask(&world, &client, browser, &[]).await;
    let page = answer(browser, &page, "allow").await;
    let tokens = code(&world, &client, &page).await;
    let own = format!("{}/accounts/acme/applications", world.origin);
    let page = browser.get(format!("{own}?lang=pt-BR")).await;
    assert!(page.shows("Rewards"), "{}", page.body);
    assert!(page.shows("Encerrar o acesso de Rewards"), "{}", page.body);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let evil = [kind, ("origin", "https://evil.test")];
    let body = format!("application={}", client.id);
    let page = browser
        .send(Method::POST, &own, &evil, Some(body.clone()))
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    let page = browser.send(Method::POST, &own, &[kind], Some(body)).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    let page = browser.get(&own).await;
    assert!(page.shows("You allowed no application"), "{}", page.body);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(client.refresh(&world, refresh).await.status, 400);
    // With the user's record.
    let page = ask(&world, &client, browser, &[]).await;
    answer(browser, &page, "allow").await;
    let path = format!("/accounts/acme/users/{user}");
    assert_eq!(world.admin(Method::DELETE, &path, "", "").await.0, 204);
    let listed = world.admin(Method::GET, list, "", "").await;
    assert!(!listed.1.contains(&client.id), "{}", listed.1);
    // Who is not logged in is asked to.
    let page = Browser::new().get(&own).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
}

async fn userinfo(world: &World, tokens: &Value) -> Value {
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let url = format!("{}/connect/userinfo", world.origin);
    let page = Browser::new()
        .get_with(url, &[("authorization", &bearer)])
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
    page.json()
}

#[tokio::test]
async fn an_application_chooses_its_claims() {
    let world = World::start().await;
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let new = NewApplication {
        settings: Settings {
            id_token_claims: Some(names(&["name"])),
            userinfo_claims: Some(names(&["email"])),
            access_token_claims: names(&["email", "scope", "iss"]),
            ..Settings::default()
        },
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let tokens = client.tokens(&world, &mut Browser::new()).await;
    let again = client
        .refresh(&world, tokens["refresh_token"].as_str().unwrap())
        .await
        .json();
    for tokens in [&tokens, &again] {
        let id = claims(&tokens["id_token"]);
        assert_eq!(id["name"], "Ada Lovelace");
        assert!(id.get("email").is_none(), "{id}");
        let access = claims(&tokens["access_token"]);
        assert_eq!(access["email"], "ada@example.test");
        assert!(access.get("name").is_none(), "{access}");
        assert_eq!(access["iss"], world.origin);
        let info = userinfo(&world, tokens).await;
        assert_eq!(info["email"], "ada@example.test");
        assert!(info.get("name").is_none(), "{info}");
    }
}

#[tokio::test]
async fn claims_are_asked_for_by_name_as_far_as_the_application_may() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let wanted = json!({
        "userinfo": { "name": { "essential": true }, "iss": null },
        "id_token": { "name": null, "auth_time": null },
    });
    let wanted = wanted.to_string();
    let over = [
        ("scope", "openid offline_access"),
        ("claims", wanted.as_str()),
    ];
    let url = client.log_in(&world, &mut Browser::new(), &over).await;
    let page = client.exchange(&world, &param(&url, "code").unwrap()).await;
    let tokens = page.json();
    let id = claims(&tokens["id_token"]);
    assert_eq!(id["name"], "Ada Lovelace");
    assert!(id.get("email").is_none(), "{id}");
    let info = userinfo(&world, &tokens).await;
    assert_eq!(info["name"], "Ada Lovelace");
    assert!(info.get("email").is_none(), "{info}");
    let again = client
        .refresh(&world, tokens["refresh_token"].as_str().unwrap())
        .await
        .json();
    assert_eq!(claims(&again["id_token"])["name"], "Ada Lovelace");
    assert_eq!(userinfo(&world, &again).await["name"], "Ada Lovelace");
    for bad in ["[]", "{\"userinfo\":[]}", "x"] {
        let over = [("claims", bad)];
        let page = Browser::new()
            .get(client.authorize_url(&world, &over))
            .await;
        assert_eq!(param(&to(&page), "error").unwrap(), "invalid_request");
    }
}

#[tokio::test]
async fn how_somebody_authenticated_is_handed_on() {
    let world = World::start().await;
    let client = Client::with_passwords(&world).await;
    authority::user(&world, "ada@example.test", "correct horse battery").await;
    let tokens = client
        .password(&world, "ada@example.test", "correct horse battery")
        .await
        .json();
    assert_eq!(claims(&tokens["id_token"])["amr"], json!(["pwd"]));
    assert_eq!(userinfo(&world, &tokens).await["amr"], json!(["pwd"]));
    assert!(claims(&tokens["access_token"])["auth_time"].is_u64());
}
