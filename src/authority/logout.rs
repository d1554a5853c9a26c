//! Logout at and from applications: OpenID Connect RP-Initiated Logout and
//! Back-Channel Logout.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::{info, warn};
use url::Url;

use super::application::{Application, ClientId};
use super::error::OAuthError;
use super::family::end_grants_of_session;
use super::granted::Granted;
use super::grants::Ending;
use super::id_token::Hint;
use super::response_key::ResponseKey;
use super::{Authority, session_name};
use crate::base::{AccountId, ErrorCode, UserId, random};
use crate::outbound::{Limits, PreparedRequest};
use crate::protocol::form::Pairs;
use crate::session::{self, Session};
use crate::store::{Key, Keyspace, Precondition, Space, StoreError};

static PARTICIPANTS: Space = Space::durable("session_applications").expiring();

/// By account, the session's end, its name and the application.
const RECORDS: Keyspace<Participant> = Keyspace::new(&PARTICIPANTS);

/// How long a logout token counts.
const LIFETIME: Duration = Duration::from_secs(120);
/// Pauses before a notice is sent again.
const RETRY_DELAYS: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(15)];

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

    /// Ends what applications were granted in a session, and tells those that want
    /// to hear of it, in the background.
    pub async fn session_ended(
        self: &Arc<Self>,
        account: &AccountId,
        session: &Session,
    ) -> Result<(), StoreError> {
        self.end_session(&self.ending(), account, session).await
    }

    /// The same, with an ending that may have something beside it.
    pub async fn end_session(
        self: &Arc<Self>,
        ending: &Ending<'_>,
        account: &AccountId,
        session: &Session,
    ) -> Result<(), StoreError> {
        let sid = session_name(session);
        end_grants_in(ending, session).await?;
        let prefix = Key::expiring(
            &PARTICIPANTS,
            account.as_str(),
            session.expires_at,
            sid.as_bytes(),
        );
        let found = RECORDS
            .page(&*self.store, account.as_str(), prefix.id(), None, 500)
            .await?;
        for (key, participant) in found {
            self.store.delete(&key, Precondition::Any).await?;
            let id = participant.value.client_id;
            let authority = Arc::clone(self);
            let account = account.clone();
            let (sub, sid) = (session.user.to_string(), sid.clone());
            tokio::spawn(async move {
                match authority.notify(&id, &account, &sub, &sid).await {
                    Ok(true) => {
                        info!(client_id = %id, "back-channel logout: the application answered");
                    }
                    Ok(false) => {}
                    Err(why) => warn!(client_id = %id, why, "back-channel logout failed"),
                }
            });
        }
        Ok(())
    }

    /// Tells the application of a grant that it ended, in the background.
    pub fn grant_ended(self: &Arc<Self>, granted: Granted) {
        let Some(sid) = granted.sid else {
            return;
        };
        let authority = Arc::clone(self);
        tokio::spawn(async move {
            let (id, sub) = (granted.client_id, granted.user.to_string());
            let sent = authority.notify(&id, &granted.account, &sub, &sid).await;
            if let Err(why) = sent {
                warn!(client_id = %id, why, "back-channel logout failed");
            }
        });
    }

    /// Tells the applications of all sessions of a user that these end, in the
    /// background.
    pub async fn sessions_ended(
        self: &Arc<Self>,
        account: &AccountId,
        user: UserId,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let found = session::page_of(&*self.store, account, user, after, 500).await?;
            let Some((last, _)) = found.last() else {
                return Ok(());
            };
            after = Some(last.id().to_vec());
            for (_, session) in &found {
                self.session_ended(account, &session.value).await?;
            }
        }
    }

    /// Sends a logout token (OpenID Connect Back-Channel Logout §2.5), a few times.
    async fn notify(
        &self,
        id: &ClientId,
        account: &AccountId,
        sub: &str,
        sid: &str,
    ) -> Result<bool, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let application = self.application(id).await.map_err(|e| text(&e))?;
        let Some(application) = application else {
            return Ok(false);
        };
        let Some(uri) = &application.backchannel_logout_uri else {
            return Ok(false);
        };
        let url = Url::parse(uri).map_err(|e| text(&e))?;
        let keys = self.response_keys(&application, account).await;
        let keys = keys.map_err(|e| text(&e))?;
        let mut refused = "the application has no secret that counts".to_owned();
        // While two secrets count, the application has one of them.
        for key in &keys {
            match self.send_notice(id, &url, *key, (sub, sid)).await? {
                None => return Ok(true),
                Some(status) => refused = format!("the application answered {status}"),
            }
        }
        Err(refused)
    }

    /// The same with one key; gives the status where it was refused.
    async fn send_notice(
        &self,
        id: &ClientId,
        url: &Url,
        key: ResponseKey<'_>,
        (sub, sid): (&str, &str),
    ) -> Result<Option<u16>, String> {
        let mut last = String::new();
        for pause in [None].into_iter().chain(RETRY_DELAYS.into_iter().map(Some)) {
            if let Some(pause) = pause {
                tokio::time::sleep(pause).await;
            }
            let now = self.now();
            // §2.4: no nonce, so that it is never taken for an ID token.
            let claims = json!({
                "iss": self.issuer,
                "aud": id,
                "sub": sub,
                "sid": sid,
                "iat": now.as_secs(),
                "exp": now.plus(LIFETIME).as_secs(),
                "jti": random::token(),
                "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
            });
            let token = key.sign(&self.keys, "logout+jwt", &claims).await;
            let token = token.map_err(|error| error.to_string())?;
            let request = PreparedRequest {
                method: http::Method::POST,
                url: url.clone(),
                headers: vec![(
                    "Content-Type".to_owned(),
                    "application/x-www-form-urlencoded".to_owned(),
                )],
                body: Some(format!("logout_token={token}").into_bytes()),
            };
            let lane = format!("logout/{id}");
            match self.outbound.send(&lane, request, &Limits::default()).await {
                Ok(answer) if (200..300).contains(&answer.status) => return Ok(None),
                Ok(answer) if (400..500).contains(&answer.status) => {
                    return Ok(Some(answer.status));
                }
                Ok(answer) => last = format!("the application answered {}", answer.status),
                Err(error) => last = error.to_string(),
            }
        }
        Err(last)
    }
}

/// Ends what applications were granted in a session.
pub async fn end_grants_in(ending: &Ending<'_>, session: &Session) -> Result<(), StoreError> {
    end_grants_of_session(ending, session.user, &session_name(session)).await
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
