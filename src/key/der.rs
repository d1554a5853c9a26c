//! A look into DER before anything expensive is done with it.

use pkcs8::der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use pkcs8::der::{Decode, Reader, SliceReader, Tag};

use super::error::FileProblem;

/// Rounds of PBKDF2, of PKCS#12's derivation, or of scrypt's cost times block
/// size times parallelism (128 MiB): half a second of one core. OpenSSL writes
/// 2,048, other tools up to 600,000 (X8, CVE-2024-0727 and its kin).
const MAX_ROUNDS: u64 = 1_000_000;
/// All derivations of one file together; a PFX has three.
const MAX_ROUNDS_IN_ALL: u64 = 4 * MAX_ROUNDS;
/// Deeper than any key file nests.
const MAX_DEPTH: usize = 24;

const SCRYPT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.4.11");

/// What a DER file is, by its outermost members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// PKCS#8 `PrivateKeyInfo` (RFC 5958).
    Pkcs8,
    /// PKCS#8 `EncryptedPrivateKeyInfo`.
    EncryptedPkcs8,
    /// PKCS#1 `RSAPrivateKey` (RFC 8017).
    Pkcs1,
    /// SEC 1 `ECPrivateKey` (RFC 5915).
    Sec1,
    /// PKCS#12 `PFX` (RFC 7292).
    Pfx,
    /// X.509 certificate.
    Certificate,
    /// X.509 `SubjectPublicKeyInfo`.
    PublicKey,
}

/// The members of a sequence; `None` if it is not one.
fn members(der: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let outer = AnyRef::from_der(der).ok()?;
    (outer.header().tag() == Tag::Sequence).then(|| list(outer.value()))?
}

fn list(bytes: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(found)
}

/// What a DER file is; `None` for anything else.
pub(super) fn shape(der: &[u8]) -> Option<Shape> {
    let members = members(der)?;
    let tags: Vec<Tag> = members
        .iter()
        .take(3)
        .map(|any| any.header().tag())
        .collect();
    Some(match tags.as_slice() {
        [Tag::Integer, Tag::Sequence, Tag::OctetString] => Shape::Pkcs8,
        [Tag::Integer, Tag::Sequence, ..] if members[0].value() == [3] => Shape::Pfx,
        [Tag::Integer, Tag::Integer, Tag::Integer] => Shape::Pkcs1,
        [Tag::Integer, Tag::OctetString, ..] => Shape::Sec1,
        [Tag::Sequence, Tag::OctetString] => Shape::EncryptedPkcs8,
        [Tag::Sequence, Tag::Sequence, Tag::BitString] => Shape::Certificate,
        [Tag::Sequence, Tag::BitString] => Shape::PublicKey,
        _ => return None,
    })
}

/// The size of an RSA key in bits, from its PKCS#1 form.
pub(super) fn rsa_bits(pkcs1: &[u8]) -> Option<usize> {
    let modulus = *members(pkcs1)?.get(1)?;
    let bytes = modulus.decode_as::<UintRef<'_>>().ok()?;
    Some(bits(bytes.as_bytes()))
}

/// The position of the highest bit of a big-endian number.
pub(super) fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros).map_or(0, |first| {
        let high = first.leading_zeros().try_into().unwrap_or(0_usize);
        (number.len() - zeros) * 8 - high
    })
}

/// Refuses a file whose password would take too long to try, before trying it.
///
/// Every derivation that these formats know is written as a salt (an octet
/// string) with the number of rounds (an integer) right behind it; so it is
/// enough to look for that, without knowing each format.
pub(super) fn check_rounds(der: &[u8]) -> Result<(), FileProblem> {
    let too_many = |rounds| FileProblem::TooManyRounds {
        rounds,
        limit: MAX_ROUNDS,
    };
    let mut all = 0_u64;
    let mut most = 0;
    walk(der, 0, &mut |rounds| {
        most = rounds.max(most);
        all = all.saturating_add(rounds);
    });
    if most > MAX_ROUNDS {
        return Err(too_many(most));
    }
    if all > MAX_ROUNDS_IN_ALL {
        return Err(too_many(all));
    }
    Ok(())
}

fn walk(bytes: &[u8], depth: usize, found: &mut impl FnMut(u64)) {
    let Some(members) = list(bytes) else { return };
    if depth > MAX_DEPTH {
        return;
    }
    for (i, member) in members.iter().enumerate() {
        let tag = member.header().tag();
        match tag {
            Tag::Integer if i > 0 && members[i - 1].header().tag() == Tag::OctetString => {
                found(number(*member));
            }
            Tag::Sequence if i > 0 && is_scrypt(members[i - 1]) => {
                let numbers = list(member.value()).unwrap_or_default();
                let cost = numbers
                    .iter()
                    .filter(|any| any.header().tag() == Tag::Integer)
                    .take(3)
                    .fold(1_u64, |product, any| product.saturating_mul(number(*any)));
                found(cost);
            }
            // The content of an unencrypted part of a PFX is DER in an octet string.
            _ if tag.is_constructed() || tag == Tag::OctetString => {
                walk(member.value(), depth + 1, found);
            }
            _ => {}
        }
    }
}

fn is_scrypt(any: AnyRef<'_>) -> bool {
    any.decode_as::<ObjectIdentifier>()
        .is_ok_and(|oid| oid == SCRYPT)
}

/// A whole number; what is negative or too large counts as the largest.
fn number(any: AnyRef<'_>) -> u64 {
    any.decode_as::<u64>().unwrap_or(u64::MAX)
}
