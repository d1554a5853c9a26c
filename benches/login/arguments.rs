//! What the command line asks for.

use std::path::PathBuf;
use std::time::Duration;

/// A part of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Login,
    Check,
    Memory,
    Neighbours,
}

/// The arguments.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// How long one contestant is driven before it is the other's turn.
    pub turn: Duration,
    /// How many turns each has.
    pub rounds: usize,
    pub browsers: Vec<usize>,
    pub dir: PathBuf,
    /// The broker to measure.
    pub program: PathBuf,
    /// Whether these take part.
    pub floor: bool,
    pub broker: bool,
    /// The commit to compare this build with.
    pub base: Option<String>,
    only: Option<Part>,
}

impl Arguments {
    pub fn read() -> Self {
        let mut read = Self {
            turn: Duration::from_secs(5),
            rounds: 4,
            browsers: vec![1, 8, 32],
            dir: PathBuf::from("."),
            program: env!("CARGO_BIN_EXE_vestibule").into(),
            floor: true,
            broker: true,
            base: None,
            only: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(name) = args.next() {
            if name == "--bench" {
                continue; // cargo's own
            }
            let value = args
                .next()
                .unwrap_or_else(|| panic!("{name} needs a value"));
            match name.as_str() {
                "--seconds" => read.turn = Duration::from_secs_f64(value.parse().unwrap()),
                "--rounds" => read.rounds = value.parse().unwrap(),
                "--browsers" => {
                    read.browsers = value.split(',').map(|n| n.parse().unwrap()).collect();
                }
                "compare" => read.base = Some(value),
                "--dir" => read.dir = value.into(),
                "--program" => read.program = value.into(),
                "--turns" => {
                    read.floor = value == "floor";
                    read.broker = value == "broker";
                }
                "--only" => {
                    read.only = Some(match value.as_str() {
                        "login" => Part::Login,
                        "check" => Part::Check,
                        "memory" => Part::Memory,
                        "neighbours" => Part::Neighbours,
                        other => panic!("no part is called {other}"),
                    });
                }
                other => panic!("no argument is called {other}"),
            }
        }
        read
    }

    pub fn does(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}
