//! What came of an operation, and how a change is made: together with its entry
//! in the audit log, or not at all.

use serde::Serialize;
use serde_json::{Value, json};
use tracing::info;

use super::condition::Tag;
use super::error::Outcome;
use super::{Caller, Operations};
use crate::audit;
use crate::base::AccountId;
use crate::store::{Step, Version, Versioned};

/// What was read.
#[derive(Debug, Clone)]
pub struct Found<T> {
    /// What it is.
    pub value: T,
    /// What a change of it can be bound to.
    pub tag: Tag,
}

impl<T> Found<T> {
    /// What was read, as something else.
    pub fn of<R>(found: Versioned<R>, view: impl FnOnce(R) -> T) -> Self {
        Self {
            tag: found.version.into(),
            value: view(found.value),
        }
    }
}

/// What was changed.
#[derive(Debug, Clone)]
pub struct Changed<T> {
    /// What it became.
    pub value: T,
    /// What the next change of it can be bound to.
    pub tag: Option<Tag>,
    /// Whether it was not there before.
    pub created: bool,
}

impl<T> Changed<T> {
    /// A thing that was made.
    pub fn created(value: T, version: Version) -> Self {
        Self {
            created: true,
            ..Self::to(value, version)
        }
    }

    /// What a thing became, or was already.
    pub fn to(value: T, version: Version) -> Self {
        Self {
            value,
            tag: Some(version.into()),
            created: false,
        }
    }
}

/// A change that leaves nothing to show.
#[derive(Debug, Clone)]
pub struct Done {
    /// What the next change of what it was about can be bound to.
    pub tag: Option<Tag>,
}

/// What the audit log says of a change.
#[derive(Debug)]
pub struct Entry {
    what: &'static str,
    account: Option<String>,
    target: String,
    before: Value,
    after: Value,
}

impl Entry {
    /// What is done, `account.change`, and the address of what it is done to.
    pub fn new(what: &'static str, target: String) -> Self {
        Self {
            what,
            account: None,
            target,
            before: Value::Null,
            after: Value::Null,
        }
    }

    /// In which account; the broker's own otherwise.
    #[must_use]
    pub fn of(mut self, account: Option<&AccountId>) -> Self {
        self.account = account.map(AccountId::to_string);
        self
    }

    /// What it was, without secrets.
    #[must_use]
    pub fn before(mut self, before: &impl Serialize) -> Self {
        self.before = json!(before);
        self
    }

    /// What it becomes, without secrets.
    #[must_use]
    pub fn after(mut self, after: &impl Serialize) -> Self {
        self.after = json!(after);
        self
    }
}

impl Operations {
    /// The step of a batch that writes an entry to the audit log.
    pub fn note(&self, caller: &Caller, entry: Entry) -> Outcome<Step> {
        let entry = audit::Entry {
            id: String::new(),
            at: String::new(),
            who: caller.name().to_owned(),
            what: entry.what.to_owned(),
            account: entry.account,
            target: entry.target,
            before: entry.before,
            after: entry.after,
        };
        Ok(audit::step(self.clock.now(), entry)?)
    }

    /// Makes a change and writes it down in the audit log, in one commit. Gives
    /// the version of the record that is put first, where one is.
    pub async fn commit(
        &self,
        caller: &Caller,
        entry: Entry,
        mut steps: Vec<Step>,
    ) -> Outcome<Version> {
        let (what, target) = (entry.what, entry.target.clone());
        steps.push(self.note(caller, entry)?);
        let versions = self.store.commit(steps).await?;
        info!(target: "vestibule::admin", by = caller.name(), what, of = target, "changed");
        Ok(versions.first().copied().unwrap_or(Version(0)))
    }
}
