//! What PostgreSQL says, in our words. Its `DETAIL` stays out: it quotes records.

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::super::StoreError;

/// Why a statement did not do it.
#[derive(Debug)]
pub(super) enum Failure {
    /// Others were in the way: the whole transaction may be tried again.
    Again,
    /// Anything else.
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Again => unavailable("too many transactions at the same records"),
            Failure::Store(error) => error,
        }
    }
}

pub(super) fn unavailable(why: impl Into<String>) -> StoreError {
    StoreError::Unavailable(why.into())
}

/// What a statement failed with.
pub(super) fn fault(error: &Error) -> Failure {
    match error.code() {
        Some(code)
            if *code == SqlState::T_R_SERIALIZATION_FAILURE
                || *code == SqlState::T_R_DEADLOCK_DETECTED =>
        {
            Failure::Again
        }
        _ => Failure::Store(unavailable(format!("PostgreSQL: {}", said(error)))),
    }
}

/// Whether the server's disk is full.
pub(super) fn is_out_of_room(error: &Error) -> bool {
    error.code() == Some(&SqlState::DISK_FULL)
}

/// The sentence of an error, without what it quotes.
pub(super) fn said(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        return format!("{} ({})", db.message(), db.code().code());
    }
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Why no connection was made, and what to do about it.
pub(super) fn refusal(error: &Error, config: &tokio_postgres::Config) -> StoreError {
    let user = config.get_user().unwrap_or("(none)");
    let database = config.get_dbname().unwrap_or(user);
    let said = said(error);
    let Some(code) = error.code() else {
        // The driver's own words for `target_session_attrs=read-write`.
        if said.contains("does not allow writes") {
            return StoreError::Refused(
                "the database is read-only, as a standby is; name the primary in `store.durable`, \
                 or all servers with commas between"
                    .to_owned(),
            );
        }
        return unavailable(format!("PostgreSQL cannot be reached: {said}"));
    };
    if *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION
    {
        return StoreError::Refused(format!(
            "PostgreSQL refuses the user `{user}`: {said}; correct user and password in `store.durable`"
        ));
    }
    if *code == SqlState::INVALID_CATALOG_NAME {
        return StoreError::Refused(format!(
            "PostgreSQL has no database `{database}`; make it with `createdb {database}`, or name another in `store.durable`"
        ));
    }
    unavailable(format!("PostgreSQL accepts no connection: {said}"))
}
