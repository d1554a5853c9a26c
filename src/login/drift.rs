//! The drift alarm: a provider's answers are not what they used to be.
//!
//! For every mapped value the alarm remembers how often it was there and of
//! which types, and of a whole answer the names and types; never a value. When
//! a value that was always there vanishes, or comes as another type, in several logins in
//! a row, that is a drift: a line in the log, a number in the metrics, an entry for the
//! admin API. One person's odd profile is none.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::warn;

use super::meters;
use crate::base::{AccountId, ProviderId, Timestamp};
use crate::provider::decode::type_name;
use crate::provider::extract::{Note, member_path};
use crate::store::{Keyspace, Precondition, Space, Store, StoreError};

static SHAPES: Space = Space::durable("shapes");

pub(super) fn space() -> &'static Space {
    &SHAPES
}

const SPACE: Keyspace<Shape> = Keyspace::new(&SHAPES);

/// How often a value must have been there, each time, before its absence says something.
const LOGINS_BEFORE_DRIFT: u64 = 5;
/// How often in a row something else has to come.
const LOGINS_OF_DRIFT: u64 = 3;
/// What a value is that is not there.
const MISSING: &str = "missing";
/// A shape is written down when it is news, and then every so many logins.
const LOGINS_BETWEEN_WRITES: u64 = 100;
/// The most drifts and names kept of one provider.
const MAX_DRIFTS: usize = 50;
const MAX_NAMES: usize = 300;

/// What is known of a provider's answers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KnownAnswers")]
pub struct Shape {
    /// Since when it is looked at.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub since: String,
    /// Logins that were looked at.
    pub logins: u64,
    /// Each mapped value.
    pub fields: BTreeMap<String, Field>,
    /// Names and types of the last answer that was news.
    pub names: BTreeMap<String, String>,
    /// What changed, the latest last.
    pub drifts: Vec<Drift>,
    /// Where the mapping has a `previous_secret`: whether the provider still wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_secret: Option<Previous>,
    /// Whether it was written down. One that is gone then was forgotten.
    #[serde(skip)]
    written: bool,
}

impl Shape {
    /// With what another broker has written down.
    fn beside(mut self, other: Self) -> Self {
        self.since = other.since;
        self.logins = self.logins.max(other.logins);
        for (name, field) in other.fields {
            let own = self.fields.entry(name).or_default();
            own.types.extend(field.types);
        }
        let news = other.drifts.into_iter();
        let news: Vec<Drift> = news.filter(|drift| !self.drifts.contains(drift)).collect();
        self.drifts.extend(news);
        self.drifts.sort_by(|one, two| one.at.cmp(&two.at));
        let surplus = self.drifts.len().saturating_sub(MAX_DRIFTS);
        self.drifts.drain(..surplus);
        self.previous_secret = self.previous_secret.or(other.previous_secret);
        self
    }
}

/// Whether a provider still wants the secret before the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PreviousSecret")]
pub enum Previous {
    /// It refused the new one and took the previous one.
    Needed,
    /// It took the new one: `client.previous_secret` may go.
    MayGo,
}

/// What is known of a mapped value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KnownField")]
pub struct Field {
    /// How often it was looked for since it last drifted.
    pub looked: u64,
    /// How often it was there.
    pub there: u64,
    /// The types it came as.
    pub types: BTreeSet<String>,
    /// What came in place of that the last times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odd: Option<Odd>,
}

/// What comes in place of a value, and is no drift yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OddField")]
pub struct Odd {
    /// Its type, or `missing`.
    pub is: String,
    /// How often in a row.
    pub times: u64,
}

impl Field {
    /// Looks at how the value came in one login; gives a drift where it has come
    /// otherwise often enough.
    fn look(&mut self, note: &Note, now: Timestamp) -> Option<Drift> {
        self.looked += 1;
        let found = note.matched.first();
        let is = found.map_or(MISSING, String::as_str);
        let before = self.odd.take();
        let again = before.as_ref().filter(|odd| odd.is == is);
        let times = again.map_or(1, |odd| odd.times + 1);
        let is_odd = match found {
            None => self.there >= LOGINS_BEFORE_DRIFT && self.there + times == self.looked,
            Some(found) => !self.types.is_empty() && !self.types.contains(found),
        };
        self.there += u64::from(found.is_some());
        if is_odd && times < LOGINS_OF_DRIFT {
            self.odd = Some(Odd {
                is: is.to_owned(),
                times,
            });
            return None;
        }
        let was: Vec<&str> = self.types.iter().map(String::as_str).collect();
        let drift = is_odd.then(|| Drift {
            at: now.rfc3339(),
            field: note.field.clone(),
            place: note.place.clone(),
            was: was.join(" or "),
            now: is.to_owned(),
        });
        // What came of another type and did not stay is of some people's.
        let others = before.map(|odd| odd.is).filter(|is| is != MISSING);
        self.types.extend(others);
        if let Some(found) = found.filter(|found| !self.types.contains(*found)) {
            self.types.insert(found.clone());
        }
        if drift.is_some() {
            // Said once; what comes now is what counts from here on.
            self.looked = 0;
            self.there = 0;
        }
        drift
    }
}

/// A change in a provider's answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Drift {
    /// When it was first seen.
    pub at: String,
    /// The key of the mapping.
    pub field: String,
    /// The member or path it names.
    pub place: String,
    /// What it used to be.
    pub was: String,
    /// What it is now.
    pub now: String,
}

type KnownShapes = HashMap<(AccountId, ProviderId), Arc<Mutex<Shape>>>;

/// Watches the answers of all providers.
#[derive(Default)]
pub struct Watch {
    known: Mutex<KnownShapes>,
}

impl Watch {
    /// Looks at how the mapped values of one login were found. Gives the shape
    /// where it should be written down.
    fn look(
        shape: &mut Shape,
        notes: &[Note],
        document: &Value,
        now: Timestamp,
    ) -> (bool, Vec<Drift>) {
        let mut drifts = Vec::new();
        let mut news = shape.logins == 0;
        if shape.since.is_empty() && news {
            shape.since = now.rfc3339();
        }
        shape.logins += 1;
        for note in notes
            .iter()
            .filter(|note| !note.field.starts_with("id_token"))
        {
            // Nearly always known: a name is copied only where it is new.
            if !shape.fields.contains_key(&note.field) {
                shape.fields.insert(note.field.clone(), Field::default());
            }
            let Some(field) = shape.fields.get_mut(&note.field) else {
                continue;
            };
            let types = field.types.len();
            drifts.extend(field.look(note, now));
            news |= field.types.len() > types;
        }
        if news || !drifts.is_empty() {
            shape.names = names(document);
        }
        shape.drifts.extend(drifts.iter().cloned());
        let surplus = shape.drifts.len().saturating_sub(MAX_DRIFTS);
        shape.drifts.drain(..surplus);
        let write =
            news || !drifts.is_empty() || shape.logins.is_multiple_of(LOGINS_BETWEEN_WRITES);
        (write, drifts)
    }

    async fn shape(
        &self,
        store: &dyn Store,
        account: &AccountId,
        provider: &ProviderId,
    ) -> Result<Arc<Mutex<Shape>>, StoreError> {
        let key = (account.clone(), provider.clone());
        let known = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(shape) = known {
            return Ok(shape);
        }
        let mut stored = find(store, account, provider).await?.unwrap_or_default();
        stored.written = stored.logins > 0;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(
            known
                .entry(key)
                .or_insert_with(|| Arc::new(Mutex::new(stored))),
        ))
    }

    /// Looks at one login's answers, and raises the alarm where they drifted.
    pub async fn observe(
        &self,
        store: &dyn Store,
        account: &AccountId,
        provider: &ProviderId,
        notes: &[Note],
        document: &Value,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let shape = self.shape(store, account, provider).await?;
        let look = || {
            let mut shape = shape.lock().unwrap_or_else(PoisonError::into_inner);
            let (write, drifts) = Self::look(&mut shape, notes, document, now);
            (write.then(|| shape.clone()), drifts)
        };
        let (mut write, mut drifts) = look();
        if !drifts.is_empty() {
            // What another broker forgot, since the mapping changed, is no norm any more.
            let stored = find(store, account, provider).await?;
            if adopt(&shape, stored) {
                (write, drifts) = look();
            }
        }
        for drift in &drifts {
            warn!(
                target: "vestibule::drift",
                account = %account,
                provider = %provider,
                field = drift.field,
                place = drift.place,
                was = drift.was,
                now = drift.now,
                "the provider's answers drifted"
            );
            meters::drifted(account, provider);
        }
        match write {
            Some(seen) => write_down(store, account, provider, &seen, &shape).await,
            None => Ok(()),
        }
    }

    /// Notes which of two secrets the provider took; a change is told once.
    pub async fn rollover(
        &self,
        store: &dyn Store,
        account: &AccountId,
        provider: &ProviderId,
        previous: Previous,
    ) -> Result<(), StoreError> {
        let shape = self.shape(store, account, provider).await?;
        let changed = {
            let mut shape = shape.lock().unwrap_or_else(PoisonError::into_inner);
            let before = shape.previous_secret.replace(previous);
            (before != Some(previous)).then(|| shape.clone())
        };
        let Some(seen) = changed else {
            return Ok(());
        };
        let report = match previous {
            Previous::Needed => "the provider still wants `client.previous_secret`; keep it",
            Previous::MayGo => {
                "the provider accepts the new secret; remove `client.previous_secret`"
            }
        };
        warn!(target: "vestibule::drift", account = %account, provider = %provider, "{report}");
        write_down(store, account, provider, &seen, &shape).await
    }

    /// Forgets a provider, whose mapping changed: what comes now is the norm.
    pub async fn forget(
        &self,
        store: &dyn Store,
        account: &AccountId,
        provider: &ProviderId,
    ) -> Result<bool, StoreError> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(account.clone(), provider.clone()));
        remove(store, account, provider).await
    }
}

/// How often a shape is written that other brokers write too.
const TRIES: usize = 4;

/// Takes what is stored in place of a norm that was forgotten at another broker, where
/// all brokers' records of it went; says whether it was.
fn adopt(own: &Mutex<Shape>, stored: Option<Shape>) -> bool {
    let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
    let forgotten = own.written
        && stored
            .as_ref()
            .is_none_or(|stored| stored.since != own.since);
    if forgotten {
        *own = stored.unwrap_or_default();
        own.written = own.logins > 0;
    }
    forgotten
}

/// Writes down what was `seen`, with what other brokers saw; `own` is what goes on.
async fn write_down(
    store: &dyn Store,
    account: &AccountId,
    provider: &ProviderId,
    seen: &Shape,
    own: &Mutex<Shape>,
) -> Result<(), StoreError> {
    let (account, id) = (account.as_str(), provider.as_str().as_bytes());
    for _ in 0..TRIES {
        let found = SPACE.get(store, account, id).await?;
        if adopt(own, found.as_ref().map(|found| found.value.clone())) {
            return Ok(());
        }
        let (all, when) = match found {
            None => (seen.clone(), Precondition::Absent),
            Some(found) => (
                seen.clone().beside(found.value),
                Precondition::Version(found.version),
            ),
        };
        match SPACE.put(store, account, id, &all, when).await {
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
            Ok(_) => {
                let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
                own.since = all.since;
                own.written = true;
                return Ok(());
            }
        }
    }
    // Others are at it; a later login writes it.
    Ok(())
}

/// Removes what is written down of a provider.
pub async fn remove(
    store: &dyn Store,
    account: &AccountId,
    provider: &ProviderId,
) -> Result<bool, StoreError> {
    SPACE
        .delete(
            store,
            account.as_str(),
            provider.as_str().as_bytes(),
            Precondition::Any,
        )
        .await
}

/// What is written down of a provider.
pub async fn find(
    store: &dyn Store,
    account: &AccountId,
    provider: &ProviderId,
) -> Result<Option<Shape>, StoreError> {
    let found = SPACE
        .get(store, account.as_str(), provider.as_str().as_bytes())
        .await?;
    Ok(found.map(|shape| shape.value))
}

/// The names in a document with the types they have.
fn names(document: &Value) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let mut stack = vec![("$".to_owned(), document)];
    while let Some((path, value)) = stack.pop() {
        if out.len() >= MAX_NAMES {
            break;
        }
        match value {
            Value::Object(members) => {
                stack.extend(
                    members
                        .iter()
                        .map(|(name, below)| (member_path(&path, name), below)),
                );
            }
            Value::Array(items) => {
                stack.extend(items.first().map(|first| (format!("{path}[0]"), first)));
            }
            _ => {}
        }
        out.insert(path, type_name(value).to_owned());
    }
    out
}

#[cfg(test)]
mod tests;
