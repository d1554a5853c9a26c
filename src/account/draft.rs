//! Mappings in the making: what the console's wizard works on.
//!
//! A draft is kept here, with its secrets, so that no page has to carry them
//! from one step to the next. It knows which version it began from: applying it
//! over a newer one is refused.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::{AccountId, ProviderId, Timestamp};
use crate::store::{Keyspace, Precondition, Space, Store, StoreError, Token, Version, Versioned};

static DRAFTS: Space = Space::durable("drafts").expiring().sealed();

const SPACE: Keyspace<Draft> = Keyspace::new(&DRAFTS);

/// How long a draft is kept.
pub const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// A mapping in the making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The TOML so far; it parses, whatever else is missing.
    pub source: String,
    /// What was typed into the editor and does not parse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// What it began from, where it edits what is applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// Who began it.
    #[serde(default)]
    pub author: String,
    /// The name it is found by, for lists; it opens nothing by itself. Empty in
    /// drafts from before there were lists.
    #[serde(default)]
    token: String,
}

impl Draft {
    /// A draft that begins with `source`; `base` is what it edits.
    pub fn new(source: String, base: Option<Base>, author: &str) -> Self {
        Self {
            source,
            raw: None,
            base,
            author: author.to_owned(),
            token: String::new(),
        }
    }

    /// The name it is found by.
    pub fn token(&self) -> Option<Token> {
        Token::parse(&self.token)
    }
}

/// The applied mapping a draft began from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The provider.
    pub provider: ProviderId,
    /// The write of its record.
    pub version: u64,
    /// The mapping's number, for people.
    pub number: u64,
    /// Its text.
    pub source: String,
}

impl Base {
    /// The version to give as a precondition.
    pub fn version(&self) -> Version {
        Version(self.version)
    }
}

/// Keeps a new draft; gives the name it is found by.
pub async fn create(
    store: &dyn Store,
    account: &AccountId,
    draft: &Draft,
    now: Timestamp,
) -> Result<Token, StoreError> {
    let token = Token::new(now.plus(LIFETIME));
    let draft = &Draft {
        token: token.as_str().to_owned(),
        ..draft.clone()
    };
    SPACE
        .put_by(store, account.as_str(), &token, draft, Precondition::Absent)
        .await?;
    Ok(token)
}

/// Reads a draft.
pub async fn get(
    store: &dyn Store,
    account: &AccountId,
    token: &Token,
) -> Result<Option<Versioned<Draft>>, StoreError> {
    SPACE.get_by(store, account.as_str(), token).await
}

/// The drafts of an account that can be listed, the oldest first; at most `limit`.
pub async fn list(
    store: &dyn Store,
    account: &AccountId,
    limit: usize,
) -> Result<Vec<Draft>, StoreError> {
    let found = SPACE
        .page(store, account.as_str(), b"", None, limit)
        .await?;
    let drafts = found.into_iter().map(|(_, draft)| draft.value);
    Ok(drafts.filter(|draft| draft.token().is_some()).collect())
}

/// Keeps what became of a draft that was read at `version`; gives its next one.
///
/// # Errors
/// [`StoreError::Conflict`] if it was changed since, or is gone: what is typed late
/// into a draft that was applied does not bring it back.
pub async fn put(
    store: &dyn Store,
    account: &AccountId,
    token: &Token,
    draft: &Draft,
    version: Version,
) -> Result<Version, StoreError> {
    let unchanged = Precondition::Version(version);
    SPACE
        .put_by(store, account.as_str(), token, draft, unchanged)
        .await
}

/// Forgets a draft.
pub async fn remove(
    store: &dyn Store,
    account: &AccountId,
    token: &Token,
) -> Result<(), StoreError> {
    SPACE
        .delete_by(store, account.as_str(), token)
        .await
        .map(|_| ())
}

/// The space.
pub(super) fn space() -> &'static Space {
    &DRAFTS
}
