//! A trial's login: the same steps as a shopper's, up to the profile.

use url::Url;

use super::{TRIAL_LINKS, begun, keep, provider};
use crate::account::{Account, StoreFront};
use crate::base::AccountId;
use crate::login::callback::VerifiedCallback;
use crate::login::error::{LoginError, Step};
use crate::login::exchange::exchange;
use crate::login::journal::LoginEntry;
use crate::login::pending::Browser;
use crate::login::start::{StartRequest, Started, start};
use crate::login::userinfo::fetch;
use crate::login::{Logins, ReturnTo};
use crate::provider::Provider;
use crate::provider::request::Demands;
use crate::provider::trace::{Failure, Masks, SavedTrace, Trace};
use crate::store::{StoreError, Token};

/// Begins the login of a trial; its link counts once.
pub async fn begin(
    logins: &Logins,
    account: &Account,
    store: &StoreFront,
    link: &str,
    parameters: &[(String, String)],
) -> Result<Started, LoginError> {
    let unknown = LoginError::TicketInvalid;
    let Some(link) = Token::parse(link) else {
        return Err(unknown);
    };
    let id = TRIAL_LINKS
        .take_by(&*logins.store, account.id.as_str(), &link)
        .await
        .map_err(Step::Start.store())?
        .and_then(|id| Token::parse(&id))
        .ok_or(unknown)?;
    let provider = provider(logins, &account.id, &id).await?;
    let (return_to, _) =
        ReturnTo::parse(None, account, store).map_err(|_| LoginError::UnknownProvider)?;
    let request = StartRequest {
        account,
        store,
        provider: &provider,
        return_to,
        browser: &Browser::new(),
        login_hint: None,
        parameters,
        client: None,
        demands: &Demands::default(),
        trial: Some(&id),
        console: false,
    };
    let started = start(logins, request).await;
    // Whoever waits for the trace learns of a login that cannot begin, too.
    let kept = match &started {
        Ok(started) => {
            let shown = masked(&provider, &started.location);
            begun(logins, &account.id, &id, shown).await
        }
        Err(error) => fail(logins, &account.id, &id, error).await,
    };
    kept.map_err(Step::Start.store())?;
    started
}

/// An authorization request without what belongs to one login alone.
fn masked(provider: &Provider, location: &str) -> String {
    let (mut masks, set) = (Masks::default(), &provider.authorization);
    let Ok(url) = Url::parse(location) else {
        return String::new();
    };
    for (name, value) in url.query_pairs() {
        if name == set.state_key.as_str() {
            masks.add("state", &value);
        } else if matches!(
            &*name,
            "nonce" | "code_challenge" | "request" | "request_uri"
        ) {
            masks.add(&name, &value);
        } else if name == set.redirect_uri_key.as_str()
            && let Ok(inner) = Url::parse(&value)
        {
            let mut pairs = inner.query_pairs();
            if let Some((_, state)) = pairs.find(|(name, _)| name == set.state_key.as_str()) {
                masks.add("state", &state);
            }
        }
    }
    masks.text(location)
}

/// Runs the steps of a trial up to the profile, and keeps the trace.
pub async fn run(
    logins: &Logins,
    id: &Token,
    verified: VerifiedCallback,
) -> Result<SavedTrace, StoreError> {
    let account = verified.login().account().clone();
    let provider = verified.login().provider().id.to_string();
    let mut trace = Trace::on();
    let steps = async {
        let token = exchange(logins, verified, &mut trace).await?;
        fetch(logins, token, &mut trace).await
    };
    let outcome = steps.await;
    let (identity, failure) = match outcome {
        Ok(identified) => (Some(identified.profile().clone()), None),
        Err(error) => (None, Some(failure(&error))),
    };
    let saved = trace.save(provider, logins.now(), identity, failure);
    keep(logins, &account, id, saved.clone()).await?;
    Ok(saved)
}

/// Keeps that a trial ended before its code could be exchanged.
pub async fn fail(
    logins: &Logins,
    account: &AccountId,
    id: &Token,
    error: &LoginError,
) -> Result<(), StoreError> {
    let saved = Trace::on().save(String::new(), logins.now(), None, Some(failure(error)));
    keep(logins, account, id, saved).await
}

/// The trace of a login that failed before it was known to be a trial's.
pub fn ended(logins: &Logins, entry: LoginEntry) -> SavedTrace {
    let failure = Failure {
        step: entry.failed_at.unwrap_or_default(),
        code: entry.outcome,
        message: entry.why.unwrap_or_default(),
        look_at: entry.look_at,
    };
    Trace::on().save(String::new(), logins.now(), None, Some(failure))
}

fn failure(error: &LoginError) -> Failure {
    Failure {
        step: error.step().name().to_owned(),
        code: error.code().to_string(),
        message: error.to_string(),
        look_at: error.look_at(),
    }
}
