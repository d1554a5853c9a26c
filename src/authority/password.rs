//! Passwords of an account's users, for the password grant (RFC 6749 §4.3).

use std::net::IpAddr;
use std::time::Duration;

use super::Authority;
use super::application::Application;
use super::error::{Code, OAuthError};
use crate::account::credential::{self, Credential};
use crate::account::{User, directory};
use crate::base::{AccountId, ErrorCode, Secret, Timestamp, UserId};
use crate::password::{Bucket, FAILURES_BEFORE_PAUSE, Hasher, MAX_LENGTH, NotNow, Paused, Pauses};
use crate::provider::email;
use crate::store::{Step, Store};

/// After too many tries of one user, through one application, from one address.
pub const PAUSES: Pauses = Pauses {
    after: FAILURES_BEFORE_PAUSE,
    first: Duration::from_secs(60),
    longest: Duration::from_secs(15 * 60),
};

/// The shortest password that can be set, in characters (NIST SP 800-63B §5.1.1.2).
pub const MIN_LENGTH: usize = 8;

/// The step of a batch that gives a user a password.
pub async fn step_set(
    hasher: &Hasher,
    account: &AccountId,
    user: UserId,
    password: &Secret,
    now: Timestamp,
) -> Result<Step, OAuthError> {
    if password.expose().chars().count() < MIN_LENGTH {
        return Err(OAuthError::request("a password has at least 8 characters"));
    }
    let credential = Credential::new(hasher.hash(password).await?, now);
    Ok(credential::step_put(account, user, &credential)?)
}

/// Gives a user a password.
pub async fn set(
    store: &dyn Store,
    hasher: &Hasher,
    account: &AccountId,
    user: UserId,
    password: &Secret,
    now: Timestamp,
) -> Result<(), OAuthError> {
    let step = step_set(hasher, account, user, password, now).await?;
    store.commit(vec![step]).await?;
    Ok(())
}

fn login_failed() -> OAuthError {
    OAuthError::grant("the login failed: the user name or the password is wrong")
        .with_detail(ErrorCode::GrantLoginFailed)
}

impl Authority {
    /// The user whose email and password these are.
    ///
    /// # Errors
    /// `login_failed` for all that is wrong with them, `user_is_temporary_locked_out`
    /// after too many tries, `user_is_locked_out` for a user who was disabled.
    pub(super) async fn check_password(
        &self,
        application: &Application,
        account: &AccountId,
        username: &str,
        password: &Secret,
        from: Option<IpAddr>,
    ) -> Result<User, OAuthError> {
        if password.expose().len() > MAX_LENGTH || username.len() > MAX_LENGTH {
            return Err(OAuthError::request(
                "the user name or the password is too long",
            ));
        }
        let address = email::normalize(username).ok();
        // One person is one bucket, however the address is spelt.
        let name = address.as_deref().unwrap_or(username).to_lowercase();
        let bucket = Bucket::of(&[
            account.as_str(),
            &name,
            application.client_id.as_str(),
            &Bucket::place(from),
        ]);
        let now = self.now();
        match self.throttle.begin(bucket, now).await {
            Ok(()) => {}
            Err(NotNow::Paused(paused)) => return Err(locked_out(paused)),
            Err(NotNow::Store(error)) => return Err(error.into()),
        }
        let user = match &address {
            Some(email) => directory::by_email(&*self.store, account, email).await?,
            None => None,
        };
        let credential = match &user {
            Some(user) => credential::get(&*self.store, account, user.value.id).await?,
            None => None,
        };
        let hash = credential.as_ref().map(|found| &found.value.hash);
        let checked = self.hasher.verify_in(account.as_str(), hash, password);
        let right = match checked.await {
            Ok(right) => right,
            Err(error) => {
                self.throttle.forgive(bucket, now).await?;
                return Err(error.into());
            }
        };
        match user {
            Some(user) if right && !user.value.disabled => {
                self.throttle.succeeded(bucket, now).await?;
                Ok(user.value)
            }
            // Only who knows the password learns of it.
            Some(user) if right && user.value.disabled => Err(OAuthError::new(
                Code::InvalidGrant,
                "the user may not log in any more",
            )
            .with_detail(ErrorCode::GrantLockedOut)),
            _ => Err(login_failed()),
        }
    }
}

fn locked_out(Paused(left): Paused) -> OAuthError {
    let said = format!(
        "too many failed logins; try again in {} seconds",
        left.as_secs() + 1
    );
    OAuthError::new(Code::InvalidGrant, said).with_detail(ErrorCode::GrantTemporarilyLockedOut)
}
