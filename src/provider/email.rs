//! Email addresses, strictly: one `@`, no quoting, no comments, no lists.
//!
//! An address identifies a user, so two readers must never disagree about whose
//! it is. What RFC 5321 allows beyond a dot-atom is refused rather than guessed at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Host;

/// Why a text is refused as an email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEmail {
    /// Not one local part and one domain.
    #[error("an email has exactly one `@` with something on both sides")]
    Parts,
    /// Longer than RFC 5321 §4.5.3.1 allows.
    #[error("an email has at most 254 characters, 64 of them before the `@`")]
    TooLong,
    /// Something in the local part.
    #[error(
        "the part before the `@` is not a plain one (letters, digits, dots and !#$%&'*+/=?^_`{{|}}~-)"
    )]
    Local,
    /// Something in the domain.
    #[error("the part after the `@` is not a domain name")]
    Domain,
}

/// Which addresses count as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EmailForm {
    /// Those of RFC 5321 that need no quotes.
    #[default]
    Standard,
    /// Also those that mobile carriers gave out against it, with dots beside each other or next to the `@`.
    Carrier,
}

/// Checks an address and gives it with its domain in lower case.
///
/// # Errors
/// What is wrong with it.
pub fn normalize(text: &str) -> Result<String, BadEmail> {
    normalize_as(EmailForm::Standard, text)
}

/// [`normalize`], for addresses of this form.
///
/// # Errors
/// What is wrong with it.
pub fn normalize_as(form: EmailForm, text: &str) -> Result<String, BadEmail> {
    let (local, domain) = text.split_once('@').ok_or(BadEmail::Parts)?;
    if local.is_empty() || domain.is_empty() || domain.contains('@') {
        return Err(BadEmail::Parts);
    }
    if text.len() > 254 || local.len() > 64 {
        return Err(BadEmail::TooLong);
    }
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(c);
    if !local
        .split('.')
        .all(|part| (form == EmailForm::Carrier || !part.is_empty()) && part.chars().all(atom))
        || !local.contains(atom)
    {
        return Err(BadEmail::Local);
    }
    // As written, without what a URL's host may have besides: escapes, and letters
    // that only look like others and would be mapped to them.
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.');
    // One that is read as an ASCII letter, as a full-width one is, beside others too.
    let stands_for_ascii = |c: char| {
        let alone = || Host::parse(&format!("{c}.test"));
        !c.is_ascii() && matches!(alone(), Ok(Host::Domain(host)) if !host.starts_with("xn--"))
    };
    if !domain.chars().all(plain) || domain.chars().any(stands_for_ascii) {
        return Err(BadEmail::Domain);
    }
    let Ok(Host::Domain(host)) = Host::parse(domain) else {
        return Err(BadEmail::Domain);
    };
    let same_script = |(given, read): (&str, &str)| given.is_ascii() || read.starts_with("xn--");
    if domain.split('.').count() != host.split('.').count()
        || !domain.split('.').zip(host.split('.')).all(same_script)
    {
        return Err(BadEmail::Domain);
    }
    let label = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    if !host.split('.').all(label) {
        return Err(BadEmail::Domain);
    }
    Ok(format!("{local}@{host}"))
}

/// The form under which an address is compared: all in lower case.
pub fn key(normalized: &str) -> String {
    normalized.to_ascii_lowercase()
}
