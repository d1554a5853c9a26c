//! Authorization codes (RFC 6749 §4.1.2) and their proof (PKCE, RFC 7636).
//!
//! A code lives 60 seconds and counts once. A second use of it shows that it was
//! seen by others: all that came of it is revoked (RFC 6749 §4.1.2), as long as
//! any of it lives. The name of the grant follows from the code, so that a code
//! of long ago still leads there. Who is not its application, or has not the
//! proof, neither uses a code up nor revokes anything by it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::warn;

use super::Authority;
use super::application::{Application, ClientId};
use super::error::OAuthError;
use super::family::end_grant;
use super::granted::Granted;
use super::id_token::{Identity, Person};
use super::scope;
use super::token::TokenAnswer;
use crate::base::digest;
use crate::protocol::form::Pairs;
use crate::store::{Key, Keyspace, Precondition, Space, Token};

static CODES: Space = Space::transient("authorization_codes").expiring();
static USED: Space = Space::transient("used_codes").expiring();

const RECORDS: Keyspace<CodeRecord> = Keyspace::new(&CODES);
const USED_CODES: Keyspace<RedeemedCode> = Keyspace::new(&USED);

/// How long a code lives: the time of one redirect.
pub const CODE_LIFETIME: Duration = Duration::from_secs(60);

pub(super) fn spaces() -> [&'static Space; 2] {
    [&CODES, &USED]
}

/// What a code stands for.
#[derive(Serialize, Deserialize)]
pub(super) struct CodeRecord {
    pub granted: Granted,
    pub redirect_uri: String,
    /// `code_challenge`, S256.
    pub challenge: Option<String>,
    pub nonce: Option<String>,
    pub email: String,
    #[serde(default)]
    pub email_verified: bool,
    #[serde(default)]
    pub provider_user_id: Option<String>,
    pub name: Option<String>,
    pub more: Map<String, Value>,
}

/// Who used a code. Kept as long as the access token that it gave; the family of
/// refresh tokens is found without it.
#[derive(Serialize, Deserialize)]
struct RedeemedCode {
    client_id: ClientId,
}

fn invalid_code() -> OAuthError {
    OAuthError::grant("the code is unknown, was used, has expired, or was not for this request")
}

impl Authority {
    /// Issues a code.
    pub(super) async fn issue_code(&self, record: &CodeRecord) -> Result<Token, OAuthError> {
        let code = Token::new(self.now().plus(CODE_LIFETIME));
        RECORDS
            .put_by(&*self.store, "", &code, record, Precondition::Absent)
            .await?;
        Ok(code)
    }

    /// `grant_type=authorization_code` (RFC 6749 §4.1.3).
    pub(super) async fn exchange_code(
        &self,
        application: &Application,
        form: &Pairs,
    ) -> Result<TokenAnswer, OAuthError> {
        let text = form
            .get("code")
            .ok_or_else(|| OAuthError::request("`code` is missing"))?;
        let code = Token::parse(text).ok_or_else(invalid_code)?;
        let Some(found) = RECORDS.get_by(&*self.store, "", &code).await? else {
            self.used_again(application, &code).await?;
            return Err(invalid_code());
        };
        let record = found.value;
        let granted = &record.granted;
        if granted.client_id != application.client_id
            || !application.serves(&granted.account)
            || form.get("redirect_uri") != Some(record.redirect_uri.as_str())
        {
            return Err(invalid_code());
        }
        let application = &*self.at_account(application, &granted.account).await?;
        let granted = &application.narrowed_to(granted, form.get("resource"))?;
        proof(record.challenge.as_deref(), form.get("code_verifier"))?;
        if RECORDS.take_by(&*self.store, "", &code).await?.is_none() {
            // Another request with it runs beside this one, and won.
            return Err(invalid_code());
        }
        if !self.counts(application, granted).await? {
            return Err(invalid_code());
        }
        let grant = self.grant_of_code(&code);
        let grant_id = grant.name();
        let access_token = self
            .access_token(application, &granted.grantee(&grant_id))
            .await?;
        let refresh_token = self.begin_family(application, granted, &grant).await?;
        let used = RedeemedCode {
            client_id: application.client_id.clone(),
        };
        USED_CODES
            .put_at(&*self.store, self.used_key(&code), &used, Precondition::Any)
            .await?;
        let identity = Identity {
            application,
            granted,
            person: Person {
                email: &record.email,
                email_verified: record.email_verified,
                name: record.name.as_deref(),
                more: &record.more,
                provider_user_id: record.provider_user_id.as_deref(),
            },
            nonce: record.nonce.as_deref(),
        };
        let id_token = if granted.scopes.has(scope::OPENID) {
            Some(self.id_token(&identity, &access_token).await?)
        } else {
            None
        };
        Ok(
            TokenAnswer::new(self, application, access_token, &granted.scopes)
                .with_id_token(id_token)
                .with_refresh_token(refresh_token),
        )
    }

    /// What the tokens of a code have in common.
    fn grant_of_code(&self, code: &Token) -> Token {
        code.derived("grant", self.family_ends(self.now()))
    }

    fn used_key(&self, code: &Token) -> Key {
        code.until(code.expires_at().plus(self.longest_access_token()))
            .key(&USED, "")
    }

    async fn used_again(&self, application: &Application, code: &Token) -> Result<(), OAuthError> {
        let grant_id = self.grant_of_code(code).name();
        let used = USED_CODES
            .get_at(&*self.store, &self.used_key(code))
            .await?;
        let by = match used {
            Some(used) => Some(used.value.client_id),
            // While a code lives, one that is missing here is being redeemed now.
            None if self.now() < code.expires_at() => None,
            None => self.grantee_of(&grant_id).await?,
        };
        if by.as_ref() == Some(&application.client_id) {
            warn!(client_id = %application.client_id, "a code was used twice: what it gave is revoked");
            end_grant(&self.ending(), &grant_id).await?;
        }
        Ok(())
    }
}

/// Checks the proof (RFC 7636 §4.6). A verifier without a challenge is refused
/// too: someone took the challenge out of the request (RFC 9700 §4.8).
fn proof(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), OAuthError> {
    let good = match (challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => {
            let shape = (43..=128).contains(&verifier.len())
                && verifier
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'));
            let made = digest::sha256_base64url(verifier.as_bytes());
            shape && digest::same(made.as_bytes(), challenge.as_bytes())
        }
        _ => false,
    };
    if good { Ok(()) } else { Err(invalid_code()) }
}
