//! A message to somebody who logs in.

use super::access_key::CODE_LIFETIME;
use super::error::LoginError;
use crate::account::Account;
use crate::base::Lang;
use crate::mail::template::{Kind, Template, Values};
use crate::mail::{Letter, MailError};

/// The colour of messages of accounts that chose none.
const COLOR: &str = "#3a4a8f";

/// Writes a message in the account's words, or in ours where it has none. `broker` is the
/// broker's address.
pub(super) fn write(
    account: &Account,
    broker: &str,
    store: &str,
    to: &str,
    kind: Kind,
    lang: Lang,
    code: &str,
) -> Result<Letter, LoginError> {
    let logo = account.logo_at(broker);
    let values = Values {
        account: &account.name,
        store,
        email: to,
        code,
        minutes: CODE_LIFETIME.as_secs() / 60,
        logo_url: logo.as_deref(),
        color: account.color.as_deref().unwrap_or(COLOR),
    };
    let own = &account.login.messages;
    // An account's own text was tried when it was saved; should it fail for what it is
    // to say now, people get their message all the same.
    let text = Template::of(&own.texts, kind, lang)
        .render(&values)
        .or_else(|_| kind.bundled(lang).render(&values))
        .map_err(|error| LoginError::Mail(MailError::BadMessage(error.to_string())))?;
    Ok(Letter {
        account: account.id.clone(),
        to: to.to_owned(),
        kind: kind.name(),
        from: own.from.clone(),
        text,
        useful_for: CODE_LIFETIME,
    })
}
