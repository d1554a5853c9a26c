//! The fourth step: the access token for the user's profile.

use std::sync::Arc;

use serde_json::{Map, Value};
use tracing::debug;

use super::Logins;
use super::context::Context;
use super::error::{LoginError, Step, words};
use super::exchange::TokenResponse;
use super::heavy;
use super::kept::Unowned;
use super::openid::IdTokenError;
use super::refusal;
use crate::base::Authenticated;
use crate::outbound::PreparedRequest;
use crate::provider::Provider;
use crate::provider::extract::{self, Documents, ExtractError, Problem, Profile};
use crate::provider::file::Kind;
use crate::provider::model::{Answer, ProfileSource, Then, UserinfoRequest};
use crate::provider::moment::Moment;
use crate::provider::path;
use crate::provider::request;
use crate::provider::template::Fill;
use crate::provider::trace::Trace;
use crate::session::AtProvider;

/// A login whose person is known to the provider. Only [`fetch`] makes one.
pub struct Identified {
    login: Context,
    profile: Profile,
    authenticated: Authenticated,
    at_provider: Option<AtProvider>,
    tokens: Option<Unowned>,
}

impl Identified {
    /// What the provider says about them.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The login, the profile, and what is kept besides: for the next step.
    pub(super) fn into_parts(self) -> (Context, Profile, Kept) {
        let kept = Kept {
            authenticated: self.authenticated,
            at_provider: self.at_provider,
            tokens: self.tokens,
        };
        (self.login, self.profile, kept)
    }
}

/// What is kept of a login beside the profile.
pub(super) struct Kept {
    /// How and when the person authenticated at the provider, where it says so.
    pub authenticated: Authenticated,
    /// As whom, where it speaks OpenID Connect.
    pub at_provider: Option<AtProvider>,
    /// The tokens, where the mapping says so.
    pub tokens: Option<Unowned>,
}

/// Fetches the profile from wherever the mapping says, and finds in it what is needed.
pub async fn fetch(
    logins: &Logins,
    token: TokenResponse,
    trace: &mut Trace,
) -> Result<Identified, LoginError> {
    let provider = Arc::clone(token.login().provider());
    let (claims, authenticated) = match provider.kind {
        Kind::Openid => {
            let (claims, auth_time) = logins.id_token_claims(&token, trace).await?;
            let authenticated = Authenticated::of_claims(&claims, auth_time);
            (Some(claims), authenticated)
        }
        Kind::Oauth2 => (None, Authenticated::default()),
    };
    let source = provider.userinfo.source;
    let mut document = match source {
        ProfileSource::TokenResponse => {
            let answer = token.document().clone();
            logins.profile_within(token.login(), answer, trace).await?
        }
        ProfileSource::IdToken => {
            let claims = claims.clone().unwrap_or(Value::Null);
            logins.profile_within(token.login(), claims, trace).await?
        }
        ProfileSource::AccessToken => {
            let text = token.access_token()?.expose();
            let claims = logins
                .signed_claims(token.login(), Step::Token, text)
                .await?;
            trace.document("access_token", &claims);
            logins.profile_within(token.login(), claims, trace).await?
        }
        ProfileSource::Request => request_profile(logins, &token, trace).await?,
        ProfileSource::IdTokenAndRequest => {
            let claims = claims.clone().unwrap_or(Value::Null);
            if logins.has_userinfo(token.login()).await? {
                let answer = request_profile(logins, &token, trace).await?;
                if provider.userinfo.request.url.is_none() && answer.get("sub").is_none() {
                    // Always there (OpenID Connect Core §5.3.2): without it nobody
                    // can say that this is about the same person.
                    return Err(LoginError::IdToken(IdTokenError::OtherSubject));
                }
                over(claims, answer)
            } else {
                claims
            }
        }
    };
    if let Some(claims) = &claims {
        same_subject(claims, &document)?;
    }
    let subject = claims.as_ref().and_then(|claims| claims.get("sub"));
    let subject = subject.and_then(Value::as_str).map(str::to_owned);
    for then in &provider.userinfo.then {
        let answer = match follow(logins, &token, then, &document, trace).await {
            Err(error) if then.optional => {
                trace.failed(&format!("the login goes on without it: {error}"));
                Value::Null
            }
            answer => answer?,
        };
        trace.document(&format!("then {}", then.name), &answer);
        if !document.is_object() {
            document = Value::Object(Map::from_iter([("profile".to_owned(), document)]));
        }
        if let Value::Object(members) = &mut document {
            members.insert(then.name.clone(), answer);
        }
    }
    let at_provider = claims
        .as_ref()
        .and_then(|claims| Logins::at_provider(&token, claims));
    let profile = read(logins, &token, claims, document, trace).await?;
    debug!(
        target: "vestibule::login",
        login = token.login().id(),
        account = %token.login().account(),
        provider = %provider.id,
        "userinfo: the profile has an id and an email"
    );
    let tokens = Unowned::of(&token, subject.as_deref(), logins.now());
    Ok(Identified {
        tokens,
        login: token.into_login(),
        profile,
        authenticated,
        at_provider,
    })
}

/// Finds what is mapped. Heavy documents are walked off the async workers, so
/// that one provider's profile doesn't stall everyone's logins (threat M11).
async fn read(
    logins: &Logins,
    token: &TokenResponse,
    claims: Option<Value>,
    document: Value,
    trace: &mut Trace,
) -> Result<Profile, LoginError> {
    let login = token.login();
    let provider = login.provider();
    let (answer, values) = (token.document().clone(), token.values().clone());
    let began = members(login.parameters());
    for (name, values) in [("callback", &values), ("login", &began)] {
        if *values != Value::Object(Map::new()) {
            trace.document(name, values);
        }
    }
    let run = move |provider: &Provider, document: &Value| {
        let documents = Documents {
            profile: document,
            token: Some(&answer),
            id_token: claims.as_ref(),
            callback: Some(&values),
            login: Some(&began),
        };
        let mut notes = Vec::new();
        let profile = extract::profile(&provider.userinfo.profile, documents, &mut notes)
            .map_err(|error| incomplete(explained(error, document)))
            .and_then(|profile| {
                extract::access(&provider.access, &profile, document)
                    .map(|()| profile)
                    .map_err(LoginError::AccessDenied)
            });
        (profile, notes)
    };
    let is_heavy = path::is_heavier(&document, path::INLINE_COST);
    let (profile, notes, document) = if is_heavy {
        let provider = Arc::clone(provider);
        let work = move || {
            let (profile, notes) = run(&provider, &document);
            (profile, notes, document)
        };
        let worked = heavy::run(work).await;
        worked.map_err(Step::Userinfo.store())?
    } else {
        let (profile, notes) = run(provider, &document);
        (profile, notes, document)
    };
    let profile = profile.map_err(|error| said_without_secrets(error, trace));
    if trace.is_on() {
        trace.notes.extend(notes);
        return profile;
    }
    let (account, now) = (login.account(), logins.now());
    let observed = logins.watch.observe(
        &*logins.store,
        account,
        &provider.id,
        &notes,
        &document,
        now,
    );
    observed.await.map_err(Step::Userinfo.store())?;
    if is_heavy {
        // Giving back what many small values take is work as well.
        heavy::give_back(document);
    }
    profile
}

async fn request_profile(
    logins: &Logins,
    token: &TokenResponse,
    trace: &mut Trace,
) -> Result<Value, LoginError> {
    token.access_token()?;
    let userinfo = &token.login().provider().userinfo;
    let discovered = logins.userinfo_endpoint(token.login()).await?;
    let prepared =
        prepare(logins, &userinfo.request, token, None, discovered.as_ref()).map_err(|error| {
            LoginError::Build {
                step: Step::Userinfo,
                error,
            }
        })?;
    let answer = asked(
        logins,
        token,
        Step::Userinfo,
        prepared,
        &userinfo.answer,
        trace,
    )
    .await?;
    trace.document("userinfo", &answer);
    Ok(answer)
}

/// One request that follows the one for the profile.
async fn follow(
    logins: &Logins,
    token: &TokenResponse,
    then: &Then,
    document: &Value,
    trace: &mut Trace,
) -> Result<Value, LoginError> {
    let step = Step::Then;
    let prepared = prepare(logins, &then.request, token, Some(document), None)
        .map_err(|error| LoginError::Build { step, error })?;
    asked(logins, token, step, prepared, &then.answer, trace).await
}

/// Sends a request, and again where the provider wants its nonce in the proof.
async fn asked(
    logins: &Logins,
    token: &TokenResponse,
    step: Step,
    prepared: PreparedRequest,
    answer: &Answer,
    trace: &mut Trace,
) -> Result<Value, LoginError> {
    let login = token.login();
    let spare = login.prover().map(|_| prepared.clone());
    let first = logins.ask(login, step, prepared, answer, trace).await;
    match spare {
        Some(prepared) if login.again(&first) => {
            logins.ask(login, step, prepared, answer, trace).await
        }
        _ => first,
    }
}

fn prepare(
    logins: &Logins,
    set: &UserinfoRequest,
    token: &TokenResponse,
    profile: Option<&Value>,
    discovered: Option<&url::Url>,
) -> Result<PreparedRequest, request::BuildError> {
    let provider = token.login().provider();
    let moment = Moment::new(logins.now());
    let fill = Fill {
        redirect_uri: token.login().redirect_uri(),
        callback: token.callback(),
        login: token.login().parameters(),
        access_token: token.access_token().ok(),
        app_access_token: token.app_access_token(),
        token_response: Some(token.document()),
        profile,
        moment: Some(&moment),
        ..provider.client.fill()
    };
    request::userinfo(set, &provider.hosts, discovered, &fill)
}

/// Parameters as members of an object.
fn members(parameters: &[(String, String)]) -> Value {
    let members = parameters.iter();
    Value::Object(
        members
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect(),
    )
}

/// Claims with the members of an answer over them.
fn over(claims: Value, answer: Value) -> Value {
    match (claims, answer) {
        (Value::Object(mut claims), Value::Object(answer)) => {
            claims.extend(answer);
            Value::Object(claims)
        }
        (_, answer) => answer,
    }
}

/// The `sub` of user information is that of the ID token (OpenID Connect Core §5.3.2).
fn same_subject(claims: &Value, document: &Value) -> Result<(), LoginError> {
    let subject = claims.get("sub");
    match document.get("sub") {
        Some(other) if Some(other) != subject => {
            Err(LoginError::IdToken(IdTokenError::OtherSubject))
        }
        _ => Ok(()),
    }
}

/// An error with what the answer says for itself, where it has words of an error.
fn explained(error: ExtractError, document: &Value) -> ExtractError {
    let said = refusal::said(document).filter(|_| error.problem.is_missing());
    let Some((code, text)) = said else {
        return error;
    };
    let text = text.map_or_else(String::new, |text| format!(": {text}"));
    ExtractError {
        hint: Some(format!("the answer says: {code}{text}")),
        ..error
    }
}

/// Some answers repeat the token that they don't like.
fn said_without_secrets(error: LoginError, trace: &Trace) -> LoginError {
    let masked = |error: ExtractError| ExtractError {
        hint: error.hint.map(|hint| words(&trace.masked(&hint))),
        ..error
    };
    match error {
        LoginError::UserIdMissing(error) => LoginError::UserIdMissing(masked(error)),
        LoginError::EmailMissing(error) => LoginError::EmailMissing(masked(error)),
        other => other,
    }
}

fn incomplete(error: ExtractError) -> LoginError {
    match (error.field, &error.problem) {
        ("userinfo.response.email", Problem::Missing { .. }) => LoginError::EmailMissing(error),
        ("userinfo.response.email", _) => LoginError::EmailInvalid(error),
        _ => LoginError::UserIdMissing(error),
    }
}
