//! Issuers, of which one provider may have one for each of its customers.

use serde_json::Value;

/// An issuer's identifier, perhaps with the name of a claim in braces:
/// `https://login.microsoftonline.com/{tenantid}/v2.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

impl Issuer {
    /// As a mapping writes it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the braces, in them, and behind them.
    fn parts(&self) -> Option<(&str, &str, &str)> {
        let (before, rest) = self.0.split_once('{')?;
        let (claim, after) = rest.split_once('}')?;
        (!claim.is_empty() && !after.contains(['{', '}'])).then_some((before, claim, after))
    }

    /// Whether it stands for many.
    pub fn is_template(&self) -> bool {
        self.parts().is_some()
    }

    /// One of those it stands for, for a check of its form.
    pub fn sample(&self) -> String {
        match self.parts() {
            Some((before, _, after)) => format!("{before}tenant{after}"),
            None => self.0.clone(),
        }
    }

    /// What stands in the braces' place in one of those it stands for.
    fn tenant<'i>(&self, issuer: &'i str) -> Option<&'i str> {
        let (before, _, after) = self.parts()?;
        let tenant = issuer.strip_prefix(before)?.strip_suffix(after)?;
        let segment = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let named = !tenant.is_empty() && tenant.len() <= 100 && tenant.chars().all(segment);
        (named && tenant.contains(|c: char| c.is_ascii_alphanumeric())).then_some(tenant)
    }

    /// Whether an answer without claims can be this issuer's, to the letter.
    pub fn may_be(&self, issuer: &str) -> bool {
        self.0 == issuer || self.tenant(issuer).is_some()
    }

    /// Whether the issuer of these claims is this one, or the one of those it
    /// stands for that the claim names.
    pub fn is(&self, issuer: &str, claims: &Value) -> bool {
        let Some((_, claim, _)) = self.parts() else {
            return self.0 == issuer;
        };
        let claim = if claim == "tenantid" { "tid" } else { claim };
        let named = claims.get(claim).and_then(Value::as_str);
        named.is_some() && named == self.tenant(issuer)
    }
}
