//! ID tokens, right and wrong.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::config::{Account, Config};
use crate::faults::FaultKind;
use crate::jwe;
use crate::keys::SigningKey;
use crate::random::random;
use crate::state::{Code, Shared};

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the other side of a login has a clock of its own; faults move it in the token"
)]
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// An ID token in the making.
struct Draft {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signer: Signer,
}

enum Signer {
    Key(Arc<SigningKey>),
    Hmac(Vec<u8>),
    /// An empty signature.
    Nobody,
    /// The key's signature of other bytes.
    Wrong(Arc<SigningKey>),
}

/// The ID token of a login, with the faults of `id_token` applied.
pub(crate) fn make(
    shared: &Shared,
    config: &Config,
    account: &Account,
    code: &Code,
    access_token: &str,
) -> String {
    let key = shared.keys.current(config.openid.algorithm);
    let issued = now();
    let mut claims = Map::new();
    let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    claim("iss", json!(shared.issuer(config)));
    claim("sub", json!(account.subject()));
    claim("aud", json!(code.client_id));
    claim(
        "exp",
        json!(issued.saturating_add(config.openid.id_token_lifetime)),
    );
    claim("iat", json!(issued));
    claim("auth_time", json!(code.seen.at));
    if let Some(nonce) = &code.nonce {
        claim("nonce", json!(nonce));
    }
    claim("at_hash", json!(at_hash(access_token)));
    for name in &config.openid.id_token_claims {
        if let Some(value) = account.profile.get(name) {
            claim(name, value.clone());
        }
    }
    let mut header = Map::new();
    header.insert("alg".into(), json!(key.algorithm().name()));
    header.insert("typ".into(), json!("JWT"));
    header.insert("kid".into(), json!(key.kid));
    let mut draft = Draft {
        header,
        claims,
        signer: Signer::Key(key),
    };
    for fault in shared.take_faults("id_token", |_| true) {
        draft.spoil_claims(&fault, issued);
        draft.spoil_header(shared, config, code, &fault);
    }
    sealed(config, draft.sign())
}

/// A token as it leaves: encrypted, where the client has a key for that.
fn sealed(config: &Config, token: String) -> String {
    match &config.openid.encrypt_to {
        Some(key) => jwe::encrypt(&token, key).unwrap_or(token),
        None => token,
    }
}

/// Whose key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The provider's.
    Own,
    /// Somebody else's, under the name of the provider's.
    Foreign,
}

/// Any token: `alg` and `kid` are added to the header.
pub(crate) fn sign(
    shared: &Shared,
    mut header: Map<String, Value>,
    claims: Map<String, Value>,
    whose: Whose,
) -> String {
    let own = shared.keys.current(shared.config().openid.algorithm);
    let key = match whose {
        Whose::Own => Arc::clone(&own),
        Whose::Foreign => shared.keys.foreign(),
    };
    header.insert("alg".into(), json!(key.algorithm().name()));
    header.insert("kid".into(), json!(own.kid));
    let signer = Signer::Key(key);
    Draft {
        header,
        claims,
        signer,
    }
    .sign()
}

/// A profile as a signed token, for the main client.
pub(crate) fn signed_profile(shared: &Shared, config: &Config, profile: Value) -> String {
    let key = shared.keys.current(config.openid.algorithm);
    let mut claims = match profile {
        Value::Object(claims) => claims,
        _ => Map::new(),
    };
    claims.insert("iss".into(), json!(shared.issuer(config)));
    claims.insert("aud".into(), json!(config.client_id));
    let mut header = Map::new();
    header.insert("alg".into(), json!(key.algorithm().name()));
    header.insert("kid".into(), json!(key.kid));
    let draft = Draft {
        header,
        claims,
        signer: Signer::Key(key),
    };
    sealed(config, draft.sign())
}

/// The left half of the access token's hash (OpenID Connect Core §3.1.3.6).
fn at_hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&digest(&SHA256, access_token.as_bytes()).as_ref()[..16])
}

impl Draft {
    fn spoil_claims(&mut self, fault: &FaultKind, at: u64) {
        const HOUR: u64 = 3600;
        let mut set = |name: &str, value: Value| {
            self.claims.insert(name.to_owned(), value);
        };
        match fault {
            FaultKind::WrongIss => set("iss", json!("https://foreign-issuer.example.test")),
            FaultKind::WrongAud => set("aud", json!("another-client")),
            FaultKind::Expired => {
                set("iat", json!(at.saturating_sub(2 * HOUR)));
                set("exp", json!(at.saturating_sub(HOUR)));
            }
            FaultKind::NotYetValid => set("nbf", json!(at + HOUR)),
            FaultKind::ExpString => set("exp", json!((at + HOUR).to_string())),
            FaultKind::WrongNonce => set("nonce", json!(random(16))),
            FaultKind::WrongAtHash => set("at_hash", json!(at_hash("another token"))),
            FaultKind::SetClaim { name, value } => set(name, value.clone()),
            FaultKind::WrongAzp => {
                let own = self.claims.get("aud").cloned().unwrap_or_default();
                self.claims
                    .insert("aud".into(), json!([own, "another-client"]));
                self.claims.insert("azp".into(), json!("another-client"));
            }
            FaultKind::IssTrailingSlash => {
                let issuer = self
                    .claims
                    .get("iss")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let slashed = json!(format!("{issuer}/"));
                self.claims.insert("iss".into(), slashed);
            }
            FaultKind::StaleAuthTime => set("auth_time", json!(at.saturating_sub(HOUR))),
            FaultKind::MissingIss => self.drop_claim("iss"),
            FaultKind::MissingAud => self.drop_claim("aud"),
            FaultKind::MissingSub => self.drop_claim("sub"),
            FaultKind::MissingIat => self.drop_claim("iat"),
            FaultKind::MissingExp => self.drop_claim("exp"),
            FaultKind::NoNonce => self.drop_claim("nonce"),
            FaultKind::RemoveClaim { name } => self.drop_claim(name),
            _ => {}
        }
    }

    fn drop_claim(&mut self, name: &str) {
        self.claims.shift_remove(name);
    }

    fn spoil_header(&mut self, shared: &Shared, config: &Config, code: &Code, fault: &FaultKind) {
        let key = shared.keys.current(config.openid.algorithm);
        match fault {
            FaultKind::AlgNone => {
                self.set_header("alg", json!("none"));
                self.signer = Signer::Nobody;
            }
            FaultKind::BadSignature => self.signer = Signer::Wrong(key),
            FaultKind::Hs256WithPublicKey => self.use_hmac(key.pem().into_bytes()),
            FaultKind::Hs256EmptyKey => self.use_hmac(Vec::new()),
            FaultKind::Hs256WithClientSecret => {
                let client = config.client(&code.client_id);
                let secret = client.and_then(|client| client.secrets.first().copied());
                self.use_hmac(secret.unwrap_or_default().as_bytes().to_vec());
            }
            FaultKind::UnknownKid => self.set_header("kid", json!(random(8))),
            FaultKind::Kid { value } => self.set_header("kid", json!(value)),
            FaultKind::NoKid => {
                self.header.shift_remove("kid");
            }
            FaultKind::Jku => {
                let url = json!(format!("{}/foreign/jwks.json", shared.origin));
                self.set_header("jku", url.clone());
                self.set_header("x5u", url);
                self.use_foreign_key(shared);
            }
            FaultKind::Jwk => {
                self.set_header("jwk", shared.keys.foreign().jwk());
                self.use_foreign_key(shared);
            }
            FaultKind::Crit => {
                self.set_header("crit", json!(["https://example.test/unknown"]));
                self.set_header("https://example.test/unknown", json!(true));
            }
            FaultKind::SetHeader { name, value } => self.set_header(name, value.clone()),
            _ => {}
        }
    }

    fn set_header(&mut self, name: &str, value: Value) {
        self.header.insert(name.to_owned(), value);
    }

    fn use_hmac(&mut self, secret: Vec<u8>) {
        self.set_header("alg", json!("HS256"));
        self.signer = Signer::Hmac(secret);
    }

    fn use_foreign_key(&mut self, shared: &Shared) {
        let key = shared.keys.foreign();
        self.set_header("alg", json!(key.algorithm().name()));
        self.set_header("kid", json!(key.kid));
        self.signer = Signer::Key(key);
    }

    fn sign(self) -> String {
        let encode =
            |part: Map<String, Value>| URL_SAFE_NO_PAD.encode(Value::Object(part).to_string());
        let message = format!("{}.{}", encode(self.header), encode(self.claims));
        let signature = match self.signer {
            Signer::Key(key) => key.sign(message.as_bytes()),
            Signer::Wrong(key) => key.sign(b"something else"),
            Signer::Nobody => Vec::new(),
            Signer::Hmac(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
                hmac::sign(&key, message.as_bytes()).as_ref().to_vec()
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
