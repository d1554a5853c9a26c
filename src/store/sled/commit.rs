//! The commit thread: one sync for all writes that wait for one.
//!
//! It is a thread of its own since a sync takes milliseconds, and the only one
//! that flushes, since sled's flushes get in each other's way. While one sync
//! runs, those who come meanwhile gather for the next. A sync costs the same CPU
//! for one as for a hundred, half of it for waking sled's seven writers, so
//! where several came together, the next one leaves time for as many
//! ([`BATCH_WINDOW`]). Who comes alone never waits for others.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::super::{Space, StoreError};
use super::engine::Engine;
use super::state::StateFile;
use super::{Shared, open, reserve, withdraw};

/// From one sync that several waited for to the next, at most.
const BATCH_WINDOW: Duration = Duration::from_millis(8);
/// Nobody has come for so long: then no more will.
const BATCH_IDLE: Duration = Duration::from_millis(1);

type Answer = oneshot::Sender<Result<(), StoreError>>;

/// How tasks reach the commit thread.
pub(super) struct Committer {
    queue: Mutex<Queue>,
    wake: Condvar,
    pending: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Queue {
    waiters: Vec<Waiter>,
    closers: Vec<Answer>,
    /// The thread waits to be woken. A wake-up is a system call, whether or not
    /// anyone waits.
    idle: bool,
    /// There is something to note.
    look: bool,
    /// Dropped without a close.
    abandoned: bool,
    /// The thread takes no more requests.
    ended: bool,
}

struct Waiter {
    answer: Answer,
    /// `None` for one that only asks whether writes are safe.
    pending: Option<Pending>,
}

/// A durable write that is not known to be on disk. It begins before the change
/// is made and ends after the sync, so who sees the change sees this too.
pub(super) struct Pending {
    count: Arc<AtomicUsize>,
    generation: u64,
    /// What is written, for the report if it is lost.
    space: &'static Space,
}

impl Pending {
    /// Whether there is no other one.
    pub(super) fn is_alone(&self) -> bool {
        self.count.load(Ordering::SeqCst) <= 1
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Committer {
    pub(super) fn new() -> Self {
        Self {
            queue: Mutex::default(),
            wake: Condvar::new(),
            pending: Arc::default(),
        }
    }

    /// Announces a durable write to the database of this generation.
    pub(super) fn begin(&self, generation: u64, space: &'static Space) -> Pending {
        self.pending.fetch_add(1, Ordering::SeqCst);
        Pending {
            count: Arc::clone(&self.pending),
            generation,
            space,
        }
    }

    /// Returns when all that was written so far is on disk. Whoever stops
    /// waiting leaves the request behind, so a write still counts as pending.
    pub(super) async fn wait(&self, pending: Option<Pending>) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        {
            let mut queue = self.queue();
            if queue.ended {
                return Err(StoreError::Unavailable("it is closed".into()));
            }
            queue.waiters.push(Waiter { answer, pending });
            self.wake_thread(&mut queue);
        }
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Ends the thread in order.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        let (answer, answered) = oneshot::channel();
        {
            let mut queue = self.queue();
            if queue.ended {
                return Ok(());
            }
            queue.closers.push(answer);
            self.wake_thread(&mut queue);
        }
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Has the thread look at the file now instead of a little later.
    pub(super) fn look(&self) {
        let mut queue = self.queue();
        queue.look = true;
        self.wake_thread(&mut queue);
    }

    /// Ends the thread without any promise.
    pub(super) fn abandon(&self) {
        let mut queue = self.queue();
        queue.abandoned = true;
        self.wake_thread(&mut queue);
    }

    fn wake_thread(&self, queue: &mut Queue) {
        if std::mem::take(&mut queue.idle) {
            self.wake.notify_one();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets waiters gather until `most` has passed, or they are all there.
    fn gather(&self, most: Duration) {
        let end = Instant::now() + most;
        let mut seen = 0;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            std::thread::sleep(BATCH_IDLE.min(left));
            let waiting = self.queue().waiters.len();
            if left <= BATCH_IDLE || waiting > 0 && waiting == seen {
                return;
            }
            seen = waiting;
        }
    }

    /// Waits for something to do, at most for `tick`.
    fn next(&self, tick: Duration) -> Queue {
        let idle = |queue: &mut Queue| {
            queue.waiters.is_empty() && queue.closers.is_empty() && !queue.look && !queue.abandoned
        };
        let mut queue = self.queue();
        queue.idle = true;
        let (mut queue, _) = self
            .wake
            .wait_timeout_while(queue, tick, idle)
            .unwrap_or_else(PoisonError::into_inner);
        queue.idle = false;
        queue.ended = queue.abandoned || !queue.closers.is_empty();
        Queue {
            waiters: std::mem::take(&mut queue.waiters),
            closers: std::mem::take(&mut queue.closers),
            look: std::mem::take(&mut queue.look),
            ..*queue
        }
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("its commit thread has ended".into())
}

/// Starts the thread. It owns the lock of the directory: whoever finds it free
/// knows that nothing writes there any more.
pub(super) fn start(shared: Arc<Shared>, lock: File, state: StateFile) -> Result<(), StoreError> {
    std::thread::Builder::new()
        .name("store-commit".into())
        .spawn(move || run(&shared, lock, state))
        .map(drop)
        .map_err(|e| StoreError::Unavailable(format!("cannot start the commit thread: {e}")))
}

fn run(shared: &Shared, lock: File, mut state: StateFile) {
    // In case of a panic in here nobody shall wait for an answer.
    let _ended = Ended(&shared.committer);
    let tick = Duration::from_millis(shared.options.flush_every_ms.max(1));
    loop {
        let work = shared.committer.next(tick);
        if !work.closers.is_empty() {
            let closed = close(shared, work.waiters, state);
            drop(lock);
            for closer in work.closers {
                let _ = closer.send(closed.clone().map_err(StoreError::Unavailable));
            }
            return;
        }
        if work.abandoned {
            discard(withdraw(shared));
            return;
        }
        if work.waiters.is_empty() {
            if shared.unawaited.is_none() {
                watch(shared, &mut state);
            } else if let Err(why) = cycle(shared, &mut state) {
                tracing::error!(%why, "what was written without waiting is not on disk yet");
            }
        } else {
            let (several, began) = (work.waiters.len() > 1, Instant::now());
            answer(shared, work.waiters, &cycle(shared, &mut state));
            if several {
                let gather = BATCH_WINDOW.saturating_sub(began.elapsed());
                shared.committer.gather(gather);
            }
        }
    }
}

struct Ended<'a>(&'a Committer);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.ended = true;
        queue.waiters.clear();
        queue.closers.clear();
    }
}

/// One commit, preceded by a recovery where one is due.
fn cycle(shared: &Shared, state: &mut StateFile) -> Result<(), String> {
    if shared.failed.load(Ordering::SeqCst) {
        recover(shared, state)?;
    }
    let seen = shared.unawaited.seen();
    match shared.with(Engine::make_durable) {
        Ok(length) => {
            note(shared, state, length);
            shared.unawaited.settle(seen);
            Ok(())
        }
        Err(e) => {
            note_doubt(shared, state);
            Err(reason(e))
        }
    }
}

/// Has a sync failed, that is remembered beyond this process: the next one must
/// not believe the files either.
fn note_doubt(shared: &Shared, state: &mut StateFile) {
    let doubtful = shared.with(|engine| Ok(engine.is_doubtful()));
    if doubtful.unwrap_or_default() {
        shared.doubtful.store(true, Ordering::SeqCst);
        state.doubt(true);
    }
}

/// Writes to a database that has been replaced since are lost, however well the
/// new one does.
fn answer(shared: &Shared, waiters: Vec<Waiter>, outcome: &Result<(), String>) {
    let generation = shared.generation.load(Ordering::SeqCst);
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    for Waiter { answer, pending } in waiters {
        let lost = pending
            .as_ref()
            .is_some_and(|pending| pending.generation != generation);
        if let Some(pending) = pending
            && (lost || outcome.is_err())
        {
            *refused.entry(pending.space.name).or_default() += 1;
        }
        let result = match outcome {
            Ok(()) if lost => Err("the write was lost when the disk failed".to_owned()),
            other => other.clone(),
        };
        let _ = answer.send(result.map_err(StoreError::Unavailable));
    }
    if !refused.is_empty() {
        let writes: usize = refused.values().sum();
        let spaces: Vec<_> = refused
            .iter()
            .map(|(name, n)| format!("{name} {n}"))
            .collect();
        let spaces = spaces.join(", ");
        tracing::error!(writes, %spaces, "writes could not be put on disk; whoever made them was told so");
    }
}

/// Between commits: notices when sled has given up on its own, and when it has
/// made the file shorter, which a later start would take for damage.
fn watch(shared: &Shared, state: &mut StateFile) {
    if shared.failed.load(Ordering::SeqCst) {
        return;
    }
    let length = shared.with(|engine| {
        engine.health()?;
        engine
            .length()
            .map_err(|e| StoreError::Unavailable(e.to_string()))
    });
    if let Ok(length) = length {
        note(shared, state, length);
    }
}

fn note(shared: &Shared, state: &mut StateFile, length: u64) {
    state.note(length, shared.versions.last());
    shared.noted_length.store(length, Ordering::Relaxed);
}

/// After a failed write sled refuses all others for good, so it is opened anew,
/// once there is room again. After a failed sync it is too, from files that were
/// written again: that a later sync succeeds says nothing about what the failed
/// one was for.
fn recover(shared: &Shared, state: &mut StateFile) -> Result<(), String> {
    note_doubt(shared, state);
    has_reserve(shared)?;
    let doubtful = || shared.doubtful.load(Ordering::SeqCst);
    let works = !doubtful() && shared.with(Engine::make_durable).is_ok();
    if !works {
        note_doubt(shared, state);
        probe(shared).map_err(|e| format!("the disk does not accept writes: {e}"))?;
        discard(withdraw(shared));
        let reopened = open::reopen(&shared.dir, shared.options, doubtful());
        let (engine, without_reserve) = reopened.map_err(reason)?;
        let mut place = shared
            .engine
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        shared.generation.fetch_add(1, Ordering::SeqCst);
        *place = Some(engine);
        shared.revisions.all_changed();
        shared.doubtful.store(false, Ordering::SeqCst);
        state.doubt(false);
        shared
            .without_reserve
            .store(without_reserve, Ordering::SeqCst);
        has_reserve(shared)?;
    }
    shared.failed.store(false, Ordering::SeqCst);
    // Those are covered by the next write that is waited for, or go with it.
    let unawaited = shared.unawaited.forget();
    tracing::warn!(
        reopened = !works,
        unawaited,
        "the store has recovered; logins in flight begin again if it was reopened"
    );
    Ok(())
}

/// Makes sure that the room for the next start is there.
fn has_reserve(shared: &Shared) -> Result<(), String> {
    if shared.without_reserve.load(Ordering::SeqCst) {
        let again = reserve::again(&shared.dir);
        again.map_err(|e| format!("the disk is full: {e}; make room on it"))?;
        shared.without_reserve.store(false, Ordering::SeqCst);
    }
    Ok(())
}

fn discard(engine: Option<Engine>) {
    if let Some(engine) = engine {
        engine.discard();
    }
}

/// Whether the disk takes as much as sled writes at once, and a file as long as
/// its own: reopening a database that can't be written to helps nobody.
fn probe(shared: &Shared) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    let path = shared.dir.join("probe");
    let written = || -> std::io::Result<()> {
        let length = std::fs::metadata(shared.dir.join("db"))?.len();
        let file = File::create(&path)?;
        file.write_all_at(&vec![1; 1 << 20], length)?;
        file.sync_all()
    };
    let result = written();
    let _ = std::fs::remove_file(&path);
    result
}

/// The end of an orderly run. First the database is taken out of reach, so that
/// nothing is written behind the last sync, and the clean mark comes only when
/// sled's own threads have let go of the file: its length is part of it.
fn close(shared: &Shared, waiters: Vec<Waiter>, mut state: StateFile) -> Result<(), String> {
    let engine = withdraw(shared);
    let outcome = match &engine {
        Some(engine) => engine
            .settle_transient()
            .and_then(|()| engine.make_durable())
            .map(drop)
            .inspect_err(|_| state.doubt(engine.is_doubtful()))
            .map_err(reason),
        None => Err("it could not be reopened after the disk failed".to_owned()),
    };
    discard(engine);
    answer(shared, waiters, &outcome);
    outcome?;
    let path = shared.dir.join("db");
    let free = File::open(&path).and_then(|file| {
        let free = open::wait_for_lock(&file)?;
        file.sync_all()?;
        Ok(free)
    });
    match free {
        Ok(true) => state
            .finish(&shared.dir, shared.versions.last())
            .map_err(reason),
        Ok(false) => Err("sled did not release its file".to_owned()),
        Err(e) => Err(reason(open::at("sync", &path, &e))),
    }
}

/// The text of an error, for many who wait for the same.
fn reason(error: StoreError) -> String {
    match error {
        StoreError::Unavailable(why) => why,
        other => other.to_string(),
    }
}
