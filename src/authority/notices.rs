//! Notices of logouts on their way to applications (OpenID Connect Back-Channel Logout
//! §2.5).
//!
//! A notice is on disk together with the change that it tells of. Whichever broker on
//! the store claims it first sends it, until the application took or refused it, or
//! [`USEFUL`] is over: the broker that ended the session may stop at any moment.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tracing::{info, warn};
use url::Url;

use super::Authority;
use super::application::ClientId;
use super::granted::Granted;
use super::response_key::ResponseKey;
use crate::base::{AccountId, Timestamp, random};
use crate::outbound::{Limits, PreparedRequest};
use crate::store::{Key, Keyspace, Precondition, Space, Step, StoreError, Version};

static NOTICES: Space = Space::durable("logout_notices");

/// Notices of all accounts. An id begins with the moment from which the notice is due,
/// so that those which wait are not read.
const WAITING: Keyspace<Notice> = Keyspace::new(&NOTICES);

/// How long an application that does not take a notice is tried.
pub const USEFUL: Duration = Duration::from_secs(60 * 60);
/// How long a logout token counts.
const LIFETIME: Duration = Duration::from_secs(120);
/// How long one attempt has before another broker may make one.
const CLAIM: Duration = Duration::from_secs(60);
/// The waits between attempts, in seconds; the last one repeats.
const WAITS: [u64; 5] = [2, 15, 60, 180, 600];
/// How many notices are under way at once.
const AT_ONCE: usize = 16;
/// How often the store is looked at when nothing wakes the sender: a notice of another
/// broker, or one that is tried again.
const TURN: Duration = Duration::from_secs(1);

pub(super) fn space() -> &'static Space {
    &NOTICES
}

/// What an application is told.
#[derive(Clone, Serialize, Deserialize)]
struct Notice {
    account: AccountId,
    client_id: ClientId,
    sub: String,
    sid: String,
    /// Nobody needs it from then on.
    useless_from: Timestamp,
    #[serde(default)]
    attempts: u32,
}

/// A notice that this broker sends.
struct Claimed {
    key: Key,
    version: Version,
    notice: Notice,
}

/// What became of an attempt.
enum Outcome {
    Taken,
    /// There is nobody to tell.
    Moot,
    /// Another attempt would end as this one.
    Refused(String),
    NotNow(String),
}

/// What wakes the sender.
#[derive(Default)]
pub struct Notices(Notify);

impl Notices {
    /// Something may have been written down.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// The step that writes down whom to tell of a session's end.
pub(super) fn step(
    account: &AccountId,
    client_id: ClientId,
    sub: String,
    sid: String,
    now: Timestamp,
) -> Result<Step, StoreError> {
    let notice = Notice {
        account: account.clone(),
        client_id,
        sub,
        sid,
        useless_from: now.plus(USEFUL),
        attempts: 0,
    };
    WAITING.step_put("", &due_at(now), &notice)
}

/// The same for a grant that ends; `None` if it comes of no session.
pub(super) fn step_of_grant(granted: &Granted, now: Timestamp) -> Result<Option<Step>, StoreError> {
    let Some(sid) = &granted.sid else {
        return Ok(None);
    };
    let (client_id, sub) = (granted.client_id.clone(), granted.user.to_string());
    step(&granted.account, client_id, sub, sid.clone(), now).map(Some)
}

/// A new id of a notice that is due from then on.
fn due_at(at: Timestamp) -> Vec<u8> {
    let random: [u8; 16] = random::bytes();
    [at.as_millis().to_be_bytes().as_slice(), &random].concat()
}

impl Authority {
    /// Sends what is due, again and again; ends only with its task.
    pub async fn send_notices(self: Arc<Self>) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut sending = JoinSet::new();
        loop {
            let _ = tokio::time::timeout(TURN, self.notices.0.notified()).await;
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                while sending.try_join_next().is_some() {}
                let claimed = match self.claim_notice().await {
                    Ok(Some(claimed)) => claimed,
                    Ok(None) => break,
                    Err(error) => {
                        warn!(why = %error, "the notices of logouts could not be read");
                        break;
                    }
                };
                let authority = Arc::clone(&self);
                sending.spawn(async move {
                    authority.attempt(claimed).await;
                    drop(place);
                });
            }
        }
    }

    /// Claims one notice that is due.
    async fn claim_notice(&self) -> Result<Option<Claimed>, StoreError> {
        let now = self.now();
        let found = WAITING
            .page(&*self.store, "", b"", None, 2 * AT_ONCE)
            .await?;
        let due = now.as_millis().to_be_bytes();
        for (key, found) in found {
            if key.id() > due.as_slice() && !key.id().starts_with(&due) {
                break;
            }
            let again = now.plus(CLAIM);
            match self
                .move_notice(&key, found.version, &found.value, again)
                .await
            {
                Ok((key, version)) => {
                    let notice = found.value;
                    return Ok(Some(Claimed {
                        key,
                        version,
                        notice,
                    }));
                }
                // Another broker has it.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Writes a notice under the moment from which it is due next.
    async fn move_notice(
        &self,
        key: &Key,
        version: Version,
        notice: &Notice,
        due: Timestamp,
    ) -> Result<(Key, Version), StoreError> {
        let at = Key::new(&NOTICES, "", due_at(due));
        let steps = vec![
            Step::Check(key.clone(), Precondition::Version(version)),
            Step::Delete(key.clone()),
            WAITING.step_put_at(at.clone(), notice)?,
        ];
        let versions = self.store.commit(steps).await?;
        // One for the one record that was put.
        let version = versions.first().copied().unwrap_or(version);
        Ok((at, version))
    }

    async fn attempt(&self, claimed: Claimed) {
        let Claimed {
            key,
            version,
            mut notice,
        } = claimed;
        let outcome = self.tell(&notice).await;
        let (id, now) = (&notice.client_id, self.now());
        let done = match outcome {
            Outcome::Taken => {
                info!(client_id = %id, "back-channel logout: the application answered");
                self.forget(&key).await
            }
            Outcome::Moot => self.forget(&key).await,
            Outcome::Refused(why) => {
                warn!(client_id = %id, why, "back-channel logout failed");
                self.forget(&key).await
            }
            Outcome::NotNow(why) => {
                let wait = WAITS[(notice.attempts as usize).min(WAITS.len() - 1)];
                let next = now.plus(Duration::from_secs(wait));
                if next >= notice.useless_from {
                    warn!(client_id = %id, why, "back-channel logout failed for too long; it is given up");
                    self.forget(&key).await
                } else {
                    warn!(client_id = %id, why, again_in = wait, "back-channel logout failed; it is tried again");
                    notice.attempts += 1;
                    match self.move_notice(&key, version, &notice, next).await {
                        // Nobody else claimed it meanwhile, or it is theirs.
                        Ok(_) | Err(StoreError::Conflict) => Ok(()),
                        Err(error) => Err(error),
                    }
                }
            }
        };
        if let Err(error) = done {
            warn!(why = %error, "what became of a notice of a logout could not be written down");
        }
    }

    async fn forget(&self, key: &Key) -> Result<(), StoreError> {
        self.store.delete(key, Precondition::Any).await.map(drop)
    }

    /// Sends a logout token once with each key that may be the right one.
    async fn tell(&self, notice: &Notice) -> Outcome {
        let known = self.applications.get(&*self.store, &notice.client_id);
        let application = match known.await {
            Ok(Some(application)) => application,
            Ok(None) => return Outcome::Moot,
            Err(error) => return Outcome::NotNow(error.to_string()),
        };
        let Some(uri) = &application.backchannel_logout_uri else {
            return Outcome::Moot;
        };
        let url = match Url::parse(uri) {
            Ok(url) => url,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        let keys = match self.response_keys(&application, &notice.account).await {
            Ok(keys) => keys,
            Err(error) => return Outcome::NotNow(error.to_string()),
        };
        let mut refused = "the application has no secret that counts".to_owned();
        // While two secrets count, the application has one of them.
        for key in &keys {
            match self.send_notice(&url, *key, notice).await {
                Ok(200..300) => return Outcome::Taken,
                Ok(status @ 400..500) => refused = format!("the application answered {status}"),
                Ok(status) => {
                    return Outcome::NotNow(format!("the application answered {status}"));
                }
                Err(why) => return Outcome::NotNow(why),
            }
        }
        Outcome::Refused(refused)
    }

    /// Sends a logout token (§2.5); gives the status of the answer.
    async fn send_notice(
        &self,
        url: &Url,
        key: ResponseKey<'_>,
        notice: &Notice,
    ) -> Result<u16, String> {
        let (id, now) = (&notice.client_id, self.now());
        // §2.4: no nonce, so that it is never taken for an ID token.
        let claims = json!({
            "iss": self.issuer,
            "aud": id,
            "sub": notice.sub,
            "sid": notice.sid,
            "iat": now.as_secs(),
            "exp": now.plus(LIFETIME).as_secs(),
            "jti": random::token(),
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        let token = key.sign(&self.keys, "logout+jwt", &claims).await;
        let token = token.map_err(|error| error.to_string())?;
        let request = PreparedRequest {
            method: http::Method::POST,
            url: url.clone(),
            headers: vec![(
                "Content-Type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            )],
            body: Some(format!("logout_token={token}").into_bytes()),
        };
        let lane = format!("logout/{id}");
        let sent = self.outbound.send(&lane, request, &Limits::default()).await;
        sent.map(|answer| answer.status)
            .map_err(|error| error.to_string())
    }
}
