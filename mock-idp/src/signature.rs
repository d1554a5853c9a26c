//! Signatures over requests, checked as the documents of the servers that want them say.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::hmac as aws_hmac;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};

use crate::config::{Config, SignatureAlgorithm, SignatureConfig, SignatureEncoding};
use crate::id_token::now;
use crate::params::Params;
use crate::request::Request;
use crate::state::Shared;

/// The most seconds between a request's time and ours.
const PATIENCE: u64 = 300;

/// A request whose signature is checked.
pub(crate) struct Signed<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) config: &'a Config,
    pub(crate) request: &'a Request,
    /// All its parameters, from wherever they came.
    pub(crate) params: &'a Params,
}

impl Signed<'_> {
    /// What is wrong with the signature, if one is wanted and it is not right.
    pub(crate) fn lacks(&self, wanted: Option<&SignatureConfig>) -> Option<String> {
        let wanted = wanted?;
        let name = &wanted.name;
        let sent = if wanted.header {
            self.header(name)
        } else {
            self.params.get(name)
        };
        let Some(sent) = sent else {
            return Some(format!("the signature {name} is missing"));
        };
        if !self.right(wanted, sent) {
            return Some(format!("the signature {name} is wrong"));
        }
        if let Some(time) = &wanted.time {
            let at = self.either(time).and_then(|at| at.parse::<u64>().ok());
            if at.is_none_or(|at| at.abs_diff(now()) > PATIENCE) {
                return Some(format!("the time {time} is missing or too far off"));
            }
        }
        if let Some(nonce) = &wanted.nonce {
            let fresh = self
                .either(nonce)
                .is_some_and(|nonce| self.shared.first_use(nonce));
            if !fresh {
                return Some(format!("{nonce} is missing or came before"));
            }
        }
        None
    }

    fn header(&self, name: &str) -> Option<&str> {
        let value = self.request.headers.get(name)?;
        value.to_str().ok()
    }

    fn either(&self, name: &str) -> Option<&str> {
        self.params.get(name).or_else(|| self.header(name))
    }

    fn right(&self, wanted: &SignatureConfig, sent: &str) -> bool {
        let text = self.filled(wanted, &wanted.text);
        if wanted.algorithm == SignatureAlgorithm::RsaSha256 {
            let key = wanted
                .public_key
                .as_ref()
                .and_then(|k| STANDARD.decode(k).ok());
            let (Some(key), Ok(signature)) = (key, STANDARD.decode(sent)) else {
                return false;
            };
            return UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
                .verify(text.as_bytes(), &signature)
                .is_ok();
        }
        let key = self.filled(wanted, &wanted.key);
        let made = make(wanted.algorithm, key.as_bytes(), text.as_bytes());
        let written = match wanted.encoding {
            SignatureEncoding::Hex => hex(&made),
            SignatureEncoding::UpperHex => hex(&made).to_uppercase(),
            SignatureEncoding::Base64 => STANDARD.encode(made),
        };
        written == sent
    }

    /// A text with its places filled in, once: what is filled in has none.
    fn filled(&self, wanted: &SignatureConfig, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let Some((place, after)) = after.split_once('}') else {
                out.push('{');
                rest = after;
                continue;
            };
            out.push_str(&self.place(wanted, place));
            rest = after;
        }
        out + rest
    }

    fn place(&self, wanted: &SignatureConfig, place: &str) -> String {
        let secret = &self.config.client_secret;
        match place {
            "parameters" => self.joined(wanted),
            "secret" => secret.clone(),
            "token" => self.token().to_owned(),
            "session_secret" => {
                let text = format!("{}{secret}", self.token());
                hex(&Md5::digest(text.as_bytes()))
            }
            "method" => self.request.method.to_string(),
            "path" => self.config.published(&self.request.path).to_owned(),
            "body" => String::from_utf8_lossy(&self.request.body).into_owned(),
            _ => match place.split_once(':') {
                Some(("parameter", name)) => self.params.get(name).unwrap_or_default().to_owned(),
                Some(("header", name)) => self.header(name).unwrap_or_default().to_owned(),
                _ => format!("{{{place}}}"),
            },
        }
    }

    /// The parameters but the signature, by name.
    fn joined(&self, wanted: &SignatureConfig) -> String {
        let mut pairs: Vec<&(String, String)> = self
            .params
            .pairs()
            .iter()
            .filter(|(name, _)| {
                (wanted.header || *name != wanted.name) && !wanted.leave_out.contains(name)
            })
            .collect();
        pairs.sort();
        let parts: Vec<String> = pairs
            .into_iter()
            .map(|(name, value)| {
                if wanted.values_only {
                    value.clone()
                } else {
                    format!("{name}{}{value}", wanted.assign)
                }
            })
            .collect();
        parts.join(&wanted.separator)
    }

    /// The access token, wherever it is.
    fn token(&self) -> &str {
        let names = &self.config.userinfo;
        let bearer = self.header("authorization");
        let bearer = bearer.and_then(|value| value.rsplit(' ').next());
        let found = self.params.get(&names.token_key).or(bearer);
        found.unwrap_or_default()
    }
}

fn make(algorithm: SignatureAlgorithm, key: &[u8], text: &[u8]) -> Vec<u8> {
    let tag = |algorithm| {
        let key = aws_hmac::Key::new(algorithm, key);
        aws_hmac::sign(&key, text).as_ref().to_vec()
    };
    match algorithm {
        SignatureAlgorithm::Md5 => Md5::digest(text).to_vec(),
        SignatureAlgorithm::Sha1 => digest(&SHA1_FOR_LEGACY_USE_ONLY, text).as_ref().to_vec(),
        SignatureAlgorithm::Sha256 => digest(&SHA256, text).as_ref().to_vec(),
        SignatureAlgorithm::HmacMd5 => {
            let Ok(mut mac) = Hmac::<Md5>::new_from_slice(key) else {
                return Vec::new();
            };
            mac.update(text);
            mac.finalize().into_bytes().to_vec()
        }
        SignatureAlgorithm::HmacSha1 => tag(aws_hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        SignatureAlgorithm::HmacSha256 => tag(aws_hmac::HMAC_SHA256),
        // Nobody but the client can make one; `right` verifies it.
        SignatureAlgorithm::RsaSha256 => Vec::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
