//! The third step: who this is in the account, and a ticket for `finish`.

use serde_json::Map;
use tracing::{info, warn};

use super::super::Logins;
use super::super::error::{LoginError, Step};
use super::super::identify::{Identity, TICKET_LIFETIME};
use super::super::pending::{TICKET, TicketRecord};
use super::check::ProvedEmail;
use crate::account::directory::{self, IdentifiedUser};
use crate::base::LoginMethod;
use crate::store::{Precondition, Token};

/// Finds or creates the user, and issues the ticket.
pub async fn identify(logins: &Logins, proved: ProvedEmail) -> Result<Identity, LoginError> {
    let ProvedEmail { account, login } = proved;
    let now = logins.now();
    let found = directory::prove(&*logins.store, &account.id, &login.email, now)
        .await
        .map_err(LoginError::Identify)?;
    let IdentifiedUser {
        user,
        proved,
        settled,
    } = found;
    if proved {
        warn!(
            target: "vestibule::login",
            login = login.id,
            account = %account.id,
            user = %user.id,
            "identify: the user's email is proved now; links and all that was issued before are gone"
        );
    }
    let ticket = Token::new(now.plus(TICKET_LIFETIME));
    let record = TicketRecord {
        id: login.id,
        user: user.id,
        settled,
        generation: user.generation,
        email_verified: user.email_trusted,
        provider_user_id: None,
        email: user.email,
        name: user.name,
        more: Map::new(),
        method: LoginMethod::AccessKey,
        auth_time: Some(now),
        store: login.store,
        return_to: login.return_to,
        browser: login.browser,
        started_at: login.started_at,
        steps: Vec::new(),
        console: None,
    };
    let partition = account.id.as_str();
    TICKET
        .put_by(
            &*logins.store,
            partition,
            &ticket,
            &record,
            Precondition::Absent,
        )
        .await
        .map_err(Step::Identify.store())?;
    info!(
        target: "vestibule::login",
        login = record.id,
        account = %account.id,
        user = %user.id,
        took_ms = u64::try_from(now.since(login.started_at).as_millis()).unwrap_or(u64::MAX),
        "identify: the code was right; the browser goes back to the store with a ticket"
    );
    Ok(Identity {
        ticket,
        proved: proved.then_some(user.id),
    })
}
