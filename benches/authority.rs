//! What the authority costs: signatures and validations by algorithm; `check`,
//! introspection and the token endpoint against bare handlers, turn by turn in
//! the same run; and what EC tokens and logins lose while another broker of the
//! same process makes RSA-4096 tokens.
//!
//! `cargo bench --bench authority`, two minutes. Behind `--`: `--seconds 5` (a
//! turn), `--rounds 4` (turns each), `--dir` (where the brokers' data goes).
//! docs/performance.md has figures.
//!
//! The brokers are one process, the bare handlers another, and a provider for
//! logins a third, so that CPU time can be told apart. This process is the callers.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

#[path = "login/arguments.rs"]
#[allow(dead_code)]
mod arguments;
#[path = "authority/bare.rs"]
mod bare;
#[path = "authority/brokers.rs"]
mod brokers;
#[path = "login/browser.rs"]
mod browser;
#[path = "authority/caller.rs"]
mod caller;
#[path = "login/idp.rs"]
mod idp;
#[path = "authority/keys.rs"]
mod keys;
#[path = "login/process.rs"]
#[allow(dead_code)]
mod process;
#[path = "login/turn.rs"]
mod turn;

use arguments::Arguments;
use browser::Browser;
use caller::{Call, Caller};
use process::Process;
use turn::{Load, Sum, Work, rounds, turn};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Connections that call.
const CALLERS: usize = 16;
/// Connections that ask for RSA tokens meanwhile.
const RSA_CALLERS: usize = 4;
/// How much more a turn's figures may be off.
const WARM_UP: f64 = 0.2;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["idp", port] => return idp::serve(port.parse().unwrap()).await,
        ["bare", port] => return bare::serve(port.parse().unwrap()).await,
        ["brokers", dir, ec, rsa, provider] => {
            return brokers::serve(
                dir.as_ref(),
                [ec, rsa].map(|p| p.parse().unwrap()),
                provider,
            )
            .await;
        }
        _ => {}
    }
    let args = Arguments::read();
    keys::measure(args.turn).await;

    let idp = Process::idp().await;
    let (brokers, rsa_port) = brokers::start(&args, &idp).await;
    let bare = bare::start().await;
    println!("\nrequests          callers      a second  CPU µs each    least  p50 ms  p99 ms");
    for call in Call::ALL {
        let mut at = [Vec::new(), Vec::new()];
        for (place, server) in at.iter_mut().zip([&bare, &brokers]) {
            for _ in 0..CALLERS {
                place.push(Caller::open(server.port(), call).await);
            }
        }
        let [at_bare, at_broker] = at;
        compare(&args, call.name(), (at_bare, &bare), (at_broker, &brokers)).await;
    }
    let mut at = [Vec::new(), Vec::new()];
    for (place, server) in at.iter_mut().zip([&bare, &brokers]) {
        for number in 0..CALLERS {
            let mut browser = Browser::open(server.port(), number).await;
            if server.port() == brokers.port() {
                browser.log_in().await;
            }
            place.push(browser);
        }
    }
    let [at_bare, at_broker] = at;
    compare(&args, "check", (at_bare, &bare), (at_broker, &brokers)).await;

    beside(&args, &brokers, rsa_port).await;
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

/// EC work of one broker, alone and while another in the same process makes
/// RSA-4096 tokens.
async fn beside(args: &Arguments, brokers: &Process, rsa_port: u16) {
    println!("\nEC beside RSA-4096   callers      a second  CPU µs each    least  p50 ms  p99 ms");
    let mut tokens = Vec::new();
    let mut browsers = Vec::new();
    let mut rsa = Vec::new();
    for number in 0..CALLERS {
        tokens.push(Caller::open(brokers.port(), Call::Token).await);
        let mut browser = Browser::open(brokers.port(), number).await;
        for _ in 0..browser::USERS {
            browser.log_in().await;
        }
        browsers.push(browser);
    }
    for _ in 0..RSA_CALLERS {
        rsa.push(Caller::open(rsa_port, Call::Token).await);
    }
    let mut sums: [Sum; 6] = std::array::from_fn(|_| Sum::default());
    for _ in 0..args.rounds {
        let span = args.turn;
        sums[0].add(turn(Work::Check, &mut tokens, brokers, span).await);
        let (ec, other) = tokio::join!(
            turn(Work::Check, &mut tokens, brokers, span),
            turn(Work::Check, &mut rsa, brokers, span),
        );
        sums[1].add(ec);
        sums[2].add(other);
        sums[3].add(turn(Work::LogIn, &mut browsers, brokers, span).await);
        let (ec, other) = tokio::join!(
            turn(Work::LogIn, &mut browsers, brokers, span),
            turn(Work::Check, &mut rsa, brokers, span),
        );
        sums[4].add(ec);
        sums[5].add(other);
    }
    for (name, alone) in [("tokens", 0), ("logins", 3)] {
        println!("{name}");
        sums[alone].print("  alone", CALLERS);
        sums[alone + 1].print("  beside", CALLERS);
        sums[alone + 2].print("  the RSA", RSA_CALLERS);
        println!(
            "             ratio: {:.2} of the rate alone, beside {:.0} RSA-4096 signatures a second",
            sums[alone + 1].rate() / sums[alone].rate(),
            sums[alone + 2].rate(),
        );
    }
}
