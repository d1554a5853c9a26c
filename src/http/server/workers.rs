//! Threads that serve connections, each with a runtime of its own.
//!
//! One runtime that moves tasks between its threads wakes one thread for what
//! another has just received; with a runtime for each processor a request is read,
//! answered and its provider asked where it arrived. Connections are dealt out by
//! how many each thread has: the kernel's own way (`SO_REUSEPORT`) leaves some
//! without any where there are only the few connections of a proxy.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The threads; they end, with what runs on them, when this is dropped.
///
/// Keep it for as long as anything may run that a request has begun: a callback
/// ends its login even when its browser is gone.
#[derive(Debug)]
pub struct Workers {
    pool: Arc<Pool>,
    _running: Vec<oneshot::Sender<()>>,
}

impl Workers {
    /// Starts as many threads as there are processors for this process.
    ///
    /// # Errors
    /// Those of the system: no more threads or descriptors.
    pub fn start() -> io::Result<Self> {
        let count = thread::available_parallelism().map_or(1, Into::into);
        let (mut workers, mut running) = (Vec::new(), Vec::new());
        for number in 0..count {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let (sender, dropped) = oneshot::channel::<()>();
            workers.push(Worker {
                handle: runtime.handle().clone(),
                connections: AtomicUsize::new(0),
            });
            running.push(sender);
            thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || drop(runtime.block_on(dropped)))?;
        }
        Ok(Self {
            pool: Arc::new(Pool(workers)),
            _running: running,
        })
    }

    /// What deals out connections to them.
    pub(super) fn pool(&self) -> Arc<Pool> {
        Arc::clone(&self.pool)
    }
}

/// Where connections can go.
#[derive(Debug)]
pub(super) struct Pool(Vec<Worker>);

#[derive(Debug)]
struct Worker {
    handle: Handle,
    connections: AtomicUsize,
}

impl Pool {
    /// A place on the thread with the fewest connections.
    pub(super) fn place(self: &Arc<Self>) -> Option<Place> {
        let load = |worker: &Worker| worker.connections.load(Ordering::Relaxed);
        let number = (0..self.0.len()).min_by_key(|number| load(&self.0[*number]))?;
        self.0[number].connections.fetch_add(1, Ordering::Relaxed);
        Some(Place {
            pool: Arc::clone(self),
            number,
        })
    }
}

/// A connection's place on a thread, until it is dropped.
pub(super) struct Place {
    pool: Arc<Pool>,
    number: usize,
}

impl Place {
    /// The thread's runtime.
    pub(super) fn handle(&self) -> &Handle {
        &self.pool.0[self.number].handle
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let worker = &self.pool.0[self.number];
        worker.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
