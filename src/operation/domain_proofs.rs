//! Domains of emails that an account's people prove by DNS.
//!
//! What is proved counts as verified for this account: an email of the domain goes to
//! the provider that the account named for it, without who administers all accounts
//! having looked. It counts in no other account.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use tracing::{info, warn};

use super::accounts::domain_name;
use super::{
    Access, Caller, Changed, Condition, Done, Entry, Found, OperationError, Operations, Outcome,
    Page, Paging,
};
use crate::account::domain_proof::{self, DomainProof, MOST, Seen};
use crate::account::{self};
use crate::base::{AccountId, ErrorCode, Timestamp};
use crate::store::{Precondition, StoreError, Versioned};

/// Who asks again within so long is told what the last look-up found.
const PAUSE: Duration = Duration::from_secs(5);
/// How many accounts one step of looking again reads.
const STEP: usize = 200;

/// A domain that an account's people say is theirs, and whether they proved it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "DomainProof")]
pub struct DomainProofView {
    /// The domain.
    pub domain: String,
    /// The name of the TXT record that proves it.
    pub record_name: String,
    /// What the record has to be. It is this account's and this domain's only.
    pub record_value: String,
    /// Whether it counts as proved now.
    pub proved: bool,
    /// Since when (RFC 3339).
    pub proved_at: Option<String>,
    /// Until when it counts if the record is not seen again (RFC 3339).
    pub counts_until: Option<String>,
    /// When the record was looked up last (RFC 3339).
    pub looked_at: Option<String>,
    /// What that found: `record`, `nothing`, `other` (other values only: another
    /// account's, or old ones), `alias` (a CNAME, which is not followed) or `no_answer`.
    pub found: Option<Seen>,
    /// Who asked for it.
    pub created_by: String,
    /// RFC 3339.
    pub created_at: String,
}

fn view(proof: &DomainProof, now: Timestamp) -> DomainProofView {
    let proved = proof.counts(now);
    let until = proof.seen_at.map(|seen| seen.plus(domain_proof::COUNTS));
    DomainProofView {
        domain: proof.domain.clone(),
        record_name: proof.name(),
        record_value: proof.value.clone(),
        proved,
        proved_at: proof.proved_at.filter(|_| proved).map(Timestamp::rfc3339),
        counts_until: until.map(Timestamp::rfc3339),
        looked_at: proof.looked_at.map(Timestamp::rfc3339),
        found: proof.found,
        created_by: proof.created_by.clone(),
        created_at: proof.created_at.rfc3339(),
    }
}

fn address(proof: &DomainProof) -> String {
    format!("/accounts/{}/domains/{}", proof.account, proof.domain)
}

fn missing() -> OperationError {
    OperationError::missing("domain")
}

async fn find(
    ops: &Operations,
    caller: &Caller,
    access: Access,
    (account, domain): (&str, &str),
) -> Outcome<Versioned<DomainProof>> {
    let account = ops.account(caller, access, account).await?.value.id;
    let domain = domain_name(domain).ok_or_else(missing)?;
    domain_proof::get(&*ops.store, &account, &domain)
        .await?
        .ok_or_else(missing)
}

/// A page of the domains that an account's people prove.
pub async fn list(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    paging: &Paging,
) -> Outcome<Page<DomainProofView>> {
    let account = ops.account(caller, Access::Read, account).await?.value.id;
    let now = ops.clock.now();
    let found = domain_proof::list(&*ops.store, &account).await?;
    let all = found.iter().map(|proof| view(&proof.value, now)).collect();
    Page::of_all(all, paging, |proof: &DomainProofView| proof.domain.clone())
}

/// A domain, with the record that proves it.
pub async fn show(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    domain: &str,
) -> Outcome<Found<DomainProofView>> {
    let found = find(ops, caller, Access::Read, (account, domain)).await?;
    let now = ops.clock.now();
    Ok(Found::of(found, |proof| view(&proof, now)))
}

/// Says that a domain is the account's people's: gives the record that proves it. Said
/// again, it is the same record.
pub async fn begin(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    domain: &str,
) -> Outcome<Changed<DomainProofView>> {
    let account = ops.account(caller, Access::Write, account).await?.value.id;
    let (store, now) = (&*ops.store, ops.clock.now());
    let Some(domain) = domain_name(domain) else {
        let why = format!("`{domain}` is not a domain of emails; it is written as in `acme.test`");
        return Err(OperationError::invalid(
            ErrorCode::DomainInvalid,
            "domain",
            why,
        ));
    };
    if let Some(found) = domain_proof::get(store, &account, &domain).await? {
        return Ok(Changed::to(view(&found.value, now), found.version));
    }
    if domain_proof::list(store, &account).await?.len() >= MOST {
        return Err(OperationError::new(
            ErrorCode::DomainTooMany,
            format!("an account proves at most {MOST} domains; remove those that are not needed"),
        )
        .at("domain"));
    }
    let proof = DomainProof::new(account, domain, caller.name(), now);
    let made = view(&proof, now);
    let entry = Entry::new("domain.begin", address(&proof))
        .of(Some(&proof.account))
        .after(&made);
    let steps = domain_proof::steps_put(&proof, Precondition::Absent)?;
    let version = ops.commit(caller, entry, steps).await?;
    Ok(Changed::created(made, version))
}

/// Looks the record up, and says what was found.
pub async fn check(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    domain: &str,
) -> Outcome<Changed<DomainProofView>> {
    let found = find(ops, caller, Access::Write, (account, domain)).await?;
    let proof = &found.value;
    let now = ops.clock.now();
    if proof.looked_at.is_some_and(|last| now.since(last) < PAUSE) {
        return Ok(Changed::to(view(proof, now), found.version));
    }
    let after = look(ops, proof).await;
    let now = ops.clock.now();
    let entry = Entry::new("domain.check", address(proof))
        .of(Some(&proof.account))
        .before(&view(proof, now))
        .after(&view(&after, now));
    let steps = domain_proof::steps_put(&after, Precondition::Version(found.version))?;
    match ops.commit(caller, entry, steps).await {
        Ok(version) => Ok(Changed::to(view(&after, now), version)),
        // Somebody else looked meanwhile.
        Err(error) if error.is_stale() => {
            let found = find(ops, caller, Access::Write, (account, domain)).await?;
            Ok(Changed::to(view(&found.value, now), found.version))
        }
        Err(error) => Err(error),
    }
}

async fn look(ops: &Operations, proof: &DomainProof) -> DomainProof {
    let answer = ops.txt.at(&proof.name()).await;
    if let Err(why) = &answer {
        info!(account = %proof.account, domain = proof.domain, %why, "a domain is not proved by DNS");
    }
    proof.after(&answer, ops.clock.now())
}

/// Takes back that a domain is the account's people's. Said again, it is another record.
pub async fn remove(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    domain: &str,
    when: &Condition,
) -> Outcome<Done> {
    let found = find(ops, caller, Access::Write, (account, domain)).await?;
    let guard = when.over(Some(found.version))?;
    let proof = &found.value;
    let entry = Entry::new("domain.remove", address(proof))
        .of(Some(&proof.account))
        .before(&view(proof, ops.clock.now()));
    let steps = domain_proof::steps_remove(proof, guard);
    ops.commit(caller, entry, steps).await?;
    Ok(Done { tag: None })
}

/// Looks the records of all accounts up that were not looked up for a day; says how many
/// of them are not there any more.
pub async fn look_again(ops: &Operations) -> Result<usize, StoreError> {
    let store = &*ops.store;
    let mut after: Option<AccountId> = None;
    let mut lost = 0;
    loop {
        let accounts = account::page(store, after.as_ref(), STEP).await?;
        for account in &accounts {
            for proof in domain_proof::list(store, &account.value.id).await? {
                lost += usize::from(!look_again_at(ops, &proof).await?);
            }
        }
        match accounts.last() {
            Some(last) if accounts.len() == STEP => after = Some(last.value.id.clone()),
            _ => return Ok(lost),
        }
    }
}

async fn look_again_at(
    ops: &Operations,
    found: &Versioned<DomainProof>,
) -> Result<bool, StoreError> {
    let proof = &found.value;
    if !proof.is_due(ops.clock.now()) {
        return Ok(true);
    }
    let after = look(ops, proof).await;
    let seen = after.found == Some(Seen::Record);
    if !seen {
        warn!(account = %proof.account, domain = proof.domain, "the record that proves a domain was not seen");
    }
    let steps = domain_proof::steps_put(&after, Precondition::Version(found.version))?;
    match ops.store.commit(steps).await {
        // Another broker looked meanwhile, or it was removed.
        Ok(_) | Err(StoreError::Conflict) => Ok(seen),
        Err(error) => Err(error),
    }
}
