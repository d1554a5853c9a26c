//! The token endpoint (RFC 6749 §3.2).

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tracing::info;

use super::Authority;
use super::application::{Application, Grant};
use super::client::Credentials;
use super::error::{Code, OAuthError};
use super::granted::Granted;
use super::granted::Grantee;
use super::id_token::{Identity, Person, about, chosen};
use super::scope::{self, Scopes};
use crate::account::{UnverifiedEmail, directory};
use crate::base::{AccountId, ErrorCode, Secret};
use crate::protocol::form::Pairs;
use crate::session::Session;
use crate::store::Token;

/// A token response (RFC 6749 §5.1). Neither `Debug` nor `Serialize`: it holds tokens.
pub struct TokenAnswer(Map<String, Value>);

impl TokenAnswer {
    pub(super) fn new(
        authority: &Authority,
        application: &Application,
        access_token: String,
        scopes: &Scopes,
    ) -> Self {
        let mut members = Map::new();
        members.insert("access_token".to_owned(), access_token.into());
        members.insert("token_type".to_owned(), "Bearer".into());
        members.insert(
            "expires_in".to_owned(),
            authority.token_lifetime(application).as_secs().into(),
        );
        if !scopes.is_empty() {
            members.insert("scope".to_owned(), scopes.to_string().into());
        }
        Self(members)
    }

    /// A session of an operator's, for a program.
    pub(super) fn of_operator(token: &Token, lives: Duration, scopes: &Scopes) -> Self {
        Self(Map::from_iter([
            ("access_token".to_owned(), token.as_str().into()),
            ("token_type".to_owned(), "Bearer".into()),
            ("expires_in".to_owned(), lives.as_secs().into()),
            ("scope".to_owned(), scopes.to_string().into()),
        ]))
    }

    /// What token exchange says of the token (RFC 8693 §2.2.1).
    pub(super) fn exchanged(mut self) -> Self {
        self.0
            .insert("issued_token_type".to_owned(), ACCESS_TOKEN_TYPE.into());
        self
    }

    pub(super) fn with_refresh_token(mut self, token: Option<Secret>) -> Self {
        if let Some(token) = token {
            self.0
                .insert("refresh_token".to_owned(), token.expose().into());
        }
        self
    }

    pub(super) fn with_id_token(mut self, token: Option<String>) -> Self {
        if let Some(token) = token {
            self.0.insert("id_token".to_owned(), token.into());
        }
        self
    }

    /// The answer's body.
    pub fn into_body(self) -> Value {
        Value::Object(self.0)
    }
}

/// A request to the token endpoint.
pub struct TokenRequest<'a> {
    /// Its `Authorization` header.
    pub authorization: Option<&'a str>,
    /// What was posted.
    pub form: &'a Pairs,
    /// The client's address.
    pub from: Option<IpAddr>,
    /// The account in its address, where it came to an account's.
    pub account: Option<&'a AccountId>,
    /// The session of the browser that it came from.
    pub session: Option<(&'a AccountId, &'a Session)>,
}

/// The refusal of a grant that does not exist here.
fn unsupported_grant() -> OAuthError {
    OAuthError::new(
        Code::UnsupportedGrantType,
        "this `grant_type` is not supported",
    )
}

/// The type of our access tokens (RFC 8693 §3).
pub(super) const ACCESS_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:access_token";

impl Authority {
    /// The refusal of a grant that an application does not have. One that is off unless
    /// an application has it, and that none has, is as unknown as any other name.
    pub(super) async fn not_allowed(&self, grant: Grant) -> OAuthError {
        if grant.is_special() {
            match self.features().await {
                Ok(features) if features.has(grant) => {}
                Ok(_) => return unsupported_grant(),
                Err(error) => return error.into(),
            }
        }
        let error = OAuthError::new(
            Code::UnauthorizedClient,
            "this application may not use this `grant_type`",
        );
        match grant {
            Grant::Password => error.with_detail(ErrorCode::GrantPasswordDisabled),
            _ => error,
        }
    }

    /// Answers a token request.
    pub async fn token(&self, request: &TokenRequest<'_>) -> Result<TokenAnswer, OAuthError> {
        let (form, from) = (request.form, request.from);
        let grant = match form.get("grant_type") {
            None => return Err(OAuthError::request("`grant_type` is missing")),
            Some(name) => Grant::named(name).ok_or_else(unsupported_grant)?,
        };
        // Storefronts send the token of who is logged in along with everything.
        let (bearer, header) = match request.authorization {
            Some(header) if is_bearer(header) => (Some(header), None),
            header => (None, header),
        };
        let application = match self.unnamed(grant, request, bearer, header).await? {
            Some(application) => application,
            None => {
                let credentials = Credentials::read(header, form)?;
                self.authenticate(&credentials, from).await?
            }
        };
        // The address of one account gives no tokens of another (threat T1).
        if let (Some(here), Some(own)) = (request.account, &application.account)
            && here != own
        {
            return Err(other_account());
        }
        if !application.allows(grant) {
            return Err(self.not_allowed(grant).await);
        }
        let answer = match grant {
            Grant::AuthorizationCode => self.exchange_code(&application, form).await?,
            Grant::ClientCredentials => self.client_credentials(&application, form).await?,
            Grant::Password => self.password(&application, form, from).await?,
            Grant::RefreshToken => self.refresh_token(&application, form).await?,
            Grant::Impersonate => self.impersonate(&application, bearer, form).await?,
            Grant::TokenExchange => self.exchange_token(&application, form).await?,
            Grant::DeviceCode => self.device_code(&application, form).await?,
            Grant::ExternalSignIn => {
                self.external_sign_in(&application, request.session, form)
                    .await?
            }
        };
        info!(
            target: "vestibule::authority",
            client_id = %application.client_id,
            grant = grant.as_str(),
            "token issued"
        );
        Ok(answer)
    }

    /// `grant_type=client_credentials` (RFC 6749 §4.4).
    async fn client_credentials(
        &self,
        application: &Application,
        form: &Pairs,
    ) -> Result<TokenAnswer, OAuthError> {
        if application.public {
            return Err(OAuthError::client());
        }
        let asked = account_parameter(form)?;
        let account = match (&application.account, &asked) {
            (Some(own), Some(asked)) if own != asked => return Err(other_account()),
            (Some(own), _) => Some(own),
            (None, asked) => asked.as_ref(),
        };
        let limited = match account {
            Some(account) => self.at_account(application, account).await?,
            None => Cow::Borrowed(application),
        };
        let application = &*limited;
        let own = application.scopes.only(|scope| !scope::is_identity(scope));
        let scopes = wanted(form)?.unwrap_or_else(|| own.clone());
        if !scopes.within(&own) {
            return Err(out_of_scope());
        }
        let resource = application.resource(form, &scopes)?;
        let token = self
            .access_token(
                application,
                &Grantee {
                    account,
                    user: None,
                    resource: resource.as_deref(),
                    scopes: &scopes,
                    sid: None,
                    grant_id: None,
                    generation: 0,
                    actor: None,
                    granted: None,
                },
            )
            .await?;
        Ok(TokenAnswer::new(self, application, token, &scopes))
    }

    /// `grant_type=password` (RFC 6749 §4.3).
    async fn password(
        &self,
        application: &Application,
        form: &Pairs,
        from: Option<IpAddr>,
    ) -> Result<TokenAnswer, OAuthError> {
        let missing = || OAuthError::request("`username` or `password` is missing");
        let username = form.get("username").ok_or_else(missing)?;
        let password = Secret::new(form.get("password").ok_or_else(missing)?);
        let account = account_for(application, form)?;
        let application = &*self.at_account(application, &account).await?;
        let scopes = user_scopes(application, wanted(form)?)?;
        let user = self
            .check_password(application, &account, username, &password, from)
            .await?;
        let refuses = self.unverified_email(&account).await? == UnverifiedEmail::Refuse;
        if refuses && !user.email_trusted {
            return Err(OAuthError::grant("nobody vouched for the user's email"));
        }
        let resource = application.resource(form, &scopes)?;
        let granted = Granted {
            client_id: application.client_id.clone(),
            account,
            user: user.id,
            generation: user.generation,
            scopes,
            sid: None,
            auth_time: Some(self.now()),
            acr: None,
            amr: vec!["pwd".to_owned()],
            claims: Vec::new(),
            id_token_claims: None,
            granted_at: Some(self.now()),
            resource,
            actor: None,
        };
        self.issue(application, granted).await
    }

    /// The tokens of a grant that begins now.
    pub(super) async fn issue(
        &self,
        application: &Application,
        granted: Granted,
    ) -> Result<TokenAnswer, OAuthError> {
        let application = &*self.at_account(application, &granted.account).await?;
        let granted = Granted {
            scopes: granted.scopes.common(&application.scopes),
            ..granted
        };
        let grant = Token::new(self.family_ends(self.now()));
        let grant_id = grant.name();
        let access_token = self
            .access_token(application, &granted.grantee(&grant_id))
            .await?;
        let refresh_token = self.begin_family(application, &granted, &grant).await?;
        let id_token = self.id_token_of(application, &granted, &access_token);
        let id_token = id_token.await?;
        Ok(
            TokenAnswer::new(self, application, access_token, &granted.scopes)
                .with_id_token(id_token)
                .with_refresh_token(refresh_token),
        )
    }

    /// `grant_type=refresh_token` (RFC 6749 §6).
    async fn refresh_token(
        &self,
        application: &Application,
        form: &Pairs,
    ) -> Result<TokenAnswer, OAuthError> {
        let text = form
            .get("refresh_token")
            .ok_or_else(|| OAuthError::request("`refresh_token` is missing"))?;
        let wanted = wanted(form)?;
        let done = self
            .refresh(application, text, wanted.as_ref(), form.get("resource"))
            .await?;
        let application = &*done.application;
        let id_token = self.id_token_of(application, &done.granted, &done.access_token);
        let id_token = id_token.await?;
        Ok(
            TokenAnswer::new(self, application, done.access_token, &done.granted.scopes)
                .with_id_token(id_token)
                .with_refresh_token(Some(done.refresh_token)),
        )
    }

    /// An ID token by what the user's record says, where one was asked for.
    async fn id_token_of(
        &self,
        application: &Application,
        granted: &Granted,
        access_token: &str,
    ) -> Result<Option<String>, OAuthError> {
        if !granted.scopes.has(scope::OPENID) {
            return Ok(None);
        }
        let found = directory::get(&*self.store, &granted.account, granted.user).await?;
        let Some(user) = found.map(|found| found.value) else {
            return Ok(None);
        };
        let identity = Identity {
            application,
            granted,
            person: Person::from(&user),
            nonce: None,
        };
        self.id_token(&identity, access_token).await.map(Some)
    }

    /// What the userinfo endpoint says about the user of a token (OpenID
    /// Connect Core §5.3).
    pub async fn userinfo(&self, token: &str) -> Result<Value, OAuthError> {
        let refused = || {
            OAuthError::new(
                Code::InvalidToken,
                "the access token is unknown, revoked or expired",
            )
        };
        let access = self.access(token).await?.ok_or_else(refused)?;
        let (Some(user), Some(account)) = (access.user, &access.account) else {
            return Err(refused());
        };
        let application = self.application(&access.client_id).await?;
        let application = match &application {
            Some(found) => Some(self.at_account(found, account).await?),
            None => None,
        };
        let settings = application.as_deref().map(|app| &app.settings);
        let platform = settings.is_some_and(|settings| settings.virto_claims);
        if !platform && !access.scopes.has(scope::OPENID) {
            return Err(OAuthError::new(
                Code::InsufficientScope,
                "the access token does not have the scope `openid`",
            ));
        }
        let found = directory::get(&*self.store, account, user).await?;
        let found = found.ok_or_else(refused)?.value;
        let rule = self.unverified_email(account).await?;
        let told = &access.claims;
        let names = told.all().get("userinfo").and_then(Value::as_array);
        let names = names.into_iter().flatten().filter_map(Value::as_str);
        let wanted: Vec<String> = names.map(str::to_owned).collect();
        let mut claims = about(&access.scopes, &wanted, &Person::from(&found), rule);
        let choice = settings.and_then(|settings| settings.userinfo_claims.as_ref());
        chosen(&mut claims, choice);
        let mut all = Map::from_iter([("sub".to_owned(), json!(user.to_string()))]);
        for name in ["auth_time", "acr", "amr"] {
            let value = told.all().get(name);
            all.extend(value.map(|value| (name.to_owned(), value.clone())));
        }
        all.extend(claims);
        if platform {
            all.extend(Self::platform_userinfo(&found));
        }
        Ok(Value::Object(all))
    }
}

fn is_bearer(header: &str) -> bool {
    let scheme = header.split(' ').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("bearer")
}

/// The scopes that were asked for.
pub(super) fn wanted(form: &Pairs) -> Result<Option<Scopes>, OAuthError> {
    form.get("scope")
        .map(Scopes::parse)
        .transpose()
        .map_err(|error| OAuthError::new(Code::InvalidScope, error.to_string()))
}

/// The scopes of a user's grant: those that were asked for and the application may
/// have; where none were asked for, all of the application's that are about no user
/// and make no administrator. One that is not the application's is left out, as
/// OpenID Connect Core §3.1.2.1 wants it of those that are not understood, and the
/// answer says which were granted (RFC 6749 §3.3).
///
/// # Errors
/// `invalid_scope` where nothing useful would come of it: for scopes of the admin
/// API, and for `openid` without which there is no ID token.
pub(super) fn user_scopes(
    application: &Application,
    wanted: Option<Scopes>,
) -> Result<Scopes, OAuthError> {
    let possible = application.scopes.only(|scope| !scope::is_admin(scope));
    let Some(wanted) = wanted else {
        return Ok(possible.only(|scope| !scope::is_identity(scope)));
    };
    let needed = wanted.only(|scope| scope::is_admin(scope) || scope == scope::OPENID);
    if needed.within(&possible) {
        Ok(wanted.common(&possible))
    } else {
        Err(out_of_scope())
    }
}

fn out_of_scope() -> OAuthError {
    OAuthError::new(
        Code::InvalidScope,
        "a scope was asked for that the application may not have",
    )
}

fn other_account() -> OAuthError {
    OAuthError::new(
        Code::UnauthorizedClient,
        "the application does not serve this account",
    )
}

/// The account of a user's grant: the application's, or the one that it names.
pub(super) fn account_for(
    application: &Application,
    form: &Pairs,
) -> Result<AccountId, OAuthError> {
    match (&application.account, account_parameter(form)?) {
        (Some(own), Some(asked)) if *own != asked => Err(other_account()),
        (Some(own), _) => Ok(own.clone()),
        (None, Some(asked)) => Ok(asked),
        (None, None) => Err(OAuthError::request(
            "`account` is missing: this application serves all accounts",
        )),
    }
}

fn account_parameter(form: &Pairs) -> Result<Option<AccountId>, OAuthError> {
    form.get("account")
        .map(str::parse)
        .transpose()
        .map_err(|_| OAuthError::request("`account` is not a valid account id"))
}
