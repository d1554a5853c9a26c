//! The console of who was let in by a set-up link: a page to begin from, and handing in.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, Request};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use minijinja::{Value as TemplateValue, context};
use serde_json::json;

use super::accounts::ListQuery;
use super::confirm::{self, Ask};
use super::draft::Open;
use super::guard::{Desk, Kind, LoggedIn, Post, form, set_cookie};
use super::guest::{self, home};
use super::proofs;
use super::sentences::say;
use super::view::{Failed, Html, nothing, page, provider_name, redirect_to, shown};
use super::{State, review};
use crate::account::draft;
use crate::account::setup_link::{self, SetupLink};
use crate::base::ErrorCode;
use crate::http::problem::Problem;
use crate::operation::setup_links;
use crate::operator::Guest;
use crate::protocol::form::Pairs;
use crate::store::Token;

fn dead() -> Problem {
    Problem::new(
        ErrorCode::ConsoleLinkDead,
        "this link was used already, was revoked or has expired; ask who sent it for a new one",
    )
}

/// `GET /admin/setup?ticket=…`: looking does not use the link up.
pub(super) async fn ask(axum::extract::State(console): State, uri: Uri) -> Html {
    let query = Pairs::parse(uri.query().unwrap_or_default()).unwrap_or_default();
    let ticket = query.get("ticket").and_then(Token::parse);
    let ticket = ticket.ok_or_else(dead)?;
    let (store, now) = (&*console.admin.store, console.admin.clock.now());
    let found = setup_link::peek(store, &ticket, now).await?;
    let link = found.ok_or_else(dead)?.value;
    let account = crate::admin::reply::account(store, link.account.as_str()).await?;
    let values = context! {
        title => say("setup.set_up_a_login"),
        ticket => ticket.as_str(),
        account_name => account.value.name,
        until => link.expires_at.rfc3339(),
    };
    page(None, StatusCode::OK, "setup_open.html", values)
}

/// `POST /admin/setup`: of any number who open a link one gets its session.
pub(super) async fn open(
    axum::extract::State(console): State,
    headers: HeaderMap,
    request: Request,
) -> Html {
    let form = form(&console, &headers, request).await?;
    let ticket = form.get("ticket").and_then(Token::parse);
    let ticket = ticket.ok_or_else(dead)?;
    let (link, session) = setup_links::open(&console.admin.ops, &ticket).await?;
    tracing::info!(link = link.id, account = %link.account, "a set-up link is opened");
    let left = link.expires_at.since(console.admin.clock.now());
    let value = format!("{}{}", guest::PREFIX, session.as_str());
    let cookie = set_cookie(&console, Kind::Session, &value, left.as_secs());
    let mut answer = redirect_to(&home(&link.account));
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
}

async fn link_of(desk: &Desk, guest: &Guest) -> Result<SetupLink, Failed> {
    let found = setup_link::get(&*desk.ops().store, &guest.account, &guest.link).await?;
    let found = found.ok_or_else(dead)?;
    Ok(found.value)
}

/// `GET …/setup`
pub(super) async fn home_page(desk: Desk, Query(place): Query<ListQuery>) -> Html {
    let Some(guest) = desk.who.guest.clone() else {
        return Ok(nothing(LoggedIn(desk.who)).await);
    };
    home_with(
        &desk,
        &guest,
        StatusCode::OK,
        context! { done => place.done },
    )
    .await
}

/// The page that such a session begins from.
pub(super) async fn home_with(
    desk: &Desk,
    guest: &Guest,
    status: StatusCode,
    more: TemplateValue,
) -> Html {
    let link = link_of(desk, guest).await?;
    let ops = desk.ops();
    let account = crate::admin::reply::account(&*ops.store, guest.account.as_str()).await?;
    let providers = ops.mappings.list(&guest.account).await?;
    let providers = providers.iter().map(|found| {
        let mapping = &found.value;
        json!({ "id": mapping.provider, "name": mapping.name, "at": mapping.applied_at.rfc3339() })
    });
    let author = desk.who.operator.email.as_str();
    let drafts = draft::list(&*ops.store, &guest.account, 500).await?;
    let handed_in = link.handed_in.as_ref();
    let drafts = drafts.iter().rev().filter(|draft| draft.author == author);
    let drafts = drafts.filter_map(|draft| {
        let token = draft.token()?;
        Some(json!({
            "token": token.as_str(),
            "name": provider_name(&draft.source, &say("account.mapping_without_name")),
            "editing": draft.base.is_some(),
            "until": token.expires_at().rfc3339(),
            "handed_in": handed_in.is_some_and(|handed_in| handed_in.draft == token.as_str()),
        }))
    });
    let domains = &account.value.login.ways.domains;
    let leads: BTreeMap<&str, &str> = domains
        .iter()
        .map(|one| (one.domain.as_str(), one.provider.as_str()))
        .collect();
    let values = context! {
        title => say("setup.set_up_a_login"),
        account => context! { id => guest.account.as_str(), name => account.value.name },
        leads => shown(leads),
        proofs => shown(proofs::of(desk, guest.account.as_str()).await?),
        until => link.expires_at.rfc3339(),
        handed_in => handed_in.map(|handed_in| context! {
            name => provider_name(&handed_in.source, &say("account.mapping_without_name")),
            at => handed_in.at.rfc3339(),
            why => handed_in.sent_back.as_ref().map(|answer| answer.why.as_str()),
        }),
        approved_at => link.approved_at.map(crate::base::Timestamp::rfc3339),
        providers => shown(providers.collect::<Vec<_>>()),
        drafts => shown(drafts.collect::<Vec<_>>()),
    };
    desk.page(status, "setup.html", context! { ..more, ..values })
}

/// `POST …/drafts/{draft}/hand-in`
pub(super) async fn hand_in(
    axum::extract::State(console): State,
    Path((account, draft)): Path<(String, String)>,
    post: Post,
) -> Html {
    let Some(guest) = &post.who.guest else {
        return Ok(nothing(LoggedIn(post.who)).await);
    };
    let open = Open::find(&console, &post.who, &account, &draft).await?;
    let link = (&guest.account, guest.link.as_str());
    let (ops, caller) = (post.ops(), post.caller());
    match setup_links::hand_in(ops, &caller, link, &open.token, &open.draft).await {
        Ok(()) => {
            let home = home(&guest.account);
            Ok(redirect_to(&format!("{home}?done=handed-in")))
        }
        Err(refused) => {
            let problem = Problem::from(refused);
            let status = super::view::status(&problem);
            review::reviewed(&console, &post.who, &open, status, Some(problem))
        }
    }
}

/// Leaves: the link opens nothing any more.
pub(super) async fn leave(post: &Post, guest: &Guest) -> Html {
    let ask = Ask {
        title: say("common.sign_out"),
        ends: vec![
            say("confirm.link_counts_once"),
            say("confirm.handed_in_stays"),
        ],
        button: say("common.sign_out"),
        back: home(&guest.account),
    };
    if let Some(page) = confirm::unless_confirmed(post, &ask) {
        return page;
    }
    setup_links::leave(post.ops(), &post.caller(), &guest.account, &guest.link).await?;
    let values: TemplateValue = context! { title => say("setup.set_up_a_login"), left => true };
    let mut answer = page(None, StatusCode::OK, "setup_open.html", values)?;
    let gone = set_cookie(&post.desk.console, Kind::Session, "", 0);
    answer.headers_mut().append(header::SET_COOKIE, gone);
    Ok(answer)
}
