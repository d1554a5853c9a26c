//! What a login costs: complete logins by concurrent browsers against the real
//! broker, and, turn by turn in the same run, against a floor that makes the
//! same HTTP exchanges with fixed answers; then `check` against a bare handler;
//! then the memory of an idle broker; then what one account's logins take while another
//! account is disturbed.
//!
//! `cargo bench --bench login`, seven minutes. Behind `--`: `--seconds 5`
//! (a turn), `--rounds 2` (turns each), `--browsers 1,8,32`,
//! `--only login|check|memory|neighbours`, `--dir` (where the broker's data goes; `/tmp`
//! may be memory, so it is the working directory), `--turns broker|floor` (one
//! contestant alone, for a profiler), `--program` (another build of the broker).
//! docs/performance.md has figures.
//!
//! `cargo bench --bench login -- compare BASE` builds the commit `BASE` and prints
//! both builds' figures side by side, in turns of one run.
//!
//! Every part is a process of its own, so that CPU time can be told apart: the
//! broker (`vestibule serve` as it is built here, default logging, into a
//! file), the floor, and one minimal identity provider for both. This process
//! is the browsers.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

#[path = "login/arguments.rs"]
mod arguments;
#[path = "login/browser.rs"]
mod browser;
#[path = "login/compare.rs"]
mod compare;
#[path = "login/floor.rs"]
mod floor;
#[path = "login/idp.rs"]
mod idp;
#[path = "login/neighbours.rs"]
mod neighbours;
#[path = "authority/paced.rs"]
mod paced;
#[path = "login/process.rs"]
mod process;
#[path = "login/turn.rs"]
mod turn;

use std::time::Duration;

use arguments::{Arguments, Part};
use browser::Browser;
use process::Process;
use turn::{Work, rounds, turn};

/// The broker has it, so the floor gets it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections that ask `check`.
const CHECKERS: usize = 32;
/// An idle broker has had time to tidy up.
const REST: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["idp", port] => return idp::serve(port.parse().unwrap()).await,
        ["floor", port, provider] => return floor::serve(port.parse().unwrap(), provider).await,
        _ => {}
    }
    let args = Arguments::read();
    if let Some(base) = &args.base {
        return compare::compare(&args, base).await;
    }
    let idp = Process::idp().await;
    if args.does(Part::Login) || args.does(Part::Check) {
        let broker = Process::broker(&args, &idp).await;
        let floor = Process::floor(&idp).await;
        println!(
            "pids: broker {}, floor {}, provider {}",
            broker.pid(),
            floor.pid(),
            idp.pid()
        );
        if args.does(Part::Login) {
            logins(&args, &broker, &floor, &idp).await;
        }
        if args.does(Part::Check) {
            checks(&args, &broker, &floor).await;
        }
        broker.stop();
    }
    if args.does(Part::Memory) {
        memory(&args, &idp).await;
    }
    if args.does(Part::Neighbours) {
        neighbours::measure(&args, &idp).await;
    }
}

async fn logins(args: &Arguments, broker: &Process, floor: &Process, idp: &Process) {
    println!("\nlogins     browsers  logins/s  CPU µs/login    least  p50 ms  p99 ms");
    for &browsers in &args.browsers {
        // Makes the connections and the users: the logins that count are of users who return.
        let mut work = [Vec::new(), Vec::new()];
        for (place, server) in work.iter_mut().zip([floor, broker]) {
            for number in 0..browsers {
                let mut browser = Browser::open(server.port(), number).await;
                for _ in 0..browser::USERS {
                    browser.log_in().await;
                }
                place.push(browser);
            }
        }
        let idp_before = idp.cpu();
        let [floor, broker] = &rounds(args, Work::LogIn, &mut work, [floor, broker]).await;
        floor.print("floor", browsers);
        broker.print("broker", browsers);
        println!(
            "           ratio: {:.2} of the rate, {:.2} floors of CPU{}, {:.2} of the least; the provider took {:.0} µs of CPU a login",
            broker.rate() / floor.rate(),
            broker.cpu_each() / floor.cpu_each(),
            turn::each_round(broker, floor),
            broker.least() / floor.least(),
            (idp.cpu() - idp_before) / (floor.count() + broker.count()),
        );
    }
}

async fn checks(args: &Arguments, broker: &Process, floor: &Process) {
    println!("\ncheck      browsers  checks/s  CPU µs/check    least  p50 ms  p99 ms");
    let mut work = [Vec::new(), Vec::new()];
    for (place, server) in work.iter_mut().zip([floor, broker]) {
        for number in 0..CHECKERS {
            let mut browser = Browser::open(server.port(), number).await;
            browser.log_in().await;
            place.push(browser);
        }
    }
    let [bare, broker] = &rounds(args, Work::Check, &mut work, [floor, broker]).await;
    bare.print("bare", CHECKERS);
    broker.print("broker", CHECKERS);
    println!(
        "           ratio: {:.2} of the rate, {:.2} of the CPU{}, {:.2} of the least",
        broker.rate() / bare.rate(),
        broker.cpu_each() / bare.cpu_each(),
        turn::each_round(broker, bare),
        broker.least() / bare.least(),
    );
}

async fn memory(args: &Arguments, idp: &Process) {
    let broker = Process::broker(args, idp).await;
    tokio::time::sleep(REST).await;
    println!(
        "\nresident memory of an idle broker\n  after its start        {:6.1} MiB",
        broker.resident()
    );
    let mut browsers = Vec::new();
    for number in 0..CHECKERS {
        browsers.push(Browser::open(broker.port(), number).await);
    }
    let burst = turn(Work::LogIn, &mut browsers, &broker, args.turn * 2).await;
    let peak = broker.resident();
    drop(browsers);
    tokio::time::sleep(REST).await;
    println!(
        "  during {:6.0} logins   {peak:6.1} MiB\n  {} s after them        {:6.1} MiB",
        burst.count(),
        REST.as_secs(),
        broker.resident()
    );
    broker.stop();
}
