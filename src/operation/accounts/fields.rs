//! What is checked of an account's fields.

use super::super::{OperationError, Operations, Outcome};
use crate::account::settings::PasswordRules;
use crate::account::{UnverifiedEmail, is_color, is_logo};
use crate::base::ErrorCode;
use crate::key::Algorithm;
use crate::mail::MailError;

pub(super) fn name(text: &str) -> Outcome<String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 100 || text.chars().any(char::is_control) {
        let why = "a name has 1 to 100 characters on one line";
        return Err(OperationError::invalid(ErrorCode::AccountName, "name", why));
    }
    Ok(text.to_owned())
}

pub(super) fn logo_url(url: Option<String>) -> Outcome<Option<String>> {
    match &url {
        Some(text) if !is_logo(text) => Err(OperationError::invalid(
            ErrorCode::AccountLogoUrl,
            "logo_url",
            "a logo is an https URL",
        )),
        _ => Ok(url),
    }
}

pub(super) fn color(text: Option<String>) -> Outcome<Option<String>> {
    match &text {
        Some(color) if !is_color(color) => Err(OperationError::invalid(
            ErrorCode::AccountColor,
            "color",
            "a colour is written as `#rrggbb`",
        )),
        _ => Ok(text),
    }
}

pub(super) fn signing_alg(name: Option<&str>) -> Outcome<Option<Algorithm>> {
    name.map(str::parse::<Algorithm>)
        .transpose()
        .map_err(|error| {
            OperationError::invalid(ErrorCode::AccountSigningAlg, "signing_alg", error)
        })
}

pub(super) fn unverified_email(name: &str) -> Outcome<UnverifiedEmail> {
    name.parse().map_err(|error: &str| {
        OperationError::invalid(ErrorCode::AccountUnverifiedEmail, "unverified_email", error)
    })
}

/// Codes can only be sent where there is a mail server. An account that has them
/// on already keeps them: its other settings can be changed without one.
pub(super) fn access_key(ops: &Operations, before: bool, wanted: bool) -> Outcome<()> {
    if wanted && !before && !ops.sends_mail {
        let why = MailError::NotConfigured;
        return Err(OperationError::invalid(
            ErrorCode::AccountAccessKey,
            "access_key",
            why,
        ));
    }
    Ok(())
}

/// The rules for passwords, as far as they change.
pub(super) fn passwords(
    mut rules: PasswordRules,
    rule: Option<&str>,
    expires_days: Option<u32>,
    former: Option<u8>,
) -> Outcome<PasswordRules> {
    let invalid =
        |field, why: &str| OperationError::invalid(ErrorCode::AccountPassword, field, why);
    if let Some(name) = rule {
        rules.rule = name.parse().map_err(|why| invalid("password_rule", why))?;
    }
    if let Some(days) = expires_days {
        if days > 3650 {
            let why = "passwords expire after 1 to 3650 days; 0: never";
            return Err(invalid("password_expires_days", why));
        }
        rules.expires_after_days = (days > 0).then_some(days);
    }
    if let Some(former) = former {
        if former > 24 {
            let why = "at most 24 passwords are remembered";
            return Err(invalid("password_former", why));
        }
        rules.former = former;
    }
    Ok(rules)
}

pub(super) fn own_audience(ops: &Operations, text: Option<String>) -> Outcome<Option<String>> {
    if let Some(text) = &text {
        ops.check_audience(text).map_err(|error| {
            OperationError::invalid(ErrorCode::AccountAudience, "audience", error)
        })?;
    }
    Ok(text)
}
