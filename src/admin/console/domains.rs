//! Domains of emails that an account's people prove by DNS: on the account's page, and on
//! the page of who was let in by a set-up link.

use axum::extract::Path;
use minijinja::context;

use super::confirm::{self, Ask};
use super::guard::Post;
use super::sentences::{say, say_with};
use super::view::{Html, redirect_to, shown, status};
use super::{accounts as pages, proofs, setup};
use crate::base::ErrorCode;
use crate::http::problem::Problem;
use crate::operation::accounts::{self, AccountChange, DomainInput};
use crate::operation::{Condition, OperationError, Outcome, domain_proofs};

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
        None => pages::account(post, id, code, more).await,
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

/// `POST …/domains/lead`: says which provider the emails of a proved domain go to.
pub(super) async fn lead(Path(id): Path<String>, post: Post) -> Html {
    let (ops, caller) = (post.ops(), post.caller());
    let proofs = proofs::of(&post, &id).await?;
    let named = post.get("domain");
    let proof = proofs
        .iter()
        .find(|proof| proof.domain.eq_ignore_ascii_case(named));
    let Some(proof) = proof.filter(|proof| proof.proved) else {
        let why = "prove the domain first; then its emails can go to a provider";
        let refused = OperationError::new(ErrorCode::DomainInvalid, why);
        return answered::<()>(&post, &id, Err(refused), "").await;
    };
    let found = accounts::show(ops, &caller, &id).await?;
    let live = ops.mappings.list(&found.value.id).await?;
    let provider = post.get("provider");
    if live
        .iter()
        .all(|one| one.value.provider.as_str() != provider)
    {
        let why = "choose one of the providers that are live";
        let refused = OperationError::new(ErrorCode::DomainInvalid, why);
        return answered::<()>(&post, &id, Err(refused), "").await;
    }
    let mut domains: Vec<DomainInput> = Vec::new();
    for other in found.value.email_domains {
        if other.domain != proof.domain {
            domains.push(DomainInput {
                domain: other.domain,
                provider: other.provider.to_string(),
                verified: other.verified,
            });
        }
    }
    domains.push(DomainInput {
        domain: proof.domain.clone(),
        provider: provider.to_owned(),
        verified: false,
    });
    let change = AccountChange {
        email_domains: Some(domains),
        ..AccountChange::default()
    };
    let when = Condition::OneOf(vec![found.tag.as_str().to_owned()]);
    let changed = accounts::change(ops, &caller, &id, change, &when).await;
    answered(&post, &id, changed, "domain-leads").await
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
