//! At which of our addresses a provider's answer came.
//!
//! A provider sends browsers to the redirect URIs that are registered with it,
//! so the address tells which provider it was, whatever the browser was made to
//! ask for. A state counts at the address of its own login and at no other: else
//! a code of one provider is posted to another one's token endpoint (RFC 9700
//! §4.4, attack F21).

use super::pending::PendingLogin;
use crate::base::{AccountId, ProviderId};
use crate::provider::redirect::CountsAt;

/// An address of ours that answers come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// `callback`: the one for all accounts.
    Shared,
    /// `accounts/{account}/callback`: through a store's web server.
    Account(AccountId),
    /// `callback/{account}/{provider}`, or through a store's web server.
    Provider(AccountId, ProviderId),
}

impl Arrival {
    /// The account whose address it is.
    pub fn account(&self) -> Option<&AccountId> {
        match self {
            Self::Shared => None,
            Self::Account(account) | Self::Provider(account, _) => Some(account),
        }
    }

    /// Why a login's answer does not count here; `None` if it does.
    pub(super) fn refuses(&self, login: &PendingLogin) -> Option<&'static str> {
        match self {
            Self::Account(account) | Self::Provider(account, _) if *account != login.account => {
                Some("belongs to another account")
            }
            Self::Provider(_, provider) if *provider != login.provider => {
                Some("belongs to another provider")
            }
            Self::Provider(..) => refused_unless(matches!(
                login.counts_at,
                CountsAt::Provider | CountsAt::Account
            )),
            Self::Account(_) => refused_unless(matches!(
                login.counts_at,
                CountsAt::Account | CountsAt::Before
            )),
            Self::Shared => refused_unless(matches!(
                login.counts_at,
                CountsAt::Shared | CountsAt::Before
            )),
        }
    }
}

fn refused_unless(here: bool) -> Option<&'static str> {
    (!here).then_some("came at another address than its login's redirect URI")
}
