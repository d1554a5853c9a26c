//! What must hold for a change to be made (RFC 9110 §13.1).

use super::error::Outcome;
use crate::store::{Precondition, StoreError, Version};

/// What an operation is told apart by from the one before: an entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    /// A tag of this text, which has no quotes in it.
    pub fn new(text: &str) -> Self {
        Self(format!("\"{text}\""))
    }

    /// The number in it, for a form: see [`Condition::version`].
    pub fn version(&self) -> &str {
        self.0.trim_matches(['"', 'v'])
    }

    /// As it is written in a header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Version> for Tag {
    fn from(version: Version) -> Self {
        Self::new(&format!("v{}", version.0))
    }
}

/// What must hold of a thing before it is changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Condition {
    /// Nothing: whoever writes last wins.
    #[default]
    None,
    /// There is nothing yet.
    Absent,
    /// There is something.
    Present,
    /// The current tag is one of these, as they are written in a header.
    OneOf(Vec<String>),
}

impl Condition {
    /// That the record is of this version.
    pub fn version(version: u64) -> Self {
        Self::OneOf(vec![Tag::from(Version(version)).0])
    }

    /// Fails unless it holds for a thing with this tag; `None` if there is none.
    pub fn check(&self, current: Option<&Tag>) -> Outcome<()> {
        let holds = match self {
            Self::None => true,
            Self::Absent => current.is_none(),
            Self::Present => current.is_some(),
            // A weak tag is none that could match (RFC 9110 §8.8.3.2).
            Self::OneOf(tags) => current.is_some_and(|tag| tags.contains(&tag.0)),
        };
        if holds {
            Ok(())
        } else {
            Err(StoreError::Conflict.into())
        }
    }

    /// What must hold of the record at the write that follows: that it is the one
    /// that was read, or still absent; if that is what the condition allows.
    pub fn over(&self, current: Option<Version>) -> Outcome<Precondition> {
        self.check(current.map(Tag::from).as_ref())?;
        Ok(current.map_or(Precondition::Absent, Precondition::Version))
    }
}
