//! The third step: who this is in the account, and a ticket for `finish`.

use std::sync::Arc;

use tracing::warn;

use super::super::Logins;
use super::super::error::{LoginError, Step};
use super::super::identify::Identity;
use super::super::ticket::{self, Place};
use super::check::ProvedEmail;
use crate::account::directory::{self, IdentifiedUser};
use crate::account::{Account, User, credential};
use crate::base::LoginMethod;

/// The user of a proved email.
pub struct ProvedUser {
    account: Arc<Account>,
    user: User,
    proved: bool,
    place: Place,
}

impl ProvedUser {
    /// Who it is.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// Whether the email was proved now and was not before: what others were issued
    /// is to end.
    pub fn is_new_owner(&self) -> bool {
        self.proved
    }

    /// The same, as their record is by now.
    pub async fn again(self, logins: &Logins) -> Result<Self, LoginError> {
        let found = directory::get(&*logins.store, &self.account.id, self.user.id).await;
        let found = found.map_err(Step::Identify.store())?;
        let user = found.ok_or(LoginError::TicketInvalid)?.value;
        Ok(Self { user, ..self })
    }

    /// Issues the ticket.
    pub async fn ticket(
        self,
        logins: &Logins,
        method: LoginMethod,
    ) -> Result<Identity, LoginError> {
        let id = self.user.id;
        let issued = ticket::issue(logins, &self.account, self.user, method, self.place);
        Ok(Identity {
            ticket: issued.await?,
            proved: self.proved.then_some(id),
        })
    }
}

/// Finds or creates the user.
pub async fn find(logins: &Logins, proved: ProvedEmail) -> Result<ProvedUser, LoginError> {
    let ProvedEmail { account, login } = proved;
    let now = logins.now();
    let found = directory::prove(&*logins.store, &account.id, &login.email, now)
        .await
        .map_err(LoginError::Identify)?;
    let IdentifiedUser { user, proved, .. } = found;
    if proved {
        warn!(
            target: "vestibule::login",
            login = login.id,
            account = %account.id,
            user = %user.id,
            "identify: the user's email is proved now; links and all that was issued before are gone"
        );
        // Whoever waited for the owner may have chosen it (threat F1).
        credential::remove(&*logins.store, &account.id, user.id)
            .await
            .map_err(Step::Identify.store())?;
    }
    Ok(ProvedUser {
        account,
        user,
        proved,
        place: Place {
            id: login.id,
            store: login.store,
            return_to: login.return_to,
            browser: login.browser,
            started_at: Some(login.started_at),
        },
    })
}

/// Finds or creates the user, and issues the ticket.
pub async fn identify(logins: &Logins, proved: ProvedEmail) -> Result<Identity, LoginError> {
    let found = find(logins, proved).await?;
    found.ticket(logins, LoginMethod::AccessKey).await
}
