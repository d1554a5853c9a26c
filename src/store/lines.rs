//! Records as lines of JSON, for copies outside of a store.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::recording::Copied;
use super::{Key, Space, StoreError};

/// A record, or that there is none; what is sealed stays sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The space's name.
    pub space: String,
    /// The partition.
    pub partition: String,
    /// The id, base64.
    pub id: String,
    /// Whose it is, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The record, base64; absent where it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// The end of a copy, and other things that are no records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// From here on: records that changed meanwhile, as they are now.
    Changes,
    /// All is said.
    End,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Said {
    /// About a record.
    Record(Line),
    /// Something else.
    Mark {
        /// What.
        mark: Mark,
    },
}

impl Line {
    /// The line of a record.
    pub fn of(key: &Key, value: Option<&[u8]>) -> Self {
        Self {
            space: key.space().name.to_owned(),
            partition: key.partition().to_owned(),
            id: STANDARD.encode(key.id()),
            owner: key.owner().map(|owner| STANDARD.encode(owner)),
            value: value.map(|value| STANDARD.encode(value)),
        }
    }

    /// The record that it is about, in one of these spaces.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is none.
    pub fn record(
        &self,
        spaces: &BTreeMap<&str, &'static Space>,
    ) -> Result<(Key, Option<Vec<u8>>), StoreError> {
        let corrupt = |why: &str| StoreError::Corrupt {
            place: format!("a line of `{}`", self.space),
            why: why.to_owned(),
        };
        let decode = |text: &String| STANDARD.decode(text);
        let bad = |_| corrupt("it is not base64");
        let space = spaces
            .get(self.space.as_str())
            .ok_or_else(|| corrupt("this program has no such space"))?;
        if self.partition.contains('\0') {
            return Err(corrupt("its partition is none"));
        }
        let key = Key::of_id(
            space,
            self.partition.as_str(),
            decode(&self.id).map_err(bad)?,
        )
        .ok_or_else(|| corrupt("its id does not say when it expires"))?;
        let key = match &self.owner {
            Some(_) if !space.owned => return Err(corrupt("its space has no owners")),
            Some(owner) => {
                let owner = decode(owner).map_err(bad)?;
                if owner.len() > super::MAX_OWNER {
                    return Err(corrupt("its owner is too long"));
                }
                key.owned_by(&owner)
            }
            None => key,
        };
        let value = self.value.as_ref().map(decode).transpose().map_err(bad)?;
        Ok((key, value))
    }
}

impl Said {
    /// The line of a part of a copy.
    pub fn of(copied: &Copied) -> Self {
        match copied {
            Copied::Record(key, value) => Self::Record(Line::of(key, Some(value))),
            Copied::Gone(key) => Self::Record(Line::of(key, None)),
            Copied::Changes => Self::Mark {
                mark: Mark::Changes,
            },
            Copied::End => Self::Mark { mark: Mark::End },
        }
    }
}
