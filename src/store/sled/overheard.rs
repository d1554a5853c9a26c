//! What sled says to its log and to nobody else.
//!
//! Its flush thread syncs the file now and then, and where that fails, it only
//! logs it. Since a failed sync is reported once, that may be the only report
//! there is. Whatever else sled complains of goes to our log too.

use std::sync::atomic::{AtomicU64, Ordering};

use log::{Level, LevelFilter, Log, Metadata, Record};

static FAILED_SYNCS: AtomicU64 = AtomicU64::new(0);

struct Overhear;

/// How often a sync failed in any of sled's threads in this process.
pub(super) fn failed_syncs() -> u64 {
    FAILED_SYNCS.load(Ordering::SeqCst)
}

/// Begins to listen; a process that has a logger already keeps it.
pub(super) fn listen() {
    if log::set_logger(&Overhear).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

impl Log for Overhear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn && metadata.target().starts_with("sled")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let said = record.args().to_string();
        if said.starts_with("failed to fsync") {
            FAILED_SYNCS.fetch_add(1, Ordering::SeqCst);
        }
        tracing::warn!(%said, "sled complains");
    }

    fn flush(&self) {}
}
