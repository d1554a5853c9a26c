//! How each provider does: counters of the last day.
//!
//! A broker counts in memory and writes its counts down every few seconds, of each
//! provider and hour one record of its own, so that brokers never write the same one.
//! Read, those of all brokers are added up, also of brokers that are gone.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::debug;

use super::LoginError;
use crate::base::{AccountId, ErrorCode, ProviderId, Timestamp, random};
use crate::store::{Key, Keyspace, Precondition, Space, Store, StoreError};

static HEALTH: Space = Space::durable("provider_health").expiring().owned();
const RECORDS: Keyspace<Counted> = Keyspace::new(&HEALTH);

pub(super) fn space() -> &'static Space {
    &HEALTH
}

/// How often counts are written down.
pub const EVERY: Duration = Duration::from_secs(5);
/// Hours that are shown.
pub const HOURS: usize = 24;
/// Failures that are kept, one a step.
const MAX_FAILURES: usize = 8;
const HOUR: u64 = 3600;
/// Records of an hour are kept until it is shown no more.
const KEPT_HOURS: u64 = 25;
/// Records read at once.
const PAGE: usize = 500;

/// The logins of one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    /// Hours since the epoch.
    pub hour: u64,
    /// Logins that came through.
    pub worked: u32,
    /// Logins that did not.
    pub failed: u32,
    /// The time of those that did, from the callback to the user, in all.
    pub millis: u64,
}

impl Hour {
    fn add(&mut self, other: &Self) {
        self.worked = self.worked.saturating_add(other.worked);
        self.failed = self.failed.saturating_add(other.failed);
        self.millis = self.millis.saturating_add(other.millis);
    }
}

/// The last failure at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The step.
    pub step: String,
    /// The stable code.
    pub code: ErrorCode,
    /// When.
    pub at: Timestamp,
}

/// How a provider does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Hours with logins, the latest last.
    pub hours: VecDeque<Hour>,
    /// The last failure at each step, the latest first.
    pub failures: Vec<Failed>,
}

/// What a broker counted in an hour.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Counted {
    hour: Hour,
    /// By step: code and time.
    failures: HashMap<String, (String, Timestamp)>,
}

/// The same, and whether it is written down.
#[derive(Debug, Default)]
struct Own {
    counted: Counted,
    written: bool,
}

type Of = (AccountId, ProviderId);

/// How all providers do.
#[derive(Debug)]
pub struct Health {
    /// Whose records are this broker's.
    broker: String,
    /// The hours that count still, of each provider.
    own: Mutex<HashMap<Of, Vec<Own>>>,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            broker: random::support_id(),
            own: Mutex::default(),
        }
    }
}

impl Health {
    /// Counts a login that was between the callback and the user.
    pub fn count(
        &self,
        account: &AccountId,
        provider: &ProviderId,
        outcome: Result<Duration, &LoginError>,
        now: Timestamp,
    ) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let hours = own.entry((account.clone(), provider.clone())).or_default();
        let hour = now.as_secs() / HOUR;
        // A clock that is set back goes on in the hour it was in.
        if hours
            .last()
            .is_none_or(|last| last.counted.hour.hour < hour)
        {
            let mut begun = Own::default();
            begun.counted.hour.hour = hour;
            hours.push(begun);
        }
        let Some(last) = hours.last_mut() else {
            return;
        };
        last.written = false;
        let counted = &mut last.counted;
        match outcome {
            Ok(took) => {
                counted.hour.worked = counted.hour.worked.saturating_add(1);
                counted.hour.millis += u64::try_from(took.as_millis()).unwrap_or(0);
            }
            Err(error) => {
                counted.hour.failed = counted.hour.failed.saturating_add(1);
                let what = (error.code().as_str().to_owned(), now);
                counted
                    .failures
                    .insert(error.step().name().to_owned(), what);
            }
        }
    }

    /// Writes down what was counted since the last time. What fails is tried again the
    /// next time.
    pub async fn write(&self, store: &dyn Store, now: Timestamp) {
        for (of, counted) in self.unwritten(now.as_secs() / HOUR) {
            let hour = counted.hour.hour;
            let key = self.key(&of, hour);
            let put = RECORDS.put_soon_at(store, key, &counted, Precondition::Any);
            if let Err(error) = put.await {
                debug!(why = %error, "how a provider does could not be written down");
                self.again(&of, hour);
            }
        }
    }

    fn key(&self, (account, provider): &Of, hour: u64) -> Key {
        let end = Timestamp::from_secs((hour + KEPT_HOURS) * HOUR);
        let id = format!("{provider}/{}", self.broker);
        Key::expiring(&HEALTH, account.as_str(), end, id.as_bytes())
            .owned_by(provider.as_str().as_bytes())
    }

    /// What is to be written; hours that are over are forgotten here.
    fn unwritten(&self, this: u64) -> Vec<(Of, Counted)> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for (of, hours) in own.iter_mut() {
            for hour in hours.iter_mut().filter(|hour| !hour.written) {
                hour.written = true;
                found.push((of.clone(), hour.counted.clone()));
            }
            hours.retain(|own| own.counted.hour.hour >= this);
        }
        own.retain(|_, hours| !hours.is_empty());
        found
    }

    /// An hour that could not be written is to be written again. One that is forgotten
    /// by then is lost.
    fn again(&self, of: &Of, hour: u64) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let hours = own.get_mut(of).into_iter().flatten();
        for own in hours.filter(|own| own.counted.hour.hour == hour) {
            own.written = false;
        }
    }

    /// How a provider does, by what all brokers counted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn of(
        &self,
        store: &dyn Store,
        account: &AccountId,
        provider: &ProviderId,
        now: Timestamp,
    ) -> Result<State, StoreError> {
        self.write(store, now).await;
        let mut hours: Vec<Hour> = Vec::new();
        let mut failures: HashMap<String, (String, Timestamp)> = HashMap::new();
        let (mut after, owner) = (None, provider.as_str().as_bytes());
        loop {
            let page = RECORDS
                .page_of(store, account.as_str(), owner, after, PAGE)
                .await?;
            let full = page.len() == PAGE;
            after = page.last().map(|(key, _)| key.id().to_vec());
            for (_, Counted { hour, failures: of }) in
                page.into_iter().map(|(key, found)| (key, found.value))
            {
                match hours.iter_mut().find(|known| known.hour == hour.hour) {
                    Some(known) => known.add(&hour),
                    None => hours.push(hour),
                }
                for (step, (code, at)) in of {
                    let known = failures.entry(step).or_insert((code.clone(), at));
                    if known.1 < at {
                        *known = (code, at);
                    }
                }
            }
            if !full {
                break;
            }
        }
        hours.sort_by_key(|hour| hour.hour);
        let surplus = hours.len().saturating_sub(HOURS);
        hours.drain(..surplus);
        let mut failures: Vec<Failed> = failures
            .into_iter()
            .filter_map(|(step, (code, at))| {
                let code = code.parse().ok()?;
                Some(Failed { step, code, at })
            })
            .collect();
        failures.sort_by_key(|failed| std::cmp::Reverse(failed.at));
        failures.truncate(MAX_FAILURES);
        Ok(State {
            hours: hours.into(),
            failures,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::{Clock, ManualClock};
    use crate::store::MemoryStore;

    /// Brokers on one store are added up, also those that are gone, and a day later
    /// nothing is left.
    #[tokio::test]
    async fn what_all_brokers_counted_is_added_up_and_ends() {
        let clock = ManualClock::default();
        let store = MemoryStore::new(Arc::new(clock.clone()));
        let (account, provider): Of = ("acme".parse().unwrap(), "idp".parse().unwrap());
        let other: ProviderId = "other".parse().unwrap();
        let (one, two) = (Health::default(), Health::default());
        let took = Duration::from_millis(100);
        let fails = LoginError::NoProvider;
        for _ in 0..3 {
            one.count(&account, &provider, Ok(took), clock.now());
            one.write(&store, clock.now()).await;
            two.count(&account, &provider, Err(&fails), clock.now());
            two.count(&account, &other, Ok(took), clock.now());
        }
        two.write(&store, clock.now()).await;
        drop((one, two));
        clock.advance(Duration::from_secs(HOUR));
        let three = Health::default();
        three.count(&account, &provider, Ok(took), clock.now());
        let state = three
            .of(&store, &account, &provider, clock.now())
            .await
            .unwrap();
        let counts: Vec<_> = state
            .hours
            .iter()
            .map(|hour| (hour.worked, hour.failed, hour.millis))
            .collect();
        assert_eq!(counts, [(3, 3, 300), (1, 0, 100)]);
        assert_eq!(state.failures.len(), 1);
        assert_eq!(state.failures[0].code, fails.code());
        clock.advance(Duration::from_secs(26 * HOUR));
        let state = three
            .of(&store, &account, &provider, clock.now())
            .await
            .unwrap();
        assert_eq!(state, State::default());
    }
}
