//! What is done to one user.
//!
//! The audit log names a user by the id only: what is removed is gone, while the
//! log stays.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::end::end;
use super::{UserView, address, find};
use crate::account::User;
use crate::account::credential;
use crate::account::directory::{self, Link, steps};
use crate::authority::{consent, password};
use crate::base::{AccountId, ErrorCode, ProviderId, Secret, UserId};
use crate::login::journal;
use crate::operation::{
    Access, Caller, Changed, Condition, Done, Entry, OperationError, Operations, Outcome,
};
use crate::provider::email;
use crate::store::{StoreError, Version, Versioned};

/// How often a user is written again whom a login writes at the same time.
const TRIES: usize = 20;

/// A user who has not logged in yet.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Their email. Whoever creates users answers for their emails.
    pub email: String,
    /// Their name.
    pub name: Option<String>,
}

/// What may change in a user; what is absent stays.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// Whether they may not log in; their sessions end.
    pub disabled: Option<bool>,
    /// Whether the email is known to be theirs. Of a user whose email is not, the
    /// links go when someone who may be trusted proves it.
    pub email_trusted: Option<bool>,
}

/// Which of a user's links.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkQuery {
    /// The provider.
    pub provider: String,
    /// The user's id there; may be left out where the user has one link with the provider.
    pub user_id: Option<String>,
}

/// A password, for applications with the grant `password`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// At least 8 characters.
    pub password: String,
}

/// How many sessions ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Revoked")]
pub struct Revoked {
    /// How many.
    pub revoked: usize,
}

/// A name as it may be kept.
pub(super) fn checked_name(name: Option<&str>) -> Outcome<Option<String>> {
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    if name.is_some_and(|n| n.chars().count() > 200 || n.contains(char::is_control)) {
        return Err(OperationError::invalid(
            ErrorCode::UserName,
            "name",
            "a name has at most 200 characters on one line",
        ));
    }
    Ok(name.map(str::to_owned))
}

/// Creates a user who has not logged in yet.
pub async fn create(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    new: NewUser,
) -> Outcome<Changed<UserView>> {
    let account = ops.account(caller, Access::Write, account).await?.value.id;
    let email = email::normalize(new.email.trim())
        .map_err(|error| OperationError::invalid(ErrorCode::UserEmail, "email", error))?;
    let name = checked_name(new.name.as_deref())?;
    let taken = || {
        OperationError::invalid(
            ErrorCode::UserExists,
            "email",
            "someone in this account has this email already",
        )
    };
    let now = ops.clock.now();
    let mut user = directory::new(&email, name, now);
    let steps = steps::create(&*ops.store, &account, &mut user, now).await?;
    let steps = steps.map_err(|_| taken())?;
    let entry = Entry::new("user.create", address(&account, user.id))
        .of(Some(&account))
        .after(&json!({ "id": user.id }));
    let version = ops.commit(caller, entry, steps).await;
    let version = version.map_err(|error| error.if_stale(taken))?;
    Ok(Changed::created(user.into(), version))
}

/// Makes a user what `change` makes of them, in one commit with its entry. Without a
/// condition, a login that writes at the same time does not conflict.
async fn edit(
    ops: &Operations,
    caller: &Caller,
    (account, user): (&str, &str),
    when: &Condition,
    what: &'static str,
    change: impl Fn(&mut User) -> Outcome<()>,
) -> Outcome<(AccountId, Versioned<User>)> {
    for _ in 0..TRIES {
        let (account, found) = find(ops, caller, Access::Write, account, user).await?;
        when.over(Some(found.version))?;
        let mut wanted = found.value.clone();
        change(&mut wanted)?;
        let steps = steps::change(&account, &found, &wanted)?;
        let entry = Entry::new(what, address(&account, wanted.id))
            .of(Some(&account))
            .before(&logged(&found.value))
            .after(&logged(&wanted));
        match ops.commit(caller, entry, steps).await {
            Ok(version) => {
                let value = wanted;
                return Ok((account, Versioned { value, version }));
            }
            Err(error) if error.is_stale() && *when == Condition::None => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Conflict.into())
}

/// What the log says of a user.
fn logged(user: &User) -> Value {
    let providers = user.links.iter().map(|link| link.provider.as_str());
    json!({
        "disabled": user.disabled,
        "email_trusted": user.email_trusted,
        "links": providers.collect::<Vec<_>>(),
    })
}

/// Changes a user; a disabled one's sessions end.
pub async fn change(
    ops: &Operations,
    caller: &Caller,
    (account, user): (&str, &str),
    change: UserChange,
    when: &Condition,
) -> Outcome<Changed<UserView>> {
    let place = (account, user);
    let (account, user) = edit(ops, caller, place, when, "user.change", |user| {
        let disabled = change.disabled.unwrap_or(user.disabled);
        if disabled && !user.disabled {
            user.generation += 1;
        }
        user.disabled = disabled;
        user.email_trusted = change.email_trusted.unwrap_or(user.email_trusted);
        Ok(())
    })
    .await?;
    if user.value.disabled {
        end(ops, &account, user.value.id).await?;
    }
    Ok(Changed::to(user.value.into(), user.version))
}

/// Ends all that was issued to a user: sessions, and what applications have.
pub async fn revoke_sessions(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    user: &str,
) -> Outcome<Revoked> {
    let (place, when) = ((account, user), Condition::None);
    let revoke = |user: &mut User| {
        user.generation += 1;
        Ok(())
    };
    let (account, user) = edit(ops, caller, place, &when, "session.revoke_all", revoke).await?;
    let revoked = end(ops, &account, user.value.id).await?.sessions;
    Ok(Revoked { revoked })
}

/// Takes a link with a provider from a user. All that was issued to them ends, since
/// whoever has that link may have begun it.
pub async fn unlink(
    ops: &Operations,
    caller: &Caller,
    (account, user): (&str, &str),
    link: LinkQuery,
    when: &Condition,
) -> Outcome<Changed<UserView>> {
    let missing = || OperationError::missing("link");
    let place = (account, user);
    let (account, user) = edit(ops, caller, place, when, "user.unlink", |user| {
        let provider: ProviderId = link.provider.parse().map_err(|_| missing())?;
        let is = |other: &&Link| {
            other.provider == provider
                && link.user_id.as_ref().is_none_or(|id| *id == other.user_id)
        };
        let mut fitting = user.links.iter().filter(is);
        let found = fitting.next().ok_or_else(missing)?.clone();
        if fitting.next().is_some() {
            return Err(OperationError::invalid(
                ErrorCode::RequestBad,
                "user_id",
                "the user has several links with this provider: say which by `user_id`",
            ));
        }
        user.links.retain(|link| *link != found);
        if user.last_link.as_ref() == Some(&found) {
            // What that provider said of them goes with it.
            user.last_link = None;
            user.more = serde_json::Map::new();
        }
        user.generation += 1;
        Ok(())
    })
    .await?;
    end(ops, &account, user.value.id).await?;
    Ok(Changed::to(user.value.into(), user.version))
}

/// Has a user prove their email again: it counts as proved by nobody until then, and
/// all that was issued to them ends. The next login through a provider that vouches
/// for the email, or by a code that is sent there, proves it.
pub async fn reverify(
    ops: &Operations,
    caller: &Caller,
    (account, user): (&str, &str),
    when: &Condition,
) -> Outcome<Changed<UserView>> {
    let place = (account, user);
    let (account, user) = edit(ops, caller, place, when, "user.reverify", |user| {
        user.email_trusted = false;
        user.generation += 1;
        Ok(())
    })
    .await?;
    end(ops, &account, user.value.id).await?;
    Ok(Changed::to(user.value.into(), user.version))
}

/// Removes a user: the record with what finds it, links, password, sessions, what
/// applications were granted. Their applications are told. The audit log keeps the id.
pub async fn delete(
    ops: &Operations,
    caller: &Caller,
    (account, user): (&str, &str),
    when: &Condition,
) -> Outcome<Done> {
    let place = (account, user);
    for _ in 0..TRIES {
        let (account, found) = match find(ops, caller, Access::Write, place.0, place.1).await {
            Ok(found) => found,
            Err(error) => return finish_deleting(ops, caller, place, error).await,
        };
        when.over(Some(found.version))?;
        let id = found.value.id;
        let mut steps = steps::remove(&*ops.store, &account, &found).await?;
        steps.push(credential::step_remove(&account, id));
        let entry = Entry::new("user.delete", address(&account, id)).of(Some(&account));
        match ops.commit(caller, entry, steps).await {
            // The record first: what is being issued meanwhile looks at it.
            Ok(_) => {
                end(ops, &account, id).await?;
                consent::remove_user(&*ops.store, &account, id).await?;
                forget_logins(ops, &account, id).await?;
                return Ok(Done { tag: None });
            }
            Err(error) if error.is_stale() && *when == Condition::None => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Conflict.into())
}

/// Removes a user's logins from their log.
async fn forget_logins(ops: &Operations, account: &AccountId, user: UserId) -> Outcome<()> {
    if let Some(serving) = &ops.serving {
        serving.logins.journal.flush().await;
    }
    journal::remove_user(&*ops.store, account, user).await?;
    Ok(())
}

/// Where the user is not there: removes what a crash left of them.
async fn finish_deleting(
    ops: &Operations,
    caller: &Caller,
    (account, user): (&str, &str),
    missing: OperationError,
) -> Outcome<Done> {
    let Ok(id) = user.parse::<UserId>() else {
        return Err(missing);
    };
    let account = ops.account(caller, Access::Write, account).await?.value.id;
    let ended = end(ops, &account, id).await?;
    consent::remove_user(&*ops.store, &account, id).await?;
    forget_logins(ops, &account, id).await?;
    if ended == super::end::Ended::default() {
        return Err(missing);
    }
    Ok(Done { tag: None })
}

/// Gives a user a password.
pub async fn set_password(
    ops: &Operations,
    caller: &Caller,
    (account, user): (&str, &str),
    new: NewPassword,
    when: &Condition,
) -> Outcome<Done> {
    let (account, found) = find(ops, caller, Access::Write, account, user).await?;
    when.over(Some(found.version))?;
    let secret = Secret::new(new.password);
    let now = ops.clock.now();
    let id = found.value.id;
    let step = password::step_set(&ops.hasher, &account, id, &secret, now)
        .await
        .map_err(|error| {
            OperationError::invalid(ErrorCode::UserPassword, "password", error.description)
        })?;
    // Not even a fingerprint: people choose passwords that can be guessed.
    let target = format!("{}/password", address(&account, id));
    let entry = Entry::new("password.set", target).of(Some(&account));
    ops.commit(caller, entry, vec![step]).await?;
    Ok(Done { tag: None })
}

/// Takes a user's password away.
pub async fn remove_password(
    ops: &Operations,
    caller: &Caller,
    (account, user): (&str, &str),
    when: &Condition,
) -> Outcome<Done> {
    let (account, found) = find(ops, caller, Access::Write, account, user).await?;
    when.over(Some(found.version))?;
    let id = found.value.id;
    let version: Version = credential::find(&*ops.store, &account, id)
        .await?
        .ok_or_else(|| OperationError::missing("password"))?;
    let target = format!("{}/password", address(&account, id));
    let entry = Entry::new("password.remove", target).of(Some(&account));
    let steps = vec![
        credential::step_is(&account, id, version),
        credential::step_remove(&account, id),
    ];
    ops.commit(caller, entry, steps).await?;
    Ok(Done { tag: None })
}
