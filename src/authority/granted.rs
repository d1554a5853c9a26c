//! What a user granted to an application.

use serde::{Deserialize, Serialize};

use super::application::ClientId;
use super::scope::Scopes;
use super::session_name;
use crate::base::{AccountId, Timestamp, UserId};
use crate::session::Session;

/// Who acts as the user (RFC 8693 §4.1): an operator of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The operator, a user of the same account.
    #[serde(rename = "sub")]
    pub user: UserId,
    /// The operator's, as they logged in.
    #[serde(default)]
    pub generation: u64,
}

/// Whom a token is for.
#[derive(Debug, Clone, Copy)]
pub struct Grantee<'a> {
    /// The account it is limited to.
    pub account: Option<&'a AccountId>,
    /// The user; `None`: the application itself.
    pub user: Option<UserId>,
    /// What it may do.
    pub scopes: &'a Scopes,
    /// The resource it is for; `None`: whom the application's tokens are for.
    pub resource: Option<&'a str>,
    /// The session it comes from.
    pub sid: Option<&'a str>,
    /// The public name of the grant.
    pub grant_id: Option<&'a str>,
    /// The user's, as they logged in.
    pub generation: u64,
    /// Who acts as the user.
    pub actor: Option<Actor>,
    /// What was granted, of a user.
    pub granted: Option<&'a Granted>,
}

/// What was granted, and goes from one refresh token to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// To whom.
    pub client_id: ClientId,
    /// In which account.
    pub account: AccountId,
    /// By whom.
    pub user: UserId,
    /// The user's, as they logged in.
    #[serde(default)]
    pub generation: u64,
    /// What.
    pub scopes: Scopes,
    /// The session it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// When the user logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<Timestamp>,
    /// How they did: `acr` (OpenID Connect Core §2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// By which means (RFC 8176).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// Claims that were asked for one by one (OpenID Connect Core §5.5), beyond those of
    /// the scopes: in userinfo.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
    /// And in the ID token; absent from what was before the two were told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token_claims: Option<Vec<String>>,
    /// When it was granted; absent from what was before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted_at: Option<Timestamp>,
    /// The resource it is for (RFC 8707); `None`: whom the application's tokens are for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Who acts as the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
}

impl Granted {
    /// What a user grants who is logged in, from this moment on.
    pub(super) fn by(
        session: &Session,
        client_id: &ClientId,
        account: &AccountId,
        scopes: Scopes,
        now: Timestamp,
    ) -> Self {
        Self {
            client_id: client_id.clone(),
            account: account.clone(),
            user: session.user,
            generation: session.generation,
            scopes,
            sid: Some(session_name(session)),
            auth_time: Some(session.authenticated_at()),
            acr: session.acr.clone(),
            amr: session.amr.clone(),
            claims: Vec::new(),
            id_token_claims: None,
            granted_at: Some(now),
            resource: None,
            actor: None,
        }
    }

    /// The claims that were asked for one by one in the ID token.
    pub(super) fn wanted_in_id_token(&self) -> &[String] {
        self.id_token_claims.as_ref().unwrap_or(&self.claims)
    }

    /// Whom its access tokens are for.
    pub(super) fn grantee<'a>(&'a self, grant_id: &'a str) -> Grantee<'a> {
        Grantee {
            account: Some(&self.account),
            user: Some(self.user),
            scopes: &self.scopes,
            resource: self.resource.as_deref(),
            sid: self.sid.as_deref(),
            grant_id: Some(grant_id),
            generation: self.generation,
            actor: self.actor,
            granted: Some(self),
        }
    }
}
