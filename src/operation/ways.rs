//! An account's ways to log in as they are: what is switched on, when each was last
//! used, and how sessions end that one began.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::{Access, Caller, Entry, Found, OperationError, Operations, Outcome, Page, Paging};
use crate::account::Account;
use crate::authority::grants::Beside;
use crate::authority::logout;
use crate::base::{AccountId, LoginMethod, ProviderId, Timestamp};
use crate::login::journal;
use crate::mail::MailError;
use crate::session;

/// How many sessions are read at once.
const STEP: usize = 500;

/// A way to log in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WayToLogIn")]
pub struct WayView {
    /// A provider's id, `access_key` or `password`.
    pub way: LoginMethod,
    /// A provider's name.
    pub name: Option<String>,
    /// Whether people may log in this way.
    pub on: bool,
    /// Why it does not work, or not for everybody, though it is on.
    pub problem: Option<String>,
    /// When somebody last logged in this way (RFC 3339), to the minute; `null`: never,
    /// or the broker keeps no log of logins.
    pub last_used_at: Option<String>,
}

/// The ways that an account has, in the order in which people see them. A provider
/// without a mapping is none.
pub async fn list(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    paging: &Paging,
) -> Outcome<Page<WayView>> {
    let found = all(ops, caller, id).await?;
    Page::of_all(found.value, paging, |way| way.way.to_string())
}

/// The same in one piece, with the account's version.
pub async fn all(ops: &Operations, caller: &Caller, id: &str) -> Outcome<Found<Vec<WayView>>> {
    let found = ops.account(caller, Access::Read, id).await?;
    if let Some(serving) = &ops.serving {
        serving.logins.journal.flush().await;
    }
    let mut ways = Vec::new();
    for (way, name) in of(ops, &found.value).await? {
        ways.push(view(ops, &found.value, way, name).await?);
    }
    Ok(Found::of(found, |_| ways))
}

/// Names of ways, and of their providers, in the account's order.
async fn of(ops: &Operations, account: &Account) -> Outcome<Vec<(LoginMethod, Option<String>)>> {
    let mut ways = vec![
        (LoginMethod::Password, None),
        (LoginMethod::AccessKey, None),
    ];
    for mapping in ops.mappings.list(&account.id).await? {
        let (provider, name) = (mapping.value.provider, mapping.value.name);
        ways.push((LoginMethod::Provider(provider), Some(name)));
    }
    account.login.ways.sort(&mut ways, |(way, _)| way.clone());
    Ok(ways)
}

async fn view(
    ops: &Operations,
    account: &Account,
    way: LoginMethod,
    name: Option<String>,
) -> Outcome<WayView> {
    let last = journal::last_use(&*ops.store, &account.id, &way).await?;
    let on = match &way {
        LoginMethod::AccessKey => account.access_key,
        LoginMethod::Password => account.login.password,
        LoginMethod::Provider(id) => account.login.ways.is_on(id),
    };
    let problem = match &way {
        LoginMethod::AccessKey if on && !ops.sends_mail => {
            Some(MailError::NotConfigured.to_string())
        }
        LoginMethod::Password if on && !ops.sends_mail => Some(
            "nobody can choose a password or replace a forgotten one: that takes a code by mail, and `[mail]` is not configured".to_owned(),
        ),
        LoginMethod::Provider(id) if on => mapping_problem(ops, &account.id, id).await?,
        _ => None,
    };
    Ok(WayView {
        way,
        name,
        on,
        problem,
        last_used_at: last.map(Timestamp::rfc3339),
    })
}

async fn mapping_problem(
    ops: &Operations,
    account: &AccountId,
    id: &ProviderId,
) -> Outcome<Option<String>> {
    let compiled = ops.mappings.provider(account, id).await?;
    let broken = compiled.is_some_and(|compiled| compiled.is_err());
    let why = "its mapping does not compile any more; its page says why";
    Ok(broken.then(|| why.to_owned()))
}

/// How many sessions ended.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "EndedSessions")]
pub struct Ended {
    /// How many.
    pub sessions: usize,
}

/// Ends all sessions that were begun by a way, with what applications were granted in
/// them; those are told. It can be done again where a crash came between.
pub async fn end_sessions(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    way: &str,
) -> Outcome<Ended> {
    let account = ops.account(caller, Access::Write, id).await?.value.id;
    let missing = |_| OperationError::missing("way to log in");
    let way = way.parse::<LoginMethod>().map_err(missing)?;
    let entry = Entry::new(
        "session.end_way",
        format!("/accounts/{account}/ways/{way}/sessions"),
    )
    .of(Some(&account))
    .after(&json!({ "way": way }));
    // With the first that ends: what a crash leaves undone was meant, and is seen to be.
    let entry = Beside::new(vec![ops.note(caller, entry)?]);
    let ending = ops.ending().with(&entry);
    let mut ended = Ended::default();
    let mut after = None;
    loop {
        let found = session::page(&*ops.store, &account, after, STEP).await?;
        let Some((last, _)) = found.last() else {
            break;
        };
        after = Some(last.id().to_vec());
        for (key, session) in &found {
            if session.value.method != way {
                continue;
            }
            logout::end_session(&ending, &account, &session.value).await?;
            let (store, beside) = (&*ops.store, entry.rest());
            let was_there = session::revoke_id(store, &account, key.id(), beside).await?;
            ended.sessions += usize::from(was_there);
        }
    }
    let rest = entry.rest();
    if !rest.is_empty() {
        ops.store.commit(rest).await?;
    }
    Ok(ended)
}
