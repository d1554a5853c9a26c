//! The device grant (RFC 8628): a program without a browser, or far from one, shows a
//! short code; a person types it into a page here, on any other device, and says yes.
//!
//! A request of an application is for a user of an account, and gives what a login
//! gives. One for scopes of the admin API is for an operator, who says yes in the
//! console; what the program gets then is a session of the operator's, with their
//! role, listed and ended like those of browsers.
//!
//! The program's code is the secret. The code that people type is short, so tries are
//! limited ([`DeviceLimits`]); it opens nothing without a login.

mod grant;
mod user_code;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::info;

use self::user_code::{letters, shown};
use super::Authority;
use super::application::{Application, ClientId, Grant};
use super::error::{Code, OAuthError};
use super::granted::Granted;
use super::scope::{self, Scopes};
use super::token::{account_for, user_scopes, wanted};
use crate::account::{self, UnverifiedEmail};
use crate::base::{AccountId, Allowance, Timestamp};
use crate::operator;
use crate::password::{NotNow, Paused, Spread};
use crate::protocol::form::Pairs;
use crate::session::Session;
use crate::store::{Key, Keyspace, Precondition, Space, Store, StoreError, Token};

static REQUESTS: Space = Space::transient("device_requests").expiring();

const RECORDS: Keyspace<DeviceRequest> = Keyspace::new(&REQUESTS);

/// How long a request waits.
const LIFETIME: Duration = Duration::from_secs(600);
/// How long a program waits between two questions, in seconds (RFC 8628 §3.2).
const INTERVAL: u64 = 5;
/// How often a record is read again that changes at the same time.
const TRIES: usize = 20;

/// Wrong codes from one range of addresses.
const WRONG_BY_RANGE: Allowance = Allowance {
    burst: 10,
    every: Duration::from_secs(30),
};
/// Wrong codes in all: with a thousand codes waiting, a guess in 40,000 hours is right.
const WRONG_IN_ALL: Allowance = Allowance {
    burst: 100,
    every: Duration::from_secs(1),
};
/// Requests from one range of addresses.
const BEGUN_BY_RANGE: Allowance = Allowance {
    burst: 30,
    every: Duration::from_secs(2),
};
/// Requests in all.
const BEGUN_IN_ALL: Allowance = Allowance {
    burst: 500,
    every: Duration::from_millis(100),
};

pub(super) fn spaces() -> [&'static Space; 2] {
    [&REQUESTS, &user_code::USER_CODES]
}

/// Limits to guessing codes, and to filling the memory with requests.
pub struct DeviceLimits {
    wrong: Spread,
    begun: Spread,
}

impl DeviceLimits {
    /// Those counted in a store.
    pub fn new(store: &Arc<dyn Store>) -> Self {
        Self {
            wrong: Spread::new(store, "device codes", WRONG_BY_RANGE, WRONG_IN_ALL),
            begun: Spread::new(store, "device requests", BEGUN_BY_RANGE, BEGUN_IN_ALL),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct DeviceRequest {
    client_id: ClientId,
    /// Whose login it is; `None`: an operator's.
    account: Option<AccountId>,
    scopes: Scopes,
    resource: Option<String>,
    user_code: String,
    state: State,
    polled_at: Option<Timestamp>,
    interval: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Waiting,
    Denied,
    User(Box<Granted>),
    /// The operator's email.
    Operator(operator::Email),
}

/// A request that waits for somebody's yes.
#[derive(Debug, Clone)]
pub struct DeviceAsk {
    key: Key,
    /// Who asks.
    pub application: Arc<Application>,
    /// Whose login it is; `None`: an operator's.
    pub account: Option<AccountId>,
    /// What for.
    pub scopes: Scopes,
    /// The code, as it is shown.
    pub user_code: String,
    resource: Option<String>,
}

/// What somebody said.
#[derive(Debug)]
pub enum Decision<'a> {
    /// No.
    Deny,
    /// Yes, by who is logged in.
    User(&'a Session),
    /// Yes, by an operator.
    Operator(&'a operator::Email),
}

/// Why a code that was typed leads nowhere.
#[derive(Debug)]
pub enum UserCodeError {
    /// It is unknown, was used or has expired.
    Unknown,
    /// Too many wrong ones.
    Wait(Duration),
    /// The store, or a key.
    Failed(OAuthError),
}

impl<E: Into<OAuthError>> From<E> for UserCodeError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Authority {
    /// Takes a request of a program; `from` is its address (RFC 8628 §3.1).
    pub async fn device_authorization(
        &self,
        application: &Application,
        form: &Pairs,
        from: Option<IpAddr>,
    ) -> Result<Value, OAuthError> {
        if !application.allows(Grant::DeviceCode) {
            return Err(self.not_allowed(Grant::DeviceCode).await);
        }
        let (scopes, operators) = device_scopes(application, wanted(form)?)?;
        let account = if operators {
            None
        } else {
            let id = account_for(application, form)?;
            if account::get(&*self.store, &id).await?.is_none() {
                return Err(OAuthError::request("there is no such account"));
            }
            Some(id)
        };
        let limited = match &account {
            Some(account) => self.at_account(application, account).await?,
            None => Cow::Borrowed(application),
        };
        let scopes = scopes.common(&limited.scopes);
        let resource = application.resource(form, &scopes)?;
        let now = self.now();
        let begun = &self.device_limits.begun;
        begun
            .begin(from, now)
            .await
            .map_err(|refused| match refused {
                NotNow::Store(error) => error.into(),
                NotNow::Paused(_) => {
                    OAuthError::new(Code::SlowDown, "too many requests; try again in a while")
                }
            })?;
        // Each counts, whatever comes of it.
        begun.failed(from, now).await?;
        let device_code = Token::new(now.plus(LIFETIME));
        let key = device_code.key(&REQUESTS, "");
        let user_code = self.new_user_code(&key).await?;
        let request = DeviceRequest {
            client_id: application.client_id.clone(),
            account,
            scopes,
            resource,
            user_code: shown(&user_code),
            state: State::Waiting,
            polled_at: None,
            interval: INTERVAL,
        };
        RECORDS
            .put_at(&*self.store, key, &request, Precondition::Absent)
            .await?;
        let page = format!("{}/connect/device", self.issuer);
        Ok(json!({
            "device_code": device_code.as_str(),
            "user_code": request.user_code,
            "verification_uri": page,
            "verification_uri_complete": format!("{page}?user_code={}", request.user_code),
            "expires_in": LIFETIME.as_secs(),
            "interval": INTERVAL,
        }))
    }

    /// The request of a code that somebody typed; `from` is their address, where
    /// clients are told apart.
    ///
    /// # Errors
    /// [`UserCodeError::Wait`] before anything is looked up, after too many wrong ones.
    pub async fn device_ask(
        &self,
        typed: &str,
        from: Option<IpAddr>,
    ) -> Result<DeviceAsk, UserCodeError> {
        let now = self.now();
        let wrong = &self.device_limits.wrong;
        wrong
            .begin(from, now)
            .await
            .map_err(|refused| match refused {
                NotNow::Store(error) => error.into(),
                NotNow::Paused(Paused(left)) => UserCodeError::Wait(left),
            })?;
        let code = letters(typed).ok_or(UserCodeError::Unknown)?;
        let found = self.request_of(&code).await;
        if matches!(found, Ok(None)) {
            wrong.failed(from, now).await?;
        } else {
            wrong.take_back(from, now);
        }
        let (key, found) = found?.ok_or(UserCodeError::Unknown)?;
        let request = found.value;
        if !matches!(request.state, State::Waiting) {
            return Err(UserCodeError::Unknown);
        }
        let application = self.application(&request.client_id).await?;
        Ok(DeviceAsk {
            key,
            application: application.ok_or(UserCodeError::Unknown)?,
            account: request.account,
            scopes: request.scopes,
            user_code: request.user_code,
            resource: request.resource,
        })
    }

    /// Writes down what somebody said; `false`: it was said already, the time is over,
    /// or this user may not.
    pub async fn device_decide(
        &self,
        ask: &DeviceAsk,
        decision: Decision<'_>,
    ) -> Result<bool, OAuthError> {
        let (said, by) = match (decision, &ask.account) {
            (Decision::Deny, _) => (Said::No, "denied"),
            (Decision::User(session), Some(account)) => {
                let Some(granted) = self.device_grant(ask, account, session).await? else {
                    return Ok(false);
                };
                (Said::User(granted), "granted by a user")
            }
            (Decision::Operator(email), None) => {
                (Said::Operator(email.clone()), "granted by an operator")
            }
            (Decision::User(_), None) | (Decision::Operator(_), Some(_)) => return Ok(false),
        };
        for _ in 0..TRIES {
            let Some(found) = RECORDS.get_at(&*self.store, &ask.key).await? else {
                return Ok(false);
            };
            if !matches!(found.value.state, State::Waiting) {
                return Ok(false);
            }
            let next = DeviceRequest {
                state: match &said {
                    Said::No => State::Denied,
                    Said::User(granted) => State::User(granted.clone()),
                    Said::Operator(email) => State::Operator(email.clone()),
                },
                ..found.value
            };
            let when = Precondition::Version(found.version);
            match RECORDS
                .put_at(&*self.store, ask.key.clone(), &next, when)
                .await
            {
                Ok(_) => {
                    let client_id = &ask.application.client_id;
                    info!(target: "vestibule::authority", %client_id, by, "device request");
                    return Ok(true);
                }
                // The program asked meanwhile.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// What a user grants; `None` if they may not log in.
    async fn device_grant(
        &self,
        ask: &DeviceAsk,
        account: &AccountId,
        session: &Session,
    ) -> Result<Option<Box<Granted>>, OAuthError> {
        let application = self.at_account(&ask.application, account).await?;
        let scopes = ask.scopes.common(&application.scopes);
        let client_id = &ask.application.client_id;
        let granted = Granted {
            // The device stays connected when the browser is signed out.
            sid: None,
            resource: ask.resource.clone(),
            ..Granted::by(session, client_id, account, scopes, self.now())
        };
        let refuses = self.unverified_email(account).await? == UnverifiedEmail::Refuse;
        let good = ask.application.serves(account)
            && (session.email_verified || !refuses)
            && self.counts(&ask.application, &granted).await?;
        Ok(good.then(|| Box::new(granted)))
    }
}

/// What is said, to be written as often as it takes.
enum Said {
    No,
    User(Box<Granted>),
    Operator(operator::Email),
}

/// The scopes of a request, and whether it is an operator's: one for scopes of the
/// admin API and no others, by an application of all accounts.
fn device_scopes(
    application: &Application,
    wanted: Option<Scopes>,
) -> Result<(Scopes, bool), OAuthError> {
    let wanted = match wanted {
        None if application.scopes.iter().all(scope::is_admin) => application.scopes.clone(),
        None => return Ok((user_scopes(application, None)?, false)),
        Some(wanted) => wanted,
    };
    if !wanted.iter().any(scope::is_admin) {
        return Ok((user_scopes(application, Some(wanted))?, false));
    }
    let good = wanted.iter().all(scope::is_admin)
        && wanted.within(&application.scopes)
        && application.account.is_none();
    if good {
        Ok((wanted, true))
    } else {
        Err(OAuthError::new(
            Code::InvalidScope,
            "scopes of the admin API go with no others, and to an application of all accounts that may have them",
        ))
    }
}
