//! Domains of emails that an account's people prove by DNS: on the account's page, and on
//! the page of who was let in by a set-up link.

use axum::extract::Path;
use minijinja::context;

use super::accounts;
use super::confirm::{self, Ask};
use super::guard::Post;
use super::sentences::{say, say_with};
use super::setup;
use super::view::{Html, redirect_to, shown, status};
use crate::http::problem::Problem;
use crate::operation::{Outcome, domain_proofs};

/// The page that has the domains.
fn page_of(post: &Post, account: &str) -> String {
    let end = if post.who.guest.is_some() {
        "/setup"
    } else {
        ""
    };
    format!("/admin/accounts/{}{end}", super::api::segment(account))
}

/// Back to the page, or the page with what is wrong.
async fn answered<T>(post: &Post, id: &str, outcome: Outcome<T>, done: &str) -> Html {
    let Err(refused) = outcome else {
        let to = format!("{}?done={done}#proofs", page_of(post, id));
        return Ok(redirect_to(&to));
    };
    let problem = Problem::from(refused);
    let (code, form) = (status(&problem), post.typed());
    let more = context! { problem => shown(&problem), which => "proofs", form };
    match &post.who.guest {
        Some(guest) => setup::home_with(post, guest, code, more).await,
        None => accounts::account(post, id, code, more).await,
    }
}

/// `POST …/domains`: says that a domain is the account's people's.
pub(super) async fn begin(Path(id): Path<String>, post: Post) -> Html {
    let domain = post.get("domain");
    let begun = domain_proofs::begin(post.ops(), &post.caller(), &id, domain).await;
    answered(&post, &id, begun, "domain-begun").await
}

/// `POST …/domains/check`: looks its record up.
pub(super) async fn check(Path(id): Path<String>, post: Post) -> Html {
    let domain = post.get("domain");
    let found = domain_proofs::check(post.ops(), &post.caller(), &id, domain).await;
    let proved = found.as_ref().is_ok_and(|found| found.value.proved);
    let done = if proved {
        "domain-proved"
    } else {
        "domain-not-proved"
    };
    answered(&post, &id, found, done).await
}

/// `POST …/domains/remove`: takes it back.
pub(super) async fn remove(Path(id): Path<String>, post: Post) -> Html {
    let domain = post.get("domain");
    let ask = Ask {
        title: say_with("domains.remove_of", &[("name", &domain)]),
        ends: vec![say("domains.ends_leads"), say("domains.ends_again")],
        button: say("common.remove"),
        back: page_of(&post, &id),
    };
    if let Some(page) = confirm::unless_confirmed(&post, &ask) {
        return page;
    }
    let when = post.condition();
    let done = domain_proofs::remove(post.ops(), &post.caller(), &id, domain, &when).await;
    answered(&post, &id, done, "domain-removed").await
}
