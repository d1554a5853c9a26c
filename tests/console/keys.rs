//! Keys: what is shown, rotated and imported.

use std::fmt::Write as _;

use reqwest::{Method, StatusCode};
use vestibule::base::{Clock, Secret};
use vestibule::key::{KeyKind, SelfSigned, generate};

use crate::Op;
use crate::support::{Browser, Page, World};

fn kids(page: &Page) -> Vec<String> {
    let rows = page.body.split("/public.pem").count() - 1;
    let found: Vec<String> = page
        .body
        .split("/admin/keys/")
        .filter_map(|rest| rest.split_once("/public.pem"))
        .map(|(kid, _)| kid.to_owned())
        .collect();
    assert_eq!(found.len(), rows);
    found
}

/// The import form with these files.
pub fn multipart(csrf: &str, parts: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, text) in [("csrf", csrf)].iter().chain(parts) {
        let file = if ["file", "certificate"].contains(name) {
            "; filename=\"x.pem\"\r\nContent-Type: application/octet-stream"
        } else {
            ""
        };
        let _ = write!(
            body,
            "--B0undary\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{text}\r\n"
        );
    }
    body += "--B0undary--\r\n";
    body
}

async fn send(world: &World, browser: &mut Browser, origin: &str, body: String) -> Page {
    let url = format!("{}/admin/keys/import", world.origin);
    let headers = [
        ("content-type", "multipart/form-data; boundary=B0undary"),
        ("origin", origin),
    ];
    browser.send(Method::POST, &url, &headers, Some(body)).await
}

async fn upload(op: &mut Op<'_>, csrf: &str, parts: &[(&str, &str)]) -> Page {
    let body = multipart(csrf, parts);
    send(op.world, &mut op.browser, &op.world.origin, body).await
}

#[tokio::test]
async fn a_rotation_is_confirmed_and_counts_once() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let page = op.get("/admin/keys").await;
    let old = kids(&page);
    assert_eq!(old.len(), 1);
    assert!(page.shows("Active") && page.shows("ES256"));
    let page = op.done("/admin/keys/prepare", &[]).await;
    assert!(page.shows("Next") && page.shows("published already"));
    let both = kids(&page);
    let sure = [("active", old[0].as_str()), ("confirm", "yes")];
    let page = op.post("/admin/keys/rotate", &sure[..1]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = op.done("/admin/keys/rotate", &sure).await;
    assert!(
        page.shows("Retiring") && page.shows("until"),
        "{}",
        page.body
    );
    assert_eq!(kids(&page)[0], both[1], "the one published ahead signs");
    let page = op.post("/admin/keys/rotate", &sure).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(kids(&op.get("/admin/keys").await).len(), 2);
    // What leaked goes at once.
    let leaked = [
        ("active", both[1].as_str()),
        ("confirm", "yes"),
        ("withdraw", "yes"),
    ];
    let page = op.done("/admin/keys/rotate", &leaked).await;
    assert!(!kids(&page).contains(&both[1]), "{}", page.body);
    let pem = op
        .get(&format!("/admin/keys/{}/public.pem", kids(&page)[0]))
        .await;
    assert!(pem.shows("BEGIN PUBLIC KEY"));
    assert!(pem.header("content-disposition").contains("attachment"));
    let none = op
        .get(&format!("/admin/keys/{}/certificate.pem", kids(&page)[0]))
        .await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_key_of_a_second_algorithm_is_rotated_by_itself() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let csrf = op.csrf.clone();
    let default = kids(&op.get("/admin/keys").await).remove(0);
    let key = generate(KeyKind::Rsa2048).unwrap();
    let private = key.to_pem(None).unwrap();
    let files = [("file", private.expose()), ("additional", "yes")];
    let page = upload(&mut op, &csrf, &files).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    let settings = [("name", "Acme"), ("signing_alg", "RS256")];
    let page = op.done("/admin/accounts/acme/settings", &settings).await;
    assert!(
        page.shows("<option value=\"RS256\" selected>"),
        "{}",
        page.body
    );
    let page = op.get("/admin/keys").await;
    assert!(
        page.shows("Rotate the additional RS256 key"),
        "{}",
        page.body
    );
    assert_eq!(kids(&page), [default.as_str(), key.kid()]);
    let rsa = ("algorithm", "RS256");
    let page = op.done("/admin/keys/prepare", &[rsa]).await;
    let next = kids(&page).remove(2);
    // The form for one key rotates no other.
    let confused = [rsa, ("active", default.as_str()), ("confirm", "yes")];
    let page = op.post("/admin/keys/rotate", &confused).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    let sure = [rsa, ("active", key.kid()), ("confirm", "yes")];
    let page = op.done("/admin/keys/rotate", &sure).await;
    assert_eq!(kids(&page), [default.as_str(), next.as_str(), key.kid()]);
    let page = op.post("/admin/keys/rotate", &sure).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED, "once");
    let bad = [
        ("algorithm", "x"),
        ("active", default.as_str()),
        ("confirm", "yes"),
    ];
    let page = op.post("/admin/keys/rotate", &bad).await;
    assert!(page.status.is_client_error() && page.shows("role=\"alert\""));
    // A form without it leaves it; an empty one goes back to the default key.
    let path = "/admin/accounts/acme/settings";
    let page = op.done(path, &settings[..1]).await;
    assert!(
        page.shows("<option value=\"RS256\" selected>"),
        "{}",
        page.body
    );
    let page = op.done(path, &[settings[0], ("signing_alg", "")]).await;
    assert!(page.shows("<option value=\"\" selected>"), "{}", page.body);
}

#[tokio::test]
async fn a_key_is_imported_and_its_certificate_is_watched() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let csrf = op.csrf.clone();
    let names = SelfSigned {
        common_name: "login.platform.test <script>".to_owned(),
        organization: None,
        country: None,
        alternative_names: Vec::new(),
        days: 20,
    };
    let key = generate(KeyKind::P256).unwrap();
    let certificate = key.self_signed(&names, world.clock.now()).unwrap();
    let private = key.to_pem(None).unwrap().expose().to_owned();
    let certificate = certificate.to_pem();
    let page = upload(&mut op, "x", &[("file", &private)]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "X2");
    let whole = multipart(&csrf, &[("file", &private)]);
    let evil = "https://evil.test";
    let page = send(&world, &mut op.browser, evil, whole.clone()).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "X2");
    let page = send(&world, &mut Browser::new(), &world.origin, whole).await;
    assert_eq!(page.location().unwrap().path(), "/admin/login", "T4");
    assert_eq!(kids(&op.get("/admin/keys").await).len(), 1);
    let page = upload(&mut op, &csrf, &[("file", "")]).await;
    assert!(page.shows("Choose a key file"), "{}", page.body);
    let page = upload(&mut op, &csrf, &[("file", "no key at all")]).await;
    assert!(page.status.is_client_error() && page.shows("role=\"alert\""));
    let files = [
        ("file", private.as_str()),
        ("certificate", certificate.as_str()),
    ];
    let page = upload(&mut op, &csrf, &files).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    let page = op.get("/admin/keys").await;
    assert!(page.shows("login.platform.test") && !page.shows("<script>"));
    assert!(page.shows("expires in"), "{}", page.body);
    assert!(!page.shows("PRIVATE KEY"));
    let path = page.body.split("/certificate.pem").next().unwrap();
    let kid = path.rsplit('/').next().unwrap();
    let pem = op.get(&format!("/admin/keys/{kid}/certificate.pem")).await;
    assert_eq!(pem.body, certificate);
    // One that is locked.
    let password = Secret::new("a password of the file");
    let locked = generate(KeyKind::P256).unwrap();
    let locked = locked.to_pem(Some(&password)).unwrap();
    let wrong = [("file", locked.expose()), ("password", "a wrong one")];
    let page = upload(&mut op, &csrf, &wrong).await;
    assert!(page.status.is_client_error() && page.shows("role=\"alert\""));
    assert!(!page.shows("a wrong one"), "{}", page.body);
    let right = [("file", locked.expose()), ("password", password.expose())];
    let page = upload(&mut op, &csrf, &right).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    let lines = op.get("/admin/audit.jsonl").await;
    assert!(!lines.shows("PRIVATE KEY") && !lines.shows("of the file"));
}
