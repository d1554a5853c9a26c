//! What is fuzzed: each function takes any bytes, must not panic, and holds what
//! it says of the result. Small inputs here, since size limits have tests of
//! their own.
//!
//! `fuzz_targets` are the programs that libFuzzer runs; `tests/fuzz_corpus.rs`
//! replays the kept corpus on every `cargo test`.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use vestibule::account::logo::Logo;
use vestibule::account::{Account, StoreFront};
use vestibule::base::{Secret, Timestamp};
use vestibule::http::cookies::Cookies;
use vestibule::http::server::framing::Framing;
use vestibule::key::{self, Checks};
use vestibule::login::return_to::ReturnTo;
use vestibule::outbound::Policy;
use vestibule::protocol::form::Pairs;
use vestibule::protocol::jwe::DecryptionKey;
use vestibule::protocol::jws::{Jws, KeySet};
use vestibule::provider::compile::{self, Context, compile_toml};
use vestibule::provider::decode::{self, Format};
use vestibule::provider::path::{Condition, Place};
use vestibule::provider::redirect::Redirects;
use vestibule::provider::{email, import, infer, preview};

/// A target: any bytes, and no panic.
pub type Target = fn(&[u8]);

/// All targets, by the names of their programs and of their folders of the corpus.
pub const ALL: &[(&str, Target)] = &[
    ("callback_query", callback_query),
    ("cookies", cookies),
    ("encrypted_token", encrypted_token),
    ("http_head", http_head),
    ("import_file", import_file),
    ("json_path", json_path),
    ("key_file", key_file),
    ("key_set", key_set),
    ("logo", logo),
    ("mail_report", mail_report),
    ("mapping", mapping),
    ("profile_body", profile_body),
    ("return_url", return_url),
    ("sample", sample),
    ("signed_token", signed_token),
];

/// Where else in the tree a target has inputs.
#[allow(dead_code, reason = "`.ci/fuzz` has it in its own words")]
pub fn elsewhere(name: &str) -> Option<&'static str> {
    match name {
        "import_file" => Some("tests/import/from"),
        "mapping" => Some("providers"),
        _ => None,
    }
}

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// A mapping in TOML: findings, or a provider whose requests can be shown.
pub fn mapping(data: &[u8]) {
    static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy {
        allow_http: true,
        ..Policy::default()
    });
    static REDIRECTS: LazyLock<Redirects> = LazyLock::new(|| Redirects {
        public_url: Some("https://login.test".to_owned()),
        allow_shared: false,
    });
    let Some(source) = text(data) else { return };
    let context = Context {
        policy: &POLICY,
        redirects: &REDIRECTS,
    };
    match compile_toml(source, context) {
        Ok(provider) => {
            let _ = preview::preview(&provider, Some("https://login.test/callback/a/b"));
            assert!(source.len() <= compile::MAX_FILE);
        }
        Err(findings) => {
            assert!(findings.iter().any(vestibule::document::Finding::is_error));
        }
    }
}

/// The query of a callback: what is read has no name twice, and reads the same
/// when it is written again.
pub fn callback_query(data: &[u8]) {
    let Some(query) = text(data) else { return };
    for read in [Pairs::parse, Pairs::parse_response] {
        let Ok(pairs) = read(query) else { continue };
        let mut names: Vec<_> = pairs.iter().map(|(name, _)| name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a name twice");
        let again = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs.iter())
            .finish();
        assert_eq!(Pairs::parse(&again), Ok(pairs));
    }
}

/// Where a login may lead: to a store of the account, whoever reads the address.
pub fn return_url(data: &[u8]) {
    static ACCOUNT: LazyLock<Account> = LazyLock::new(|| {
        serde_json::from_value(json!({
            "id": "acme",
            "name": "Acme",
            "stores": [
                StoreFront::new("https://www.acme.test", "/_auth").expect("a store"),
                StoreFront::new("https://shop.acme.test:8443", "/_auth").expect("a store"),
            ],
            "created_at": 1_800_000_000_000_u64,
        }))
        .expect("an account")
    });
    let Some(address) = text(data) else { return };
    let store = &ACCOUNT.stores[0];
    if let Ok((to, on)) = ReturnTo::parse(Some(address), &ACCOUNT, store) {
        let url = url::Url::parse(to.as_str()).expect("it is a URL");
        assert_eq!(url.origin().ascii_serialization(), on.origin);
        assert!(ACCOUNT.stores.iter().any(|known| known.origin == on.origin));
        assert!(url.username().is_empty() && url.password().is_none());
        assert!(!to.as_str().contains(['\\', '\n', '\r', '\t', ' ']));
    }
}

/// Cookies: a value that counts is there once, in these very bytes.
pub fn cookies(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(20) {
        let Ok(value) = HeaderValue::from_bytes(line) else {
            return;
        };
        headers.append(header::COOKIE, value);
    }
    let Ok(cookies) = Cookies::read(&headers) else {
        return;
    };
    for name in ["vestibule_acme", "__Host-vestibule_acme", "a", ""] {
        let only = cookies.only(name);
        assert!(only.is_none() || !cookies.repeats(name));
        assert!(only.is_none_or(|value| !value.contains(';')));
    }
    let _ = cookies.accounts().count();
}

/// A token's or profile's body in every format: what strict readers of JSON take
/// is taken as they take it.
pub fn profile_body(data: &[u8]) {
    let Some((first, body)) = data.split_first() else {
        return;
    };
    let types = [
        None,
        Some("application/json"),
        Some("application/json; charset=iso-8859-1"),
        Some("text/html; charset=gb18030"),
        Some("application/x-www-form-urlencoded"),
        Some("text/xml"),
        Some("text/plain; charset=utf-16le"),
    ];
    let content_type = types[usize::from(*first) % types.len()];
    for format in [
        Format::Auto,
        Format::Json,
        Format::Form,
        Format::Jsonp,
        Format::Xml,
        Format::Text,
        Format::Lines,
        Format::Pairs,
    ] {
        if let Ok(decoded) = decode::decode(format, content_type, body) {
            assert_ne!(decoded.format, Format::Auto);
            // Whatever is read can be kept and shown.
            let written = decoded.value.to_string();
            assert!(serde_json::from_str::<Value>(&written).is_ok());
        }
    }
    if let Ok(value) = decode::strict_json(body) {
        let plain: Value = serde_json::from_slice(body).expect("JSON to every reader");
        assert_eq!(value, plain);
    }
    if let Some(address) = text(body)
        && let Ok(normal) = email::normalize(address)
    {
        assert_eq!(email::normalize(&normal).as_ref(), Ok(&normal));
        assert_eq!(email::key(&normal).matches('@').count(), 1);
    }
}

/// A path or a condition, on a document that has a bit of everything.
pub fn json_path(data: &[u8]) {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        json!({
            "id": 7, "code": "0", "a-b": null, "": [], "data": { "user": { "id": "x" } },
            "emails": [
                { "value": "a@b.test", "primary": true, "n": 1.5 },
                { "value": "c@d.test", "primary": false, "n": -2 },
            ],
            "deep": [[[[["v"]]]]],
        })
    });
    let Some(path) = text(data).filter(|path| path.len() <= 400) else {
        return;
    };
    if let Ok(place) = Place::parse(path) {
        let _ = (place.matches(&DOCUMENT).len(), place.is_never_true());
        let _ = (place.first_member(), place.steps());
    }
    if let Ok(condition) = Condition::parse(path) {
        let holds = condition.holds(&DOCUMENT);
        assert!(!(holds && condition.is_never_met()), "{path}");
    }
}

/// A signed token: only what the key's owner signed is believed. The private
/// halves of these keys are nowhere.
pub fn signed_token(data: &[u8]) {
    static KEYS: LazyLock<Value> = LazyLock::new(|| {
        json!({ "keys": [
            { "kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256", "use": "sig",
              "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
              "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" },
            { "kty": "OKP", "crv": "Ed25519", "kid": "ed",
              "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
        ]})
    });
    let Some(token) = text(data) else { return };
    if let Ok(jws) = Jws::parse(token) {
        let _ = (jws.kid(), jws.algorithm(), jws.claims());
        assert!(jws.verify(&KeySet::parse(&KEYS)).is_err(), "{token}");
    }
    let checks = Checks {
        issuer: None,
        audience: None,
        typ: None,
        now: Timestamp::from_secs(1_800_000_000),
        leeway: std::time::Duration::ZERO,
    };
    assert!(key::verify_with_jwks(token, &KEYS, &checks).is_err());
}

/// A set of keys, as a provider publishes it; tokens under it are not believed.
pub fn key_set(data: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let keys = KeySet::parse(&document);
    let _ = (keys.is_empty(), keys.len());
    for token in [
        "eyJhbGciOiJub25lIn0.e30.",
        "eyJhbGciOiJIUzI1NiJ9.e30.bm90IHRoZSBzaWduYXR1cmUgb2YgYW55Ym9keSBhdCBhbGw",
        "eyJhbGciOiJSUzI1NiJ9.e30.AAAA",
    ] {
        if let Ok(jws) = Jws::parse(token) {
            assert!(jws.verify(&keys).is_err());
        }
    }
}

/// An encrypted token: nothing comes out that was not put in for this key.
pub fn encrypted_token(data: &[u8]) {
    static KEY: LazyLock<DecryptionKey> = LazyLock::new(|| {
        DecryptionKey::from_pem(include_str!("decryption-key.pem")).expect("a key")
    });
    if let Some(token) = text(data) {
        let _ = KEY.decrypt(token);
    }
}

/// A file with a private key: PEM, DER or PFX.
pub fn key_file(data: &[u8]) {
    for password in [None, Some(Secret::new("changeit"))] {
        let _ = key::read_key(data, password.as_ref());
    }
    let _ = key::Certificate::read_all(data);
}

/// The configuration of another broker, read as each of the formats.
pub fn import_file(data: &[u8]) {
    let Some(source) = text(data) else { return };
    let formats = import::Format::names().map(import::Format::named);
    for format in formats.chain([None]) {
        if let Ok(found) = import::import(source, format, Some("https://login.test")) {
            for imported in found {
                let (_, _, torn) = vestibule::document::structure::parse_toml(&imported.toml);
                assert!(torn.is_empty(), "{torn:?}\n{}", imported.toml);
            }
        }
    }
}

/// What a mail server further on says of a message: what is taken names it and says why.
pub fn mail_report(data: &[u8]) {
    if let Ok(report) = vestibule::mail::report::read(&String::from_utf8_lossy(data)) {
        assert!(report.message_id.is_some() || report.to.is_some());
        assert!(!report.why.is_empty());
    }
}

/// A picture that somebody uploads: what is taken has an address that is plain, and is of
/// a size that is allowed.
pub fn logo(data: &[u8]) {
    if let Ok(logo) = Logo::read(data.to_vec()) {
        let file = logo.mark().file();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.';
        assert!(file.chars().all(plain), "{file}");
        let kind = logo.kind().content_type();
        assert!(kind.starts_with("image/"), "{kind}");
        let bytes = logo.into_bytes();
        assert_eq!(bytes, data);
        // Read again, it is the same.
        assert_eq!(Logo::read(bytes).unwrap().mark().file(), file);
    }
}

/// A pasted answer: JSON, `curl -i`, or HAR.
pub fn sample(data: &[u8]) {
    if let Some(pasted) = text(data)
        && let Ok(value) = infer::read(pasted)
    {
        let _ = infer::infer(&value);
    }
}

/// The heads of requests: how the bytes are cut changes nothing.
pub fn http_head(data: &[u8]) {
    let seen = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut framing = Framing::default();
        pieces.for_each(|piece| framing.read(piece));
        (
            framing.inside_head(),
            framing.inside_body(),
            framing.unknown_coding(),
            framing.ambiguous(),
        )
    };
    let whole = seen(&mut std::iter::once(data));
    let size = data.first().map_or(1, |byte| usize::from(byte % 7) + 1);
    assert_eq!(seen(&mut data.chunks(size)), whole);
}
