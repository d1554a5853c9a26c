//! The codes that people type (RFC 8628 §6.1), and what they lead to.

use super::{DeviceRequest, LIFETIME, RECORDS, REQUESTS, TRIES};
use crate::authority::Authority;
use crate::authority::error::OAuthError;
use crate::base::{Timestamp, digest, random};
use crate::store::{Key, Keyspace, Precondition, Space, StoreError, Versioned};

pub(super) static USER_CODES: Space = Space::transient("device_user_codes").expiring();

/// By the code that people type; has the id of the request.
const BY_USER_CODE: Keyspace<Vec<u8>> = Keyspace::new(&USER_CODES);

/// Letters that are no vowels, and hard to mistake (RFC 8628 §6.1): 34 bits in eight.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// How many letters a code has.
const LENGTH: usize = 8;

impl Authority {
    /// A code that nobody has, which leads to a request.
    pub(super) async fn new_user_code(&self, request: &Key) -> Result<String, OAuthError> {
        for _ in 0..TRIES {
            let code = generate();
            if self.request_of(&code).await?.is_some() {
                continue;
            }
            let [_, last] = self.user_code_keys(&code);
            let id = request.id().to_vec();
            match BY_USER_CODE
                .put_at(&*self.store, last, &id, Precondition::Absent)
                .await
            {
                Ok(_) => return Ok(code),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// Where a code is that is out now. The key has the end of a period in it, as no
    /// typed code says when it ends: one that was made in the last period, or in this.
    fn user_code_keys(&self, code: &str) -> [Key; 2] {
        let period = LIFETIME.as_secs();
        let this = self.now().as_secs() / period;
        [this + 1, this + 2].map(|end| {
            let until = Timestamp::from_secs(end.saturating_mul(period));
            let id = digest::sha256(code.as_bytes());
            Key::expiring(&USER_CODES, "", until, &id)
        })
    }

    pub(super) async fn request_of(
        &self,
        code: &str,
    ) -> Result<Option<(Key, Versioned<DeviceRequest>)>, StoreError> {
        for key in self.user_code_keys(code) {
            let Some(id) = BY_USER_CODE.get_at(&*self.store, &key).await? else {
                continue;
            };
            let Some(key) = Key::of_id(&REQUESTS, "", id.value) else {
                continue;
            };
            if let Some(found) = RECORDS.get_at(&*self.store, &key).await? {
                return Ok(Some((key, found)));
            }
        }
        Ok(None)
    }
}

/// A code of random letters.
fn generate() -> String {
    let mut code = String::new();
    while code.len() < LENGTH {
        for byte in random::bytes::<16>() {
            // Each letter is as likely as any other.
            let letter = LETTERS.get(usize::from(byte & 31));
            if let Some(letter) = letter.filter(|_| code.len() < LENGTH) {
                code.push(char::from(*letter));
            }
        }
    }
    code
}

/// A code as people read it: `WDJB-MJHT`.
pub(super) fn shown(code: &str) -> String {
    let (left, right) = code.split_at(LENGTH / 2);
    format!("{left}-{right}")
}

/// A code as it was typed, without what stands between the letters; `None` if it can
/// be none.
pub(super) fn letters(typed: &str) -> Option<String> {
    if typed.len() > 100 {
        return None;
    }
    let code: String = typed
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
        .collect();
    let good = code.len() == LENGTH && code.bytes().all(|letter| LETTERS.contains(&letter));
    good.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_type_it() {
        for typed in ["WDJB-MJHT", "wdjb mjht", " wdjbmjht. "] {
            assert_eq!(letters(typed).as_deref(), Some("WDJBMJHT"), "{typed}");
        }
        for typed in ["", "WDJB-MJH", "WDJB-MJHTB", "WDJB-MJHA", "ＷDJB-MJHT"] {
            assert_eq!(letters(typed), None, "{typed}");
        }
    }

    #[test]
    fn codes_have_letters_that_are_hard_to_mistake() {
        for _ in 0..100 {
            let code = generate();
            assert_eq!(letters(&shown(&code)).as_deref(), Some(code.as_str()));
        }
    }
}
