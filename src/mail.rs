//! Floor 4: messages to people.
//!
//! A message is written down before anyone is told that it was sent
//! (`queue`), and handed to the operator's mail server (`smtp`) until that
//! took or refused it, or the message came too late. What became of it stays
//! readable for a week, without its text.
//!
//! Texts are templates ([`template`]): bundled ones in three languages, or an
//! account's own.

mod queue;
pub mod report;
mod smtp;
pub mod template;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lettre::Address;
use lettre::message::Mailbox;
use tokio::sync::Notify;
use tracing::warn;

pub use self::queue::{Delivery, Outcome, steps_bounced};
use self::queue::{Queue, Queued};
use self::smtp::{Answer, Smtp};
use self::template::Rendered;
use crate::base::{AccountId, Clock};
use crate::config;
use crate::store::{Key, Space, Store, StoreError, Versioned};

/// How often the queue is looked at when nothing wakes the sender: a message of
/// another broker on the same store, or one that is tried again.
const TURN: Duration = Duration::from_secs(1);

/// Why a message cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// There is no mail server.
    #[error(
        "no mail can be sent: name a mail server in `[mail]` of the configuration, as in `url = \"smtp://localhost:25\"`"
    )]
    NotConfigured,
    /// It is not an address a mail server takes.
    #[error("`{0}` is not an address that mail can be sent to")]
    BadAddress(String),
    /// The message cannot be written as one.
    #[error("the message cannot be written: {0}")]
    BadMessage(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether this is a sender: an address, with a name or without one.
pub fn is_sender(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok() && !text.contains(char::is_control)
}

/// What became of the messages of an account, as [`Mail::deliveries`], where no broker
/// serves.
pub async fn deliveries(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    account: &AccountId,
    to: Option<&str>,
    limit: usize,
) -> Result<Vec<Delivery>, StoreError> {
    Queue::new(store, clock)
        .deliveries(account, to, limit)
        .await
}

/// The last message of an account that left and is meant by `is_meant`; what says of it
/// that it came back is [`steps_bounced`].
pub async fn last_that_left(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    account: &AccountId,
    is_meant: impl Fn(&Delivery) -> bool,
) -> Result<Option<(Key, Versioned<Delivery>)>, StoreError> {
    Queue::new(store, clock)
        .last_that_left(account, is_meant)
        .await
}

/// A message to one person.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The account it is sent for.
    pub account: AccountId,
    /// Whom it goes to.
    pub to: String,
    /// What it is, for the list of deliveries: `access_key`.
    pub kind: &'static str,
    /// Who it is from; the operator's own address unless given.
    pub from: Option<String>,
    /// Subject and bodies.
    pub text: Rendered,
    /// After that time nobody needs it any more.
    pub useful_for: Duration,
}

/// Takes messages and sees that they leave.
pub struct Mail {
    queue: Queue,
    smtp: Option<Smtp>,
    from: Option<Mailbox>,
    late: AtomicBool,
    wake: Notify,
}

impl Mail {
    /// A mail room; without `settings` it refuses every message.
    ///
    /// # Errors
    /// If the settings cannot be used, with the reason.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        settings: Option<&config::Mail>,
    ) -> Result<Self, String> {
        let smtp = settings.map(Smtp::new).transpose()?;
        Ok(Self {
            queue: Queue::new(store, clock),
            smtp,
            from: settings.map(|settings| settings.from.clone()),
            late: AtomicBool::new(false),
            wake: Notify::new(),
        })
    }

    /// Whether there is a mail server.
    pub fn is_configured(&self) -> bool {
        self.smtp.is_some()
    }

    /// Whether the mail server took no message when one was last tried, so that
    /// messages wait.
    pub fn is_late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }

    /// Takes a message. It is on disk when this returns, and will be sent or its
    /// failure be readable.
    pub async fn send(&self, letter: Letter) -> Result<(), MailError> {
        let from = self.from.as_ref().ok_or(MailError::NotConfigured)?;
        let from = match &letter.from {
            Some(own) => own
                .parse()
                .map_err(|_| MailError::BadAddress(own.clone()))?,
            None => from.clone(),
        };
        let to: Address = letter
            .to
            .parse()
            .map_err(|_| MailError::BadAddress(letter.to.clone()))?;
        // Written once before it is taken: what cannot be written is refused now.
        smtp::message(&from, &to, &letter.text, "").map_err(MailError::BadMessage)?;
        self.queue.put(&letter, &from, &to).await?;
        self.wake.notify_one();
        Ok(())
    }

    /// What became of the messages of an account, the newest first; to one
    /// address where it is given.
    pub async fn deliveries(
        &self,
        account: &AccountId,
        to: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.queue.deliveries(account, to, limit).await
    }

    /// Sends what is due, again and again; ends only with its task.
    pub async fn run(&self) {
        if self.smtp.is_none() {
            return;
        }
        loop {
            let _ = tokio::time::timeout(TURN, self.wake.notified()).await;
            while self.turn().await > 0 {}
        }
    }

    /// Tries each message that is due now, a bounded number; says how many.
    pub async fn turn(&self) -> usize {
        let Some(smtp) = &self.smtp else {
            return 0;
        };
        let due = match self.queue.due().await {
            Ok(due) => due,
            Err(error) => {
                warn!(why = %error, "the mail queue could not be read");
                return 0;
            }
        };
        let count = due.len();
        let sent = due.into_iter().map(|queued| self.attempt(smtp, queued));
        futures_util::future::join_all(sent).await;
        count
    }

    async fn attempt(&self, smtp: &Smtp, queued: Queued) {
        let (from, to, id) = (&queued.from, &queued.to, queued.message_id());
        let answer = smtp.send(from, to, queued.text(), id).await;
        let late = matches!(answer, Answer::Down(_));
        self.late.store(late, Ordering::Relaxed);
        if let Err(error) = self.queue.answered(queued, answer).await {
            warn!(why = %error, "what became of a message could not be written down");
        }
    }
}

/// All spaces of this room.
pub fn spaces() -> [&'static Space; 2] {
    queue::spaces()
}
