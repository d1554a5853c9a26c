//! Tokens bound to a key (DPoP, RFC 9449): proofs, checked.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::StatusCode;
use hyper::header::{self, HeaderName};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::client_auth::{Jws, verify};
use crate::config::Config;
use crate::id_token::now;
use crate::request::Request;
use crate::state::Shared;

/// The most seconds between a proof's time and ours.
const PATIENCE: u64 = 300;

/// What is answered to a request whose proof is missing or wrong, where proofs are wanted.
pub(crate) fn refusal(shared: &Shared, config: &Config, request: &Request) -> Option<Answer> {
    let wants = matches!(request.path.as_str(), "/par" | "/token" | "/userinfo");
    if !config.dpop.required || !wants {
        return None;
    }
    let error = check(shared, config, request).err()?;
    let status = if request.path == "/userinfo" {
        StatusCode::UNAUTHORIZED
    } else {
        StatusCode::BAD_REQUEST
    };
    let body = json!({ "error": error.code(), "error_description": error.words() });
    let answer = Answer::json(status, body).with(
        header::WWW_AUTHENTICATE,
        format!("DPoP error=\"{}\"", error.code()),
    );
    Some(match (&error, &config.dpop.nonce) {
        (Refusal::Nonce, Some(nonce)) => {
            answer.with(HeaderName::from_static("dpop-nonce"), nonce.as_str())
        }
        _ => answer,
    })
}

enum Refusal {
    /// The proof lacks our nonce.
    Nonce,
    /// The proof is missing or wrong.
    Proof(&'static str),
}

impl Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Nonce => "use_dpop_nonce",
            Self::Proof(_) => "invalid_dpop_proof",
        }
    }

    fn words(&self) -> &'static str {
        match self {
            Self::Nonce => "the proof needs the nonce of this server",
            Self::Proof(why) => why,
        }
    }
}

fn proof(request: &Request) -> Option<&str> {
    request.headers.get("dpop")?.to_str().ok()
}

fn check(shared: &Shared, config: &Config, request: &Request) -> Result<(), Refusal> {
    let wrong = |why| Err(Refusal::Proof(why));
    let Some(proof) = proof(request).and_then(Jws::read) else {
        return wrong("the proof is missing or not a JWS");
    };
    let (header, claims) = (&proof.header, &proof.claims);
    if header["typ"] != "dpop+jwt" || header["alg"] != "ES256" {
        return wrong("typ or alg of the proof");
    }
    let key = &header["jwk"];
    if !key["d"].is_null() || proof.signed_by(key).is_none() {
        return wrong("the proof is not signed with its key, or shows the private one");
    }
    let target = format!("{}{}", shared.origin, config.published(&request.path));
    if claims["htm"] != request.method.as_str() || claims["htu"] != target.as_str() {
        return wrong("htm or htu is that of another request");
    }
    if claims["iat"]
        .as_u64()
        .is_none_or(|at| at.abs_diff(now()) > PATIENCE)
    {
        return wrong("iat is missing or too far off");
    }
    if request.path == "/userinfo" {
        let token = request
            .header(header::AUTHORIZATION)
            .and_then(|value| value.strip_prefix("DPoP "));
        let hash = |token: &str| URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
        if token.is_none_or(|token| claims["ath"] != hash(token)) {
            return wrong("ath is not that of the token");
        }
    }
    if config
        .dpop
        .nonce
        .as_ref()
        .is_some_and(|nonce| claims["nonce"] != nonce.as_str())
    {
        return Err(Refusal::Nonce);
    }
    let id = claims["jti"].as_str().unwrap_or_default();
    if id.is_empty() || !shared.first_use(id) {
        return wrong("jti is missing or came before");
    }
    Ok(())
}

/// The thumbprint (RFC 7638) of the key that proves a request.
pub(crate) fn thumbprint(request: &Request) -> Option<String> {
    let proof = Jws::read(proof(request)?)?;
    let member = |name: &str| Some(proof.header["jwk"].get(name)?.as_str()?.to_owned());
    let (x, y) = (member("x")?, member("y")?);
    let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    Some(URL_SAFE_NO_PAD.encode(digest(&SHA256, canonical.as_bytes())))
}

impl Jws<'_> {
    fn signed_by(&self, key: &Value) -> Option<()> {
        verify(
            &self.header["alg"],
            key,
            self.message.as_bytes(),
            &self.signature,
        )
    }
}
