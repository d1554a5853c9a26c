//! A second mapping beside the live one: asked on real logins, its result never used.
//!
//! The shadow gets the same access token and reads the profile its own way. How
//! many users would become someone else is counted; nothing else happens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::Logins;
use super::exchange::TokenResponse;
use super::userinfo::fetch;
use crate::base::{AccountId, ErrorCode, ProviderId};
use crate::provider::extract::Profile;
use crate::provider::trace::Trace;
use crate::store::{Keyspace, Precondition, Space, Store, StoreError};

static REPORTS: Space = Space::durable("shadow_reports");

pub(super) fn space() -> &'static Space {
    &REPORTS
}

const SPACE: Keyspace<Report> = Keyspace::new(&REPORTS);

/// What a shadow would have changed so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Logins it was asked about.
    pub logins: u64,
    /// It said the same as the live mapping.
    pub same: u64,
    /// Users who would have another id at the provider: they would be looked for by email.
    pub user_id_changes: u64,
    /// Users who would have another email.
    pub email_changes: u64,
    /// Logins that would have failed, by stable code.
    pub failures: BTreeMap<String, u64>,
}

impl Report {
    fn count(&mut self, live: &Profile, shadow: Result<&Profile, ErrorCode>) {
        self.logins += 1;
        match shadow {
            Err(code) => *self.failures.entry(code.to_string()).or_default() += 1,
            Ok(shadow) => {
                self.user_id_changes += u64::from(shadow.user_id != live.user_id);
                self.email_changes += u64::from(shadow.email != live.email);
                self.same += u64::from(shadow == live);
            }
        }
    }
}

/// Asks the shadow of a login, and counts what it says.
pub async fn compare(logins: &Logins, token: TokenResponse, live: Profile) {
    let account = token.login().account().clone();
    let provider = token.login().provider().id.clone();
    // With a trace, so that its answers don't count as the live mapping's drift.
    let outcome = fetch(logins, token, &mut Trace::on()).await;
    let counted = match &outcome {
        Ok(identified) => Ok(identified.profile()),
        Err(error) => Err(error.code()),
    };
    if let Err(error) = count(&*logins.store, &account, &provider, &live, counted).await {
        warn!(account = %account, provider = %provider, why = %error, "a shadow's answer was not counted");
    }
}

async fn count(
    store: &dyn Store,
    account: &AccountId,
    provider: &ProviderId,
    live: &Profile,
    shadow: Result<&Profile, ErrorCode>,
) -> Result<(), StoreError> {
    let id = provider.as_str().as_bytes();
    loop {
        let found = SPACE.get(store, account.as_str(), id).await?;
        let when = found.as_ref().map_or(Precondition::Absent, |found| {
            Precondition::Version(found.version)
        });
        let mut report = found.map(|found| found.value).unwrap_or_default();
        report.count(live, shadow);
        match SPACE.put(store, account.as_str(), id, &report, when).await {
            Err(StoreError::Conflict) => {}
            other => return other.map(|_| ()),
        }
    }
}

/// What a shadow would have changed so far.
pub async fn report(
    store: &dyn Store,
    account: &AccountId,
    provider: &ProviderId,
) -> Result<Report, StoreError> {
    let found = SPACE
        .get(store, account.as_str(), provider.as_str().as_bytes())
        .await?;
    Ok(found.map(|report| report.value).unwrap_or_default())
}

/// Begins to count anew.
pub async fn reset(
    store: &dyn Store,
    account: &AccountId,
    provider: &ProviderId,
) -> Result<(), StoreError> {
    let id = provider.as_str().as_bytes();
    SPACE
        .delete(store, account.as_str(), id, Precondition::Any)
        .await
        .map(|_| ())
}
