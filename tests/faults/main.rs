//! What breaks, broken on purpose: disks, processes, clocks.
//!
//! Each module is one kind of fault, in a size for every run of the suite. The
//! variable `VESTIBULE_FAULTS` makes it more: `VESTIBULE_FAULTS=10` is ten times
//! as many rounds. What is random comes of a seed that is printed; with
//! `VESTIBULE_SEED` a run is repeated. `docs/reliability.md` has the results.
#![allow(missing_docs, clippy::unwrap_used)]

mod crash;
mod disk;
mod kill;
mod power;
mod serve;
mod worker;

use vestibule::base::random;

/// How many rounds, where the suite's share is `few`.
pub fn rounds(few: u32) -> u32 {
    let times = std::env::var("VESTIBULE_FAULTS").map_or(1, |times| times.parse().unwrap());
    few * times
}

/// Small numbers that look random; the seed says which.
pub struct Dice(u64);

impl Dice {
    /// By the seed that is asked for, or by a new one.
    pub fn throw() -> Self {
        let seed = match std::env::var("VESTIBULE_SEED") {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => u64::from_be_bytes(random::bytes()) | 1,
        };
        println!("VESTIBULE_SEED={seed}");
        Self(seed)
    }

    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    pub fn index(&mut self, below: usize) -> usize {
        usize::try_from(self.roll(below as u64)).unwrap()
    }
}
