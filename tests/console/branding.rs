//! How an account looks, its logo, and what happened in it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::Op;
use crate::support::{Browser, Page, World};

const BRANDING: &str = "/admin/accounts/acme/branding";
const DRAWING: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 8\"><rect width=\"8\" height=\"8\" fill=\"#0a6b4f\"/></svg>";
/// One pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

async fn upload(op: &mut Op<'_>, csrf: &str, file: &str) -> Page {
    let body = format!(
        "--B0undary\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--B0undary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"logo.png\"\r\nContent-Type: image/png\r\n\r\n{file}\r\n--B0undary--\r\n"
    );
    let url = format!("{}{BRANDING}/logo", op.world.origin);
    let headers = [
        ("content-type", "multipart/form-data; boundary=B0undary"),
        ("origin", op.world.origin.as_str()),
    ];
    op.browser
        .send(Method::POST, &url, &headers, Some(body))
        .await
}

/// The API, with what it takes.
async fn api(world: &World, method: Method, body: &Value) -> (u16, Value) {
    let (status, text) = world
        .admin(
            method,
            "/accounts/acme/logo",
            "application/json",
            &body.to_string(),
        )
        .await;
    (status, serde_json::from_str(&text).unwrap_or_default())
}

async fn logo(world: &World) -> Option<String> {
    let (_, text) = world.admin(Method::GET, "/accounts/acme", "", "").await;
    let account: Value = serde_json::from_str(&text).unwrap();
    account["logo"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn b10_a_logo_is_uploaded_served_so_that_nothing_runs_shown_and_removed() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let csrf = op.csrf.clone();
    let page = upload(&mut op, &csrf, DRAWING).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    let page = op.browser.follow(page).await;
    assert!(page.shows("The logo is kept"), "{}", page.body);
    let path = logo(&world).await.unwrap();
    assert!(path.starts_with("/accounts/acme/logo/"), "{path}");
    let mut shopper = Browser::new();
    let served = shopper.get(format!("{}{path}", world.origin)).await;
    assert_eq!(served.body, DRAWING);
    for (name, value) in [
        ("content-type", "image/svg+xml"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-resource-policy", "cross-origin"),
        ("cache-control", "public, max-age=31536000, immutable"),
    ] {
        assert_eq!(served.header(name), value, "{name}");
    }
    let policy = served.header("content-security-policy").to_owned();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("sandbox"),
        "{policy}"
    );
    // An address of before shows the one of now, and is asked for anew.
    let old = shopper
        .get(format!("{}/accounts/acme/logo/0.png", world.origin))
        .await;
    assert_eq!(old.body, DRAWING);
    assert_eq!(old.header("cache-control"), "no-cache");
    // The login's page shows it and lets it load, and nothing else.
    let login = format!("{}/accounts/acme/signed-out", world.origin);
    let page = shopper.get(&login).await;
    let whole = format!("{}{path}", world.origin);
    assert!(
        page.body.replace("&#x2f;", "/").contains(&whole),
        "{}",
        page.body
    );
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains(&format!("img-src data: {}", world.origin)),
        "{policy}"
    );
    // It goes before one elsewhere.
    let elsewhere = [
        ("name", "Acme"),
        ("logo_url", "https://cdn.acme.test/a.png"),
    ];
    op.done(BRANDING, &elsewhere).await;
    assert!(!shopper.get(&login).await.shows("cdn.acme.test"));
    let page = op.done(&format!("{BRANDING}/logo/remove"), &[]).await;
    assert!(page.shows("The logo is removed"), "{}", page.body);
    assert!(shopper.get(&login).await.shows("cdn.acme.test"));
    let path_again = format!("{BRANDING}/logo/remove");
    let page = op.post(&path_again, &[("confirmed", "yes")]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.shows("There is no such logo"), "{}", page.body);
    let gone = shopper.get(format!("{}{path}", world.origin)).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    // Each is an event, in words.
    let page = op.get("/admin/accounts/acme/activity").await;
    for shown in [
        "Logo uploaded",
        "Logo removed",
        "Account changed",
        "Latest logins",
    ] {
        assert!(page.shows(shown), "{shown}: {}", page.body);
    }
}

#[tokio::test]
async fn b10_what_runs_or_is_no_logo_is_refused_at_its_field() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let csrf = op.csrf.clone();
    let large = "x".repeat((128 << 10) + 1);
    for (file, why) in [
        ("", "The file is empty"),
        ("hello", "The file is no PNG"),
        ("GIF89a", "The file is no PNG"),
        (large.as_str(), "The picture has 129 KiB"),
        (
            "<svg><script>alert(1)</script></svg>",
            "an element <code>script</code>",
        ),
        (
            "<svg onload=\"alert(1)\"/>",
            "an attribute <code>onload</code>",
        ),
        (
            "<svg><use href=\"//evil.test/#a\"/></svg>",
            "an attribute <code>href</code>",
        ),
    ] {
        let page = upload(&mut op, &csrf, file).await;
        assert!(page.status.is_client_error(), "{why}: {}", page.status);
        assert!(
            page.shows(why) && page.shows("id=\"image-wrong\""),
            "{why}: {}",
            page.body
        );
        assert!(!page.shows("<script>alert"));
    }
    assert_eq!(logo(&world).await, None);
    // A form that no page of ours sent.
    let page = upload(&mut op, "x", DRAWING).await;
    assert!(page.status.is_client_error());
    assert_eq!(logo(&world).await, None);
}

#[tokio::test]
async fn the_api_keeps_a_logo_and_its_address_changes_with_it() {
    let world = World::start().await;
    let (status, account) = api(&world, Method::PUT, &json!({ "image": PNG })).await;
    assert_eq!(status, 200, "{account}");
    let png = account["logo"].as_str().unwrap().to_owned();
    assert!(png.contains(".png"), "{png}");
    let url = format!("{}{png}", world.origin);
    let served = reqwest::get(&url).await.unwrap();
    assert_eq!(served.headers()["content-type"], "image/png");
    assert_eq!(served.bytes().await.unwrap(), STANDARD.decode(PNG).unwrap());
    let drawing = STANDARD.encode(DRAWING);
    let (status, account) = api(&world, Method::PUT, &json!({ "image": drawing })).await;
    assert_eq!(status, 200, "{account}");
    assert_ne!(account["logo"], png.as_str());
    for bad in ["", "%", "aGVsbG8="] {
        let (status, problem) = api(&world, Method::PUT, &json!({ "image": bad })).await;
        assert_eq!(
            (status, &problem["code"]),
            (400, &json!("account.logo")),
            "{bad}"
        );
        assert_eq!(problem["field"], "image");
    }
    // An account as a whole leaves it: it has an address of its own.
    let whole = json!({ "name": "Acme" }).to_string();
    let path = "/accounts/acme";
    world
        .admin(Method::PUT, path, "application/json", &whole)
        .await;
    assert!(logo(&world).await.is_some());
    // With the account it goes, and the next of its id has none.
    world.admin(Method::DELETE, path, "", "").await;
    world.account("acme").await;
    assert_eq!(logo(&world).await, None);
    let (status, _) = api(&world, Method::DELETE, &json!({})).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn an_account_has_its_changes_and_logins_on_a_page() {
    let world = World::start().await;
    world.log_in(&mut Browser::new()).await;
    let mut op = Op::first(&world).await;
    for number in 0..12 {
        let name = format!("Acme {number}");
        op.done(BRANDING, &[("name", &name)]).await;
    }
    let page = op.get("/admin/accounts/acme/activity").await;
    assert!(
        page.shows("ada@example.test") && page.shows("All changes"),
        "{}",
        page.body
    );
    assert_eq!(
        page.body.matches("data-event=\"account.change\"").count(),
        10
    );
    let all = op.get("/admin/accounts/acme/activity/changes").await;
    assert_eq!(
        all.body.matches("data-event=\"account.change\"").count(),
        12
    );
    // Of this account only.
    assert!(!all.shows("data-event=\"operator."), "{}", all.body);
    // The broker's log has it too, and leads nowhere without a name.
    let page = op.get("/admin/audit?account=acme").await;
    assert!(
        page.shows("data-event=\"account.change\"") && !page.shows("href=\"/admin/accounts/\"")
    );
    let page = op.get("/admin/accounts/nobody/activity").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}
