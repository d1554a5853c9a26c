//! How long to wait for a request's head.
//!
//! hyper has one limit for the whole wait, from the last answer to the end of
//! the next head. Ten seconds are right for a head that drips in and wrong for a
//! proxy's idle connection. hyper asks a timer that we may supply, and it asks
//! again after every read; so this timer starts with the long limit and changes
//! to the short one when a head begins.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

use super::ServerOptions;
use super::connection::ConnectionState;

/// The timer of one connection.
#[derive(Clone)]
pub(super) struct HeaderTimer {
    facts: Arc<ConnectionState>,
    head: Duration,
    idle: Duration,
    used: Arc<AtomicBool>,
}

impl HeaderTimer {
    pub(super) fn new(facts: Arc<ConnectionState>, options: &ServerOptions) -> Self {
        Self {
            facts,
            head: options.header_timeout,
            idle: options.idle_timeout,
            used: Arc::default(),
        }
    }
}

impl Timer for HeaderTimer {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        // Who opens a connection means to use it: only later waits may be long.
        let idle_before = self.used.swap(true, Ordering::Relaxed);
        let limit = if idle_before { self.idle } else { self.head };
        Box::pin(HeaderWait {
            facts: Arc::clone(&self.facts),
            head: self.head,
            inside_head: false,
            limit: Box::pin(tokio::time::sleep(limit)),
        })
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(Instant::now()))
    }
}

/// The wait for one head.
struct HeaderWait {
    facts: Arc<ConnectionState>,
    head: Duration,
    inside_head: bool,
    limit: Pin<Box<tokio::time::Sleep>>,
}

impl Sleep for HeaderWait {}

impl Future for HeaderWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if !self.inside_head && self.facts.inside_head() {
            self.inside_head = true;
            let deadline = tokio::time::Instant::now() + self.head;
            // A connection's first wait was short from the start and stays so.
            if deadline < self.limit.deadline() {
                self.limit.as_mut().reset(deadline);
            }
        }
        self.limit.as_mut().poll(context)
    }
}
