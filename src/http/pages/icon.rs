//! Marks of well-known providers, drawn in the template.

use serde::Serialize;

/// A mark that is bundled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Icon {
    /// Google.
    Google,
    /// Facebook.
    Facebook,
    /// Apple.
    Apple,
    /// Microsoft.
    Microsoft,
    /// GitHub.
    Github,
}

impl Icon {
    /// The mark of the provider with this id, if it is bundled.
    pub fn of(provider: &str) -> Option<Self> {
        match provider {
            "google" => Some(Self::Google),
            "facebook" => Some(Self::Facebook),
            "apple" => Some(Self::Apple),
            "microsoft" => Some(Self::Microsoft),
            "github" => Some(Self::Github),
            _ => None,
        }
    }
}
