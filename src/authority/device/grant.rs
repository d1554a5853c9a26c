//! The program's questions (RFC 8628 §3.4), and what it gets.

use std::time::Duration;

use super::{DeviceRequest, RECORDS, REQUESTS, State};
use crate::authority::Authority;
use crate::authority::application::{Application, Grant};
use crate::authority::error::{Code, OAuthError};
use crate::authority::scope::{self, Scopes};
use crate::authority::token::TokenAnswer;
use crate::base::Timestamp;
use crate::operator;
use crate::operator::session::{InProgram, MAX_LIFETIME, Program, begin_program, in_program};
use crate::protocol::form::Pairs;
use crate::store::{Key, Precondition, StoreError, Token, Versioned};

/// What a question before its time adds to that (RFC 8628 §3.5).
const SLOWER: u64 = 5;
/// The longest pause that is asked of a program.
const MAX_INTERVAL: u64 = 60;

impl Authority {
    /// `grant_type=urn:ietf:params:oauth:grant-type:device_code` (RFC 8628 §3.4).
    pub(in crate::authority) async fn device_code(
        &self,
        application: &Application,
        form: &Pairs,
    ) -> Result<TokenAnswer, OAuthError> {
        let text = form
            .get("device_code")
            .ok_or_else(|| OAuthError::request("`device_code` is missing"))?;
        let unknown = || OAuthError::grant("the device code is unknown or was used");
        let token = Token::parse(text).ok_or_else(unknown)?;
        let now = self.now();
        if now >= token.expires_at() {
            return Err(OAuthError::new(
                Code::ExpiredToken,
                "the device code has expired; ask for another",
            ));
        }
        let key = token.key(&REQUESTS, "");
        let found = RECORDS.get_at(&*self.store, &key).await?;
        let found = found.filter(|found| found.value.client_id == application.client_id);
        let found = found.ok_or_else(unknown)?;
        if matches!(found.value.state, State::Waiting) {
            return Err(self.not_yet(key, found, now).await?);
        }
        let request = RECORDS.take_at(&*self.store, &key).await?;
        let request = request.ok_or_else(unknown)?;
        match request.state {
            State::Waiting => Err(unknown()),
            State::Denied => Err(OAuthError::new(
                Code::AccessDenied,
                "the request was declined",
            )),
            State::User(granted) => {
                if !self.counts(application, &granted).await? {
                    return Err(unknown());
                }
                self.issue(application, *granted).await
            }
            State::Operator(email) => {
                self.operator_session(application, &email, request.scopes)
                    .await
            }
        }
    }

    /// That nobody said anything yet, or that the program asks too often.
    async fn not_yet(
        &self,
        key: Key,
        found: Versioned<DeviceRequest>,
        now: Timestamp,
    ) -> Result<OAuthError, OAuthError> {
        let mut request = found.value;
        let pause = Duration::from_secs(request.interval);
        let early = request.polled_at.is_some_and(|at| now.since(at) < pause);
        if early {
            request.interval = (request.interval + SLOWER).min(MAX_INTERVAL);
        }
        request.polled_at = Some(now);
        let when = Precondition::Version(found.version);
        match RECORDS.put_at(&*self.store, key, &request, when).await {
            // Somebody said something meanwhile, or a second question runs beside this.
            Ok(_) | Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(if early {
            OAuthError::new(
                Code::PollingTooFast,
                "the program asks too often; add five seconds to the interval",
            )
        } else {
            OAuthError::new(Code::AuthorizationPending, "nobody has decided yet")
        })
    }

    /// The operator whose session in a program a bearer token is, while its application
    /// exists and may have any.
    pub async fn operator_in_program(&self, bearer: &str) -> Result<Option<InProgram>, OAuthError> {
        let Some(session) = in_program(&*self.store, self.now(), bearer).await? else {
            return Ok(None);
        };
        let Ok(client_id) = session.program.client_id.parse() else {
            return Ok(None);
        };
        let application = self.application(&client_id).await?;
        let good = application.is_some_and(|application| {
            let wanted = if session.program.writes {
                scope::ADMIN_WRITE
            } else {
                scope::ADMIN_READ
            };
            application.honours(session.created_at)
                && application.allows(Grant::DeviceCode)
                && application.account.is_none()
                && application.scopes.has(wanted)
        });
        Ok(good.then_some(session))
    }

    async fn operator_session(
        &self,
        application: &Application,
        email: &operator::Email,
        scopes: Scopes,
    ) -> Result<TokenAnswer, OAuthError> {
        let found = operator::get(&*self.store, email).await?;
        let found = found.filter(|found| !found.value.disabled);
        let found = found.ok_or_else(|| OAuthError::grant("the operator may not log in"))?;
        let scopes = scopes.common(&application.scopes);
        let program = Program {
            client_id: application.client_id.to_string(),
            writes: scopes.has(scope::ADMIN_WRITE),
        };
        let token = begin_program(&*self.store, self.now(), &found, program).await?;
        Ok(TokenAnswer::of_operator(&token, MAX_LIFETIME, &scopes))
    }
}
