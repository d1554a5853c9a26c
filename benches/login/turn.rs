//! One contestant's turn: all browsers at once for some seconds.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::arguments::Arguments;
use super::browser::Browser;
use super::process::Process;

/// What the browsers do.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    LogIn,
    Check,
}

/// Whoever does one thing after another for the length of a turn.
pub trait Load: Send + 'static {
    /// Waits until it is time for the next: at once, unless it has a rate of its own.
    fn ready(&mut self) -> impl Future<Output = ()> + Send {
        async {}
    }

    fn once(&mut self, work: Work) -> impl Future<Output = ()> + Send;
}

impl Load for Browser {
    async fn once(&mut self, work: Work) {
        match work {
            Work::LogIn => self.log_in().await,
            Work::Check => self.check().await,
        }
    }
}

/// What one turn came to.
pub struct Turn {
    /// How long each took, in microseconds.
    took: Vec<u32>,
    seconds: f64,
    /// CPU time of the server, in microseconds.
    cpu: f64,
}

impl Turn {
    pub fn count(&self) -> f64 {
        self.took.len() as f64
    }
}

/// Drives a server for `span`.
pub async fn turn<L: Load>(
    work: Work,
    browsers: &mut Vec<L>,
    server: &Process,
    span: Duration,
) -> Turn {
    let (started, cpu_before) = (Instant::now(), server.cpu());
    let mut running = JoinSet::new();
    for mut browser in browsers.drain(..) {
        running.spawn(async move {
            let mut took = Vec::new();
            while started.elapsed() < span {
                browser.ready().await;
                let one = Instant::now();
                browser.once(work).await;
                took.push(u32::try_from(one.elapsed().as_micros()).unwrap());
            }
            (browser, took)
        });
    }
    let mut took = Vec::new();
    for (browser, times) in running.join_all().await {
        browsers.push(browser);
        took.extend(times);
    }
    Turn {
        took,
        seconds: started.elapsed().as_secs_f64(),
        cpu: server.cpu() - cpu_before,
    }
}

/// Turn by turn the floor and the broker, as many rounds and whichever of them
/// the command line asks for.
pub async fn rounds<L: Load>(
    args: &Arguments,
    work: Work,
    [at_floor, at_broker]: &mut [Vec<L>; 2],
    [floor, broker]: [&Process; 2],
) -> [Sum; 2] {
    let mut sums = [Sum::default(), Sum::default()];
    for _ in 0..args.rounds {
        if args.floor {
            sums[0].add(turn(work, at_floor, floor, args.turn).await);
        }
        if args.broker {
            sums[1].add(turn(work, at_broker, broker, args.turn).await);
        }
    }
    sums
}

/// All turns of a contestant.
#[derive(Default)]
pub struct Sum(Vec<Turn>);

impl Sum {
    pub fn add(&mut self, turn: Turn) {
        self.0.push(turn);
    }

    pub fn count(&self) -> f64 {
        self.0.iter().map(Turn::count).sum()
    }

    /// So many a second.
    pub fn rate(&self) -> f64 {
        self.count() / self.0.iter().map(|turn| turn.seconds).sum::<f64>()
    }

    /// CPU time for one, in microseconds.
    pub fn cpu_each(&self) -> f64 {
        self.0.iter().map(|turn| turn.cpu).sum::<f64>() / self.count()
    }

    /// The least CPU time for one in any turn: what other programs do to the
    /// caches of this machine only ever adds to it.
    pub fn least(&self) -> f64 {
        let each = self.0.iter().map(|turn| turn.cpu / turn.count());
        each.fold(f64::INFINITY, f64::min)
    }

    /// Within how many milliseconds so many of a hundred were done.
    pub fn within(&self, part: usize) -> f64 {
        let mut took: Vec<u32> = self.0.iter().flat_map(|turn| &turn.took).copied().collect();
        took.sort_unstable();
        let last = took.len().saturating_sub(1);
        took.get(last * part / 100)
            .map_or(0.0, |took| f64::from(*took) / 1000.0)
    }

    pub fn print(&self, name: &str, browsers: usize) {
        if self.count() == 0.0 {
            return;
        }
        println!(
            "{name:10} {browsers:8} {:9.0} {:13.1} {:8.1} {:7.2} {:7.2}",
            self.rate(),
            self.cpu_each(),
            self.least(),
            self.within(50),
            self.within(99),
        );
    }
}

/// The ratio of CPU in each round, to see how far to trust that of all.
pub fn each_round(ours: &Sum, theirs: &Sum) -> String {
    let mut text = String::from(" (by round");
    for (our, their) in ours.0.iter().zip(&theirs.0) {
        let ratio = (our.cpu / our.count()) / (their.cpu / their.count());
        let _ = write!(text, " {ratio:.2}");
    }
    text + ")"
}
