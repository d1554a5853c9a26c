//! What a login leaves behind between its requests.

use std::time::Duration;

use oauth2::{CsrfToken, PkceCodeVerifier};
use serde::{Deserialize, Serialize};

use super::journal::LoginStep;
use super::openid::AuthenticationAge;
use crate::base::{AccountId, LoginMethod, ProviderId, Timestamp, UserId, digest, random};
use crate::provider::redirect::CountsAt;
use crate::session::AtProvider;
use crate::store::{Keyspace, Space, Token};

static PENDING: Space = Space::transient("pending_logins").expiring().sealed();
static TICKETS: Space = Space::transient("tickets").expiring().sealed();

/// Logins by state. They belong to no partition: the callback is one for all
/// accounts, and learns the account from the record.
pub(super) const LOGINS: Keyspace<Stage> = Keyspace::new(&PENDING);
/// Tickets by account.
pub(super) const TICKET: Keyspace<TicketRecord> = Keyspace::new(&TICKETS);

pub(super) fn spaces() -> [&'static Space; 2] {
    [&PENDING, &TICKETS]
}

/// What a state stands for.
#[derive(Serialize, Deserialize)]
pub(super) enum Stage {
    /// A login whose callback has not come.
    Pending(Box<PendingLogin>),
    /// One whose callback has: a second one can be told from an unknown state.
    Used(RestartPoint),
}

/// A login between its start and its callback.
#[derive(Serialize, Deserialize)]
pub(super) struct PendingLogin {
    pub id: String,
    pub account: AccountId,
    pub provider: ProviderId,
    /// The origin of the store it began on.
    pub store: String,
    pub return_to: String,
    /// The browser it began in.
    pub browser: BrowserDigest,
    pub redirect_uri: String,
    /// At which of our addresses its callback counts.
    #[serde(default)]
    pub counts_at: CountsAt,
    pub code_verifier: PkceCodeVerifier,
    /// The key that its tokens are bound to (RFC 9449).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    pub started_at: Timestamp,
    /// How fresh the authentication at the provider must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness: Option<AuthenticationAge>,
    /// The trial it is the login of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<String>,
    /// The trace that it began in, as a `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// It is an operator's, to the console.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub console: bool,
    /// Parameters of the address at which it began that the mapping hands on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<(String, String)>,
    /// From then on its callback comes too late. The record stays longer than
    /// that, so that who comes late finds back to the page that was asked for.
    pub expires_at: Timestamp,
}

/// What stays of a login whose state was used: the way to a new one. There are many of
/// these at a time, all in memory, so their members have short names there.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RestartPoint {
    #[serde(rename = "i", alias = "id")]
    pub id: String,
    #[serde(rename = "a", alias = "account")]
    pub account: AccountId,
    #[serde(
        rename = "p",
        alias = "provider",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub provider: Option<ProviderId>,
    #[serde(rename = "s", alias = "store")]
    pub store: String,
    #[serde(rename = "r", alias = "return_to")]
    pub return_to: String,
    #[serde(
        rename = "c",
        alias = "console",
        default,
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub console: bool,
}

impl RestartPoint {
    pub(super) fn of(login: &PendingLogin) -> Self {
        Self {
            id: login.id.clone(),
            account: login.account.clone(),
            provider: Some(login.provider.clone()),
            store: login.store.clone(),
            return_to: login.return_to.clone(),
            console: login.console,
        }
    }
}

/// The text of a state: the token that finds the login, and the account's id
/// behind it. The id proves nothing; it leads back to a page to start again on
/// where the login itself is not known any more.
pub(super) fn state(token: &Token, account: &AccountId) -> CsrfToken {
    CsrfToken::new(format!("{}{account}", token.as_str()))
}

/// Reads a state; `None` if it can't be one of ours.
pub(super) fn read_state(text: &str) -> Option<(Token, AccountId)> {
    let (token, account) = text.split_at_checked(Token::LENGTH)?;
    Some((Token::parse(token)?, account.parse().ok()?))
}

/// The ends of logins whose states have no date in them are multiples of this, so
/// that a state leads to its record by a few attempts.
const HOUR: u64 = 3600;

/// The key of a login whose state has a shape of the mapping's, and which ends at
/// `expires_at` or up to an hour later.
pub(super) fn shaped(state: &str, expires_at: Timestamp) -> Token {
    let hour = expires_at.as_secs() / HOUR + 1;
    Token::of_text(state, Timestamp::from_secs(hour * HOUR))
}

/// The keys that a login of such a state can have now, if logins last so long.
pub(super) fn shaped_now(
    state: &str,
    now: Timestamp,
    lifetime: Duration,
) -> impl Iterator<Item = Token> + use<'_> {
    // A record stays for a lifetime after the login's own end.
    let (first, last) = (now, now.plus(lifetime).plus(lifetime));
    let hours = first.as_secs() / HOUR..=last.as_secs() / HOUR;
    hours.map(move |hour| shaped(state, Timestamp::from_secs(hour * HOUR)))
}

/// What a ticket stands for: a login that is done but for its cookie.
#[derive(Serialize, Deserialize)]
pub(super) struct TicketRecord {
    pub id: String,
    pub user: UserId,
    /// All that the session will tell of them is on disk.
    #[serde(default)]
    pub settled: bool,
    /// The user's, when it was issued.
    #[serde(default)]
    pub generation: u64,
    pub email: String,
    #[serde(default)]
    pub email_verified: bool,
    /// Their id at the provider.
    #[serde(default)]
    pub provider_user_id: Option<String>,
    pub name: Option<String>,
    pub more: serde_json::Map<String, serde_json::Value>,
    /// How they logged in.
    #[serde(rename = "provider")]
    pub method: LoginMethod,
    /// When they authenticated there, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// How, where the provider says so: `acr` and `amr` (OpenID Connect Core §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// See `acr`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    pub store: String,
    pub return_to: String,
    pub browser: BrowserDigest,
    /// When the login began, and what was done since, for its log.
    #[serde(default)]
    pub started_at: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<LoginStep>,
    /// Set where the login is an operator's: it begins no shopper's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<ConsoleLogin>,
    /// What the OpenID provider knows them as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_provider: Option<AtProvider>,
}

/// What the console learns of a login.
#[derive(Serialize, Deserialize)]
pub(super) struct ConsoleLogin {
    /// The email, if the provider vouches for it.
    pub email: Option<String>,
}

/// The random values in a browser's binding cookie, the newest first. Only digests
/// of them are stored.
///
/// Over https there is one, and it stays. Over http whatever runs on the same host
/// can write the cookie, so each login begins with a value of its own there, and
/// the last few count (threat F29).
#[derive(Clone, PartialEq, Eq)]
pub struct Browser(String);

/// The most values in one cookie.
const MAX_VALUES: usize = 8;
/// The length of a value.
const VALUE: usize = 43;

impl Browser {
    /// A browser not seen before.
    #[expect(clippy::new_without_default, reason = "each is different")]
    pub fn new() -> Self {
        Self(random::token())
    }

    /// The browser in which a login begins, which brought this cookie.
    pub fn beginning(cookie: Option<Self>, https: bool) -> Self {
        match cookie {
            None => Self::new(),
            Some(known) if https => known,
            Some(known) => {
                let newest = random::token();
                let rest = known.values().take(MAX_VALUES - 1);
                Self(rest.fold(newest, |all, value| format!("{all}.{value}")))
            }
        }
    }

    /// Reads a cookie's value; `None` if it can't be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let good = |value: &str| {
            value.len() == VALUE
                && value
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let fits = text.len() <= MAX_VALUES * (VALUE + 1) && text.split('.').all(good);
        fits.then(|| Self(text.to_owned()))
    }

    /// The cookie's value.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Each value, the newest first.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// The value that what begins now is bound to.
    pub fn newest(&self) -> &str {
        self.values().next().unwrap_or_default()
    }

    pub(super) fn digest(&self) -> BrowserDigest {
        BrowserDigest::of(self.newest())
    }
}

/// What is stored of a [`Browser`].
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct BrowserDigest(String);

impl BrowserDigest {
    fn of(value: &str) -> Self {
        Self(digest::sha256_base64url(value.as_bytes()))
    }

    pub(super) fn is(&self, browser: &Browser) -> bool {
        let same = |value| digest::same(self.0.as_bytes(), Self::of(value).0.as_bytes());
        browser.values().any(same)
    }
}
