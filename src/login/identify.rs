//! The fifth step: who this is in the account, and a ticket back to the store.

use std::time::Duration;

use tracing::{info, warn};

use super::Logins;
use super::error::{LoginError, Step};
use super::journal::LoginStep;
use super::pending::{ConsoleLogin, TICKET, TicketRecord};
use super::userinfo::Identified;
use crate::account::directory::{self, IdentifiedUser};
use crate::account::provider_tokens;
use crate::base::{LoginMethod, UserId};
use crate::store::{Precondition, Token};

/// How long a ticket lives: the time of one redirect.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(60);

/// A login that is done but for its cookie.
pub struct Identity {
    /// The ticket for the store's `finish`.
    pub ticket: Token,
    /// Somebody who proved just now that this user is theirs: what others were
    /// issued before counts no more (threat F1), and their applications are told.
    pub proved: Option<UserId>,
}

/// Finds or creates the user, and issues the ticket.
///
/// # Errors
/// If nobody is meant, or the store fails.
pub async fn identify(
    logins: &Logins,
    identified: Identified,
    steps: Vec<LoginStep>,
) -> Result<Identity, LoginError> {
    let (login, profile, kept) = identified.into_parts();
    let now = logins.now();
    let account = login.account();
    let provider = login.provider();
    let IdentifiedUser {
        user,
        proved,
        settled,
    } = directory::identify(&*logins.store, account, (&**provider).into(), &profile, now)
        .await
        .map_err(LoginError::Identify)?;
    if proved {
        warn!(
            target: "vestibule::login",
            login = login.id(),
            account = %account,
            user = %user.id,
            "identify: the user's email is vouched for now; links and all that was issued before are gone"
        );
    }
    if proved {
        // Those of who waited there with the email.
        provider_tokens::forget_user(&*logins.store, account, user.id)
            .await
            .map_err(Step::Identify.store())?;
    }
    if let Some(tokens) = kept.tokens {
        tokens
            .keep(logins, &login, user.id)
            .await
            .map_err(Step::Identify.store())?;
    }
    let vouched = directory::vouched(provider.email_trust, &profile).map(str::to_owned);
    let origin = login.origin().clone();
    let ticket = Token::new(now.plus(TICKET_LIFETIME));
    let record = TicketRecord {
        id: login.id().to_owned(),
        user: user.id,
        settled,
        generation: user.generation,
        email_verified: user.email_trusted,
        provider_user_id: Some(profile.user_id),
        email: user.email,
        name: user.name,
        more: user.more,
        method: LoginMethod::Provider(provider.id.clone()),
        auth_time: kept.authenticated.at,
        acr: kept.authenticated.acr,
        amr: kept.authenticated.amr,
        store: origin.store,
        return_to: origin.return_to,
        browser: origin.browser,
        started_at: origin.started_at,
        steps,
        console: origin.console.then_some(ConsoleLogin { email: vouched }),
        at_provider: kept.at_provider,
    };
    TICKET
        .put_by(
            &*logins.store,
            account.as_str(),
            &ticket,
            &record,
            Precondition::Absent,
        )
        .await
        .map_err(Step::Identify.store())?;
    info!(
        target: "vestibule::login",
        login = login.id(),
        account = %account,
        provider = %provider.id,
        user = %user.id,
        took_ms = u64::try_from(now.since(origin.started_at).as_millis()).unwrap_or(u64::MAX),
        "identify: the user is known; the browser goes back to the store with a ticket"
    );
    Ok(Identity {
        ticket,
        proved: proved.then_some(user.id),
    })
}
