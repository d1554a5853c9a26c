//! Why an operation was refused.

use crate::account::mapping::ApplyError;
use crate::document::Finding;
use crate::key::KeyError;
use crate::store::StoreError;

/// What an operation gives.
pub type Outcome<T> = Result<T, OperationError>;

/// What kind of refusal it is: whoever translates goes by this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The input is not as it must be.
    Invalid,
    /// The input can be read, but what it describes does not work.
    Unprocessable,
    /// The caller may not do this.
    Forbidden,
    /// The caller may read, and this changes something.
    NeedsWrite,
    /// It is not there, or not the caller's.
    Missing,
    /// Something else is in the way.
    Conflict,
    /// The condition does not hold: it was changed meanwhile.
    Stale,
    /// It can't be done now.
    Unavailable,
    /// It should never happen.
    Internal,
}

/// Why an operation was refused; nothing was changed then.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct OperationError {
    /// What kind of refusal it is.
    pub kind: ErrorKind,
    /// The stable code.
    pub code: &'static str,
    /// The field of the input that it is about, where it is about one.
    pub field: Option<&'static str>,
    /// What is wrong, and what to do about it.
    pub detail: String,
    /// What a check of a mapping found.
    pub findings: Vec<Finding>,
}

impl OperationError {
    /// A refusal.
    pub fn new(kind: ErrorKind, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            field: None,
            detail: detail.into(),
            findings: Vec::new(),
        }
    }

    /// A field that is not as it must be.
    pub fn invalid(code: &'static str, field: &'static str, detail: impl ToString) -> Self {
        Self::new(ErrorKind::Invalid, code, detail.to_string()).at(field)
    }

    /// The same answer for what is not there and what is someone else's.
    pub fn missing(what: &str) -> Self {
        let detail = format!("there is no such {what}");
        Self::new(ErrorKind::Missing, "admin.not_found", detail)
    }

    /// Something the caller may not do.
    pub fn forbidden(detail: &str) -> Self {
        Self::new(ErrorKind::Forbidden, "admin.forbidden", detail)
    }

    /// Something else is in the way.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, code, detail)
    }

    /// Names the field that it is about.
    #[must_use]
    pub fn at(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    /// Adds what a check found.
    #[must_use]
    pub fn with_findings(mut self, findings: Vec<Finding>) -> Self {
        self.findings = findings;
        self
    }

    /// Another refusal in place of this, where this one says that the condition
    /// does not hold.
    #[must_use]
    pub fn if_stale(self, instead: impl FnOnce() -> Self) -> Self {
        match self.kind {
            ErrorKind::Stale => instead(),
            _ => self,
        }
    }
}

impl From<StoreError> for OperationError {
    fn from(failure: StoreError) -> Self {
        match failure {
            StoreError::Conflict => Self::new(
                ErrorKind::Stale,
                "admin.changed_meanwhile",
                "it was changed by someone else meanwhile; read it again and repeat your change",
            ),
            other => {
                tracing::error!(why = %other, "the store failed");
                Self::new(
                    ErrorKind::Unavailable,
                    "service.unavailable",
                    format!("{other}; nothing was changed"),
                )
            }
        }
    }
}

impl From<ApplyError> for OperationError {
    fn from(failure: ApplyError) -> Self {
        match failure {
            ApplyError::Findings(findings) => Self::new(
                ErrorKind::Unprocessable,
                "mapping.invalid",
                "the mapping does not compile; what was applied before stays",
            )
            .with_findings(findings),
            second @ ApplyError::SecondCustom { .. } => {
                Self::conflict("mapping.second_custom", second.to_string())
            }
            ApplyError::Store(failure) => failure.into(),
        }
    }
}

impl From<KeyError> for OperationError {
    fn from(error: KeyError) -> Self {
        let kind = match &error {
            KeyError::Store(_) => ErrorKind::Unavailable,
            KeyError::NoSuchKey(_) | KeyError::NoCertificate(_) => ErrorKind::Missing,
            KeyError::Busy
            | KeyError::FromFile { .. }
            | KeyError::SameFile { .. }
            | KeyError::NotAdditional(_) => ErrorKind::Conflict,
            KeyError::Corrupt(_) | KeyError::Crypto(_) | KeyError::Gone => ErrorKind::Internal,
            _ => ErrorKind::Unprocessable,
        };
        Self::new(kind, error.code(), error.to_string())
    }
}
