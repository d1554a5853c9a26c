//! The log of logins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::Deserialize;

use super::page::not_a_cursor;
use super::{Access, Caller, OperationError, Operations, Outcome, Page, limit};
use crate::base::UserId;
use crate::login::journal::{self, LoginEntry, SUCCESS};
use crate::operation::users;

/// Which logins of an account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginQuery {
    /// Only the one with this support id.
    pub id: Option<String>,
    /// Only those with this email.
    pub email: Option<String>,
    /// Only those of this user, by id or email.
    pub user: Option<String>,
    /// Only those through this provider, or by `access_key`.
    pub provider: Option<String>,
    /// `success`, `failed`, or the code of a failure.
    pub outcome: Option<String>,
    /// The `next` of the page before.
    pub after: Option<String>,
    /// How many at most; 100 unless given.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<usize>,
}

impl LoginQuery {
    fn wants(&self, entry: &LoginEntry, user: Option<UserId>) -> bool {
        let is = |wanted: &Option<String>, has: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| has == Some(wanted))
        };
        let email = |wanted: &str| {
            let has = entry.email.as_deref().unwrap_or_default();
            has.to_lowercase() == wanted.trim().to_lowercase()
        };
        let outcome = match self.outcome.as_deref() {
            None => true,
            Some("failed") => entry.outcome != SUCCESS,
            Some(code) => entry.outcome == code,
        };
        outcome
            && is(&self.id, Some(&entry.id))
            && is(&self.provider, entry.provider.as_deref())
            && self.email.as_deref().is_none_or(email)
            && (self.user.is_none() || user.is_some() && entry.user == user)
    }
}

/// A page of an account's logins, the newest first. A search that finds little gives
/// what it has after a while, with a `next` to go on.
pub async fn list(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    query: LoginQuery,
) -> Outcome<Page<LoginEntry>> {
    let account = ops.account(caller, Access::Read, account).await?.value.id;
    let limit = limit(query.limit)?;
    let before = query.after.as_deref().map(place).transpose()?;
    let user = match &query.user {
        // Also of somebody who is not there any more.
        Some(user) => match user.parse() {
            Ok(id) => Some(id),
            Err(_) => {
                let found = users::find(ops, caller, Access::Read, account.as_str(), user);
                Some(found.await?.1.value.id)
            }
        },
        None => None,
    };
    if let Some(serving) = &ops.serving {
        serving.logins.journal.flush().await;
    }
    if let Some(id) = &query.id
        && let Some(found) = journal::failure(&*ops.store, id).await?
    {
        let theirs = found.account.as_ref() == Some(&account) && query.wants(&found, user);
        let found = theirs.then_some(found).into_iter().collect();
        return Ok(Page::cut(found, limit, |_| String::new()));
    }
    let (found, next) = journal::page(
        &*ops.store,
        account.as_str(),
        |entry| query.wants(entry, user),
        before,
        limit,
        (ops.clock.now(), ops.login_log),
    )
    .await?;
    let mut page = Page::cut(found, limit, |_| String::new());
    page.next = next.map(|place| URL_SAFE_NO_PAD.encode(place));
    Ok(page)
}

fn place(cursor: &str) -> Outcome<Vec<u8>> {
    let place = URL_SAFE_NO_PAD.decode(cursor).ok();
    place
        .filter(|place| place.len() >= 8)
        .ok_or_else(|| not_a_cursor("`after` is the `next` of the page before"))
}

/// The login with a support id, in whichever account the caller sees.
pub async fn find(ops: &Operations, caller: &Caller, id: &str) -> Outcome<LoginEntry> {
    caller.check_broker(Access::Read)?;
    if let Some(serving) = &ops.serving {
        serving.logins.journal.flush().await;
    }
    if let Some(found) = journal::failure(&*ops.store, id).await? {
        return Ok(found);
    }
    for account in journal::partitions(&*ops.store).await? {
        let mut before = None;
        loop {
            let (found, next) = journal::page(
                &*ops.store,
                &account,
                |entry| entry.id == id,
                before,
                1,
                (ops.clock.now(), ops.login_log),
            )
            .await?;
            if let Some(found) = found.into_iter().next() {
                return Ok(found);
            }
            before = next;
            if before.is_none() {
                break;
            }
        }
    }
    Err(OperationError::missing("login"))
}
