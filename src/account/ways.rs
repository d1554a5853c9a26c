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
    /// Whether who administers all accounts saw that the domain is the provider's.
    /// Without that it leads there once the account's people proved it by DNS.
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

    /// The domain of an email, where it has a provider that is switched on. Before it is
    /// verified, or proved by DNS, it leads nobody there. `email` is normalized.
    pub fn domain_of(&self, email: &str) -> Option<&EmailDomain> {
        let (_, domain) = email.rsplit_once('@')?;
        self.domains
            .iter()
            .find(|one| one.domain.eq_ignore_ascii_case(domain))
            .filter(|one| self.is_on(&one.provider))
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
        let found = |ways: &Ways, email: &str| {
            let found = ways.domain_of(email);
            found.map(|one| (one.provider.clone(), one.verified))
        };
        assert_eq!(found(&ways, "ada@acme.test"), Some((acme.clone(), true)));
        assert_eq!(found(&ways, "ada@mine.test"), Some((acme.clone(), false)));
        for other in ["ada@sub.acme.test", "ada@acme.test.evil.test", "acme.test"] {
            assert_eq!(found(&ways, other), None, "{other}");
        }
        ways.off.push(acme);
        assert_eq!(found(&ways, "ada@acme.test"), None);
    }
}
