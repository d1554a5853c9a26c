//! The first step: a code goes to the address that was typed.

use std::net::IpAddr;

use tracing::info;

use super::super::error::{LoginError, Step};
use super::super::pending::Browser;
use super::super::{Logins, ReturnTo, letter};
use super::limits::Asking;
use super::record::{CodeDigest, WAITING_LOGINS, WaitingLogin};
use super::{CODE_LIFETIME, wrong};
use crate::account::{Account, StoreFront};
use crate::base::{Lang, random};
use crate::mail::MailError;
use crate::mail::template::Kind;
use crate::provider::email;
use crate::store::{Precondition, Token};

/// What a login by code begins with.
pub struct SendRequest<'a> {
    /// The account.
    pub account: &'a Account,
    /// The store it begins on.
    pub store: &'a StoreFront,
    /// The page that was asked for.
    pub return_to: &'a ReturnTo,
    /// The browser.
    pub browser: &'a Browser,
    /// The address, as it was typed.
    pub email: &'a str,
    /// Whether a password is to be chosen with the code.
    pub sets_password: bool,
    /// The token that the login waits under; a new one unless given.
    pub under: Option<Token>,
    /// The language of the message.
    pub lang: Lang,
    /// Where the request comes from.
    pub from: Option<IpAddr>,
}

/// Sends a code, and gives the token of the login that waits for it. The answer
/// is the same whoever has the address, and whether or not anybody has.
///
/// # Errors
/// [`LoginError::AddressInvalid`] if no mail goes to such an address,
/// [`LoginError::TooManyCodes`] and [`LoginError::AccessKeyBlocked`] if no code is
/// sent there now.
pub async fn send(logins: &Logins, request: SendRequest<'_>) -> Result<Token, LoginError> {
    let now = logins.now();
    let account = request.account;
    let address = email::normalize(request.email.trim()).map_err(|_| LoginError::AddressInvalid)?;
    let address = email::key(&address);
    wrong::check(&*logins.store, &account.id, &address, now).await?;
    let asking = Asking {
        account: &account.id,
        email: &address,
        from: request.from,
    };
    logins.code_limits.begin(&asking, now).await?;
    let code = new_code();
    let store = &request.store.origin;
    let letter = letter::write(
        account,
        &logins.public_url,
        store,
        &address,
        Kind::AccessKey,
        request.lang,
        &code,
    )?;
    let token = request.under.clone();
    let token = token.unwrap_or_else(|| Token::new(now.plus(CODE_LIFETIME)));
    let waiting = WaitingLogin {
        id: random::support_id(),
        store: request.store.origin.clone(),
        return_to: request.return_to.as_str().to_owned(),
        browser: request.browser.digest(),
        email: address,
        code: CodeDigest::of(&token, &code),
        tries: 0,
        sets_password: request.sets_password,
        started_at: now,
    };
    let partition = account.id.as_str();
    WAITING_LOGINS
        .put_by(
            &*logins.store,
            partition,
            &token,
            &waiting,
            Precondition::Absent,
        )
        .await
        .map_err(Step::Start.store())?;
    logins.mail.send(letter).await.map_err(failed)?;
    info!(
        target: "vestibule::login",
        login = waiting.id,
        account = %account.id,
        "login begins: a code is on its way to the address that was typed"
    );
    Ok(token)
}

fn failed(error: MailError) -> LoginError {
    match error {
        MailError::BadAddress(_) => LoginError::AddressInvalid,
        MailError::Store(error) => Step::Start.store()(error),
        error => LoginError::Mail(error),
    }
}

/// Six digits, each code as likely as any other.
fn new_code() -> String {
    const CODES: u64 = 1_000_000;
    // What is left above a multiple of a million is thrown away.
    const END: u64 = u64::MAX - u64::MAX % CODES;
    loop {
        let number = u64::from_be_bytes(random::bytes());
        if number < END {
            return format!("{:06}", number % CODES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::CODE_DIGITS;
    use super::*;

    #[test]
    fn codes_are_six_digits() {
        let codes: Vec<String> = (0..2_000).map(|_| new_code()).collect();
        assert!(codes.iter().all(|code| code.len() == CODE_DIGITS));
        assert!(codes.iter().any(|code| code.starts_with('0')));
        let digits = |code: &String| code.bytes().all(|b| b.is_ascii_digit());
        assert!(codes.iter().all(digits));
    }
}
