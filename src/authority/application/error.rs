//! What can be wrong with an application.

use super::super::scope::BadScope;
use crate::password::HashError;

/// The most addresses of one kind.
pub(super) const MAX_URIS: usize = 50;

/// What is wrong with an application.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplicationError {
    /// The name.
    #[error("a display name has 1 to 100 characters on one line")]
    Name,
    /// A secret that could be guessed.
    #[error(
        "a client secret that is given has 16 to 1024 characters; leave it out to have one generated"
    )]
    Secret,
    /// A secret that makes no key (RFC 7518 §3.2).
    #[error(
        "with `client_secret_jwt` or `HS256`, a client secret that is given has 32 to 1024 characters (RFC 7518 §3.2)"
    )]
    ShortKey,
    /// A secret beside a key.
    #[error("with `private_key_jwt` an application has no secret; leave it out")]
    KeyAndSecret,
    /// A public client with a secret.
    #[error("a public application keeps no secret; leave out the secret, or `public`")]
    PublicSecret,
    /// A grant that needs a secret.
    #[error(
        "a public application cannot have `client_credentials`, which needs a secret (RFC 6749 §4.4)"
    )]
    PublicClientCredentials,
    /// Logins without a place to come back to.
    #[error("`authorization_code` needs at least one redirect URI")]
    NoRedirectUri,
    /// No grant at all.
    #[error("an application needs at least one grant")]
    NoGrant,
    /// An address.
    #[error(
        "`{0}` is not a valid {1}: write an https URL without a fragment (http is for loopback only), exactly as it will be sent"
    )]
    Uri(String, &'static str),
    /// Too many addresses.
    #[error("there are more than {MAX_URIS} addresses of one kind")]
    TooManyUris,
    /// The id would make its ID tokens look like access tokens.
    #[error("the client id is the audience of access tokens; choose another")]
    Audience,
    /// A setting, by its name.
    #[error("{1}")]
    Setting(&'static str, String),
    /// A scope.
    #[error(transparent)]
    Scope(#[from] BadScope),
    /// The secret could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
}
