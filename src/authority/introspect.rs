//! Token introspection (RFC 7662) and revocation (RFC 7009).

use serde_json::{Map, Value, json};

use super::Authority;
use super::access::Access;
use super::application::Application;
use super::error::OAuthError;
use super::revoked::Issued;
use crate::operator::session::{end_program, in_program};

impl Authority {
    /// What a token is, as far as this application may know.
    ///
    /// An application learns of access tokens within its own account, and of
    /// its own refresh tokens. Whatever else is sent is not active, and the
    /// answer never says why (RFC 7662 §2.2).
    pub async fn introspect(
        &self,
        application: &Application,
        token: &str,
    ) -> Result<Value, OAuthError> {
        let inactive = json!({ "active": false });
        if let Some(access) = self.access(token).await? {
            let theirs = match (&application.account, &access.account) {
                (None, _) => true,
                (Some(own), Some(of)) => own == of,
                (Some(_), None) => access.client_id == application.client_id,
            };
            return Ok(if theirs { active(&access) } else { inactive });
        }
        let found = self.look_at_refresh(application, token).await?;
        let Some((granted, expires_at)) = found else {
            return Ok(inactive);
        };
        Ok(json!({
            "active": true,
            "token_type": "refresh_token",
            "client_id": granted.client_id,
            "sub": granted.user.to_string(),
            "scope": granted.scopes.to_string(),
            "account": granted.account,
            "exp": expires_at.as_secs(),
            "iss": self.issuer,
        }))
    }

    /// Revokes a token of this application; on disk when this returns. A token
    /// that is unknown, or another application's, is left alone without an error
    /// (RFC 7009 §2.2).
    pub async fn revoke(&self, application: &Application, token: &str) -> Result<(), OAuthError> {
        if self.revoke_refresh(application, token).await? {
            return Ok(());
        }
        if let Some(session) = in_program(&*self.store, self.now(), token).await? {
            if session.program.client_id == application.client_id.as_str() {
                end_program(&*self.store, token).await?;
            }
            return Ok(());
        }
        if let Some(access) = self.access(token).await?
            && access.client_id == application.client_id
        {
            let issued = Issued {
                jti: access.claims.text("jti").unwrap_or_default().to_owned(),
                expires_at: access.claims.expires_at(),
            };
            self.revoke_access(&issued).await?;
        }
        Ok(())
    }
}

fn active(access: &Access) -> Value {
    let mut members: Map<String, Value> = access.claims.all().clone();
    members.insert("active".to_owned(), true.into());
    members.insert("token_type".to_owned(), "Bearer".into());
    Value::Object(members)
}
