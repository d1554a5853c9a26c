//! Proofs that whoever uses a code or a token is the one it was given to (DPoP,
//! RFC 9449).

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters,
    EllipticCurveKeyType, Jwk,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::base::digest::sha256;
use crate::base::{Secret, Timestamp, random};
use crate::outbound::{PreparedRequest, Response};

/// The header that carries a proof.
pub const HEADER: &str = "DPoP";
/// The header by which a server gives the nonce of the next proof (RFC 9449 §8).
const NONCE: &str = "dpop-nonce";

/// The key of one login, and what the provider wants in the next proof of it.
pub struct Prover {
    key: EncodingKey,
    public: Jwk,
    nonce: Mutex<Nonce>,
}

#[derive(Default)]
struct Nonce {
    value: Option<String>,
    /// The last request was refused for its lack.
    wanted: bool,
}

#[derive(Serialize)]
struct Claims<'a> {
    jti: String,
    htm: &'a str,
    htu: String,
    iat: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
}

/// A fresh key as it is kept between the steps of a login: PKCS#8 in base64.
pub fn fresh_key() -> Option<Secret> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
    let der = pair.to_pkcs8v1().ok()?;
    Some(Secret::new(STANDARD.encode(der.as_ref())))
}

impl Prover {
    /// Reads a kept key.
    pub fn read(kept: &str) -> Option<Self> {
        let der = STANDARD.decode(kept).ok()?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).ok()?;
        let point = pair.public_key().as_ref().get(1..)?;
        let (x, y) = point.split_at_checked(32)?;
        let [x, y] = [x, y].map(|half| URL_SAFE_NO_PAD.encode(half));
        let public = EllipticCurveKeyParameters {
            key_type: EllipticCurveKeyType::EC,
            curve: EllipticCurve::P256,
            x,
            y,
        };
        Some(Self {
            key: EncodingKey::from_ec_der(&der),
            public: Jwk {
                common: CommonParameters::default(),
                algorithm: AlgorithmParameters::EllipticCurve(public),
            },
            nonce: Mutex::default(),
        })
    }

    /// Gives a request its proof; gives that, for the masks of a trace.
    pub fn prove(&self, request: &mut PreparedRequest, now: Timestamp) -> Option<Secret> {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("dpop+jwt".to_owned());
        header.jwk = Some(self.public.clone());
        let mut target = request.url.clone();
        target.set_query(None);
        target.set_fragment(None);
        let token = request
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .and_then(|(_, value)| value.strip_prefix("DPoP "));
        let claims = Claims {
            jti: random::token(),
            htm: request.method.as_str(),
            htu: target.into(),
            iat: now.as_secs(),
            ath: token.map(|token| URL_SAFE_NO_PAD.encode(sha256(token.as_bytes()))),
            nonce: self.locked().value.clone(),
        };
        let proof = jsonwebtoken::encode(&header, &claims, &self.key).ok()?;
        request
            .headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case(HEADER));
        request.headers.push((HEADER.to_owned(), proof.clone()));
        Some(Secret::new(proof))
    }

    /// Notes the nonce that an answer brings, and whether it asks for a proof with it.
    pub fn note(&self, response: &Response) {
        let text = |name: &str| response.headers.get(name).and_then(|v| v.to_str().ok());
        let Some(given) = text(NONCE).filter(|nonce| nonce.len() <= 1024) else {
            return;
        };
        let asks = "use_dpop_nonce";
        let refused = matches!(response.status, 400 | 401)
            && (text("www-authenticate").is_some_and(|said| said.contains(asks))
                || String::from_utf8_lossy(&response.body).contains(asks));
        let mut nonce = self.locked();
        // The same nonce again: asking once more would lead nowhere.
        nonce.wanted = refused && nonce.value.as_deref() != Some(given);
        nonce.value = Some(given.to_owned());
    }

    /// Whether the last request is to be made again, with the nonce that is known now.
    pub fn again(&self) -> bool {
        std::mem::take(&mut self.locked().wanted)
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Nonce> {
        self.nonce.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
