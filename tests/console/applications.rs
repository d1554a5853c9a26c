//! Applications: a secret that is shown once, and what may be changed.

use std::time::Duration;

use reqwest::StatusCode;

use crate::Op;
use crate::support::{Page, World};

/// What stands in a field of the page.
fn value<'p>(page: &'p Page, name: &str) -> &'p str {
    let field = page.body.split(&format!("name=\"{name}\"")).nth(1);
    let field = field.unwrap_or_else(|| panic!("no `{name}`: {}", page.body));
    let value = field.split("value=\"").nth(1).unwrap();
    value.split('"').next().unwrap()
}

pub fn secret(page: &Page) -> String {
    let field = page.body.split("id=\"secret\"").nth(1);
    let field = field.unwrap_or_else(|| panic!("no secret: {}", page.body));
    let value = field.split("value=\"").nth(1).unwrap();
    value.split('"').next().unwrap().to_owned()
}

async fn token(op: &mut Op<'_>, id: &str, secret: &str) -> StatusCode {
    let url = format!("{}/connect/token", op.world.origin);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
    ];
    op.browser.post(&url, &form).await.status
}

const FORM: &[(&str, &str)] = &[
    ("name", "Back end"),
    ("account", "acme"),
    ("grant.client_credentials", "yes"),
    ("scopes", "orders:read"),
];

/// Creates an application that acts for itself; gives its id, its secret and the form.
async fn create(op: &mut Op<'_>) -> (String, String, Vec<(&'static str, String)>) {
    let page = op.get("/admin/new-application?account=acme").await;
    assert!(page.shows("value=\"acme\" selected"), "{}", page.body);
    assert!(!page.shows("name=\"grant.password\" value=\"yes\" checked"));
    let id = value(&page, "client_id").to_owned();
    let mut form: Vec<(&str, String)> = FORM
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    form.push(("client_id", id.clone()));
    form.push(("suggested", value(&page, "suggested").to_owned()));
    let page = send(op, "/admin/new-application", &form).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.header("cache-control").contains("no-store"));
    (id, secret(&page), form)
}

async fn send(op: &mut Op<'_>, path: &str, form: &[(&str, String)]) -> Page {
    let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
    op.post(path, &form).await
}

#[tokio::test]
async fn a_secret_is_shown_once_and_the_form_counts_once() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    assert!(
        op.get("/admin/applications")
            .await
            .shows("No applications yet")
    );
    let (id, made, form) = create(&mut op).await;
    assert_eq!(token(&mut op, &id, &made).await, StatusCode::OK);
    // A reload sends the form again: nothing is made, and nothing is shown.
    let page = send(&mut op, "/admin/new-application", &form).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let here = format!("/admin/applications/{id}");
    assert_eq!(page.location().unwrap().path(), here);
    for path in [
        here.as_str(),
        "/admin/applications",
        "/admin/applications?account=acme",
        "/admin/audit",
        "/admin/audit.jsonl",
    ] {
        let page = op.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(!page.shows(&made), "{path}");
    }
    let page = op.get("/admin/applications?account=acme").await;
    assert!(
        page.shows("Back end") && !page.shows("never"),
        "it was used"
    );
    // An id that someone else has is refused, not taken for a reload.
    let mut other = form.clone();
    other.retain(|(name, _)| *name != "suggested");
    let page = send(&mut op, "/admin/new-application", &other).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.shows("client_id-wrong") && page.shows("Back end"));
}

#[tokio::test]
async fn a_rotation_overlaps_two_secrets_and_counts_once() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let (id, old, _) = create(&mut op).await;
    let here = format!("/admin/applications/{id}");
    let page = op.get(&here).await;
    let etag = value(&page, "etag").to_owned();
    let rotate = [("etag", etag.as_str()), ("overlap", "1h")];
    let page = op.post(&format!("{here}/rotate"), &rotate).await;
    let new = secret(&page);
    assert_ne!(old, new);
    for good in [&old, &new] {
        assert_eq!(token(&mut op, &id, good).await, StatusCode::OK);
    }
    let page = op.post(&format!("{here}/rotate"), &rotate).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    assert!(page.shows("no secret was made") && !page.shows("id=\"secret\""));
    world.clock.advance(Duration::from_secs(3601));
    let mut op = {
        let fields = [("email", "ada@example.test"), ("password", crate::PASSWORD)];
        crate::form(&world, &mut op.browser, "/admin/login", &fields).await;
        Op::with(&world, op.browser).await
    };
    assert_eq!(token(&mut op, &id, &new).await, StatusCode::OK);
    assert_eq!(token(&mut op, &id, &old).await, StatusCode::UNAUTHORIZED);
    let etag = value(&op.get(&here).await, "etag").to_owned();
    let page = op.done(&format!("{here}/remove"), &[("etag", &etag)]).await;
    assert!(page.shows("is removed") && !page.shows("Back end"));
    assert_eq!(token(&mut op, &id, &new).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_mistake_stands_at_its_field_and_keeps_what_was_typed() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let good = [
        ("client_id", "mine"),
        ("name", "Shop <b>"),
        ("account", "acme"),
        ("grant.authorization_code", "yes"),
        ("scopes", "openid"),
        ("redirect_uris", "https://www.acme.test/cb"),
    ];
    for (field, typed, code) in [
        ("account", "", StatusCode::UNPROCESSABLE_ENTITY),
        ("account", "nobody", StatusCode::NOT_FOUND),
        ("client_id", "no spaces", StatusCode::BAD_REQUEST),
        ("name", "", StatusCode::BAD_REQUEST),
        ("scopes", "\"", StatusCode::BAD_REQUEST),
        (
            "redirect_uris",
            "http://acme.test/cb",
            StatusCode::BAD_REQUEST,
        ),
        ("redirect_uris", "", StatusCode::BAD_REQUEST),
        ("post_logout_redirect_uris", "x", StatusCode::BAD_REQUEST),
        ("backchannel_logout_uri", "ftp://x", StatusCode::BAD_REQUEST),
        (
            "id_token_signed_response_alg",
            "none",
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let mut form = good.to_vec();
        form.retain(|(name, _)| *name != field);
        form.push((field, typed));
        let page = op.post("/admin/new-application", &form).await;
        assert_eq!(page.status, code, "{field}: {}", page.body);
        assert!(
            page.shows(&format!("id=\"{field}-wrong\"")),
            "{field}: {}",
            page.body
        );
        assert!(
            field == "name" || page.shows("value=\"Shop &lt;b&gt;\""),
            "{field}"
        );
    }
    let mut none = good.to_vec();
    none.retain(|(name, _)| !name.starts_with("grant."));
    let page = op.post("/admin/new-application", &none).await;
    assert!(page.shows("id=\"grants-wrong\""), "{}", page.body);
    assert!(
        op.get("/admin/applications")
            .await
            .shows("No applications yet")
    );
}

#[tokio::test]
async fn the_second_of_two_who_change_an_application_is_told() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let (id, _, _) = create(&mut op).await;
    let here = format!("/admin/applications/{id}");
    let etag = value(&op.get(&here).await, "etag").to_owned();
    let change = |name: &'static str| {
        let mut form = FORM.to_vec();
        form.retain(|(field, _)| *field != "name");
        form.push(("name", name));
        form
    };
    let mut first = change("First");
    first.push(("etag", &etag));
    let mut second = change("Second");
    second.push(("etag", &etag));
    assert!(op.done(&here, &first).await.shows("Saved."));
    for _ in 0..2 {
        let page = op.post(&here, &second).await;
        assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
        assert!(page.shows("Nothing was overwritten") && page.shows("value=\"Second\""));
    }
    assert!(op.get(&here).await.shows("<h1>First</h1>"));
}

#[tokio::test]
async fn a_public_application_has_no_secret_to_show_or_rotate() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let form = [
        ("client_id", "spa"),
        ("name", "Single page"),
        ("account", "*"),
        ("public", "yes"),
        ("grant.authorization_code", "yes"),
        ("scopes", "openid"),
        ("redirect_uris", "https://www.acme.test/cb"),
    ];
    let page = op.post("/admin/new-application", &form).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(!page.shows("id=\"secret\"") && page.shows("All accounts"));
    assert!(!page.shows("Rotate secret") && page.shows("uses PKCE"));
}

/// Everything that an application's tokens are made by, in the form and at the API.
#[tokio::test]
async fn an_applications_policy_is_set_in_the_form() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let (id, _, _) = create(&mut op).await;
    let here = format!("/admin/applications/{id}");
    let etag = value(&op.get(&here).await, "etag").to_owned();
    let form = [
        ("etag", etag.as_str()),
        ("name", "Shop"),
        ("grant.authorization_code", "yes"),
        ("grant.refresh_token", "yes"),
        ("redirect_uris", "https://shop.test/cb"),
        ("scopes", "openid email"),
        ("audience", "https://orders.test/"),
        ("access_token_lifetime", "10m"),
        ("refresh_token_lifetime", "7d"),
        ("refresh_token_absolute_lifetime", "30d"),
        ("require_pkce", "yes"),
        ("id_token_claims", "email"),
        ("userinfo_claims", "email email_verified"),
        ("access_token_claims", "email"),
        ("consent", "yes"),
        ("reuse_refresh_tokens", "yes"),
        ("pushed_authorization_requests", "allowed"),
        ("resources", "https://stock.test/"),
    ];
    assert!(op.done(&here, &form).await.shows("Saved."));
    let path = format!("/applications/{id}");
    let (status, text) = world.admin(reqwest::Method::GET, &path, "", "").await;
    assert_eq!(status, 200, "{text}");
    let known: serde_json::Value = serde_json::from_str(&text).unwrap();
    let wanted = serde_json::json!({
        "scopes": ["email", "openid"],
        "grants": ["authorization_code", "refresh_token"],
        "audience": "https://orders.test/",
        "access_token_lifetime": "10m",
        "refresh_token_lifetime": "7d",
        "refresh_token_absolute_lifetime": "30d",
        "require_pkce": true,
        "id_token_claims": ["email"],
        "userinfo_claims": ["email", "email_verified"],
        "access_token_claims": ["email"],
        "consent": true,
        "reuse_refresh_tokens": true,
        "pushed_authorization_requests": "allowed",
        "resources": ["https://stock.test/"],
    });
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&known[name], value, "{name}");
    }
    // The page shows what is set, so that saving it again changes nothing.
    let page = op.get(&here).await;
    for shown in [
        "value=\"10m\"",
        "value=\"7d\"",
        "value=\"30d\"",
        "name=\"require_pkce\" value=\"yes\" checked",
        "name=\"consent\" value=\"yes\" checked",
        "name=\"reuse_refresh_tokens\" value=\"yes\" checked",
        "value=\"allowed\" selected",
    ] {
        assert!(page.shows(shown), "{shown} {}", page.body);
    }
}
