//! What the store on disk costs: operations by number of tasks, and how its
//! file grows over two million logins of which a tenth is abandoned: 500 begin
//! each second, so 600,000 records live at a time.
//!
//! `cargo bench --bench store`, a few minutes; `-- quick` for a tenth of it. The
//! directory is made below the working directory, since `/tmp` may be memory.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vestibule::base::{Clock, ManualClock, random};
use vestibule::store::{Key, Precondition, SledOptions, SledStore, Space, Step, Store, Token};

static PENDING: Space = Space::transient("pending").expiring();
static USERS: Space = Space::durable("users");
static LINKS: Space = Space::durable("links");

/// About the size of a pending login.
const RECORD: usize = 400;
/// And of what is left of it once its state was used.
const USED: usize = 160;
const ABANDONED: u64 = 10;
/// Either stays for two lifetimes of a login, so that who comes late finds back.
const LIFETIME: Duration = Duration::from_secs(1200);
const LOGINS_A_SECOND: u64 = 500;

#[tokio::main(flavor = "multi_thread", worker_threads = 4)]
async fn main() {
    let quick = std::env::args().any(|arg| arg == "quick");
    let scale = if quick { 10 } else { 1 };
    operations(scale).await;
    growth(2_000_000 / scale).await;
}

fn open(dir: &Path, clock: &ManualClock) -> Arc<SledStore> {
    let clock = Arc::new(clock.clone());
    Arc::new(SledStore::open(dir, clock, SledOptions::default()).unwrap())
}

/// CPU time of the whole process, in microseconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    // utime and stime, in hundredths of a second.
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 10_000.0
}

/// Runs `work` `count` times in all, over so many tasks, and prints a line.
async fn measure<F: Future<Output = ()> + Send>(
    name: &str,
    tasks: u64,
    count: u64,
    work: impl Fn(u64) -> F + Clone + Send + 'static,
) {
    let (started, cpu_before) = (Instant::now(), cpu());
    let mut running = tokio::task::JoinSet::new();
    for task in 0..tasks {
        let work = work.clone();
        running.spawn(async move {
            for number in (task..count).step_by(usize::try_from(tasks).unwrap()) {
                work(number).await;
                // As a request would, now and then.
                tokio::task::consume_budget().await;
            }
        });
    }
    running.join_all().await;
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu() - cpu_before);
    println!(
        "{name:16} {tasks:5} {:10.0} {:10.1} {:10.1}",
        count as f64 / wall,
        cpu / count as f64,
        wall * 1e6 * tasks as f64 / count as f64,
    );
}

async fn operations(scale: u64) {
    let dir = TempDir::new_in(".").unwrap();
    let clock = ManualClock::default();
    let store = open(dir.path(), &clock);
    println!("operation        tasks      ops/s  CPU µs/op  µs waited");
    for tasks in [1, 8, 64] {
        let count = 200_000 / scale;
        let tokens: Vec<Token> = (0..count)
            .map(|_| Token::new(clock.now().plus(LIFETIME)))
            .collect();
        let keys: Arc<Vec<Key>> =
            Arc::new(tokens.iter().map(|t| t.key(&PENDING, "acme")).collect());
        let bench = Arc::clone(&store);
        let of = move |number: u64| {
            let key = keys[usize::try_from(number).unwrap()].clone();
            (Arc::clone(&bench), key)
        };
        let with = of.clone();
        measure("put transient", tasks, count, move |number| {
            let (store, key) = with(number);
            async move {
                store
                    .put(&key, vec![7; RECORD], Precondition::Absent)
                    .await
                    .unwrap();
            }
        })
        .await;
        let with = of.clone();
        measure("get", tasks, count, move |number| {
            let (store, key) = with(number);
            async move {
                store.get(&key).await.unwrap().unwrap();
            }
        })
        .await;
        measure("take transient", tasks, count, move |number| {
            let (store, key) = of(number);
            async move {
                store.take(&key).await.unwrap().unwrap();
            }
        })
        .await;
    }
    for (round, tasks) in [1, 8, 64].into_iter().enumerate() {
        let count = 500 * tasks / scale + 100;
        let key = move |space, number: u64| {
            let mut id = number.to_be_bytes();
            id[0] = u8::try_from(round).unwrap();
            Key::new(space, "acme", id)
        };
        let bench = Arc::clone(&store);
        measure("put durable", tasks, count, move |number| {
            let (store, key) = (Arc::clone(&bench), key(&USERS, number));
            async move {
                store
                    .put(&key, vec![7; RECORD], Precondition::Absent)
                    .await
                    .unwrap();
            }
        })
        .await;
        let bench = Arc::clone(&store);
        measure("take durable", tasks, count, move |number| {
            let (store, key) = (Arc::clone(&bench), key(&USERS, number));
            async move {
                store.take(&key).await.unwrap().unwrap();
            }
        })
        .await;
        let bench = Arc::clone(&store);
        measure("commit of 2", tasks, count, move |number| {
            let store = Arc::clone(&bench);
            let steps = vec![
                Step::Check(key(&USERS, number), Precondition::Absent),
                Step::Put(key(&USERS, number), vec![7; RECORD]),
                Step::Put(key(&LINKS, number), vec![7; 40]),
            ];
            async move { store.commit(steps).await.map(drop).unwrap() }
        })
        .await;
    }
    store.close().await.unwrap();
}

fn disk(dir: &Path) -> u64 {
    let mut sum = 0;
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let metadata = entry.metadata().unwrap();
        sum += if metadata.is_dir() {
            disk(&entry.path())
        } else {
            metadata.len()
        };
    }
    sum
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Logins that come at a steady pace; the clock goes with them, and a sweeper
/// runs every ten seconds of it.
async fn growth(logins: u64) {
    let dir = TempDir::new_in(".").unwrap();
    let clock = ManualClock::default();
    let store = open(dir.path(), &clock);
    // On average, with key and version.
    let size = u64::try_from((RECORD + 9 * USED) / 10 + 8 + 8 + 32 + 5).unwrap();
    let (mut live, mut live_peak, mut disk_peak, mut shrinks, mut last) = (0, 0, 0, 0, 0);
    let batch = LOGINS_A_SECOND * 10;
    let (started, cpu_before, mut swept, mut sweeping) = (Instant::now(), cpu(), 0, Duration::ZERO);
    println!("\n    logins  live records  live MiB  disk MiB");
    for round in 0..logins / batch {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (store, clock) = (Arc::clone(&store), clock.clone());
            tasks.spawn(async move {
                for _ in 0..batch / 8 {
                    let token = Token::new(clock.now().plus(LIFETIME));
                    let key = token.key(&PENDING, "acme");
                    let version = store
                        .put(&key, vec![7; RECORD], Precondition::Absent)
                        .await
                        .unwrap();
                    if u64::from(random::bytes::<1>()[0]) * ABANDONED >= 256 {
                        let when = Precondition::Version(version);
                        store.put(&key, vec![7; USED], when).await.unwrap();
                    }
                }
            });
        }
        tasks.join_all().await;
        live += batch;
        live_peak = live_peak.max(live);
        clock.advance(Duration::from_secs(10));
        let sweep = Instant::now();
        loop {
            let purged = store.purge_expired(&PENDING, 1000).await.unwrap() as u64;
            (live, swept) = (live - purged, swept + purged);
            if purged < 1000 {
                break;
            }
        }
        sweeping += sweep.elapsed();
        let now = disk(dir.path());
        shrinks += u64::from(now < last);
        disk_peak = disk_peak.max(now);
        last = now;
        if (round + 1) % (logins / batch / 10) == 0 {
            let done = (round + 1) * batch;
            println!(
                "{done:10} {live:13} {:9.1} {:9.1}",
                mib(live * size),
                mib(now)
            );
        }
    }
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu() - cpu_before);
    println!(
        "{:.0} logins/s, {:.1} CPU µs a login, sweeping {:.1} µs a record",
        logins as f64 / wall,
        cpu / logins as f64,
        sweeping.as_secs_f64() * 1e6 / swept.max(1) as f64,
    );
    println!(
        "disk at most {:.1} MiB, {:.1} times the live data at its peak ({:.1} MiB); {shrinks} shrinks seen",
        mib(disk_peak),
        disk_peak as f64 / (live_peak * size) as f64,
        mib(live_peak * size),
    );
    clock.advance(LIFETIME);
    while store.purge_expired(&PENDING, 1000).await.unwrap() > 0 {}
    let closing = Instant::now();
    store.close().await.unwrap();
    println!(
        "empty again: {:.1} MiB; closed in {:?}",
        mib(disk(dir.path())),
        closing.elapsed()
    );
    let opening = Instant::now();
    let store = open(dir.path(), &clock);
    println!("opened in {:?}", opening.elapsed());
    store.close().await.unwrap();
}
