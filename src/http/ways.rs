//! The ways to log in on the login's page: which there are, in which order, and the one
//! that was last used on this device.

use std::fmt::Write as _;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

use super::cookies::{self, Kind};
use super::pages::{Block, Choice, EmailForm, Icon, Lang, LangLink};
use super::site::{Site, html};
use super::status::status;
use super::{App, failure};
use crate::account::StoreFront;
use crate::base::{AccountId, LoginMethod};
use crate::login::{LoginError, ReturnTo, Step};
use crate::session::Session;

/// For how long a device keeps how somebody last logged in on it.
const REMEMBERED: Duration = Duration::from_secs(365 * 24 * 3600);

/// The field for an email on the login's page.
#[derive(Default)]
pub(super) struct EmailField<'a> {
    /// What stands in it.
    pub typed: &'a str,
    /// Why it comes again.
    pub wrong: Option<&'a LoginError>,
    /// Whether it was asked for already, so that the ways follow where the account
    /// wants the email first.
    pub known: bool,
}

/// A way to log in, and its name where it is a provider.
struct OneWay {
    method: LoginMethod,
    name: String,
}

/// All ways that are on, in the account's order.
async fn all(app: &App, site: &Site) -> Result<Vec<OneWay>, LoginError> {
    let own = |method| OneWay {
        method,
        name: String::new(),
    };
    let account = &site.account;
    let mut ways = Vec::new();
    if account.login.password {
        ways.push(own(LoginMethod::Password));
    }
    if site.takes_codes(app) {
        ways.push(own(LoginMethod::AccessKey));
    }
    let mappings = app.logins.mappings.list(&account.id).await;
    let mappings = mappings.map_err(Step::Start.store())?;
    let on = mappings
        .into_iter()
        .map(|mapping| mapping.value)
        .filter(|mapping| account.login.ways.is_on(&mapping.provider));
    ways.extend(on.map(|mapping| OneWay {
        method: LoginMethod::Provider(mapping.provider),
        name: mapping.name,
    }));
    account.login.ways.sort(&mut ways, |way| way.method.clone());
    Ok(ways)
}

/// The way that was last used on this device.
fn last_used(app: &App, site: &Site, headers: &HeaderMap) -> Option<LoginMethod> {
    let cookie = site.cookie(app, headers, Kind::Used).ok()??;
    cookie.parse().ok()
}

/// What leads from the page to it in another form: query parameters that stay.
fn rest(site: &Site, return_to: &ReturnTo) -> String {
    let mut rest = format!("&return_to={}", failure::encode(return_to.as_str()));
    if let Some(hint) = site.query.get("login_hint") {
        let _ = write!(rest, "&login_hint={}", failure::encode(hint));
    }
    rest.push_str(&site.others());
    rest
}

/// The page with the ways to log in, or with the field for the email before them.
pub(super) async fn login_page(
    app: &App,
    site: &Site,
    headers: &HeaderMap,
    return_to: &ReturnTo,
    email: EmailField<'_>,
) -> Result<Response, LoginError> {
    let mut ways = all(app, site).await?;
    let used = last_used(app, site, headers);
    let rest = rest(site, return_to);
    let asks_first = site.account.login.ways.email_first && !email.known;
    let forms = Forms {
        app,
        site,
        return_to,
        email: &email,
    };
    let mut blocks = Vec::new();
    if asks_first {
        blocks.push(Block::Email(forms.first()));
        // Who logged in through a provider here before need not type anything.
        ways.retain(|way| way.method.provider().is_some() && Some(&way.method) == used.as_ref());
    }
    // What was used here before comes first.
    ways.sort_by_key(|way| Some(&way.method) != used.as_ref());
    for (at, way) in ways.iter().enumerate() {
        let last_used = Some(&way.method) == used.as_ref();
        match &way.method {
            LoginMethod::Provider(id) => {
                let choice = Choice {
                    href: format!("login?provider={id}{rest}"),
                    icon: Icon::of(id.as_str()),
                    name: way.name.clone(),
                    last_used,
                };
                match blocks.last_mut() {
                    Some(Block::Choices(choices)) => choices.push(choice),
                    _ => blocks.push(Block::Choices(vec![choice])),
                }
            }
            // One form for both, where a password comes first: who presses Enter
            // means the password.
            LoginMethod::AccessKey if at > 0 && ways[at - 1].method == LoginMethod::Password => {
                if let Some(Block::Email(form)) = blocks.last_mut() {
                    form.codes = true;
                }
            }
            own => blocks.push(Block::Email(forms.of(own, last_used))),
        }
    }
    let languages = Lang::ALL.map(|lang| LangLink {
        lang,
        href: format!("login?lang={}{rest}", lang.tag()),
    });
    let page = app
        .pages
        .login(&site.look(), site.lang, &blocks, None, &languages);
    let status = email.wrong.map_or(StatusCode::OK, |why| status(why.code()));
    Ok(html(status, page))
}

/// What the forms of the page have in common.
struct Forms<'a> {
    app: &'a App,
    site: &'a Site,
    return_to: &'a ReturnTo,
    email: &'a EmailField<'a>,
}

impl Forms<'_> {
    fn bare(&self) -> EmailForm {
        let (app, site) = (self.app, self.site);
        EmailForm {
            action: format!("login?lang={}", site.lang.tag()),
            return_to: self.return_to.as_str().to_owned(),
            email: self.email.typed.to_owned(),
            to_application: self
                .return_to
                .waiting_token(&app.logins.public_url)
                .is_some(),
            ..EmailForm::default()
        }
    }

    /// The field for the email alone.
    fn first(&self) -> EmailForm {
        EmailForm {
            first: true,
            wrong: self.email.wrong.map(LoginError::code),
            ..self.bare()
        }
    }

    /// The form of a method of our own. What was wrong stands at the form for it.
    fn of(&self, method: &LoginMethod, last_used: bool) -> EmailForm {
        let password = *method == LoginMethod::Password;
        let stores = self.site.account.stores.iter();
        let about_email = matches!(self.email.wrong, Some(LoginError::AddressInvalid));
        let wrong = self.email.wrong.filter(|_| password || about_email);
        EmailForm {
            codes: !password,
            password,
            forgot: password && self.site.sets_passwords(self.app),
            wrong: wrong.map(LoginError::code),
            redirects: if password {
                stores.map(StoreFront::home).collect()
            } else {
                Vec::new()
            },
            last_used,
            ..self.bare()
        }
    }
}

/// Remembers on the device which way was used.
pub(super) fn used(account: &AccountId, store: &StoreFront, session: &Session) -> HeaderValue {
    let way = session.method.as_str();
    cookies::set(Kind::Used, account, store, way, REMEMBERED)
}
