//! Pushed authorization requests (RFC 9126): the application sends its request here
//! and gives the browser only a reference to it.

use std::time::Duration;

use serde_json::{Value, json};

use super::Authority;
use super::application::{Application, PushedRequests};
use super::authorize::Authorization;
use super::error::OAuthError;
use crate::base::ErrorCode;
use crate::protocol::form::Pairs;
use crate::store::{Keyspace, Precondition, Space, StoreError, Token};

static PUSHED: Space = Space::transient("pushed_requests").expiring();

const RECORDS: Keyspace<Authorization> = Keyspace::new(&PUSHED);

/// What a reference begins with (RFC 9126 §2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// How long a reference counts: the time of a redirect, and of a click.
const LIFETIME: Duration = Duration::from_secs(90);

pub(super) fn space() -> &'static Space {
    &PUSHED
}

/// A request that was pushed.
pub struct Pushed {
    /// What the application is told.
    pub answer: Value,
    /// What it is kept under.
    pub token: Token,
    /// How many bytes of texts from outside it has.
    pub texts: usize,
}

/// Whether a `request_uri` is a reference that was given out here.
pub(super) fn is_ours(uri: &str) -> bool {
    uri.starts_with(PREFIX)
}

impl Authority {
    /// Takes a request of an application that has authenticated, checked as if the
    /// browser brought it (RFC 9126 §2.1).
    pub async fn push(
        &self,
        application: &Application,
        form: &Pairs,
    ) -> Result<Pushed, OAuthError> {
        if application.settings.pushed_authorization_requests == PushedRequests::Off {
            return Err(OAuthError::request(
                "this application may not push authorization requests",
            ));
        }
        if form.get("request_uri").is_some() {
            return Err(OAuthError::request("`request_uri` is not pushed"));
        }
        // Clients that authenticate with a header leave it out.
        let named = form.get("client_id");
        if named.is_some_and(|id| id != application.client_id.as_str()) {
            return Err(OAuthError::request(
                "`client_id` is not that of the client that authenticated",
            ));
        }
        let request = self.pushed_authorization(form, application).await?;
        let token = Token::new(self.now().plus(LIFETIME));
        let texts = request.texts();
        RECORDS
            .put_by(&*self.store, "", &token, &request, Precondition::Absent)
            .await?;
        let answer = json!({
            "request_uri": format!("{PREFIX}{}", token.as_str()),
            "expires_in": LIFETIME.as_secs(),
        });
        Ok(Pushed {
            answer,
            token,
            texts,
        })
    }

    /// Forgets a request that was pushed: another took its place.
    pub async fn forget_pushed(&self, token: &Token) -> Result<(), StoreError> {
        RECORDS.delete_by(&*self.store, "", token).await.map(drop)
    }

    /// Takes up a request that was pushed, once, for the application that pushed it.
    pub(super) async fn take_pushed(
        &self,
        application: &Application,
        uri: &str,
    ) -> Result<Authorization, OAuthError> {
        let gone = || {
            OAuthError::request("`request_uri` is unknown, was used, or has expired")
                .with_detail(ErrorCode::AuthorizeExpired)
        };
        let token = uri.strip_prefix(PREFIX).and_then(Token::parse);
        let token = token.ok_or_else(gone)?;
        let found = RECORDS.get_by(&*self.store, "", &token).await?;
        let found = found.filter(|found| found.value.client_id == application.client_id);
        // Another's goes on waiting for its own.
        found.ok_or_else(gone)?.value.check_redirect(application)?;
        let taken = RECORDS.take_by(&*self.store, "", &token).await?;
        Ok(taken.ok_or_else(gone)?.begun(self.now()))
    }
}
