//! What the settings screen of an account's ways to log in does: their switches, their
//! order on the login's page, and what comes before it.

use axum::extract::Path;
use minijinja::context;

use super::api::segment;
use super::confirm::{self, Ask};
use super::forms::{done, number, save};
use super::guard::Post;
use super::sentences::{say, say_with};
use super::view::Html;
use super::ways_screen::name;
use crate::base::LoginMethod;
use crate::operation::accounts::{self, AccountChange, DomainInput};
use crate::operation::ways::{self, WayView};
use crate::operation::{OperationError, Outcome};

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
        LoginMethod::AccessKey => say("confirm.way_messages"),
        LoginMethod::Password => say("confirm.way_passwords"),
        LoginMethod::Provider(_) => say("confirm.way_mapping"),
    };
    let mut ends = vec![say("confirm.way_ends"), stays];
    if all.iter().filter(|way| way.on).all(|on| on.way == *way) {
        ends.push(say("confirm.way_last"));
    }
    let ask = Ask {
        title: say_with("confirm.switch_off_of", &[("name", &name(found))]),
        ends,
        button: say("second_factor.switch_off"),
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
    save(&post, &id, change, "order", "order").await
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
    save(&post, &id, change, "saved", "passwords").await
}

/// `POST …/ways/email-first`: whether the email comes before the ways.
pub(super) async fn email_first(Path(id): Path<String>, post: Post) -> Html {
    let change = AccountChange {
        email_first: Some(post.get("email_first") == "true"),
        ..AccountChange::default()
    };
    save(&post, &id, change, "saved", "email").await
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
    save(&post, &id, change, "saved", "domains").await
}
