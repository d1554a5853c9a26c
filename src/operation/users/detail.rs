//! All that is known of one user, for who looks at them and for an export; and the
//! sessions of an account.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{UserView, address, find};
use crate::account::credential;
use crate::audit;
use crate::authority::ClientId;
use crate::authority::consent::{self, Consent};
use crate::authority::grants::{self, Living, Which};
use crate::base::{AccountId, LoginMethod, Timestamp, UserId};
use crate::login::journal::{self, LoginEntry};
use crate::operation::page::not_a_cursor;
use crate::operation::{Access, Caller, Found, Operations, Outcome, Page, limit};
use crate::session::{self, Session};
use crate::store::{Key, Versioned};

/// The most of each kind that an export has.
const MOST: usize = 1_000;
/// The most entries of the audit log that are shown of one user.
const MOST_HISTORY: usize = 50;

/// A session of a storefront.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub struct SessionView {
    /// Names it here; it is not the cookie's value.
    pub id: String,
    /// Whose.
    pub user: UserId,
    /// Their email, as they logged in.
    pub email: String,
    /// How they logged in.
    pub provider: LoginMethod,
    /// Browser and system, as the browser said: `Firefox, Windows`.
    pub device: Option<String>,
    /// Where it began: the network of the address, unless configured otherwise.
    pub address: Option<String>,
    /// When it began (RFC 3339).
    pub created_at: String,
    /// When it was last used, about (RFC 3339).
    pub seen_at: String,
    /// When it ends (RFC 3339).
    pub expires_at: String,
}

impl From<(Key, Versioned<Session>)> for SessionView {
    fn from((key, session): (Key, Versioned<Session>)) -> Self {
        let session = session.value;
        Self {
            id: URL_SAFE_NO_PAD.encode(key.id()),
            user: session.user,
            email: session.email,
            provider: session.method,
            device: session.device,
            address: session.address,
            created_at: session.created_at.rfc3339(),
            seen_at: session.seen_at.rfc3339(),
            expires_at: session.expires_at.rfc3339(),
        }
    }
}

/// Which sessions of an account.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionQuery {
    /// Only those of this user, by id or email.
    pub user: Option<String>,
    /// The `next` of the page before.
    pub after: Option<String>,
    /// How many at most; 100 unless given.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<usize>,
}

/// A page of an account's sessions, those that end first in front.
pub async fn sessions(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    query: SessionQuery,
) -> Outcome<Page<SessionView>> {
    let id = ops.account(caller, Access::Read, account).await?.value.id;
    let limit = limit(query.limit)?;
    let after = query.after.as_deref().map(place).transpose()?;
    let found = match &query.user {
        Some(user) => {
            let user = find(ops, caller, Access::Read, account, user).await?.1;
            session::page_of(&*ops.store, &id, user.value.id, after, limit + 1).await?
        }
        None => session::page(&*ops.store, &id, after, limit + 1).await?,
    };
    let page = Page::cut(found, limit, |(key, _)| URL_SAFE_NO_PAD.encode(key.id()));
    Ok(page.map(SessionView::from))
}

fn place(cursor: &str) -> Outcome<Vec<u8>> {
    let place = URL_SAFE_NO_PAD.decode(cursor).ok();
    place
        .filter(|id| id.len() == 40)
        .ok_or_else(|| not_a_cursor("this is not the id of a session"))
}

/// What a user granted to an application.
#[derive(Debug, Serialize, JsonSchema)]
pub struct GrantSummary {
    /// Names it; `null` for one of an earlier version that was not used since.
    pub id: Option<String>,
    /// The application's client id.
    pub application: ClientId,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was granted (RFC 3339); `null` for one of an earlier version.
    pub granted_at: Option<String>,
    /// When its last token ends, unless it is refreshed (RFC 3339).
    pub expires_at: String,
}

impl From<Living> for GrantSummary {
    fn from(living: Living) -> Self {
        Self {
            id: living.grant_id,
            application: living.granted.client_id,
            scopes: living.granted.scopes.iter().map(str::to_owned).collect(),
            granted_at: living.granted.granted_at.map(Timestamp::rfc3339),
            expires_at: living.expires_at.rfc3339(),
        }
    }
}

/// What a user allowed an application.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConsentSummary {
    /// The application's client id.
    pub application: ClientId,
    /// What it may ask for without a question.
    pub scopes: Vec<String>,
    /// When they last said so (RFC 3339).
    pub given_at: String,
}

impl From<Consent> for ConsentSummary {
    fn from(consent: Consent) -> Self {
        Self {
            application: consent.client_id,
            scopes: consent.scopes.iter().map(str::to_owned).collect(),
            given_at: consent.given_at.rfc3339(),
        }
    }
}

/// All that is kept of a user.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UserExport")]
pub struct UserDetail {
    /// The record.
    pub user: UserView,
    /// What else their provider said of them at the last login.
    pub claims: Map<String, Value>,
    /// Whether they have a password, for applications with the grant `password`.
    pub has_password: bool,
    /// Their sessions, those that end first in front.
    pub sessions: Vec<SessionView>,
    /// What they granted to applications, while a token of it lives.
    pub grants: Vec<GrantSummary>,
    /// What they allowed applications that have to ask.
    pub consents: Vec<ConsentSummary>,
    /// Their logins, the newest first, as far as the log of logins has them.
    pub logins: Vec<LoginEntry>,
    /// What administrators did to them lately, the newest first.
    pub history: Vec<audit::Entry>,
}

/// All that is kept of a user.
pub async fn detail(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    user: &str,
) -> Outcome<Found<UserDetail>> {
    let (account, found) = find(ops, caller, Access::Read, account, user).await?;
    let id = found.value.id;
    let store = &*ops.store;
    let sessions = session::page_of(store, &account, id, None, MOST).await?;
    let which = Which {
        account: &account,
        user: Some(id),
        application: None,
    };
    let granted = grants::page(store, &which, None, MOST, ops.clock.now()).await?;
    let consents = consent::page(store, &account, Some(id), None, MOST).await?;
    let claims = found.value.more.clone();
    let has_password = credential::find(store, &account, id).await?.is_some();
    if let Some(serving) = &ops.serving {
        serving.logins.journal.flush().await;
    }
    let logins = journal::of_user(store, &account, id, MOST).await?;
    let history = history(ops, &account, id).await?;
    Ok(Found::of(found, |user| UserDetail {
        user: user.into(),
        claims,
        has_password,
        sessions: sessions.into_iter().map(SessionView::from).collect(),
        grants: granted.into_iter().map(GrantSummary::from).collect(),
        consents: consents
            .into_iter()
            .map(|(_, consent)| consent.into())
            .collect(),
        logins,
        history,
    }))
}

async fn history(
    ops: &Operations,
    account: &AccountId,
    user: UserId,
) -> Outcome<Vec<audit::Entry>> {
    let own = address(account, user);
    let about = |entry: &audit::Entry| {
        let rest = entry.target.strip_prefix(own.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let now = ops.clock.now();
    let wanted = audit::Wanted {
        accounts: Some(vec![account.to_string()]),
        ..audit::Wanted::default()
    };
    let store = &*ops.store;
    let found = audit::newest_of(store, &wanted, about, None, MOST_HISTORY, now).await?;
    Ok(found.entries)
}
