//! The store is killed, fifty times, in the middle of its work: what it had
//! acknowledged is there, and what it had given away does not come back.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vestibule::base::{Clock, SystemClock, random};
use vestibule::store::{
    Key, Precondition, Scan, SledOptions, SledStore, Space, Step, Store, StoreError, Token,
};

static KEPT: Space = Space::durable("kept");
static OTHER: Space = Space::durable("other");
static LOST: Space = Space::transient("lost").expiring();

const KILLS: u32 = 50;
const WRITERS: u32 = 6;

fn open(dir: &Path) -> Result<SledStore, StoreError> {
    SledStore::open(dir, Arc::new(SystemClock), SledOptions::default())
}

fn key(space: &'static Space, id: &str) -> Key {
    Key::new(space, "acme", id)
}

/// One line on stdout, at once.
fn say(word: &str, id: &str) {
    // Once the parent is gone nobody wants to know.
    let _ = writeln!(std::io::stdout(), "{word} {id}");
}

/// The child: writes from several tasks until it is killed.
#[test]
fn child_works_until_it_is_killed() {
    let Some(dir) = std::env::var_os("VESTIBULE_KILL_DIR") else {
        return;
    };
    let round = std::env::var("VESTIBULE_KILL_ROUND").unwrap();
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
        let store = Arc::new(store.unwrap());
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

/// Puts records, and takes every third again. Before each goes another one that
/// isn't waited for: once the later one is acknowledged, it is there too.
async fn write(store: Arc<SledStore>, name: String) {
    for number in 0.. {
        let id = format!("{name}-{number}");
        let soon = format!("soon-{id}");
        store
            .put_soon(&key(&KEPT, &soon), vec![7; 150], Precondition::Absent)
            .await
            .unwrap();
        store
            .put(&key(&KEPT, &id), vec![7; 150], Precondition::Absent)
            .await
            .unwrap();
        say("put", &soon);
        say("put", &id);
        if number % 3 == 0 {
            say("taking", &id);
            store
                .take(&key(&KEPT, &id))
                .await
                .unwrap()
                .expect("it was put");
            say("taken", &id);
        }
    }
}

/// Puts pairs in batches: both or none.
async fn commit(store: Arc<SledStore>, name: String) {
    for number in 0.. {
        let id = format!("pair-{name}-{number}");
        let put = |space| Step::Put(key(space, &id), b"x".to_vec());
        store.commit(vec![put(&KEPT), put(&OTHER)]).await.unwrap();
        say("put", &id);
    }
}

/// Puts and takes transient tokens, as logins do.
async fn log_in(store: Arc<SledStore>) {
    for number in 1.. {
        let token = Token::new(SystemClock.now().plus(Duration::from_secs(600)));
        let key = token.key(&LOST, "acme");
        store
            .put(&key, vec![7; 300], Precondition::Absent)
            .await
            .unwrap();
        if store.take(&key).await.unwrap().is_some() {
            say("used", token.as_str());
        }
        // Memory is quick: without pauses the others would hardly get a turn.
        if number % 20 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// What the child said about a record last.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    Put,
    Taking,
    Taken,
}

#[derive(Default)]
struct Known {
    durable: HashMap<String, Said>,
    used: Vec<String>,
}

impl Known {
    /// Reads what a child says until it is dead. A last line without its end was
    /// not said.
    fn listen(&mut self, mut out: impl BufRead) {
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
                    _ => {}
                }
            }
            line.clear();
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

async fn verify(store: &SledStore, known: &Known, round: u32) {
    let (kept, other) = (ids(store, &KEPT).await, ids(store, &OTHER).await);
    for (id, said) in &known.durable {
        match said {
            Said::Put => assert!(kept.contains(id), "round {round}: {id} was acknowledged"),
            Said::Taken => assert!(!kept.contains(id), "round {round}: {id} was taken"),
            Said::Taking => {}
        }
    }
    let pairs: HashSet<_> = kept
        .into_iter()
        .filter(|id| id.starts_with("pair-"))
        .collect();
    assert!(pairs == other, "round {round}: batches are there in part");
    let back = store.partitions(&LOST).await.unwrap();
    assert!(
        back.is_empty(),
        "round {round}: transient records came back"
    );
    for token in known.used.iter().rev().take(100) {
        let key = Token::parse(token).unwrap().key(&LOST, "acme");
        assert!(
            store.take(&key).await.unwrap().is_none(),
            "round {round}: used twice"
        );
    }
}

/// Small numbers that look random; the seed says which.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

#[tokio::test]
async fn killed_fifty_times() {
    let seed = match std::env::var("VESTIBULE_KILL_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::from_be_bytes(random::bytes()) | 1,
    };
    println!("VESTIBULE_KILL_SEED={seed}");
    let mut dice = Dice(seed);
    let dir = TempDir::new().unwrap();
    let mut known = Known::default();
    let started = Instant::now();
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_works_until_it_is_killed", "--nocapture"])
            .env("VESTIBULE_KILL_DIR", dir.path())
            .env("VESTIBULE_KILL_ROUND", round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let listener = std::thread::spawn(move || {
            let mut heard = Known::default();
            heard.listen(out);
            heard
        });
        // Real time: it is the child's. Some die while they are still opening.
        std::thread::sleep(Duration::from_millis(30 + dice.roll(300)));
        child.kill().unwrap();
        child.wait().unwrap();
        let heard = listener.join().unwrap();
        known.durable.extend(heard.durable);
        known.used.extend(heard.used);
        // Mostly the next child finds what the last one left.
        if dice.roll(3) == 0 || round + 1 == KILLS {
            let store = open(dir.path()).unwrap_or_else(|e| panic!("round {round}: {e}"));
            verify(&store, &known, round).await;
            if dice.roll(2) == 0 {
                store.close().await.unwrap();
            }
        }
    }
    let (durable, used) = (known.durable.len(), known.used.len());
    println!(
        "{durable} durable records, {used} used tokens, {:?}",
        started.elapsed()
    );
    assert!(durable > 1000 && used > 1000, "the children hardly worked");
}
