//! How each provider does: small counters of the last day, in memory.
//!
//! They begin anew with the broker, and each replica has its own; the metrics
//! are for who wants more.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::LoginError;
use crate::base::{AccountId, ErrorCode, ProviderId, Timestamp};

/// Hours that are kept.
pub const HOURS: usize = 24;
/// Failures that are kept, one a step.
const MAX_FAILURES: usize = 8;

/// The logins of one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hour {
    /// Hours since the epoch.
    pub hour: u64,
    /// Logins that came through.
    pub worked: u32,
    /// Logins that did not.
    pub failed: u32,
    /// The time of those that did, from the callback to the user, in all.
    pub millis: u64,
}

/// The last failure at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The step.
    pub step: &'static str,
    /// The stable code.
    pub code: ErrorCode,
    /// When.
    pub at: Timestamp,
}

/// How a provider does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Hours with logins, the latest last.
    pub hours: VecDeque<Hour>,
    /// The last failure at each step, the latest first.
    pub failures: Vec<Failed>,
}

/// How all providers do.
#[derive(Debug, Default)]
pub struct Health(Mutex<HashMap<(AccountId, ProviderId), State>>);

impl Health {
    /// Counts a login that was between the callback and the user.
    pub fn count(
        &self,
        account: &AccountId,
        provider: &ProviderId,
        outcome: Result<Duration, &LoginError>,
        now: Timestamp,
    ) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = known
            .entry((account.clone(), provider.clone()))
            .or_default();
        let hour = now.as_secs() / 3600;
        if state.hours.back().is_none_or(|last| last.hour < hour) {
            state.hours.push_back(Hour {
                hour,
                ..Hour::default()
            });
            while state.hours.len() > HOURS {
                state.hours.pop_front();
            }
        }
        let Some(last) = state.hours.back_mut() else {
            return;
        };
        match outcome {
            Ok(took) => {
                last.worked += 1;
                last.millis += u64::try_from(took.as_millis()).unwrap_or(0);
            }
            Err(error) => {
                last.failed += 1;
                let step = error.step().name();
                state.failures.retain(|failed| failed.step != step);
                state.failures.insert(
                    0,
                    Failed {
                        step,
                        code: error.code(),
                        at: now,
                    },
                );
                state.failures.truncate(MAX_FAILURES);
            }
        }
    }

    /// How a provider does.
    pub fn of(&self, account: &AccountId, provider: &ProviderId) -> State {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account.clone(), provider.clone());
        known.get(&key).cloned().unwrap_or_default()
    }
}
