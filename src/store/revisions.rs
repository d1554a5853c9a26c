//! Whether anything in a space has changed since someone looked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::Space;

/// A count of changes for each space that anyone ever asked about.
#[derive(Default)]
pub(super) struct Revisions(RwLock<HashMap<&'static str, AtomicU64>>);

impl Revisions {
    /// The count now. Who asks before reading has what is at least as new.
    pub(super) fn of(&self, space: &'static Space) -> u64 {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = known.get(space.name) {
            return count.load(Ordering::SeqCst);
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let count = known.entry(space.name).or_default();
        count.load(Ordering::SeqCst)
    }

    /// To be called after a change is visible, and before anyone is told of it.
    pub(super) fn changed(&self, space: &str) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = known.get(space) {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The same for all spaces.
    pub(super) fn all_changed(&self) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        for count in known.values() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}
