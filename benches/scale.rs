//! What a large installation costs beside a small one: the same program on the same
//! machine in one run, on the embedded store and on PostgreSQL with Redis.
//!
//! `cargo bench --bench scale`: 1,000 accounts with a mapping each, 10,000 users and as
//! many live sessions beside 100,000, 1,000,000 and 1,000,000. `-- --small 100,1000,1000
//! --large 1000,10000,10000 --engine sled --seconds 2` is a shorter one. The stores are
//! filled by the bench's own copy of the program's code, in the directory where it is
//! started, and then measured from outside; `--program FILE` measures another build.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, missing_docs)]

#[path = "scale/fill.rs"]
mod fill;
#[path = "scale/measure.rs"]
mod measure;
#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use mock_idp::MockIdp;
use support::postgres::Postgres;
use support::redis::Redis;

/// How much there is.
#[derive(Debug, Clone, Copy)]
struct Size {
    accounts: usize,
    users: usize,
    sessions: usize,
}

impl Size {
    fn parse(text: &str) -> Self {
        let numbers: Vec<usize> = text.split(',').map(|n| n.parse().unwrap()).collect();
        let [accounts, users, sessions] = numbers[..] else {
            panic!("`{text}` is not accounts,users,sessions");
        };
        assert!(accounts >= 10 && users >= accounts && users >= sessions);
        Self {
            accounts,
            users,
            sessions,
        }
    }
}

/// Where the records are.
enum Engine {
    Sled,
    Shared(Box<(Postgres, Redis)>),
}

impl Engine {
    fn start(name: &str) -> Option<Self> {
        match name {
            "sled" => Some(Self::Sled),
            "postgres" => Some(Self::Shared(Box::new((
                Postgres::start()?,
                Redis::start()?,
            )))),
            other => panic!("`{other}` is neither `sled` nor `postgres`"),
        }
    }

    /// The section of the configuration.
    fn section(&self) -> String {
        match self {
            Self::Sled => String::new(),
            Self::Shared(servers) => format!(
                "[store]\ndurable = \"{}\"\ntransient = \"{}\"\n",
                servers.0.url("postgres").expose(),
                servers.1.url().expose()
            ),
        }
    }
}

#[tokio::main]
async fn main() {
    let (mut small, mut large) = (
        Size::parse("1000,10000,10000"),
        Size::parse("100000,1000000,1000000"),
    );
    let mut engines = vec!["sled".to_owned(), "postgres".to_owned()];
    let mut turn = Duration::from_secs(10);
    let mut program = PathBuf::from(env!("CARGO_BIN_EXE_vestibule"));
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().unwrap();
        match argument.as_str() {
            "--small" => small = Size::parse(&value()),
            "--large" => large = Size::parse(&value()),
            "--engine" => engines = vec![value()],
            "--program" => program = std::fs::canonicalize(value()).unwrap(),
            "--seconds" => turn = Duration::from_secs_f64(value().parse().unwrap()),
            other => panic!("`{other}` is no argument"),
        }
    }
    let idp = MockIdp::start(mock_idp::Config::default()).await.unwrap();
    for engine in engines {
        let mut found = Vec::new();
        for size in [small, large] {
            let Some(servers) = Engine::start(&engine) else {
                return;
            };
            eprintln!("{engine}: {size:?}");
            let filled = fill::fill(&servers, size, &idp).await;
            found.push(measure::measure(&filled, &servers, &program, turn).await);
        }
        print(&engine, &small, &large, &found);
    }
}

fn print(engine: &str, small: &Size, large: &Size, found: &[BTreeMap<&'static str, f64>]) {
    let shown = |size: &Size| format!("{} accounts, {} users", size.accounts, size.users);
    println!(
        "\n| {engine} | {} | {} | ratio |",
        shown(small),
        shown(large)
    );
    println!("|---|---|---|---|");
    for (what, one) in &found[0] {
        let other = found[1][what];
        println!("| {what} | {one:.2} | {other:.2} | {:.2} |", other / one);
    }
}
