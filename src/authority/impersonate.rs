//! An operator of a store acts as one of its customers: by the grant `impersonate`, as
//! storefronts of Virto Commerce ask for it, or by token exchange (RFC 8693).
//!
//! The operator is a user of the account in the group that the application names. The
//! tokens are the customer's and have the operator in `act` (RFC 8693 §4.1). Each time
//! is in the audit log before there is a token. Nobody acts as another operator.

use serde_json::{Value, json};
use tracing::info;

use super::Authority;
use super::access::bearer;
use super::application::Application;
use super::error::{Code, OAuthError};
use super::granted::{Actor, Granted};
use super::revoked::SID;
use super::scope;
use super::token::{ACCESS_TOKEN_TYPE, TokenAnswer, user_scopes, wanted};
use super::verified::{Access, number};
use crate::account::{User, directory};
use crate::audit;
use crate::base::{AccountId, UserId};
use crate::protocol::form::Pairs;
use crate::store::StoreError;

fn forbidden() -> OAuthError {
    OAuthError::new(
        Code::InsufficientScope,
        "the user may not act as this one: see `impersonation_group` of the application",
    )
}

fn not_a_user() -> OAuthError {
    OAuthError::new(
        Code::InvalidToken,
        "there is no access token of a user of this application's account",
    )
}

/// Whether a user is one of those who may act as others.
fn is_operator(application: &Application, user: &User) -> bool {
    let groups = user.more.get("groups").and_then(Value::as_array);
    let mut groups = groups.into_iter().flatten().filter_map(Value::as_str);
    let wanted = application.settings.impersonation_group.as_deref();
    wanted.is_some_and(|wanted| groups.any(|group| group == wanted))
}

impl Authority {
    /// `grant_type=impersonate`: `user_id` says as whom the user of the bearer token acts
    /// from now on; without it, as themselves again. It needs no secret of the client, so
    /// who comes by a token gets no more by it than the token has: no further scopes, and
    /// nothing at all with a customer's.
    pub(super) async fn impersonate(
        &self,
        application: &Application,
        header: Option<&str>,
        form: &Pairs,
    ) -> Result<TokenAnswer, OAuthError> {
        let token = bearer(header).map_err(|_| not_a_user())?;
        let access = self.access(token).await?.ok_or_else(not_a_user)?;
        if access.client_id != application.client_id {
            return Err(not_a_user());
        }
        let mut granted = self
            .act_as(application, &access, form.get("user_id"), form)
            .await?;
        granted.scopes = granted.scopes.common(&access.scopes);
        self.issue(application, granted).await
    }

    /// Token exchange (RFC 8693 §2): the subject token is the operator's, and
    /// `requested_subject` is the id of who they act as.
    pub(super) async fn exchange_token(
        &self,
        application: &Application,
        form: &Pairs,
    ) -> Result<TokenAnswer, OAuthError> {
        let is_access_token = |name| form.get(name) == Some(ACCESS_TOKEN_TYPE);
        if !is_access_token("subject_token_type") {
            return Err(OAuthError::request(
                "`subject_token_type` is not `urn:ietf:params:oauth:token-type:access_token`",
            ));
        }
        if form.get("requested_token_type").is_some() && !is_access_token("requested_token_type") {
            return Err(OAuthError::request(
                "only access tokens are given, `urn:ietf:params:oauth:token-type:access_token`",
            ));
        }
        if form.get("actor_token").is_some() {
            return Err(OAuthError::request(
                "`actor_token` is not supported: the subject token is the operator's, and `requested_subject` says as whom they act",
            ));
        }
        let missing = |what| OAuthError::request(format!("`{what}` is missing"));
        let token = form
            .get("subject_token")
            .ok_or_else(|| missing("subject_token"))?;
        let subject = form
            .get("requested_subject")
            .ok_or_else(|| missing("requested_subject"))?;
        // RFC 8693 §2.2.2: what is wrong with the token is wrong with the request.
        let invalid = || OAuthError::request("`subject_token` is not a user's, or does not count");
        let access = self.access(token).await?.ok_or_else(invalid)?;
        let foreign = access.client_id != application.client_id;
        if access.user.is_none() || (application.public && foreign) {
            return Err(invalid());
        }
        let mut granted = self
            .act_as(application, &access, Some(subject), form)
            .await?;
        if let Some(wanted) = form.get("audience") {
            let (account, scopes) = (Some(&granted.account), &granted.scopes);
            let own = self.audience_of(application, account, scopes).await?;
            // RFC 8693 §2.2.2: no token for others than were asked for.
            if granted.resource.as_ref().unwrap_or(&own) != wanted {
                return Err(OAuthError::new(
                    Code::InvalidTarget,
                    "`audience` is not whom this application's tokens are for; leave it out, or name a `resource`",
                ));
            }
        }
        // It stands for one exchange; the next one is asked for again.
        granted.scopes = granted.scopes.only(|scope| scope != scope::OFFLINE_ACCESS);
        Ok(self.issue(application, granted).await?.exchanged())
    }

    /// What an operator is granted who acts as `subject`, or as themselves again.
    async fn act_as(
        &self,
        application: &Application,
        access: &Access,
        subject: Option<&str>,
        form: &Pairs,
    ) -> Result<Granted, OAuthError> {
        let (Some(user), Some(account)) = (access.user, &access.account) else {
            return Err(not_a_user());
        };
        if !application.serves(account) {
            return Err(not_a_user());
        }
        let itself = Actor {
            user,
            generation: number(&access.claims, "generation").unwrap_or_default(),
        };
        let operator = access.actor.unwrap_or(itself);
        let scopes = user_scopes(application, wanted(form)?)?;
        let mut granted = Granted {
            client_id: application.client_id.clone(),
            account: account.clone(),
            user: operator.user,
            generation: operator.generation,
            resource: application.resource(form, &scopes)?,
            scopes,
            // Who acts does so in their own session, and no longer (threat F4).
            sid: access.claims.text(SID).map(str::to_owned),
            auth_time: None,
            acr: None,
            amr: Vec::new(),
            claims: Vec::new(),
            id_token_claims: None,
            granted_at: Some(self.now()),
            actor: None,
        };
        let acting = self.user_of(account, operator.user).await?;
        let acting = acting.filter(|user| is_operator(application, user));
        let acting = acting.ok_or_else(forbidden)?;
        let own = operator.user.to_string();
        let Some(subject) = subject.filter(|subject| *subject != own) else {
            return Ok(granted);
        };
        let unknown = || OAuthError::request("there is no user of this id in the account");
        let subject: UserId = subject.parse().map_err(|_| unknown())?;
        let customer = self.user_of(account, subject).await?.ok_or_else(unknown)?;
        if customer.disabled || is_operator(application, &customer) {
            return Err(forbidden());
        }
        granted.user = customer.id;
        granted.generation = customer.generation;
        granted.actor = Some(operator);
        self.note_impersonation(application, account, &acting, &customer)
            .await?;
        Ok(granted)
    }

    /// Whether who acts as a user is still somebody who may, at this application, and
    /// the user still somebody as whom one acts. What they may is asked again each time:
    /// a group that is left ends what it gave.
    pub(super) async fn actor_may_act(
        &self,
        application: &Application,
        account: &AccountId,
        subject: UserId,
        actor: Option<Actor>,
    ) -> Result<bool, StoreError> {
        let Some(actor) = actor else {
            return Ok(true);
        };
        let found = directory::get(&*self.store, account, actor.user).await?;
        let acts = found.is_some_and(|found| {
            found.value.may_act(actor.generation) && is_operator(application, &found.value)
        });
        if !acts {
            return Ok(false);
        }
        let found = directory::get(&*self.store, account, subject).await?;
        Ok(found.is_some_and(|found| !is_operator(application, &found.value)))
    }

    async fn user_of(&self, account: &AccountId, user: UserId) -> Result<Option<User>, OAuthError> {
        let found = directory::get(&*self.store, account, user).await?;
        Ok(found.map(|found| found.value))
    }

    /// Writes it to the audit log; on disk when this returns.
    async fn note_impersonation(
        &self,
        application: &Application,
        account: &AccountId,
        operator: &User,
        customer: &User,
    ) -> Result<(), OAuthError> {
        let entry = audit::Entry {
            id: String::new(),
            at: String::new(),
            who: operator.email.clone(),
            what: "user.impersonate".to_owned(),
            account: Some(account.to_string()),
            target: format!("/accounts/{account}/users/{}", customer.id),
            before: Value::Null,
            after: json!({
                "client_id": application.client_id,
                "act": { "sub": operator.id },
            }),
        };
        audit::write(&*self.store, self.now(), entry).await?;
        info!(
            target: "vestibule::authority",
            client_id = %application.client_id,
            account = %account,
            operator = %operator.id,
            user = %customer.id,
            "an operator acts as a user"
        );
        Ok(())
    }
}
