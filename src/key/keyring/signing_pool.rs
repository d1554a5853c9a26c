//! Slow signatures, on threads of their own.
//!
//! The threads run at a low priority and are half as many as there are
//! processors: where these are short, requests that need no such signature go
//! first, and signatures get the time that is left.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;

use rustix::process::setpriority_process;
use tokio::sync::oneshot;

use super::super::error::KeyError;

/// How nice the threads are, of 0 to 19: a tenth of another thread's share.
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// Of the process, not of a keyring: the processors are the process's too.
static JOBS: LazyLock<Sender<Job>> = LazyLock::new(|| {
    let (sender, receiver) = channel();
    let receiver = Arc::new(Mutex::new(receiver));
    let processors = thread::available_parallelism().map_or(1, usize::from);
    for _ in 0..processors.div_ceil(2) {
        let receiver = Arc::clone(&receiver);
        let made = thread::Builder::new()
            .name("sign".to_owned())
            .spawn(move || work(&receiver));
        if let Err(error) = made {
            tracing::error!(%error, "a thread for signatures could not be started");
        }
    }
    sender
});

fn work(jobs: &Mutex<Receiver<Job>>) {
    // On Linux this is about the calling thread alone.
    if let Err(error) = setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "signatures run at the usual priority");
    }
    loop {
        // The lock is held while there is nothing to do, and that is all it is for.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

/// Runs `work` when it is its turn; turns are given in the order of asking.
/// Nothing is done for someone who has gone away by then.
pub(super) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyError> + Send + 'static,
) -> Result<T, KeyError> {
    let failed = KeyError::Crypto("sign");
    let (done, waiting) = oneshot::channel();
    let job = move || {
        if !done.is_closed() {
            // Whoever asked may have gone away meanwhile.
            let _ = done.send(work());
        }
    };
    if JOBS.send(Box::new(job)).is_err() {
        return Err(failed);
    }
    waiting.await.unwrap_or(Err(failed))
}
