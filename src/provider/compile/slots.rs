//! Which places have a value at which step.

use crate::provider::template::Slot;

/// Names that are taken, each with the reason.
pub(super) type Reserved<'a> = Vec<(&'a str, &'static str)>;

pub(super) fn static_only(slot: &Slot) -> bool {
    matches!(slot, Slot::ClientId)
}

pub(super) fn before_code(slot: &Slot) -> bool {
    matches!(
        slot,
        Slot::ClientId | Slot::ClientSecret | Slot::Now(_) | Slot::Random
    )
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

/// In the URL itself no code or secret stands.
pub(super) fn in_token_url(slot: &Slot) -> bool {
    matches!(
        slot,
        Slot::ClientId | Slot::Callback(_) | Slot::AppAccessToken
    )
}

pub(super) fn with_token(slot: &Slot) -> bool {
    with_profile(slot) && !matches!(slot, Slot::Profile(_))
}

pub(super) fn with_profile(slot: &Slot) -> bool {
    !matches!(
        slot,
        Slot::Code | Slot::CodeVerifier | Slot::Request(_) | Slot::Sign(_)
    )
}
