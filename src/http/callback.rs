//! The redirect URIs: where providers send browsers back to.
//!
//! | address | of |
//! |---|---|
//! | `/callback/{account}/{provider}` | one provider of an account |
//! | `/accounts/{account}/callback/{provider}` | the same, through a store's web server |
//! | `/accounts/{account}/callback` | an account, through a store's web server |
//! | `/callback` | all accounts, where the operator allows it |
//!
//! Each with a slash at its end too, which some providers add.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;

use super::pages::Lang;
use super::site::{accept_language, html, look};
use super::{App, Shared, failure, redirect};
use crate::authority::grants;
use crate::base::{AccountId, ErrorCode, UserId, traces};
use crate::login::arrival::Arrival;
use crate::login::callback::{CallbackQuery, VerifiedCallback, verify};
use crate::login::exchange::exchange;
use crate::login::identify::identify;
use crate::login::journal::{LoginStep, SEEN, Seen};
use crate::login::restart::{Failed, Restart, restart_of};
use crate::login::shadow::compare;
use crate::login::userinfo::fetch;
use crate::login::{LoginError, Step, trial};
use crate::provider::trace::Trace;
use crate::store::StoreError;

/// The addresses.
pub(super) const ADDRESSES: [&str; 8] = [
    "/callback/{account}/{provider}",
    "/callback/{account}/{provider}/",
    "/accounts/{account}/callback/{provider}",
    "/accounts/{account}/callback/{provider}/",
    "/accounts/{account}/callback",
    "/accounts/{account}/callback/",
    "/callback",
    "/callback/",
];

/// The account and provider in the address, as far as it names them.
type Named = Path<Vec<(String, String)>>;

/// `GET`, at each of the addresses.
pub(super) async fn get(
    State(app): State<Shared>,
    named: Named,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let query = uri.query().unwrap_or_default().to_owned();
    let at = arrival(&named);
    if let Some(Arrival::Provider(account, provider)) = &at
        && has_no_answer(&query)
    {
        match trial::fragment_expected(&app.logins, account, provider).await {
            Ok(true) => return fragment(&app, account, &headers).await,
            Ok(false) => {}
            Err(error) => return failure::after_callback(&app, &error, None, Vec::new()),
        }
    }
    match at {
        Some(at) => run(app, query, at, StatusCode::FOUND).await,
        None => failure::lost(&app, ErrorCode::LoginUnknownAccount),
    }
}

/// Whether a query holds neither code nor error: nothing, or the state alone.
fn has_no_answer(query: &str) -> bool {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let only = |name: &str| name != "code" && name != "error";
    pairs.next().is_none_or(|(name, _)| only(&name)) && pairs.next().is_none()
}

/// The page that posts the fragment of its address here.
async fn fragment(app: &App, account: &AccountId, headers: &HeaderMap) -> Response {
    let lang = Lang::choose(None, accept_language(headers));
    // What fails here only costs the page its look.
    let account = app.logins.accounts.get(account).await.ok().flatten();
    let look = account
        .as_deref()
        .map(|account| look(app, account))
        .unwrap_or_default();
    let store = account.as_ref().and_then(|account| account.stores.first());
    let other = store.map(|store| store.url("login"));
    html(
        StatusCode::OK,
        app.pages.fragment(&look, lang, other.as_deref()),
    )
}

/// `POST`: `response_mode=form_post`, and what came in a fragment. The state may
/// stand in the address.
pub(super) async fn post(
    State(app): State<Shared>,
    named: Named,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match (arrival(&named), form(&headers, &body)) {
        (Some(at), Some(text)) => {
            let query = uri.query().unwrap_or_default();
            let all = if query.is_empty() {
                text
            } else {
                format!("{text}&{query}")
            };
            run(app, all, at, StatusCode::SEE_OTHER).await
        }
        (Some(_), None) => failure::plain(&app, &headers, ErrorCode::RequestBad),
        (None, _) => failure::lost(&app, ErrorCode::LoginUnknownAccount),
    }
}

/// Which address it is; `None` if no account or provider can have such a name.
fn arrival(Path(named): &Named) -> Option<Arrival> {
    let part = |name: &str| {
        let found = named.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    Some(match (part("account"), part("provider")) {
        (Some(account), Some(provider)) => {
            Arrival::Provider(account.parse().ok()?, provider.parse().ok()?)
        }
        (Some(account), None) => Arrival::Account(account.parse().ok()?),
        _ => Arrival::Shared,
    })
}

fn form(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return None;
    }
    String::from_utf8(body.to_vec()).ok()
}

/// Runs the login in a task of its own: a browser that goes away must not cut
/// it between the code and the user.
async fn run(app: Shared, query: String, at: Arrival, success: StatusCode) -> Response {
    // Boxed, since the runtime moves a task's future several times.
    let task = tokio::spawn(traces::carried(Box::pin({
        let app = Shared::clone(&app);
        let seen = Seen::current();
        SEEN.scope(seen, async move {
            let mut steps = Vec::new();
            match login(&app, &query, &at, &mut steps).await {
                Ok(location) => redirect(success, &location),
                Err(failed) => {
                    let restart = failed.restart.as_deref();
                    let began = restart.and_then(|restart| restart.trace.as_deref());
                    let said =
                        async { failure::after_callback(&app, &failed.error, restart, steps) };
                    traces::resumed(began, "login failed", said).await
                }
            }
        })
    })));
    task.await
        .unwrap_or_else(|_| failure::lost(&app, ErrorCode::ServiceError))
}

/// From the callback's parameters to the store's `finish`.
async fn login(
    app: &Shared,
    query: &str,
    at: &Arrival,
    done: &mut Vec<LoginStep>,
) -> Result<String, Failed> {
    let logins = &app.logins;
    let query = match CallbackQuery::parse(query) {
        Ok(query) => query,
        Err(error) => {
            let restart = restart_of(logins, query, at.account()).await;
            return Err(Failed { error, restart });
        }
    };
    let (verified, restart) = match verify(logins, query, at).await {
        Ok(found) => found,
        Err(failed) => return trial_failed(app, failed).await,
    };
    let began = restart.trace.clone();
    let rest = Box::pin(go_on(app, verified, restart, done));
    traces::resumed(began.as_deref(), "login", rest).await
}

/// What follows a callback that belongs to a login.
async fn go_on(
    app: &Shared,
    verified: VerifiedCallback,
    restart: Restart,
    done: &mut Vec<LoginStep>,
) -> Result<String, Failed> {
    let logins = &app.logins;
    traces::note("vestibule.login", restart.id.clone());
    if let Some(id) = &restart.trial {
        let trace = trial::run(logins, id, verified)
            .await
            .map_err(Step::Callback.store())?;
        return Ok(trial_done(app, &restart, trace.failure.is_none()));
    }
    let (provider, began) = (verified.login().provider().id.clone(), logins.now());
    let started_at = verified.login().started_at();
    let passed = |done: &mut Vec<LoginStep>, step: Step| {
        let ms = logins.now().since(started_at).as_millis();
        done.push(LoginStep {
            step: step.name().to_owned(),
            ms: u64::try_from(ms).unwrap_or(u64::MAX),
        });
    };
    passed(done, Step::Callback);
    let steps = async {
        let trace = &mut Trace::off();
        let token = exchange(logins, verified, trace).await?;
        passed(done, Step::Token);
        let shadow = token.for_shadow();
        let identified = fetch(logins, token, trace).await?;
        passed(done, Step::Userinfo);
        if let Some(shadow) = shadow {
            let (app, live) = (Shared::clone(app), identified.profile().clone());
            tokio::spawn(async move { compare(&app.logins, shadow, live).await });
        }
        let identity = identify(logins, identified, done.clone()).await?;
        if let Some(user) = identity.proved {
            end_others(app, &restart.account.id, user).await?;
        }
        Ok(identity)
    };
    let outcome = steps.await;
    let now = logins.now();
    let took = outcome.as_ref().map(|_| now.since(began));
    let account = &restart.account.id;
    logins.health.count(account, &provider, took, now);
    match outcome {
        Ok(identity) if restart.console => Ok(format!(
            "{}/admin/login/finish?ticket={}",
            logins.public_url,
            identity.ticket.as_str()
        )),
        Ok(identity) => Ok(restart
            .store
            .url(&format!("finish?ticket={}", identity.ticket.as_str()))),
        Err(error) => Err(Failed {
            error,
            restart: Some(Box::new(restart)),
        }),
    }
}

/// Ends what was issued to others with a user's email, which was proved just now
/// (threat F1).
pub(super) async fn end_others(
    app: &App,
    account: &AccountId,
    user: UserId,
) -> Result<(), LoginError> {
    let issued = grants::end_issued(&*app.logins.store, account, user);
    end(app, account, user, issued).await
}

/// Ends everything that was issued to a user, whose password is another now; also
/// what was begun and not finished.
pub(super) async fn end_issued(
    app: &App,
    account: &AccountId,
    user: UserId,
) -> Result<(), LoginError> {
    let issued = grants::end_user(&*app.logins.store, account, user);
    end(app, account, user, issued).await
}

/// Ends a user's grants; first their applications hear of it, as they are found by
/// what ends.
async fn end<T>(
    app: &App,
    account: &AccountId,
    user: UserId,
    grants: impl Future<Output = Result<T, StoreError>>,
) -> Result<(), LoginError> {
    let failed = Step::Identify.store();
    let told = app.authority.sessions_ended(account, user).await;
    told.map_err(&failed)?;
    grants.await.map_err(failed)?;
    Ok(())
}

/// Keeps the failure where it is a trial's; passes it on where it is a login's.
async fn trial_failed(app: &Shared, failed: Failed) -> Result<String, Failed> {
    let trial = failed
        .restart
        .as_ref()
        .and_then(|restart| Some((restart, restart.trial.as_ref()?)));
    let Some((restart, id)) = trial else {
        return Err(failed);
    };
    trial::fail(&app.logins, &restart.account.id, id, &failed.error)
        .await
        .map_err(Step::Callback.store())?;
    Ok(trial_done(app, restart, false))
}

/// Where the owner of the test account ends: the broker's own page, since a
/// trial needs no store.
fn trial_done(app: &Shared, restart: &Restart, worked: bool) -> String {
    let (base, account) = (&app.logins.public_url, &restart.account.id);
    format!("{base}/accounts/{account}/trial-done?worked={worked}")
}
