//! Long work on threads of its own at a low priority: where processors are short,
//! requests that need none of it go first, and it gets the time that is left.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::setpriority_process;
use tokio::sync::oneshot;

/// How nice the threads are, of 0 to 19: a tenth of another thread's share.
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// Threads for one kind of long work, half as many as there are processors. Each kind
/// has its own, so that none waits for another.
pub struct BackgroundPool {
    jobs: Sender<Job>,
}

impl BackgroundPool {
    /// Starts the threads, which are called `name`.
    pub fn start(name: &'static str) -> Self {
        let (jobs, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let processors = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..processors.div_ceil(2) {
            let receiver = Arc::clone(&receiver);
            let made = thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || work(&receiver));
            if let Err(error) = made {
                tracing::error!(%error, name, "a thread for long work could not be started");
            }
        }
        Self { jobs }
    }

    /// Does the work when it is its turn; turns are given in the order of asking.
    /// Nothing is done for someone who has gone away by then. `None`: it panicked, or
    /// there are no threads.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (done, waiting) = oneshot::channel();
        let job = move || {
            if !done.is_closed() {
                // Whoever asked may have gone away meanwhile.
                let _ = done.send(work());
            }
        };
        self.jobs.send(Box::new(job)).ok()?;
        waiting.await.ok()
    }

    /// Gives back what takes long to give back, for instance a document of many small
    /// values, when it is its turn.
    pub fn give_back(&self, what: impl Send + 'static) {
        // Without threads it is given back here.
        let _ = self.jobs.send(Box::new(move || drop(what)));
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    // On Linux this is about the calling thread alone.
    if let Err(error) = setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "long work runs at the usual priority");
    }
    loop {
        // The lock is held while there is nothing to do, and that is all it is for.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // The panic is logged where it happens; the thread goes on for the others.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
    }
}
