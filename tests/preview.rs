//! A preview is what goes over the wire, byte for byte.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::collections::HashMap;

use mock_idp::{Config, JournalEntry};
use serde_json::json;
use support::{Browser, World};
use vestibule::provider::preview::{Preview, curl, preview};
use vestibule::provider::request::encode;
use vestibule::provider::trace::MaskedMessage;

fn previewed(world: &World, mapping: &str) -> Preview {
    let logins = &world.broker.app().logins;
    let provider = logins.mappings.compile(mapping).unwrap();
    let redirect_uri = logins
        .mappings
        .redirect_uri(&"acme".parse().unwrap(), &provider);
    preview(&provider, Some(&redirect_uri)).unwrap()
}

/// Puts real values where a preview has names; `form` as a form body has them.
fn fill(text: &str, values: &HashMap<&str, String>, form: bool) -> String {
    let mut out = text.to_owned();
    for (name, value) in values {
        let written = if form {
            form_urlencoded::byte_serialize(value.as_bytes()).collect()
        } else {
            encode(value)
        };
        out = out.replace(&format!("{{{{{name}}}}}"), &written);
    }
    out
}

fn raw(text: &str, values: &HashMap<&str, String>) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{{{name}}}}}"), value)
    })
}

fn same(shown: &MaskedMessage, sent: &JournalEntry, origin: &str, values: &HashMap<&str, String>) {
    let (method, url) = shown.line.split_once(' ').unwrap();
    assert_eq!(method, sent.method);
    assert_eq!(fill(url, values, false), format!("{origin}{}", sent.target));
    for (name, value) in &shown.headers {
        assert_eq!(
            sent.header(name),
            Some(raw(value, values).as_str()),
            "{name}"
        );
    }
    let json = sent.header("content-type") == Some("application/json");
    let body = if json {
        raw(&shown.body, values)
    } else {
        fill(&shown.body, values, true)
    };
    assert_eq!(body, sent.body);
}

/// Logs in with a mapping and compares each request with its preview.
async fn check(world: &World, mapping: &str) {
    world.apply("acme", mapping).await;
    world.idp.clear_journal();
    let browser = &mut Browser::new();
    let end = browser
        .log_in(
            &world.url("acme", "login?return_to=/welcome"),
            "ada",
            "lovelace",
        )
        .await;
    assert_eq!(end.url.path(), "/welcome", "{}", end.body);
    let shown = previewed(world, mapping);
    let journal = world.idp.journal();
    let entry = |path: &str| journal.iter().find(|e| e.path == path).unwrap();
    let query: HashMap<String, String> = entry("/authorize").query().into_iter().collect();
    let token = entry("/token");
    let sent: HashMap<String, String> = token
        .json()
        .ok()
        .and_then(|body| serde_json::from_value(body).ok())
        .unwrap_or_else(|| token.form().into_iter().chain(token.query()).collect());
    let userinfo = entry("/userinfo");
    let access_token = userinfo
        .header("authorization")
        .and_then(|value| value.split(' ').next_back().map(str::to_owned))
        .or_else(|| {
            userinfo
                .query()
                .into_iter()
                .find(|(n, _)| n == "tok")
                .map(|(_, v)| v)
        })
        .unwrap_or_default();
    let basic = token
        .header("authorization")
        .unwrap_or_default()
        .trim_start_matches("Basic ");
    let value =
        |map: &HashMap<String, String>, key: &str| map.get(key).cloned().unwrap_or_default();
    let values = HashMap::from([
        ("state", value(&query, "state")),
        ("code_challenge", value(&query, "code_challenge")),
        ("code", value(&sent, "code")),
        ("code_verifier", value(&sent, "code_verifier")),
        ("client_secret", "vestibule-demo-secret".to_owned()),
        ("client credentials", basic.to_owned()),
        ("access_token", access_token),
    ]);
    let origin = world.idp.origin();
    for step in &shown.requests {
        same(
            &step.request,
            entry(&format!("/{}", path_of(&step.name))),
            &origin,
            &values,
        );
    }
}

fn path_of(step: &str) -> &str {
    match step {
        "authorization" => "authorize",
        other => other,
    }
}

#[tokio::test]
async fn the_preview_of_a_plain_mapping_is_what_is_sent() {
    let world = World::start().await;
    check(&world, &world.mapping()).await;
}

#[tokio::test]
async fn the_preview_of_odd_mappings_is_what_is_sent() {
    let world = World::start().await;
    let plain = world.mapping();
    world.idp.configure(|config: &mut Config| {
        config.token.encoding = mock_idp::Encoding::Either;
        config.token.allow_get = true;
        config.userinfo.token_key = "tok".to_owned();
        config.client_authentication =
            serde_json::from_value(json!(["body", "basic", "basic_raw", "query"])).unwrap();
    });
    let json = plain.replace("application/x-www-form-urlencoded", "application/json");
    check(&world, &json).await;
    let basic = plain.replace("[client]", "[client]\nauthentication = \"basic\"");
    check(&world, &basic).await;
    let query = plain.replace(
        "send_token = \"bearer\"",
        "send_token = \"query\"\ntoken_key = \"tok\"\nparameters = { \"odd key\" = \"a b+c/ü&\" }",
    );
    check(&world, &query).await;
    let custom = plain.replace("code_key     = \"code\"", "code_key     = \"code\"\nparameters = { audience = \"shop & co\" }\nheaders = { X-Tenant = \"acme\" }");
    check(&world, &custom).await;
    let get = plain.replace(
        "content_type = \"application/x-www-form-urlencoded\"",
        "method = \"GET\"",
    );
    check(&world, &get).await;
}

#[tokio::test]
async fn no_form_of_a_preview_shows_the_secret() {
    let world = World::start().await;
    let shown = previewed(&world, &world.mapping());
    let all = format!(
        "{}{}{}",
        serde_json::to_string(&shown).unwrap(),
        vestibule::provider::preview::text(&shown),
        curl(&shown)
    );
    assert!(!all.contains("vestibule-demo-secret"));
    assert!(all.contains("{{client_secret}}") && all.contains("${CLIENT_SECRET}"));
}
