//! How the people of an account log in, and what messages say to them: what the
//! account chose beyond its look.

use serde::{Deserialize, Serialize};

use crate::mail::template::Own;

/// What an account chose for its logins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginSettings {
    /// Messages to its people.
    #[serde(skip_serializing_if = "Messages::is_default")]
    pub messages: Messages,
}

/// Who messages of an account are from, and what they say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Messages {
    /// The sender; `None`: the broker's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its own texts.
    #[serde(skip_serializing_if = "Own::is_empty")]
    pub texts: Own,
}

impl Messages {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl LoginSettings {
    /// Whether nothing was chosen.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
