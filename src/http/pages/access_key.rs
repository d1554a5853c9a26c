//! The page on which a code that came by mail is typed.

use minijinja::context;
use minijinja::value::Serde;

use super::look::Style;
use super::messages::{PageText, fill};
use super::{Lang, LangLink, Look, Page, Pages, lang_links};
use crate::base::ErrorCode;
use crate::password::PasswordRule;

/// What a rule asks for, in words.
pub(super) fn password_rule(text: &PageText, rule: PasswordRule) -> &str {
    match rule {
        PasswordRule::Classes => &text.password_rule_classes,
        PasswordRule::Length => &text.password_rule_length,
    }
}

/// What the page for a code shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CodePage {
    /// Which login waits; kept in a hidden field of that name.
    pub login: String,
    /// Where the code was sent.
    pub email: String,
    /// The page that was asked for, for a new code.
    pub return_to: String,
    /// Where the other ways to sign in are.
    pub other_href: String,
    /// For how long a code is good.
    pub minutes: u64,
    /// After what was not the code: how many tries are left.
    pub left: Option<u32>,
    /// How many there were.
    pub tries: u32,
    /// The rule for the password that is chosen with the code, where one is.
    pub new_password: Option<PasswordRule>,
    /// Why what was chosen is none to choose.
    pub weak: Option<ErrorCode>,
    /// The code that came with it, which need not be typed again.
    pub typed: String,
    /// The mail server does not take messages at the moment.
    pub late: bool,
    /// Where the login may lead; `None`: anywhere, to the page of an application.
    pub redirects: Option<Vec<String>>,
    /// The page in other languages.
    pub langs: Vec<LangLink>,
}

impl Pages {
    /// "Enter your code", with the form for it and another for a new code.
    pub fn code(&self, look: &Look, lang: Lang, code: &CodePage) -> Page {
        let text = &self.messages(lang).page;
        let sent = fill(&text.code_sent, "email", &code.email);
        let sent = fill(&sent, "minutes", &code.minutes.to_string());
        let wrong = code.left.map(|left| match left {
            left if left == code.tries => text.code_malformed.clone(),
            left => fill(&text.code_wrong, "left", &left.to_string()),
        });
        let rule = code.new_password.map(|rule| password_rule(text, rule));
        let weak = code
            .weak
            .map(|code| self.messages(lang).error(code).text.as_str());
        let title = match rule {
            Some(_) => &text.new_password_title,
            None => &text.code_title,
        };
        let style = Style::new(look).with_logo();
        let style = match &code.redirects {
            Some(redirects) => style.with_form(redirects),
            None => style.with_any_form(),
        };
        self.page(
            "code.html",
            lang,
            &style,
            title,
            context! {
                title,
                rule,
                weak,
                typed => code.typed.as_str(),
                sent,
                wrong,
                late => code.late,
                action => format!("access-key?lang={}", lang.tag()),
                again => format!("login?lang={}", lang.tag()),
                other => code.other_href.as_str(),
                login => code.login.as_str(),
                email => code.email.as_str(),
                return_to => code.return_to.as_str(),
                links => Serde(lang_links(&code.langs, lang)),
            },
        )
    }
}
