//! What one account's logins take while another account is disturbed: its provider is
//! dead, its login is flooded, its profiles are huge. Turn by turn with and without.
//!
//! All of it comes at fixed rates that leave processors free, since what is asked here
//! is who waits for whom, and not who has how much of a processor.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::arguments::Arguments;
use super::browser::{Browser, USERS};
use super::paced::Paced;
use super::process::Process;
use super::turn::{Load, Sum, Work, turn};

/// The browsers whose logins count, and how often each begins one.
const SHOPPERS: usize = 8;
const EVERY: Duration = Duration::from_millis(80);
/// A disturbance lasts so long before it counts.
const BEFORE: Duration = Duration::from_secs(1);

/// Whose logins count. It comes from another address now and then: the limits of one
/// client are not the question.
struct Shopper {
    browser: Browser,
    number: usize,
    logins: usize,
}

impl Load for Shopper {
    async fn once(&mut self, work: Work) {
        let block = self.logins / 100 % 250;
        self.logins += 1;
        self.browser
            .moves(&format!("198.51.{block}.{}", self.number));
        self.browser.once(work).await;
    }
}

/// What happens at the other account.
#[derive(Debug, Clone, Copy)]
enum Disturbance {
    /// 200 logins a second, whose provider never answers.
    DeadProvider,
    /// 1,000 starts of logins a second from as many addresses.
    Flood,
    /// 20 logins a second, whose profiles have 900 kB.
    HugeProfile,
}

/// Measures and prints.
pub async fn measure(args: &Arguments, idp: &Process) {
    let [dead, huge] = ["dead", "huge"].map(|name| format!("{}/{name}", idp.origin()));
    let accounts = [("shop", idp.origin()), ("dead", dead), ("huge", huge)];
    let accounts = accounts.each_ref().map(|(id, idp)| (*id, idp.as_str()));
    let proxies = "trusted_proxies = ['127.0.0.1/32']\n";
    let broker = Process::broker_of(args, &accounts, proxies).await;
    let mut shoppers = Vec::new();
    for number in 0..SHOPPERS {
        let browser = Browser::open(broker.port(), number).await;
        let mut shopper = Shopper {
            browser: browser.at("shop", ""),
            number,
            logins: 0,
        };
        for _ in 0..USERS {
            shopper.once(Work::LogIn).await;
        }
        shoppers.push(Paced::new(shopper, EVERY));
    }
    println!("\nlogins of one account, 100 a second, without and with a disturbance of another");
    println!("           browsers    rate/s   CPU µs/login    least  p50 ms  p99 ms");
    for what in [
        Disturbance::DeadProvider,
        Disturbance::Flood,
        Disturbance::HugeProfile,
    ] {
        let [mut without, mut with] = [Sum::default(), Sum::default()];
        for _ in 0..args.rounds {
            let alone = turn(Work::LogIn, &mut shoppers, &broker, args.turn).await;
            without.add(alone);
            let mut others = disturb(what, broker.port()).await;
            sleep(BEFORE).await;
            let beside = turn(Work::LogIn, &mut shoppers, &broker, args.turn).await;
            with.add(beside);
            // One that could not go on would disturb nobody.
            assert!(others.try_join_next().is_none(), "{what:?} came to an end");
            drop(others);
            // What waited for the provider comes to its end.
            sleep(BEFORE).await;
        }
        println!("{what:?}");
        without.print("without", SHOPPERS);
        with.print("with", SHOPPERS);
        println!(
            "           ratio: p50 {:.2}, p99 {:.2}",
            with.within(50) / without.within(50),
            with.within(99) / without.within(99),
        );
    }
    broker.stop();
}

/// Those who disturb, until they are dropped.
async fn disturb(what: Disturbance, port: u16) -> JoinSet<()> {
    let (browsers, every, account) = match what {
        Disturbance::DeadProvider => (64, Duration::from_millis(320), "dead"),
        Disturbance::Flood => (16, Duration::from_millis(16), "dead"),
        Disturbance::HugeProfile => (8, Duration::from_millis(400), "huge"),
    };
    let mut others = JoinSet::new();
    for number in 0..browsers {
        let browser = Browser::open(port, number).await;
        let mut browser = browser.at(account, "203.0.113.1");
        others.spawn(async move {
            let mut next = tokio::time::interval(every);
            next.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            for turn in 0_usize.. {
                next.tick().await;
                // Each from another address: the limits of one client are not the question.
                let address = format!("10.{number}.{}.{}", turn / 250 % 250, turn % 250);
                browser.moves(&address);
                match what {
                    Disturbance::Flood => drop(browser.try_begin().await),
                    Disturbance::DeadProvider | Disturbance::HugeProfile => {
                        browser.attempt().await;
                    }
                }
            }
        });
    }
    others
}
