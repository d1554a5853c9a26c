//! An application as an account takes it: its own settings, and what the account
//! demands of every application ([`ApplicationPolicy`]). Of the two the stricter counts.

use std::borrow::Cow;
use std::time::Duration;

use super::Authority;
use super::application::{Application, Settings};
use super::scope;
use crate::account::ApplicationPolicy;
use crate::base::AccountId;
use crate::store::StoreError;

/// What resource servers of Virto Commerce read about a user.
const OF_PLATFORM: [&str; 3] = ["name", "email", "role"];

impl Authority {
    /// An application as an account takes it.
    pub(super) async fn at_account<'a>(
        &self,
        application: &'a Application,
        account: &AccountId,
    ) -> Result<Cow<'a, Application>, StoreError> {
        let found = self.accounts.get(account).await?;
        Ok(match found {
            Some(found) if !found.login.applications.is_default() => {
                let policy = &found.login.applications;
                Cow::Owned(application.under(policy, self.access_token_lifetime))
            }
            _ => Cow::Borrowed(application),
        })
    }
}

impl Application {
    /// `usual` is how long access tokens live where nobody says.
    fn under(&self, policy: &ApplicationPolicy, usual: Duration) -> Self {
        let mut application = self.clone();
        if let Some(scopes) = &policy.scopes {
            // Those of the admin API are about no people.
            let allowed = |one: &str| scope::is_admin(one) || scopes.iter().any(|own| own == one);
            application.scopes = self.scopes.only(allowed);
        }
        let settings = &mut application.settings;
        shorten(
            &mut settings.access_token_lifetime,
            policy.access_token_lifetime.as_ref(),
            Some(usual),
        );
        shorten(
            &mut settings.refresh_token_lifetime,
            policy.refresh_token_lifetime.as_ref(),
            None,
        );
        shorten(
            &mut settings.refresh_token_absolute_lifetime,
            policy.refresh_token_absolute_lifetime.as_ref(),
            None,
        );
        settings.require_pkce |= policy.require_pkce;
        settings.consent |= policy.consent;
        settings.reuse_refresh_tokens &= !policy.rotate_refresh_tokens;
        if let Some(claims) = &policy.claims {
            limit_claims(settings, claims);
        }
        application
    }
}

/// Makes a lifetime no longer than the account's; `usual` is what it is without a word.
fn shorten(own: &mut Option<String>, longest: Option<&String>, usual: Option<Duration>) {
    let Some(most) = Settings::lifetime(longest) else {
        return;
    };
    let lives = Settings::lifetime(own.as_ref()).or(usual);
    if lives.is_none_or(|lives| lives > most) {
        *own = longest.cloned();
    }
}

fn limit_claims(settings: &mut Settings, allowed: &[String]) {
    let common = |own: &[String]| -> Vec<String> {
        let own = own.iter().filter(|name| allowed.contains(name));
        own.cloned().collect()
    };
    for chosen in [&mut settings.id_token_claims, &mut settings.userinfo_claims] {
        *chosen = Some(match chosen {
            Some(own) => common(own),
            None => allowed.to_vec(),
        });
    }
    settings.access_token_claims = common(&settings.access_token_claims);
    let all = |name: &&str| allowed.iter().any(|allowed| allowed == name);
    settings.virto_claims &= OF_PLATFORM.iter().all(all);
}
