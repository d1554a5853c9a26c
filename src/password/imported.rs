//! Hashes that other systems made, so that a user base moves in without resets.
//!
//! They are checked as they are, and replaced by one of ours at the first login that
//! was right. What is read:
//!
//! | made by | looks like |
//! |---|---|
//! | bcrypt | `$2a$`, `$2b$` or `$2y$`, cost, salt and hash |
//! | PBKDF2 | `$pbkdf2-sha256$i=600000$salt$hash`, `$pbkdf2-sha256$29000$salt$hash` (passlib), `pbkdf2_sha256$600000$salt$hash` (Django) |
//! | scrypt | `$scrypt$ln=16,r=8,p=1$salt$hash`, `scrypt$n$salt$r$p$hash` and `scrypt$salt$n$r$p$hash` (Django) |
//! | argon2 | `$argon2id$…`, `$argon2i$…`, `$argon2d$…`, and Django's `argon2$argon2id$…` |
//! | salted SHA | `{SSHA}…`, `{SSHA256}…`, `{SSHA512}…` (LDAP), `sha1$salt$hex`, `sha256$salt$hex`, `sha512$salt$hex` |

use std::num::NonZeroU32;

use aws_lc_rs::{digest, pbkdf2};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::error::HashError;
use crate::base::digest::same;

/// The most that a hash may cost, about two seconds of one processor. More would let
/// who writes one stop the others' logins.
const MAX_BCRYPT_COST: u32 = 14;
const MAX_ROUNDS: u64 = 5_000_000;
/// What is filled, over all lanes: one after the other fills it anew.
const MAX_SCRYPT_WORK: u64 = 256 << 20;
/// The longest text of a hash.
const MAX_TEXT: usize = 1024;
/// The shortest hash, in bytes. Of shorter ones many passwords would be right.
const SHORTEST: usize = 16;

/// Base64 with or without padding: writers differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A hash that was read.
enum Imported {
    Bcrypt(String),
    Pbkdf2 {
        algorithm: pbkdf2::Algorithm,
        rounds: NonZeroU32,
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
    Scrypt {
        params: scrypt::Params,
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
    Sha {
        algorithm: &'static digest::Algorithm,
        salt: Vec<u8>,
        /// The salt stands before the password.
        salt_first: bool,
        hash: Vec<u8>,
    },
}

/// Whether this is a hash that [`is_of`] can check, argon2 aside.
pub(super) fn is_known(text: &str) -> bool {
    read(text).is_some()
}

/// Whether a password hashes to this.
pub(super) fn is_of(text: &str, password: &str) -> Result<bool, HashError> {
    match read(text).ok_or(HashError::Failed)? {
        Imported::Bcrypt(text) => bcrypt::verify(password, &text).map_err(|_| HashError::Failed),
        Imported::Pbkdf2 {
            algorithm,
            rounds,
            salt,
            hash,
        } => Ok(pbkdf2::verify(algorithm, rounds, &salt, password.as_bytes(), &hash).is_ok()),
        Imported::Scrypt { params, salt, hash } => {
            let mut made = vec![0; hash.len()];
            scrypt::scrypt(password.as_bytes(), &salt, &params, &mut made)
                .map_err(|_| HashError::Failed)?;
            Ok(same(&made, &hash))
        }
        Imported::Sha {
            algorithm,
            salt,
            salt_first,
            hash,
        } => {
            let parts = if salt_first {
                [&salt, password.as_bytes()]
            } else {
                [password.as_bytes(), &salt]
            };
            let made = digest::digest(algorithm, &parts.concat());
            Ok(same(made.as_ref(), &hash))
        }
    }
}

/// What one check costs, in microseconds of one processor, roughly. Two of one kind and
/// with the same parameters cost the same.
pub(super) fn work(text: &str) -> Option<u64> {
    Some(match read(text)? {
        Imported::Bcrypt(text) => {
            let cost: u32 = text.split('$').nth(2)?.parse().ok()?;
            58 << cost.min(MAX_BCRYPT_COST)
        }
        Imported::Pbkdf2 { rounds, hash, .. } => {
            u64::from(rounds.get()) * u64::try_from(hash.len().div_ceil(20)).ok()? * 2 / 5
        }
        Imported::Scrypt { params, .. } => {
            let blocks = u64::from(params.r()) * u64::from(params.p());
            (128 << params.log_n()) * blocks / 333
        }
        Imported::Sha { .. } => 1,
    })
}

fn read(text: &str) -> Option<Imported> {
    if text.len() > MAX_TEXT || !text.is_ascii() {
        return None;
    }
    if let Some(rest) = text.strip_prefix('{') {
        let (scheme, rest) = rest.split_once('}')?;
        return ldap(scheme, rest);
    }
    if text.starts_with("$2") {
        return bcrypt(text);
    }
    let parts: Vec<&str> = text.trim_start_matches('$').split('$').collect();
    let (name, rest) = parts.split_first()?;
    match (name.split_once(['-', '_']), *name) {
        (Some(("pbkdf2", hash)), _) => pbkdf2_of(hash, rest, text.starts_with('$')),
        (_, "scrypt") => scrypt_of(rest),
        (_, name) => sha_of(name, rest),
    }
}

fn bcrypt(text: &str) -> Option<Imported> {
    let mut parts = text.split('$').skip(1);
    let version = parts.next()?;
    let cost: u32 = parts.next()?.parse().ok()?;
    let rest = parts.next()?;
    let good = ["2a", "2b", "2y"].contains(&version)
        && (4..=MAX_BCRYPT_COST).contains(&cost)
        && rest.len() == 53
        && parts.next().is_none();
    good.then(|| Imported::Bcrypt(text.to_owned()))
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    // Passlib writes `.` where others write `+`.
    let found = BASE64.decode(text.replace('.', "+")).ok()?;
    (!found.is_empty() && found.len() <= 256).then_some(found)
}

fn pbkdf2_of(name: &str, rest: &[&str], encoded_salt: bool) -> Option<Imported> {
    let (algorithm, block) = match name {
        "sha1" => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
        "sha256" => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
        "sha384" => (pbkdf2::PBKDF2_HMAC_SHA384, 48),
        "sha512" => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
        _ => return None,
    };
    let [rounds, salt, hash] = rest else {
        return None;
    };
    let rounds = rounds
        .split(',')
        .map(|part| part.strip_prefix("i=").unwrap_or(part))
        .find_map(|part| part.parse::<u32>().ok())?;
    let hash = decoded(hash)?;
    // Each block of a long hash takes all the rounds (RFC 8018 §5.2).
    let blocks = hash.len().div_ceil(block);
    let work = u64::from(rounds).checked_mul(u64::try_from(blocks).ok()?)?;
    if work > MAX_ROUNDS || hash.len() < SHORTEST {
        return None;
    }
    Some(Imported::Pbkdf2 {
        algorithm,
        rounds: NonZeroU32::new(rounds)?,
        // Django's salt is text as it stands.
        salt: if encoded_salt {
            decoded(salt)?
        } else {
            salt.as_bytes().to_vec()
        },
        hash,
    })
}

fn scrypt_of(rest: &[&str]) -> Option<Imported> {
    let (log_n, r, p, salt, hash) = match rest {
        [cost, salt, hash] => {
            let of = |name: &str| {
                let mut parts = cost.split(',');
                let found = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
                found?.parse::<u32>().ok()
            };
            (
                of("ln")?,
                of("r")?,
                of("p")?,
                decoded(salt)?,
                decoded(hash)?,
            )
        }
        [one, two, r, p, hash] => {
            // Versions of Django differ in which of them is first.
            let is_cost = |text: &str| {
                let cost = text.parse::<u64>().ok()?;
                (cost >= 2 && cost.is_power_of_two()).then_some(cost)
            };
            let (cost, salt) = match (is_cost(one), is_cost(two)) {
                (Some(cost), _) => (cost, two),
                (None, Some(cost)) => (cost, one),
                (None, None) => return None,
            };
            let salt = salt.as_bytes().to_vec();
            (
                cost.ilog2(),
                r.parse().ok()?,
                p.parse().ok()?,
                salt,
                decoded(hash)?,
            )
        }
        _ => return None,
    };
    let work = 1u64
        .checked_shl(log_n)?
        .checked_mul(128)?
        .checked_mul(u64::from(r))?
        .checked_mul(u64::from(p))?;
    if work > MAX_SCRYPT_WORK || !(SHORTEST..=64).contains(&hash.len()) {
        return None;
    }
    let params = scrypt::Params::new(u8::try_from(log_n).ok()?, r, p).ok()?;
    Some(Imported::Scrypt { params, salt, hash })
}

fn algorithm(name: &str) -> Option<&'static digest::Algorithm> {
    Some(match name {
        "sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => &digest::SHA256,
        "sha512" => &digest::SHA512,
        _ => return None,
    })
}

fn ldap(scheme: &str, rest: &str) -> Option<Imported> {
    let algorithm = algorithm(match scheme.to_ascii_uppercase().as_str() {
        "SSHA" => "sha1",
        "SSHA256" => "sha256",
        "SSHA512" => "sha512",
        _ => return None,
    })?;
    let both = decoded(rest)?;
    let (hash, salt) = both.split_at_checked(algorithm.output_len())?;
    (!salt.is_empty()).then(|| Imported::Sha {
        algorithm,
        salt: salt.to_vec(),
        salt_first: false,
        hash: hash.to_vec(),
    })
}

fn sha_of(name: &str, rest: &[&str]) -> Option<Imported> {
    let algorithm = algorithm(name)?;
    let [salt, hash] = rest else {
        return None;
    };
    let byte = |at: usize| u8::from_str_radix(hash.get(at..at + 2)?, 16).ok();
    let bytes: Option<Vec<u8>> = (0..hash.len()).step_by(2).map(byte).collect();
    let hash = bytes?;
    (hash.len() == algorithm.output_len() && !salt.is_empty()).then(|| Imported::Sha {
        algorithm,
        salt: salt.as_bytes().to_vec(),
        salt_first: true,
        hash,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of `password`, in the forms of several systems; made with libraries that
    /// are not ours.
    const HASHES: [&str; 6] = [
        "$2b$04$abcdefghijklmnopqrstuughE8Ev8uGFaUgY2cNEySvxngrb/Jzdm",
        "$pbkdf2-sha256$1000$c2FsdHNhbHQ$E196ZhRPzw.wA84EjzHwJO1cv/MFJdO6C/sxmUeTYqY",
        "pbkdf2_sha256$1000$saltsalt$E196ZhRPzw+wA84EjzHwJO1cv/MFJdO6C/sxmUeTYqY=",
        "$scrypt$ln=4,r=8,p=1$c2FsdHNhbHQ$xdm4IMyPApeWQ+5AiPVw2L3OCnA4OBnnwWGIV2OM5+o",
        "{SSHA}yrht1iYXEIkejLVu42JWkadd80RzYWx0c2FsdA==",
        "sha256$saltsalt$1e4b70574b8ec9633ef4a1fc1113fbf5c04b6ec810798554bbc6bfe85beabb4c",
    ];

    #[test]
    fn hashes_of_others_are_checked() {
        for hash in HASHES {
            assert!(is_known(hash), "{hash}");
            assert_eq!(is_of(hash, "password"), Ok(true), "{hash}");
            assert_eq!(is_of(hash, "Password"), Ok(false), "{hash}");
        }
    }

    #[test]
    fn what_costs_too_much_or_is_none_is_no_hash() {
        for text in [
            "",
            "password",
            "$2b$31$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie",
            "$pbkdf2-sha256$4000000000$c2FsdHNhbHQ$c2FsdHNhbHQ",
            "$scrypt$ln=30,r=8,p=1$c2FsdHNhbHQ$c2FsdHNhbHQxMjM0",
            "$scrypt$ln=4,r=4294967295,p=1$c2FsdHNhbHQ$c2FsdHNhbHQxMjM0",
            "{SSHA}c2FsdA==",
            "sha256$salt$00",
            "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
        ] {
            assert!(!is_known(text), "{text}");
        }
    }
}
