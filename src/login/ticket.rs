//! The ticket of a login that came through no provider: what `finish` begins the
//! session with.

use serde_json::Map;
use tracing::info;

use super::Logins;
use super::error::{LoginError, Step};
use super::identify::TICKET_LIFETIME;
use super::pending::{Browser, BrowserDigest, TICKET, TicketRecord};
use super::return_to::ReturnTo;
use crate::account::{Account, StoreFront, User};
use crate::base::{Authenticated, LoginMethod, Timestamp, random};
use crate::session::renewal::Renewal;
use crate::store::{Precondition, Token};

/// Where a login began and leads to.
pub struct Place {
    pub(super) id: String,
    pub(super) store: String,
    pub(super) return_to: String,
    pub(super) browser: BrowserDigest,
    /// When it began, where that was before now.
    pub(super) started_at: Option<Timestamp>,
}

impl Place {
    /// A login that begins now.
    pub fn new(store: &StoreFront, return_to: &ReturnTo, browser: &Browser) -> Self {
        Self {
            id: random::support_id(),
            store: store.origin.clone(),
            return_to: return_to.as_str().to_owned(),
            browser: browser.digest(),
            started_at: None,
        }
    }
}

/// Issues a ticket to a user whose session is renewed.
pub async fn renewed(
    logins: &Logins,
    account: &Account,
    user: User,
    renewal: &Renewal,
    place: Place,
) -> Result<Token, LoginError> {
    let method = renewal.method.clone();
    issue_as_of(
        logins,
        account,
        user,
        method,
        place,
        renewal.authenticated_at,
    )
    .await
}

/// Issues a ticket to a user who proved who they are.
pub(super) async fn issue(
    logins: &Logins,
    account: &Account,
    user: User,
    method: LoginMethod,
    place: Place,
) -> Result<Token, LoginError> {
    let now = logins.now();
    issue_as_of(logins, account, user, method, place, now).await
}

async fn issue_as_of(
    logins: &Logins,
    account: &Account,
    user: User,
    method: LoginMethod,
    place: Place,
    authenticated_at: Timestamp,
) -> Result<Token, LoginError> {
    let now = logins.now();
    let ticket = Token::new(now.plus(TICKET_LIFETIME));
    let authenticated = Authenticated::here(&method, authenticated_at);
    let record = TicketRecord {
        id: place.id,
        user: user.id,
        settled: false,
        generation: user.generation,
        email_verified: user.email_trusted,
        provider_user_id: None,
        email: user.email,
        name: user.name,
        more: Map::new(),
        method,
        auth_time: authenticated.at,
        acr: authenticated.acr,
        amr: authenticated.amr,
        store: place.store,
        return_to: place.return_to,
        browser: place.browser,
        started_at: place.started_at.unwrap_or(now),
        steps: Vec::new(),
        console: None,
        at_provider: None,
    };
    let (store, partition) = (&*logins.store, account.id.as_str());
    TICKET
        .put_by(store, partition, &ticket, &record, Precondition::Absent)
        .await
        .map_err(Step::Identify.store())?;
    info!(
        target: "vestibule::login",
        login = record.id,
        account = %account.id,
        user = %user.id,
        "identify: the browser goes back to the store with a ticket"
    );
    Ok(ticket)
}
