//! What some application may use, for the metadata: that names exactly what is on.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Authority;
use super::application::{Applications, Grant, PushedRequests, ResponseAlg};
use crate::base::Timestamp;
use crate::store::StoreError;

/// How long what was found is believed where others write to the store too. The
/// metadata is cached for longer.
const LIFETIME: Duration = Duration::from_secs(5);
/// How many applications are read at once.
const PAGE: usize = 200;

/// What is off unless an application may use it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    /// Pushed authorization requests (RFC 9126).
    pub pushed_requests: bool,
    /// ID tokens under applications' secrets.
    pub hs256: bool,
    /// Grants that are off otherwise.
    pub grants: [bool; Grant::ALL.len()],
}

impl Features {
    /// Whether some application has this grant.
    pub fn has(&self, grant: Grant) -> bool {
        self.grants().any(|name| name == grant.as_str())
    }

    /// The grants of all applications, by name. Those that RFC 9700 advises against, or
    /// that are off otherwise, only where some application has them.
    pub fn grants(&self) -> impl Iterator<Item = &'static str> {
        let all = Grant::ALL.into_iter().zip(self.grants);
        let usual = |grant: Grant| !grant.is_special() && grant != Grant::Password;
        all.filter(move |(grant, some)| *some || usual(*grant))
            .map(|(grant, _)| grant.as_str())
    }
}

/// What was found lately.
#[derive(Debug, Default)]
pub struct KnownFeatures(Mutex<Option<(Features, Option<u64>, Timestamp)>>);

impl Authority {
    /// What some application may use.
    pub async fn features(&self) -> Result<Features, StoreError> {
        let revision = self.store.revision(Applications::space());
        let now = self.now();
        let known = *self.lock_features();
        if let Some((features, of, at)) = known
            && of == revision
            && (of.is_some() || now.since(at) < LIFETIME)
        {
            return Ok(features);
        }
        let mut features = Features::default();
        let mut after = None;
        loop {
            let page = Applications::page(&*self.store, None, after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.value.client_id.clone());
            for application in &page {
                let settings = &application.value.settings;
                features.pushed_requests |=
                    settings.pushed_authorization_requests != PushedRequests::Off;
                features.hs256 |=
                    application.value.id_token_signed_response_alg == Some(ResponseAlg::Hs256);
                for (some, grant) in features.grants.iter_mut().zip(Grant::ALL) {
                    *some |= application.value.allows(grant);
                }
            }
        }
        *self.lock_features() = Some((features, revision, now));
        Ok(features)
    }

    fn lock_features(
        &self,
    ) -> std::sync::MutexGuard<'_, Option<(Features, Option<u64>, Timestamp)>> {
        let known = &self.features.0;
        known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
