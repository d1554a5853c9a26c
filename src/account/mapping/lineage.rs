//! Whom a mapping's user ids mean, where another server had its id before.
//!
//! A user is linked by the provider's id and their id there. A mapping that talks
//! to another server would make its user `1` the user `1` of the server before
//! (threat F5). So each server that an id stands for has a lineage, which is part
//! of its users' links.

use super::apply::{ApplyError, Consent, People, Question};
use super::{Mapping, Mappings};
use crate::account::directory;
use crate::base::AccountId;
use crate::provider::Provider;
use crate::provider::hosts::has_open_host;
use crate::provider::model::ProfileSource;

/// Versions that are looked through for the server that a mapping goes back to.
const VERSIONS: usize = 200;

impl Mappings {
    /// The lineage of a mapping that is about to be applied.
    ///
    /// # Errors
    /// [`Question::People`] where the one it follows has users, its server is
    /// another one, and nobody said whom the ids mean there.
    pub(super) async fn lineage(
        &self,
        account: &AccountId,
        provider: &Provider,
        current: Option<&Mapping>,
        last: Option<&Mapping>,
        consent: Consent,
    ) -> Result<u64, ApplyError> {
        // A removed mapping left its users' links behind.
        let Some(before) = current.or(last) else {
            return Ok(0);
        };
        let to = server(provider);
        let from = self.server_of(account, before);
        if from == to {
            return Ok(before.lineage);
        }
        let known = directory::has_links(&*self.store, account, &provider.id, before.lineage);
        if !known.await? {
            return Ok(before.lineage);
        }
        match consent.people {
            Some(People::Same) => return Ok(before.lineage),
            None if current.is_some() => {
                return Err(ApplyError::Asks(Question::People {
                    from: from.unwrap_or_else(|| "the server before".to_owned()),
                    to: to.unwrap_or_else(|| "another server".to_owned()),
                }));
            }
            Some(People::Others) | None => {}
        }
        let versions = self.history(account, &provider.id, None, VERSIONS).await?;
        let same = versions
            .iter()
            .find(|version| self.server_of(account, version) == to);
        Ok(match same {
            // Back to a server from before, whose users are still linked to it.
            Some(version) if version.lineage != before.lineage => version.lineage,
            _ => versions.iter().map(|v| v.lineage).max().unwrap_or_default() + 1,
        })
    }

    fn server_of(&self, account: &AccountId, mapping: &Mapping) -> Option<String> {
        server(&self.applied(account, mapping).ok()?)
    }
}

/// What tells one server's users from another's: the issuer where ID tokens name
/// it, else the token endpoint and whose host tells the user's id. A path of the
/// same host is another page about the same people.
fn server(provider: &Provider) -> Option<String> {
    let plain = |url: &str| url.split(['?', '#']).next().unwrap_or_default().to_owned();
    // Where the host is filled in, the hosts that it may be.
    let hosts = provider.hosts.to_string();
    let token = || match (&provider.token.url, &provider.token.open_url) {
        (Some(url), _) => Some(plain(url.as_str())),
        (None, Some(open)) => Some(format!("{} at {hosts}", plain(open.source()))),
        (None, None) => None,
    };
    let issuer = || Some(provider.issuer.as_ref()?.as_str().to_owned());
    let asked = || {
        let (token, userinfo) = (token()?, provider.userinfo.request.url.as_ref()?);
        if has_open_host(userinfo) {
            let url = plain(userinfo.source());
            return Some(format!("{token} with {url} at {hosts}"));
        }
        let (scheme, rest) = userinfo.source().split_once("://")?;
        let host = rest.split(['/', '?', '#']).next()?;
        Some(format!("{token} with {scheme}://{host}"))
    };
    match provider.userinfo.source {
        ProfileSource::Request => asked().or_else(issuer),
        ProfileSource::TokenResponse => token().or_else(issuer),
        ProfileSource::IdToken | ProfileSource::IdTokenAndRequest | ProfileSource::AccessToken => {
            issuer().or_else(token)
        }
    }
}
