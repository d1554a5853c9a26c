//! The page with the ways to sign in.

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::look::{self, Style};
use super::messages::fill;
use super::{
    Block, Choice, EmailForm, Icon, Lang, LangLink, Look, Notice, Page, Pages, lang_links,
};
use crate::base::ErrorCode;

#[derive(Serialize)]
struct Button<'a> {
    label: String,
    initial: String,
    icon: Option<Icon>,
    href: &'a str,
    last_used: bool,
}

impl Pages {
    /// The ways to sign in, in the order of `blocks`. `langs` are the same page's
    /// addresses in the languages to choose from, the present one included.
    pub fn login(
        &self,
        look: &Look,
        lang: Lang,
        blocks: &[Block],
        notice: Option<Notice>,
        langs: &[LangLink],
    ) -> Page {
        let text = &self.messages(lang).page;
        let heading = match look.name() {
            Some(name) => fill(&text.sign_in_to, "account", name),
            None => text.sign_in.clone(),
        };
        let notice = notice.map(|notice| match notice {
            Notice::SessionEnded => text.notice_session_ended.as_str(),
            Notice::Cancelled => text.notice_cancelled.as_str(),
        });
        let forms: Vec<&EmailForm> = blocks.iter().filter_map(Block::form).collect();
        let style = Style::new(look).with_logo();
        let style = if forms.iter().any(|form| form.to_application || form.first) {
            // An email may lead to any provider.
            style.with_any_form()
        } else if forms.is_empty() {
            style
        } else {
            let all = forms.iter().flat_map(|form| form.redirects.clone());
            style.with_form(&all.collect::<Vec<_>>())
        };
        // Choices alone need a sentence above them.
        let choose = matches!(blocks, [Block::Choices(choices)] if choices.len() > 1);
        let blocks: Vec<Value> = blocks
            .iter()
            .map(|block| match block {
                Block::Email(form) => context! { form => self.form(lang, form) },
                Block::Choices(choices) => {
                    let buttons = choices.iter().map(|choice| self.button(lang, choice));
                    context! { form => (), buttons => Serde(buttons.collect::<Vec<_>>()) }
                }
            })
            .collect();
        self.page(
            "providers.html",
            lang,
            &style,
            &heading,
            context! {
                heading => heading.as_str(),
                notice,
                choose,
                blocks,
                links => Serde(lang_links(langs, lang)),
            },
        )
    }

    fn button<'a>(&self, lang: Lang, choice: &'a Choice) -> Button<'a> {
        let text = &self.messages(lang).page.continue_with;
        Button {
            label: fill(text, "provider", &choice.name),
            initial: look::initial(&choice.name),
            icon: choice.icon,
            href: &choice.href,
            last_used: choice.last_used,
        }
    }

    fn form(&self, lang: Lang, form: &EmailForm) -> Value {
        let messages = self.messages(lang);
        let bad = form.wrong == Some(ErrorCode::RequestBad);
        let refused = form.wrong.filter(|_| !bad).map(|why| {
            let said = messages.error(why);
            format!("{} {}", said.text, said.next)
        });
        context! {
            codes => form.codes,
            password => form.password,
            forgot => form.forgot,
            first => form.first,
            last_used => form.last_used,
            refused,
            action => form.action.as_str(),
            return_to => form.return_to.as_str(),
            email => form.email.as_str(),
            wrong => bad.then_some(&messages.page.email_wrong),
        }
    }
}

impl Block {
    fn form(&self) -> Option<&EmailForm> {
        match self {
            Self::Email(form) => Some(form),
            Self::Choices(_) => None,
        }
    }
}
