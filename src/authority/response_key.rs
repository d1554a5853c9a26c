//! What ID tokens and logout tokens are signed with (OpenID Connect Core §10.1,
//! Dynamic Client Registration §2).

use serde::Serialize;

use super::Authority;
use super::application::{Application, ResponseAlg};
use crate::base::AccountId;
use crate::key::{Algorithm, KeyError, Keyring, SharedKey};
use crate::store::StoreError;

/// A key for what an application is told about logins.
#[derive(Debug, Clone, Copy)]
pub(super) enum ResponseKey<'a> {
    /// One of the broker's; `None`: the default one.
    Own(Option<Algorithm>),
    /// The application's secret.
    Shared(SharedKey<'a>),
}

impl ResponseKey<'_> {
    /// Signs a token.
    pub async fn sign(
        &self,
        keys: &Keyring,
        typ: &str,
        claims: &(impl Serialize + Sync),
    ) -> Result<String, KeyError> {
        match self {
            Self::Own(wanted) => keys.sign(*wanted, typ, claims).await,
            Self::Shared(key) => key.sign(typ, claims),
        }
    }
}

impl Authority {
    /// The keys for an application: what it wants, else what the account does. Several
    /// are secrets while two count, the one by which it proved itself in front.
    pub(super) async fn response_keys<'a>(
        &self,
        application: &'a Application,
        account: &AccountId,
    ) -> Result<Vec<ResponseKey<'a>>, StoreError> {
        let own = match application.id_token_signed_response_alg {
            Some(ResponseAlg::Hs256) => {
                let secrets = application.plain_secrets(self.now());
                let keys = secrets.map(|secret| ResponseKey::Shared(SharedKey::new(secret)));
                return Ok(keys.collect());
            }
            Some(wanted) => wanted.of_key(),
            None => self.signing_alg(account).await?,
        };
        Ok(vec![ResponseKey::Own(own)])
    }
}
