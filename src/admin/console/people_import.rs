//! Users that are created here: one by one, or those of a file.

use axum::extract::Path;
use axum::http::StatusCode;
use minijinja::{Value, context};

use super::api::segment;
use super::guard::{Desk, Post, Upload};
use super::sentences::say;
use super::view::{Html, redirect_to, shown, status};
use crate::base::ErrorCode;
use crate::http::problem::Problem;
use crate::operation::users::import::{ImportReport, MOST, RowReport};
use crate::operation::users::rows::{self, Format};
use crate::operation::users::{self, ImportUsers, ImportedUser, NewUser};
use crate::operation::{Outcome, accounts};

/// The most rows with a reason on the page.
const MOST_REASONS: usize = 200;

/// `POST …/users`: creates one.
pub(super) async fn create(Path(id): Path<String>, post: Post) -> Html {
    let new = NewUser {
        email: post.get("email").to_owned(),
        name: post.filled("name"),
    };
    match users::create(post.ops(), &post.caller(), &id, new).await {
        Ok(made) => {
            let user = made.value.id;
            let to = format!(
                "/admin/accounts/{}/users/{user}?done=user-created",
                segment(&id)
            );
            Ok(redirect_to(&to))
        }
        Err(refused) => {
            let problem = Problem::from(refused);
            let status = status(&problem);
            let more = context! { problem => shown(problem), form => post.typed() };
            super::people::listed(&post, &id, status, more).await
        }
    }
}

/// `GET …/users/import`
pub(super) async fn ask(desk: Desk, Path(id): Path<String>) -> Html {
    display(&desk, &id, StatusCode::OK, context! {}).await
}

async fn display(desk: &Desk, id: &str, status: StatusCode, more: Value) -> Html {
    let account = accounts::show(desk.ops(), &desk.caller(), id).await?.value;
    let values = context! { title => say("users_import.import_users"), nav => "accounts", account => shown(account) };
    desk.page(status, "users_import.html", context! { ..more, ..values })
}

/// `POST …/users/import`: checks, or imports.
pub(super) async fn import(Path(id): Path<String>, upload: Upload) -> Html {
    let desk = &upload.desk;
    let text = match upload.file("file").map(std::str::from_utf8) {
        None => upload.get("text"),
        Some(Ok(text)) => text,
        Some(Err(_)) => {
            return refuse(desk, &id, "", "the file is not UTF-8; write it as UTF-8").await;
        }
    };
    if text.trim().is_empty() {
        return refuse(desk, &id, "", "choose a file, or type users").await;
    }
    let rows = match rows::read(text, Format::of(text)) {
        Ok(rows) => rows,
        Err(error) => return refuse(desk, &id, text, &error.to_string()).await,
    };
    let dry_run = upload.get("how") != "import";
    let report = run(desk, &id, rows, dry_run).await?;
    let reasons: Vec<&RowReport> = report.rows.iter().filter(|row| row.why.is_some()).collect();
    let more = context! {
        unlisted => reasons.len().saturating_sub(MOST_REASONS),
        reasons => shown(&reasons[..reasons.len().min(MOST_REASONS)]),
        text => if dry_run { text } else { "" },
        report => context! {
            dry_run => report.dry_run,
            created => report.created,
            exists => report.exists,
            invalid => report.invalid,
        },
    };
    display(desk, &id, StatusCode::OK, more).await
}

async fn refuse(desk: &Desk, id: &str, text: &str, why: &str) -> Html {
    let mut problem = Problem::new(ErrorCode::RequestBad, why);
    problem.field = Some("text".to_owned());
    let status = status(&problem);
    let more = context! { problem => shown(problem), text };
    display(desk, id, status, more).await
}

async fn run(desk: &Desk, id: &str, rows: Vec<rows::Row>, dry_run: bool) -> Outcome<ImportReport> {
    let mut report = ImportReport {
        dry_run,
        ..ImportReport::default()
    };
    let mut good: Vec<(usize, ImportedUser)> = Vec::new();
    for (line, row) in rows {
        match row {
            Ok(user) => good.push((line, user)),
            Err(why) => report.unreadable(line, why),
        }
    }
    for part in good.chunks(MOST) {
        let users = part.iter().map(|(_, user)| user.clone()).collect();
        let input = ImportUsers { users, dry_run };
        let mut some = users::import(desk.ops(), &desk.caller(), id, input).await?;
        for row in &mut some.rows {
            let line = part.get(row.row.saturating_sub(1));
            row.row = line.map_or(row.row, |(line, _)| *line);
        }
        report.join(some);
    }
    report.rows.sort_by_key(|row| row.row);
    Ok(report)
}
