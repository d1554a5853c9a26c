//! What is checked of the ways to log in.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::{Access, Caller, OperationError, Outcome};
use crate::account::EmailDomain;
use crate::base::{ErrorCode, LoginMethod, ProviderId};
use crate::provider::email;

/// The most names of a list.
const MOST: usize = 200;

/// A domain of emails and the provider of its people.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DomainInput {
    /// The domain, as in `acme.test`; domains below it are others.
    pub domain: String,
    /// The provider.
    #[schemars(with = "ProviderId")]
    pub provider: String,
    /// Whether the domain was seen to be the provider's; not unless given. It takes who
    /// administers all accounts to say so.
    #[serde(default)]
    pub verified: bool,
}

fn invalid(field: &'static str, why: impl ToString) -> OperationError {
    OperationError::invalid(ErrorCode::AccountWays, field, why)
}

fn names<T: std::str::FromStr<Err: ToString> + PartialEq>(
    field: &'static str,
    names: &[String],
) -> Outcome<Vec<T>> {
    if names.len() > MOST {
        return Err(invalid(field, "this list has at most 200 names"));
    }
    let mut read = Vec::with_capacity(names.len());
    for name in names {
        let one = name.trim().parse().map_err(|why| invalid(field, why))?;
        if read.contains(&one) {
            return Err(invalid(field, format!("`{name}` is in the list twice")));
        }
        read.push(one);
    }
    Ok(read)
}

/// The order of the ways to log in.
pub(super) fn order(list: &[String]) -> Outcome<Vec<LoginMethod>> {
    names("login_order", list)
}

/// The providers that are switched off.
pub(super) fn off(list: &[String]) -> Outcome<Vec<ProviderId>> {
    names("providers_off", list)
}

/// A domain of emails as emails of it are compared; `None` if none can have it.
pub fn domain_name(domain: &str) -> Option<String> {
    let domain = domain.trim();
    let whole = email::normalize(&format!("a@{domain}")).ok();
    let whole = whole.filter(|_| !domain.contains('@'))?;
    let key = email::key(&whole);
    key.rsplit_once('@').map(|(_, name)| name.to_owned())
}

/// The domains of emails.
pub(super) fn domains(list: Vec<DomainInput>) -> Outcome<Vec<EmailDomain>> {
    let wrong = |why: String| invalid("email_domains", why);
    if list.len() > MOST {
        return Err(wrong("an account has at most 200 domains of emails".into()));
    }
    let mut read: Vec<EmailDomain> = Vec::with_capacity(list.len());
    for one in list {
        let DomainInput {
            domain,
            provider,
            verified,
        } = one;
        let Some(name) = domain_name(&domain) else {
            return Err(wrong(format!(
                "`{domain}` is not a domain of emails; it is written as in `acme.test`"
            )));
        };
        if read.iter().any(|other| other.domain == name) {
            return Err(wrong(format!("`{name}` is in the list twice")));
        }
        let provider = provider.trim().parse();
        read.push(EmailDomain {
            domain: name,
            provider: provider.map_err(|why: crate::base::BadId| wrong(why.to_string()))?,
            verified,
        });
    }
    Ok(read)
}

/// It takes who administers all accounts to say that a domain is verified: an
/// account's own operators could name any.
pub(super) fn check_verified(
    caller: &Caller,
    before: &[EmailDomain],
    wanted: &[EmailDomain],
) -> Outcome<()> {
    let new = wanted
        .iter()
        .any(|domain| domain.verified && !before.contains(domain));
    if new && caller.check_broker(Access::Write).is_err() {
        return Err(OperationError::forbidden(
            "it takes who administers all accounts to say that a domain of emails is verified",
        )
        .at("email_domains"));
    }
    Ok(())
}
