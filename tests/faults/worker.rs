//! A process that works with a store until it is killed, and what it said.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use vestibule::base::{Clock, SystemClock};
use vestibule::store::{
    Key, Precondition, Scan, SledOptions, SledStore, Space, Step, Store, StoreError, Token,
};

static KEPT: Space = Space::durable("kept");
static OTHER: Space = Space::durable("other");
static LOST: Space = Space::transient("lost").expiring();

const WRITERS: u32 = 6;

pub fn open(dir: &Path) -> Result<SledStore, StoreError> {
    SledStore::open(dir, Arc::new(SystemClock), SledOptions::default())
}

fn key(space: &'static Space, id: &str) -> Key {
    Key::new(space, "acme", id)
}

/// This test's own program, as a worker in `dir`. What it does next is in its name.
pub fn command(dir: &Path, round: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "worker::works_until_it_is_killed", "--nocapture"])
        .env("FAULTS_WORK_IN", dir)
        .env("FAULTS_ROUND", round)
        .stdout(Stdio::piped());
    command
}

/// One line on stdout, at once.
fn say(word: &str, id: &str) {
    // Once the parent is gone nobody wants to know.
    let _ = writeln!(std::io::stdout(), "{word} {id}");
}

/// The worker: writes from several tasks until it is killed. A write that fails
/// is none of which anything is known, and it goes on with the next.
#[test]
fn works_until_it_is_killed() {
    let Some(dir) = std::env::var_os("FAULTS_WORK_IN") else {
        return;
    };
    let round = std::env::var("FAULTS_ROUND").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        // Every other time transient records go through the trees.
        let mut options = SledOptions::default();
        if round.ends_with(['1', '3', '5', '7', '9']) {
            options.transient_bytes = 0;
        }
        let store = SledStore::open(Path::new(&dir), Arc::new(SystemClock), options);
        let store = match store {
            Ok(store) => Arc::new(store),
            Err(error) => return say("refused", &error.to_string().replace(' ', "_")),
        };
        say("open", &round);
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..WRITERS {
            tasks.spawn(write(Arc::clone(&store), format!("{round}-{task}")));
        }
        tasks.spawn(commit(Arc::clone(&store), round.clone()));
        tasks.spawn(log_in(Arc::clone(&store)));
        tasks.join_all().await;
    });
}

/// The answer, where there is one. Anything but a store that is unavailable is a
/// fault of the store's.
async fn unless_failed<T>(result: Result<T, StoreError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(StoreError::Unavailable(_)) => {
            tokio::time::sleep(Duration::from_millis(1)).await;
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Puts records, and takes every third again. Before each goes another one that
/// isn't waited for: once the later one is acknowledged, it is there too.
async fn write(store: Arc<SledStore>, name: String) {
    for number in 0.. {
        let id = format!("{name}-{number}");
        let soon = format!("soon-{id}");
        let (kept, kept_soon) = (key(&KEPT, &id), key(&KEPT, &soon));
        let put = store.put_soon(&kept_soon, vec![7; 150], Precondition::Absent);
        let first = unless_failed(put.await).await;
        let put = store.put(&kept, vec![7; 150], Precondition::Absent);
        if unless_failed(put.await).await.is_none() {
            continue;
        }
        // A failure between both takes only the first.
        if first.is_some()
            && unless_failed(store.get(&kept_soon).await)
                .await
                .flatten()
                .is_some()
        {
            say("put", &soon);
        }
        say("put", &id);
        if number % 3 == 0 {
            say("taking", &id);
            if let Some(taken) = unless_failed(store.take(&kept).await).await {
                taken.expect("it was put");
                say("taken", &id);
            }
        }
    }
}

/// Puts pairs in batches: both or none.
async fn commit(store: Arc<SledStore>, name: String) {
    for number in 0.. {
        let id = format!("pair-{name}-{number}");
        let put = |space| Step::Put(key(space, &id), b"x".to_vec());
        let done = store.commit(vec![put(&KEPT), put(&OTHER)]).await;
        if unless_failed(done).await.is_some() {
            say("put", &id);
        }
    }
}

/// Puts and takes transient tokens, as logins do.
async fn log_in(store: Arc<SledStore>) {
    for number in 1.. {
        let token = Token::new(SystemClock.now().plus(Duration::from_secs(600)));
        let key = token.key(&LOST, "acme");
        let put = store.put(&key, vec![7; 300], Precondition::Absent).await;
        if unless_failed(put).await.is_some()
            && unless_failed(store.take(&key).await)
                .await
                .flatten()
                .is_some()
        {
            say("used", token.as_str());
        }
        // Memory is quick: without pauses the others would hardly get a turn.
        if number % 20 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// What the worker said about a record last.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    Put,
    Taking,
    Taken,
}

/// What workers have said.
#[derive(Default)]
pub struct Known {
    durable: HashMap<String, Said>,
    used: Vec<String>,
    pub refused: Option<String>,
}

impl Known {
    /// Reads what a worker says until it is dead. A last line without its end was
    /// not said.
    pub fn listen(&mut self, mut out: impl BufRead) {
        let mut line = String::new();
        while out.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
            // The test harness's own words come in between.
            if let Some((word, id)) = line.trim_end().rsplit_once(' ') {
                let word = word.rsplit(' ').next().unwrap_or_default();
                let id = id.to_owned();
                match word {
                    "put" => drop(self.durable.insert(id, Said::Put)),
                    "taking" => drop(self.durable.insert(id, Said::Taking)),
                    "taken" => drop(self.durable.insert(id, Said::Taken)),
                    "used" => self.used.push(id),
                    "refused" => self.refused = Some(id),
                    _ => {}
                }
            }
            line.clear();
        }
    }

    /// And what another one has said after that.
    pub fn extend(&mut self, other: Self) {
        self.durable.extend(other.durable);
        self.used.extend(other.used);
        self.refused = other.refused.or(self.refused.take());
    }

    /// Durable records, and used tokens.
    pub fn count(&self) -> (usize, usize) {
        (self.durable.len(), self.used.len())
    }

    /// Holds a store to what was said.
    pub async fn hold(&self, store: &SledStore, when: &str) {
        let (kept, other) = (ids(store, &KEPT).await, ids(store, &OTHER).await);
        for (id, said) in &self.durable {
            match said {
                Said::Put => assert!(kept.contains(id), "{when}: {id} was acknowledged"),
                Said::Taken => assert!(!kept.contains(id), "{when}: {id} was taken"),
                Said::Taking => {}
            }
        }
        let pairs: HashSet<_> = kept
            .into_iter()
            .filter(|id| id.starts_with("pair-"))
            .collect();
        assert!(pairs == other, "{when}: batches are there in part");
        let back = store.partitions(&LOST).await.unwrap();
        assert!(back.is_empty(), "{when}: transient records came back");
        for token in self.used.iter().rev().take(100) {
            let key = Token::parse(token).unwrap().key(&LOST, "acme");
            let taken = store.take(&key).await.unwrap();
            assert!(taken.is_none(), "{when}: used twice");
        }
    }
}

async fn ids(store: &SledStore, space: &'static Space) -> HashSet<String> {
    let all = Scan::all(space, "acme", usize::MAX);
    let found = store.scan(&all).await.unwrap().into_iter();
    found
        .map(|(key, _)| String::from_utf8_lossy(key.id()).into_owned())
        .collect()
}
