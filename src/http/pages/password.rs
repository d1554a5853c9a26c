//! The page on which somebody who is logged in chooses another password.

use minijinja::context;

use super::access_key::password_rule;
use super::look::Style;
use super::messages::fill;
use super::{Lang, Look, Page, Pages};
use crate::base::ErrorCode;
use crate::password::PasswordRule;

/// What that page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PasswordPage {
    /// Whose password it is.
    pub email: String,
    /// Where they go afterwards; kept in a hidden field of that name.
    pub return_to: String,
    /// The rule for the new one.
    pub rule: PasswordRule,
    /// Whether one may be chosen with a code.
    pub forgot: bool,
    /// Why it comes again: the present password was wrong, or the new one is none to
    /// choose.
    pub wrong: Option<ErrorCode>,
    /// Other origins the answer may lead to.
    pub redirects: Vec<String>,
}

impl Pages {
    /// "Change your password", with a form for it.
    pub fn change_password(&self, look: &Look, lang: Lang, page: &PasswordPage) -> Page {
        let messages = self.messages(lang);
        let text = &messages.page;
        let said = page.wrong.map(|code| messages.error(code).text.as_str());
        let of_new = [
            ErrorCode::LoginPasswordClasses,
            ErrorCode::LoginPasswordWeak,
            ErrorCode::LoginPasswordUsed,
        ];
        let is_new = page.wrong.is_some_and(|code| of_new.contains(&code));
        let query = format!("?lang={}", lang.tag());
        let style = Style::new(look).with_logo().with_form(&page.redirects);
        self.page(
            "password.html",
            lang,
            &style,
            &text.change_password,
            context! {
                user => fill(&text.signed_in_as, "user", &page.email),
                action => format!("password{query}"),
                forgot => page.forgot.then(|| format!("login{query}")),
                email => page.email.as_str(),
                return_to => page.return_to.as_str(),
                rule => password_rule(text, page.rule),
                weak => said.filter(|_| is_new),
                refused => said.filter(|_| !is_new),
            },
        )
    }
}
