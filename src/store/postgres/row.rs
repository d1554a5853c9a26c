//! A record as a row.

use super::super::{Key, Version};
use super::pool::Parameter;
use crate::base::Timestamp;

/// The columns of a row that is written.
pub(super) struct Written<'a> {
    pub(super) part: &'a str,
    pub(super) space: &'static str,
    pub(super) id: &'a [u8],
    pub(super) version: i64,
    pub(super) ends: Option<i64>,
    pub(super) owner: Option<&'a [u8]>,
    pub(super) value: &'a [u8],
}

impl Written<'_> {
    /// In the order in which all statements that write have them.
    pub(super) fn parameters(&self) -> [Parameter<'_>; 7] {
        [
            &self.part,
            &self.space,
            &self.id,
            &self.version,
            &self.ends,
            &self.owner,
            &self.value,
        ]
    }
}

/// Versions have their two highest bits free.
pub(super) fn signed(version: Version) -> i64 {
    i64::try_from(version.0).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(version: i64) -> u64 {
    u64::try_from(version).unwrap_or_default()
}

/// The moment of expiry; the end of time is cut to what the column holds.
pub(super) fn ends_of(key: &Key) -> Option<i64> {
    let at = key.expires_at()?;
    Some(i64::try_from(at.as_millis()).unwrap_or(i64::MAX))
}

/// What had ended by then; never the end of time itself.
pub(super) fn ended_by(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_millis())
        .unwrap_or(i64::MAX)
        .min(i64::MAX - 1)
}
