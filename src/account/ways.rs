//! The ways to log in that an account offers: in which order, which of its providers
//! are switched off, and whose addresses go straight to a provider.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{LoginMethod, ProviderId};

/// What an account chose for the page on which people log in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ways {
    /// The order of the ways; those that are not named come after.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<LoginMethod>,
    /// Providers that nobody logs in through now. Their mappings stay.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub off: Vec<ProviderId>,
    /// Whether the email is asked for before the ways are shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub email_first: bool,
    /// Domains of emails whose people log in through a provider of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<EmailDomain>,
}

/// A domain of emails and the provider of its people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmailDomain {
    /// The domain, as in `acme.test`; domains below it are others.
    pub domain: String,
    /// The provider.
    pub provider: ProviderId,
    /// Whether who administers all accounts saw that the domain is the provider's;
    /// before, it leads nobody there.
    #[serde(default)]
    pub verified: bool,
}

impl Ways {
    /// Whether nothing was chosen.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether people may log in through a provider, if there is a mapping for it.
    pub fn is_on(&self, provider: &ProviderId) -> bool {
        !self.off.contains(provider)
    }

    /// Puts ways into the order that was chosen; those it does not name stay as they
    /// are, after the others.
    pub fn sort<T>(&self, ways: &mut [T], method: impl Fn(&T) -> LoginMethod) {
        ways.sort_by_cached_key(|way| {
            let method = method(way);
            let place = self.order.iter().position(|named| *named == method);
            place.unwrap_or(self.order.len())
        });
    }

    /// The provider to which an email leads: that of its domain, if the domain is
    /// verified and the provider switched on. `email` is normalized.
    pub fn provider_of(&self, email: &str) -> Option<&ProviderId> {
        let (_, domain) = email.rsplit_once('@')?;
        self.domains
            .iter()
            .find(|one| one.verified && one.domain.eq_ignore_ascii_case(domain))
            .map(|one| &one.provider)
            .filter(|provider| self.is_on(provider))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_leads_to_its_provider_alone() {
        let acme: ProviderId = "acme".parse().unwrap();
        let domain = |name: &str, verified| EmailDomain {
            domain: name.to_owned(),
            provider: acme.clone(),
            verified,
        };
        let mut ways = Ways {
            domains: vec![domain("acme.test", true), domain("mine.test", false)],
            ..Ways::default()
        };
        assert_eq!(ways.provider_of("ada@acme.test"), Some(&acme));
        for other in [
            "ada@mine.test",
            "ada@sub.acme.test",
            "ada@acme.test.evil.test",
            "acme.test",
        ] {
            assert_eq!(ways.provider_of(other), None, "{other}");
        }
        ways.off.push(acme);
        assert_eq!(ways.provider_of("ada@acme.test"), None);
    }
}
