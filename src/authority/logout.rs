//! Logout at and from applications: OpenID Connect RP-Initiated Logout and
//! Back-Channel Logout.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

use super::application::{Application, ClientId};
use super::error::OAuthError;
use super::family::end_grants_of_session;
use super::grants::Ending;
use super::id_token::Hint;
use super::{Authority, notices, session_name};
use crate::base::{AccountId, ErrorCode, UserId};
use crate::protocol::form::Pairs;
use crate::session::{self, Session};
use crate::store::{Key, Keyspace, Precondition, Space, Step, StoreError};

static PARTICIPANTS: Space = Space::durable("session_applications").expiring();

/// By account, the session's end, its name and the application.
const RECORDS: Keyspace<Participant> = Keyspace::new(&PARTICIPANTS);

pub(super) fn spaces() -> [&'static Space; 1] {
    [&PARTICIPANTS]
}

/// An application that takes part in a session and wants to hear of its end.
#[derive(Serialize, Deserialize)]
struct Participant {
    client_id: ClientId,
}

/// A logout that an application asks for.
pub struct LogoutRequest {
    /// The application.
    pub application: Option<Arc<Application>>,
    /// The account whose session ends.
    pub account: Option<AccountId>,
    /// Whose session it is, as the application knows it.
    pub hint: Option<Hint>,
    /// Where the browser goes then: registered, with `state` in it.
    pub then: Option<String>,
}

impl LogoutRequest {
    /// Whether the application proved to know this session, so that the
    /// visitor need not be asked (threat C10).
    pub fn knows(&self, session: &Session) -> bool {
        self.hint.as_ref().is_some_and(|hint| {
            hint.subject == session.user.to_string()
                && hint.sid.as_deref() == Some(&session_name(session))
        })
    }
}

impl Authority {
    /// Reads a logout request (OpenID Connect RP-Initiated Logout §2).
    ///
    /// # Errors
    /// If it asks for a redirect that its application did not register.
    pub async fn logout_request(&self, form: &Pairs) -> Result<LogoutRequest, OAuthError> {
        let hint = match form.get("id_token_hint") {
            Some(token) => Some(self.hint(token).await?.ok_or_else(|| {
                OAuthError::request("`id_token_hint` is not an ID token of this authority")
            })?),
            None => None,
        };
        let named = form.get("client_id");
        let hinted = hint.as_ref().map(|hint| hint.client_id.as_str());
        if let (Some(named), Some(hinted)) = (named, hinted)
            && named != hinted
        {
            return Err(OAuthError::request(
                "`client_id` is not that of `id_token_hint`",
            ));
        }
        let application = match named.or(hinted).map(str::parse::<ClientId>) {
            Some(Ok(id)) => self.application(&id).await?,
            _ => None,
        };
        let then = match form.get("post_logout_redirect_uri") {
            None => None,
            Some(uri) => Some(after(uri, form.get("state"), application.as_deref())?),
        };
        let account = hint
            .as_ref()
            .and_then(|hint| hint.account.as_deref())
            .or_else(|| {
                let own = application.as_ref()?.account.as_ref();
                own.map(AccountId::as_str).or(form.get("account"))
            })
            .and_then(|id| id.parse().ok());
        Ok(LogoutRequest {
            application,
            account,
            hint,
            then,
        })
    }

    /// Notes that an application takes part in a session.
    pub(super) async fn note_participant(
        &self,
        application: &Application,
        account: &AccountId,
        session: &Session,
    ) -> Result<(), StoreError> {
        if application.backchannel_logout_uri.is_none() {
            return Ok(());
        }
        let mut id = session_name(session).into_bytes();
        id.extend_from_slice(application.client_id.as_str().as_bytes());
        let key = Key::expiring(&PARTICIPANTS, account.as_str(), session.expires_at, &id);
        let record = Participant {
            client_id: application.client_id.clone(),
        };
        RECORDS
            .put_at(&*self.store, key, &record, Precondition::Any)
            .await?;
        Ok(())
    }

    /// Ends what applications were granted in a session, and sees to it that those which
    /// want to hear of it do. Before the session itself ends: where a crash comes between,
    /// the visitor is still logged in and can log out.
    pub async fn session_ended(
        &self,
        account: &AccountId,
        session: &Session,
    ) -> Result<(), StoreError> {
        end_session(&self.ending(), account, session).await?;
        self.notices.wake();
        Ok(())
    }

    /// Sees to it that the applications of all sessions of a user hear that these end.
    pub async fn sessions_ended(
        &self,
        account: &AccountId,
        user: UserId,
    ) -> Result<(), StoreError> {
        end_sessions(&self.ending(), account, user).await?;
        self.notices.wake();
        Ok(())
    }
}

/// Ends what applications were granted in a session, and writes down who hears of it.
/// On disk when this returns.
pub async fn end_session(
    ending: &Ending<'_>,
    account: &AccountId,
    session: &Session,
) -> Result<(), StoreError> {
    let sid = session_name(session);
    end_grants_of_session(ending, session.user, &sid).await?;
    let prefix = Key::expiring(
        &PARTICIPANTS,
        account.as_str(),
        session.expires_at,
        sid.as_bytes(),
    );
    let found = RECORDS
        .page(ending.store, account.as_str(), prefix.id(), None, 500)
        .await?;
    let mut steps = Vec::with_capacity(2 * found.len());
    for (key, participant) in found {
        let client_id = participant.value.client_id;
        let (sub, sid) = (session.user.to_string(), sid.clone());
        steps.push(Step::Delete(key));
        steps.push(notices::step(account, client_id, sub, sid, ending.now)?);
    }
    if !steps.is_empty() {
        ending.store.commit(steps).await?;
    }
    Ok(())
}

/// The same for all sessions of a user.
pub async fn end_sessions(
    ending: &Ending<'_>,
    account: &AccountId,
    user: UserId,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let found = session::page_of(ending.store, account, user, after, 500).await?;
        let Some((last, _)) = found.last() else {
            return Ok(());
        };
        after = Some(last.id().to_vec());
        for (_, session) in &found {
            end_session(ending, account, &session.value).await?;
        }
    }
}

fn after(
    uri: &str,
    state: Option<&str>,
    application: Option<&Application>,
) -> Result<String, OAuthError> {
    let registered =
        application.is_some_and(|app| app.post_logout_redirect_uris.iter().any(|u| u == uri));
    let unknown = || {
        OAuthError::request(
            "`post_logout_redirect_uri` is not one that the application registered; send `client_id` or `id_token_hint` with it",
        )
        .with_detail(ErrorCode::LogoutReturnToInvalid)
    };
    if !registered {
        return Err(unknown());
    }
    let mut url = Url::parse(uri).map_err(|_| unknown())?;
    if let Some(state) = state {
        url.query_pairs_mut().append_pair("state", state);
    }
    Ok(url.into())
}
