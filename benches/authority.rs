//! What the authority costs: signatures and validations by algorithm; `check`,
//! introspection and the token endpoint against bare handlers, turn by turn in
//! the same run; whole visits, from the authorization request to the logout; and what
//! EC tokens and logins of one account lose while another account of the same broker has
//! RSA-4096 tokens made.
//!
//! `cargo bench --bench authority`, three minutes. Behind `--`: `--seconds 5` (a
//! turn), `--rounds 4` (turns each), `--dir` (where the broker's data goes).
//! docs/performance.md has figures.
//!
//! The broker is one process, the bare handlers another, and a provider for
//! logins a third, so that CPU time can be told apart. This process is the callers.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

#[path = "login/arguments.rs"]
#[allow(dead_code)]
mod arguments;
#[path = "authority/bare.rs"]
mod bare;
#[path = "authority/broker.rs"]
mod broker;
#[path = "login/browser.rs"]
#[allow(dead_code)]
mod browser;
#[path = "authority/caller.rs"]
mod caller;
#[path = "login/idp.rs"]
mod idp;
#[path = "authority/keys.rs"]
mod keys;
#[path = "authority/paced.rs"]
mod paced;
#[path = "login/process.rs"]
#[allow(dead_code)]
mod process;
#[path = "login/turn.rs"]
mod turn;
#[path = "authority/visit.rs"]
mod visit;

use std::time::Duration;

use arguments::Arguments;
use broker::{CLIENT, RSA_CLIENT};
use browser::Browser;
use caller::{Call, Caller};
use paced::Paced;
use process::Process;
use turn::{Load, Sum, Work, rounds, turn};
use visit::{Scenario, Visitor};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections that call.
const CALLERS: usize = 16;
/// Connections that ask for RSA tokens meanwhile.
const RSA_CALLERS: usize = 4;
/// How often each browser logs in where the demand is fixed: 400 logins a second
/// of 16, a fifth of what the broker can do.
const PACE: Duration = Duration::from_millis(40);
/// How much more a turn's figures may be off.
const WARM_UP: f64 = 0.2;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["idp", port] => return idp::serve(port.parse().unwrap()).await,
        ["bare", port] => return bare::serve(port.parse().unwrap()).await,
        ["broker", dir, port, provider] => {
            return broker::serve(dir.as_ref(), port.parse().unwrap(), provider).await;
        }
        _ => {}
    }
    let args = Arguments::read();
    keys::measure(args.turn).await;

    let idp = Process::idp().await;
    let broker = broker::start(&args, &idp).await;
    let bare = bare::start().await;
    println!("\nrequests          callers      a second  CPU µs each    least  p50 ms  p99 ms");
    for call in Call::ALL {
        let mut at = [Vec::new(), Vec::new()];
        for (place, server) in at.iter_mut().zip([&bare, &broker]) {
            for _ in 0..CALLERS {
                place.push(Caller::open(server.port(), CLIENT, call).await);
            }
        }
        let [at_bare, at_broker] = at;
        compare(&args, call.name(), (at_bare, &bare), (at_broker, &broker)).await;
    }
    let mut at = [Vec::new(), Vec::new()];
    for (place, server) in at.iter_mut().zip([&bare, &broker]) {
        for number in 0..CALLERS {
            let mut browser = Browser::open(server.port(), number).await;
            if server.port() == broker.port() {
                browser.log_in().await;
            }
            place.push(browser);
        }
    }
    let [at_bare, at_broker] = at;
    compare(&args, "check", (at_bare, &bare), (at_broker, &broker)).await;

    visits(&args, &broker).await;
    beside(&args, &broker).await;
}

/// Whole visits, the scenarios in turns.
async fn visits(args: &Arguments, broker: &Process) {
    println!("\nvisits            visitors      a second  CPU µs each    least  p50 ms  p99 ms");
    let mut sums: [Sum; 3] = Default::default();
    let mut visitors: [Vec<Visitor>; 3] = Default::default();
    for (place, scenario) in visitors.iter_mut().zip(Scenario::ALL) {
        for number in 0..CALLERS {
            place.push(Visitor::open(broker.port(), number, scenario).await);
        }
        // The people who return are known afterwards.
        turn(Work::LogIn, place, broker, args.turn.mul_f64(WARM_UP)).await;
    }
    for _ in 0..args.rounds {
        for (sum, visitors) in sums.iter_mut().zip(&mut visitors) {
            sum.add(turn(Work::LogIn, visitors, broker, args.turn).await);
        }
    }
    for (sum, scenario) in sums.iter().zip(Scenario::ALL) {
        println!("{}", scenario.name);
        sum.print("  broker", CALLERS);
    }
}

/// A part of the broker against its bare handler, turn by turn.
async fn compare<L: Load>(
    args: &Arguments,
    name: &str,
    (at_bare, bare): (Vec<L>, &Process),
    (at_broker, broker): (Vec<L>, &Process),
) {
    let mut loads = [at_bare, at_broker];
    for load in &mut loads {
        turn(Work::Check, load, broker, args.turn.mul_f64(WARM_UP)).await;
    }
    let [bare, broker] = &rounds(args, Work::Check, &mut loads, [bare, broker]).await;
    println!("{name}");
    bare.print("  bare", CALLERS);
    broker.print("  broker", CALLERS);
    println!(
        "             ratio: {:.2} of the rate, {:.2} of the CPU{}",
        broker.rate() / bare.rate(),
        broker.cpu_each() / bare.cpu_each(),
        turn::each_round(broker, bare),
    );
}

/// EC work of one account, alone and while another account of the same broker
/// has RSA-4096 tokens made.
async fn beside(args: &Arguments, broker: &Process) {
    println!("\nEC beside RSA-4096   callers      a second  CPU µs each    least  p50 ms  p99 ms");
    let mut tokens = Vec::new();
    let mut browsers = Vec::new();
    let mut paced = Vec::new();
    let mut rsa = Vec::new();
    for number in 0..CALLERS {
        tokens.push(Caller::open(broker.port(), CLIENT, Call::Token).await);
        for (kept, number) in [(true, number), (false, CALLERS + number)] {
            let mut browser = Browser::open(broker.port(), number).await;
            for _ in 0..browser::USERS {
                browser.log_in().await;
            }
            if kept {
                browsers.push(browser);
            } else {
                paced.push(Paced::new(browser, PACE));
            }
        }
    }
    for _ in 0..RSA_CALLERS {
        rsa.push(Caller::open(broker.port(), RSA_CLIENT, Call::Token).await);
    }
    let mut sums: [Sums; 3] = Default::default();
    for _ in 0..args.rounds {
        let span = args.turn;
        sums[0]
            .round(Work::Check, &mut tokens, &mut rsa, broker, span)
            .await;
        sums[1]
            .round(Work::LogIn, &mut browsers, &mut rsa, broker, span)
            .await;
        sums[2]
            .round(Work::LogIn, &mut paced, &mut rsa, broker, span)
            .await;
    }
    let rate = CALLERS as f64 / PACE.as_secs_f64();
    let names = [
        "tokens".to_owned(),
        "logins".to_owned(),
        format!("logins, {rate:.0} a second asked for"),
    ];
    for (name, sums) in names.iter().zip(&sums) {
        println!("{name}");
        sums.print();
    }
}

/// EC work alone, beside RSA, and the RSA.
#[derive(Default)]
struct Sums {
    alone: Sum,
    beside: Sum,
    rsa: Sum,
}

impl Sums {
    async fn round<L: Load>(
        &mut self,
        work: Work,
        ec: &mut Vec<L>,
        rsa: &mut Vec<Caller>,
        broker: &Process,
        span: Duration,
    ) {
        self.alone.add(turn(work, ec, broker, span).await);
        let (ec, rsa) = tokio::join!(
            turn(work, ec, broker, span),
            turn(Work::Check, rsa, broker, span),
        );
        self.beside.add(ec);
        self.rsa.add(rsa);
    }

    fn print(&self) {
        self.alone.print("  alone", CALLERS);
        self.beside.print("  beside", CALLERS);
        self.rsa.print("  the RSA", RSA_CALLERS);
        println!(
            "             ratio: {:.2} of the rate alone, beside {:.0} RSA-4096 signatures a second",
            self.beside.rate() / self.alone.rate(),
            self.rsa.rate(),
        );
    }
}
