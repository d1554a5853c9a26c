//! Who calls, and what they may do.

use super::error::{OperationError, Outcome};
use crate::base::{AccountId, ErrorCode};

/// What an operation does to what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// It reads.
    Read,
    /// It changes something.
    Write,
}

/// Who calls an operation.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is, for the audit log.
    name: String,
    access: Access,
    /// The accounts the caller is limited to; `None`: all, and the broker itself.
    limit: Option<Vec<AccountId>>,
    /// Whether only how an account looks and whose emails lead where is theirs to change
    /// of its settings.
    narrow: bool,
}

impl Caller {
    /// Whoever owns the data directory owns the broker.
    pub fn local() -> Self {
        Self::new("local operator", Access::Write, None)
    }

    /// A program, with what its token allows.
    pub fn new(name: impl Into<String>, access: Access, limit: Option<AccountId>) -> Self {
        Self {
            name: name.into(),
            access,
            limit: limit.map(|account| vec![account]),
            narrow: false,
        }
    }

    /// A program of somebody who administers these accounts.
    pub fn of_accounts(name: impl Into<String>, access: Access, accounts: Vec<AccountId>) -> Self {
        Self {
            name: name.into(),
            access,
            limit: Some(accounts),
            narrow: false,
        }
    }

    /// The same, who may change of an account's settings only how it looks and whose
    /// emails lead where.
    #[must_use]
    pub fn narrowed(mut self) -> Self {
        self.narrow = true;
        self
    }

    /// Whether only that is theirs to change of an account's settings.
    pub fn is_narrow(&self) -> bool {
        self.narrow
    }

    /// Who it is, for the audit log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The accounts the caller is limited to; `None`: all.
    pub fn limit(&self) -> Option<&[AccountId]> {
        self.limit.as_deref()
    }

    /// Whether what belongs to this account, or to all, is the caller's to see.
    pub fn sees(&self, account: Option<&AccountId>) -> bool {
        self.limit()
            .is_none_or(|own| account.is_some_and(|account| own.contains(account)))
    }

    /// Fails unless the caller may do so at all, whatever it is about.
    pub fn check(&self, access: Access) -> Outcome<()> {
        if self.access >= access {
            return Ok(());
        }
        Err(OperationError::new(
            ErrorCode::AdminForbidden,
            "this changes something, and the caller may only read",
        ))
    }

    /// Fails unless the caller may do so to what belongs to an account; `None` is
    /// an id that no account can have.
    pub fn check_account(&self, access: Access, account: Option<&AccountId>) -> Outcome<()> {
        self.check(access)?;
        if self.sees(account) {
            Ok(())
        } else {
            Err(OperationError::missing("account"))
        }
    }

    /// Fails unless the caller may do so to what belongs to the broker.
    pub fn check_broker(&self, access: Access) -> Outcome<()> {
        self.check(access)?;
        if self.limit.is_none() {
            Ok(())
        } else {
            Err(OperationError::forbidden(
                "this needs an access token for all accounts",
            ))
        }
    }
}
