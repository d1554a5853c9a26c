//! Passwords of an account's people, as far as an operator ends them.

use super::users::find;
use super::{Access, Caller, Done, Entry, OperationError, Operations, Outcome};
use crate::account::credential::{self, Credential};

/// Lets a user's password count no more until they chose another one.
pub async fn expire(ops: &Operations, caller: &Caller, id: &str, user: &str) -> Outcome<Done> {
    let (account, found) = find(ops, caller, Access::Write, id, user).await?;
    let user = found.value;
    let found = credential::get(&*ops.store, &account, user.id).await?;
    let found = found.ok_or_else(|| OperationError::missing("password"))?;
    let expired = Credential {
        expired: true,
        ..found.value
    };
    let entry = Entry::new(
        "password.expire",
        format!("/accounts/{account}/users/{}/password", user.id),
    )
    .of(Some(&account))
    .after(&serde_json::json!({ "email": user.email }));
    let steps = vec![credential::step_put(&account, user.id, &expired)?];
    ops.commit(caller, entry, steps).await?;
    Ok(Done { tag: None })
}
