//! How an account looks to its shoppers: name, logo and colour.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use minijinja::context;

use super::accounts::ListQuery;
use super::api::segment;
use super::confirm::{self, Ask};
use super::forms::{done, save};
use super::guard::{Desk, Post, Upload};
use super::screens;
use super::sentences::{say, say_with};
use super::view::{Html, redirect_to, shown, status};
use crate::http::problem::Problem;
use crate::operation::Condition;
use crate::operation::accounts::{self, AccountChange, LogoInput};

/// `GET …/branding`
pub(super) async fn show(
    desk: Desk,
    Path(id): Path<String>,
    Query(place): Query<ListQuery>,
) -> Html {
    let values = context! { done => place.done };
    screens::branding(&desk, &id, StatusCode::OK, values).await
}

/// `POST …/branding`
pub(super) async fn change(Path(id): Path<String>, post: Post) -> Html {
    let change = AccountChange {
        name: Some(post.get("name").to_owned()),
        logo_url: Some(post.filled("logo_url")),
        color: Some(post.filled("color")),
        ..AccountChange::default()
    };
    save(&post, &id, change, "saved", "look").await
}

/// `POST …/branding/logo`: keeps a logo.
pub(super) async fn upload(Path(id): Path<String>, upload: Upload) -> Html {
    let desk = &upload.desk;
    // A form without a file is told what is wrong with an empty one.
    let input = LogoInput::of(upload.file("file").unwrap_or_default());
    let (ops, caller) = (desk.ops(), desk.caller());
    match accounts::set_logo(ops, &caller, &id, input, &Condition::None).await {
        Ok(_) => {
            let to = format!("/admin/accounts/{}/branding?done=logo", segment(&id));
            Ok(redirect_to(&to))
        }
        Err(refused) => {
            let problem = Problem::from(refused);
            let more = context! { problem => shown(&problem), which => "logo" };
            screens::branding(desk, &id, status(&problem), more).await
        }
    }
}

/// `POST …/branding/logo/remove`
pub(super) async fn remove(Path(id): Path<String>, post: Post) -> Html {
    let (ops, caller) = (post.ops(), post.caller());
    let account = accounts::show(ops, &caller, &id).await?.value;
    let ask = Ask {
        title: say_with("branding.remove_of", &[("name", &account.name)]),
        ends: vec![say("branding.removed_at_once"), say("branding.not_kept")],
        button: say("branding.remove"),
        back: format!("/admin/accounts/{}/branding", segment(&id)),
    };
    if let Some(page) = confirm::unless_confirmed(&post, &ask) {
        return page;
    }
    let gone = accounts::remove_logo(ops, &caller, &id, &Condition::None).await;
    done(&post, &id, gone, "logo-removed", "logo").await
}
