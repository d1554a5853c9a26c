//! The settings screen of an account's ways to log in: which there are, whether they are
//! set up and on, and when each was last used.

use minijinja::{Value, context};
use serde::Serialize;
use serde_json::json;

use super::api::segment;
use super::guard::Desk;
use super::sentences::say;
use super::view::{provider_name, shown};
use crate::account::mapping::BUILT_IN;
use crate::base::LoginMethod;
use crate::operation::OperationError;
use crate::operation::accounts::AccountView;
use crate::operation::ways::{self, WayView};
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
        name: provider_name(source, name),
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
            name: say("account.custom_oauth"),
            about: say("account.custom_about"),
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
pub(super) fn name(way: &WayView) -> String {
    match &way.way {
        LoginMethod::AccessKey => say("account.access_key"),
        LoginMethod::Password => say("common.password"),
        LoginMethod::Provider(id) => way.name.clone().unwrap_or_else(|| id.to_string()),
    }
}

fn set_up(way: &WayView, base: &str) -> Row {
    let (about, href) = match &way.way {
        LoginMethod::AccessKey => (say("account.access_key_about"), format!("{base}/messages")),
        LoginMethod::Password => (say("account.password_about"), format!("{base}#passwords")),
        LoginMethod::Provider(id) if BUILT_IN.contains(&id.as_str()) => {
            (String::new(), format!("{base}/providers/{id}"))
        }
        LoginMethod::Provider(id) => (
            say("account.custom_oauth"),
            format!("{base}/providers/{id}"),
        ),
    };
    Row {
        way: way.way.to_string(),
        name: name(way),
        about,
        set_up: true,
        on: way.on,
        problem: way.problem.clone(),
        last_used: way.last_used_at.clone(),
        href,
    }
}
