//! The last step: the ticket for a session, in the browser that began the login.

use tracing::info;

use super::error::{LoginError, Step};
use super::pending::{Browser, TICKET};
use super::{Logins, ReturnTo};
use crate::account::directory::{self, IdentifyError};
use crate::base::{AccountId, UserId};
use crate::session::{Session, Subject};
use crate::store::Token;

/// A login that is done.
pub struct Finished {
    /// The token for the session cookie.
    pub token: String,
    /// The session.
    pub session: Session,
    /// The origin of the store it began on.
    pub store: String,
    /// The page that was asked for.
    pub return_to: ReturnTo,
}

/// Takes the ticket and begins the session.
///
/// A ticket counts once, also where the browser is the wrong one: who got hold
/// of it gains nothing by trying (attack S14).
pub async fn finish(
    logins: &Logins,
    account: &AccountId,
    ticket: &str,
    browser: Option<&Browser>,
) -> Result<Finished, LoginError> {
    let ticket = Token::parse(ticket).ok_or(LoginError::TicketInvalid)?;
    let record = TICKET
        .take_by(&*logins.store, account.as_str(), &ticket)
        .await
        .map_err(Step::Finish.store())?
        .ok_or(LoginError::TicketInvalid)?;
    if !browser.is_some_and(|browser| record.browser.is(browser)) {
        return Err(LoginError::WrongBrowser);
    }
    let subject = Subject {
        account,
        user: record.user,
        email: &record.email,
        name: record.name.as_deref(),
        more: &record.more,
        provider: &record.provider,
    };
    let (token, session) = logins
        .sessions
        .begin(&*logins.store, &logins.keys, subject, logins.now())
        .await?;
    still_allowed(logins, account, record.user, &token).await?;
    metrics::counter!(
        "vestibule_logins_total",
        "account" => account.to_string(),
        "provider" => record.provider.to_string()
    )
    .increment(1);
    info!(
        target: "vestibule::login",
        login = record.id,
        account = %account,
        provider = %record.provider,
        user = %record.user,
        "finish: the session begins; the browser goes to the page that was asked for"
    );
    Ok(Finished {
        token,
        session,
        store: record.store,
        return_to: ReturnTo::stored(record.return_to),
    })
}

/// Ends the session that just began if its user was disabled or removed since
/// the ticket was issued. Looked at after the session is on disk: whoever
/// disables the user either is seen here or finds the session to end (attack M7).
async fn still_allowed(
    logins: &Logins,
    account: &AccountId,
    user: UserId,
    token: &str,
) -> Result<(), LoginError> {
    let store = &*logins.store;
    let found = directory::get(store, account, user)
        .await
        .map_err(Step::Finish.store())?;
    if found.is_some_and(|user| !user.value.disabled) {
        return Ok(());
    }
    logins
        .sessions
        .revoke(store, account, token, logins.now())
        .await
        .map_err(Step::Finish.store())?;
    Err(LoginError::Identify(IdentifyError::Disabled))
}
