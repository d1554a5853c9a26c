//! A load that comes at a fixed rate, however fast the server is.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use super::turn::{Load, Work};

/// One after another, but not before its time.
pub struct Paced<L> {
    load: L,
    next: Interval,
}

impl<L> Paced<L> {
    pub fn new(load: L, every: Duration) -> Self {
        let mut next = interval(every);
        next.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { load, next }
    }
}

impl<L: Load> Load for Paced<L> {
    async fn ready(&mut self) {
        self.next.tick().await;
    }

    async fn once(&mut self, work: Work) {
        self.load.once(work).await;
    }
}
