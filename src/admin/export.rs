//! A copy of everything, made while the broker runs.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::IntoResponse;
use futures_util::stream;
use tokio::sync::mpsc;

use super::reply::Reply;
use super::{Admin, Caller};
use crate::base::ErrorCode;
use crate::http::problem::Problem;
use crate::operation::Access;
use crate::store::StoreError;
use crate::store::lines::Said;

/// How the copy is written: one record a line.
pub(super) const LINES: &str = "application/jsonl";
/// How many parts of the copy wait for a slow reader.
const AHEAD: usize = 4;

/// All durable records as lines, as they were at one moment; what is encrypted
/// stays so. Without its last line it is no copy.
pub(super) async fn export(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
) -> Reply {
    caller.check_broker(Access::Read)?;
    let recorder = admin.store.recorder().ok_or_else(|| {
        let why = "others write to this store too; copy it with the database's own tools";
        Problem::new(ErrorCode::AdminExportElsewhere, why)
    })?;
    let (out, parts) = mpsc::channel(AHEAD);
    tokio::spawn(async move { recorder.copy(out).await });
    let lines = stream::try_unfold(parts, async |mut parts| {
        let Some(part) = parts.recv().await else {
            return Ok::<_, StoreError>(None);
        };
        let mut lines = Vec::new();
        for copied in part? {
            let line = serde_json::to_writer(&mut lines, &Said::of(&copied));
            line.map_err(|error| StoreError::Unavailable(error.to_string()))?;
            lines.push(b'\n');
        }
        Ok(Some((lines, parts)))
    });
    Ok(([(header::CONTENT_TYPE, LINES)], Body::from_stream(lines)).into_response())
}
