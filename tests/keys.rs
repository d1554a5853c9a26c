//! Signing keys: the files of Virto Commerce's JWT documentation, the store, rotation,
//! and what is refused in a token.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use vestibule::base::{Clock, ManualClock, Secret, SystemClock};
use vestibule::config::Auth;
use vestibule::key::{Checks, Expect, KeyError, Keyring};
use vestibule::store::MemoryStore;

#[path = "keys/additional.rs"]
mod additional;
#[path = "keys/claims.rs"]
mod claims;
#[path = "keys/files.rs"]
mod files;
#[path = "keys/forgery.rs"]
mod forgery;
#[path = "keys/openssl.rs"]
mod openssl;
#[path = "keys/own.rs"]
mod own;
#[path = "keys/rest.rs"]
mod rest;
#[path = "keys/rotation.rs"]
mod rotation;

const ISSUER: &str = "https://login.platform.test";
const AUDIENCE: &str = "resource_server";
const HOUR: Duration = Duration::from_secs(3600);

/// A store, a clock at the machine's present, and a data directory.
struct World {
    clock: ManualClock,
    store: Arc<MemoryStore>,
    dir: tempfile::TempDir,
    auth: Auth,
}

impl World {
    fn new() -> Self {
        // OpenSSL's certificates begin at the machine's present.
        let clock = ManualClock::new(SystemClock.now().plus(Duration::from_secs(60)));
        Self {
            store: Arc::new(MemoryStore::new(Arc::new(clock.clone()))),
            clock,
            dir: tempfile::tempdir().unwrap(),
            auth: Auth {
                private_key: None,
                private_key_password: None,
                public_cert: None,
                authority: None,
                audience: AUDIENCE.to_owned(),
                access_token_lifetime: HOUR,
                refresh_token_lifetime: HOUR,
                master_key: None,
                former_master_keys: Vec::new(),
            },
        }
    }

    fn with_file(key: &Path, password: Option<&str>, certificate: Option<&Path>) -> Self {
        let mut world = Self::new();
        world.auth.private_key = Some(key.to_owned());
        world.auth.private_key_password = password.map(Secret::new);
        world.auth.public_cert = certificate.map(Path::to_owned);
        world
    }

    async fn try_open(&self) -> Result<Keyring, KeyError> {
        let clock = Arc::new(self.clock.clone());
        let store = self.store.clone();
        Keyring::open(store, &self.auth, clock, self.dir.path(), HOUR).await
    }

    async fn open(&self) -> Keyring {
        self.try_open().await.unwrap()
    }

    /// The failure to open, which must not tell the password.
    async fn failure(&self) -> KeyError {
        let error = self.try_open().await.err().expect("it must not open");
        if let Some(password) = &self.auth.private_key_password {
            assert!(!format!("{error} {error:?}").contains(password.expose()));
        }
        error
    }

    fn expect(&self) -> Expect<'static> {
        Expect {
            issuer: ISSUER,
            audience: AUDIENCE,
            typ: Some("at+jwt"),
            now: self.clock.now(),
        }
    }

    fn checks(&self) -> Checks<'static> {
        self.expect().into()
    }

    fn claims(&self) -> Value {
        let now = self.clock.now().as_secs();
        json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "storefront",
            "iat": now,
            "exp": now + 3600,
        })
    }

    fn token(&self, keys: &Keyring) -> String {
        keys.active().sign("at+jwt", &self.claims()).unwrap()
    }

    /// Signs, and verifies in each way there is; with another implementation too.
    fn prove(&self, keys: &Keyring) {
        let token = self.token(keys);
        let claims = keys.verify(&token, &self.expect()).unwrap();
        assert_eq!(claims.text("sub"), Some("storefront"));
        let jwks = keys.jwks();
        vestibule::key::verify_with_jwks(&token, &jwks, &self.checks()).unwrap();
        if let Ok(pem) = keys.certificate_pem(None) {
            vestibule::key::verify_with_cert(&token, &pem, &self.checks()).unwrap();
            assert!(jwks["keys"][0]["x5c"].is_array());
        }
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(jwks["keys"][0].clone()).unwrap();
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(header.kid, jwk.common.key_id);
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        let good = jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key, header.alg);
        assert!(good.unwrap());
    }
}
