//! Transient records in Redis: what a store of them must do, and what goes wrong
//! with servers, replicas and clusters.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::redis::{Cluster, PASSWORD, Redis, Watched, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vestibule::base::{Clock, ManualClock, Secret, SystemClock};
use vestibule::store::{
    Key, MemoryStore, Precondition, RedisStore, Space, SplitStore, Step, Store, StoreError,
    conformance,
};

static STATES: Space = Space::transient("states").expiring();
static KEPT: Space = Space::durable("kept");

async fn open(url: &Secret) -> Result<RedisStore, StoreError> {
    RedisStore::open(url, Arc::new(SystemClock)).await
}

async fn refusal(url: &str) -> String {
    match open(&Secret::new(url)).await {
        Ok(_) => panic!("{url} must be refused"),
        Err(StoreError::Refused(why)) => {
            assert!(!why.contains(PASSWORD), "{why}");
            assert!(why.contains("`store.transient`"), "{why}");
            why
        }
        Err(other) => panic!("{other}"),
    }
}

fn key(id: &str) -> Key {
    let ends = SystemClock.now().plus(Duration::from_secs(600));
    Key::expiring(&STATES, "", ends, id.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms() {
    let Some(server) = Redis::start() else {
        return;
    };
    conformance::unlisted(async |clock: Arc<dyn Clock>| {
        server.ask(&["flushall"]);
        Arc::new(RedisStore::open(&server.url(), clock).await.unwrap()) as Arc<dyn Store>
    })
    .await;
}

/// Behind the store that remembers what has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn conforms_beside_another() {
    let Some(server) = Redis::start() else {
        return;
    };
    let split = async |clock: Arc<dyn Clock>| {
        server.ask(&["flushall"]);
        let durable = Arc::new(MemoryStore::new(Arc::clone(&clock)));
        let transient = RedisStore::open(&server.url(), clock).await.unwrap();
        Arc::new(SplitStore::new(durable, Arc::new(transient))) as Arc<dyn Store>
    };
    conformance::durable(split).await;
    conformance::unlisted(split).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cluster_conforms() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    conformance::unlisted(async |clock: Arc<dyn Clock>| {
        for node in cluster.primaries() {
            cluster.nodes[node].ask(&["flushall"]);
        }
        Arc::new(RedisStore::open(&cluster.url(), clock).await.unwrap()) as Arc<dyn Store>
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_the_right_one_is_refused_with_what_to_do() {
    let Some(server) = Redis::start() else {
        return;
    };
    let port = server.port;
    let why = refusal(&format!("redis://:wrong@127.0.0.1:{port}")).await;
    assert!(why.contains("correct user and password"), "{why}");
    let why = refusal(&format!("redis://127.0.0.1:{port}")).await;
    assert!(why.contains("correct user and password"), "{why}");
    let why = refusal(&format!("redis+cluster://:{PASSWORD}@127.0.0.1:{port}")).await;
    assert!(why.contains("write `redis://`"), "{why}");

    let follow = format!("127.0.0.1 {port}");
    let login = ["--requirepass", PASSWORD, "--masterauth", PASSWORD];
    let replica = Redis::with(&[&login[..], &["--replicaof", &follow]].concat()).unwrap();
    let why = refusal(replica.url().expose()).await;
    assert!(why.contains("is a replica"), "{why}");
    let node = Redis::with(&["--requirepass", PASSWORD, "--cluster-enabled", "yes"]);
    let why = refusal(node.unwrap().url().expose()).await;
    assert!(why.contains("write `redis+cluster://`"), "{why}");

    // Two clusters, of a node each.
    let cluster = || {
        let node = Redis::with(&["--requirepass", PASSWORD, "--cluster-enabled", "yes"]).unwrap();
        node.ask(&["cluster", "addslotsrange", "0", "16383"]);
        node
    };
    let (one, two) = (cluster(), cluster());
    let both = format!(
        "redis+cluster://:{PASSWORD}@127.0.0.1:{},127.0.0.1:{}",
        one.port, two.port
    );
    let why = refusal(&both).await;
    assert!(why.contains("nodes of two clusters"), "{why}");

    // Another installation's.
    let store = open(&server.url()).await.unwrap();
    store.claim("one").await.unwrap();
    store.claim("one").await.unwrap();
    let Err(StoreError::Refused(why)) = store.claim("two").await else {
        panic!("another installation's");
    };
    assert!(why.contains("another installation"), "{why}");
    drop(server);
    let gone = open(&Secret::new(format!("redis://127.0.0.1:{port}"))).await;
    assert!(matches!(gone, Err(StoreError::Unavailable(_))));
}

/// Stands between, and loses an answer on demand.
async fn losing(port: u16) -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let lose = Arc::new(AtomicBool::new(false));
    let armed = Arc::clone(&lose);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let armed = Arc::clone(&armed);
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let asking = async {
                    let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                };
                let answering = async {
                    let mut buffer = [0; 4096];
                    while let Ok(read) = from_server.read(&mut buffer).await {
                        // The server has done it, and nobody hears of it.
                        if read == 0 || armed.swap(false, Ordering::SeqCst) {
                            return;
                        }
                        if to_client.write_all(&buffer[..read]).await.is_err() {
                            return;
                        }
                    }
                };
                tokio::select! {
                    () = asking => {}
                    () = answering => {}
                }
            });
        }
    });
    (own, lose)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_loses_no_record_and_no_write() {
    let Some(server) = Redis::start() else {
        return;
    };
    let (port, lose) = losing(server.port).await;
    let store = open(&Secret::new(format!(
        "redis://:{PASSWORD}@127.0.0.1:{port}"
    )))
    .await
    .unwrap();
    for round in 0..10 {
        let key = key(&round.to_string());
        lose.store(true, Ordering::SeqCst);
        let first = store.put(&key, b"1".to_vec(), Precondition::Absent).await;
        let first = first.expect("it was written, and by this one");
        lose.store(true, Ordering::SeqCst);
        let second = Precondition::Version(first);
        let second = store.put(&key, b"2".to_vec(), second).await.unwrap();
        let late = store
            .put(&key, b"3".to_vec(), Precondition::Version(first))
            .await;
        assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
        lose.store(true, Ordering::SeqCst);
        let taken = store.take(&key).await.unwrap();
        let taken = taken.expect("its taker gets it, however often it asks");
        assert_eq!((taken.value, taken.version), (b"2".to_vec(), second));
        assert_eq!(store.take(&key).await.unwrap(), None, "and nobody else");
        assert!(!lose.load(Ordering::SeqCst), "the answers were lost");
    }
}

/// Gone or hanging, it is an error within the deadline; then it works by itself.
#[tokio::test]
async fn a_server_that_is_gone_or_hangs_is_an_error_and_recovers() {
    let Some(mut server) = Redis::start() else {
        return;
    };
    let store = open(&server.url()).await.unwrap();
    let unavailable = async || {
        let put = store.put(&key("x"), Vec::new(), Precondition::Any).await;
        assert!(matches!(put, Err(StoreError::Unavailable(_))), "{put:?}");
        let ready = store.ready().await;
        assert!(
            matches!(ready, Err(StoreError::Unavailable(_))),
            "{ready:?}"
        );
    };
    server.pause(true);
    unavailable().await;
    server.pause(false);
    store.ready().await.unwrap();
    server.kill();
    unavailable().await;
    server.start_again();
    store.ready().await.unwrap();
    // Full: nothing is thrown out for the new.
    let old = key("old");
    store
        .put(&old, b"x".to_vec(), Precondition::Absent)
        .await
        .unwrap();
    server.ask(&["config", "set", "maxmemory", "1"]);
    unavailable().await;
    assert!(store.get(&old).await.unwrap().is_some());
    server.ask(&["config", "set", "maxmemory", "0"]);
    store.ready().await.unwrap();
    let batch = vec![Step::Put(Key::new(&KEPT, "acme", "x"), Vec::new())];
    assert!(store.commit(batch).await.is_err(), "nothing durable here");
}

/// A server that comes back with an old snapshot has records that were taken since.
#[tokio::test]
async fn what_an_old_snapshot_brings_back_counts_for_nobody() {
    let Some(mut server) = Redis::start() else {
        return;
    };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(SystemClock.now()));
    let durable = Arc::new(MemoryStore::new(Arc::clone(&clock)));
    let transient = RedisStore::open(&server.url(), clock).await.unwrap();
    let store = SplitStore::new(durable, Arc::new(transient));
    let (taken, changed) = (key("taken"), key("changed"));
    let mut versions = Vec::new();
    for key in [&taken, &changed] {
        versions.push(
            store
                .put(key, b"1".to_vec(), Precondition::Absent)
                .await
                .unwrap(),
        );
    }
    server.ask(&["save"]);
    store.take(&taken).await.unwrap().unwrap();
    let when = Precondition::Version(versions[1]);
    store.put(&changed, b"2".to_vec(), when).await.unwrap();
    server.kill();
    server.start_again();
    until("a server that is back", || server.ask(&["ping"]) == "PONG");
    assert!(
        store.get(&taken).await.unwrap().is_some(),
        "it is there again"
    );
    assert_eq!(store.take(&taken).await.unwrap(), None);
    let again = store.put(&changed, b"2".to_vec(), when).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
}

/// Records are put, changed and taken while primaries go; each counts once, and
/// what goes wrong is said.
async fn count_through(store: Arc<dyn Store>, disturb: impl FnOnce()) {
    let stop = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
            tokio::spawn(async move {
                let (mut done, mut failed, mut lost) = (0, 0, 0);
                let mut round = 0;
                while !stop.load(Ordering::SeqCst) || done == 0 {
                    round += 1;
                    let key = key(&format!("{worker} {round}"));
                    let value = format!("{worker} {round}").into_bytes();
                    let put = store.put(&key, value.clone(), Precondition::Absent).await;
                    if put.is_err() {
                        assert!(matches!(put, Err(StoreError::Unavailable(_))), "{put:?}");
                        failed += 1;
                        continue;
                    }
                    let (one, two) = tokio::join!(store.take(&key), store.take(&key));
                    match (one, two) {
                        (Ok(Some(_)), Ok(Some(_))) => panic!("it was taken twice"),
                        (Ok(Some(found)), _) | (_, Ok(Some(found))) => {
                            assert_eq!(found.value, value);
                            done += 1;
                            let again = store.take(&key).await;
                            assert!(!matches!(again, Ok(Some(_))), "and again");
                        }
                        (Ok(None), Ok(None)) => lost += 1,
                        _ => failed += 1,
                    }
                }
                (done, failed, lost)
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    tokio::task::block_in_place(disturb);
    stop.store(true, Ordering::SeqCst);
    for worker in workers {
        let (done, failed, lost) = worker.await.unwrap();
        println!("{done} done, {failed} failed, {lost} lost");
    }
}

fn beside(transient: RedisStore) -> Arc<dyn Store> {
    let durable = MemoryStore::new(Arc::new(SystemClock));
    Arc::new(SplitStore::new(Arc::new(durable), Arc::new(transient)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d6_a_cluster_loses_a_primary() {
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let store = beside(open(&cluster.url()).await.unwrap());
    let cluster = &mut cluster;
    count_through(store.clone(), move || {
        let first = cluster.primaries()[0];
        cluster.nodes[first].kill();
        until("a replica in its place", || cluster.primaries().len() == 3);
        cluster.is_whole();
        cluster.nodes[first].start_again();
        cluster.is_whole();
        // One that hangs, until another took its place.
        let second = cluster.primaries()[1];
        cluster.nodes[second].pause(true);
        std::thread::sleep(Duration::from_secs(4));
        cluster.nodes[second].pause(false);
        cluster.is_whole();
    })
    .await;
    store.ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d6_sentinels_name_another_primary() {
    let Some(mut watched) = Watched::start() else {
        return;
    };
    let store = beside(open(&watched.url()).await.unwrap());
    let servers = &mut watched.servers;
    count_through(store.clone(), move || {
        servers[0].kill();
        until("a replica in its place", || {
            servers[1].ask(&["role"]).starts_with("master")
        });
        std::thread::sleep(Duration::from_secs(1));
    })
    .await;
    store.ready().await.unwrap();
    let key = key("after");
    store
        .put(&key, Vec::new(), Precondition::Absent)
        .await
        .unwrap();
    let unknown = watched.url().expose().replace("/main", "/other");
    let why = refusal(&unknown).await;
    assert!(why.contains("no primary of that name"), "{why}");
}
