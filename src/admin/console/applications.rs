//! Applications: the broker's clients.
//!
//! A secret is on one page once: the answer to the form that made it. Sent
//! again, that form makes nothing: a new application's id came with the form,
//! and a rotation is of one version.

mod form;

use axum::extract::{Path, Query};
use axum::http::{Method, StatusCode};
use minijinja::{Value as TemplateValue, context};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use self::form::names;
use self::form::{Refused, changes, text, typed};
use super::api::{Call, segment};
use super::confirm::{self, Ask};
use super::guard::{LoggedIn, Post};
use super::sentences::{say, say_with};
use super::view::{Html, failing, page, redirect_to, shown};
use super::{Console, State};
use crate::authority::application::{AuthMethod, ResponseAlg};
use crate::authority::{ClientId, Grant};
use crate::base::{ErrorCode, random};
use crate::http::problem::Problem;
use crate::operator::session::Current;

/// Stands for all accounts where one is chosen.
const ALL: &str = "*";

#[derive(Deserialize, Default)]
pub(super) struct ApplicationsQuery {
    account: Option<String>,
    after: Option<String>,
    done: Option<String>,
}

impl ApplicationsQuery {
    fn account(&self) -> Option<&str> {
        self.account
            .as_deref()
            .map(str::trim)
            .filter(|id| !id.is_empty())
    }
}

/// The account that a list or a form is about, for the way back to it.
async fn of_account(
    console: &Console,
    who: &Current,
    id: Option<&str>,
) -> Result<TemplateValue, Problem> {
    let Some(id) = id else {
        return Ok(TemplateValue::from(()));
    };
    let call = Call::get(format!("/accounts/{}", segment(id)));
    let found = console.api.call(who, call).await?;
    Ok(context! { id => found["id"].as_str(), name => found["name"].as_str() })
}

/// `GET /admin/applications`
pub(super) async fn list(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Query(which): Query<ApplicationsQuery>,
) -> Html {
    let mut path = "/applications?limit=50".to_owned();
    for (name, value) in [
        ("account", which.account()),
        ("after", which.after.as_deref()),
    ] {
        if let Some(value) = value {
            path.extend(["&", name, "=", &segment(value)]);
        }
    }
    let account = of_account(&console, &who, which.account())
        .await
        .map_err(failing(&who))?;
    let found = console
        .api
        .call(&who, Call::get(path))
        .await
        .map_err(failing(&who))?;
    let values = context! {
        title => say("common.applications"),
        nav => if which.account().is_some() { "accounts" } else { "applications" },
        account,
        items => shown(found["items"].clone()),
        next => found["next"].as_str(),
        done => which.done,
    };
    page(Some(&who), StatusCode::OK, "applications.html", values)
}

/// `GET /admin/new-application`
pub(super) async fn ask(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Query(which): Query<ApplicationsQuery>,
) -> Html {
    let id = ClientId::generate();
    let form = json!({
        "client_id": id.as_str(),
        "suggested": id.as_str(),
        "client_secret": random::token(),
        "account": which.account(),
        "scopes": "openid profile email offline_access",
        "grants": [Grant::ClientCredentials.as_str()],
        "id_token_signed_response_alg": ResponseAlg::USUAL.as_str(),
    });
    new_page(
        &console,
        &who,
        which.account(),
        StatusCode::OK,
        context! { form => shown(form) },
    )
    .await
}

async fn new_page(
    console: &Console,
    who: &Current,
    account: Option<&str>,
    status: StatusCode,
    more: TemplateValue,
) -> Html {
    let found = console
        .api
        .call(who, Call::get("/accounts?limit=500"))
        .await
        .map_err(failing(who))?;
    // An account that is not there is the form's to say.
    let account = of_account(console, who, account).await.unwrap_or_default();
    let values = context! {
        title => say("common.new_application"),
        nav => if account.is_none() { "applications" } else { "accounts" },
        account,
        // Too many for a list are typed.
        accounts => found["next"].is_null().then(|| shown(found["items"].clone())),
    };
    page(
        Some(who),
        status,
        "application_new.html",
        context! { ..more, ..values },
    )
}

/// `POST /admin/new-application`: the answer shows the secret, once.
pub(super) async fn create(axum::extract::State(console): State, post: Post) -> Html {
    let who = &post.who;
    let typed = typed(&post.form);
    let mut body = changes(&typed);
    body["client_id"] = typed["client_id"].clone();
    body["public"] = typed["public"].clone();
    let own_secret = post.get("client_secret").trim();
    let has_secret = typed["public"] != true
        && text(&typed, "token_endpoint_auth_method") != AuthMethod::PrivateKeyJwt.as_str();
    if has_secret && !own_secret.is_empty() {
        body["client_secret"] = own_secret.into();
    }
    let account = text(&typed, "account");
    if account.is_empty() {
        let problem = Problem::new(ErrorCode::ApplicationAccount, "choose an account, or all");
        let refused = Refused {
            typed,
            problem,
            place: "account",
        };
        return new_page(&console, who, None, refused.status(), refused.values()).await;
    }
    if account != ALL {
        body["account"] = account.into();
    }
    let body_secret = body["client_secret"].as_str().map(str::to_owned);
    let call = Call::new(Method::POST, "/applications").json(body);
    match console.api.call(who, call).await {
        Ok(made) => {
            let id = text(&made, "client_id").to_owned();
            let more = context! {
                secret => made["client_secret"].as_str().or(body_secret.as_deref()),
                done => "application",
            };
            display(&console, who, &id, StatusCode::OK, more).await
        }
        // The id was made for this form, so this is the form sent again.
        Err(problem)
            if problem.code == ErrorCode::ApplicationExists
                && typed["client_id"] == typed["suggested"] =>
        {
            Ok(redirect_to(&path(text(&typed, "client_id"), "")))
        }
        Err(problem) => {
            let account = Some(account).filter(|account| *account != ALL);
            let account = account.map(str::to_owned);
            let refused = Refused::new(&console, typed, problem).await;
            let (status, values) = (refused.status(), refused.values());
            new_page(&console, who, account.as_deref(), status, values).await
        }
    }
}

fn path(id: &str, end: &str) -> String {
    format!("/admin/applications/{}{end}", segment(id))
}

fn api_path(id: &str, end: &str) -> String {
    format!("/applications/{}{end}", segment(id))
}

/// `GET /admin/applications/{application}`
pub(super) async fn show(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path(id): Path<String>,
    Query(which): Query<ApplicationsQuery>,
) -> Html {
    let values = context! { done => which.done };
    display(&console, &who, &id, StatusCode::OK, values).await
}

/// The application's page; `more` comes before what is stored.
async fn display(
    console: &Console,
    who: &Current,
    id: &str,
    status: StatusCode,
    more: TemplateValue,
) -> Html {
    let (found, version) = console
        .api
        .read(who, Call::get(api_path(id, "")))
        .await
        .map_err(failing(who))?;
    let account = of_account(console, who, found["account"].as_str())
        .await
        .unwrap_or_default();
    let joined = |name: &str, between: &str| {
        let items = found[name].as_array().into_iter().flatten();
        let items: Vec<&str> = items.filter_map(Value::as_str).collect();
        items.join(between)
    };
    let form = json!({
        "name": found["name"],
        "public": found["public"],
        "scopes": joined("scopes", " "),
        "grants": found["grants"],
        "redirect_uris": joined("redirect_uris", "\n"),
        "post_logout_redirect_uris": joined("post_logout_redirect_uris", "\n"),
        "backchannel_logout_uri": found["backchannel_logout_uri"],
        "id_token_signed_response_alg": found["id_token_signed_response_alg"],
        "audience": found["audience"],
        "token_endpoint_auth_method": found["token_endpoint_auth_method"],
        "jwks": found["jwks"].is_object().then(|| format!("{:#}", found["jwks"])),
        "jwks_uri": found["jwks_uri"],
        "application_type": found["application_type"],
        "require_pkce": found["require_pkce"],
        "pushed_authorization_requests": found["pushed_authorization_requests"],
        "resources": joined("resources", "\n"),
        "access_token_lifetime": found["access_token_lifetime"],
        "refresh_token_lifetime": found["refresh_token_lifetime"],
        "refresh_token_absolute_lifetime": found["refresh_token_absolute_lifetime"],
        "reuse_refresh_tokens": found["reuse_refresh_tokens"],
        "consent": found["consent"],
        "id_token_claims": joined("id_token_claims", " "),
        "userinfo_claims": joined("userinfo_claims", " "),
        "access_token_claims": joined("access_token_claims", " "),
        "unnamed_requests": found["unnamed_requests"],
        "virto_claims": found["virto_claims"],
        "roles": joined("roles", "\n"),
        "impersonation_group": found["impersonation_group"],
    });
    let values = context! {
        title => found["name"].as_str(),
        nav => "applications",
        owner => account,
        application => shown(found.clone()),
        form => shown(form),
        etag => version,
        authority => console.origin.as_str(),
    };
    page(
        Some(who),
        status,
        "application.html",
        context! { ..more, ..values },
    )
}

/// `POST /admin/applications/{application}`
pub(super) async fn change(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Html {
    let mut typed = typed(&post.form);
    let call = Call::new(Method::PATCH, api_path(&id, ""))
        .json(changes(&typed))
        .if_version(post.get("etag").parse().ok());
    match console.api.call(&post.who, call).await {
        Ok(_) => Ok(redirect_to(&path(&id, "?done=saved"))),
        Err(problem) => {
            typed["client_id"] = id.as_str().into();
            let stale = problem.code == ErrorCode::AdminChangedMeanwhile;
            let refused = Refused::new(&console, typed, problem).await;
            // The version stays what it was: sent again, it is refused again.
            let more = context! { etag => post.get("etag"), stale, ..refused.values() };
            display(&console, &post.who, &id, refused.status(), more).await
        }
    }
}

/// `POST …/rotate`: the answer shows the new secret, once.
pub(super) async fn rotate(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Html {
    let call = Call::new(Method::POST, api_path(&id, "/rotate"))
        .json(json!({ "overlap": post.get("overlap") }))
        .if_version(post.get("etag").parse().ok());
    match console.api.call(&post.who, call).await {
        Ok(made) => {
            let more = context! {
                secret => made["client_secret"].as_str(),
                done => "rotated",
            };
            display(&console, &post.who, &id, StatusCode::OK, more).await
        }
        Err(mut problem) => {
            if problem.code == ErrorCode::AdminChangedMeanwhile {
                "this form was sent before, or someone else changed the application meanwhile; no secret was made".clone_into(&mut problem.detail);
            }
            refuse(&console, &post, &id, problem).await
        }
    }
}

async fn refuse(console: &Console, post: &Post, id: &str, problem: Problem) -> Html {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    if status == StatusCode::NOT_FOUND {
        return Err(problem.into());
    }
    let more = context! { problem => shown(problem) };
    display(console, &post.who, id, status, more).await
}

/// `POST …/remove`
pub(super) async fn remove(
    axum::extract::State(console): State,
    Path(id): Path<String>,
    post: Post,
) -> Html {
    let ask = Ask {
        title: say_with("confirm.remove_application_of", &[("id", &id)]),
        ends: vec![
            say("confirm.application_ends"),
            say("confirm.application_secret"),
        ],
        button: say("confirm.remove_application"),
        back: path(&id, ""),
    };
    if let Some(page) = confirm::unless_confirmed(&post, &ask) {
        return page;
    }
    let call =
        Call::new(Method::DELETE, api_path(&id, "")).if_version(post.get("etag").parse().ok());
    match console.api.call(&post.who, call).await {
        Ok(_) => Ok(redirect_to("/admin/applications?done=application-removed")),
        Err(problem) => refuse(&console, &post, &id, problem).await,
    }
}
