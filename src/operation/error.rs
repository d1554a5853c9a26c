//! Why an operation was refused.

use crate::account::mapping::ApplyError;
use crate::base::ErrorCode;
use crate::document::Finding;
use crate::key::KeyError;
use crate::store::StoreError;

/// What an operation gives.
pub type Outcome<T> = Result<T, OperationError>;

/// Why an operation was refused; nothing was changed then.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct OperationError {
    /// The stable code.
    pub code: ErrorCode,
    /// The field of the input that it is about, where it is about one.
    pub field: Option<&'static str>,
    /// What is wrong, and what to do about it.
    pub detail: String,
    /// What a check of a mapping found.
    pub findings: Vec<Finding>,
}

impl OperationError {
    /// A refusal.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            field: None,
            detail: detail.into(),
            findings: Vec::new(),
        }
    }

    /// A field that is not as it must be.
    #[expect(clippy::needless_pass_by_value, reason = "an error, or a sentence")]
    pub fn invalid(code: ErrorCode, field: &'static str, detail: impl ToString) -> Self {
        Self::new(code, detail.to_string()).at(field)
    }

    /// The same answer for what is not there and what is someone else's.
    pub fn missing(what: &str) -> Self {
        Self::new(ErrorCode::AdminNotFound, format!("there is no such {what}"))
    }

    /// Something the caller may not do.
    pub fn forbidden(detail: &str) -> Self {
        Self::new(ErrorCode::AdminForbidden, detail)
    }

    /// Whether it says that the condition does not hold.
    pub fn is_stale(&self) -> bool {
        self.code == ErrorCode::AdminChangedMeanwhile
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
        if self.is_stale() { instead() } else { self }
    }
}

impl From<StoreError> for OperationError {
    fn from(failure: StoreError) -> Self {
        match failure {
            StoreError::Conflict => Self::new(
                ErrorCode::AdminChangedMeanwhile,
                "it was changed by someone else meanwhile; read it again and repeat your change",
            ),
            other => {
                tracing::error!(why = %other, "the store failed");
                let detail = format!("{other}; nothing was changed");
                Self::new(ErrorCode::ServiceUnavailable, detail)
            }
        }
    }
}

impl From<ApplyError> for OperationError {
    fn from(failure: ApplyError) -> Self {
        match failure {
            ApplyError::Findings(findings) => Self::new(
                ErrorCode::MappingInvalid,
                "the mapping does not compile; what was applied before stays",
            )
            .with_findings(findings),
            second @ ApplyError::SecondCustom { .. } => {
                Self::new(ErrorCode::MappingSecondCustom, second.to_string())
            }
            ApplyError::Asks(question) => Self::new(question.code(), question.to_string()),
            ApplyError::Store(failure) => failure.into(),
        }
    }
}

impl From<KeyError> for OperationError {
    fn from(error: KeyError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
