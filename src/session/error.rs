//! What keeps a session from beginning.

use crate::key::KeyError;
use crate::store::StoreError;

/// Why a session could not begin.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signature.
    #[error(transparent)]
    Key(#[from] KeyError),
}
