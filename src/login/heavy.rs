//! Work on what a provider sent, which would hold up others' logins where it is long:
//! a worker serves many logins, and reads one answer after the other.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::store::StoreError;

/// Up to so many bytes an answer costs its worker less than a change of threads.
pub(super) const INLINE_BYTES: usize = 16 << 10;

/// Threads beside the workers, for as many long answers at once as leave processors to
/// everybody else (threat M11).
pub struct Heavy {
    turns: Arc<Semaphore>,
}

impl Default for Heavy {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            turns: Arc::new(Semaphore::new((processors / 2).max(1))),
        }
    }
}

impl Heavy {
    /// Does the work on a thread of its own, once it is its turn.
    ///
    /// # Errors
    /// If the thread came to an end without a result.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let stopped = || StoreError::Unavailable("a worker stopped".into());
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(|_| stopped())?;
        let work = move || {
            // Held to the end, also where the one who asked has gone away.
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| stopped())
    }
}
