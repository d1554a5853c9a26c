//! Several writes as one transaction.
//!
//! What the steps come to is found before: one outcome for each key, and what must
//! hold of it. The records are locked and written in the order of their keys, so
//! that two batches wait for each other and never in a circle.

use std::collections::BTreeMap;

use super::super::versions::Versions;
use super::super::{Key, Precondition, Step, StoreError, Version, Watched};
use super::failure::Failure;
use super::pool::{Lease, Parameter};
use super::row::{Written, ends_of, signed, unsigned};
use super::statements::Statements;
use crate::base::Timestamp;

/// How often a transaction is tried that others are in the way of.
const TRIES: usize = 20;

/// The last write of a record.
#[derive(Clone, Copy)]
enum Last<'a> {
    Put(&'a [u8]),
    Removed,
}

/// What becomes of a record.
#[derive(Default)]
struct Outcome<'a> {
    key: Option<&'a Key>,
    checks: Vec<Precondition>,
    write: Option<Last<'a>>,
    /// Which of the batch's puts are of it.
    puts: Vec<usize>,
}

/// By partition, space and id.
type Outcomes<'a> = BTreeMap<(&'a str, &'static str, &'a [u8]), Outcome<'a>>;

fn outcomes(steps: &[Step]) -> (Outcomes<'_>, usize) {
    let mut outcomes = Outcomes::new();
    let mut puts = 0;
    for step in steps {
        let key = step.key();
        let at = (key.partition(), key.space().name, key.id());
        let outcome = outcomes.entry(at).or_default();
        match step {
            Step::Check(_, when) => {
                outcome.key.get_or_insert(key);
                outcome.checks.push(*when);
            }
            Step::Put(_, value) => {
                // The last one says whose the record is.
                outcome.key = Some(key);
                outcome.write = Some(Last::Put(value));
                outcome.puts.push(puts);
                puts += 1;
            }
            Step::Delete(_) => {
                outcome.key.get_or_insert(key);
                outcome.write = Some(Last::Removed);
            }
        }
    }
    (outcomes, puts)
}

/// Does all steps or none.
pub(super) async fn commit(
    lease: &Lease,
    statements: &Statements,
    (versions, now): (&Versions, Timestamp),
    steps: &[Step],
) -> Result<Vec<Version>, StoreError> {
    let (outcomes, puts) = outcomes(steps);
    // "There is none" of a record that the batch does not write can't be locked.
    // Two batches that each make what the other says is missing would both succeed.
    let strict = outcomes.values().any(|outcome| {
        outcome.checks.contains(&Precondition::Absent)
            && !matches!(outcome.write, Some(Last::Put(_)))
    });
    let begin = if strict {
        "BEGIN ISOLATION LEVEL SERIALIZABLE"
    } else {
        "BEGIN ISOLATION LEVEL READ COMMITTED"
    };
    let mut tried = 0;
    loop {
        lease.begin(begin).await?;
        let batch = Batch {
            lease,
            statements,
            versions,
            now,
        };
        let done = match batch.write(&outcomes, puts).await {
            Ok(versions) => lease.end("COMMIT").await.map(|()| versions),
            Err(failure) => Err(failure),
        };
        let failure = match done {
            Ok(versions) => return Ok(versions),
            Err(failure) => failure,
        };
        tried += 1;
        lease.end("ROLLBACK").await?;
        match failure {
            Failure::Again if tried < TRIES => tokio::task::yield_now().await,
            failure => return Err(failure.into()),
        }
    }
}

struct Batch<'a> {
    lease: &'a Lease,
    statements: &'a Statements,
    versions: &'a Versions,
    now: Timestamp,
}

impl Batch<'_> {
    async fn write(&self, outcomes: &Outcomes<'_>, puts: usize) -> Result<Vec<Version>, Failure> {
        let parts: Vec<&str> = outcomes.keys().map(|(part, ..)| *part).collect();
        let spaces: Vec<&str> = outcomes.keys().map(|(_, space, _)| *space).collect();
        let ids: Vec<&[u8]> = outcomes.keys().map(|(.., id)| *id).collect();
        let rows = self
            .lease
            .rows(&self.statements.lock(), &[&parts, &spaces, &ids])
            .await?;
        let mut there = BTreeMap::new();
        for row in &rows {
            let at: (&str, &str, &[u8]) = (row.get(0), row.get(1), row.get(2));
            there.insert(at, Version(unsigned(row.get(3))));
        }
        let mut given = vec![Version(0); puts];
        for (at, outcome) in outcomes {
            let Some(key) = outcome.key else { continue };
            let stored = there.get(at).copied();
            let seen = stored.filter(|_| !key.is_expired(self.now));
            if !outcome.checks.iter().all(|when| when.holds(seen)) {
                return Err(StoreError::Conflict.into());
            }
        }
        for (at, outcome) in outcomes {
            let (Some(key), Some(write)) = (outcome.key, outcome.write) else {
                continue;
            };
            let stored = there.get(at).copied();
            let Last::Put(value) = write else {
                if let Some(version) = stored {
                    let (part, space, id) = *at;
                    self.lease
                        .rows(
                            &self.statements.delete,
                            &[&part, &space, &id, &signed(version)],
                        )
                        .await?;
                }
                continue;
            };
            let mut version = stored;
            for put in &outcome.puts {
                let next = self.versions.next(self.now, version);
                version = Some(next);
                given[*put] = next;
            }
            let absent = outcome.checks.contains(&Precondition::Absent);
            let last = self.put(key, value, version, stored, absent).await?;
            if let Some(put) = outcome.puts.last() {
                given[*put] = last;
            }
        }
        self.tell(outcomes).await?;
        Ok(given)
    }

    /// Last of all, so that little time passes until the changes are visible.
    async fn tell(&self, outcomes: &Outcomes<'_>) -> Result<(), Failure> {
        let heard = |outcome: &Outcome<'_>| match (outcome.key?.space().watched, outcome.write?) {
            (Watched::Writes, _) | (Watched::Removals, Last::Removed) => Some(()),
            _ => None,
        };
        let changed = outcomes
            .iter()
            .filter(|(_, outcome)| heard(outcome).is_some());
        let (mut spaces, mut parts, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for ((part, space, id), _) in changed {
            spaces.push(*space);
            parts.push(*part);
            ids.push(*id);
        }
        if !spaces.is_empty() {
            let tell = Statements::tell();
            self.lease.rows(&tell, &[&spaces, &parts, &ids]).await?;
        }
        Ok(())
    }

    /// Writes a record that was there as `stored` and is locked, or was not there.
    async fn put(
        &self,
        key: &Key,
        value: &[u8],
        version: Option<Version>,
        stored: Option<Version>,
        absent: bool,
    ) -> Result<Version, Failure> {
        let version = version.unwrap_or_else(|| self.versions.next(self.now, stored));
        let written = Written {
            part: key.partition(),
            space: key.space().name,
            id: key.id(),
            version: signed(version),
            ends: ends_of(key),
            owner: key.owner(),
            value,
        };
        let mut parameters: Vec<Parameter<'_>> = written.parameters().to_vec();
        let before = stored.map(signed);
        let sql = match &before {
            Some(before) => {
                parameters.push(before);
                &self.statements.update
            }
            // Made by somebody since the look.
            None if absent && !key.is_expired(self.now) => &self.statements.create,
            None => &self.statements.put,
        };
        let rows = self.lease.rows(sql, &parameters).await?;
        match rows.first() {
            Some(row) => Ok(Version(unsigned(row.get(0)))),
            None => Err(StoreError::Conflict.into()),
        }
    }
}
