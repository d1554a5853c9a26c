//! What messages say: bundled texts in three languages, and an account's own.
//!
//! An account's templates are written by people who may make mistakes: they are
//! rendered once when they are saved, with a budget, and a variable that does not
//! exist is an error that names it.

use std::collections::BTreeMap;

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, context};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::Lang;

/// The longest text of one part, in bytes.
const MAX_LENGTH: usize = 64 << 10;
/// What rendering a part may cost: a loop over nothing ends.
const FUEL: u64 = 50_000;

/// What a message is for.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The code with which a shopper logs in, or sets a password.
    AccessKey,
    /// A shopper's password was set or changed.
    PasswordChanged,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::AccessKey, Self::PasswordChanged];

    /// Whether it brings a code.
    pub fn has_code(self) -> bool {
        self == Self::AccessKey
    }

    /// Its name: `access_key`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessKey => "access_key",
            Self::PasswordChanged => "password_changed",
        }
    }

    /// The bundled text.
    pub fn bundled(self, lang: Lang) -> Template {
        let source = match (self, lang) {
            (Self::AccessKey, Lang::En) => include_str!("texts/access_key.en.txt"),
            (Self::AccessKey, Lang::PtBr) => include_str!("texts/access_key.pt-BR.txt"),
            (Self::AccessKey, Lang::Es) => include_str!("texts/access_key.es.txt"),
            (Self::PasswordChanged, Lang::En) => include_str!("texts/password_changed.en.txt"),
            (Self::PasswordChanged, Lang::PtBr) => {
                include_str!("texts/password_changed.pt-BR.txt")
            }
            (Self::PasswordChanged, Lang::Es) => include_str!("texts/password_changed.es.txt"),
        };
        let (subject, text) = source.split_once("\n\n").unwrap_or((source, ""));
        Template {
            subject: subject.to_owned(),
            text: text.to_owned(),
            html: Some(include_str!("texts/frame.html").replace("TEXT", &paragraphs(text))),
        }
    }
}

/// The paragraphs of a bundled text as HTML; the code stands out.
fn paragraphs(text: &str) -> String {
    text.trim()
        .split("\n\n")
        .map(|part| match part.trim() {
            "{{ code }}" => "<p style=\"font:600 2rem/1.2 ui-monospace,monospace;letter-spacing:.25em\">{{ code }}</p>\n".to_owned(),
            part => format!("<p>{}</p>\n", part.replace('\n', "<br>\n")),
        })
        .collect()
}

/// Subject and bodies with places to be filled in (minijinja's `{{ … }}`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The subject.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML; without it the message is plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// An account's own texts: by kind and language. What is not there is bundled.
pub type Own = BTreeMap<Kind, BTreeMap<Lang, Template>>;

/// What a template can say.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    /// The account's name.
    pub account: &'a str,
    /// The storefront's address.
    pub store: &'a str,
    /// Whom the message goes to.
    pub email: &'a str,
    /// The code, where the message brings one.
    pub code: &'a str,
    /// For how long the code is good, in minutes.
    pub minutes: u64,
    /// The account's logo, if it has one.
    pub logo_url: Option<&'a str>,
    /// The account's colour: `#rrggbb`.
    pub color: &'a str,
}

impl Values<'_> {
    fn context(&self) -> minijinja::Value {
        context! {
            account => self.account,
            store => self.store,
            email => self.email,
            code => self.code,
            minutes => self.minutes,
            logo_url => self.logo_url,
            color => self.color,
        }
    }
}

impl Values<'static> {
    /// Made-up values, for previews and for the check of a template.
    pub fn sample() -> Self {
        Self {
            account: "Acme",
            store: "https://www.acme.test",
            email: "ada@example.test",
            code: "123456",
            minutes: 10,
            logo_url: None,
            color: "#3a4a8f",
        }
    }
}

/// A message's texts, filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rendered {
    /// The subject, on one line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML.
    pub html: Option<String>,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {why}")]
pub struct TemplateError {
    /// `subject`, `text` or `html`.
    pub part: &'static str,
    /// What is wrong, with the line.
    pub why: String,
}

impl Template {
    /// The template of an account: its own in this language, else the bundled one.
    pub fn of(own: &Own, kind: Kind, lang: Lang) -> Self {
        let own = own.get(&kind).and_then(|texts| texts.get(&lang));
        own.cloned().unwrap_or_else(|| kind.bundled(lang))
    }

    /// Fills it in.
    ///
    /// # Errors
    /// If a part is not a template, names what does not exist, or costs too much.
    pub fn render(&self, values: &Values<'_>) -> Result<Rendered, TemplateError> {
        let subject = part("subject", &self.subject, AutoEscape::None, values)?;
        Ok(Rendered {
            // A header is one line; what a name brings along must not be another.
            subject: subject
                .split(char::is_control)
                .collect::<Vec<_>>()
                .join(" "),
            text: part("text", &self.text, AutoEscape::None, values)?,
            html: self
                .html
                .as_deref()
                .map(|html| part("html", html, AutoEscape::Html, values))
                .transpose()?,
        })
    }

    /// Whether it can be filled in and, for a message that brings a code, has it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, kind: Kind) -> Result<(), TemplateError> {
        let values = Values::sample();
        let rendered = self.render(&values)?;
        if rendered.subject.trim().is_empty() {
            return Err(TemplateError {
                part: "subject",
                why: "it is empty".to_owned(),
            });
        }
        let lacks = |text: &str| kind.has_code() && !text.contains(values.code);
        let missing = "it does not say the code; write `{{ code }}` where it goes";
        if lacks(&rendered.text) {
            return Err(TemplateError {
                part: "text",
                why: missing.to_owned(),
            });
        }
        if rendered.html.as_deref().is_some_and(lacks) {
            return Err(TemplateError {
                part: "html",
                why: missing.to_owned(),
            });
        }
        Ok(())
    }
}

fn part(
    name: &'static str,
    source: &str,
    escape: AutoEscape,
    values: &Values<'_>,
) -> Result<String, TemplateError> {
    let wrong = |why: String| TemplateError { part: name, why };
    if source.len() > MAX_LENGTH {
        return Err(wrong("it is longer than 64 KiB".to_owned()));
    }
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(move |_| escape.clone());
    environment.set_fuel(Some(FUEL));
    let rendered = environment
        .render_named_str(name, source, values.context())
        .map_err(|error| match error.kind() {
            ErrorKind::UndefinedError => wrong(format!(
                "{error}; there are `account`, `store`, `email`, `code`, `minutes`, `logo_url` and `color`"
            )),
            _ => wrong(error.to_string()),
        })?;
    if rendered.len() > MAX_LENGTH {
        return Err(wrong("what it makes is longer than 64 KiB".to_owned()));
    }
    Ok(rendered)
}
