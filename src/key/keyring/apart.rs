//! Slow signatures, on threads of their own.

use std::sync::LazyLock;

use tokio::sync::Semaphore;

use super::super::error::KeyError;

/// One processor less than there are, which is left to everything else. Of the
/// process, not of a keyring: the processors are the process's too.
static TURNS: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Semaphore::new(cores.saturating_sub(1).max(1))
});

/// Runs `work` when it is its turn; turns are given in the order of asking.
pub(super) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyError> + Send + 'static,
) -> Result<T, KeyError> {
    let failed = KeyError::Crypto("sign");
    let Ok(turn) = TURNS.acquire().await else {
        return Err(failed);
    };
    let work = move || {
        // Held to the end, also where the one who asked has gone away.
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(failed))
}
