//! A login with a draft: everything but a user and a session.
//!
//! A trial holds a mapping that need not be applied. Its link counts once and
//! can be opened anywhere, by the owner of the test account, say. The trace
//! comes back to whoever opened the trial.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::info;

use super::callback::{VerifiedCallback, misconfigured};
use super::error::{LoginError, Step};
use super::exchange::exchange;
use super::pending::{Browser, TRIAL_LINKS, TRIALS};
use super::start::{StartRequest, Started, start};
use super::userinfo::fetch;
use super::{Logins, ReturnTo};
use crate::account::{Account, StoreFront};
use crate::base::{AccountId, Timestamp};
use crate::document::Finding;
use crate::provider::Provider;
use crate::provider::request::Demands;
use crate::provider::trace::{Failure, SavedTrace, Trace};
use crate::store::{Precondition, StoreError, Token};

/// How long a trial waits for its login, and its trace for a reader.
pub const LIFETIME: Duration = Duration::from_secs(3600);

/// A trial as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Trial {
    /// The mapping that is tried.
    pub source: String,
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
    compile(logins, source).map_err(TrialError::Findings)?;
    let store = &*logins.store;
    let expires_at = logins.now().plus(LIFETIME);
    let (id, link) = (Token::new(expires_at), Token::new(expires_at));
    let trial = Trial {
        source: source.to_owned(),
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

/// Begins the login of a trial; its link counts once.
pub async fn begin(
    logins: &Logins,
    account: &Account,
    store: &StoreFront,
    link: &str,
) -> Result<Started, LoginError> {
    let unknown = LoginError::TicketInvalid;
    let Some(link) = Token::parse(link) else {
        return Err(unknown);
    };
    let id = TRIAL_LINKS
        .take_by(&*logins.store, account.id.as_str(), &link)
        .await
        .map_err(Step::Start.store())?
        .and_then(|id| Token::parse(&id))
        .ok_or(unknown)?;
    let provider = provider(logins, &account.id, &id).await?;
    let (return_to, _) =
        ReturnTo::parse(None, account, store).map_err(|_| LoginError::UnknownProvider)?;
    let request = StartRequest {
        account,
        store,
        provider: &provider,
        return_to,
        browser: &Browser::new(),
        login_hint: None,
        demands: &Demands::default(),
        trial: Some(&id),
        console: false,
    };
    start(logins, request).await
}

/// The draft of a trial, compiled.
pub(super) async fn provider(
    logins: &Logins,
    account: &AccountId,
    id: &Token,
) -> Result<Arc<Provider>, LoginError> {
    let trial = find(logins, account, id)
        .await
        .map_err(Step::Callback.store())?
        .ok_or(LoginError::UnknownProvider)?;
    compile(logins, &trial.source)
        .map(Arc::new)
        .map_err(|findings| misconfigured(&findings))
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

/// Runs the steps of a trial up to the profile, and keeps the trace.
pub async fn run(
    logins: &Logins,
    id: &Token,
    verified: VerifiedCallback,
) -> Result<SavedTrace, StoreError> {
    let account = verified.login.account.id.clone();
    let provider = verified.login.provider.id.to_string();
    let mut trace = Trace::on();
    let steps = async {
        let token = exchange(logins, verified, &mut trace).await?;
        fetch(logins, token, &mut trace).await
    };
    let outcome = steps.await;
    let (identity, failure) = match outcome {
        Ok(identified) => (Some(identified.profile), None),
        Err(error) => (None, Some(failure(&error))),
    };
    let saved = trace.save(provider, logins.now(), identity, failure);
    keep(logins, &account, id, saved.clone()).await?;
    Ok(saved)
}

/// Keeps that a trial ended before its code could be exchanged.
pub async fn fail(
    logins: &Logins,
    account: &AccountId,
    id: &Token,
    error: &LoginError,
) -> Result<(), StoreError> {
    let saved = Trace::on().save(String::new(), logins.now(), None, Some(failure(error)));
    keep(logins, account, id, saved).await
}

fn failure(error: &LoginError) -> Failure {
    Failure {
        step: error.step().name().to_owned(),
        code: error.code().to_string(),
        message: error.to_string(),
    }
}

async fn keep(
    logins: &Logins,
    account: &AccountId,
    id: &Token,
    trace: SavedTrace,
) -> Result<(), StoreError> {
    let Some(trial) = find(logins, account, id).await? else {
        return Ok(());
    };
    let ok = trace.failure.is_none();
    let done = Trial {
        source: trial.source,
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
