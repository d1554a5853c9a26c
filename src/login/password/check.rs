//! Whose email and password these are.
//!
//! Wrong guesses are counted for an address by where they come from: the browser, if
//! its owner logged in there before, else the client's address. Addresses that nobody
//! has are counted the same, and checking them takes as long (threats K8, K9, K10).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, info};

use super::super::error::{LoginError, Step};
use super::super::{Logins, ticket};
use super::browsers;
use crate::account::credential::{self, Credential};
use crate::account::{Account, User, directory};
use crate::base::{Allowance, LoginMethod, Secret, Timestamp};
use crate::password::{
    Bucket, FAILURES_BEFORE_PAUSE, HashError, NotNow, Paused, Pauses, Spread, Throttle,
};
use crate::provider::email;
use crate::store::{Precondition, Store, StoreError, Versioned};

/// After too many wrong passwords for one address from one place.
const PAUSES: Pauses = Pauses {
    after: FAILURES_BEFORE_PAUSE,
    first: Duration::from_secs(2),
    longest: Duration::from_secs(300),
};
/// Failures of strangers from one range of addresses, whoever they try (threat F30).
const BY_RANGE: Allowance = Allowance {
    burst: 50,
    every: Duration::from_secs(10),
};
/// Failures of strangers in all.
const IN_ALL: Allowance = Allowance {
    burst: 2_000,
    every: Duration::from_millis(200),
};
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Counts wrong passwords: for an address, and what strangers fail at in all.
pub struct Guesses {
    throttle: Throttle,
    spread: Spread,
}

impl Guesses {
    /// Those counted in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            spread: Spread::new(&store, "shoppers", BY_RANGE, IN_ALL),
            throttle: Throttle::new(store, "shoppers", PAUSES),
        }
    }
}

/// An email and a password, as they were typed.
pub struct SignIn<'a> {
    /// The account.
    pub account: &'a Arc<Account>,
    /// The email.
    pub email: &'a str,
    /// The password.
    pub password: &'a Secret,
    /// Where the request comes from.
    pub from: Option<IpAddr>,
    /// Whether that is one client's address, and not maybe a proxy's.
    pub apart: bool,
    /// The cookie of a browser that logged in before.
    pub browser: Option<&'a str>,
    /// Whether a password that expired counts, as it does for changing it.
    pub to_change: bool,
}

/// Somebody whose password was right. Only [`check`] makes one.
pub struct KnownPerson {
    account: Arc<Account>,
    user: User,
}

impl KnownPerson {
    /// Who it is.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The same, as their record is by now.
    pub async fn again(self, logins: &Logins) -> Result<Self, LoginError> {
        let found = directory::get(&*logins.store, &self.account.id, self.user.id).await;
        let found = found.map_err(Step::Identify.store())?;
        let user = found.ok_or(LoginError::PasswordWrong)?.value;
        Ok(Self { user, ..self })
    }

    /// The ticket for `finish`.
    pub async fn ticket(self, logins: &Logins, place: ticket::Place) -> Result<String, LoginError> {
        let issued = ticket::issue(
            logins,
            &self.account,
            self.user,
            LoginMethod::Password,
            place,
        );
        Ok(issued.await?.as_str().to_owned())
    }
}

/// Whose email and password these are.
///
/// # Errors
/// [`LoginError::PasswordWrong`] for all that is wrong with them,
/// [`LoginError::PasswordWait`] after too many of these, and
/// [`LoginError::PasswordExpired`] if it has to be changed first.
pub async fn check(logins: &Logins, sign_in: SignIn<'_>) -> Result<KnownPerson, LoginError> {
    let failed = Step::Callback.store();
    let account = sign_in.account;
    let Some(rules) = account.login.password_rules() else {
        return Err(LoginError::PasswordWrong);
    };
    let now = logins.now();
    let address = email::normalize(sign_in.email.trim()).ok();
    let name = match &address {
        Some(address) => email::key(address),
        None => sign_in.email.trim().chars().take(320).collect(),
    };
    let found = match &address {
        Some(address) => directory::by_email(&*logins.store, &account.id, address)
            .await
            .map_err(&failed)?,
        None => None,
    };
    let known = browsers::known(logins, &account.id, sign_in.browser);
    let known = known.await.map_err(&failed)?;
    let own = known.filter(|(whose, _)| found.as_ref().is_some_and(|f| f.value.id == *whose));
    let stranger = own.is_none();
    let place = own.map_or_else(|| Bucket::place(sign_in.from), |(_, place)| place);
    let bucket = Bucket::of(&[account.id.as_str(), &name, &place]);
    let guesses = &logins.guesses;
    let refused = |refused| match refused {
        NotNow::Paused(Paused(wait)) => LoginError::PasswordWait { wait },
        NotNow::Store(error) => failed(error),
    };
    let begun = guesses.throttle.begin(bucket, now).await;
    begun.map_err(refused)?;
    let range = sign_in.from.filter(|_| sign_in.apart);
    if stranger && let Err(paused) = guesses.spread.begin(range, now).await {
        let forgiven = guesses.throttle.forgive(bucket, now).await;
        forgiven.map_err(&failed)?;
        return Err(refused(paused));
    }
    let credential = match &found {
        Some(user) if !user.value.disabled => {
            let id = user.value.id;
            let read = credential::get(&*logins.store, &account.id, id).await;
            read.map_err(&failed)?
        }
        _ => None,
    };
    let hash = credential.as_ref().map(|found| &found.value.hash);
    let (hasher, id) = (&logins.hasher, account.id.as_str());
    let right = match hasher.verify_in(id, hash, sign_in.password).await {
        Ok(right) => right,
        Err(HashError::TooLong) => false,
        Err(error) => {
            if stranger {
                guesses.spread.take_back(range, now);
            }
            let forgiven = guesses.throttle.forgive(bucket, now).await;
            forgiven.map_err(&failed)?;
            return Err(error.into());
        }
    };
    let (Some(user), Some(credential), true) = (found, credential, right) else {
        if stranger {
            let counted = guesses.spread.failed(range, now).await;
            counted.map_err(&failed)?;
        }
        debug!(target: "vestibule::login", account = %account.id, "password: it is wrong, or nobody has this address");
        return Err(LoginError::PasswordWrong);
    };
    if stranger {
        guesses.spread.take_back(range, now);
    }
    let forgotten = guesses.throttle.succeeded(bucket, now).await;
    forgotten.map_err(&failed)?;
    let days = rules.expires_after_days.map(|days| DAY * days);
    let old = days.is_some_and(|days| now.since(credential.value.changed_at) >= days);
    if (old || credential.value.expired) && !sign_in.to_change {
        return Err(LoginError::PasswordExpired);
    }
    let user = user.value;
    renew(logins, account, &user, credential, sign_in.password)
        .await
        .map_err(&failed)?;
    let user = note(logins, account, user, now).await.map_err(failed)?;
    info!(target: "vestibule::login", account = %account.id, user = %user.id, "password: it is right");
    Ok(KnownPerson {
        account: Arc::clone(account),
        user,
    })
}

/// Replaces a hash that another system made, or an earlier version of ours.
async fn renew(
    logins: &Logins,
    account: &Account,
    user: &User,
    credential: Versioned<Credential>,
    password: &Secret,
) -> Result<(), StoreError> {
    if credential.value.hash.is_current() {
        return Ok(());
    }
    // Where there is no turn now, there is one at the next login.
    let Ok(hash) = logins.hasher.hash(password).await else {
        return Ok(());
    };
    let renewed = Credential {
        hash,
        ..credential.value
    };
    let when = Precondition::Version(credential.version);
    match credential::put(&*logins.store, &account.id, user.id, &renewed, when).await {
        Ok(_) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Notes a login. What a provider said of them is not said of this one.
async fn note(
    logins: &Logins,
    account: &Account,
    user: User,
    now: Timestamp,
) -> Result<User, StoreError> {
    let (store, id) = (&*logins.store, user.id);
    let changed = directory::change(store, &account.id, id, None, |user| {
        user.more.clear();
        user.last_link = None;
        user.last_login_at = user.last_login_at.max(now);
    });
    Ok(changed.await?.map_or(user, |(_, now)| now.value))
}
