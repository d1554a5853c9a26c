//! The second step: the code comes back.

use std::sync::Arc;

use tracing::debug;

use super::super::error::{LoginError, Step};
use super::super::password::set::check_reuse;
use super::super::pending::Browser;
use super::super::{Logins, ReturnTo};
use super::record::{CodeDigest, WAITING_LOGINS, WaitingLogin};
use super::{CODE_DIGITS, TRIES, wrong};
use crate::account::Account;
use crate::base::{AccountId, Secret};
use crate::store::{Precondition, StoreError, Token, Versioned};

/// A login that waits for its code, as its page shows it.
#[derive(Debug)]
pub struct Waiting {
    /// Where the code was sent.
    pub email: String,
    /// The origin of the store it began on.
    pub store: String,
    /// The page that was asked for.
    pub return_to: ReturnTo,
    /// Whether a password is to be chosen with the code.
    pub sets_password: bool,
}

/// What became of a code.
pub enum Checked {
    /// It was the right one.
    Right(ProvedEmail),
    /// It was another; so many tries are left.
    Wrong(u32),
    /// It was no code at all, which is no try.
    NoCode,
}

/// An email whose owner typed the code that was sent to it, once, in time, in
/// the browser that asked. Only [`check`] makes one.
pub struct ProvedEmail {
    pub(super) account: Arc<Account>,
    pub(super) login: WaitingLogin,
}

/// The login that waits in this browser under this token.
///
/// # Errors
/// If there is none, it is over, or it waits in another browser.
pub async fn waiting(
    logins: &Logins,
    account: &AccountId,
    token: &str,
    browser: Option<&Browser>,
) -> Result<Waiting, LoginError> {
    let token = Token::parse(token).ok_or(LoginError::StateUnknown)?;
    let login = find(logins, account, &token, browser).await?.value;
    Ok(Waiting {
        email: login.email,
        store: login.store,
        return_to: ReturnTo::stored(login.return_to),
        sets_password: login.sets_password,
    })
}

async fn find(
    logins: &Logins,
    account: &AccountId,
    token: &Token,
    browser: Option<&Browser>,
) -> Result<Versioned<WaitingLogin>, LoginError> {
    if logins.now() >= token.expires_at() {
        return Err(LoginError::StateExpired);
    }
    let found = WAITING_LOGINS
        .get_by(&*logins.store, account.as_str(), token)
        .await
        .map_err(Step::Callback.store())?
        .ok_or(LoginError::StateUnknown)?;
    // Who has only the token may neither try nor use up tries.
    if !browser.is_some_and(|browser| found.value.browser.is(browser)) {
        return Err(LoginError::WrongBrowser);
    }
    Ok(found)
}

/// Compares a code with the one that was sent. The right one counts once. Where a
/// password is chosen with it, that is looked at when the code is known to be right
/// and before it is used up.
///
/// # Errors
/// As [`waiting`]; if the login or the address had too many wrong codes; what is wrong
/// with the password.
pub async fn check(
    logins: &Logins,
    account: &Arc<Account>,
    token: &str,
    browser: Option<&Browser>,
    typed: &str,
    password: Option<&Secret>,
) -> Result<Checked, LoginError> {
    let store = &*logins.store;
    let failed = Step::Callback.store();
    let now = logins.now();
    let token = Token::parse(token).ok_or(LoginError::StateUnknown)?;
    let mut found = find(logins, &account.id, &token, browser).await?;
    if found.value.tries >= TRIES {
        return Err(LoginError::AccessKeySpent);
    }
    let Some(code) = read(typed) else {
        wrong::check(store, &account.id, &found.value.email, now).await?;
        return Ok(Checked::NoCode);
    };
    let left_for_address = wrong::begin(store, &account.id, &found.value.email, now).await?;
    // Counted before it is compared: of many at once, three are looked at.
    loop {
        if found.value.tries >= TRIES {
            return Err(LoginError::AccessKeySpent);
        }
        found.value.tries += 1;
        let when = Precondition::Version(found.version);
        let partition = account.id.as_str();
        match WAITING_LOGINS
            .put_by(store, partition, &token, &found.value, when)
            .await
        {
            Ok(version) => {
                found.version = version;
                break;
            }
            Err(StoreError::Conflict) => {
                found = find(logins, &account.id, &token, browser).await?;
            }
            Err(error) => return Err(failed(error)),
        }
    }
    if !found.value.code.is(&CodeDigest::of(&token, &code)) {
        debug!(
            target: "vestibule::login",
            login = found.value.id,
            account = %account.id,
            tries = found.value.tries,
            "access key: the code is wrong"
        );
        return match (TRIES - found.value.tries).min(left_for_address) {
            0 if left_for_address == 0 => Err(LoginError::AccessKeyBlocked),
            0 => Err(LoginError::AccessKeySpent),
            left => Ok(Checked::Wrong(left)),
        };
    }
    if let Some(password) = password {
        let email = &found.value.email;
        check_reuse(logins, account, email, password).await?;
    }
    let key = token.key(WAITING_LOGINS.space(), account.id.as_str());
    match store
        .delete(&key, Precondition::Version(found.version))
        .await
    {
        Ok(true) => {}
        Ok(false) | Err(StoreError::Conflict) => return Err(LoginError::StateReplayed),
        Err(error) => return Err(failed(error)),
    }
    wrong::forget(store, &account.id, &found.value.email, now)
        .await
        .map_err(failed)?;
    Ok(Checked::Right(ProvedEmail {
        account: Arc::clone(account),
        login: found.value,
    }))
}

/// The six digits, whatever people put between them.
fn read(typed: &str) -> Option<String> {
    let code: String = typed
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .take(CODE_DIGITS + 1)
        .collect();
    let good = code.len() == CODE_DIGITS && code.bytes().all(|b| b.is_ascii_digit());
    good.then_some(code)
}
