//! What the forms of a page carry, so that each counts once: see [`once`](super::once).

use std::future::Future;
use std::time::Duration;

use minijinja::{Environment, Value};

use crate::base::Timestamp;
use crate::store::Token;

/// The field.
pub(super) const FIELD: &str = "once";
/// For how long a form counts once.
pub(super) const LIFETIME: Duration = Duration::from_secs(24 * 3600);

tokio::task_local! {
    /// What the forms of the page carry that is being made.
    static TOKEN: String;
}

/// Answers with a token for the forms of the page.
pub(super) async fn numbered<F: Future>(now: Timestamp, answer: F) -> F::Output {
    let token = Token::new(now.plus(LIFETIME));
    TOKEN.scope(token.as_str().to_owned(), answer).await
}

/// The same token in a task of its own.
pub(super) fn carried<F: Future>(answer: F) -> impl Future<Output = F::Output> {
    let token = TOKEN.try_with(String::clone).unwrap_or_default();
    TOKEN.scope(token, answer)
}

/// `once()` of the templates: the field.
pub(super) fn add_to(templates: &mut Environment<'_>) {
    templates.add_function("once", || {
        let token = TOKEN.try_with(String::clone).unwrap_or_default();
        Value::from_safe_string(format!(
            "<input type=\"hidden\" name=\"{FIELD}\" value=\"{token}\">"
        ))
    });
}
