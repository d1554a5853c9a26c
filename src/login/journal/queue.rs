//! Entries on their way to the task that writes them.
//!
//! The task is woken for the first entry of a batch and for a full one, not for each:
//! it runs on another thread than the login, and waking that costs more than the entry.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::Noted;

/// The most entries that wait.
const MOST: usize = 4_096;
/// How many are a batch, whether or not more would come.
const BATCH: usize = 500;

/// What waits for the writer.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Batch>,
    wake: Notify,
}

/// What the writer takes at once.
#[derive(Default)]
pub(super) struct Batch {
    pub entries: Vec<Noted>,
    /// Answered once the entries are written.
    pub flushed: Vec<oneshot::Sender<()>>,
    /// No more will come.
    pub closed: bool,
}

impl Batch {
    /// Whether it is to be written now.
    fn is_due(&self) -> bool {
        self.closed || !self.flushed.is_empty() || self.entries.len() >= BATCH
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Batch> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an entry; `false`: there is no room, or no writer.
    pub fn push(&self, noted: Noted) -> bool {
        let mut waiting = self.waiting();
        if waiting.closed || waiting.entries.len() >= MOST {
            return false;
        }
        waiting.entries.push(noted);
        let wake = matches!(waiting.entries.len(), 1 | BATCH);
        drop(waiting);
        if wake {
            self.wake.notify_one();
        }
        true
    }

    /// Waits until all that was pushed before is written, or nobody writes any more.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        {
            let mut waiting = self.waiting();
            if waiting.closed {
                return;
            }
            waiting.flushed.push(done);
        }
        self.wake.notify_one();
        let _ = written.await;
    }

    /// Has the writer end once it has written what waits.
    pub fn close(&self) {
        self.waiting().closed = true;
        self.wake.notify_one();
    }

    /// Waits for something to write.
    pub async fn some(&self) {
        self.wake.notified().await;
    }

    /// Waits until what waits is to be written now.
    pub async fn due(&self) {
        while !self.waiting().is_due() {
            self.wake.notified().await;
        }
    }

    /// There is no writer any more: nobody waits for it.
    pub fn end(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        waiting.flushed.clear();
    }

    /// All that waits.
    pub fn take(&self) -> Batch {
        let mut waiting = self.waiting();
        let closed = waiting.closed;
        let taken = std::mem::take(&mut *waiting);
        waiting.closed = closed;
        taken
    }
}
