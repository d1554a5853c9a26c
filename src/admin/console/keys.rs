//! Signing keys: what they are, their rotation, their certificates.

use axum::extract::{Path, Query};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::{Value as TemplateValue, context};
use serde_json::{Value, json};

use super::accounts::ListQuery;
use super::api::{Call, or_null};
use super::guard::{LoggedIn, Post, Upload};
use super::sentences::say;
use super::view::{Html, failing, page, redirect_to, shown};
use super::{Console, State};
use crate::base::{ErrorCode, Timestamp};
use crate::http::problem::Problem;
use crate::key::{Algorithm, KeyInfo, KeyState, Origin, Role};
use crate::operator::session::Current;

/// From so many days before a certificate's end on, a page warns.
const WARN_DAYS: u64 = 30;
const DAY: u64 = 24 * 3600 * 1000;

/// A key for a page.
fn key(info: &KeyInfo, now: Timestamp) -> Value {
    let state = match info.state {
        KeyState::Active => "active",
        KeyState::Next => "next",
        KeyState::Published => "retiring",
    };
    let certificate = info.certificate.as_ref().map(|certificate| {
        let (end, now) = (certificate.not_after.as_millis(), now.as_millis());
        json!({
            "subject": certificate.subject,
            "not_before": certificate.not_before.rfc3339(),
            "not_after": certificate.not_after.rfc3339(),
            "expired": end <= now,
            "days": end.saturating_sub(now) / DAY,
            "soon": end > now && end - now <= WARN_DAYS * DAY,
            "early": certificate.not_before.as_millis() > now,
        })
    });
    json!({
        "kid": info.kid,
        "algorithm": info.algorithm,
        "bits": info.bits,
        "state": state,
        "role": info.role,
        "from_file": info.origin == Origin::File,
        "created_at": info.created_at.rfc3339(),
        "retires_at": info.retires_at.map(Timestamp::rfc3339),
        "certificate": certificate,
    })
}

/// `GET /admin/keys`
pub(super) async fn list(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Query(place): Query<ListQuery>,
) -> Html {
    listed(
        &console,
        &who,
        StatusCode::OK,
        context! { done => place.done },
    )
}

fn listed(console: &Console, who: &Current, status: StatusCode, more: TemplateValue) -> Html {
    let now = console.admin.clock.now();
    let keys = console.app.authority.keys.list();
    let additional = [Algorithm::Es256, Algorithm::Rs256].map(Some).into_iter();
    let places: Vec<_> = [None]
        .into_iter()
        .chain(additional)
        .filter_map(|algorithm| place(&keys, algorithm))
        .collect();
    let values = context! {
        title => say("common.keys"),
        nav => "keys",
        keys => shown(keys.iter().map(|info| key(info, now)).collect::<Vec<_>>()),
        places => shown(places),
        authority => console.origin.as_str(),
    };
    page(
        Some(who),
        status,
        "keys.html",
        context! { ..more, ..values },
    )
}

/// What is there for the additional key of an algorithm, or for the default one.
fn find(keys: &[KeyInfo], algorithm: Option<Algorithm>, state: KeyState) -> Option<&KeyInfo> {
    keys.iter().find(|info| {
        info.state == state
            && match algorithm {
                None => info.role == Role::Default,
                Some(own) => info.role == Role::Additional && info.algorithm == own,
            }
    })
}

/// What can be rotated.
fn place(keys: &[KeyInfo], algorithm: Option<Algorithm>) -> Option<Value> {
    let active = find(keys, algorithm, KeyState::Active);
    let next = find(keys, algorithm, KeyState::Next);
    active.or(next)?;
    Some(json!({
        "algorithm": algorithm,
        "active": active.map(|info| info.kid.as_str()),
        "from_file": active.is_some_and(|info| info.origin == Origin::File),
        "next": next.map(|info| info.kid.as_str()),
    }))
}

/// Which key a form is about; empty: the default one.
fn key_name(post: &Post) -> Value {
    or_null(post.get("algorithm"))
}

/// The forms, by what is refused in them.
const IMPORT: (&str, &str) = ("import", "");

fn of(post: &Post) -> (&str, &str) {
    let known = post.get("algorithm").parse::<Algorithm>();
    ("rotate", known.map_or("", Algorithm::as_str))
}

/// The page with a refusal at its form: `which`, about the key of `tried`.
fn refuse(
    console: &Console,
    who: &Current,
    (which, tried): (&str, &str),
    problem: Problem,
) -> Html {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    let more = context! { problem => shown(problem), which, tried };
    listed(console, who, status, more)
}

/// `POST /admin/keys/prepare`
pub(super) async fn prepare(axum::extract::State(console): State, post: Post) -> Html {
    let body = json!({ "algorithm": key_name(&post) });
    let call = Call::new(Method::POST, "/keys/prepare").json(body);
    match console.api.call(&post.who, call).await {
        Ok(_) => Ok(redirect_to("/admin/keys?done=prepared")),
        Err(problem) => refuse(&console, &post.who, of(&post), problem),
    }
}

/// `POST /admin/keys/rotate`
pub(super) async fn rotate(axum::extract::State(console): State, post: Post) -> Html {
    let withdraw = post.get("withdraw") == "yes";
    let no = |code, why: &str| refuse(&console, &post.who, of(&post), Problem::new(code, why));
    if post.get("confirm") != "yes" {
        return no(
            ErrorCode::KeyConfirm,
            "nothing was rotated; tick the box if that is meant",
        );
    }
    // The form names the key it rotates away from: sent twice, it counts once.
    let keys = console.app.authority.keys.list();
    let algorithm = post.get("algorithm").parse().ok();
    let active = find(&keys, algorithm, KeyState::Active);
    if post.get("active") != active.map_or("", |info| info.kid.as_str()) {
        return no(
            ErrorCode::AdminChangedMeanwhile,
            "the keys were rotated meanwhile, by this form or by someone else; nothing more was done",
        );
    }
    let body = json!({ "algorithm": key_name(&post), "withdraw": withdraw });
    let call = Call::new(Method::POST, "/keys/rotate").json(body);
    let done = if withdraw {
        "key-withdrawn"
    } else {
        "key-rotated"
    };
    match console.api.call(&post.who, call).await {
        Ok(_) => Ok(redirect_to(&format!("/admin/keys?done={done}"))),
        Err(problem) => refuse(&console, &post.who, of(&post), problem),
    }
}

/// `POST /admin/keys/import`: a key file, and its certificate where that is another.
pub(super) async fn import(axum::extract::State(console): State, upload: Upload) -> Html {
    let who = &upload.who;
    let Some(file) = upload.file("file") else {
        let problem = Problem::new(ErrorCode::KeyFile, "choose a key file: PEM or PFX");
        return refuse(&console, who, IMPORT, problem);
    };
    let additional = upload.get("additional") == "yes";
    let mut body = json!({ "file": STANDARD.encode(file), "additional": additional });
    let password = upload.get("password");
    if !password.is_empty() {
        body["password"] = password.into();
    }
    if let Some(certificate) = upload.file("certificate") {
        body["certificate"] = STANDARD.encode(certificate).into();
    }
    let call = Call::new(Method::POST, "/keys").json(body);
    match console.api.call(who, call).await {
        Ok(_) => Ok(redirect_to("/admin/keys?done=imported")),
        Err(problem) => refuse(&console, who, IMPORT, problem),
    }
}

fn pem(who: &Current, kid: &str, what: &str, found: Result<String, crate::key::KeyError>) -> Html {
    let text = found.map_err(|error| failing(who)(error.into()))?;
    let name = format!("attachment; filename=\"vestibule-{kid}-{what}.pem\"");
    let mut answer: Response =
        ([(header::CONTENT_TYPE, "application/x-pem-file")], text).into_response();
    // What was found has a name of our own making.
    if let Ok(name) = HeaderValue::from_str(&name) {
        answer
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(answer)
}

/// `GET /admin/keys/{kid}/certificate.pem`
pub(super) async fn certificate(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path(kid): Path<String>,
) -> Html {
    let found = console.app.authority.keys.certificate_pem(Some(&kid));
    pem(&who, &kid, "certificate", found)
}

/// `GET /admin/keys/{kid}/public.pem`
pub(super) async fn public(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path(kid): Path<String>,
) -> Html {
    let found = console.app.authority.keys.public_pem(Some(&kid));
    pem(&who, &kid, "public", found)
}
