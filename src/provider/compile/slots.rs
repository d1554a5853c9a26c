//! Which places have a value at which step.

use crate::provider::template::Slot;

/// Names that are taken, each with the reason.
pub(super) type Reserved<'a> = Vec<(&'a str, &'static str)>;

pub(super) fn static_only(slot: &Slot) -> bool {
    matches!(slot, Slot::ClientId)
}

pub(super) fn before_code(slot: &Slot) -> bool {
    matches!(slot, Slot::ClientId | Slot::ClientSecret)
}

pub(super) fn with_code(slot: &Slot) -> bool {
    before_code(slot)
        || matches!(
            slot,
            Slot::Code
                | Slot::Callback(_)
                | Slot::RedirectUri
                | Slot::CodeVerifier
                | Slot::AppAccessToken
        )
}

pub(super) fn with_token(slot: &Slot) -> bool {
    !matches!(slot, Slot::Code | Slot::CodeVerifier | Slot::Profile(_))
}

pub(super) fn with_profile(slot: &Slot) -> bool {
    !matches!(slot, Slot::Code | Slot::CodeVerifier)
}
