//! The end of the wizard: what would change, and the change.

use axum::extract::Path;
use axum::http::{Method, StatusCode};
use minijinja::{Value as TemplateValue, context};

use super::api::{Call, segment};
use super::confirm::Ask;
use super::draft::{Open, frame};
use super::guard::{LoggedIn, Post};
use super::sentences::{say, say_with};
use super::view::{Html, failing, page, provider_name, redirect_to, render, shown};
use super::{Console, State, confirm, expect, guest, words};
use crate::account::draft;
use crate::account::mapping::Question;
use crate::base::ErrorCode;
use crate::document::Finding;
use crate::http::problem::Problem;
use crate::operation::difference::{self, identity_warnings};
use crate::operator::session::Current;

/// `GET …/review`: what would be applied, what changes, what to think of first.
pub(super) async fn review(
    axum::extract::State(console): State,
    LoggedIn(who): LoggedIn,
    Path((account, draft)): Path<(String, String)>,
) -> Html {
    let open = Open::find(&console, &who, &account, &draft).await?;
    reviewed(&console, &who, &open, StatusCode::OK, None)
}

pub(super) fn reviewed(
    console: &Console,
    who: &Current,
    open: &Open,
    status: StatusCode,
    problem: Option<Problem>,
) -> Html {
    let findings = open.findings(console);
    let old = open
        .draft
        .base
        .as_ref()
        .map_or("", |base| base.source.as_str());
    let warnings = if old.is_empty() {
        Vec::new()
    } else {
        identity_warnings(old, &open.draft.source)
    };
    let mappings = &console.admin.mappings;
    let compiled = mappings.compile(&open.draft.source).ok();
    let redirect_uri = compiled
        .as_ref()
        .map(|provider| mappings.redirect_uri(&open.account, provider));
    let logout_uris = compiled.and_then(|provider| mappings.logout_uris(&open.account, &provider));
    let requests = expect::steps(&open.draft.source, mappings, &open.account);
    let asks = problem
        .as_ref()
        .map_or(&[][..], |problem| Question::names_of(problem.code));
    let values = context! {
        title => say("common.review"),
        findings => shown(words::told(&findings, &open.path(""))),
        blocked => findings.iter().any(Finding::is_error),
        warnings,
        unchanged => old == open.draft.source,
        diff => shown(difference::diff_lines(old, &open.draft.source)),
        preview => TemplateValue::from_safe_string(render("preview.html", context! { requests => shown(requests) })?),
        redirect_uri,
        logout_uris,
        asks => asks.to_vec(),
        problem => problem.map(shown),
    };
    page(
        Some(who),
        status,
        "review.html",
        context! { ..values, ..frame(open, "review", &findings) },
    )
}

/// `POST …/apply`
pub(super) async fn apply(
    axum::extract::State(console): State,
    Path((account, draft)): Path<(String, String)>,
    post: Post,
) -> Html {
    let who = &post.who;
    let open = Open::find(&console, who, &account, &draft).await?;
    let base = open.draft.base.as_ref();
    let risky =
        base.is_some_and(|base| !identity_warnings(&base.source, &open.draft.source).is_empty());
    if risky && post.get("understood") != "yes" {
        let problem = Problem::new(
            ErrorCode::MappingIdentity,
            "this edit changes who users are; tick the box if that is meant",
        );
        return reviewed(
            &console,
            who,
            &open,
            StatusCode::UNPROCESSABLE_ENTITY,
            Some(problem),
        );
    }
    let path = format!(
        "/accounts/{}/providers?accept={}",
        open.account,
        segment(post.get("accept"))
    );
    let named = super::super::mappings::named_provider(&open.draft.source);
    let same = base.is_some_and(|base| named.as_ref() == Some(&base.provider));
    let mut call = Call::new(Method::POST, path).toml(&open.draft.source);
    if same {
        call = call.if_version(base.map(|base| base.version().0));
    } else {
        call = call.if_absent();
    }
    match console.api.call(who, call).await {
        Ok(applied) => {
            draft::remove(&*console.admin.store, &open.account, &open.token)
                .await
                .map_err(|error| failing(who)(error.into()))?;
            let provider = applied["provider"].as_str().unwrap_or_default();
            if who.guest.is_some() {
                let home = guest::home(&open.account);
                return Ok(redirect_to(&format!("{home}?done=applied")));
            }
            Ok(redirect_to(&format!(
                "/admin/accounts/{}/providers/{}?done=applied",
                open.account,
                segment(provider)
            )))
        }
        Err(mut problem) => {
            if problem.code == ErrorCode::AdminChangedMeanwhile {
                "someone else changed this mapping since you began; nothing was overwritten. Your draft is kept: look at what they did, then begin a new edit or roll theirs back.".clone_into(&mut problem.detail);
            }
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            reviewed(&console, who, &open, status, Some(problem))
        }
    }
}

/// `POST …/discard`
pub(super) async fn discard(
    axum::extract::State(console): State,
    Path((account, draft)): Path<(String, String)>,
    post: Post,
) -> Html {
    let open = Open::find(&console, &post.who, &account, &draft).await?;
    let name = provider_name(&open.draft.source, &say("account.mapping_without_name"));
    let ask = Ask {
        title: say_with("confirm.discard_draft_of", &[("name", &name)]),
        ends: vec![say("confirm.draft_is_gone"), say("confirm.live_stays")],
        button: say("common.discard_draft"),
        back: open.path("review"),
    };
    if let Some(page) = confirm::unless_confirmed(&post, &ask) {
        return page;
    }
    draft::remove(&*console.admin.store, &open.account, &open.token)
        .await
        .map_err(|error| failing(&post.who)(error.into()))?;
    let back = match &post.who.guest {
        Some(guest) => super::guest::home(&guest.account),
        None => format!("/admin/accounts/{}", open.account),
    };
    Ok(redirect_to(&format!("{back}?done=discarded")))
}
