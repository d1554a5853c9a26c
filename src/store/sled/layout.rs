//! How a record stands in its tree.
//!
//! A tree's key is the partition, a zero byte and the id; partitions contain no
//! zero. Its value is the version in eight bytes, then the record. Where the
//! record has an owner the version's highest bit is set, and the owner stands
//! between, its length in front.

use super::super::{Entry, Key, Scan, Space, StoreError, Version};

/// Says that an owner follows; no version is as great.
const OWNED: u64 = 1 << 63;

pub(super) fn raw(key: &Key) -> Vec<u8> {
    join(&key.partition, &key.id)
}

pub(super) fn join(partition: &str, id: &[u8]) -> Vec<u8> {
    debug_assert!(!partition.contains('\0'), "a partition with a zero byte");
    let mut raw = Vec::with_capacity(partition.len() + 1 + id.len());
    raw.extend_from_slice(partition.as_bytes());
    raw.push(0);
    raw.extend_from_slice(id);
    raw
}

/// Greater than every key of the partition, and not greater than any other's.
pub(super) fn end(partition: &str) -> Vec<u8> {
    [partition.as_bytes(), &[1]].concat()
}

pub(super) fn encode(version: Version, owner: Option<&[u8]>, value: &[u8]) -> Vec<u8> {
    let owner = owner.and_then(|owner| Some((u8::try_from(owner.len()).ok()?, owner)));
    let head = owner.map_or(0, |(length, _)| 1 + usize::from(length));
    let flag = if owner.is_some() { OWNED } else { 0 };
    let mut bytes = Vec::with_capacity(8 + head + value.len());
    bytes.extend_from_slice(&(version.0 | flag).to_be_bytes());
    if let Some((length, owner)) = owner {
        bytes.push(length);
        bytes.extend_from_slice(owner);
    }
    bytes.extend_from_slice(value);
    bytes
}

/// A tree's value taken apart: version, owner and record.
type Parts<'b> = (Version, Option<&'b [u8]>, &'b [u8]);

fn parts<'b>(space: &Space, bytes: &'b [u8]) -> Result<Parts<'b>, StoreError> {
    let short = || corrupt(space, "it is too short to have a version");
    let (head, rest) = bytes.split_first_chunk().ok_or_else(short)?;
    let head = u64::from_be_bytes(*head);
    let version = Version(head & !OWNED);
    if head & OWNED == 0 {
        return Ok((version, None, rest));
    }
    let short = || corrupt(space, "it is too short to have an owner");
    let (length, rest) = rest.split_first().ok_or_else(short)?;
    let (owner, value) = rest
        .split_at_checked(usize::from(*length))
        .ok_or_else(short)?;
    Ok((version, Some(owner), value))
}

pub(super) fn decode(space: &Space, bytes: &[u8]) -> Result<Entry, StoreError> {
    let (version, _, value) = parts(space, bytes)?;
    Ok(Entry {
        value: value.to_vec(),
        version,
    })
}

/// A record as a scan gives it.
pub(super) fn whole(scan: &Scan, id: Vec<u8>, bytes: &[u8]) -> Result<(Key, Entry), StoreError> {
    let (version, owner, value) = parts(scan.space, bytes)?;
    let key = Key {
        space: scan.space,
        partition: scan.partition.clone(),
        id,
        owner: owner.map(Into::into),
    };
    let value = value.to_vec();
    Ok((key, Entry { value, version }))
}

pub(super) fn version_of(
    space: &Space,
    bytes: Option<&[u8]>,
) -> Result<Option<Version>, StoreError> {
    let parts = bytes.map(|bytes| parts(space, bytes)).transpose()?;
    Ok(parts.map(|(version, ..)| version))
}

pub(super) fn owner_of<'b>(
    space: &Space,
    bytes: Option<&'b [u8]>,
) -> Result<Option<&'b [u8]>, StoreError> {
    let parts = bytes.map(|bytes| parts(space, bytes)).transpose()?;
    Ok(parts.and_then(|(_, owner, _)| owner))
}

pub(super) fn corrupt(space: &Space, why: &str) -> StoreError {
    StoreError::Corrupt {
        place: format!("a record of `{}`", space.name),
        why: why.to_owned(),
    }
}
