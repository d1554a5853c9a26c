//! What was issued to applications, and its end: rows F4, F8 and F9.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::time::Duration;

use authority::{CALLBACK, Client, VERIFIER, claims, param, part, service, storefront, to};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Browser, Page, World};
use vestibule::audit;
use vestibule::authority::Scopes;
use vestibule::authority::application::NewApplication;
use vestibule::base::Clock;
use vestibule::key::{Checks, verify_with_jwks};
use vestibule::session;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}"))
}

fn refused(page: &Page) {
    assert_eq!(page.status, 400, "{}", page.body);
    assert_eq!(page.json()["error"], "invalid_grant", "{}", page.body);
}

async fn active(client: &Client, world: &World, token: &str) -> bool {
    client.introspect(world, token).await["active"] == true
}

/// A code for a browser that is logged in or logs in now.
async fn code(client: &Client, world: &World, browser: &mut Browser, scope: &str) -> String {
    let over = [("scope", scope)];
    let page = browser.get(client.authorize_url(world, &over)).await;
    let next = to(&page);
    let next = if next.as_str().starts_with(CALLBACK) {
        next
    } else {
        client.log_in(world, browser, &over).await
    };
    param(&next, "code").unwrap()
}

const OFFLINE: &str = "openid email offline_access";
const ONLINE: &str = "openid email";

#[tokio::test]
async fn f9_the_wrong_client_leaves_a_code_alone() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let public = NewApplication {
        public: true,
        ..storefront()
    };
    let public = Client::create(&world, public).await;
    let other = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    for client in [&client, &public] {
        let code = code(client, &world, browser, OFFLINE).await;
        // Another application, and whoever has the code without its proof: of a
        // public application anyone knows the id.
        refused(&other.exchange(&world, &code).await);
        for (redirect_uri, verifier) in [
            (CALLBACK, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX"),
            (CALLBACK, ""),
            ("https://shop.example.test/other", VERIFIER),
        ] {
            let form = [
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", redirect_uri),
                ("code_verifier", verifier),
            ];
            refused(&client.token(&world, &form).await);
        }
        let page = client.exchange(&world, &code).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let tokens = page.json();
        // Used up, it is no more use to others either.
        refused(&other.exchange(&world, &code).await);
        world.clock.advance(Duration::from_secs(90));
        refused(&other.exchange(&world, &code).await);
        let access = text(&tokens, "access_token");
        let from = if client.secret.is_some() {
            client
        } else {
            &other
        };
        assert!(active(from, &world, access).await);
        let next = client.refresh(&world, text(&tokens, "refresh_token")).await;
        assert_eq!(next.status, 200, "{}", next.body);
    }
}

#[tokio::test]
async fn f9_a_replayed_code_ends_all_that_came_of_it_whenever_it_comes() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    // At once, when the code has ended, and when its family has moved on: it
    // lives from refresh to refresh.
    for (pauses, each) in [
        (0, Duration::ZERO),
        (1, Duration::from_secs(120)),
        (6, DAY * 25),
    ] {
        let code = code(&client, &world, browser, OFFLINE).await;
        let mut all = vec![client.exchange(&world, &code).await.json()];
        for _ in 0..pauses {
            world.clock.advance(each);
            let last = text(&all[all.len() - 1], "refresh_token");
            let page = client.refresh(&world, last).await;
            assert_eq!(page.status, 200, "{}", page.body);
            all.push(page.json());
        }
        // More tokens than anyone would list.
        for _ in 0..30 {
            let last = text(&all[all.len() - 1], "refresh_token");
            let page = client.refresh(&world, last).await;
            assert_eq!(page.status, 200, "{}", page.body);
            all.push(page.json());
        }
        let (live, last) = (&all[all.len() - 31..], &all[all.len() - 1]);
        for tokens in live {
            assert!(active(&client, &world, text(tokens, "access_token")).await);
        }
        refused(&client.exchange(&world, &code).await);
        for tokens in live {
            assert!(!active(&client, &world, text(tokens, "access_token")).await);
        }
        refused(&client.refresh(&world, text(last, "refresh_token")).await);
    }
}

#[tokio::test]
async fn f9_a_replayed_code_ends_an_access_token_without_a_refresh_token() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let code = code(&client, &world, browser, ONLINE).await;
    let tokens = client.exchange(&world, &code).await.json();
    assert!(tokens.get("refresh_token").is_none());
    let access = text(&tokens, "access_token");
    world.clock.advance(Duration::from_secs(29 * 60));
    assert!(active(&client, &world, access).await);
    refused(&client.exchange(&world, &code).await);
    assert!(!active(&client, &world, access).await);
    let bearer = format!("Bearer {access}");
    let url = format!("{}/connect/userinfo", world.origin);
    let page = Browser::new()
        .get_with(url, &[("authorization", &bearer)])
        .await;
    assert_eq!(page.status, 401, "{}", page.body);
}

#[tokio::test]
async fn f9_an_old_refresh_token_ends_its_family_whenever_it_comes() {
    let world = World::start().await;
    let client = Client::storefront(&world).await;
    let other = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    for back in [1, 2, 9] {
        let code = code(&client, &world, browser, OFFLINE).await;
        let mut all = vec![client.exchange(&world, &code).await.json()];
        for _ in 0..9 {
            world.clock.advance(DAY * 25);
            let last = text(&all[all.len() - 1], "refresh_token");
            let page = client.refresh(&world, last).await;
            assert_eq!(page.status, 200, "{}", page.body);
            all.push(page.json());
        }
        let (old, last) = (&all[9 - back], &all[9]);
        let access = text(last, "access_token");
        world.clock.advance(Duration::from_secs(60));
        // Another application learns and changes nothing.
        refused(&other.refresh(&world, text(old, "refresh_token")).await);
        assert!(active(&client, &world, access).await);
        refused(&client.refresh(&world, text(old, "refresh_token")).await);
        assert!(!active(&client, &world, access).await);
        refused(&client.refresh(&world, text(last, "refresh_token")).await);
    }
}

/// The claims of a token, if it passes at a resource server that checks what
/// every JWT library does.
async fn passes(world: &World, token: &str, audience: &str) -> Option<Value> {
    let url = format!("{}/.well-known/jwks.json", world.origin);
    let jwks = Browser::new().get(url).await.json();
    let checks = Checks {
        issuer: Some(&world.origin),
        audience: Some(audience),
        typ: Some("at+jwt"),
        now: world.clock.now(),
        leeway: Duration::ZERO,
    };
    let claims = verify_with_jwks(token, &jwks, &checks).ok()?;
    Some(Value::Object(claims.all().clone()))
}

async fn own_token(world: &World, client: &Client, more: &[(&str, &str)]) -> String {
    let form = [&[("grant_type", "client_credentials")], more].concat();
    let page = client.token(world, &form).await;
    assert_eq!(page.status, 200, "{}", page.body);
    page.json()["access_token"].as_str().unwrap().to_owned()
}

async fn admin(world: &World, token: &str, method: Method, path: &str, body: &Value) -> Page {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/json"),
    ];
    let url = format!("{}/api/v1{path}", world.origin);
    Browser::new()
        .send(method, &url, &headers, Some(body.to_string()))
        .await
}

/// A token that administers all accounts, or one.
async fn administrator(world: &World, account: Option<&str>) -> (Client, String) {
    let new = NewApplication {
        account: account.map(|id| id.parse().unwrap()),
        scopes: Some(Scopes::parse("admin:read admin:write").unwrap()),
        ..NewApplication::default()
    };
    let client = Client::create(world, new).await;
    let token = own_token(world, &client, &[]).await;
    (client, token)
}

const OWN: &str = "https://api.acme.test/";

#[tokio::test]
async fn f8_another_accounts_token_does_not_pass_at_an_audience_of_its_own() {
    let world = World::start().await;
    let (_, root) = administrator(&world, None).await;
    let mine = Client::create(&world, service("acme")).await;
    let evil = json!({ "id": "evil" });
    let page = admin(&world, &root, Method::POST, "/accounts", &evil).await;
    assert_eq!(page.status, 201, "{}", page.body);
    let theirs = Client::create(&world, service("evil")).await;
    let shopper = Client::storefront(&world).await;
    let browser = &mut Browser::new();
    let code_of_before = code(&shopper, &world, browser, OFFLINE).await;
    let before = shopper.exchange(&world, &code_of_before).await.json();

    // Unless it has its own, all accounts' are alike: that is what the row is about.
    let token = own_token(&world, &theirs, &[]).await;
    let claims = passes(&world, &token, "resource_server").await.unwrap();
    assert_eq!(claims["account"], "evil");

    let change = json!({ "audience": OWN });
    let page = admin(&world, &root, Method::PATCH, "/accounts/acme", &change).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(page.json()["audience"], OWN);
    let token = own_token(&world, &theirs, &[]).await;
    assert!(passes(&world, &token, OWN).await.is_none());
    let token = own_token(&world, &mine, &[]).await;
    assert!(passes(&world, &token, "resource_server").await.is_none());
    assert!(passes(&world, &token, OWN).await.is_some());
    assert!(active(&mine, &world, &token).await);
    // Those of before end here, and are refreshed to those of now.
    assert!(!active(&shopper, &world, text(&before, "access_token")).await);
    let page = shopper
        .refresh(&world, text(&before, "refresh_token"))
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
    let tokens = page.json();
    let access = text(&tokens, "access_token");
    assert!(passes(&world, access, OWN).await.is_some());
    let bearer = format!("Bearer {access}");
    let url = format!("{}/connect/userinfo", world.origin);
    let headers = [("authorization", bearer.as_str())];
    let page = Browser::new().get_with(url, &headers).await;
    assert_eq!(page.status, 200, "{}", page.body);
    // An application's own goes before its account's.
    let path = format!("/applications/{}", mine.id);
    let orders = json!({ "audience": "urn:acme:orders" });
    let page = admin(&world, &root, Method::PATCH, &path, &orders).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let token = own_token(&world, &mine, &[]).await;
    assert!(passes(&world, &token, "urn:acme:orders").await.is_some());
    assert!(passes(&world, &token, OWN).await.is_none());
    // A token for the admin API is for the broker, and goes on.
    let (_, limited) = administrator(&world, Some("acme")).await;
    assert!(passes(&world, &limited, "resource_server").await.is_some());
    let page = admin(
        &world,
        &limited,
        Method::GET,
        "/accounts/acme",
        &Value::Null,
    )
    .await;
    assert_eq!(page.status, 200, "{}", page.body);
}

#[tokio::test]
async fn f8_an_account_takes_no_other_accounts_audience() {
    let world = World::start().await;
    let (_, root) = administrator(&world, None).await;
    let (_, limited) = administrator(&world, Some("acme")).await;
    let client = Client::create(&world, service("acme")).await;
    let app = format!("/applications/{}", client.id);
    let theirs = json!({ "audience": "https://api.globex.test" });
    for path in ["/accounts/acme", app.as_str()] {
        let page = admin(&world, &limited, Method::PATCH, path, &theirs).await;
        assert_eq!(page.status, 403, "{}", page.body);
    }
    let whole = json!({ "name": "Acme", "audience": "https://api.globex.test" });
    let page = admin(&world, &limited, Method::PUT, "/accounts/acme", &whole).await;
    assert_eq!(page.status, 403, "{}", page.body);
    let new = json!({ "account": "acme", "audience": "https://api.globex.test" });
    let page = admin(&world, &limited, Method::POST, "/applications", &new).await;
    assert_eq!(page.status, 403, "{}", page.body);

    // What is no audience: a name that could be a client id, and the broker's own.
    let own = format!("{}/accounts/acme", world.origin);
    for bad in [
        "",
        "resource_server",
        &client.id,
        "/api",
        "https://a.test/#x",
        "urn:a b",
        &own,
    ] {
        for path in ["/accounts/acme", app.as_str()] {
            let change = json!({ "audience": bad });
            let page = admin(&world, &root, Method::PATCH, path, &change).await;
            assert_eq!(page.status, 400, "{bad}: {}", page.body);
            let code = page.json()["code"].as_str().unwrap().to_owned();
            assert!(code.ends_with(".audience"), "{code}");
        }
    }
}

/// Whether an access token counts wherever the broker is asked, and a refresh
/// token gives new ones: both or none.
async fn lives(world: &World, client: &Client, tokens: &Value) -> bool {
    let access = text(tokens, "access_token");
    let introspected = active(client, world, access).await;
    let bearer = format!("Bearer {access}");
    let url = format!("{}/connect/userinfo", world.origin);
    let page = Browser::new()
        .get_with(url, &[("authorization", &bearer)])
        .await;
    assert_eq!(page.status == 200, introspected, "{}", page.body);
    let refresh = text(tokens, "refresh_token");
    let page = client.refresh(world, refresh).await;
    assert_eq!(page.status == 200, introspected, "{}", page.body);
    introspected
}

/// A shopper's browser, an unused code, tokens, and the shopper's id.
async fn shopper(
    world: &World,
    client: &Client,
    who: (&str, &str),
) -> (Browser, String, Value, String) {
    let mut browser = Browser::new();
    let over = [("scope", OFFLINE)];
    let url = client.log_in_as(world, &mut browser, &over, who).await;
    let tokens = client.exchange(world, &param(&url, "code").unwrap()).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    let tokens = tokens.json();
    let unused = code(client, world, &mut browser, OFFLINE).await;
    let user = claims(&tokens["access_token"])["sub"]
        .as_str()
        .unwrap()
        .to_owned();
    (browser, unused, tokens, user)
}

const ADA: (&str, &str) = ("ada", "lovelace");
const GRACE: (&str, &str) = ("grace", "hopper");

#[tokio::test]
async fn f4_revoking_or_disabling_a_person_ends_all_their_tokens() {
    let world = World::start().await;
    let (_, root) = administrator(&world, None).await;
    let client = Client::storefront(&world).await;
    let (_, _, others, _) = shopper(&world, &client, GRACE).await;
    for disable in [false, true] {
        let (_, unused, tokens, user) = shopper(&world, &client, ADA).await;
        let path = format!("/accounts/acme/users/{user}");
        if disable {
            for disabled in [true, false] {
                let change = json!({ "disabled": disabled });
                let page = admin(&world, &root, Method::PATCH, &path, &change).await;
                assert_eq!(page.status, 200, "{}", page.body);
            }
        } else {
            let path = format!("{path}/sessions");
            let page = admin(&world, &root, Method::DELETE, &path, &Value::Null).await;
            assert_eq!(page.status, 200, "{}", page.body);
        }
        // Enabled again, they log in anew; what was is over.
        assert!(!lives(&world, &client, &tokens).await);
        refused(&client.exchange(&world, &unused).await);
    }
    let (_, _, tokens, _) = shopper(&world, &client, ADA).await;
    assert!(lives(&world, &client, &tokens).await);
    assert!(lives(&world, &client, &others).await);
}

#[tokio::test]
async fn f4_a_logout_ends_what_was_granted_in_its_session() {
    let world = World::start().await;
    let (_, root) = administrator(&world, None).await;
    let client = Client::storefront(&world).await;
    let other = Client::storefront(&world).await;
    for by_admin in [false, true] {
        let (mut browser, unused, tokens, user) = shopper(&world, &client, ADA).await;
        // Another application in the same session, and the same person elsewhere.
        let of_other = code(&other, &world, &mut browser, OFFLINE).await;
        let of_other = other.exchange(&world, &of_other).await.json();
        world.clock.advance(Duration::from_secs(1));
        let (_, _, elsewhere, _) = shopper(&world, &client, ADA).await;
        if by_admin {
            let sid = &claims(&tokens["access_token"])["sid"];
            assert!(sid.is_string());
            let sessions = admin(
                &world,
                &root,
                Method::GET,
                "/accounts/acme/sessions",
                &Value::Null,
            );
            let sessions = sessions.await.json();
            // The older of the two.
            let of = |session: &&Value| session["user"] == user.as_str();
            let id = sessions["items"]
                .as_array()
                .unwrap()
                .iter()
                .find(of)
                .unwrap()["id"]
                .clone();
            let path = format!("/accounts/acme/sessions/{}", id.as_str().unwrap());
            let page = admin(&world, &root, Method::DELETE, &path, &Value::Null).await;
            assert_eq!(page.status, 204, "{}", page.body);
        } else {
            let hint = text(&tokens, "id_token");
            let url = format!("{}/connect/logout?id_token_hint={hint}", world.origin);
            let page = browser.get(url).await;
            assert!(page.status.as_u16() < 400, "{} {}", page.status, page.body);
        }
        assert!(!lives(&world, &client, &tokens).await);
        assert!(!lives(&world, &other, &of_other).await);
        refused(&client.exchange(&world, &unused).await);
        assert!(lives(&world, &client, &elsewhere).await);
        world.clock.advance(Duration::from_secs(1));
        let id = format!("/accounts/acme/users/{user}/sessions");
        admin(&world, &root, Method::DELETE, &id, &Value::Null).await;
    }
}

#[tokio::test]
async fn f4_an_application_of_a_removed_ones_id_inherits_no_tokens() {
    let world = World::start().await;
    let (_, root) = administrator(&world, None).await;
    let client = Client::storefront(&world).await;
    let (_, unused, tokens, _) = shopper(&world, &client, ADA).await;
    let path = format!("/applications/{}", client.id);
    let page = admin(&world, &root, Method::DELETE, &path, &Value::Null).await;
    assert_eq!(page.status, 204, "{}", page.body);
    world.clock.advance(Duration::from_secs(1));
    let again = NewApplication {
        client_id: Some(client.id.parse().unwrap()),
        ..storefront()
    };
    let client = Client::create(&world, again).await;
    assert!(!lives(&world, &client, &tokens).await);
    refused(&client.exchange(&world, &unused).await);
    let (_, _, tokens, _) = shopper(&world, &client, ADA).await;
    assert!(lives(&world, &client, &tokens).await);
}

#[tokio::test]
async fn f4_grants_are_listed_and_ended_by_person_and_by_application() {
    let world = World::start().await;
    let (_, root) = administrator(&world, None).await;
    let shop = Client::storefront(&world).await;
    let app = Client::storefront(&world).await;
    let (mut browser, _, ada, ada_id) = shopper(&world, &shop, ADA).await;
    let of_app = code(&app, &world, &mut browser, OFFLINE).await;
    let ada_at_app = app.exchange(&world, &of_app).await.json();
    let bare = code(&app, &world, &mut browser, ONLINE).await;
    let bare = app.exchange(&world, &bare).await.json();
    let (_, _, grace, grace_id) = shopper(&world, &shop, GRACE).await;
    world.account("globex").await;

    let list = async |query: &str| {
        let path = format!("/accounts/acme/grants?{query}");
        let page = admin(&world, &root, Method::GET, &path, &Value::Null).await;
        assert_eq!(page.status, 200, "{}", page.body);
        page.json()["items"].as_array().unwrap().clone()
    };
    let end = async |path: &str| admin(&world, &root, Method::DELETE, path, &Value::Null).await;
    let by_ada = format!("user={ada_id}");
    let to_app = format!("application={}", app.id);
    assert_eq!(list("").await.len(), 4);
    assert_eq!(list(&by_ada).await.len(), 3);
    assert_eq!(list(&to_app).await.len(), 2);
    assert_eq!(list(&format!("user={grace_id}")).await.len(), 1);
    assert_eq!(list(&format!("user={grace_id}&{to_app}")).await.len(), 0);
    let paged = admin(
        &world,
        &root,
        Method::GET,
        "/accounts/acme/grants?limit=3",
        &Value::Null,
    );
    let paged = paged.await.json();
    let rest = list(&format!(
        "limit=3&after={}",
        paged["next"].as_str().unwrap()
    ))
    .await;
    assert_eq!(
        (paged["items"].as_array().unwrap().len(), rest.len()),
        (3, 1)
    );
    // No token can be read back.
    let all = json!(list("").await).to_string();
    for tokens in [&ada, &ada_at_app, &grace] {
        for part in text(tokens, "refresh_token").split('.') {
            assert!(!all.contains(part), "{all}");
        }
    }

    // One, by the name that its tokens have; nobody else's.
    let id = claims(&ada_at_app["access_token"])["grant_id"].clone();
    let id = id.as_str().unwrap();
    assert!(list(&to_app).await.iter().any(|grant| grant["id"] == id));
    let elsewhere = end(&format!("/accounts/globex/grants/{id}")).await;
    assert_eq!(elsewhere.status, 404, "{}", elsewhere.body);
    assert_eq!(
        end(&format!("/accounts/acme/grants/{id}")).await.status,
        204
    );
    assert_eq!(
        end(&format!("/accounts/acme/grants/{id}")).await.status,
        404
    );
    assert!(!lives(&world, &app, &ada_at_app).await);
    assert!(active(&app, &world, text(&bare, "access_token")).await);

    // To an application, without a refresh token too.
    let page = end(&format!("/accounts/acme/grants?{to_app}")).await;
    assert_eq!(page.json()["revoked"], 1, "{}", page.body);
    assert!(!active(&app, &world, text(&bare, "access_token")).await);
    assert!(lives(&world, &shop, &ada).await);

    // Of a person; the session goes on, and gives anew.
    let page = end(&format!("/accounts/acme/grants?{by_ada}")).await;
    assert_eq!(page.json()["revoked"], 1, "{}", page.body);
    assert!(!active(&shop, &world, text(&ada, "access_token")).await);
    let again = code(&shop, &world, &mut browser, OFFLINE).await;
    let again = shop.exchange(&world, &again).await.json();
    assert!(lives(&world, &shop, &again).await);
    assert!(lives(&world, &shop, &grace).await);
    // All of everybody is not what anyone means.
    assert_eq!(end("/accounts/acme/grants").await.status, 400);
}

#[tokio::test]
async fn f4_an_application_hears_that_a_grant_to_it_ended() {
    let world = World::start().await;
    let (_, root) = administrator(&world, None).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/told", listener.local_addr().unwrap());
    let new = NewApplication {
        backchannel_logout_uri: Some(uri),
        ..storefront()
    };
    let client = Client::create(&world, new).await;
    let (_, _, tokens, user) = shopper(&world, &client, ADA).await;
    let told = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        while !text.contains("logout_token=") {
            let mut bytes = [0; 4096];
            let n = stream.read(&mut bytes).await.unwrap();
            text.push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        text
    });
    let path = format!("/accounts/acme/grants?user={user}");
    let page = admin(&world, &root, Method::DELETE, &path, &Value::Null).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let text = tokio::time::timeout(Duration::from_secs(60), told);
    let text = text.await.unwrap().unwrap();
    let told = part(text.split("logout_token=").nth(1).unwrap(), 1);
    assert_eq!(told["aud"], client.id);
    assert_eq!(told["sub"], user);
    assert_eq!(told["sid"], claims(&tokens["access_token"])["sid"]);
}

/// What is to be written down with the end of a session is, also where it ended by
/// itself at that moment.
#[tokio::test]
async fn an_end_that_comes_too_late_is_written_down_all_the_same() {
    let world = World::start().await;
    world.log_in(&mut Browser::new()).await;
    let acme = "acme".parse().unwrap();
    let store = &*world.store;
    let found = session::page(store, &acme, None, 10).await.unwrap();
    let (key, _) = &found[0];
    for (note, there) in [("first", true), ("second", false)] {
        let entry = audit::Entry {
            id: String::new(),
            at: String::new(),
            who: "ada".to_owned(),
            what: "session.revoke".to_owned(),
            account: Some("acme".to_owned()),
            target: note.to_owned(),
            before: Value::Null,
            after: Value::Null,
        };
        let entry = audit::step(world.clock.now(), entry).unwrap();
        let was_there = session::revoke_id(store, &acme, key.id(), vec![entry]).await;
        assert_eq!(was_there.unwrap(), there, "{note}");
        let (_, log) = world.admin(Method::GET, "/audit", "", "").await;
        assert!(log.contains(&format!("\"{note}\"")), "{note}: {log}");
    }
}
