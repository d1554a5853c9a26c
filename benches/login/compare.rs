//! This build beside a former one.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::arguments::Arguments;
use super::browser::{self, Browser};
use super::process::Process;
use super::turn::{Sum, Work, each_round, turn};

/// Builds the commit `base` and prints what a login and a `check` cost in this build
/// and in that one, in turns, with the floor beside them.
pub async fn compare(args: &Arguments, base: &str) {
    let mut former = args.clone();
    former.program = build(base);
    let idp = Process::idp().await;
    let contestants = [
        ("floor", Process::floor(&idp).await),
        ("this", Process::broker(args, &idp).await),
        ("base", Process::broker(&former, &idp).await),
    ];
    for (work, name) in [(Work::LogIn, "login"), (Work::Check, "check")] {
        println!("\n{name:10} browsers  rate/s    CPU µs each      least  p50 ms  p99 ms");
        for &browsers in &args.browsers {
            let mut sums: [Sum; 3] = Default::default();
            let mut ready = Vec::new();
            for (_, process) in &contestants {
                ready.push(arrive(process, browsers).await);
            }
            for _ in 0..args.rounds {
                for ((sum, browsers), (_, process)) in
                    sums.iter_mut().zip(&mut ready).zip(&contestants)
                {
                    sum.add(turn(work, browsers, process, args.turn).await);
                }
            }
            for (sum, (name, _)) in sums.iter().zip(&contestants) {
                sum.print(name, browsers);
            }
            let [floor, this, base] = &sums;
            println!(
                "           this to base: {:.2} of the rate, {:.2} of the CPU{}; floors of CPU: {:.2} and {:.2}",
                this.rate() / base.rate(),
                this.cpu_each() / base.cpu_each(),
                each_round(this, base),
                this.cpu_each() / floor.cpu_each(),
                base.cpu_each() / floor.cpu_each(),
            );
        }
    }
    let [_, this, base] = contestants;
    this.1.stop();
    base.1.stop();
}

/// Browsers whose users are known, and logged in.
async fn arrive(process: &Process, browsers: usize) -> Vec<Browser> {
    let mut ready = Vec::new();
    for number in 0..browsers {
        let mut browser = Browser::open(process.port(), number).await;
        for _ in 0..browser::USERS {
            browser.log_in().await;
        }
        ready.push(browser);
    }
    ready
}

/// The program of a commit, built from a copy of its files below `target`.
fn build(base: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let said = run(Command::new("git").current_dir(root).args([
        "rev-parse",
        "--verify",
        &format!("{base}^{{commit}}"),
    ]));
    let commit = said.trim();
    let beside = root.join("target/compare");
    let checkout = beside.join(commit);
    if !checkout.join("Cargo.toml").exists() {
        std::fs::create_dir_all(&checkout).unwrap();
        let files = beside.join(format!("{commit}.tar"));
        run(Command::new("git")
            .current_dir(root)
            .args(["archive", "--format=tar", "--output"])
            .args([files.as_os_str(), commit.as_ref()]));
        run(Command::new("tar")
            .arg("-xf")
            .arg(&files)
            .arg("-C")
            .arg(&checkout));
        std::fs::remove_file(&files).unwrap();
    }
    eprintln!("building {commit}, which takes minutes the first time");
    let target = beside.join("target");
    run(Command::new(env!("CARGO"))
        .current_dir(&checkout)
        .args([
            "build",
            "--release",
            "--quiet",
            "--locked",
            "--bin",
            "vestibule",
        ])
        .env("CARGO_TARGET_DIR", &target));
    // The next one is built in the same place.
    let program = beside.join(format!("vestibule-{commit}"));
    std::fs::copy(target.join("release/vestibule"), &program).unwrap();
    program
}

/// What a command says; its failure is ours.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
