//! Proofs that a domain of emails is an account's people's, by DNS.
//!
//! Who says that a domain is theirs gets a value, which is this account's and this
//! domain's only. Who runs the domain puts it into a TXT record. The record has to stay:
//! it is looked up each day, and a proof counts for a week from the last time it was
//! seen, so that a domain that changes hands is proved by nobody soon after.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::digest::hex;
use crate::base::{AccountId, Timestamp, random};
use crate::outbound::TxtError;
use crate::store::{Keyspace, Precondition, Space, Step, Store, StoreError, Versioned};

static PROOFS: Space = Space::durable("domain_proofs");

const SPACE: Keyspace<DomainProof> = Keyspace::new(&PROOFS);

/// The most domains that an account proves at once.
pub const MOST: usize = 50;
/// How long a proof counts from the last time its record was seen.
pub const COUNTS: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long it is until the record of a proof is looked up again.
pub const AGAIN: Duration = Duration::from_secs(24 * 3600);
/// The label below a domain that has the record.
const LABEL: &str = "_vestibule-challenge";

/// A domain that is to be proved, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainProof {
    /// The account whose people say that the domain is theirs.
    pub account: AccountId,
    /// The domain.
    pub domain: String,
    /// What the record has to be. Everybody can read it there.
    pub value: String,
    /// Who said so.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// When the record was seen first, since when it was not missing for long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved_at: Option<Timestamp>,
    /// When the record was seen last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Timestamp>,
    /// When it was looked up last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// What that found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Seen>,
}

/// What a look-up found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// The record, with this account's value.
    Record,
    /// No record.
    Nothing,
    /// Records of this name with other values only: another account's, or old ones.
    Other,
    /// An alias to another name, which is not followed.
    Alias,
    /// No answer.
    NoAnswer,
}

impl DomainProof {
    /// A domain that is to be proved.
    pub fn new(account: AccountId, domain: String, by: &str, now: Timestamp) -> Self {
        Self {
            account,
            domain,
            // Of nobody else's making, so that no value of before counts for who has
            // the account's id after.
            value: format!("vestibule-{}", hex(&random::bytes::<20>())),
            created_by: by.to_owned(),
            created_at: now,
            proved_at: None,
            seen_at: None,
            looked_at: None,
            found: None,
        }
    }

    /// The name that has the record.
    pub fn name(&self) -> String {
        format!("{LABEL}.{}", self.domain)
    }

    /// Whether the domain counts as the account's people's.
    pub fn counts(&self, now: Timestamp) -> bool {
        self.seen_at.is_some_and(|seen| now.since(seen) < COUNTS)
    }

    /// Whether its record is to be looked up again, so that it goes on counting.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.counts(now) && self.looked_at.is_none_or(|last| now.since(last) >= AGAIN)
    }

    /// What it is after a look-up.
    #[must_use]
    pub fn after(&self, answer: &Result<Vec<String>, TxtError>, now: Timestamp) -> Self {
        let found = match answer {
            Ok(texts) if texts.iter().any(|text| text.trim() == self.value) => Seen::Record,
            Ok(_) => Seen::Other,
            Err(TxtError::Absent) => Seen::Nothing,
            Err(TxtError::Alias) => Seen::Alias,
            Err(TxtError::Unanswered(_)) => Seen::NoAnswer,
        };
        let mut after = self.clone();
        after.looked_at = Some(now);
        after.found = Some(found);
        if found == Seen::Record {
            after.proved_at = self.proved_at.filter(|_| self.counts(now)).or(Some(now));
            after.seen_at = Some(now);
        }
        after
    }
}

/// Reads the proof of a domain.
pub async fn get(
    store: &dyn Store,
    account: &AccountId,
    domain: &str,
) -> Result<Option<Versioned<DomainProof>>, StoreError> {
    SPACE.get(store, account.as_str(), domain.as_bytes()).await
}

/// Whether an account's people proved a domain.
pub async fn is_proved(
    store: &dyn Store,
    account: &AccountId,
    domain: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found = get(store, account, &domain.to_ascii_lowercase()).await?;
    Ok(found.is_some_and(|proof| proof.value.counts(now)))
}

/// The proofs of an account, in the order of their domains.
pub async fn list(
    store: &dyn Store,
    account: &AccountId,
) -> Result<Vec<Versioned<DomainProof>>, StoreError> {
    let found = SPACE.page(store, account.as_str(), b"", None, 2 * MOST);
    Ok(found.await?.into_iter().map(|(_, proof)| proof).collect())
}

/// The steps of a batch that write a proof if `when` holds.
pub fn steps_put(proof: &DomainProof, when: Precondition) -> Result<Vec<Step>, StoreError> {
    let (account, domain) = (proof.account.as_str(), proof.domain.as_bytes());
    Ok(vec![
        SPACE.step_check(account, domain, when),
        SPACE.step_put(account, domain, proof)?,
    ])
}

/// The steps of a batch that remove a proof if `when` holds.
pub fn steps_remove(proof: &DomainProof, when: Precondition) -> Vec<Step> {
    let (account, domain) = (proof.account.as_str(), proof.domain.as_bytes());
    vec![
        SPACE.step_check(account, domain, when),
        SPACE.step_delete(account, domain),
    ]
}

pub(super) fn space() -> &'static Space {
    &PROOFS
}
