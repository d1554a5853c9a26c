//! Several brokers on one store that fails now and then, people who do what people
//! do, and a clock that moves: whatever happens by chance comes from a seed, which
//! is printed. `VESTIBULE_SIMULATION=200` runs as many seeds, `VESTIBULE_SEED` one.
//!
//! What must hold: a callback and a ticket count once; who was told of a logout is
//! out everywhere and stays out; a person's id never changes; a store that fails is
//! never an answer about who somebody is.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mock_idp::MockIdp;
use reqwest::{Method, StatusCode};
use support::Browser;
use support::replicas::{ORIGIN, Replica, acme};
use url::Url;
use vestibule::base::{Clock, ManualClock, SystemClock};
use vestibule::store::{
    Entry, Key, MemoryStore, Precondition, Scan, Space, Step, Store, StoreError, Version,
};

/// Numbers that look random and come from a seed (xorshift64*).
#[derive(Clone)]
struct Dice(Arc<Mutex<u64>>);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(
            seed.wrapping_mul(2_685_821_657_736_338_717) | 1,
        )))
    }

    fn below(&self, limit: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        state.wrapping_mul(2_685_821_657_736_338_717) % limit
    }
}

/// A store in front of the memory that all brokers share: an operation fails before
/// it is done, or after.
struct Failing {
    inner: Arc<MemoryStore>,
    dice: Dice,
    /// Of so many thousand.
    rate: AtomicU32,
}

fn lost() -> StoreError {
    StoreError::Unavailable("the answer was lost".into())
}

impl Failing {
    fn fails(&self) -> bool {
        self.dice.below(1000) < u64::from(self.rate.load(Ordering::SeqCst))
    }

    async fn pass<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        if self.fails() {
            return Err(lost());
        }
        let done = work.await;
        if self.fails() { Err(lost()) } else { done }
    }
}

#[async_trait]
impl Store for Failing {
    async fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.pass(self.inner.get(key)).await
    }
    async fn put(
        &self,
        key: &Key,
        value: Vec<u8>,
        when: Precondition,
    ) -> Result<Version, StoreError> {
        self.pass(self.inner.put(key, value, when)).await
    }
    async fn take(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.pass(self.inner.take(key)).await
    }
    async fn delete(&self, key: &Key, when: Precondition) -> Result<bool, StoreError> {
        self.pass(self.inner.delete(key, when)).await
    }
    async fn scan(&self, scan: &Scan) -> Result<Vec<(Key, Entry)>, StoreError> {
        self.pass(self.inner.scan(scan)).await
    }
    async fn partitions(&self, space: &'static Space) -> Result<Vec<String>, StoreError> {
        self.pass(self.inner.partitions(space)).await
    }
    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Version>, StoreError> {
        self.pass(self.inner.commit(steps)).await
    }
    async fn purge_expired(
        &self,
        space: &'static Space,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.pass(self.inner.purge_expired(space, limit)).await
    }
    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What somebody at a browser has before them.
#[derive(Default)]
struct Person {
    browser: Browser,
    name: &'static str,
    callbacks: Vec<Url>,
    tickets: Vec<Url>,
    /// Whether a logout was acknowledged since the last login that began a session.
    out: bool,
    /// Cookies of sessions that ended for sure.
    ended: Vec<BTreeMap<(String, String), String>>,
}

struct Run {
    seed: u64,
    dice: Dice,
    clock: ManualClock,
    store: Arc<Failing>,
    brokers: Vec<Replica>,
    people: Vec<Person>,
    /// The id each name was told with.
    ids: BTreeMap<&'static str, String>,
    /// Callbacks that led to a ticket, and tickets that began a session.
    used: BTreeMap<String, usize>,
    counts: BTreeMap<&'static str, usize>,
}

const NAMES: [(&str, &str); 2] = [("ada", "lovelace"), ("grace", "hopper")];

impl Run {
    async fn new(seed: u64, idp: &MockIdp) -> Self {
        let clock = ManualClock::new(SystemClock.now());
        let dice = Dice::new(seed);
        let store = Arc::new(Failing {
            inner: Arc::new(MemoryStore::new(Arc::new(clock.clone()))),
            dice: dice.clone(),
            rate: AtomicU32::new(0),
        });
        let mut brokers = Vec::new();
        for _ in 0..3 {
            brokers.push(Replica::on(store.clone(), Arc::new(clock.clone())).await);
        }
        brokers[0].acme(idp).await;
        let people = (0..4).map(|index| Person {
            name: NAMES[index % 2].0,
            ..Person::default()
        });
        Self {
            seed,
            dice,
            clock,
            brokers,
            store,
            people: people.collect(),
            ids: BTreeMap::new(),
            used: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// One person does one thing at one broker.
    async fn step(&mut self) {
        let seed = self.seed;
        let broker = usize::try_from(self.dice.below(3)).unwrap();
        let who = usize::try_from(self.dice.below(4)).unwrap();
        let what = self.dice.below(12);
        let pick = self.dice.below(64);
        let (replica, person) = (&self.brokers[broker], &mut self.people[who]);
        person.browser.moves_to(replica);
        match what {
            0..=2 => {
                let password = NAMES
                    .iter()
                    .find(|(name, _)| *name == person.name)
                    .unwrap()
                    .1;
                let page = person.browser.get(acme("login?return_to=/welcome")).await;
                if page.location().is_some_and(|to| to.path() == "/authorize") {
                    let name = person.name;
                    let callback = person.browser.through_idp(page, name, password).await;
                    person.callbacks.push(callback);
                    self.count("begun");
                }
            }
            3..=5 if !person.callbacks.is_empty() => {
                let index = usize::try_from(pick).unwrap() % person.callbacks.len();
                let callback = person.callbacks[index].clone();
                let page = person.browser.get(callback.as_str()).await;
                if let Some(next) = page.location().filter(|to| to.path().ends_with("/finish")) {
                    let state = callback.query().unwrap_or_default().to_owned();
                    let times = self.used.entry(state).or_default();
                    *times += 1;
                    assert_eq!(*times, 1, "seed {seed}: a callback counted twice");
                    person.tickets.push(next);
                    self.count("called back");
                }
            }
            6..=7 if !person.tickets.is_empty() => {
                let index = usize::try_from(pick).unwrap() % person.tickets.len();
                let ticket = person.tickets[index].clone();
                let page = person.browser.get(ticket.as_str()).await;
                if page.location().is_some_and(|to| to.path() == "/welcome") {
                    let times = self.used.entry(ticket.to_string()).or_default();
                    *times += 1;
                    assert_eq!(*times, 1, "seed {seed}: a ticket counted twice");
                    person.out = false;
                    self.count("logged in");
                }
            }
            8 => {
                let jar = person.browser.jar.clone();
                let form = [
                    ("origin", ORIGIN),
                    ("content-type", "application/x-www-form-urlencoded"),
                ];
                let empty = Some(String::new());
                let page = person
                    .browser
                    .send(Method::POST, &acme("logout"), &form, empty)
                    .await;
                if page.status.is_redirection() {
                    person.out = true;
                    person.ended.push(jar);
                    self.count("logged out");
                }
            }
            9 => {
                // Cookies of a session that ended, brought again.
                if let Some(jar) = person.ended.last() {
                    let mut again = Browser::new();
                    again.jar.clone_from(jar);
                    again.moves_to(replica);
                    let status = again.check().await;
                    assert_ne!(status, StatusCode::OK, "seed {seed}: a logout was lost");
                    self.count("looked back");
                }
            }
            10 if pick == 0 => {
                // Killed, and another one in its place.
                let rate = self.store.rate.swap(0, Ordering::SeqCst);
                let new = Replica::on(self.store.clone(), Arc::new(self.clock.clone())).await;
                std::mem::replace(&mut self.brokers[broker], new).kill();
                self.store.rate.store(rate, Ordering::SeqCst);
                self.count("killed");
            }
            11 if pick < 16 => self.clock.advance(Duration::from_secs(pick * 5)),
            _ => self.look(who).await,
        }
    }

    async fn look(&mut self, who: usize) {
        let (seed, person) = (self.seed, &mut self.people[who]);
        let page = person.browser.get(acme("session")).await;
        if page.status != StatusCode::OK {
            assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "seed {seed}");
            return self.count("unavailable");
        }
        let said = page.json();
        if said["authenticated"] == true {
            assert!(!person.out, "seed {seed}: logged in after a logout");
            let id = said["user"]["id"].as_str().unwrap().to_owned();
            let name = person.name;
            let known = self.ids.entry(name).or_insert_with(|| id.clone());
            assert_eq!(*known, id, "seed {seed}: the id of {name} changed");
            self.count("told");
        } else {
            self.count("anonymous");
        }
        let ids: std::collections::BTreeSet<_> = self.ids.values().collect();
        assert_eq!(ids.len(), self.ids.len(), "seed {seed}: two people are one");
    }
}

async fn simulate(seed: u64, idp: &MockIdp) -> BTreeMap<&'static str, usize> {
    println!("VESTIBULE_SEED={seed}");
    let mut run = Run::new(seed, idp).await;
    for step in 0..300 {
        // Good times and bad ones.
        let rate = if (step / 50) % 2 == 0 { 0 } else { 20 };
        run.store.rate.store(rate, Ordering::SeqCst);
        run.step().await;
    }
    run.store.rate.store(0, Ordering::SeqCst);
    // Once all is well, everyone can log in.
    for who in 0..run.people.len() {
        let name = run.people[who].name;
        let password = NAMES.iter().find(|(of, _)| *of == name).unwrap().1;
        let person = &mut run.people[who];
        person.browser.moves_to(&run.brokers[who % 3]);
        let start = acme("login?return_to=/welcome");
        let end = person.browser.log_in(&start, name, password).await;
        assert_eq!(end.url.path(), "/welcome", "seed {seed}: {}", end.body);
        person.out = false;
        run.look(who).await;
    }
    run.counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_nothing_counts_twice_and_no_logout_is_lost() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seeds: Vec<u64> = match (number("VESTIBULE_SEED"), number("VESTIBULE_SIMULATION")) {
        (Some(seed), _) => vec![seed],
        (None, Some(many)) => (1..=many).collect(),
        (None, None) => (1..=8).collect(),
    };
    let idp = MockIdp::start(mock_idp::Config::default()).await.unwrap();
    let mut all: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in seeds {
        for (what, count) in simulate(seed, &idp).await {
            *all.entry(what).or_default() += count;
        }
    }
    println!("{all:?}");
    // A simulation in which nothing happens would hold whatever it holds.
    for what in [
        "begun",
        "called back",
        "logged in",
        "logged out",
        "told",
        "anonymous",
    ] {
        assert!(all.contains_key(what), "{what} never happened: {all:?}");
    }
}
