//! The pages a shopper sees: the ways to sign in, errors, signing out.
//!
//! Each page is one HTML document without scripts (but for `fragment`), links to
//! nothing but where the visitor may go next, and carries its own style. The style's digest is in
//! the page's Content-Security-Policy, which comes with the page, since an
//! account's accent colour is part of the style.

mod access_key;
mod consent;
mod fragment;
mod icon;
mod login;
mod look;
mod messages;
mod password;

#[cfg(test)]
mod tests;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use serde::Serialize;
use url::Url;

pub use crate::base::Lang;
pub use access_key::CodePage;
pub use consent::{Allowed, Ask, DeviceEnd, DevicePage, DeviceWrong};
pub use icon::Icon;
pub use look::Look;
pub use password::PasswordPage;

use crate::base::ErrorCode;
use look::Style;
use messages::{Messages, fill};

/// A page and the policy under which it must be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The document.
    pub html: String,
    /// The value of its `Content-Security-Policy` header.
    pub csp: String,
}

/// One way to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The provider's name, as in "Continue with Acme Accounts".
    pub name: String,
    /// Where it begins: `login?provider=acme&return_to=…`.
    pub href: String,
    /// Its mark; without one the name's first letter stands in.
    pub icon: Option<Icon>,
    /// Whether it was the last one used on this device.
    pub last_used: bool,
}

/// A part of the login's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A form for an email.
    Email(EmailForm),
    /// Providers.
    Choices(Vec<Choice>),
}

/// The same page in another language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LangLink {
    /// The language.
    pub lang: Lang,
    /// The page's address with `lang=` in its query, all else kept.
    pub href: String,
}

/// The form for an email to which a code goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmailForm {
    /// Where it is posted: `login`.
    pub action: String,
    /// Kept in a hidden field of that name.
    pub return_to: String,
    /// What was typed or is expected.
    pub email: String,
    /// Whether a code may be asked for.
    pub codes: bool,
    /// Whether there is a field for a password.
    pub password: bool,
    /// Whether one may be chosen with a code.
    pub forgot: bool,
    /// Why it comes again: what was typed is no address, or not the password.
    pub wrong: Option<ErrorCode>,
    /// Other origins the answer may lead to, where a password is typed.
    pub redirects: Vec<String>,
    /// An application waits for the login, so that a failure may lead to its page.
    pub to_application: bool,
    /// The email alone is asked for; the ways follow.
    pub first: bool,
    /// Whether it was the last one used on this device.
    pub last_used: bool,
}

/// A link to the page in a language, as templates need it.
#[derive(Serialize)]
struct LinkView<'a> {
    tag: &'static str,
    name: &'static str,
    current: bool,
    href: &'a str,
}

fn lang_links(links: &[LangLink], current: Lang) -> Vec<LinkView<'_>> {
    let links = links.iter().map(|link| LinkView {
        tag: link.lang.tag(),
        name: link.lang.own_name(),
        current: link.lang == current,
        href: &link.href,
    });
    links.collect()
}

/// Why the visitor sees the list of providers again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The session came to its end.
    SessionEnded,
    /// The login was declined at the provider.
    Cancelled,
}

/// What went wrong, as far as the visitor is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPage {
    /// The stable code, which chooses the sentences: `login.state_replayed`.
    pub code: ErrorCode,
    /// What finds the trace.
    pub support_id: String,
    /// Where a new login begins; none where it would end the same way.
    pub restart_href: Option<String>,
    /// The way out: the store's front page.
    pub store_href: Option<String>,
}

/// The question before signing out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogoutForm {
    /// Where the answer is posted: `logout`.
    pub action: String,
    /// Kept in a hidden field of that name.
    pub return_to: Option<String>,
    /// Whom the session belongs to: an email address or a name.
    pub user: Option<String>,
    /// Where "Stay signed in" leads; none leaves that button out.
    pub stay_href: Option<String>,
    /// URLs the answer may redirect to on other origins: the provider's
    /// end-session page, another store. Browsers hold a form's redirects to
    /// `form-action` too, and without these would stop there without a word.
    pub redirects: Vec<String>,
}

/// Renders pages.
#[derive(Debug)]
pub struct Pages {
    templates: Environment<'static>,
    messages: [Messages; 3],
}

impl Default for Pages {
    fn default() -> Self {
        Self::new()
    }
}

impl Pages {
    /// Compiles the templates and reads the sentences; once, at the start.
    ///
    /// # Panics
    /// Never in a program whose tests passed: all of it is compiled in.
    pub fn new() -> Self {
        let mut templates = Environment::new();
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in [
            ("base.html", include_str!("pages/templates/base.html")),
            ("langs.html", include_str!("pages/templates/langs.html")),
            ("code.html", include_str!("pages/templates/code.html")),
            (
                "password.html",
                include_str!("pages/templates/password.html"),
            ),
            (
                "providers.html",
                include_str!("pages/templates/providers.html"),
            ),
            ("error.html", include_str!("pages/templates/error.html")),
            ("logout.html", include_str!("pages/templates/logout.html")),
            (
                "signed_out.html",
                include_str!("pages/templates/signed_out.html"),
            ),
            ("allowed.html", include_str!("pages/templates/allowed.html")),
            ("ask.html", include_str!("pages/templates/ask.html")),
            ("device.html", include_str!("pages/templates/device.html")),
            (
                "device_end.html",
                include_str!("pages/templates/device_end.html"),
            ),
            (
                "fragment.html",
                include_str!("pages/templates/fragment.html"),
            ),
            (
                "login_done.html",
                include_str!("pages/templates/login_done.html"),
            ),
            (
                "trial_ask.html",
                include_str!("pages/templates/trial_ask.html"),
            ),
            (
                "trial_done.html",
                include_str!("pages/templates/trial_done.html"),
            ),
        ] {
            templates
                .add_template(name, source)
                .expect("the bundled templates compile");
        }
        Self {
            templates,
            messages: Lang::ALL.map(Messages::of),
        }
    }

    /// What went wrong and what to do next.
    ///
    /// The page shows no logo: it may stand at the callback's address, and
    /// nobody else is to hear of that address.
    pub fn error(&self, look: &Look, lang: Lang, error: &ErrorPage) -> Page {
        let messages = self.messages(lang);
        let sentences = messages.error(error.code);
        let back = match look.name() {
            Some(name) => fill(&messages.page.back_to, "account", name),
            None => messages.page.back.clone(),
        };
        self.page(
            "error.html",
            lang,
            &Style::new(look),
            &sentences.title,
            context! {
                sentences => Serde(sentences),
                back,
                code => error.code.as_str(),
                support_id => error.support_id.as_str(),
                restart_href => error.restart_href.as_deref(),
                store_href => error.store_href.as_deref(),
            },
        )
    }

    /// "Do you want to sign out of Acme?", with a form that does it.
    pub fn logout_confirm(&self, look: &Look, lang: Lang, form: &LogoutForm) -> Page {
        let text = &self.messages(lang).page;
        let heading = match look.name() {
            Some(name) => fill(&text.sign_out_of, "account", name),
            None => text.sign_out_question.clone(),
        };
        let user = form
            .user
            .as_ref()
            .map(|user| fill(&text.signed_in_as, "user", user));
        let style = Style::new(look).with_logo().with_form(&form.redirects);
        self.page(
            "logout.html",
            lang,
            &style,
            &text.sign_out,
            context! {
                heading,
                user,
                action => form.action.as_str(),
                return_to => form.return_to.as_deref(),
                stay_href => form.stay_href.as_deref(),
            },
        )
    }

    /// The session is over; `again` begins a new login, where the account is known.
    pub fn signed_out(&self, look: &Look, lang: Lang, again: Option<&str>) -> Page {
        let title = &self.messages(lang).page.signed_out;
        let style = Style::new(look).with_logo();
        self.page("signed_out.html", lang, &style, title, context! { again })
    }

    /// What a test link is for, before it is used.
    pub fn trial_ask(&self, look: &Look, lang: Lang, go: &str) -> Page {
        let title = &self.messages(lang).page.trial_ask;
        let style = Style::new(look).with_logo();
        self.page("trial_ask.html", lang, &style, title, context! { go })
    }

    /// A login in a window of its own is over.
    pub fn login_done(&self, look: &Look, lang: Lang) -> Page {
        let title = &self.messages(lang).page.login_done;
        let style = Style::new(look).with_logo();
        self.page("login_done.html", lang, &style, title, context! {})
    }

    /// A trial's login is over.
    pub fn trial_done(&self, look: &Look, lang: Lang, worked: bool) -> Page {
        let title = &self.messages(lang).page.trial_done;
        let style = Style::new(look).with_logo();
        self.page("trial_done.html", lang, &style, title, context! { worked })
    }

    fn messages(&self, lang: Lang) -> &Messages {
        let [en, pt_br, es] = &self.messages;
        match lang {
            Lang::En => en,
            Lang::PtBr => pt_br,
            Lang::Es => es,
        }
    }

    fn page(
        &self,
        template: &str,
        lang: Lang,
        style: &Style<'_>,
        title: &str,
        body: Value,
    ) -> Page {
        let title = match style.name {
            Some(name) if !title.contains(name) => format!("{title} · {name}"),
            _ => title.to_owned(),
        };
        let frame = context! {
            lang => lang.tag(),
            t => Serde(&self.messages(lang).page),
            title,
            name => style.name,
            initial => style.name.map(look::initial),
            logo => style.logo.as_ref().map(Url::as_str),
            // Ours to the last byte: the colour in it has been parsed.
            style => Value::from_safe_string(style.css.clone()),
        };
        let html = self
            .templates
            .get_template(template)
            .and_then(|template| template.render(context! { ..body, ..frame }))
            .expect("the bundled templates render; a test renders each of them");
        Page {
            html,
            csp: style.csp(),
        }
    }
}
