//! A password is chosen: with a code that came by mail, or in place of another.

use tracing::info;

use super::super::error::{LoginError, Step};
use super::super::{Logins, letter};
use crate::account::credential::{self, Credential};
use crate::account::{Account, User, directory};
use crate::base::{Lang, Secret};
use crate::mail::template::Kind;
use crate::store::Precondition;

/// Whether a password may be chosen by whoever has this email, as far as the account's
/// rule goes.
///
/// # Errors
/// [`LoginError::PasswordWeak`]
pub fn check_rule(account: &Account, email: &str, new: &Secret) -> Result<(), LoginError> {
    let rules = account.login.password_rules();
    let rules = rules.ok_or(LoginError::PasswordWrong)?;
    rules
        .rule
        .check(new.expose(), email)
        .map_err(LoginError::PasswordWeak)
}

/// Whether a password is another than those that the account lets nobody choose again.
/// To be asked only for who has proved who they are.
///
/// # Errors
/// [`LoginError::PasswordUsed`]
pub async fn check_reuse(
    logins: &Logins,
    account: &Account,
    email: &str,
    new: &Secret,
) -> Result<(), LoginError> {
    let failed = Step::Identify.store();
    let rules = account.login.password_rules();
    let former = usize::from(rules.map_or(0, |rules| rules.former));
    if former == 0 {
        return Ok(());
    }
    let store = &*logins.store;
    let found = directory::by_email(store, &account.id, email).await;
    let Some(user) = found.map_err(&failed)? else {
        return Ok(());
    };
    let found = credential::get(store, &account.id, user.value.id).await;
    let Some(credential) = found.map_err(failed)? else {
        return Ok(());
    };
    let before = [credential.value.hash].into_iter();
    for hash in before.chain(credential.value.former).take(former) {
        if logins.hasher.verify(Some(&hash), new).await? {
            return Err(LoginError::PasswordUsed);
        }
    }
    Ok(())
}

/// Gives somebody the password that they chose, and tells them by mail. Who calls
/// ends what was issued to them before.
pub async fn set(
    logins: &Logins,
    account: &Account,
    user: &User,
    new: &Secret,
    lang: Lang,
) -> Result<(), LoginError> {
    let failed = Step::Identify.store();
    let (store, now) = (&*logins.store, logins.now());
    let mut chosen = Credential::new(logins.hasher.hash(new).await?, now);
    let former = account
        .login
        .password_rules()
        .map_or(0, |rules| rules.former);
    let before = credential::get(store, &account.id, user.id).await;
    if let Some(before) = before.map_err(&failed)? {
        chosen.former.push(before.value.hash);
        chosen.former.extend(before.value.former);
        chosen.former.truncate(usize::from(former));
    }
    credential::put(store, &account.id, user.id, &chosen, Precondition::Any)
        .await
        .map_err(failed)?;
    info!(target: "vestibule::login", account = %account.id, user = %user.id, "password: another was chosen");
    if logins.mail.is_configured() {
        let store = account.stores.first().map_or("", |store| &store.origin);
        let told = letter::write(
            account,
            &logins.public_url,
            store,
            &user.email,
            Kind::PasswordChanged,
            lang,
            "",
        );
        // It is chosen all the same.
        let sent = match told {
            Ok(letter) => logins.mail.send(letter).await.map_err(LoginError::Mail),
            Err(error) => Err(error),
        };
        if let Err(why) = sent {
            tracing::warn!(account = %account.id, user = %user.id, %why, "nobody was told that a password was changed");
        }
    }
    Ok(())
}
