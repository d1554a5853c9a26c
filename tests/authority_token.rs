//! The token endpoint under attack: `attacks.md`, K1 to K17.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
mod support;

use std::sync::Arc;
use std::time::Duration;

use authority::{Client, claims, post, service, user};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use support::{Browser, Page, World};
use vestibule::authority::application::NewApplication;
use vestibule::authority::{Applications, Grant, Scopes};
use vestibule::base::{AccountId, Secret};
use vestibule::store::{Precondition, SledOptions, SledStore};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const CREDENTIALS: &[(&str, &str)] = &[("grant_type", "client_credentials")];

fn refused(page: &Page, error: &str) {
    assert_eq!(page.json()["error"], error, "{} {}", page.status, page.body);
    assert!(page.status.is_client_error(), "{}", page.status);
    assert_eq!(page.header("cache-control"), "no-store");
}

#[tokio::test]
async fn client_credentials_carry_the_applications_own_scopes() {
    let world = World::start().await;
    let client = Client::service(&world).await;
    let page = client.token(&world, CREDENTIALS).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(page.header("cache-control"), "no-store");
    let answer = page.json();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 1800);
    assert!(answer.get("refresh_token").is_none());
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(authority::part(token, 0)["typ"], "at+jwt");
    let claims = claims(&answer["access_token"]);
    assert_eq!(claims["iss"], world.origin);
    assert_eq!(claims["aud"], "resource_server");
    assert_eq!(claims["sub"], format!("client:{}", client.id));
    assert_eq!(claims["client_id"], client.id);
    assert_eq!(claims["account"], "acme");
    assert_eq!(claims["scope"], "orders stock");
    for name in ["exp", "iat", "nbf"] {
        assert!(claims[name].is_u64(), "{name}");
    }
    assert!(claims["jti"].is_string());
    let narrow = [CREDENTIALS[0], ("scope", "stock")];
    let page = client.token(&world, &narrow).await;
    assert_eq!(page.json()["scope"], "stock");
    let wide = [CREDENTIALS[0], ("scope", "admin:write")];
    refused(&client.token(&world, &wide).await, "invalid_scope");
}

#[tokio::test]
async fn k01_password_grant_is_off_unless_allowed() {
    let world = World::start().await;
    user(&world, "ada@example.test", "correct horse").await;
    let client = Client::service(&world).await;
    let page = client
        .password(&world, "ada@example.test", "correct horse")
        .await;
    refused(&page, "unauthorized_client");
    assert_eq!(page.json()["code"], "password_login_disabled");
    let grants = async || {
        let url = format!("{}/.well-known/openid-configuration", world.origin);
        let known = Browser::new().get(url).await.json();
        known["grant_types_supported"].to_string()
    };
    assert!(!grants().await.contains("password"));
    let client = Client::with_passwords(&world).await;
    // What was found is believed for some seconds.
    world.clock.advance(Duration::from_secs(6));
    assert!(grants().await.contains("password"));
    let page = client
        .password(&world, "ADA@example.test", "correct horse")
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.json()["refresh_token"].is_string());
    assert_eq!(
        claims(&page.json()["id_token"])["email"],
        "ada@example.test"
    );
}

async fn signed_in(world: &World) -> (Client, serde_json::Value) {
    user(world, "ada@example.test", "correct horse").await;
    let client = Client::with_passwords(world).await;
    let page = client
        .password(world, "ada@example.test", "correct horse")
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
    let tokens = page.json();
    (client, tokens)
}

fn text<'a>(tokens: &'a serde_json::Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

#[tokio::test]
async fn k02_refresh_replay() {
    let world = World::start().await;
    let (client, first) = signed_in(&world).await;
    let second = client.refresh(&world, text(&first, "refresh_token")).await;
    assert_eq!(second.status, 200, "{}", second.body);
    let second = second.json();
    world.clock.advance(Duration::from_secs(11));
    let replay = client.refresh(&world, text(&first, "refresh_token")).await;
    refused(&replay, "invalid_grant");
    assert_eq!(replay.json()["code"], "token_invalid");
    let honest = client.refresh(&world, text(&second, "refresh_token")).await;
    refused(&honest, "invalid_grant");
    for token in [text(&first, "access_token"), text(&second, "access_token")] {
        assert_eq!(client.introspect(&world, token).await["active"], false);
    }
}

#[tokio::test]
async fn k02_an_older_token_is_a_replay_at_once() {
    let world = World::start().await;
    let (client, first) = signed_in(&world).await;
    let second = client
        .refresh(&world, text(&first, "refresh_token"))
        .await
        .json();
    let third = client
        .refresh(&world, text(&second, "refresh_token"))
        .await
        .json();
    refused(
        &client.refresh(&world, text(&first, "refresh_token")).await,
        "invalid_grant",
    );
    refused(
        &client.refresh(&world, text(&third, "refresh_token")).await,
        "invalid_grant",
    );
}

#[tokio::test]
async fn k03_refresh_race() {
    let world = World::start().await;
    let (client, first) = signed_in(&world).await;
    let token = text(&first, "refresh_token");
    let all = (0..50).map(|_| client.refresh(&world, token));
    let mut answers = Vec::new();
    for answer in futures(all).await {
        answers.push(answer);
    }
    let won: Vec<&Page> = answers.iter().filter(|a| a.status == 200).collect();
    assert_eq!(won.len(), 1);
    for lost in answers.iter().filter(|a| a.status != 200) {
        assert_eq!(lost.status, 429, "{}", lost.body);
        assert_eq!(lost.header("retry-after"), "1");
    }
    let next = won[0].json();
    let page = client.refresh(&world, text(&next, "refresh_token")).await;
    assert_eq!(page.status, 200, "the winner goes on: {}", page.body);
}

/// All at once.
async fn futures<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pinned: Vec<_> = all.map(|future| Some(Box::pin(future))).collect();
    let mut done: Vec<Option<T>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, out) in pinned.iter_mut().zip(&mut done) {
            if let Some(running) = future
                && let std::task::Poll::Ready(value) = running.as_mut().poll(context)
            {
                *out = Some(value);
                *future = None;
            }
        }
        if pinned.iter().all(Option::is_none) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn k04_a_lost_answer_has_one_grace() {
    let world = World::start().await;
    let (client, first) = signed_in(&world).await;
    let old = text(&first, "refresh_token");
    // This answer is lost.
    let lost = client.refresh(&world, old).await.json();
    world.clock.advance(Duration::from_secs(2));
    let again = client.refresh(&world, old).await;
    assert_eq!(again.status, 200, "{}", again.body);
    let again = again.json();
    assert_ne!(lost["refresh_token"], again["refresh_token"]);
    // Once.
    world.clock.advance(Duration::from_secs(1));
    refused(&client.refresh(&world, old).await, "invalid_grant");
    // And that third use was a copy: all ends.
    refused(
        &client.refresh(&world, text(&again, "refresh_token")).await,
        "invalid_grant",
    );
}

#[tokio::test]
async fn k04_either_token_of_a_grace_goes_on_and_ends_the_other() {
    let world = World::start().await;
    let (client, first) = signed_in(&world).await;
    let old = text(&first, "refresh_token");
    let one = client.refresh(&world, old).await.json();
    world.clock.advance(Duration::from_secs(10));
    let two = client.refresh(&world, old).await.json();
    let next = client.refresh(&world, text(&one, "refresh_token")).await;
    assert_eq!(next.status, 200, "{}", next.body);
    refused(
        &client.refresh(&world, text(&two, "refresh_token")).await,
        "invalid_grant",
    );
    refused(
        &client
            .refresh(&world, text(&next.json(), "refresh_token"))
            .await,
        "invalid_grant",
    );
}

#[tokio::test]
async fn refresh_tokens_roll_and_end() {
    let world = World::start().await;
    let (client, mut tokens) = signed_in(&world).await;
    let first = text(&tokens, "refresh_token").to_owned();
    let day = Duration::from_secs(24 * 3600);
    for _ in 0..5 {
        world.clock.advance(day * 25);
        let page = client.refresh(&world, text(&tokens, "refresh_token")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        tokens = page.json();
    }
    let kept = tokens.clone();
    world.clock.advance(day * 30);
    refused(
        &client.refresh(&world, text(&kept, "refresh_token")).await,
        "invalid_grant",
    );
    refused(&client.refresh(&world, &first).await, "invalid_grant");
}

#[tokio::test]
async fn k05_wrong_client_or_wider_scope() {
    let world = World::start().await;
    let (client, first) = signed_in(&world).await;
    let token = text(&first, "refresh_token");
    let other = Client::with_passwords(&world).await;
    refused(&other.refresh(&world, token).await, "invalid_grant");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("scope", "openid orders"),
    ];
    refused(&client.token(&world, &form).await, "invalid_scope");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("scope", "openid"),
    ];
    let page = client.token(&world, &form).await;
    assert_eq!(page.json()["scope"], "openid", "{}", page.body);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table")]
async fn k06_client_authentication() {
    let world = World::start().await;
    let secret = "pässwörd: 50% + & = ☃ ok";
    let new = NewApplication {
        secret: Some(Secret::new(secret)),
        ..service("acme")
    };
    let client = Client::create(&world, new).await;
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let encoded: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let body = "grant_type=client_credentials";
    for (header, extra, status, error) in [
        (
            Some(basic(&format!("{}:{encoded}", client.id))),
            String::new(),
            200,
            "",
        ),
        (
            Some(basic(&format!("{}:{secret}", client.id))),
            String::new(),
            200,
            "",
        ),
        (
            None,
            format!("&client_id={}&client_secret={encoded}", client.id),
            200,
            "",
        ),
        (
            Some(basic(&format!("{}:{encoded}", client.id))),
            format!("&client_id={}&client_secret={encoded}", client.id),
            400,
            "invalid_request",
        ),
        (
            Some(basic(&format!("{}:{encoded}", client.id))),
            "&client_id=other".to_owned(),
            400,
            "invalid_request",
        ),
        (
            Some(basic(&format!("{}:wrong", client.id))),
            String::new(),
            401,
            "invalid_client",
        ),
        (
            Some(basic(&client.id)),
            String::new(),
            401,
            "invalid_client",
        ),
        (
            Some("Basic %%%".to_owned()),
            String::new(),
            401,
            "invalid_client",
        ),
        (
            Some("Bearer x".to_owned()),
            String::new(),
            401,
            "invalid_client",
        ),
        (None, String::new(), 401, "invalid_client"),
        (
            None,
            format!("&client_id={}", client.id),
            401,
            "invalid_client",
        ),
        (
            None,
            "&client_id=nobody&client_secret=x".to_owned(),
            401,
            "invalid_client",
        ),
        (
            None,
            "&client_id=a&client_id=b".to_owned(),
            400,
            "invalid_request",
        ),
    ] {
        let mut headers = vec![FORM];
        if let Some(header) = &header {
            headers.push(("authorization", header));
        }
        let page = post(&world, "token", &headers, format!("{body}{extra}")).await;
        assert_eq!(
            page.status.as_u16(),
            status,
            "{header:?} {extra} {}",
            page.body
        );
        if !error.is_empty() {
            assert_eq!(page.json()["error"], error);
            assert_eq!(page.json()["code"], error);
        }
        if status == 401 {
            assert!(page.header("www-authenticate").starts_with("Basic"));
        }
    }
}

#[tokio::test]
async fn k08_an_unknown_user_looks_like_a_wrong_password() {
    let world = World::start().await;
    user(&world, "ada@example.test", "correct horse").await;
    let client = Client::with_passwords(&world).await;
    let names = ["ada@example.test", "eve@example.test", "no email at all"];
    let mut shown = names.map(|_| ((reqwest::StatusCode::OK, String::new()), Duration::MAX));
    // The least of a few, in turns: other programs only ever add to it.
    for _ in 0..4 {
        for (name, (answer, least)) in names.iter().zip(&mut shown) {
            let begun = std::time::Instant::now();
            let page = client.password(&world, name, "wrong horse").await;
            *least = begun.elapsed().min(*least);
            *answer = (page.status, page.body);
        }
    }
    let (answer, took) = &shown[0];
    assert_eq!(answer.0, 400);
    assert!(answer.1.contains("login_failed"));
    for (other, least) in &shown[1..] {
        assert_eq!(answer, other);
        let (a, b) = (took.as_secs_f64(), least.as_secs_f64());
        assert!(a / b < 6.0 && b / a < 6.0, "{a} {b}");
    }
}

#[tokio::test]
async fn k09_a_hundred_parallel_guesses_all_count() {
    let world = World::start().await;
    user(&world, "ada@example.test", "correct horse").await;
    let client = Client::with_passwords(&world).await;
    let all = (0..100).map(|i| {
        let (client, world) = (&client, &world);
        async move {
            let wrong = format!("wrong horse {i}");
            client.password(world, "ada@example.test", &wrong).await
        }
    });
    let answers = futures(all).await;
    let looked_at = answers
        .iter()
        .filter(|page| page.json()["code"] == "login_failed")
        .count();
    assert_eq!(looked_at, 5);
    let right = client
        .password(&world, "ada@example.test", "correct horse")
        .await;
    assert_eq!(right.json()["code"], "user_is_temporary_locked_out");
    world.clock.advance(Duration::from_secs(60));
    let right = client
        .password(&world, "ada@example.test", "correct horse")
        .await;
    assert_eq!(right.status, 200, "{}", right.body);
}

#[tokio::test]
async fn k10_a_third_party_cannot_lock_a_user_out() {
    let world = World::start().await;
    user(&world, "ada@example.test", "correct horse").await;
    let theirs = Client::with_passwords(&world).await;
    let ours = Client::with_passwords(&world).await;
    for _ in 0..20 {
        theirs.password(&world, "ada@example.test", "guess").await;
    }
    let page = ours
        .password(&world, "ada@example.test", "correct horse")
        .await;
    assert_eq!(
        page.status, 200,
        "elsewhere the user gets in: {}",
        page.body
    );
    // Where they guess, tries within a pause lengthen nothing.
    world.clock.advance(Duration::from_secs(60));
    let page = theirs
        .password(&world, "ada@example.test", "correct horse")
        .await;
    assert_eq!(page.status, 200, "{}", page.body);
}

#[tokio::test]
async fn k11_a_forwarded_address_is_the_same_bucket() {
    let world = World::start().await;
    user(&world, "ada@example.test", "correct horse").await;
    let client = Client::with_passwords(&world).await;
    let basic = client.basic();
    let mut last = String::new();
    for i in 0..6 {
        let address = format!("198.51.100.{i}");
        let headers = [
            FORM,
            ("authorization", basic.as_str()),
            ("x-forwarded-for", address.as_str()),
            ("forwarded", "for=203.0.113.7"),
        ];
        let body = "grant_type=password&username=ada@example.test&password=wrong".to_owned();
        last = post(&world, "token", &headers, body).await.body;
    }
    assert!(last.contains("user_is_temporary_locked_out"), "{last}");
}

#[tokio::test]
async fn k12_a_long_password_is_refused_unhashed() {
    let world = World::start().await;
    user(&world, "ada@example.test", "correct horse").await;
    let client = Client::with_passwords(&world).await;
    for length in [1025, 1 << 20] {
        let page = client
            .password(&world, "ada@example.test", &"x".repeat(length))
            .await;
        assert_eq!(page.status, 400, "{}", page.body);
        refused(&page, "invalid_request");
    }
}

#[tokio::test]
async fn k12_hashes_are_capped() {
    let world = World::start().await;
    let client = Client::with_passwords(&world).await;
    let all = (0..150).map(|i| {
        let (client, world) = (&client, &world);
        async move {
            client
                .password(world, &format!("u{i}@example.test"), "wrong horse")
                .await
        }
    });
    let answers = futures(all).await;
    let busy = answers.iter().filter(|a| a.status == 503).count();
    assert!(busy > 0, "some are sent away");
    assert!(answers.iter().all(|a| a.status == 503 || a.status == 400));
}

#[tokio::test]
async fn k13_a_client_is_never_a_user() {
    let world = World::start().await;
    let ada = user(&world, "ada@example.test", "correct horse").await;
    let new = NewApplication {
        client_id: Some(ada.id.to_string().parse().unwrap()),
        ..service("acme")
    };
    let client = Client::create(&world, new).await;
    let token = client.token(&world, CREDENTIALS).await.json();
    assert_ne!(claims(&token["access_token"])["sub"], ada.id.to_string());
    let bearer = format!("Bearer {}", text(&token, "access_token"));
    let page = Browser::new()
        .get_with(
            format!("{}/connect/userinfo", world.origin),
            &[("authorization", &bearer)],
        )
        .await;
    assert_eq!(page.status, 401, "{}", page.body);
}

#[tokio::test]
async fn k14_malformed_bearer() {
    let world = World::start().await;
    let url = format!("{}/connect/userinfo", world.origin);
    let long = format!("Bearer {}", "x".repeat(60_000));
    for header in [
        "Bearer",
        "Bearer ",
        "Bearer %zz",
        "Bearer a b",
        "Basic eDp5",
        &long,
    ] {
        let page = Browser::new()
            .get_with(&url, &[("authorization", header)])
            .await;
        assert_eq!(page.status, 401, "{}", &header[..header.len().min(20)]);
        assert!(page.header("www-authenticate").starts_with("Bearer"));
    }
    assert_eq!(Browser::new().get(&url).await.status, 401);
}

#[tokio::test]
async fn k15_wrong_method_or_type() {
    let world = World::start().await;
    let client = Client::service(&world).await;
    let url = format!("{}/connect/token", world.origin);
    assert_eq!(Browser::new().get(&url).await.status, 405);
    let basic = client.basic();
    let body = "grant_type=client_credentials".to_owned();
    for kind in [None, Some("application/json"), Some("text/plain")] {
        let mut headers = vec![("authorization", basic.as_str())];
        headers.extend(kind.map(|kind| ("content-type", kind)));
        let page = post(&world, "token", &headers, body.clone()).await;
        refused(&page, "invalid_request");
    }
    let twice = format!("{body}&grant_type=password");
    let headers = [FORM, ("authorization", basic.as_str())];
    refused(
        &post(&world, "token", &headers, twice).await,
        "invalid_request",
    );
    let page = client.token(&world, &[("grant_type", "magic")]).await;
    refused(&page, "unsupported_grant_type");
}

#[tokio::test]
async fn k16_a_disabled_user_or_a_removed_client_gets_nothing() {
    let world = World::start().await;
    let (client, tokens) = signed_in(&world).await;
    let account: AccountId = "acme".parse().unwrap();
    let ada = world.users("acme").await[0].id;
    let access = text(&tokens, "access_token");
    assert_eq!(client.introspect(&world, access).await["active"], true);
    let disable =
        |on| vestibule::account::directory::set_disabled(&*world.store, &account, ada, on);
    disable(true).await.unwrap();
    assert_eq!(client.introspect(&world, access).await["active"], false);
    let page = client
        .password(&world, "ada@example.test", "correct horse")
        .await;
    assert_eq!(page.json()["code"], "user_is_locked_out");
    refused(
        &client.refresh(&world, text(&tokens, "refresh_token")).await,
        "invalid_grant",
    );
    disable(false).await.unwrap();
    // The family ended with the refusal.
    refused(
        &client.refresh(&world, text(&tokens, "refresh_token")).await,
        "invalid_grant",
    );
    let id = client.id.parse().unwrap();
    Applications::remove(&*world.store, &id, Precondition::Any)
        .await
        .unwrap();
    let page = client.refresh(&world, text(&tokens, "refresh_token")).await;
    refused(&page, "invalid_client");
    let other = Client::service(&world).await;
    assert_eq!(other.introspect(&world, access).await["active"], false);
}

#[tokio::test]
async fn revocation_counts_at_once() {
    let world = World::start().await;
    let (client, tokens) = signed_in(&world).await;
    let (access, refresh) = (
        text(&tokens, "access_token"),
        text(&tokens, "refresh_token"),
    );
    let other = Client::with_passwords(&world).await;
    for token in [access, refresh] {
        let page = other.post(&world, "revoke", &[("token", token)]).await;
        assert_eq!(page.status, 200, "another's token is left alone");
        assert_eq!(client.introspect(&world, token).await["active"], true);
    }
    let page = client.post(&world, "revoke", &[("token", refresh)]).await;
    assert_eq!(page.status, 200);
    for token in [access, refresh] {
        assert_eq!(client.introspect(&world, token).await["active"], false);
    }
    let page = client
        .post(&world, "revoke", &[("token", "nonsense")])
        .await;
    assert_eq!(page.status, 200);
    let service = Client::service(&world).await;
    let token = service.token(&world, CREDENTIALS).await.json();
    let access = text(&token, "access_token");
    assert_eq!(service.introspect(&world, access).await["active"], true);
    service.post(&world, "revoke", &[("token", access)]).await;
    assert_eq!(service.introspect(&world, access).await["active"], false);
}

/// What is remembered of a token spares its signature check and nothing else: over a
/// store that tells whether anything changed, and over one that does not.
#[tokio::test]
async fn a_token_that_was_asked_about_before_ends_as_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let sled = World::over(
        |_| {},
        |_| {
            let clock = Arc::new(vestibule::base::SystemClock);
            Arc::new(SledStore::open(dir.path(), clock, SledOptions::default()).unwrap())
        },
    );
    let sled = sled.await;
    sled.account("acme").await;
    for world in [World::start().await, sled] {
        let user = user(&world, "ada@example.test", "correct horse").await;
        let client = Client::with_passwords(&world).await;
        let tokens = async || {
            let page = client
                .password(&world, "ada@example.test", "correct horse")
                .await;
            page.json()
        };
        let asked = async |token: &str| {
            let first = client.introspect(&world, token).await["active"] == true;
            for _ in 0..2 {
                let again = client.introspect(&world, token).await["active"] == true;
                assert_eq!(again, first);
            }
            first
        };
        let all = [tokens().await, tokens().await, tokens().await];
        let [kept, revoked, family] = all.each_ref().map(|all| text(all, "access_token"));
        for token in [kept, revoked, family] {
            assert!(asked(token).await);
            // Another signature is another token.
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let other: String = signature.chars().rev().collect();
            assert!(!asked(&format!("{signed}.{other}")).await);
        }
        client.post(&world, "revoke", &[("token", revoked)]).await;
        assert!(!asked(revoked).await);
        let refresh = text(&all[2], "refresh_token");
        client.post(&world, "revoke", &[("token", refresh)]).await;
        assert!(!asked(family).await);
        assert!(asked(kept).await, "what was revoked was another grant's");
        // An application's change counts for what it has out.
        let id = client.id.parse().unwrap();
        let mut found = Applications::get(&*world.store, &id)
            .await
            .unwrap()
            .unwrap();
        let before = found.value.clone();
        found.value.audience = Some("urn:orders".to_owned());
        let put = async |application| {
            let any = Precondition::Any;
            Applications::put(&*world.store, application, any)
                .await
                .unwrap();
        };
        put(&found.value).await;
        assert!(!asked(kept).await);
        put(&before).await;
        assert!(asked(kept).await);
        // So does the user's, and the time.
        let path = format!("/accounts/acme/users/{}", user.id);
        let disable = |on: bool| {
            let body = format!("{{\"disabled\":{on}}}");
            let world = &world;
            let path = path.clone();
            async move {
                let kind = "application/json";
                world.admin(Method::PATCH, &path, kind, &body).await.0
            }
        };
        assert_eq!(disable(true).await, 200);
        assert!(!asked(kept).await);
        assert_eq!(disable(false).await, 200);
        let last = tokens().await;
        let last = text(&last, "access_token");
        assert!(asked(last).await);
        world.clock.advance(Duration::from_secs(1801));
        assert!(!asked(last).await);
    }
}

#[tokio::test]
async fn t02_cross_account_tokens() {
    let world = World::start().await;
    world.account("other").await;
    let ours = Client::service(&world).await;
    let theirs = Client::create(&world, service("other")).await;
    let token = ours.token(&world, CREDENTIALS).await.json();
    let access = text(&token, "access_token");
    assert_eq!(theirs.introspect(&world, access).await["active"], false);
    let form = [CREDENTIALS[0], ("account", "other")];
    refused(&ours.token(&world, &form).await, "unauthorized_client");
    let new = NewApplication {
        account: Some("other".parse().unwrap()),
        grants: Some([Grant::Password].into()),
        scopes: Some(Scopes::parse("openid email profile offline_access").unwrap()),
        ..NewApplication::default()
    };
    user(&world, "ada@example.test", "correct horse").await;
    let passwords = Client::create(&world, new).await;
    let page = passwords
        .password(&world, "ada@example.test", "correct horse")
        .await;
    assert_eq!(page.json()["code"], "login_failed");
}

#[tokio::test]
async fn two_secrets_count_for_a_while() {
    let world = World::start().await;
    let client = Client::service(&world).await;
    let id = client.id.parse().unwrap();
    let found = Applications::get(&*world.store, &id)
        .await
        .unwrap()
        .unwrap();
    let mut application = found.value;
    let now = authority::Now::now_(&world.clock);
    let secret = application.rotate(now, now.plus(Duration::from_secs(3600)));
    Applications::put(&*world.store, &application, Precondition::Any)
        .await
        .unwrap();
    let renewed = Client {
        secret: Some(secret.expose().to_owned()),
        ..client.clone()
    };
    assert_eq!(client.token(&world, CREDENTIALS).await.status, 200);
    assert_eq!(renewed.token(&world, CREDENTIALS).await.status, 200);
    world.clock.advance(Duration::from_secs(3600));
    refused(&client.token(&world, CREDENTIALS).await, "invalid_client");
    assert_eq!(renewed.token(&world, CREDENTIALS).await.status, 200);
}
