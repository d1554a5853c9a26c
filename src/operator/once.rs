//! Forms of the console that were sent, so that the same one counts once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use crate::store::{Key, Keyspace, Precondition, Space, Store, StoreError, Token};

static FORMS: Space = Space::transient("console_forms").expiring();
/// Answers may hold what is shown once.
static ANSWERS: Space = Space::transient("console_answers").expiring().sealed();

const SENT: Keyspace<Record> = Keyspace::new(&FORMS);
const KEPT: Keyspace<Answer> = Keyspace::new(&ANSWERS);

/// The spaces of this file.
pub(super) fn spaces() -> [&'static Space; 2] {
    [&FORMS, &ANSWERS]
}

/// What is known of a form that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Record {
    /// It is being answered.
    Pending,
    /// It was answered; the answer is kept until then, if it is kept at all.
    Answered(Option<Timestamp>),
}

/// An answer to a form.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The page.
    pub body: String,
}

/// A form that was sent.
#[derive(Debug)]
pub struct Sent {
    expires_at: Timestamp,
    digest: [u8; 32],
}

impl Sent {
    /// The form with this token, whose sender and fields give this digest. `None` where
    /// the token is none that a page of the last `lifetime` carried.
    pub fn new(
        token: &Token,
        digest: &[u8; 32],
        now: Timestamp,
        lifetime: Duration,
    ) -> Option<Self> {
        let expires_at = token.expires_at();
        (now < expires_at && expires_at <= now.plus(lifetime)).then_some(Self {
            expires_at,
            digest: *digest,
        })
    }

    fn key(&self) -> Key {
        Key::expiring(&FORMS, "", self.expires_at, &self.digest)
    }

    fn answer_key(&self, until: Timestamp) -> Key {
        Key::expiring(&ANSWERS, "", until, &self.digest)
    }

    /// Whether it is sent for the first time; no second one is told so.
    pub async fn claim(&self, store: &dyn Store) -> Result<bool, StoreError> {
        let done = SENT.put_at(store, self.key(), &Record::Pending, Precondition::Absent);
        match done.await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// It did nothing: it may be sent again.
    pub async fn give_up(&self, store: &dyn Store) -> Result<(), StoreError> {
        SENT.take_at(store, &self.key()).await.map(drop)
    }

    /// Notes that it was answered, and keeps the answer for a while.
    pub async fn keep(
        &self,
        store: &dyn Store,
        answer: Option<&Answer>,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(answer) = answer {
            let key = self.answer_key(until);
            KEPT.put_at(store, key, answer, Precondition::Any).await?;
        }
        let record = Record::Answered(answer.map(|_| until));
        SENT.put_at(store, self.key(), &record, Precondition::Any)
            .await
            .map(drop)
    }

    /// What became of a form that was sent before.
    pub async fn outcome(&self, store: &dyn Store, now: Timestamp) -> Result<Outcome, StoreError> {
        let record = SENT.get_at(store, &self.key()).await?;
        Ok(match record.map(|record| record.value) {
            None => Outcome::GivenUp,
            Some(Record::Pending) => Outcome::Pending,
            Some(Record::Answered(until)) => {
                let Some(until) = until.filter(|until| now < *until) else {
                    return Ok(Outcome::Answered(None));
                };
                let kept = KEPT.get_at(store, &self.answer_key(until)).await?;
                Outcome::Answered(kept.map(|kept| kept.value))
            }
        })
    }
}

/// What became of a form.
#[derive(Debug)]
pub enum Outcome {
    /// It did nothing.
    GivenUp,
    /// It is being answered.
    Pending,
    /// It was answered; so, if that is still kept.
    Answered(Option<Answer>),
}
