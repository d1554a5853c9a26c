//! Users as steps of a batch, so that a change of one is on disk together with all
//! that is found by it and with what the audit log says of it, or not at all.

use std::collections::BTreeSet;

use super::words::{self, BY_WORD};
use super::{BY_EMAIL, BY_LINK, Link, RECORDS, User};
use crate::base::{AccountId, Timestamp, UserId};
use crate::provider::email;
use crate::store::{Precondition, Step, Store, StoreError, Versioned};

/// How many records one read fetches.
const STEP: usize = 500;

/// Why a user cannot be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Someone has the email.
    Email(UserId),
    /// Someone is known by this link.
    Link(Link),
}

/// The steps that create a user, or who stands in the way. The record is put first.
/// An email that a login claimed and then left alone gives the user its id.
///
/// The batch fails if somebody else takes the email or a link meanwhile.
pub async fn create(
    store: &dyn Store,
    account: &AccountId,
    user: &mut User,
    now: Timestamp,
) -> Result<Result<Vec<Step>, Taken>, StoreError> {
    let account = account.as_str();
    let key = email::key(&user.email);
    let claim = BY_EMAIL.get(store, account, key.as_bytes()).await?;
    let claimed = match &claim {
        None => Precondition::Absent,
        Some(claim) => {
            let holder = RECORDS.get(store, account, claim.value.as_bytes()).await?;
            match holder {
                Some(holder) if email::key(&holder.value.email) == key => {
                    return Ok(Err(Taken::Email(claim.value)));
                }
                // Left over from a change of email that did not end.
                Some(_) => {}
                None => {
                    user.id = claim.value;
                    user.generation = first_generation(now);
                }
            }
            Precondition::Version(claim.version)
        }
    };
    let mut links = Vec::new();
    for link in &user.links {
        let id = link.key();
        let found = BY_LINK.get(store, account, &id).await?;
        if let Some(found) = &found
            && let Some(other) = RECORDS.get(store, account, found.value.as_bytes()).await?
            && other.value.links.contains(link)
        {
            return Ok(Err(Taken::Link(link.clone())));
        }
        links.push((id, found.map(|found| found.version)));
    }
    let id = user.id.as_bytes();
    let mut steps = vec![
        RECORDS.step_check(account, id, Precondition::Absent),
        BY_EMAIL.step_check(account, key.as_bytes(), claimed),
        RECORDS.step_put(account, id, user)?,
        BY_EMAIL.step_put(account, key.as_bytes(), &user.id)?,
    ];
    for (link, version) in links {
        let when = version.map_or(Precondition::Absent, Precondition::Version);
        steps.push(BY_LINK.step_check(account, &link, when));
        steps.push(BY_LINK.step_put(account, &link, &user.id)?);
    }
    steps.extend(words::steps(account, user)?);
    Ok(Ok(steps))
}

/// The generation of a user whose id may have been another's before: what was issued
/// to that one counts no more.
pub(super) fn first_generation(now: Timestamp) -> u64 {
    now.as_millis()
}

/// The steps that make a user what is wanted. Its email stays.
///
/// The batch fails if somebody else writes the user meanwhile.
pub fn change(
    account: &AccountId,
    found: &Versioned<User>,
    wanted: &User,
) -> Result<Vec<Step>, StoreError> {
    let account = account.as_str();
    let id = wanted.id.as_bytes();
    let mut steps = vec![
        RECORDS.step_check(account, id, Precondition::Version(found.version)),
        RECORDS.step_put(account, id, wanted)?,
    ];
    let (old, new) = (words::of(&found.value), words::of(wanted));
    let word = words::Found { user: wanted.id };
    for id in new.difference(&old) {
        steps.push(BY_WORD.step_put(account, id, &word)?);
    }
    let gone = old.difference(&new);
    steps.extend(gone.map(|id| BY_WORD.step_delete(account, id)));
    for link in &found.value.links {
        if !wanted.links.contains(link) {
            let id = link.key();
            steps.push(BY_LINK.step_delete(account, &id));
        }
    }
    Ok(steps)
}

/// The steps that remove a user with everything that finds them.
///
/// The batch fails if somebody else writes the user meanwhile.
pub async fn remove(
    store: &dyn Store,
    account: &AccountId,
    found: &Versioned<User>,
) -> Result<Vec<Step>, StoreError> {
    let partition = account.as_str();
    let user = &found.value;
    let id = user.id.as_bytes();
    let mut steps = vec![
        RECORDS.step_check(partition, id, Precondition::Version(found.version)),
        RECORDS.step_delete(partition, id),
    ];
    let key = email::key(&user.email);
    let claim = BY_EMAIL.get(store, partition, key.as_bytes()).await?;
    if claim.is_some_and(|claim| claim.value == user.id) {
        steps.push(BY_EMAIL.step_delete(partition, key.as_bytes()));
    }
    for link in &user.links {
        let link = link.key();
        let found = BY_LINK.get(store, partition, &link).await?;
        if found.is_some_and(|found| found.value == user.id) {
            steps.push(BY_LINK.step_delete(partition, &link));
        }
    }
    // Also words that a crash left.
    let mut all: BTreeSet<Vec<u8>> = words::of(user);
    let mut after = None;
    loop {
        let page = BY_WORD.page_of(store, partition, id, after, STEP).await?;
        let Some((last, _)) = page.last() else {
            break;
        };
        after = Some(last.id().to_vec());
        all.extend(page.iter().map(|(key, _)| key.id().to_vec()));
    }
    steps.extend(all.iter().map(|id| BY_WORD.step_delete(partition, id)));
    Ok(steps)
}
