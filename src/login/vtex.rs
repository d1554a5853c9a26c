//! A login as clients of VTEX ID begin one: with a token that a later request brings
//! back, in a cookie (`_vss`) or in a field (`authenticationToken`).
//!
//! The token stands for the browser: codes that were sent for it count with it alone.

pub mod program;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::access_key::CODE_LIFETIME;
use super::access_key::check::{Checked, check, waiting};
use super::access_key::send::{SendRequest, send};
use super::error::{LoginError, Step};
use super::pending::Browser;
use super::ticket::{self, Place};
use super::{Logins, ReturnTo};
use crate::account::{Account, StoreFront, directory};
use crate::base::{AccountId, Lang, Secret, Spent, Timestamp, digest};
use crate::provider::email;
use crate::session::renewal::Renewal;
use crate::store::{Keyspace, Precondition, Space, StoreError, Token, Versioned};

/// How long such a login may take.
pub const LIFETIME: Duration = Duration::from_secs(600);

static BEGUN: Space = Space::transient("vtex_logins").expiring();
const RECORDS: Keyspace<Begun> = Keyspace::new(&BEGUN);

pub(super) fn space() -> &'static Space {
    &BEGUN
}

/// A login that began.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Begun {
    /// The account. They are in no partition: of one client those of all accounts
    /// count together.
    #[serde(default)]
    account: Option<AccountId>,
    /// The page that was asked for.
    pub return_to: String,
    /// The page that a provider's login leads to, where the client has one.
    pub callback: Option<String>,
    /// The page for a login that fails at its provider, where the client has one.
    #[serde(default)]
    fallback: Option<String>,
    /// The code that was sent last.
    code: Option<Code>,
    /// The program that waits for the login, where it is one.
    #[serde(default)]
    program: Option<program::Waiting>,
}

/// A code that was sent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Code {
    /// How many were sent before.
    number: u32,
    expires_at: Timestamp,
}

impl Begun {
    /// A login that leads there. Both were checked.
    pub fn new(return_to: &ReturnTo, callback: Option<&ReturnTo>) -> Self {
        Self {
            account: None,
            return_to: return_to.as_str().to_owned(),
            callback: callback.map(|to| to.as_str().to_owned()),
            fallback: None,
            code: None,
            program: None,
        }
    }

    /// The page for a login that fails at its provider.
    pub fn fallback(&self) -> Option<&str> {
        self.fallback.as_deref()
    }

    /// Where it leads when it is done.
    pub fn target(&self) -> ReturnTo {
        let to = self.callback.as_ref().unwrap_or(&self.return_to);
        ReturnTo::stored(to.clone())
    }
}

/// The token of such a login: 64 hexadecimal digits.
#[derive(Clone)]
pub struct LoginToken(Token);

impl LoginToken {
    /// Reads one; `None` if it can't be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let bytes: Option<Vec<u8>> = (0..if digits { 60 } else { 0 })
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
            .collect();
        let token = Self(Token::parse(&URL_SAFE_NO_PAD.encode(bytes?))?);
        token.text().eq_ignore_ascii_case(text).then_some(token)
    }

    /// As clients hold it.
    pub fn text(&self) -> String {
        let bytes = URL_SAFE_NO_PAD.decode(self.0.as_str()).unwrap_or_default();
        let check = digest::sha256(&bytes);
        let all = bytes.iter().chain(&check[..2]);
        all.fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02X}");
            text
        })
    }

    /// What stands for the browser in which the login began.
    pub fn browser(&self) -> Browser {
        let text = format!("vtex login {}", self.0.as_str());
        let value = digest::sha256_base64url(text.as_bytes());
        Browser::parse(&value).unwrap_or_else(Browser::new)
    }

    fn code(&self, code: Code) -> Token {
        let purpose = format!("access key {}", code.number);
        self.0.derived(&purpose, code.expires_at)
    }
}

/// Begins a login. `from` is the client's address, where clients are told apart.
///
/// # Errors
/// [`LoginError::TooMany`]
pub async fn begin(
    logins: &Logins,
    account: &AccountId,
    begun: &Begun,
    from: Option<IpAddr>,
) -> Result<LoginToken, LoginError> {
    let (shares, now) = (&logins.shares.vtex, logins.now());
    shares
        .may_begin(from, now)
        .map_err(|Spent(wait)| LoginError::TooMany { wait })?;
    let token = Token::new(now.plus(LIFETIME));
    let (store, new) = (&*logins.store, Precondition::Absent);
    let texts = begun.return_to.len() + begun.callback.as_ref().map_or(0, String::len);
    for gone in shares.keep(from, &token, texts, now) {
        let removed = RECORDS.delete_by(store, "", &gone);
        removed.await.map_err(Step::Start.store())?;
    }
    let begun = &Begun {
        account: Some(account.clone()),
        ..begun.clone()
    };
    RECORDS
        .put_by(store, "", &token, begun, new)
        .await
        .map_err(Step::Start.store())?;
    Ok(LoginToken(token))
}

/// The login that a token stands for.
///
/// # Errors
/// [`LoginError::StateUnknown`]
pub async fn find(
    logins: &Logins,
    account: &AccountId,
    token: &LoginToken,
) -> Result<Versioned<Begun>, LoginError> {
    if logins.now() >= token.0.expires_at() {
        return Err(LoginError::StateUnknown);
    }
    RECORDS
        .get_by(&*logins.store, "", &token.0)
        .await
        .map_err(Step::Callback.store())?
        .filter(|found| found.value.account.as_ref() == Some(account))
        .ok_or(LoginError::StateUnknown)
}

/// A ticket for who is logged in already, as they are by now; `None` if they may not log
/// in any more.
///
/// # Errors
/// If the store fails.
pub async fn again(
    logins: &Logins,
    account: &Account,
    store: &StoreFront,
    renewal: &Renewal,
    browser: &Browser,
) -> Result<Option<Token>, LoginError> {
    let found = directory::get(&*logins.store, &account.id, renewal.user).await;
    let user = found
        .map_err(Step::Identify.store())?
        .map(|found| found.value);
    let Some(user) = user.filter(|user| user.may_act(renewal.generation)) else {
        return Ok(None);
    };
    let home = ReturnTo::stored(store.home());
    let place = Place::new(store, &home, browser);
    let issued = ticket::renewed(logins, account, user, renewal, place);
    issued.await.map(Some)
}

/// Notes where a login goes if it fails at its provider.
pub async fn note_fallback(
    logins: &Logins,
    account: &AccountId,
    token: &LoginToken,
    to: Option<&ReturnTo>,
) -> Result<(), LoginError> {
    let mut found = find(logins, account, token).await?;
    found.value.fallback = to.map(|to| to.as_str().to_owned());
    let (store, when) = (&*logins.store, Precondition::Version(found.version));
    RECORDS
        .put_by(store, "", &token.0, &found.value, when)
        .await
        .map(|_| ())
        .map_err(Step::Start.store())
}

/// Sends a code for a login.
///
/// # Errors
/// As [`send`]; [`LoginError::StateUnknown`].
pub async fn send_code(
    logins: &Logins,
    account: &Account,
    store: &StoreFront,
    token: &LoginToken,
    to: &str,
    lang: Lang,
    from: Option<IpAddr>,
) -> Result<(), LoginError> {
    let mut found = find(logins, &account.id, token).await?;
    let code = Code {
        number: found.value.code.map_or(0, |code| code.number + 1),
        expires_at: logins.now().plus(CODE_LIFETIME),
    };
    found.value.code = Some(code);
    let when = Precondition::Version(found.version);
    let written = RECORDS.put_by(&*logins.store, "", &token.0, &found.value, when);
    match written.await {
        Ok(_) => {}
        // Another is on its way.
        Err(StoreError::Conflict) => return Err(LoginError::TooManyCodes),
        Err(error) => return Err(Step::Start.store()(error)),
    }
    let request = SendRequest {
        account,
        store,
        return_to: &found.value.target(),
        browser: &token.browser(),
        email: to,
        sets_password: false,
        under: Some(token.code(code)),
        lang,
        from,
    };
    send(logins, request).await.map(|_| ())
}

/// Compares a code with the one that was sent last for a login, to this address.
///
/// # Errors
/// As [`check`]; [`LoginError::StateUnknown`] if none was sent.
pub async fn check_code(
    logins: &Logins,
    account: &std::sync::Arc<Account>,
    token: &LoginToken,
    to: &str,
    typed: &str,
    password: Option<&Secret>,
) -> Result<Checked, LoginError> {
    let begun = find(logins, &account.id, token).await?.value;
    let code = token.code(begun.code.ok_or(LoginError::StateUnknown)?);
    let browser = token.browser();
    let login = waiting(logins, &account.id, code.as_str(), Some(&browser)).await?;
    let named = email::normalize(to.trim()).map_err(|_| LoginError::AddressInvalid)?;
    if email::key(&named) != login.email {
        return Err(LoginError::PasswordWrong);
    }
    check(
        logins,
        account,
        code.as_str(),
        Some(&browser),
        typed,
        password,
    )
    .await
}
