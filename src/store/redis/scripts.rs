//! What the server does with a record, each in one step.
//!
//! A record is held as `1 ‖ stamp ‖ value`; the stamp is the version (8 bytes) and
//! what sets this write apart from all others (8 bytes). One that was taken is held
//! as `0 ‖ taker (16 bytes) ‖ record`, for as long as somebody may ask again. For
//! everybody else there is none then.

use super::super::{Entry, Key, StoreError, Version};
use crate::base::random;

const LIVE: u8 = 1;
/// The length of a stamp, and of a taker's name.
const STAMP: usize = 16;
/// Where the value begins.
const HEAD: usize = 1 + STAMP;

/// `how, stamp, value, milliseconds, wanted version`: whether it was written. If
/// that very write was done before, it was.
pub(super) const PUT: &str = r"
local held = redis.call('GET', KEYS[1])
local gone = not held or string.byte(held, 1) == 0
if held then
  local stamp = gone and string.sub(held, 19, 34) or string.sub(held, 2, 17)
  if stamp == ARGV[2] then return 1 end
end
if ARGV[1] == 'absent' and not gone then return 0 end
if ARGV[1] == 'version' and (gone or string.sub(held, 2, 9) ~= ARGV[5]) then return 0 end
redis.call('SET', KEYS[1], '\1' .. ARGV[2] .. ARGV[3], 'PX', ARGV[4])
return 1";

/// `taker`: the record, which is that taker's from now on.
pub(super) const TAKE: &str = r"
local held = redis.call('GET', KEYS[1])
if not held then return false end
if string.byte(held, 1) == 0 then
  if string.sub(held, 2, 17) == ARGV[1] then return string.sub(held, 18) end
  return false
end
redis.call('SET', KEYS[1], '\0' .. ARGV[1] .. held, 'PX', 30000)
return held";

/// `taker, wanted version`: whether it was removed.
pub(super) const REMOVE: &str = r"
local held = redis.call('GET', KEYS[1])
if not held then return 0 end
if string.byte(held, 1) == 0 then
  if string.sub(held, 2, 17) == ARGV[1] then return 1 end
  return 0
end
if string.sub(held, 2, 9) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], '\0' .. ARGV[1] .. held, 'PX', 30000)
return 1";

/// The version of a write, and its name.
pub(super) struct Stamp([u8; STAMP]);

impl Stamp {
    pub(super) fn new(version: Version) -> Self {
        let mut stamp = [0; STAMP];
        stamp[..8].copy_from_slice(&version.0.to_be_bytes());
        stamp[8..].copy_from_slice(&random::bytes::<8>());
        Self(stamp)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn version(&self) -> Version {
        version_in(&self.0)
    }
}

fn version_in(stamp: &[u8]) -> Version {
    let version = stamp.first_chunk().copied().unwrap_or_default();
    Version(u64::from_be_bytes(version))
}

/// A record as it is held.
pub(super) struct Held;

impl Held {
    /// The record, unless it was taken.
    pub(super) fn read(key: &Key, held: &[u8]) -> Result<Option<Entry>, StoreError> {
        match held.split_at_checked(HEAD) {
            Some((head, value)) if head[0] == LIVE => Ok(Some(Entry {
                value: value.to_vec(),
                version: version_in(&head[1..]),
            })),
            Some((head, _)) if head[0] == 0 => Ok(None),
            _ => Err(StoreError::Corrupt {
                place: format!("a record of `{}` in Redis", key.space().name),
                why: "it was not written by this program".into(),
            }),
        }
    }
}
