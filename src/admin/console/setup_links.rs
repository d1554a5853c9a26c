//! Set-up links of an account, and the answer to what was handed in by them.

use axum::extract::Path;
use axum::http::StatusCode;
use minijinja::{Value as TemplateValue, context};

use super::api::segment;
use super::confirm::{self, Ask};
use super::guard::{Desk, Post};
use super::sentences::{say, say_with};
use super::view::{Failed, Html, redirect_to, shown, status};
use super::{accounts, words};
use crate::account::mapping::Question;
use crate::base::ErrorCode;
use crate::http::problem::Problem;
use crate::operation::Outcome;
use crate::operation::setup_links::{self, Approval, NewSetupLink, SendBack};

/// `POST …/setup-links`: the page shows the link, once.
pub(super) async fn create(Path(id): Path<String>, post: Post) -> Html {
    let days = post.filled("days").map(|days| days.parse().unwrap_or(0));
    let new = NewSetupLink {
        name: post.get("name").to_owned(),
        days,
        goes_live: post.get("goes_live") == "yes",
    };
    match setup_links::create(post.ops(), &post.caller(), &id, new).await {
        Ok(made) => {
            let made = made.value;
            let more = context! { link => made.link, link_for => made.setup_link.name };
            accounts::account(&post, &id, StatusCode::OK, more).await
        }
        Err(refused) => {
            let problem = Problem::from(refused);
            let form = post.typed();
            let more = context! { problem => shown(&problem), which => "setup", form };
            accounts::account(&post, &id, status(&problem), more).await
        }
    }
}

/// `GET …/setup-links/{link}`
pub(super) async fn show(desk: Desk, Path((id, link)): Path<(String, String)>) -> Html {
    display(&desk, (&id, &link), None, context! {}).await
}

async fn display(
    desk: &Desk,
    (id, link): (&str, &str),
    problem: Option<Problem>,
    more: TemplateValue,
) -> Html {
    let found = setup_links::show(desk.ops(), &desk.caller(), id, link).await?;
    let account = crate::admin::reply::account(&*desk.ops().store, id).await?;
    let account = account.value;
    let asks = problem
        .as_ref()
        .map_or(&[][..], |problem| Question::names_of(problem.code));
    let findings = found.value.handed_in.as_ref();
    let findings = findings.map(|handed_in| handed_in.findings.clone());
    let code = problem.as_ref().map_or(StatusCode::OK, status);
    let values = context! {
        title => say_with("setup_link.title", &[("name", &found.value.name)]),
        nav => "accounts",
        account => context! { id => account.id.as_str(), name => account.name },
        etag => found.tag.version(),
        asks => asks.to_vec(),
        findings => shown(words::told_apart(findings.iter().flatten())),
        link => shown(found.value),
        problem => problem.map(shown),
    };
    desk.page(code, "setup_link.html", context! { ..more, ..values })
}

/// The page after an answer, or the one before with what is wrong.
async fn answered<T>(post: &Post, at: (&str, &str), outcome: Outcome<T>, done: &str) -> Html {
    match outcome {
        Ok(_) => {
            let to = format!("/admin/accounts/{}?done={done}", segment(at.0));
            Ok(redirect_to(&to))
        }
        Err(refused) if refused.code == ErrorCode::AdminNotFound => Err(Failed::from(refused)),
        Err(refused) => {
            let form = context! { form => post.typed() };
            display(post, at, Some(Problem::from(refused)), form).await
        }
    }
}

/// `POST …/setup-links/{link}/approve`
pub(super) async fn approve(Path((id, link)): Path<(String, String)>, post: Post) -> Html {
    let found = setup_links::show(post.ops(), &post.caller(), &id, &link).await?;
    let handed_in = found.value.handed_in;
    let risky = handed_in.is_some_and(|handed_in| !handed_in.identity_warnings.is_empty());
    if risky && post.get("understood") != "yes" {
        let problem = Problem::new(
            ErrorCode::MappingIdentity,
            "this edit changes who users are; tick the box if that is meant",
        );
        return display(&post, (&id, &link), Some(problem), context! {}).await;
    }
    let approval = Approval {
        accept: post.get("accept").to_owned(),
        handed_in: None,
    };
    let (ops, caller, when) = (post.ops(), post.caller(), post.condition());
    let done = setup_links::approve(ops, &caller, &id, &link, &approval, &when).await;
    answered(&post, (&id, &link), done, "applied").await
}

/// `POST …/setup-links/{link}/send-back`
pub(super) async fn send_back(Path((id, link)): Path<(String, String)>, post: Post) -> Html {
    let answer = SendBack {
        why: post.get("why").to_owned(),
    };
    let (ops, caller, when) = (post.ops(), post.caller(), post.condition());
    let done = setup_links::send_back(ops, &caller, &id, &link, answer, &when).await;
    answered(&post, (&id, &link), done, "sent-back").await
}

/// `POST …/setup-links/{link}/revoke`
pub(super) async fn revoke(Path((id, link)): Path<(String, String)>, post: Post) -> Html {
    let found = setup_links::show(post.ops(), &post.caller(), &id, &link).await?;
    let ask = Ask {
        title: say_with("confirm.revoke_link", &[("name", &found.value.name)]),
        ends: vec![say("confirm.link_ends"), say("confirm.link_forgets")],
        button: say("common.revoke"),
        back: format!("/admin/accounts/{}", segment(&id)),
    };
    if let Some(page) = confirm::unless_confirmed(&post, &ask) {
        return page;
    }
    let (ops, caller, when) = (post.ops(), post.caller(), post.condition());
    let done = setup_links::revoke(ops, &caller, &id, &link, &when).await;
    answered(&post, (&id, &link), done, "setup-revoked").await
}
