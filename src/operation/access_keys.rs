//! The access key: addresses that get no codes for a while, since too many wrong
//! ones were typed for them.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Access, Caller, Done, Entry, OperationError, Operations, Outcome, Page, Paging};
use crate::base::ErrorCode;
use crate::login::access_key::wrong::{self, Blocked};
use crate::provider::email;
use crate::store::Precondition;

/// The most addresses that are listed.
const MOST: usize = 10_000;

/// An address that gets no codes for a while.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "BlockedAddress")]
pub struct BlockedView {
    /// The address, whether or not anybody has it.
    pub email: String,
    /// Until when, unless it is lifted (RFC 3339).
    pub until: String,
}

impl From<Blocked> for BlockedView {
    fn from(blocked: Blocked) -> Self {
        Self {
            email: blocked.email,
            until: blocked.until.rfc3339(),
        }
    }
}

/// A page of the addresses of an account that get no codes now.
pub async fn list(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    paging: Paging,
) -> Outcome<Page<BlockedView>> {
    let account = ops.account(caller, Access::Read, id).await?.value.id;
    let mut all = wrong::blocked(&*ops.store, &account, ops.clock.now(), MOST).await?;
    all.sort_by(|a, b| a.email.cmp(&b.email));
    let all = all.into_iter().map(BlockedView::from).collect();
    Page::of_all(all, &paging, |blocked: &BlockedView| blocked.email.clone())
}

/// Lets an address get codes again.
pub async fn unblock(ops: &Operations, caller: &Caller, id: &str, address: &str) -> Outcome<Done> {
    let account = ops.account(caller, Access::Write, id).await?.value.id;
    let address = email::normalize(address)
        .map_err(|error| OperationError::invalid(ErrorCode::UserEmail, "address", error))?;
    let address = email::key(&address);
    let now = ops.clock.now();
    let found = wrong::find(&*ops.store, &account, &address, now)
        .await?
        .ok_or_else(|| OperationError::missing("blocked address"))?;
    let unchanged = Precondition::Version(found.version);
    let target = format!("/accounts/{account}/blocked/{address}");
    let entry = Entry::new("access_key.unblock", target)
        .of(Some(&account))
        .before(&BlockedView::from(found.value));
    let steps = wrong::steps_lift(&account, &address, now, unchanged);
    ops.commit(caller, entry, steps).await?;
    Ok(Done { tag: None })
}
