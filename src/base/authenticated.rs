//! How a person authenticated.

use serde_json::Value;

use super::{LoginMethod, Timestamp};

/// The longest `acr`, and the longest and most of `amr`.
const MAX_ACR: usize = 255;
const MAX_AMR: usize = 64;
const MOST_AMR: usize = 20;

/// How a person authenticated, as far as who did it says so (OpenID Connect Core §2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authenticated {
    /// When.
    pub at: Option<Timestamp>,
    /// The class of it: `acr`.
    pub acr: Option<String>,
    /// By which means: `amr` (RFC 8176).
    pub amr: Vec<String>,
}

impl Authenticated {
    /// What the claims of a provider's ID token say, which was checked. What is not as
    /// it should be is left out.
    pub fn of_claims(claims: &Value, at: Option<Timestamp>) -> Self {
        let plain = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && !text.chars().any(char::is_control)
        };
        let acr = claims.get("acr").and_then(Value::as_str);
        let amr = claims.get("amr").and_then(Value::as_array);
        Self {
            at,
            acr: acr.filter(|acr| plain(acr, MAX_ACR)).map(str::to_owned),
            amr: amr
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .filter(|one| plain(one, MAX_AMR))
                .take(MOST_AMR)
                .map(str::to_owned)
                .collect(),
        }
    }

    /// That somebody did so here and now, in a way of our own.
    pub fn here(method: &LoginMethod, at: Timestamp) -> Self {
        let amr = match method {
            LoginMethod::Password => vec!["pwd".to_owned()],
            LoginMethod::AccessKey => vec!["otp".to_owned()],
            LoginMethod::Provider(_) => Vec::new(),
        };
        Self {
            at: Some(at),
            acr: None,
            amr,
        }
    }
}
