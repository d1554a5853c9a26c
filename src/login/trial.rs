//! A login with a draft: everything but a user and a session.
//!
//! A trial holds a mapping that need not be applied. Its link counts once and
//! can be opened anywhere, by the owner of the test account, say. The trace
//! comes back to whoever opened the trial.

mod run;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::info;

pub use self::run::{begin, ended, fail, run};
use super::Logins;
use super::error::{LoginError, Step};
use super::pending::{shaped, shaped_now};
use crate::base::{AccountId, Allowance, ProviderId, Spent, Timestamp};
use crate::document::Finding;
use crate::provider::Provider;
use crate::provider::file::ResponseMode;
use crate::provider::trace::{Exchange, MaskedMessage, SavedTrace};
use crate::store::{Keyspace, Precondition, Space, StoreError, Token};

static RECORDS: Space = Space::transient("trials").expiring().sealed();
static LINKS: Space = Space::transient("trial_links").expiring().sealed();

/// Trials by account.
const TRIALS: Keyspace<Trial> = Keyspace::new(&RECORDS);
/// What a trial's login begins with: leads to the trial's id.
const TRIAL_LINKS: Keyspace<String> = Keyspace::new(&LINKS);

pub(super) fn spaces() -> [&'static Space; 2] {
    [&RECORDS, &LINKS]
}

/// How long a trial waits for its login, and its trace for a reader.
pub const LIFETIME: Duration = Duration::from_secs(3600);

/// How many an account may open: each is kept for an hour, with its mapping and, once
/// somebody has logged in, with all that was said.
pub const OPENED: Allowance = Allowance {
    burst: 60,
    every: Duration::from_secs(30),
};

/// A trial as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    /// The mapping that is tried.
    pub source: String,
    /// The authorization request of its login, for its trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<String>,
    /// What came of it; `None` while nobody has logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<SavedTrace>,
}

/// A trial that waits for its login.
#[derive(Debug)]
pub struct OpenedTrial {
    /// What its trace is asked for by.
    pub id: Token,
    /// What its login begins with, once.
    pub link: Token,
    /// When both end.
    pub expires_at: Timestamp,
}

/// Why a trial can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The draft does not compile.
    #[error("the mapping does not compile")]
    Findings(Vec<Finding>),
    /// Its provider is switched off.
    #[error(
        "the provider `{0}` is switched off, so nobody can log in through it, also not to test it; switch it on first"
    )]
    Off(ProviderId),
    /// The account opens too many.
    #[error("too many test logins were opened; wait {} s and try again", .0.as_secs().max(1))]
    TooMany(Duration),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens a trial of a draft, which must compile.
pub async fn open(
    logins: &Logins,
    account: &AccountId,
    source: &str,
) -> Result<OpenedTrial, TrialError> {
    let provider = compile(logins, source).map_err(TrialError::Findings)?;
    let known = logins.accounts.get(account).await?;
    if known.is_some_and(|account| !account.login.ways.is_on(&provider.id)) {
        return Err(TrialError::Off(provider.id));
    }
    let opened = logins.shares.trials.take(account.clone(), logins.now());
    opened.map_err(|Spent(left)| TrialError::TooMany(left))?;
    let store = &*logins.store;
    let expires_at = logins.now().plus(LIFETIME);
    let (id, link) = (Token::new(expires_at), Token::new(expires_at));
    let trial = Trial {
        source: source.to_owned(),
        authorization: None,
        trace: None,
    };
    TRIALS
        .put_by(store, account.as_str(), &id, &trial, Precondition::Absent)
        .await?;
    TRIAL_LINKS
        .put_by(
            store,
            account.as_str(),
            &link,
            &id.as_str().to_owned(),
            Precondition::Absent,
        )
        .await?;
    Ok(OpenedTrial {
        id,
        link,
        expires_at,
    })
}

fn compile(logins: &Logins, source: &str) -> Result<Provider, Vec<Finding>> {
    logins.mappings.compile(source)
}

/// The draft of a trial, compiled; none of a provider that is switched off.
pub(super) async fn provider(
    logins: &Logins,
    account: &AccountId,
    id: &Token,
) -> Result<Arc<Provider>, LoginError> {
    let trial = find(logins, account, id)
        .await
        .map_err(Step::Callback.store())?
        .ok_or(LoginError::UnknownProvider)?;
    let provider =
        compile(logins, &trial.source).map_err(|findings| LoginError::misconfigured(&findings))?;
    // Switched off since the link was made (threat B1).
    if !logins.is_on(account, &provider.id, Step::Callback).await? {
        return Err(LoginError::UnknownProvider);
    }
    Ok(Arc::new(provider))
}

/// Reads a trial.
pub async fn find(
    logins: &Logins,
    account: &AccountId,
    id: &Token,
) -> Result<Option<Trial>, StoreError> {
    let found = TRIALS.get_by(&*logins.store, account.as_str(), id).await?;
    Ok(found.map(|trial| trial.value))
}

/// Where a trial of a provider's draft waits for an answer in the fragment.
fn fragment_key(provider: &ProviderId) -> String {
    format!("fragment {provider}")
}

/// Remembers that a trial waits for an answer in the fragment: the callback's address
/// alone must tell that then.
pub(super) async fn expects_fragment(
    logins: &Logins,
    account: &AccountId,
    provider: &ProviderId,
) -> Result<(), LoginError> {
    let key = shaped(&fragment_key(provider), logins.now().plus(logins.lifetime));
    let (store, account, nothing) = (&*logins.store, account.as_str(), String::new());
    TRIAL_LINKS
        .put_by(store, account, &key, &nothing, Precondition::Any)
        .await
        .map_err(Step::Start.store())?;
    Ok(())
}

/// Whether an answer at this provider's address may be in the fragment: the mapping
/// says so, or that of a trial does.
pub async fn fragment_expected(
    logins: &Logins,
    account: &AccountId,
    provider: &ProviderId,
) -> Result<bool, LoginError> {
    let mapped = logins.provider(account, provider, Step::Callback).await;
    let says = |provider: Arc<Provider>| {
        provider.authorization.response_mode == Some(ResponseMode::Fragment)
    };
    if mapped.is_ok_and(says) {
        return Ok(true);
    }
    let key = fragment_key(provider);
    for key in shaped_now(&key, logins.now(), logins.lifetime) {
        let found = TRIAL_LINKS.get_by(&*logins.store, account.as_str(), &key);
        if found.await.map_err(Step::Callback.store())?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Keeps the authorization request of a trial's login, which has begun.
pub(super) async fn begun(
    logins: &Logins,
    account: &AccountId,
    id: &Token,
    request: String,
) -> Result<(), StoreError> {
    let Some(trial) = find(logins, account, id).await? else {
        return Ok(());
    };
    let begun = Trial {
        authorization: Some(request),
        ..trial
    };
    let (store, account) = (&*logins.store, account.as_str());
    let put = TRIALS.put_by(store, account, id, &begun, Precondition::Any);
    put.await.map(drop)
}

/// A trace with what came before its first exchange, and the provider's documents.
fn with_the_beginning(
    logins: &Logins,
    account: &AccountId,
    trial: &Trial,
    mut trace: SavedTrace,
) -> SavedTrace {
    let provider = compile(logins, &trial.source).ok();
    let seen = provider.map(|provider| logins.directory.seen(account.as_str(), &provider));
    let (keys, discovery): (Vec<Exchange>, Vec<Exchange>) = seen
        .unwrap_or_default()
        .into_iter()
        .partition(|exchange| exchange.step == "jwks");
    let asked = trial.authorization.iter().map(|url| Exchange {
        step: "authorization".to_owned(),
        request: MaskedMessage {
            line: format!("GET {url}"),
            ..MaskedMessage::default()
        },
        status: None,
        response: None,
        elapsed_ms: 0,
        error: None,
    });
    let later = std::mem::take(&mut trace.exchanges);
    let (before, after): (Vec<Exchange>, Vec<Exchange>) = later
        .into_iter()
        .partition(|exchange| matches!(exchange.step.as_str(), "before" | "token"));
    trace.exchanges = discovery
        .into_iter()
        .chain(asked)
        .chain(before)
        .chain(keys)
        .chain(after)
        .collect();
    trace
}

/// Keeps what came of a trial.
pub(super) async fn keep(
    logins: &Logins,
    account: &AccountId,
    id: &Token,
    trace: SavedTrace,
) -> Result<(), StoreError> {
    let Some(trial) = find(logins, account, id).await? else {
        return Ok(());
    };
    let ok = trace.failure.is_none();
    let trace = with_the_beginning(logins, account, &trial, trace);
    let done = Trial {
        source: trial.source,
        authorization: trial.authorization,
        trace: Some(trace),
    };
    TRIALS
        .put_by(
            &*logins.store,
            account.as_str(),
            id,
            &done,
            Precondition::Any,
        )
        .await?;
    info!(target: "vestibule::login", account = %account, ok, "a trial is done; no user, no session");
    Ok(())
}
