//! The second factor of operators, as far as others deal with it. Their own they set up
//! and switch off in the console.

use serde_json::json;

use super::error::{OperationError, Outcome};
use super::{Access, Caller, Condition, Done, Entry, Operations};
use crate::operator::{self, Email, Operator, session};

/// Removes the second factor of an operator who lost it; their sessions end. The next
/// login takes the password alone.
pub async fn reset_second_factor(
    ops: &Operations,
    caller: &Caller,
    email: &str,
    when: &Condition,
) -> Outcome<Done> {
    caller.check_broker(Access::Write)?;
    let missing = || OperationError::missing("operator");
    let email = Email::parse(email).map_err(|_| missing())?;
    if caller.name() == email.as_str() {
        return Err(OperationError::forbidden(
            "switch your own second factor off on your profile, where your password and a code are asked for",
        ));
    }
    let store = &*ops.store;
    let found = operator::get(store, &email).await?.ok_or_else(missing)?;
    let when = when.over(Some(found.version))?;
    if found.value.second_factor.is_none() {
        return Err(OperationError::missing("second factor of this operator"));
    }
    let changed = Operator {
        second_factor: None,
        ..found.value
    };
    let mut steps = operator::step_put(&changed, when)?;
    steps.extend(session::steps_end_others(store, &email, None).await?);
    let entry = Entry::new("second_factor.remove", format!("/operators/{email}"))
        .before(&json!({ "second_factor": true }))
        .after(&json!({ "second_factor": false }));
    let version = ops.commit(caller, entry, steps).await?;
    // Those beyond what is read at once.
    session::revoke_all(store, &email).await?;
    Ok(Done {
        tag: Some(version.into()),
    })
}
