//! The kept corpus of `tests/fuzz`, replayed: what a fuzzer found once, and what
//! it begins with. And inputs made from it by chance, on any toolchain; `.ci/fuzz`
//! looks for more, led by what is reached.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "fuzz/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn the_corpus_of_every_target_runs_through() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("tests/fuzz");
    let all: BTreeSet<_> = targets::ALL
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(names(&folder.join("fuzz_targets")), all);
    assert_eq!(names(&folder.join("corpus")), all);
    for (name, target) in targets::ALL {
        let inputs = inputs(name);
        for (path, input) in &inputs {
            println!("{path}");
            target(input);
        }
        let count = inputs.len();
        assert!(count >= 5, "{name} has a corpus of {count}");
    }
}

/// A target's corpus, and where each input is.
fn inputs(name: &str) -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("tests/fuzz/corpus").join(name);
    let elsewhere = targets::elsewhere(name).map(|at| root.join(at));
    let mut inputs = Vec::new();
    for from in [own].into_iter().chain(elsewhere) {
        for entry in std::fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            inputs.push((path.display().to_string(), std::fs::read(path).unwrap()));
        }
    }
    inputs.sort();
    inputs
}

/// What readers of texts stumble over.
const WORDS: &[&str] = &[
    "\0",
    "\r\n",
    "\u{feff}",
    "\u{202e}",
    "\u{fffd}",
    "%00",
    "%25",
    "%c0%af",
    "\\u0000",
    "\\ud800",
    "//",
    "..",
    "[[",
    "]]",
    "{{",
    "}}",
    "'''",
    "\"\"\"",
    "$..*",
    "?(@)",
    "[?",
    "length(",
    "[*,*]",
    "1e400",
    "-0",
    "9007199254740993",
    "18446744073709551616",
    "null",
    "true",
    "&#0;",
    "<![CDATA[",
    "==",
    ";",
    ",",
    "=",
    "&",
    "\t",
    "\u{1f512}",
    "İ",
    "none",
    "crit",
    "iss",
    "@",
];

/// One change of an input.
#[derive(Debug, Clone)]
enum Change {
    Flip(Index, u8),
    Insert(Index, u8),
    Word(Index, Index),
    Remove(Index, usize),
    Repeat(Index, usize, usize),
    Cut(Index),
    /// From there on it is another input.
    Splice(Index, Index, Index),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = any::<Index>;
    let change = prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, bits)| Change::Flip(at, bits)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        (at(), at()).prop_map(|(at, word)| Change::Word(at, word)),
        (at(), 1..64_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        (at(), 1..32_usize, 1..200_usize)
            .prop_map(|(at, length, times)| { Change::Repeat(at, length, times) }),
        at().prop_map(Change::Cut),
        (at(), at(), at()).prop_map(|(at, other, from)| Change::Splice(at, other, from)),
    ];
    vec(change, 1..8)
}

impl Change {
    fn make(&self, input: &mut Vec<u8>, all: &[(String, Vec<u8>)]) {
        let place = |at: &Index| at.index(input.len() + 1);
        match self {
            Self::Flip(at, bits) => {
                let at = place(at);
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= bits;
                }
            }
            Self::Insert(at, byte) => input.insert(place(at), *byte),
            Self::Word(at, word) => {
                let at = place(at);
                input.splice(at..at, word.get(WORDS).bytes());
            }
            Self::Remove(at, length) => {
                let at = place(at);
                input.drain(at..(at + length).min(input.len()));
            }
            Self::Repeat(at, length, times) => {
                let at = place(at);
                let piece = input[at..(at + length).min(input.len())].repeat(*times);
                input.splice(at..at, piece);
            }
            Self::Cut(at) => input.truncate(place(at)),
            Self::Splice(at, other, from) => {
                let at = place(at);
                input.truncate(at);
                let other = &other.get(all).1;
                input.extend_from_slice(&other[from.index(other.len() + 1)..]);
            }
        }
        // As the fuzzer's: limits of size have tests of their own.
        input.truncate(8192);
    }
}

/// `VESTIBULE_FUZZ=60` gives each target so many seconds; else it is a look.
#[test]
fn what_chance_makes_of_the_corpus_runs_through() {
    let seconds = std::env::var("VESTIBULE_FUZZ");
    let seconds = seconds.map_or(0, |text| text.parse().unwrap());
    let mut all = 0_u64;
    for (name, target) in targets::ALL {
        let corpus = inputs(name);
        let until = Instant::now() + Duration::from_secs(seconds);
        let mut runs = 0;
        loop {
            let mut runner = TestRunner::new(Config {
                cases: 100,
                failure_persistence: None,
                ..Config::default()
            });
            let made = (any::<Index>(), changes()).prop_map(|(base, changes)| {
                let mut input = base.get(&corpus).1.clone();
                for change in &changes {
                    change.make(&mut input, &corpus);
                }
                input
            });
            let run = runner.run(&made, |input| {
                target(&input);
                Ok(())
            });
            run.unwrap_or_else(|found| panic!("{name}: {found}"));
            runs += 100;
            if Instant::now() >= until {
                break;
            }
        }
        println!("{name:16} {runs:10}");
        all += runs;
    }
    println!("{:16} {all:10}", "all");
}
