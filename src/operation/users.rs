//! The users of an account.

mod change;
mod detail;
mod end;
pub mod import;
pub mod rows;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::change::{
    LinkQuery, NewPassword, NewUser, Revoked, UserChange, change, create, delete, remove_password,
    reverify, revoke_sessions, set_password, unlink,
};
pub use self::detail::{GrantSummary, SessionView, UserDetail, detail, sessions};
pub use self::import::{ImportReport, ImportUsers, ImportedUser, import};
use super::page::{not_a_cursor, total};
use super::{Access, Caller, Found, OperationError, Operations, Outcome, Page, limit};
use crate::account::User;
use crate::account::directory::{self, Link, Wanted};
use crate::base::{AccountId, UserId};
use crate::provider::email;
use crate::store::Versioned;

/// The longest text that is searched for, in bytes.
const LONGEST: usize = 256;

/// A person of an account.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "User")]
pub struct UserView {
    /// Their id.
    pub id: UserId,
    /// Their email, which identifies them within the account.
    pub email: String,
    /// Their name.
    pub name: Option<String>,
    /// Who they are at which provider.
    pub links: Vec<Link>,
    /// When they were first seen (RFC 3339).
    pub created_at: String,
    /// When they last logged in, to the hour (RFC 3339).
    pub last_login_at: String,
    /// Whether whoever the email came from may be trusted with it.
    pub email_trusted: bool,
    /// Whether they may not log in.
    pub disabled: bool,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            name: user.name,
            links: user.links,
            created_at: user.created_at.rfc3339(),
            last_login_at: user.last_login_at.rfc3339(),
            email_trusted: user.email_trusted,
            disabled: user.disabled,
        }
    }
}

/// Which users of an account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserQuery {
    /// Only those whose email, name or id at a provider has this: it, or a word in
    /// it, begins with the longest word that is given, and the other words are
    /// anywhere in them. Also a user's whole id. Case and accents don't matter.
    pub q: Option<String>,
    /// Only the one with this email.
    pub email: Option<String>,
    /// Whether to count those on all pages.
    #[serde(default)]
    pub count: bool,
    /// The `next` of the page before.
    pub after: Option<String>,
    /// How many at most; 100 unless given.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<usize>,
}

/// A page of users: by email, or those first whose email begins with what is
/// searched for, then those whose name does, then the others.
pub async fn list(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    query: UserQuery,
) -> Outcome<Page<UserView>> {
    let account = ops.account(caller, Access::Read, account).await?.value.id;
    let limit = limit(query.limit)?;
    let after = query.after.as_deref().map(place).transpose()?;
    let text = query.q.as_deref().unwrap_or_default();
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text[..end].trim();
    let named = match (&query.email, text.parse::<UserId>()) {
        (Some(email), _) => Some(by_email(ops, &account, email).await?),
        (None, Ok(id)) => directory::get(&*ops.store, &account, id).await?.map(Some),
        (None, Err(_)) => None,
    };
    if let Some(found) = named {
        let found = found.filter(|_| after.is_none());
        let count = found.iter().count();
        let page = Page::cut(found.into_iter().collect(), limit, |_| String::new());
        let page = page.map(|user: Versioned<User>| UserView::from(user.value));
        return Ok(page.counted(query.count.then(|| total(count, true))));
    }
    let wanted = Wanted::new(text);
    if wanted.is_everybody() && !text.is_empty() {
        let none = Page::cut(Vec::new(), limit, |_: &UserView| String::new());
        return Ok(none.counted(query.count.then(|| total(0, true))));
    }
    let counted = if query.count {
        Some(directory::count(&*ops.store, &account, &wanted).await?)
    } else {
        None
    };
    let after = after.as_deref();
    let found = directory::search(&*ops.store, &account, &wanted, after, limit + 1).await?;
    let page = Page::cut(found, limit, |(place, _)| URL_SAFE_NO_PAD.encode(place));
    let page = page.map(|(_, user)| UserView::from(user.value));
    Ok(page.counted(counted.map(|(count, exact)| total(count, exact))))
}

fn place(cursor: &str) -> Outcome<Vec<u8>> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .map_err(|_| not_a_cursor("`after` is the `next` of the page before"))
}

async fn by_email(
    ops: &Operations,
    account: &AccountId,
    text: &str,
) -> Outcome<Option<Versioned<User>>> {
    match email::normalize(text.trim()) {
        Ok(email) => Ok(directory::by_email(&*ops.store, account, &email).await?),
        Err(_) => Ok(None),
    }
}

/// Where the API has a user: the id only, for the audit log.
fn address(account: &AccountId, user: UserId) -> String {
    format!("/accounts/{account}/users/{user}")
}

/// A user by id or by email.
pub async fn find(
    ops: &Operations,
    caller: &Caller,
    access: Access,
    account: &str,
    user: &str,
) -> Outcome<(AccountId, Versioned<User>)> {
    let account = ops.account(caller, access, account).await?.value.id;
    let found = match user.parse() {
        Ok(id) => directory::get(&*ops.store, &account, id).await?,
        Err(_) => by_email(ops, &account, user).await?,
    };
    Ok((
        account,
        found.ok_or_else(|| OperationError::missing("user"))?,
    ))
}

/// A user.
pub async fn show(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    user: &str,
) -> Outcome<Found<UserView>> {
    let (_, found) = find(ops, caller, Access::Read, account, user).await?;
    Ok(Found::of(found, UserView::from))
}
