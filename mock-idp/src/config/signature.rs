//! Signatures that endpoints want.

use serde::{Deserialize, Serialize};

/// A signature over a request, and how it is checked: a request without it, or with
/// another one, is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignatureConfig {
    /// The name of the parameter with it. Default `sign`.
    pub name: String,
    /// The name of a header has it instead. Default false.
    pub header: bool,
    /// How it is made. Default MD5.
    pub algorithm: SignatureAlgorithm,
    /// What is signed. `{parameters}`, `{secret}`, `{token}`, `{session_secret}` (the MD5
    /// of token and secret), `{method}`, `{path}`, `{body}`, `{parameter:NAME}` and
    /// `{header:NAME}` are filled in. Default the parameters and the secret.
    pub text: String,
    /// The key of an HMAC, with the same places. Default the secret.
    pub key: String,
    /// What stands between a name and its value. Default `=`.
    pub assign: String,
    /// What stands between parameters. Default `&`.
    pub separator: String,
    /// Parameters that are not signed.
    pub leave_out: Vec<String>,
    /// Only values are signed. Default false.
    pub values_only: bool,
    /// How it is written. Default small hexadecimal digits.
    pub encoding: SignatureEncoding,
    /// The client's RSA key, PKCS #1 in base64.
    pub public_key: Option<String>,
    /// The parameter or header with the time in seconds, at most five minutes off.
    pub time: Option<String>,
    /// The parameter or header with a text that no two requests have.
    pub nonce: Option<String>,
}

impl Default for SignatureConfig {
    fn default() -> Self {
        Self {
            name: "sign".into(),
            header: false,
            algorithm: SignatureAlgorithm::Md5,
            text: "{parameters}{secret}".into(),
            key: "{secret}".into(),
            assign: "=".into(),
            separator: "&".into(),
            leave_out: Vec::new(),
            values_only: false,
            encoding: SignatureEncoding::Hex,
            public_key: None,
            time: None,
            nonce: None,
        }
    }
}

/// How a signature is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureAlgorithm {
    /// MD5 of a text with a secret in it.
    Md5,
    /// SHA-1 of it.
    Sha1,
    /// SHA-256 of it.
    Sha256,
    /// HMAC with MD5.
    HmacMd5,
    /// HMAC with SHA-1.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
    /// RSA PKCS #1 v1.5 with SHA-256.
    RsaSha256,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureEncoding {
    /// Small hexadecimal digits.
    Hex,
    /// Capital ones.
    UpperHex,
    /// Base64.
    Base64,
}
