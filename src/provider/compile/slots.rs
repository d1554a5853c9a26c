//! Which places have a value at which step.

use crate::provider::template::Slot;

/// Names that are taken, each with the reason.
pub(super) type Reserved<'a> = Vec<(&'a str, &'static str)>;

pub(super) fn static_only(slot: &Slot) -> bool {
    matches!(slot, Slot::ClientId)
}

/// In the authorization request, which the browser sees.
pub(super) fn in_authorization(slot: &Slot) -> bool {
    matches!(
        slot,
        Slot::ClientId | Slot::Login(_) | Slot::RedirectUri | Slot::Now(_) | Slot::Random
    )
}

/// In the address of the authorization endpoint.
pub(super) fn in_authorization_url(slot: &Slot) -> bool {
    matches!(slot, Slot::ClientId | Slot::Login(_))
}

/// In what is signed of it.
pub(super) fn signed_authorization(slot: &Slot) -> bool {
    in_authorization(slot) || matches!(slot, Slot::ClientSecret | Slot::Secret(_))
}

/// Where no login is at hand: a kept token is refreshed long after it.
pub(super) fn without_login(slot: &Slot) -> bool {
    matches!(
        slot,
        Slot::ClientId | Slot::ClientSecret | Slot::Secret(_) | Slot::Now(_) | Slot::Random
    )
}

pub(super) fn before_code(slot: &Slot) -> bool {
    without_login(slot) || matches!(slot, Slot::Login(_))
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

/// In the URL itself no code or secret stands, but for a key that some gateways want there.
pub(super) fn in_token_url(slot: &Slot) -> bool {
    matches!(
        slot,
        Slot::ClientId
            | Slot::Callback(_)
            | Slot::Login(_)
            | Slot::AppAccessToken
            | Slot::Secret(_)
    )
}

pub(super) fn with_token(slot: &Slot) -> bool {
    with_profile(slot) && !matches!(slot, Slot::Profile(_))
}

pub(super) fn with_profile(slot: &Slot) -> bool {
    !matches!(
        slot,
        Slot::Code | Slot::CodeVerifier | Slot::Request(_) | Slot::Parameter(_) | Slot::Sign(_)
    )
}
