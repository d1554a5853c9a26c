//! An operator's own second factor: setting it up, its recovery codes, its end.

use std::time::Duration;

use axum::extract::{Extension, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use minijinja::{Value, context};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::api::segment;
use super::guard::{Desk, Kind, Post, cookie, guess_from};
use super::resume::next;
use super::sentences::say;
use super::sign_in::entry;
use super::view::{Html, fail, redirect_to, shown as json_shown};
use super::{Console, State};
use crate::base::{ErrorCode, Secret};
use crate::config::SecondFactor as Wanted;
use crate::http::problem::Problem;
use crate::http::server::ClientAddress;
use crate::operator::login::GuessFrom;
use crate::operator::second_factor::{self, SetupError};
use crate::operator::second_step::CodeError;
use crate::operator::session::Current;
use crate::operator::{LoginError, Operator, SecondFactor};
use crate::password::TotpKey;
use crate::store::{StoreError, Token};

const HERE: &str = "/admin/profile/second-factor";
/// What may stand in a label as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');
/// Who has no password proves who they are by a login so recent.
const RECENT: Duration = Duration::from_secs(600);

/// Whether somebody has no second factor where the broker wants one of each: they can do
/// nothing but set it up, and leave.
pub(super) fn is_demanded(console: &Console, who: &Current) -> bool {
    // Who was let in by a link is no operator.
    console.admin.second_factor == Wanted::Required
        && who.guest.is_none()
        && who.operator.second_factor.is_none()
}

/// The answer to somebody of whom it is demanded.
pub(super) fn demanded(who: &Current, parts: &Parts) -> Option<Response> {
    if !who.held {
        return None;
    }
    let path = parts.uri.path();
    if path == HERE
        || path.starts_with("/admin/profile/second-factor/")
        || ["/admin/logout", "/admin/session"].contains(&path)
    {
        return None;
    }
    if parts.method == Method::GET && !super::guard::scripted(parts) {
        let from = parts.uri.path_and_query();
        let from = from.map_or("/admin/", |from| from.as_str());
        return Some(redirect_to(&format!("{HERE}?next={}", segment(from))));
    }
    let problem = Problem::new(
        ErrorCode::OperatorSecondFactorRequired,
        "this broker wants a second factor of each operator; set it up on your profile first",
    );
    Some(fail(Some(who), &problem))
}

/// What the profile says of it.
pub(super) fn shown(operator: &Operator) -> Option<Value> {
    let factor = operator.second_factor.as_ref()?;
    Some(context! {
        since => factor.since.rfc3339(),
        left => factor.recovery_left(),
    })
}

#[derive(Deserialize)]
pub(super) struct Place {
    next: Option<String>,
}

/// `GET /admin/profile/second-factor`
pub(super) async fn show(desk: Desk, axum::extract::Query(place): Query<Place>) -> Html {
    let to = next(place.next.as_deref().unwrap_or_default());
    display(&desk, StatusCode::OK, to, context! {})
}

fn display(desk: &Desk, status: StatusCode, to: &str, more: Value) -> Html {
    let operator = &desk.who.operator;
    let values = context! {
        title => say("common.second_factor"),
        nav => "profile",
        next => to,
        required => desk.console.admin.second_factor == Wanted::Required,
        has_password => operator.password.is_some(),
        second_factor => shown(operator),
    };
    desk.page(status, "second_factor.html", context! { ..more, ..values })
}

fn refuse(post: &Post, field: &str, why: &str, more: Value) -> Html {
    let mut problem = Problem::new(ErrorCode::OperatorSecondFactor, why);
    problem.field = Some(field.to_owned());
    let more = context! { problem => json_shown(problem), ..more };
    let to = next(post.get("next"));
    display(post, StatusCode::UNPROCESSABLE_ENTITY, to, more)
}

/// Checks the password that a form of one's own asks for again; says what is wrong.
/// Guesses count as those at the login do.
pub(super) async fn password_again(
    post: &Post,
    field: &str,
    from: GuessFrom<'_>,
) -> Result<(), String> {
    let email = post.who.operator.email.as_str();
    let typed = Secret::new(post.get(field));
    match post.console.operators.check(email, &typed, from).await {
        Ok(_) => Ok(()),
        Err(LoginError::Wrong) => Err("this is not your password".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Who is there proves again who they are: by the password, or by a login of just now.
async fn proved_again(post: &Post, from: GuessFrom<'_>) -> Result<(), String> {
    if post.who.operator.password.is_some() {
        return password_again(post, "password", from).await;
    }
    let now = post.console.admin.clock.now();
    if now.since(post.who.session.created_at) <= RECENT {
        return Ok(());
    }
    let why = "you signed in more than ten minutes ago; sign out, sign in and set it up then";
    Err(why.to_owned())
}

/// `POST /admin/profile/second-factor/begin`: shows a key.
pub(super) async fn begin(
    axum::extract::State(console): State,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    post: Post,
) -> Html {
    if post.who.operator.second_factor.is_some() {
        return Ok(redirect_to(HERE));
    }
    let device = cookie(&console, &headers, Kind::Device);
    let from = guess_from(client, device.as_deref());
    if let Err(why) = proved_again(&post, from).await {
        return refuse(&post, "password", &why, context! {});
    }
    let (store, email) = (&*console.admin.store, &post.who.operator.email);
    let now = console.admin.clock.now();
    let (setup, key) = second_factor::begin_setup(store, email, now).await?;
    let to = next(post.get("next"));
    display(&post, StatusCode::OK, to, set_up(&post, &setup, &key)?)
}

/// What an app is set up with.
fn set_up(desk: &Desk, setup: &Token, key: &TotpKey) -> Result<Value, Problem> {
    let host = desk.console.origin.split("://").nth(1).unwrap_or_default();
    let host = host.split(':').next().unwrap_or(host);
    let part = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    let (issuer, key) = (format!("Vestibule {host}"), key.base32());
    let address = Secret::new(format!(
        "otpauth://totp/{}:{}?secret={}&issuer={}",
        part(&issuer),
        part(desk.who.operator.email.as_str()),
        key.expose(),
        part(&issuer),
    ));
    let code = QrCode::with_error_correction_level(address.expose(), EcLevel::L);
    let code = code.map_err(|error| Problem::new(ErrorCode::RequestBad, error.to_string()))?;
    let drawn = code.render::<svg::Color>().min_dimensions(200, 200).build();
    // Without the line that only a file begins with.
    let drawn = drawn.find("<svg").map_or("", |at| &drawn[at..]).to_owned();
    Ok(context! {
        setup => setup.as_str(),
        address => address.expose(),
        key => key.expose(),
        drawn => Value::from_safe_string(drawn),
    })
}

/// `POST /admin/profile/second-factor/confirm`: the first code; shows the recovery codes.
pub(super) async fn confirm(axum::extract::State(console): State, post: Post) -> Html {
    let (store, email) = (&*console.admin.store, &post.who.operator.email);
    let now = console.admin.clock.now();
    let ended = || {
        let why = SetupError::Ended.to_string();
        refuse(&post, "password", &why, context! {})
    };
    let Some(setup) = Token::parse(post.get("setup")) else {
        return ended();
    };
    let noted = json!({ "second_factor": true });
    let entry = entry(&console, email.as_str(), "second_factor.set", noted)?;
    let code = post.get("code");
    let own = post.who.id.as_str();
    let done = second_factor::finish_setup(store, email, &setup, code, now, own, entry).await;
    match done {
        Ok(codes) => recovery_codes(&post, &codes, true),
        Err(SetupError::Ended) => ended(),
        Err(error @ SetupError::Wrong) => {
            match second_factor::pending(store, email, &setup).await? {
                Some(key) => {
                    let more = set_up(&post, &setup, &key)?;
                    refuse(&post, "code", &error.to_string(), more)
                }
                None => ended(),
            }
        }
        Err(SetupError::Store(error)) => Err(error.into()),
    }
}

/// The page that has recovery codes, this once.
fn recovery_codes(post: &Post, codes: &[Secret], first: bool) -> Html {
    let codes: Vec<String> = codes.iter().map(|code| code.expose().to_owned()).collect();
    let more = context! { codes, first };
    display(post, StatusCode::OK, next(post.get("next")), more)
}

/// `POST /admin/profile/second-factor/change`: no second factor any more, or other
/// recovery codes. Both take the password and a code.
pub(super) async fn change(
    axum::extract::State(console): State,
    client: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    post: Post,
) -> Html {
    let operator = &post.who.operator;
    if operator.second_factor.is_none() {
        return Ok(redirect_to(HERE));
    }
    let device = cookie(&console, &headers, Kind::Device);
    let from = guess_from(client, device.as_deref());
    if operator.password.is_some()
        && let Err(why) = password_again(&post, "password", from).await
    {
        return refuse(&post, "password", &why, context! {});
    }
    let removes = post.get("action") == "remove";
    let email = &operator.email;
    let note = |what: &str, after: Json| entry(&console, email.as_str(), what, after);
    let done = console
        .operators
        .change_with_code(email, post.get("code"), from, |operator, proof| {
            let proof = json!({ "second_factor": !removes, "with": proof.name() });
            changed(operator, removes, |what| note(what, proof.clone()))
        })
        .await;
    match done {
        Ok(_) if removes => Ok(redirect_to("/admin/profile?done=no-second-factor")),
        Ok(codes) => recovery_codes(&post, &codes, false),
        Err(CodeError::Store(error)) => Err(error.into()),
        Err(error) => refuse(&post, "code", &error.to_string(), context! {}),
    }
}

fn changed(
    operator: &mut Operator,
    removes: bool,
    note: impl FnOnce(&str) -> Result<crate::store::Step, StoreError>,
) -> Result<(Vec<Secret>, Vec<crate::store::Step>), StoreError> {
    if removes {
        operator.second_factor = None;
        return Ok((Vec::new(), vec![note("second_factor.remove")?]));
    }
    let factor = operator.second_factor.as_mut();
    let codes = factor.map_or_else(Vec::new, SecondFactor::renew_recovery);
    Ok((codes, vec![note("second_factor.renew_codes")?]))
}
