//! `[[….sign]]`: signatures over requests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A signature over a request, made when everything else of it is known. Several
/// are made in their order.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignSection {
    /// The name of the parameter or header; `{sign.name}` in later signatures and in headers. Required.
    pub name: Option<String>,
    /// Where it goes.
    #[serde(rename = "in")]
    pub place: SignIn,
    /// How it is made. Required.
    pub algorithm: Option<SignAlgorithm>,
    /// What is signed: `{request.parameters}` with `{client_secret}`, `{access_token}`, `{now.seconds}`, `{request.parameters.name}`, `{request.path}`, `{request.url}`, `{request.method}`, `{request.body}`, `{sign.name}` and the like, and text. Default: the parameters.
    pub text: Option<String>,
    /// The key of an HMAC, with the same places. Default: the client secret. `rsa_sha256` takes `client.private_key`.
    pub key: Option<String>,
    /// In which order the parameters are.
    pub order: SignOrder,
    /// What stands between a parameter's name and its value. Default `=`.
    pub assign: Option<String>,
    /// What stands between parameters. Default `&`.
    pub separator: Option<String>,
    /// Whether names are signed with the values. Default true.
    pub names: Option<bool>,
    /// Parameters that are not signed.
    pub leave_out: Vec<String>,
    /// Whether parameters without a value are left out. Default false.
    pub leave_out_empty: bool,
    /// Whether names and values are percent-encoded first (RFC 3986). Default false.
    pub percent_encoded: bool,
    /// How the result is written.
    pub encoding: SignEncoding,
}

/// Where a signature goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignIn {
    /// Among the parameters.
    #[default]
    Parameter,
    /// In a header.
    Header,
    /// Nowhere: later signatures or headers use it.
    Nowhere,
}

/// How a signature is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignAlgorithm {
    /// The text itself: only `encoding` changes it, as in `Authorization = "Basic {sign.name}"`.
    Plain,
    /// The MD5 of the text, which has a secret in it.
    Md5,
    /// Its SHA-1.
    Sha1,
    /// Its SHA-256.
    Sha256,
    /// Its SHA-512.
    Sha512,
    /// An HMAC with MD5 (RFC 2104).
    HmacMd5,
    /// An HMAC with SHA-1.
    HmacSha1,
    /// An HMAC with SHA-256.
    HmacSha256,
    /// An HMAC with SHA-512.
    HmacSha512,
    /// RSA PKCS #1 v1.5 with SHA-256 (RFC 8017 §8.2), by `client.private_key`.
    RsaSha256,
}

impl SignAlgorithm {
    /// Whether it has a key besides the text.
    pub fn is_hmac(self) -> bool {
        matches!(
            self,
            Self::HmacMd5 | Self::HmacSha1 | Self::HmacSha256 | Self::HmacSha512
        )
    }
}

/// In which order parameters are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignOrder {
    /// By name, byte by byte.
    #[default]
    Name,
    /// By value, byte by byte.
    Value,
    /// As they are sent.
    Sent,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignEncoding {
    /// Hexadecimal, small letters.
    #[default]
    Hex,
    /// Hexadecimal, capital letters.
    UpperHex,
    /// Base64 (RFC 4648 §4).
    Base64,
    /// Base64 for URLs, without padding (RFC 4648 §5).
    Base64Url,
}
