//! The last step: the ticket for a session, in the browser that began the login.

use std::time::Duration;

use tracing::info;

use super::error::{LoginError, Step};
use super::identify::TICKET_LIFETIME;
use super::journal::{LoginEntry, LoginStep};
use super::pending::{Browser, TICKET, TicketRecord};
use super::{Logins, ReturnTo};
use crate::account::Account;
use crate::account::directory::{self, IdentifyError};
use crate::base::{AccountId, Authenticated, LoginMethod, ProviderId, Timestamp, UserId};
use crate::session::{Begun, Session, Subject, VtexTokens};
use crate::store::Token;

/// A login that is done.
pub struct Finished {
    /// The token for the session cookie.
    pub token: String,
    /// What clients of VTEX ID hold, where the account has such.
    pub vtex: Option<VtexTokens>,
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
/// of it gains nothing by trying (threat S14).
pub async fn finish(
    logins: &Logins,
    account: &Account,
    ticket: &str,
    browser: Option<&Browser>,
) -> Result<Finished, LoginError> {
    finish_within(logins, account, ticket, browser, None).await
}

/// The same for a session that lives at most so long, and that nothing renews.
pub async fn finish_within(
    logins: &Logins,
    account: &Account,
    ticket: &str,
    browser: Option<&Browser>,
    at_most: Option<Duration>,
) -> Result<Finished, LoginError> {
    let ticket = Token::parse(ticket).ok_or(LoginError::TicketInvalid)?;
    let record = TICKET
        .take_by(&*logins.store, account.id.as_str(), &ticket)
        .await
        .map_err(Step::Finish.store())?
        .filter(|record| record.console.is_none())
        .ok_or(LoginError::TicketInvalid)?;
    if !browser.is_some_and(|browser| record.browser.is(browser)) {
        return Err(LoginError::WrongBrowser);
    }
    // Removed or switched off while the browser was on its way here (threat B1).
    let stands = match &record.method {
        LoginMethod::Provider(id) => stands(logins, &account.id, id).await?,
        LoginMethod::AccessKey => account.access_key,
        LoginMethod::Password => account.login.password,
    };
    if !stands {
        return Err(LoginError::TicketInvalid);
    }
    let (device, address) = logins.journal.seen();
    let authenticated = Authenticated {
        at: record.auth_time,
        acr: record.acr.clone(),
        amr: record.amr.clone(),
    };
    let subject = Subject {
        account: &account.id,
        user: record.user,
        settled: record.settled,
        generation: record.generation,
        email: &record.email,
        email_verified: record.email_verified,
        provider_user_id: record.provider_user_id.as_deref(),
        name: record.name.as_deref(),
        more: &record.more,
        method: &record.method,
        authenticated: &authenticated,
        device: device.as_deref(),
        address: address.as_deref(),
        signing_alg: account.signing_alg,
        vtex: account.login.vtex_compatible,
        at_provider: record.at_provider.as_ref(),
        at_most,
    };
    let Begun {
        token,
        vtex,
        session,
    } = logins
        .sessions
        .begin(&*logins.store, &logins.keys, subject, logins.now())
        .await?;
    still_allowed(logins, &account.id, &session, &token).await?;
    if ended_there(logins, account, &record, &ticket).await? {
        logins
            .sessions
            .revoke(&*logins.store, &account.id, &token, logins.now())
            .await
            .map_err(Step::Finish.store())?;
        return Err(LoginError::TicketInvalid);
    }
    note(logins, account, &record, &session);
    logins
        .meters
        .logins(&account.id, &record.method)
        .increment(1);
    info!(
        target: "vestibule::login",
        login = record.id,
        account = %account.id,
        provider = %record.method,
        user = %record.user,
        "finish: the session begins; the browser goes to the page that was asked for"
    );
    Ok(Finished {
        token,
        vtex,
        session,
        store: record.store,
        return_to: ReturnTo::stored(record.return_to),
    })
}

/// Whether people may still log in through a provider.
///
/// # Errors
/// If the store fails.
pub async fn stands(
    logins: &Logins,
    account: &AccountId,
    provider: &ProviderId,
) -> Result<bool, LoginError> {
    let found = logins.mappings.provider(account, provider).await;
    let there = found.map_err(Step::Finish.store())?.is_some();
    Ok(there && logins.is_on(account, provider, Step::Finish).await?)
}

/// Whether the provider ended its session while the browser was on its way here. Looked
/// at after ours is there: its logout either is seen here or finds the session to end.
async fn ended_there(
    logins: &Logins,
    account: &Account,
    record: &TicketRecord,
    ticket: &Token,
) -> Result<bool, LoginError> {
    let (Some(at), Some(provider)) = (&record.at_provider, record.method.provider()) else {
        return Ok(false);
    };
    let lifetime = u64::try_from(TICKET_LIFETIME.as_millis()).unwrap_or_default();
    let issued = ticket.expires_at().as_millis().saturating_sub(lifetime);
    logins
        .is_logged_out(&account.id, provider, at, Timestamp::from_millis(issued))
        .await
        .map_err(Step::Finish.store())
}

/// Notes the login in its log; nobody waits for that.
fn note(logins: &Logins, account: &Account, record: &TicketRecord, session: &Session) {
    let now = logins.now();
    let took = now.since(record.started_at).as_millis();
    let mut steps = record.steps.clone();
    if !steps.is_empty() {
        steps.push(LoginStep {
            step: Step::Finish.name().to_owned(),
            ms: u64::try_from(took).unwrap_or(u64::MAX),
        });
    }
    let entry = LoginEntry {
        account: Some(account.id.clone()),
        provider: Some(record.method.as_str().to_owned()),
        user: Some(record.user),
        email: Some(record.email.clone()),
        store: Some(record.store.clone()),
        steps,
        ..LoginEntry::new(
            &record.id,
            now,
            (session.device.clone(), session.address.clone()),
        )
    };
    logins.journal.note(entry);
}

/// Ends the session that just began if its user was disabled or removed since
/// the ticket was issued, or all that was issued to them ended. Looked at after
/// the session is on disk: whoever does that either is seen here or finds the
/// session to end (threat M7).
async fn still_allowed(
    logins: &Logins,
    account: &AccountId,
    session: &Session,
    token: &str,
) -> Result<(), LoginError> {
    if may_act(logins, account, session.user, session.generation).await? {
        return Ok(());
    }
    logins
        .sessions
        .revoke(&*logins.store, account, token, logins.now())
        .await
        .map_err(Step::Finish.store())?;
    Err(LoginError::Identify(IdentifyError::Disabled))
}

async fn may_act(
    logins: &Logins,
    account: &AccountId,
    user: UserId,
    generation: u64,
) -> Result<bool, LoginError> {
    directory::may_act(&*logins.store, account, user, generation)
        .await
        .map_err(Step::Finish.store())
}

/// An operator's login that is done: an email that its provider vouches for.
/// Whether there is an operator of that email is not known here.
#[derive(Debug)]
pub struct VouchedLogin {
    /// The login's id, for the log.
    pub id: String,
    /// The email.
    pub email: String,
    /// The provider that vouches for it.
    pub provider: ProviderId,
    /// The page of the console that was asked for.
    pub return_to: ReturnTo,
}

/// Takes the ticket of an operator's login; no shopper's session begins.
///
/// A ticket counts once, also where the browser is the wrong one (threat S14).
///
/// # Errors
/// If the provider does not vouch for the email (threat M1), the user is
/// disabled in the account, or the ticket is another login's or browser's.
pub async fn vouch(
    logins: &Logins,
    account: &AccountId,
    ticket: &str,
    browser: Option<&Browser>,
) -> Result<VouchedLogin, LoginError> {
    let ticket = Token::parse(ticket).ok_or(LoginError::TicketInvalid)?;
    let record = TICKET
        .take_by(&*logins.store, account.as_str(), &ticket)
        .await
        .map_err(Step::Finish.store())?
        .ok_or(LoginError::TicketInvalid)?;
    let console = record.console.ok_or(LoginError::TicketInvalid)?;
    let LoginMethod::Provider(provider) = record.method else {
        return Err(LoginError::TicketInvalid);
    };
    if !browser.is_some_and(|browser| record.browser.is(browser)) {
        return Err(LoginError::WrongBrowser);
    }
    if !stands(logins, account, &provider).await? {
        return Err(LoginError::TicketInvalid);
    }
    if !may_act(logins, account, record.user, record.generation).await? {
        return Err(LoginError::Identify(IdentifyError::Disabled));
    }
    let not_trusted = LoginError::Identify(IdentifyError::NotTrusted);
    Ok(VouchedLogin {
        id: record.id,
        email: console.email.ok_or(not_trusted)?,
        provider,
        return_to: ReturnTo::stored(record.return_to),
    })
}
