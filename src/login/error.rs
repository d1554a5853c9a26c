//! What can go wrong in a login.
//!
//! Policy: an error knows its step, a stable code and whose fault it is. Its
//! `Display` is for the log and the operator: it names fields and types, never
//! values or secrets. The shopper's sentence is the page's business, found by
//! the code; the HTTP status is `http`'s.

use std::time::Duration;

use crate::account::directory::IdentifyError;
use crate::base::ErrorCode;
use crate::document::Finding;
use crate::mail::MailError;
use crate::outbound::OutboundError;
use crate::password::{HashError, Weakness};
use crate::provider::decode::DecodeError;
use crate::provider::extract::{AccessDenied, ExtractError};
use crate::provider::request::BuildError;
use crate::session::SessionError;
use crate::store::StoreError;

/// Where in a login something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// The login begins.
    Start,
    /// The provider's redirect.
    Callback,
    /// The request for an application token.
    Before,
    /// The access token exchange.
    Token,
    /// The ID token and what is needed to check it.
    IdToken,
    /// The request for user information.
    Userinfo,
    /// A request that follows it.
    Then,
    /// Who this is.
    Identify,
    /// The session begins.
    Finish,
}

impl Step {
    /// Its name in logs and traces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Callback => "callback",
            Self::Before => "before",
            Self::Token => "token",
            Self::IdToken => "id_token",
            Self::Userinfo => "userinfo",
            Self::Then => "then",
            Self::Identify => "identify",
            Self::Finish => "finish",
        }
    }

    /// What a failure of the store at this step is.
    pub fn store(self) -> impl Fn(StoreError) -> LoginError {
        move |error| LoginError::Store { step: self, error }
    }
}

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The browser or the person before it: an old link, a refused consent.
    Visitor,
    /// Whoever wrote the mapping or set up the store.
    Operator,
    /// The identity provider.
    Provider,
    /// The broker.
    Us,
}

/// Why a login ended.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// There is no such provider in the account.
    #[error("the account has no such provider")]
    UnknownProvider,
    /// The account has no provider at all.
    #[error("the account has no provider yet; apply a mapping")]
    NoProvider,
    /// The mapping hands on a parameter that the login's address lacks.
    #[error("the login's address lacks `{0}` (`{{login.{0}}}`): `login?provider=…&{0}=…`")]
    ParameterMissing(String),
    /// This client began too many logins.
    #[error("the client began too many logins; it may begin another in {wait:?}")]
    TooMany {
        /// When it may begin another.
        wait: Duration,
    },
    /// The mapping no longer compiles: a secret's variable is gone, say.
    #[error("the mapping does not compile: {0}")]
    Misconfigured(String),
    /// The callback has no state.
    #[error("the callback has no state")]
    StateMissing,
    /// Nothing is known under the state.
    #[error("the state is unknown")]
    StateUnknown,
    /// The state is too old.
    #[error("the state has expired")]
    StateExpired,
    /// The state was used already.
    #[error("the state was used already")]
    StateReplayed,
    /// The state belongs elsewhere.
    #[error("the state {0}")]
    StateMismatch(&'static str),
    /// RFC 9207.
    #[error("the `iss` of the callback {0}")]
    IssuerMismatch(String),
    /// A parameter twice.
    #[error("the callback has a parameter more than once")]
    DuplicateParameter,
    /// Neither a code nor an error, or both.
    #[error("the callback {0}")]
    BadCallback(&'static str),
    /// There is no code.
    #[error("the callback has neither a code nor an error")]
    CodeMissing,
    /// The person said no.
    #[error("the provider says that the person refused")]
    Denied,
    /// The provider sent an error.
    #[error("the provider answered the authorization request with the error `{code}`{}", detail_text(.description))]
    ProviderError {
        /// Its code (RFC 6749 §4.1.2.1).
        code: String,
        /// Its own words, shortened.
        description: Option<String>,
    },
    /// A request could not be sent or its answer not be had.
    #[error("{error}")]
    Transport {
        /// At which step.
        step: Step,
        /// What happened.
        error: OutboundError,
    },
    /// A request could not be built.
    #[error("the request cannot be built: {error}")]
    Build {
        /// At which step.
        step: Step,
        /// Why.
        error: BuildError,
    },
    /// The provider refused.
    #[error("the provider refused (HTTP {status}{})", detail_text(.detail))]
    Rejected {
        /// At which step.
        step: Step,
        /// The HTTP status.
        status: u16,
        /// The provider's own words, shortened.
        detail: Option<String>,
        /// After how many seconds to try again, where it says so.
        retry_after: Option<u32>,
    },
    /// The answer can't be read.
    #[error("the answer cannot be read: {error}")]
    Undecodable {
        /// At which step.
        step: Step,
        /// Why.
        error: DecodeError,
    },
    /// The answer lacks something.
    #[error("{error}")]
    Incomplete {
        /// At which step.
        step: Step,
        /// What.
        error: ExtractError,
    },
    /// The ID token is not valid.
    #[error("the ID token is not valid: {0}")]
    IdToken(openid_error::IdTokenError),
    /// A signed profile or access token is not valid.
    #[error("the signed answer is not valid: {error}")]
    SignedAnswer {
        /// At which step.
        step: Step,
        /// Why.
        error: openid_error::IdTokenError,
    },
    /// The profile has no email.
    #[error("{0}; where the provider gives none, set `userinfo.response.email_placeholder`")]
    EmailMissing(ExtractError),
    /// The profile's email is not a valid address.
    #[error("{0}")]
    EmailInvalid(ExtractError),
    /// The profile has no usable id.
    #[error("{0}")]
    UserIdMissing(ExtractError),
    /// The access rules say no.
    #[error("{0}")]
    AccessDenied(AccessDenied),
    /// Who this is can't be said.
    #[error(transparent)]
    Identify(IdentifyError),
    /// No mail goes to such an address.
    #[error("no code can be sent to the address that was typed")]
    AddressInvalid,
    /// Too many codes within an hour.
    #[error("too many codes were sent to this address, for this client or for this account")]
    TooManyCodes,
    /// Too many wrong codes for one login.
    #[error("the code was tried too often")]
    AccessKeySpent,
    /// Too many wrong codes for one address.
    #[error("too many wrong codes were typed for this address")]
    AccessKeyBlocked,
    /// Email and password don't belong together.
    #[error("this email and password don't belong together")]
    PasswordWrong,
    /// Too many wrong passwords.
    #[error("too many wrong passwords; the next may be tried in {wait:?}")]
    PasswordWait {
        /// When the next may be tried.
        wait: Duration,
    },
    /// The password is right, and too old.
    #[error("the password has expired")]
    PasswordExpired,
    /// The new password is not good enough.
    #[error("{0}")]
    PasswordWeak(Weakness),
    /// The new password is one that they had before.
    #[error("the password was used before")]
    PasswordUsed,
    /// No password can be checked now.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The message with the code.
    #[error("the code cannot be sent: {0}")]
    Mail(MailError),
    /// The ticket is unknown, used or too old.
    #[error("the ticket is unknown, used or expired")]
    TicketInvalid,
    /// The ticket was presented by another browser.
    #[error("the login was begun in another browser")]
    WrongBrowser,
    /// The store.
    #[error("{error}")]
    Store {
        /// At which step.
        step: Step,
        /// What happened.
        error: StoreError,
    },
    /// The session.
    #[error(transparent)]
    Session(#[from] SessionError),
}

pub use super::openid as openid_error;

fn detail_text(detail: &Option<String>) -> String {
    detail
        .as_ref()
        .map(|d| format!(": {d}"))
        .unwrap_or_default()
}

impl LoginError {
    /// A mapping that no longer compiles, by its first error.
    pub fn misconfigured(findings: &[Finding]) -> Self {
        let first = findings.iter().find(|finding| finding.is_error());
        Self::Misconfigured(first.map_or_else(String::new, |f| format!("{}: {}", f.key, f.message)))
    }

    /// The step it happened at.
    pub fn step(&self) -> Step {
        match self {
            Self::UnknownProvider
            | Self::NoProvider
            | Self::ParameterMissing(_)
            | Self::TooMany { .. }
            | Self::Misconfigured(_)
            | Self::AddressInvalid
            | Self::TooManyCodes
            | Self::Mail(_) => Step::Start,
            Self::StateMissing
            | Self::StateUnknown
            | Self::StateExpired
            | Self::StateReplayed
            | Self::StateMismatch(_)
            | Self::IssuerMismatch(_)
            | Self::DuplicateParameter
            | Self::BadCallback(_)
            | Self::CodeMissing
            | Self::Denied
            | Self::AccessKeySpent
            | Self::AccessKeyBlocked
            | Self::PasswordWrong
            | Self::PasswordWait { .. }
            | Self::PasswordExpired
            | Self::PasswordWeak(_)
            | Self::PasswordUsed
            | Self::Hash(_)
            | Self::ProviderError { .. } => Step::Callback,
            Self::Transport { step, .. }
            | Self::Build { step, .. }
            | Self::Rejected { step, .. }
            | Self::Undecodable { step, .. }
            | Self::Incomplete { step, .. }
            | Self::SignedAnswer { step, .. }
            | Self::Store { step, .. } => *step,
            Self::IdToken(_) => Step::IdToken,
            Self::EmailMissing(_) | Self::EmailInvalid(_) | Self::UserIdMissing(_) => {
                Step::Userinfo
            }
            Self::AccessDenied(_) | Self::Identify(_) => Step::Identify,
            Self::TicketInvalid | Self::WrongBrowser | Self::Session(_) => Step::Finish,
        }
    }

    /// The stable code that pages show and dashboards count.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::UnknownProvider => ErrorCode::LoginUnknownProvider,
            Self::NoProvider => ErrorCode::LoginNoProvider,
            Self::TooMany { .. } => ErrorCode::LoginTooMany,
            Self::Build {
                error: BuildError::Host(_),
                ..
            } => ErrorCode::LoginHostNotAllowed,
            Self::Build {
                error: BuildError::EmptyKey(_),
                ..
            } => ErrorCode::LoginSignatureKeyEmpty,
            Self::Misconfigured(_) | Self::Build { .. } => ErrorCode::LoginProviderMisconfigured,
            Self::StateMissing => ErrorCode::LoginStateMissing,
            Self::StateUnknown => ErrorCode::LoginStateUnknown,
            Self::StateExpired => ErrorCode::LoginStateExpired,
            Self::StateReplayed => ErrorCode::LoginStateReplayed,
            Self::StateMismatch(_) => ErrorCode::LoginStateMismatch,
            Self::IssuerMismatch(_) => ErrorCode::LoginIssuerMismatch,
            Self::DuplicateParameter => ErrorCode::LoginDuplicateParameter,
            Self::BadCallback(_) => ErrorCode::LoginBadCallback,
            Self::CodeMissing => ErrorCode::LoginCodeMissing,
            Self::Denied => ErrorCode::LoginDenied,
            Self::ProviderError { .. } => ErrorCode::LoginProviderError,
            Self::Transport { error, .. } => match error {
                OutboundError::Timeout { .. } => ErrorCode::LoginProviderTimeout,
                OutboundError::BreakerOpen { .. } | OutboundError::Busy => {
                    ErrorCode::LoginProviderBusy
                }
                OutboundError::Refused(_) => ErrorCode::LoginProviderMisconfigured,
                OutboundError::TooLarge { .. } => self.unusable(),
                OutboundError::Resolve { .. }
                | OutboundError::Connect { .. }
                | OutboundError::Tls { .. }
                | OutboundError::Cut { .. }
                | OutboundError::Unreadable { .. }
                | OutboundError::Invalid(_)
                | OutboundError::Client(_) => ErrorCode::LoginProviderUnreachable,
            },
            Self::Rejected { step, status, .. } => match (step, status) {
                (_, 429 | 503) => ErrorCode::LoginProviderBusy,
                (Step::Userinfo | Step::Then, 404 | 410) => ErrorCode::LoginUserinfoNotFound,
                (Step::Start | Step::Before | Step::Token | Step::Userinfo | Step::Then, 500..) => {
                    ErrorCode::LoginProviderFailing
                }
                // Its discovery document, its keys or the request that is pushed; or that it
                // sends us elsewhere, or does not know such a request: nothing that a
                // shopper could allow or refuse.
                (Step::IdToken | Step::Start, _) | (_, 300..=399 | 405 | 406 | 411 | 415) => {
                    ErrorCode::LoginProviderError
                }
                (Step::Userinfo | Step::Then, _) => ErrorCode::LoginUserinfoRejected,
                _ => ErrorCode::LoginTokenRejected,
            },
            Self::IdToken(error) | Self::SignedAnswer { error, .. } => {
                error.code().unwrap_or_else(|| self.unusable())
            }
            Self::Undecodable { .. } | Self::Incomplete { .. } => self.unusable(),
            Self::EmailMissing(_) => ErrorCode::LoginEmailMissing,
            Self::EmailInvalid(_) => ErrorCode::LoginEmailInvalid,
            Self::UserIdMissing(_) => ErrorCode::LoginUserIdMissing,
            Self::AccessDenied(_) => ErrorCode::LoginAccessDenied,
            Self::Identify(IdentifyError::NotTrusted) => ErrorCode::LoginEmailNotTrusted,
            Self::Identify(IdentifyError::Disabled) => ErrorCode::LoginUserDisabled,
            Self::ParameterMissing(_) => ErrorCode::LoginParameterMissing,
            Self::AddressInvalid => ErrorCode::RequestBad,
            Self::TooManyCodes => ErrorCode::LoginTooManyCodes,
            Self::AccessKeySpent => ErrorCode::LoginAccessKeySpent,
            Self::AccessKeyBlocked => ErrorCode::LoginAccessKeyBlocked,
            Self::PasswordWrong => ErrorCode::LoginPasswordWrong,
            Self::PasswordWait { .. } => ErrorCode::LoginPasswordWait,
            Self::PasswordExpired => ErrorCode::LoginPasswordExpired,
            Self::PasswordWeak(Weakness::Classes) => ErrorCode::LoginPasswordClasses,
            Self::PasswordWeak(_) | Self::Hash(HashError::TooLong) => ErrorCode::LoginPasswordWeak,
            Self::PasswordUsed => ErrorCode::LoginPasswordUsed,
            Self::Hash(HashError::Busy) => ErrorCode::ServiceUnavailable,
            Self::TicketInvalid => ErrorCode::LoginTicketInvalid,
            Self::WrongBrowser => ErrorCode::LoginWrongBrowser,
            Self::Store { .. }
            | Self::Identify(IdentifyError::Store(_))
            | Self::Session(SessionError::Store(_)) => ErrorCode::ServiceUnavailable,
            Self::Session(_) | Self::Mail(_) | Self::Hash(HashError::Failed) => {
                ErrorCode::ServiceError
            }
        }
    }

    /// After how many seconds to try again, where that is known.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Rejected { retry_after, .. } => *retry_after,
            Self::TooMany { wait: left }
            | Self::PasswordWait { wait: left }
            | Self::Transport {
                error: OutboundError::BreakerOpen { retry_after: left },
                ..
            } => u32::try_from(left.as_secs() + 1).ok(),
            _ => None,
        }
    }

    /// The code of an answer that is of no use, by the step that asked for it.
    fn unusable(&self) -> ErrorCode {
        match self.step() {
            Step::Userinfo | Step::Then => ErrorCode::LoginUserinfoInvalid,
            Step::IdToken => ErrorCode::LoginIdTokenInvalid,
            _ => ErrorCode::LoginTokenResponseInvalid,
        }
    }

    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::StateMissing
            | Self::StateUnknown
            | Self::StateExpired
            | Self::StateReplayed
            | Self::StateMismatch(_)
            | Self::DuplicateParameter
            | Self::BadCallback(_)
            | Self::CodeMissing
            | Self::Denied
            | Self::AddressInvalid
            | Self::TooManyCodes
            | Self::AccessKeySpent
            | Self::AccessKeyBlocked
            | Self::PasswordWrong
            | Self::PasswordWait { .. }
            | Self::PasswordExpired
            | Self::PasswordWeak(_)
            | Self::PasswordUsed
            | Self::TicketInvalid
            | Self::WrongBrowser
            | Self::UnknownProvider
            | Self::ParameterMissing(_)
            | Self::TooMany { .. }
            | Self::AccessDenied(_)
            | Self::Identify(IdentifyError::NotTrusted | IdentifyError::Disabled) => Blame::Visitor,
            Self::Build {
                error: BuildError::Host(_) | BuildError::EmptyKey(_),
                ..
            } => Blame::Provider,
            Self::NoProvider | Self::Misconfigured(_) | Self::Build { .. } => Blame::Operator,
            Self::IssuerMismatch(_)
            | Self::ProviderError { .. }
            | Self::Transport { .. }
            | Self::Rejected { .. }
            | Self::Undecodable { .. }
            | Self::Incomplete { .. }
            | Self::IdToken(_)
            | Self::SignedAnswer { .. }
            | Self::EmailMissing(_)
            | Self::EmailInvalid(_)
            | Self::UserIdMissing(_) => Blame::Provider,
            Self::Store { .. }
            | Self::Identify(IdentifyError::Store(_))
            | Self::Mail(_)
            | Self::Hash(_)
            | Self::Session(_) => Blame::Us,
        }
    }
}

/// A provider's own words, whole but for what would move a terminal or begin a line.
pub(super) fn words(text: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '"' | '\\' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .take(1000)
        .map(|c| if odd(c) { '?' } else { c })
        .collect()
}

/// A provider's error code, fit for a log line (RFC 6749 §4.1.2.1 has its characters).
pub(super) fn error_code(text: &str) -> String {
    text.chars()
        .take(100)
        .map(|c| {
            if (' '..='~').contains(&c) && c != '"' && c != '\\' {
                c
            } else {
                '?'
            }
        })
        .collect()
}
