//! How an account is removed: itself at once, then all that is left of it.

use super::leaving::clear;
use super::write::write;
use super::{AccountView, address};
use crate::operation::{Access, Caller, Condition, Done, Entry, Operations, Outcome};

/// Removes an account with its mappings, users, sessions and applications.
pub async fn remove(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    when: &Condition,
) -> Outcome<Done> {
    let found = ops.account(caller, Access::Write, id).await?;
    let guard = when.over(Some(found.version))?;
    let id = found.value.id.clone();
    let before = AccountView::from(found.value.clone());
    let entry = || {
        Entry::new("account.remove", address(&id))
            .of(Some(&id))
            .before(&before)
    };
    // The account first: nobody can log in any more while the rest goes.
    write(ops, caller, Some(&found.value), None, guard, entry).await?;
    clear(ops, caller, &id).await?;
    Ok(Done { tag: None })
}
