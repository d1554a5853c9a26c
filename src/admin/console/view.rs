//! Pages as answers.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use serde::Serialize;

use super::guard::LoggedIn;
use super::markup::{day, escaped, marked, sentence, ticks};
use super::{form_token, sentences};
use crate::base::ErrorCode;
use crate::base::digest::{hex, sha256};
use crate::http::problem::Problem;
use crate::operation::OperationError;
use crate::operator::Role;
use crate::operator::session::Current;
use crate::store::StoreError;

const CSS: &str = include_str!("console.css");
const JS: &str = include_str!("console.js");
const ICON: &str = include_str!("favicon.svg");

/// Everything a page may load comes from here, and nothing runs that is in the page.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The answer of a page that can fail.
pub(super) type Html = Result<Response, Failed>;

/// Why there is no page: a problem, which the layers of [`super::guard`] show in
/// the look of who is logged in, or an answer of its own.
pub(super) struct Failed(Response);

impl From<OperationError> for Failed {
    fn from(refused: OperationError) -> Self {
        Problem::from(refused).into()
    }
}

impl From<StoreError> for Failed {
    fn from(failure: StoreError) -> Self {
        OperationError::from(failure).into()
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        let mut answer = status(&problem).into_response();
        answer.extensions_mut().insert(problem);
        Self(answer)
    }
}

impl From<Response> for Failed {
    fn from(answer: Response) -> Self {
        Self(answer)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        self.0
    }
}

/// An answer, with the page in it where it is a failure without one.
pub(super) fn shown_failure(who: Option<&Current>, mut answer: Response) -> Response {
    match answer.extensions_mut().remove::<Problem>() {
        Some(problem) => fail(who, &problem),
        None => answer,
    }
}

/// The status of a page about a problem.
pub(super) fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

macro_rules! bundled {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("templates/", $name)))),*]
    };
}

#[expect(
    clippy::expect_used,
    reason = "compiled in; a test renders each of them"
)]
static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_auto_escape_callback(|_| AutoEscape::Html);
    templates.set_undefined_behavior(UndefinedBehavior::Chainable);
    templates.add_filter("marked", |text: String| {
        Value::from_safe_string(marked(&text))
    });
    sentences::add_to(&mut templates);
    form_token::add_to(&mut templates);
    templates.add_filter("ticks", |text: String| {
        Value::from_safe_string(ticks(&sentences::problem(&text)))
    });
    templates.add_filter("sentence", |text: String| {
        Value::from_safe_string(ticks(&sentence(&sentences::problem(&text))))
    });
    templates.add_filter("told", |text: String| sentences::problem(&text));
    templates.add_filter("step", sentences::step);
    templates.add_filter("strong", |value: Value| {
        let text = escaped(&value.to_string());
        Value::from_safe_string(format!("<span class=\"strong\">{text}</span>"))
    });
    templates.add_filter("day", day);
    templates.add_filter("urlencode", |text: String| super::api::segment(&text));
    for (name, source) in bundled![
        "base.html",
        "account.html",
        "accounts.html",
        "activity.html",
        "app_fields.html",
        "application.html",
        "application_new.html",
        "application_policy.html",
        "applications.html",
        "audit.html",
        "branding.html",
        "changes.html",
        "choose.html",
        "code.html",
        "confirm.html",
        "device.html",
        "diff.html",
        "domains.html",
        "error.html",
        "grants.html",
        "keys.html",
        "known.html",
        "login.html",
        "logins.html",
        "macros.html",
        "messages.html",
        "operators.html",
        "preview.html",
        "profile.html",
        "provider.html",
        "resume.html",
        "review.html",
        "second_factor.html",
        "sessions.html",
        "settings.html",
        "setup.html",
        "setup_link.html",
        "setup_open.html",
        "shadow.html",
        "signed_in.html",
        "step.html",
        "stores.html",
        "toml.html",
        "trial.html",
        "user.html",
        "users.html",
        "users_import.html",
        "welcome.html",
    ] {
        templates
            .add_template(name, source)
            .expect("the bundled templates compile");
    }
    templates
});

/// A part of a page as text.
pub(super) fn render(template: &str, values: Value) -> Result<String, Failed> {
    TEMPLATES
        .get_template(template)
        .and_then(|template| template.render(values))
        .map_err(|error| {
            tracing::error!(why = %error, template, "a page cannot be rendered");
            if cfg!(debug_assertions) {
                let why = format!("{error:#}");
                return Failed((StatusCode::INTERNAL_SERVER_ERROR, why).into_response());
            }
            Failed(StatusCode::INTERNAL_SERVER_ERROR.into_response())
        })
}

fn version(text: &str) -> String {
    hex(&sha256(text.as_bytes())[..4])
}

/// A page.
pub(super) fn page(
    who: Option<&Current>,
    status: StatusCode,
    template: &str,
    values: Value,
) -> Html {
    let frame = context! {
        me => who.map(|who| context! {
            email => who.operator.email.as_str(),
            name => who.operator.name.as_str(),
            limited => !who.operator.has_all_accounts(),
            may => may(who),
            guest => who.guest.is_some(),
            held => who.held,
            goes_live => who.guest.as_ref().is_some_and(|guest| guest.goes_live),
        }),
        csrf => who.map(|who| who.csrf.as_str()),
        page_lang => sentences::current().tag(),
        page_langs => shown(sentences::switch()),
        said => who.map(|_| sentences::of_script()).unwrap_or_default(),
        css => version(CSS),
        js => version(JS),
    };
    let html = render(template, context! { ..values, ..frame })?;
    Ok((
        status,
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            // Browsers name the origin of a form only where its page lets them.
            (header::REFERRER_POLICY, "same-origin"),
        ],
        html,
    )
        .into_response())
}

/// What somebody may do on this page, for what it offers.
fn may(who: &Current) -> Value {
    context! {
        end => who.offered >= Role::Support,
        set_up => who.offered >= Role::AccountAdministrator || who.guest.is_some(),
        change => who.offered >= Role::Administrator,
        own => who.offered >= Role::Owner,
    }
}

/// A page about what went wrong.
pub(super) fn fail(who: Option<&Current>, problem: &Problem) -> Response {
    let title = sentences::problem(&problem.title);
    let values = context! { title, problem => shown(problem.clone()) };
    page(who, status(problem), "error.html", values).unwrap_or_else(IntoResponse::into_response)
}

/// Fails with a page in the look of who is logged in.
pub(super) fn failing(who: &Current) -> impl Fn(Problem) -> Response + '_ {
    move |problem| fail(Some(who), &problem)
}

/// A value for a template. Numbers have to be told apart from JSON's own, which
/// keep their digits and would arrive as something else.
pub(super) fn shown(value: impl Serialize) -> Value {
    use serde_json::Value as Json;
    fn convert(value: Json) -> Value {
        match value {
            Json::Null => Value::from(()),
            Json::Bool(flag) => Value::from(flag),
            Json::String(text) => Value::from(text),
            Json::Array(items) => items.into_iter().map(convert).collect(),
            Json::Object(members) => {
                let pairs = members.into_iter();
                let members: BTreeMap<String, Value> =
                    pairs.map(|(name, below)| (name, convert(below))).collect();
                Value::from(members)
            }
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Value::from(whole),
                (None, Some(fraction)) => Value::from(fraction),
                _ => Value::from(number.to_string()),
            },
        }
    }
    serde_json::to_value(value).map_or(Value::UNDEFINED, convert)
}

/// An answer to the script.
pub(super) fn json_answer(value: &serde_json::Value) -> Response {
    let kind = (header::CONTENT_TYPE, "application/json");
    ([kind], value.to_string()).into_response()
}

/// Sends the browser to a page of the console.
pub(super) fn redirect_to(path: &str) -> Response {
    crate::http::redirect(StatusCode::SEE_OTHER, path)
}

/// What is nowhere.
pub(super) async fn nothing(LoggedIn(who): LoggedIn) -> Response {
    let problem = Problem::new(
        ErrorCode::RequestNotFound,
        "there is nothing at this address",
    );
    fail(Some(&who), &problem)
}

/// The answer to HEAD where looking has an effect.
pub(super) async fn no_head() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 2] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
    ];
    (headers, text).into_response()
}

/// The style sheet.
pub(super) async fn css() -> Response {
    asset("text/css; charset=utf-8", CSS)
}

/// The icon of the pages.
pub(super) async fn icon() -> Response {
    asset("image/svg+xml", ICON)
}

/// The script.
pub(super) async fn js() -> Response {
    asset("text/javascript; charset=utf-8", JS)
}

/// The provider's name in a mapping of the gallery.
pub(super) fn provider_name(source: &str, id: &str) -> String {
    let (value, _, _) = crate::document::structure::parse_toml(source);
    value
        .pointer("/provider/name")
        .and_then(serde_json::Value::as_str)
        .unwrap_or(id)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_compiles() {
        assert!(TEMPLATES.get_template("base.html").is_ok());
    }

    /// What may be sent again and does the same, says so with `only_once=false`.
    #[test]
    fn every_form_counts_once_or_says_that_it_need_not() {
        for (name, template) in TEMPLATES.templates() {
            let source = template.source();
            for form in source.split("<form").skip(1) {
                let form = form.split("</form>").next().unwrap_or_default();
                let action = form.split('>').next().unwrap_or_default();
                let login = ["/admin/login\"", "/admin/logout\""];
                if !action.contains("\"post\"") || login.iter().any(|own| action.contains(own)) {
                    continue;
                }
                let held = form.contains("token(csrf") || form.contains("once()");
                assert!(held, "{name}: <form{action}>");
            }
        }
    }
}
