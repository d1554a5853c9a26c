//! Work on what a provider sent, which would hold up others' logins where it is long:
//! a worker serves many logins, and reads one answer after the other.

use std::sync::LazyLock;

use crate::base::BackgroundPool;
use crate::store::StoreError;

/// Up to so many bytes an answer costs its worker less than a change of threads.
pub(super) const INLINE_BYTES: usize = 16 << 10;

/// Of the process: the processors are the process's too (threat M11).
static POOL: LazyLock<BackgroundPool> = LazyLock::new(|| BackgroundPool::start("answers"));

/// Does the work beside the workers, once it is its turn.
///
/// # Errors
/// If it came to an end without a result.
pub(super) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let done = POOL.run(work).await;
    done.ok_or_else(|| StoreError::Unavailable("a worker stopped".into()))
}

/// Gives back a long answer beside the workers.
pub(super) fn give_back(answer: impl Send + 'static) {
    POOL.give_back(answer);
}
