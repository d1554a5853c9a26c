//! An account's ways to log in: the settings screen with its switches, their order on
//! the login's page, and what comes before it.

use axum::extract::Path;
use minijinja::{Value, context};
use serde::Serialize;
use serde_json::json;

use super::accounts::{display_name, done, number};
use super::api::segment;
use super::confirm::{self, Ask};
use super::guard::{Desk, Post};
use super::view::{Html, shown};
use crate::account::mapping::BUILT_IN;
use crate::base::LoginMethod;
use crate::operation::accounts::{self, AccountChange, AccountView, DomainInput};
use crate::operation::ways::{self, WayView};
use crate::operation::{OperationError, Outcome};
use crate::provider::gallery;

/// The known providers that the screen has always, in the order of the settings
/// screen of "Webstore (OAuth 2.0)".
const ALWAYS: [&str; 2] = ["facebook", "google"];

/// A line of the screen.
#[derive(Serialize)]
struct Row {
    /// The way's name; `custom` for a provider that is not there yet.
    way: String,
    name: String,
    about: String,
    /// Whether there is something to switch.
    set_up: bool,
    on: bool,
    problem: Option<String>,
    last_used: Option<String>,
    /// Where it is set up or edited.
    href: String,
}

/// The screen: its rows, the providers that could be added, and the order of the ways
/// that are on.
pub(super) async fn screen(desk: &Desk, account: &AccountView) -> Result<Value, OperationError> {
    let id = account.id.as_str();
    let found = ways::all(desk.ops(), &desk.caller(), id).await?.value;
    let base = format!("/admin/accounts/{}", segment(id));
    let row = |way: &WayView| set_up(way, &base);
    let of = |name: &str| found.iter().find(|way| way.way.as_str() == name).map(row);
    let known = |name: &str, source: &str| Row {
        way: name.to_owned(),
        name: display_name(source, name),
        about: gallery::about(source).to_owned(),
        set_up: false,
        on: false,
        problem: None,
        last_used: None,
        href: format!("{base}/new/{name}"),
    };
    let mut rows: Vec<Row> = [LoginMethod::AccessKey, LoginMethod::Password]
        .iter()
        .filter_map(|own| of(own.as_str()))
        .collect();
    for name in ALWAYS {
        let bundled = || gallery::get(name).map(|source| known(name, source));
        rows.extend(of(name).or_else(bundled));
    }
    let others = |built_in: bool| {
        let providers = found.iter().filter_map(move |way| {
            let provider = way.way.provider()?.as_str();
            let fits = BUILT_IN.contains(&provider) == built_in && !ALWAYS.contains(&provider);
            fits.then_some(way)
        });
        providers.map(row)
    };
    let mut custom: Vec<Row> = others(false).collect();
    if custom.is_empty() {
        custom.push(Row {
            way: "custom".to_owned(),
            name: "My Custom OAuth".to_owned(),
            about: "An identity provider of your own, in four steps.".to_owned(),
            set_up: false,
            on: false,
            problem: None,
            last_used: None,
            href: format!("{base}/new"),
        });
    }
    rows.extend(custom);
    rows.extend(others(true));
    let mut more: Vec<Row> = gallery::all()
        .filter(|(name, _)| BUILT_IN.contains(name) && !ALWAYS.contains(name))
        .filter(|(name, _)| of(name).is_none())
        .map(|(name, source)| known(name, source))
        .collect();
    more.sort_by_cached_key(|row| row.name.to_lowercase());
    let on = found.iter().filter(|way| way.on);
    let order: Vec<_> = on
        .map(|way| json!({ "way": way.way, "name": name(way) }))
        .collect();
    let providers: Vec<_> = found
        .iter()
        .filter(|way| way.way.provider().is_some())
        .map(|way| json!({ "id": way.way, "name": name(way) }))
        .collect();
    Ok(context! {
        rows => shown(rows),
        more => shown(more),
        order => shown(order),
        providers => shown(providers),
    })
}

/// A way's name on this page.
fn name(way: &WayView) -> String {
    match &way.way {
        LoginMethod::AccessKey => "Access Key".to_owned(),
        LoginMethod::Password => "Password".to_owned(),
        LoginMethod::Provider(id) => way.name.clone().unwrap_or_else(|| id.to_string()),
    }
}

fn set_up(way: &WayView, base: &str) -> Row {
    let (about, href) = match &way.way {
        LoginMethod::AccessKey => (
            "A code of six digits, sent to the person's email.",
            format!("{base}/messages"),
        ),
        LoginMethod::Password => (
            "An email and a password of this account.",
            format!("{base}#passwords"),
        ),
        LoginMethod::Provider(id) if BUILT_IN.contains(&id.as_str()) => {
            ("", format!("{base}/providers/{id}"))
        }
        LoginMethod::Provider(id) => ("My Custom OAuth", format!("{base}/providers/{id}")),
    };
    Row {
        way: way.way.to_string(),
        name: name(way),
        about: about.to_owned(),
        set_up: true,
        on: way.on,
        problem: way.problem.clone(),
        last_used: way.last_used_at.clone(),
        href,
    }
}

/// The way that a form names.
fn named(post: &Post) -> Outcome<LoginMethod> {
    let way = post.get("way").parse();
    way.map_err(|_| OperationError::missing("way to log in"))
}

/// `POST …/ways/switch`: switches a way on or off.
pub(super) async fn switch(Path(id): Path<String>, post: Post) -> Html {
    let way = named(&post)?;
    let on = post.get("on") == "true";
    let account = accounts::show(post.ops(), &post.caller(), &id).await?.value;
    if !on && !confirm::is_confirmed(&post) {
        return ask_to_switch_off(&post, &id, &way).await;
    }
    let mut change = AccountChange::default();
    match &way {
        LoginMethod::AccessKey => change.access_key = Some(on),
        LoginMethod::Password => change.password = Some(on),
        LoginMethod::Provider(provider) => {
            let mut off = account.providers_off;
            off.retain(|other| other != provider);
            if !on {
                off.push(provider.clone());
            }
            change.providers_off = Some(off.iter().map(ToString::to_string).collect());
        }
    }
    let when = post.condition();
    let changed = accounts::change(post.ops(), &post.caller(), &id, change, &when).await;
    if changed.is_ok() && !on && post.get("sessions") == "end" {
        ways::end_sessions(post.ops(), &post.caller(), &id, way.as_str()).await?;
        return done(&post, &id, changed, "way-ended", "ways").await;
    }
    done(
        &post,
        &id,
        changed,
        if on { "way-on" } else { "way-off" },
        "ways",
    )
    .await
}

/// What switching off ends, and the choice to end what the way began before.
async fn ask_to_switch_off(post: &Post, id: &str, way: &LoginMethod) -> Html {
    let all = ways::all(post.ops(), &post.caller(), id).await?.value;
    let found = all.iter().find(|one| one.way == *way);
    let found = found.ok_or_else(|| OperationError::missing("way to log in"))?;
    let stays = match way {
        LoginMethod::AccessKey => "What its messages say is kept.",
        LoginMethod::Password => {
            "Passwords are kept, and count again when it is switched on. Applications with the grant `password` go on."
        }
        LoginMethod::Provider(_) => "Its mapping, its history and its users are kept.",
    };
    let mut ends = vec![
        "Nobody can log in this way any more, and logins under way fail.",
        stays,
    ];
    if all.iter().filter(|way| way.on).all(|on| on.way == *way) {
        ends.push("It is the last way that is on: nobody can log in at all then.");
    }
    let ask = Ask {
        title: format!("Switch off {}", name(found)),
        ends: &ends,
        button: "Switch off",
        back: format!("/admin/accounts/{}", segment(id)),
    };
    let more = context! { may_end_sessions => true };
    confirm::page(post, &ask, axum::http::StatusCode::OK, more)
}

/// `POST …/ways/move`: moves a way up or down among those that are on.
pub(super) async fn shift(Path(id): Path<String>, post: Post) -> Html {
    let way = named(&post)?;
    let found = ways::all(post.ops(), &post.caller(), &id).await?.value;
    let mut names: Vec<&WayView> = found.iter().collect();
    let place = names.iter().position(|one| one.way == way);
    let place = place.ok_or_else(|| OperationError::missing("way to log in"))?;
    // Past those that are off, which people don't see.
    let other = if post.get("by") == "up" {
        (0..place).rev().find(|at| names[*at].on)
    } else {
        (place + 1..names.len()).find(|at| names[*at].on)
    };
    if let Some(other) = other {
        let moved = names.remove(place);
        names.insert(other, moved);
    }
    let order = names.iter().map(|one| one.way.to_string()).collect();
    let change = AccountChange {
        login_order: Some(order),
        ..AccountChange::default()
    };
    let when = post.condition();
    let changed = accounts::change(post.ops(), &post.caller(), &id, change, &when).await;
    done(&post, &id, changed, "order", "order").await
}

/// `POST …/ways/passwords`: the rules for passwords.
pub(super) async fn passwords(Path(id): Path<String>, post: Post) -> Html {
    let change = AccountChange {
        password_rule: post.filled("password_rule"),
        // What is no number is refused by its bounds.
        password_expires_days: number(&post, "password_expires_days", u32::MAX),
        password_former: number(&post, "password_former", u8::MAX),
        ..AccountChange::default()
    };
    let when = post.condition();
    let changed = accounts::change(post.ops(), &post.caller(), &id, change, &when).await;
    done(&post, &id, changed, "saved", "passwords").await
}

/// `POST …/ways/email-first`: whether the email comes before the ways.
pub(super) async fn email_first(Path(id): Path<String>, post: Post) -> Html {
    let change = AccountChange {
        email_first: Some(post.get("email_first") == "true"),
        ..AccountChange::default()
    };
    let when = post.condition();
    let changed = accounts::change(post.ops(), &post.caller(), &id, change, &when).await;
    done(&post, &id, changed, "saved", "email").await
}

/// `POST …/ways/domains`: adds a domain of emails, changes one, or takes one away.
pub(super) async fn domain(Path(id): Path<String>, post: Post) -> Html {
    let account = accounts::show(post.ops(), &post.caller(), &id).await?.value;
    let typed = post.get("domain").trim().to_lowercase();
    let mut domains: Vec<DomainInput> = account
        .email_domains
        .into_iter()
        .filter(|other| other.domain != typed)
        .map(|other| DomainInput {
            domain: other.domain,
            provider: other.provider.to_string(),
            verified: other.verified,
        })
        .collect();
    if post.get("action") != "remove" {
        domains.push(DomainInput {
            domain: typed,
            provider: post.get("provider").trim().to_owned(),
            verified: post.get("verified") == "yes",
        });
    }
    let change = AccountChange {
        email_domains: Some(domains),
        ..AccountChange::default()
    };
    let when = post.condition();
    let changed = accounts::change(post.ops(), &post.caller(), &id, change, &when).await;
    done(&post, &id, changed, "saved", "domains").await
}
