//! Messages to an account's people: who they are from, what they say, what became of
//! them, and addresses that get none for a while.

use axum::extract::{Path, Query};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use minijinja::{Value, context};
use serde::Deserialize;
use serde_json::json;

use super::api::segment;
use super::guard::{Desk, Post};
use super::sentences::say;
use super::view::{Html, redirect_to, shown, status};
use crate::base::{ErrorCode, Lang};
use crate::http::problem::Problem;
use crate::mail::template::{Kind, Template};
use crate::operation::messages::{
    self, DeliveryQuery, MessagesChange, Preview, Sample, TextChange,
};
use crate::operation::{OperationError, Outcome, Paging, access_keys, accounts};

/// What stands in a message's HTML: nothing of it runs, and nothing of it is part of
/// the console.
const POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; \
     form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// Which text, and which deliveries.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    lang: String,
    /// Deliveries to this address.
    #[serde(default)]
    to: String,
    after: Option<String>,
    done: Option<String>,
}

/// A message and a language by their names; the first where nothing is named.
fn text_of(kind: &str, lang: &str) -> Outcome<(Kind, Lang)> {
    let missing = || OperationError::missing("message");
    let mut kinds = Kind::ALL.into_iter();
    let kind = kinds.find(|known| kind.is_empty() || known.name() == kind);
    let mut langs = Lang::ALL.into_iter();
    let lang = langs.find(|known| lang.is_empty() || known.tag() == lang);
    Ok((kind.ok_or_else(missing)?, lang.ok_or_else(missing)?))
}

fn title(kind: Kind) -> String {
    match kind {
        Kind::AccessKey => say("messages.access_key"),
        Kind::PasswordChanged => say("messages.password_changed"),
    }
}

/// The page of a text.
fn page_of(id: &str, (kind, lang): (Kind, Lang)) -> String {
    format!(
        "/admin/accounts/{}/messages?kind={}&lang={}",
        segment(id),
        kind.name(),
        lang.tag()
    )
}

/// `GET /admin/accounts/{account}/messages`
pub(super) async fn show(desk: Desk, Path(id): Path<String>, Query(which): Query<Which>) -> Html {
    display(&desk, &id, &which, StatusCode::OK, context! {}).await
}

async fn display(desk: &Desk, id: &str, which: &Which, status: StatusCode, more: Value) -> Html {
    let (ops, caller) = (desk.ops(), desk.caller());
    let account = accounts::show(ops, &caller, id).await?.value;
    let (kind, lang) = text_of(&which.kind, &which.lang)?;
    let found = messages::show(ops, &caller, id).await?;
    let mut texts = found.value.texts.into_iter();
    let text = texts.find(|text| text.kind == kind && text.lang == lang);
    let to = Some(which.to.trim()).filter(|to| !to.is_empty());
    let query = DeliveryQuery {
        to: to.map(str::to_owned),
        after: which.after.clone(),
        limit: Some(50),
    };
    let deliveries = messages::deliveries(ops, &caller, id, query).await?;
    let blocked = access_keys::list(ops, &caller, id, Paging::new(100, None)).await?;
    let values = context! {
        title => say("common.messages"),
        nav => "accounts",
        account => shown(account),
        etag => found.tag.version(),
        from => found.value.from,
        sends => ops.sends_mail,
        kinds => shown(Kind::ALL.map(|kind| json!({ "name": kind.name(), "title": title(kind) })).to_vec()),
        langs => shown(Lang::ALL.map(|lang| json!({ "tag": lang.tag(), "name": lang.own_name() })).to_vec()),
        kind => kind.name(),
        kind_title => title(kind),
        has_code => kind.has_code(),
        lang => lang.tag(),
        lang_name => lang.own_name(),
        text => text.map(shown),
        to => which.to.trim(),
        deliveries => shown(deliveries.items),
        next => deliveries.next,
        blocked => shown(blocked.items),
        all_accounts => desk.who.operator.has_all_accounts(),
        own_email => desk.who.operator.email.as_str(),
        done => which.done.as_deref(),
    };
    desk.page(status, "messages.html", context! { ..more, ..values })
}

/// The page with a problem and what was typed.
async fn refused(post: &Post, id: &str, form: &str, refused: OperationError) -> Html {
    let which = Which {
        kind: post.get("kind").to_owned(),
        lang: post.get("lang").to_owned(),
        ..Which::default()
    };
    let stale = refused.is_stale();
    let problem = Problem::from(refused);
    let more = context! { problem => shown(&problem), which => form, form => post.typed(), stale };
    display(post, id, &which, status(&problem), more).await
}

/// `POST …/messages/from`
pub(super) async fn from(Path(id): Path<String>, post: Post) -> Html {
    let change = MessagesChange {
        from: Some(post.filled("from")),
        ..MessagesChange::default()
    };
    let when = post.condition();
    match messages::change(post.ops(), &post.caller(), &id, change, &when).await {
        Ok(_) => Ok(redirect_to(&format!(
            "/admin/accounts/{}/messages?done=saved",
            segment(&id)
        ))),
        Err(why) => refused(&post, &id, "from", why).await,
    }
}

/// The templates that were typed. Browsers end lines with CR LF.
fn typed(post: &Post) -> Template {
    let text = |name: &str| post.get(name).replace("\r\n", "\n");
    Template {
        subject: post.get("subject").trim().to_owned(),
        text: text("text"),
        html: Some(text("html")).filter(|html| !html.trim().is_empty()),
    }
}

/// `POST …/messages/text`: saves, shows or takes back a text.
pub(super) async fn text(Path(id): Path<String>, post: Post) -> Html {
    let (kind, lang) = text_of(post.get("kind"), post.get("lang"))?;
    match post.get("action") {
        "preview" => return preview(&id, &post, (kind, lang)).await,
        "html" => return html(&id, &post, (kind, lang)).await,
        _ => {}
    }
    let template = (post.get("action") != "bundled").then(|| typed(&post));
    let change = MessagesChange {
        texts: vec![TextChange {
            kind,
            lang,
            template,
        }],
        ..MessagesChange::default()
    };
    let when = post.condition();
    match messages::change(post.ops(), &post.caller(), &id, change, &when).await {
        Ok(_) => Ok(redirect_to(&format!(
            "{}&done=saved",
            page_of(&id, (kind, lang))
        ))),
        Err(why) => refused(&post, &id, "text", why).await,
    }
}

async fn rendered(id: &str, post: &Post, (kind, lang): (Kind, Lang)) -> Outcome<Preview> {
    let sample = Sample {
        kind,
        lang,
        template: Some(typed(post)),
    };
    messages::preview(post.ops(), &post.caller(), id, sample).await
}

async fn preview(id: &str, post: &Post, text: (Kind, Lang)) -> Html {
    match rendered(id, post, text).await {
        Ok(preview) => {
            let which = Which {
                kind: text.0.name().to_owned(),
                lang: text.1.tag().to_owned(),
                ..Which::default()
            };
            let more = context! {
                preview => shown(preview),
                which => "text",
                form => post.typed(),
            };
            display(post, id, &which, StatusCode::OK, more).await
        }
        Err(why) => refused(post, id, "text", why).await,
    }
}

/// The HTML of a message, as a page of its own that may do nothing.
async fn html(id: &str, post: &Post, text: (Kind, Lang)) -> Html {
    let html = match rendered(id, post, text).await {
        Ok(preview) => preview.html,
        Err(why) => return refused(post, id, "text", why).await,
    };
    let Some(html) = html else {
        let why = "this message has no HTML; mail programs show its text";
        let why = OperationError::invalid(ErrorCode::MessageInvalid, "html", why);
        return refused(post, id, "text", why).await;
    };
    let headers: [(HeaderName, HeaderValue); 2] = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ),
    ];
    Ok((headers, html).into_response())
}

/// `POST …/messages/sample`
pub(super) async fn sample(Path(id): Path<String>, post: Post) -> Html {
    let (kind, lang) = text_of(post.get("kind"), post.get("lang"))?;
    let to = messages::SampleTo {
        to: post.get("to").trim().to_owned(),
        kind,
        lang,
    };
    match messages::send_sample(post.ops(), &post.caller(), &id, to).await {
        Ok(_) => Ok(redirect_to(&format!(
            "{}&done=sample",
            page_of(&id, (kind, lang))
        ))),
        Err(why) => refused(&post, &id, "sample", why).await,
    }
}

/// `POST …/messages/unblock`
pub(super) async fn unblock(Path(id): Path<String>, post: Post) -> Html {
    access_keys::unblock(post.ops(), &post.caller(), &id, post.get("address")).await?;
    Ok(redirect_to(&format!(
        "/admin/accounts/{}/messages?done=unblocked",
        segment(&id)
    )))
}
