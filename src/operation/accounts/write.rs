//! How an account is written: in one commit with what its stores claim and with its
//! entry in the audit log.

use super::super::{
    Access, Caller, Changed, Condition, Entry, OperationError, Operations, Outcome,
};
use super::fields::access_key;
use super::leaving::clear;
use super::ways::check_verified;
use super::{AccountView, address};
use crate::account::origins::{self, Claim, ClaimError};
use crate::account::{self, Account, StoreFront, stores};
use crate::base::ErrorCode;
use crate::store::{Precondition, StoreError, Version, Versioned};

/// How often an account is written again whose stores' origins others write too.
const TRIES: usize = 20;

/// Makes an account that is not there.
pub(super) async fn make(
    ops: &Operations,
    caller: &Caller,
    account: Account,
    when: Precondition,
) -> Outcome<Changed<AccountView>> {
    access_key(ops, false, account.access_key)?;
    check_verified(caller, &[], &account.login.ways.domains)?;
    ops.keys.ensure(account.signing_alg).await?;
    let view = AccountView::from(account.clone());
    let entry = || {
        Entry::new("account.create", address(&account.id))
            .of(Some(&account.id))
            .after(&view)
    };
    for _ in 0..TRIES {
        // Users and clients of an account of before, whose removal broke off or is under
        // way, are not its.
        clear(ops, caller, &account.id).await?;
        match write(ops, caller, None, Some(&account), when, entry).await {
            Ok(version) => return Ok(Changed::created(view, version)),
            Err(error)
                if error.is_stale() && account::is_leaving(&*ops.store, &account.id).await? => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Conflict.into())
}

/// Makes an account as it is wanted, if nobody else changed it meanwhile.
pub(super) async fn replace(
    ops: &Operations,
    caller: &Caller,
    found: Versioned<Account>,
    wanted: Account,
    when: &Condition,
    what: &'static str,
) -> Outcome<Changed<AccountView>> {
    let guard = when.over(Some(found.version))?;
    let found_version = found.version;
    let found = found.value;
    if wanted == found {
        return Ok(Changed::to(wanted.into(), found_version));
    }
    check_narrow(caller, &found, &wanted)?;
    if wanted.audience != found.audience {
        // With another account's audience its tokens would count there.
        caller.check_broker(Access::Write)?;
    }
    access_key(ops, found.access_key, wanted.access_key)?;
    check_verified(
        caller,
        &found.login.ways.domains,
        &wanted.login.ways.domains,
    )?;
    ops.keys.ensure(wanted.signing_alg).await?;
    let before = AccountView::from(found.clone());
    let view = AccountView::from(wanted.clone());
    let entry = || {
        Entry::new(what, address(&wanted.id))
            .of(Some(&wanted.id))
            .before(&before)
            .after(&view)
    };
    let version = write(ops, caller, Some(&found), Some(&wanted), guard, entry).await?;
    Ok(Changed::to(view, version))
}

/// What an account's own administrator may change of it.
fn check_narrow(caller: &Caller, found: &Account, wanted: &Account) -> Outcome<()> {
    if !caller.is_narrow() {
        return Ok(());
    }
    let mut theirs = found.clone();
    theirs.name.clone_from(&wanted.name);
    theirs.logo_url.clone_from(&wanted.logo_url);
    theirs.color.clone_from(&wanted.color);
    theirs
        .login
        .ways
        .domains
        .clone_from(&wanted.login.ways.domains);
    if theirs == *wanted {
        return Ok(());
    }
    Err(OperationError::forbidden(
        "of an account's settings, the role `account_administrator` changes name, logo, colour and domains of emails; an administrator changes the rest",
    ))
}

/// Writes an account that was `before` and is `wanted`, or removes it.
pub(super) async fn write(
    ops: &Operations,
    caller: &Caller,
    before: Option<&Account>,
    wanted: Option<&Account>,
    when: Precondition,
    entry: impl Fn() -> Entry,
) -> Outcome<Version> {
    for _ in 0..TRIES {
        let claim = claim(ops, caller, before, wanted).await?;
        let mut steps = match (wanted, before) {
            (Some(account), _) => account::step_put(account, when)?,
            (None, Some(account)) => account::step_remove(&account.id, when)?,
            (None, None) => Vec::new(),
        };
        steps.extend(claim.steps.iter().cloned());
        match ops.commit(caller, entry(), steps).await {
            // Another account's store at the same origin, and not this account.
            Err(error) if error.is_stale() && claim.is_outdated(&*ops.store).await? => {}
            done => return done,
        }
    }
    Err(StoreError::Conflict.into())
}

async fn claim(
    ops: &Operations,
    caller: &Caller,
    before: Option<&Account>,
    wanted: Option<&Account>,
) -> Outcome<Claim> {
    let fronts = |account: Option<&'_ Account>| -> Vec<StoreFront> {
        account
            .map(|account| account.stores.clone())
            .unwrap_or_default()
    };
    let (had, wants) = (fronts(before), fronts(wanted));
    let Some(account) = wanted.or(before) else {
        return Err(OperationError::missing("account"));
    };
    let alone = caller.limit().is_some();
    if let Some(broker) = &ops.public_url {
        let own = stores::own_path(&account.id);
        let of_broker = |front: &&StoreFront| {
            let others = alone && front.origin == *broker && front.auth_path != own;
            others || front.is_reserved(broker, &account.id)
        };
        let mut new = wants.iter().filter(|front| !had.contains(front));
        if let Some(front) = new.find(of_broker) {
            let why = format!(
                "`{}{}` is one of the broker's own addresses; there, this account's path is `{own}`",
                front.origin, front.auth_path
            );
            return Err(OperationError::invalid(
                ErrorCode::StoreTaken,
                "auth_path",
                why,
            ));
        }
    }
    // At the broker's own origin everybody has a path.
    let may_share =
        |front: &StoreFront| !alone || ops.public_url.as_deref() == Some(&*front.origin);
    origins::claim(&*ops.store, &account.id, &had, &wants, may_share)
        .await
        .map_err(|error| match error {
            ClaimError::Store(error) => error.into(),
            taken @ ClaimError::Taken(_) => {
                OperationError::invalid(ErrorCode::StoreTaken, "origin", taken)
            }
        })
}
