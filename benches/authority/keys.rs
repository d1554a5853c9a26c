//! Signatures and validations of access tokens, one after another on one thread.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use vestibule::base::{Clock, SystemClock};
use vestibule::config;
use vestibule::key::{Expect, KeyKind, Keyring, generate};
use vestibule::store::MemoryStore;

const ISSUER: &str = "https://login.platform.test";

/// Prints a line for each kind of key.
pub async fn measure(span: Duration) {
    println!("keys, one thread      signatures/s   µs each  validations/s   µs each");
    for (name, kind) in [
        ("ES256", KeyKind::P256),
        ("RS256, 2048 bits", KeyKind::Rsa2048),
        ("RS256, 4096 bits", KeyKind::Rsa4096),
    ] {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("key.pem");
        let key = generate(kind).unwrap();
        std::fs::write(&file, key.to_pem(None).unwrap().expose()).unwrap();
        let text = format!("auth = {{ private_key = '{}' }}", file.display());
        let config = config::from_parts(&text, [], None).unwrap();
        let clock = Arc::new(SystemClock);
        let store = Arc::new(MemoryStore::new(clock.clone()));
        let hour = Duration::from_secs(3600);
        let keys = Keyring::open(store, &config.auth, clock.clone(), dir.path(), hour)
            .await
            .unwrap();
        let now = clock.now();
        let claims = json!({
            "iss": ISSUER,
            "sub": "0194f0c1-5d3a-7c55-9a51-1f0a7b1b6c11",
            "aud": "resource_server",
            "exp": now.as_secs() + 1800,
            "iat": now.as_secs(),
            "nbf": now.as_secs(),
            "jti": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
            "client_id": "u4kP0nJ2y6Qh8Xv1Zr5bTA",
            "scope": "openid email profile orders",
            "account": "acme",
        });
        let active = keys.active();
        let signed = each(span, || active.sign("at+jwt", &claims).unwrap());
        let token = active.sign("at+jwt", &claims).unwrap();
        let expect = Expect {
            issuer: ISSUER,
            audience: "resource_server",
            typ: Some("at+jwt"),
            now,
        };
        let verified = each(span, || keys.verify(&token, &expect).unwrap());
        println!(
            "{name:20} {:13.0} {:9.1} {:14.0} {:9.1}",
            1e6 / signed,
            signed,
            1e6 / verified,
            verified
        );
    }
}

/// Microseconds for one.
fn each<T>(span: Duration, mut work: impl FnMut() -> T) -> f64 {
    let (began, mut count) = (Instant::now(), 0.0);
    while began.elapsed() < span {
        black_box(work());
        count += 1.0;
    }
    began.elapsed().as_secs_f64() * 1e6 / count
}
