//! What an application asks for: the question, and the page for a device's code.

use minijinja::context;
use minijinja::value::Serde;

use super::look::Style;
use super::messages::{PageText, fill};
use super::{Lang, LangLink, Look, Page, Pages, lang_links};
use crate::authority::scope;

/// What an application asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// The application's name.
    pub application: String,
    /// Who is asked: an email address.
    pub user: String,
    /// The scopes it asks for.
    pub scopes: Vec<String>,
    /// The code that the device shows, where a device asks.
    pub user_code: Option<String>,
    /// Where the answer is posted.
    pub action: String,
    /// Kept in hidden fields.
    pub fields: Vec<(&'static str, String)>,
    /// Whether the answer leads to the application's page.
    pub elsewhere: bool,
}

/// What was wrong with the code that was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceWrong {
    /// Nothing waits for it.
    Unknown,
    /// Too many were wrong.
    TooMany,
}

/// The page for a device's code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DevicePage {
    /// What stands in the field.
    pub user_code: String,
    /// Why the page comes again.
    pub wrong: Option<DeviceWrong>,
    /// The page in each language.
    pub langs: Vec<LangLink>,
}

/// How it ended for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceEnd {
    /// It gets what it asked for.
    Connected,
    /// It gets nothing.
    Refused,
}

impl Pages {
    /// "Shop asks for access": what for, and who is asked.
    pub fn ask(&self, look: &Look, lang: Lang, ask: &Ask) -> Page {
        let text = &self.messages(lang).page;
        let style = Style::new(look).with_logo();
        let style = if ask.elsewhere {
            style.with_any_form()
        } else {
            style.with_form(&[])
        };
        let heading = fill(&text.consent_title, "application", &ask.application);
        let check = ask
            .user_code
            .as_ref()
            .map(|code| fill(&text.consent_device, "code", code));
        let gets: Vec<String> = ask.scopes.iter().map(|scope| said(text, scope)).collect();
        let fields: Vec<_> = ask
            .fields
            .iter()
            .map(|(name, value)| context! { name => *name, value => value.as_str() })
            .collect();
        self.page(
            "ask.html",
            lang,
            &style,
            &heading,
            context! {
                heading => heading.as_str(),
                user => fill(&text.signed_in_as, "user", &ask.user),
                check,
                gets,
                fields,
                action => ask.action.as_str(),
            },
        )
    }

    /// What a program is called that waits on the person's own computer.
    pub fn program_at(&self, lang: Lang, address: &str) -> String {
        fill(&self.messages(lang).page.program_at, "address", address)
    }

    /// The page where people type the code that a device shows.
    pub fn device(&self, lang: Lang, page: &DevicePage) -> Page {
        let text = &self.messages(lang).page;
        let look = Look::default();
        // The answer may be the login of an account, which leads to its provider.
        let style = Style::new(&look).with_any_form();
        let wrong = page.wrong.map(|wrong| match wrong {
            DeviceWrong::Unknown => text.device_wrong.as_str(),
            DeviceWrong::TooMany => text.device_wait.as_str(),
        });
        self.page(
            "device.html",
            lang,
            &style,
            &text.device_title,
            context! {
                user_code => page.user_code.as_str(),
                wrong,
                links => Serde(lang_links(&page.langs, lang)),
            },
        )
    }

    /// What became of a device's request.
    pub fn device_end(&self, look: &Look, lang: Lang, end: DeviceEnd) -> Page {
        let text = &self.messages(lang).page;
        let (title, said) = match end {
            DeviceEnd::Connected => (&text.device_done, &text.device_done_text),
            DeviceEnd::Refused => (&text.device_refused, &text.device_refused_text),
        };
        let style = Style::new(look).with_logo();
        let body = context! { heading => title.as_str(), said => said.as_str() };
        self.page("device_end.html", lang, &style, title, body)
    }
}

/// An application that somebody allowed something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Its client id.
    pub client_id: String,
    /// Its name.
    pub application: String,
    /// What they allowed.
    pub scopes: Vec<String>,
}

impl Pages {
    /// What somebody allowed, with an end to each.
    pub fn allowed(&self, look: &Look, lang: Lang, user: &str, all: &[Allowed]) -> Page {
        let text = &self.messages(lang).page;
        let style = Style::new(look).with_logo().with_form(&[]);
        let all: Vec<_> = all
            .iter()
            .map(|one| {
                let gets: Vec<String> = one.scopes.iter().map(|scope| said(text, scope)).collect();
                context! {
                    client_id => one.client_id.as_str(),
                    name => one.application.as_str(),
                    withdraw => fill(&text.withdraw, "application", &one.application),
                    gets,
                }
            })
            .collect();
        self.page(
            "allowed.html",
            lang,
            &style,
            &text.allowed_title,
            context! {
                user => fill(&text.signed_in_as, "user", user),
                action => format!("applications?lang={}", lang.tag()),
                all,
            },
        )
    }
}

/// What a scope gives, as people read it.
fn said(text: &PageText, name: &str) -> String {
    match name {
        scope::OPENID => text.scope_openid.clone(),
        scope::PROFILE => text.scope_profile.clone(),
        scope::EMAIL => text.scope_email.clone(),
        scope::ADDRESS => text.scope_address.clone(),
        scope::PHONE => text.scope_phone.clone(),
        scope::OFFLINE_ACCESS => text.scope_offline.clone(),
        other => fill(&text.scope_other, "scope", other),
    }
}
