//! The catalogue of faults. Ids in parentheses are rows of the attack table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What can go wrong. In JSON: `{"kind":"slow","ms":300}`, and `"times":1` to strike once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    // The connection. The request is served, then its answer spoilt.
    /// Waits before it answers (O4).
    Slow {
        /// How long.
        ms: u64,
    },
    /// Never answers (O4, T7).
    Hang,
    /// Sends the body one byte at a time (O4).
    Drip {
        /// The pause before each byte.
        ms_per_byte: u64,
    },
    /// Declares the whole length, sends the first bytes, closes (O4).
    Cut {
        /// How many bytes are sent.
        after_bytes: usize,
    },
    /// Closes the connection without an answer (O4, O8).
    Close,

    // Another answer. The request is not served: a code stays unused.
    /// A huge JSON body (O5).
    Huge {
        /// Its length.
        bytes: u64,
        /// Whether the length is declared; else it comes in chunks.
        #[serde(default)]
        with_length: bool,
    },
    /// A small gzip body that decodes to a huge one of NUL bytes (O5).
    GzipBomb {
        /// The decoded length.
        decoded_bytes: u64,
    },
    /// A page with status 200 (O6).
    #[serde(rename = "html_200")]
    Html200,
    /// Nothing, with status 200 (O6).
    #[serde(rename = "empty_200")]
    Empty200,
    /// Nothing, with status 400.
    #[serde(rename = "empty_400")]
    Empty400,
    /// A status of choice (O9).
    Status {
        /// The status code.
        code: u16,
        /// The body.
        #[serde(default)]
        body: String,
        /// Its content type.
        #[serde(default = "text_plain")]
        content_type: String,
        /// Further headers, such as `Retry-After`.
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
    /// An error with status 200 (O6).
    #[serde(rename = "error_in_200")]
    ErrorIn200 {
        /// The body; default an `invalid_grant` error.
        #[serde(default = "invalid_grant")]
        body: Value,
    },
    /// Any body with status 200.
    Body {
        /// Its content type.
        content_type: String,
        /// The body.
        text: String,
    },
    /// A redirect (O2, R13).
    Redirect {
        /// Where to.
        location: String,
        /// The status; default 307, which asks to repeat the body.
        #[serde(default = "temporary_redirect")]
        status: u16,
    },
    /// Text under a JSON content type (O6).
    NotJson,

    // The real answer, spoilt.
    /// Wrong JSON types: an access token that is `true`, an object as lifetime, objects for strings
    /// (O6, J7, J17).
    WrongTypes,
    /// Leaves a member out.
    Missing {
        /// Its dotted path.
        field: String,
    },
    /// Sets a member.
    Replace {
        /// Its dotted path.
        field: String,
        /// Its value.
        value: Value,
    },
    /// Every member twice, with different values (J22).
    DuplicateMembers,
    /// A byte order mark in front (J22).
    Bom,
    /// A byte that is not UTF-8, within a string (J22).
    InvalidUtf8,
    /// A member nested that deep (O6).
    DeepJson {
        /// How deep.
        depth: usize,
    },
    /// One more header.
    ExtraHeader {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },

    // The authorization response.
    /// Another state than was sent (S1, S6).
    WrongState,
    /// No state (S1).
    NoState,
    /// An empty state (S1).
    EmptyState,
    /// The state twice, with different values (S9).
    DuplicateState,
    /// The code twice, with different values (S9).
    DuplicateCode,
    /// A code and an error together (S10).
    CodeAndError,
    /// No code.
    NoCode,
    /// The answer in the fragment (J18).
    Fragment,
    /// An error in place of the code (R14, S10).
    Error {
        /// Its code.
        error: String,
        /// Its text.
        #[serde(default)]
        description: String,
    },
    /// One more parameter.
    ExtraParameter {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
    /// Another `iss`: in the authorization response (S8), or in the ID token (J4).
    WrongIss,
    /// No `iss` in the authorization response (S8).
    NoIss,
    /// `iss` twice, with different values (S8).
    DuplicateIss,

    // The ID token.
    /// `alg: none` and no signature (J1).
    AlgNone,
    /// A signature over something else (J2).
    BadSignature,
    /// HS256 keyed with the public key's PEM (J3).
    Hs256WithPublicKey,
    /// HS256 with an empty key (J3).
    Hs256EmptyKey,
    /// HS256 keyed with the client secret (J3).
    Hs256WithClientSecret,
    /// The right issuer with a slash behind it (J4).
    IssTrailingSlash,
    /// Another audience (J5).
    WrongAud,
    /// No audience (J5).
    MissingAud,
    /// Two audiences, and somebody else as `azp` (J5).
    WrongAzp,
    /// No `iss` (J4).
    MissingIss,
    /// No `sub` (J6).
    MissingSub,
    /// No `iat` (J6).
    MissingIat,
    /// No `exp` (J6).
    MissingExp,
    /// Expired an hour ago (J8).
    Expired,
    /// Valid only from an hour on: `nbf` (J8).
    NotYetValid,
    /// `exp` as a string (J7).
    ExpString,
    /// Another nonce (J9).
    WrongNonce,
    /// No nonce (J9).
    NoNonce,
    /// A hash of another access token (J16).
    WrongAtHash,
    /// Logged in an hour ago: `auth_time`.
    StaleAuthTime,
    /// A `kid` that is in no key set (J12).
    UnknownKid,
    /// No `kid` (J10).
    NoKid,
    /// This `kid` (J14).
    Kid {
        /// The key id.
        value: String,
    },
    /// Signed with a foreign key, which `jku` and `x5u` point at (J13).
    Jku,
    /// Signed with a foreign key, which the header carries as `jwk` (J13).
    Jwk,
    /// An unknown critical header (J15).
    Crit,
    /// Sets a header member.
    SetHeader {
        /// Its name.
        name: String,
        /// Its value.
        value: Value,
    },
    /// Sets a claim.
    SetClaim {
        /// Its name.
        name: String,
        /// Its value.
        value: Value,
    },
    /// Leaves a claim out.
    RemoveClaim {
        /// Its name.
        name: String,
    },
}

fn text_plain() -> String {
    "text/plain".to_owned()
}

fn temporary_redirect() -> u16 {
    307
}

fn invalid_grant() -> Value {
    json!({ "error": "invalid_grant", "error_description": "the code is not valid" })
}

impl FaultKind {
    /// An error with status 200, with the default body.
    pub fn error_in_200() -> Self {
        Self::ErrorIn200 {
            body: invalid_grant(),
        }
    }

    /// A redirect with status 307.
    pub fn redirect(location: &str) -> Self {
        Self::Redirect {
            location: location.to_owned(),
            status: temporary_redirect(),
        }
    }

    /// A bare status with an empty body.
    pub fn status(code: u16) -> Self {
        Self::Status {
            code,
            body: String::new(),
            content_type: text_plain(),
            headers: BTreeMap::new(),
        }
    }

    /// Its name in JSON.
    pub fn name(&self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.get("kind").and_then(Value::as_str).map(str::to_owned))
            .unwrap_or_default()
    }

    /// Whether its JSON is its name alone.
    pub(crate) fn has_no_fields(&self) -> bool {
        serde_json::to_value(self)
            .is_ok_and(|value| value.as_object().is_some_and(|members| members.len() == 1))
    }

    /// Whether the endpoint can have this fault.
    pub(crate) fn fits(&self, endpoint: &str) -> bool {
        match endpoint {
            "id_token" => self.is_id_token(),
            "authorize" => self.is_callback() || !self.is_id_token(),
            _ => !self.is_callback() && !self.is_id_token(),
        }
    }

    /// Whether it spoils the authorization response.
    pub(crate) fn is_callback(&self) -> bool {
        matches!(
            self,
            Self::WrongState
                | Self::NoState
                | Self::EmptyState
                | Self::DuplicateState
                | Self::DuplicateCode
                | Self::CodeAndError
                | Self::NoCode
                | Self::Fragment
                | Self::Error { .. }
                | Self::ExtraParameter { .. }
                | Self::WrongIss
                | Self::NoIss
                | Self::DuplicateIss
        )
    }

    /// Whether it spoils the ID token.
    pub(crate) fn is_id_token(&self) -> bool {
        matches!(
            self,
            Self::WrongIss
                | Self::AlgNone
                | Self::BadSignature
                | Self::Hs256WithPublicKey
                | Self::Hs256EmptyKey
                | Self::Hs256WithClientSecret
                | Self::IssTrailingSlash
                | Self::WrongAud
                | Self::MissingAud
                | Self::WrongAzp
                | Self::MissingIss
                | Self::MissingSub
                | Self::MissingIat
                | Self::MissingExp
                | Self::Expired
                | Self::NotYetValid
                | Self::ExpString
                | Self::WrongNonce
                | Self::NoNonce
                | Self::WrongAtHash
                | Self::StaleAuthTime
                | Self::UnknownKid
                | Self::NoKid
                | Self::Kid { .. }
                | Self::Jku
                | Self::Jwk
                | Self::Crit
                | Self::SetHeader { .. }
                | Self::SetClaim { .. }
                | Self::RemoveClaim { .. }
        )
    }
}
