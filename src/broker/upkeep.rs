//! What a broker does for itself as long as it runs.

use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use crate::http;
use crate::key::Keyring;
use crate::login::health::EVERY;
use crate::operation::{Operations, domain_proofs};
use crate::store::{Space, Store};

/// How often expired records are swept.
const SWEEP: Duration = Duration::from_secs(30);
/// How often the broker sees which records that prove domains are to be looked up again.
const PROOFS: Duration = Duration::from_secs(3600);
/// How many records one step of a sweep removes before others get a turn.
const SWEEP_STEP: usize = 1_000;

/// Waits until another broker may have changed something; forever if there is none.
async fn another_changed(heard: &mut Option<tokio::sync::watch::Receiver<u64>>) {
    if let Some(receiver) = heard
        && receiver.changed().await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// What a broker does for itself as long as it runs: sees the keys that another
/// process rotated, and removes what has expired.
pub(super) async fn upkeep(ops: Arc<Operations>, keys: Arc<Keyring>) {
    // A name server that is slow holds up nothing else.
    tokio::join!(keep(&ops, &keys), look_again(&ops), write_health(&ops));
}

/// Writes down how providers do.
async fn write_health(ops: &Operations) {
    let Some(serving) = &ops.serving else { return };
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        serving
            .logins
            .health
            .write(&*ops.store, ops.clock.now())
            .await;
    }
}

async fn keep(ops: &Operations, keys: &Keyring) {
    let (store, clock) = (&ops.store, &ops.clock);
    let mut every = tokio::time::interval(SWEEP);
    let mut jumped = clock.jump();
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut heard = store.heard();
    let mut known = None;
    loop {
        let due = tokio::select! {
            _ = every.tick() => true,
            () = another_changed(&mut heard) => false,
        };
        let revision = keys.revision();
        if due || revision.is_none() || revision != known {
            match keys.reload().await {
                Ok(()) => known = revision,
                Err(error) => warn!(why = %error, "the signing keys could not be read again"),
            }
        }
        if !due {
            continue;
        }
        let jump = clock.jump();
        if let Some(jump) = jump.filter(|_| jump != jumped) {
            warn!("the clock {jump}");
        }
        jumped = jump;
        http::health::store_trouble(&**store).await;
        sweep(&**store, &ops.spaces).await;
    }
}

/// Looks the records again that prove domains, so that proofs go on counting.
async fn look_again(ops: &Operations) {
    let mut every = tokio::time::interval(PROOFS);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if let Err(error) = domain_proofs::look_again(ops).await {
            warn!(why = %error, "the records that prove domains could not be looked up again");
        }
    }
}

/// Removes what has expired, a bounded step at a time.
async fn sweep(store: &dyn Store, spaces: &[&'static Space]) {
    for space in spaces.iter().filter(|space| space.expiring) {
        loop {
            match store.purge_expired(space, SWEEP_STEP).await {
                Ok(0) => break,
                Ok(removed) => {
                    debug!(space = space.name, removed, "expired records removed");
                    if removed < SWEEP_STEP {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                Err(error) => {
                    warn!(space = space.name, why = %error, "expired records could not be removed");
                    break;
                }
            }
        }
    }
}
