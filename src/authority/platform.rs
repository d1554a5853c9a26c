//! What storefronts of Virto Commerce send to their platform, and what its resource
//! servers read: so that they do without changes. The platform's own source is the only
//! description (`AuthorizationController` of `vc-platform`, `useAuth` of `vc-frontend`).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Authority;
use super::access::bearer;
use super::application::{Application, Applications, Grant};
use super::error::{Code, OAuthError};
use super::family::end_grant;
use super::granted::{Granted, Grantee};
use super::id_token::{Person, about, chosen};
use super::revoked::{GRANT_ID, Issued};
use super::token::{TokenAnswer, TokenRequest, user_scopes, wanted};
use crate::account::{UnverifiedEmail, User, directory};
use crate::base::{AccountId, ErrorCode};
use crate::protocol::form::Pairs;
use crate::session::Session;

/// How many applications are read at once.
const PAGE: usize = 100;

/// The roles of a user: the groups that their provider names.
fn roles(user: &User) -> Value {
    user.more.get("groups").cloned().unwrap_or(json!([]))
}

impl Authority {
    /// What the platform's userinfo has under names of its own.
    pub(super) fn platform_userinfo(user: &User) -> Map<String, Value> {
        Map::from_iter([
            ("username".to_owned(), user.email.clone().into()),
            ("name".to_owned(), user.email.clone().into()),
            ("role".to_owned(), roles(user)),
        ])
    }

    /// The application of a request that names no client, if it names none and comes by
    /// a grant that storefronts use so.
    pub(super) async fn unnamed(
        &self,
        grant: Grant,
        request: &TokenRequest<'_>,
        bearer_header: Option<&str>,
        header: Option<&str>,
    ) -> Result<Option<Arc<Application>>, OAuthError> {
        let form = request.form;
        let named = ["client_id", "client_secret", "client_assertion"]
            .iter()
            .any(|name| form.get(name).is_some());
        if named || header.is_some() {
            return Ok(None);
        }
        let application = match grant {
            Grant::Password => match Self::account_named(request)? {
                Some(account) => self.unnamed_of(&account).await?,
                None => None,
            },
            Grant::ExternalSignIn => {
                let account = Self::account_named(request)?;
                let account = account.or_else(|| Some(request.session?.0.clone()));
                match account {
                    Some(account) => self.unnamed_of(&account).await?,
                    None => return Err(nobody()),
                }
            }
            Grant::RefreshToken => match form.get("refresh_token") {
                Some(token) => self.application_of_refresh(token).await?,
                None => None,
            },
            Grant::Impersonate => match bearer(bearer_header) {
                Ok(token) => match self.access(token).await? {
                    Some(access) => self.application(&access.client_id).await?,
                    None => return Err(unknown_token()),
                },
                Err(_) => return Err(unknown_token()),
            },
            Grant::AuthorizationCode
            | Grant::ClientCredentials
            | Grant::TokenExchange
            | Grant::DeviceCode => None,
        };
        Ok(application.filter(|found| found.settings.unnamed_requests))
    }

    /// The account that a request names. Stores of the platform have capitals in their
    /// names, and accounts have none.
    fn account_named(request: &TokenRequest<'_>) -> Result<Option<AccountId>, OAuthError> {
        let form = request.form;
        let Some(name) = form.get("storeId").or_else(|| form.get("account")) else {
            return Ok(request.account.cloned());
        };
        let account: Option<AccountId> = name.to_ascii_lowercase().parse().ok();
        match (account, request.account) {
            (Some(account), Some(here)) if account != *here => Err(OAuthError::request(
                "`storeId` is another account than that of the address",
            )),
            (account, _) => Ok(account),
        }
    }

    /// The application of an account that requests without a client are meant for.
    async fn unnamed_of(
        &self,
        account: &AccountId,
    ) -> Result<Option<Arc<Application>>, OAuthError> {
        let mut after = None;
        loop {
            let store = &*self.store;
            let page = Applications::page(store, Some(account), after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(None);
            };
            after = Some(last.value.client_id.clone());
            let mut page = page.into_iter().map(|found| found.value);
            if let Some(found) = page.find(|found| found.settings.unnamed_requests) {
                return Ok(Some(Arc::new(found)));
            }
        }
    }

    /// `grant_type=external_sign_in`: tokens for who is logged in at the account.
    pub(super) async fn external_sign_in(
        &self,
        application: &Application,
        session: Option<(&AccountId, &Session)>,
        form: &Pairs,
    ) -> Result<TokenAnswer, OAuthError> {
        let (account, session) = session.ok_or_else(nobody)?;
        if !application.serves(account) {
            return Err(nobody());
        }
        let application = &*self.at_account(application, account).await?;
        let refuses = self.unverified_email(account).await? == UnverifiedEmail::Refuse;
        if refuses && !session.email_verified {
            return Err(OAuthError::grant("nobody vouched for the user's email"));
        }
        let scopes = user_scopes(application, wanted(form)?)?;
        let resource = application.resource(form, &scopes)?;
        let client_id = &application.client_id;
        let granted = Granted {
            resource,
            ..Granted::by(session, client_id, account, scopes, self.now())
        };
        if !self.counts(application, &granted).await? {
            return Err(nobody());
        }
        self.note_participant(application, account, session).await?;
        self.issue(application, granted).await
    }

    /// Ends what a bearer token belongs to: its grant, with the refresh tokens. On disk
    /// when this returns.
    pub async fn revoke_bearer(&self, token: &str) -> Result<(), OAuthError> {
        let access = self.access(token).await?.ok_or_else(unknown_token)?;
        if let Some(grant_id) = access.claims.text(GRANT_ID) {
            return Ok(end_grant(&self.ending(), grant_id).await?);
        }
        let issued = Issued {
            jti: access.claims.text("jti").unwrap_or_default().to_owned(),
            expires_at: access.claims.expires_at(),
        };
        Ok(self.revoke_access(&issued).await?)
    }

    /// The claims about the user that the application chose for its access tokens, and
    /// those that the platform's resource servers read, where its tokens have them.
    pub(super) async fn chosen_claims(
        &self,
        application: &Application,
        to: &Grantee<'_>,
    ) -> Result<Map<String, Value>, OAuthError> {
        let mut claims = Map::new();
        let settings = &application.settings;
        if !settings.virto_claims && settings.access_token_claims.is_empty() {
            return Ok(claims);
        }
        let (Some(user), Some(account)) = (to.user, to.account) else {
            if settings.virto_claims {
                claims.insert("name".to_owned(), application.name.clone().into());
                claims.insert("role".to_owned(), settings.roles.clone().into());
            }
            return Ok(claims);
        };
        let Some(found) = directory::get(&*self.store, account, user).await? else {
            return Ok(claims);
        };
        let user = found.value;
        let rule = self.unverified_email(account).await?;
        let mut known = about(to.scopes, &[], &Person::from(&user), rule);
        if settings.virto_claims {
            claims.extend(
                known
                    .get_key_value("email")
                    .map(|(k, v)| (k.clone(), v.clone())),
            );
        }
        chosen(&mut known, Some(&settings.access_token_claims));
        known.retain(|name, _| !super::access::OWN.contains(&name.as_str()));
        claims.extend(known);
        if !settings.virto_claims {
            return Ok(claims);
        }
        claims.insert("name".to_owned(), user.email.clone().into());
        claims.insert("role".to_owned(), roles(&user));
        Ok(claims)
    }
}

fn nobody() -> OAuthError {
    OAuthError::new(
        Code::InvalidGrant,
        "nobody is logged in at the account in this browser",
    )
    .with_detail(ErrorCode::GrantSignInNotAllowed)
}

fn unknown_token() -> OAuthError {
    OAuthError::new(
        Code::InvalidToken,
        "the access token is unknown, revoked or expired",
    )
}
