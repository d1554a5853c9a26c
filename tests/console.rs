//! The console, as a browser without scripts sees it.

#![allow(missing_docs, clippy::unwrap_used, clippy::format_push_string)]

#[path = "console/applications.rs"]
mod applications;
#[path = "console/attacks.rs"]
mod attacks;
#[path = "support/authority.rs"]
mod authority;
#[path = "console/branding.rs"]
mod branding;
#[path = "console/device.rs"]
mod device;
#[path = "support/dns.rs"]
mod dns;
#[path = "console/drafts.rs"]
mod drafts;
#[path = "console/grants.rs"]
mod grants;
#[path = "console/keys.rs"]
mod keys;
#[path = "console/languages.rs"]
mod languages;
#[path = "console/languages_walk.rs"]
mod languages_walk;
#[path = "console/log.rs"]
mod log;
#[path = "console/login.rs"]
mod login;
#[path = "support/mail.rs"]
mod mail_settings;
#[path = "console/messages.rs"]
mod messages;
#[path = "console/once.rs"]
mod once;
#[path = "console/people.rs"]
mod people;
#[path = "console/policy.rs"]
mod policy;
#[path = "console/roles.rs"]
mod roles;
#[path = "console/second_factor.rs"]
mod second_factor;
#[path = "console/sessions.rs"]
mod sessions;
#[path = "console/setup.rs"]
mod setup;
mod support;
#[path = "console/through.rs"]
mod through;
#[path = "console/ways.rs"]
mod ways;
#[path = "console/wizard.rs"]
mod wizard;

use mock_idp::MailCatcher;
use reqwest::{Method, StatusCode};
use support::{Browser, Page, World};

pub const PASSWORD: &str = "correct horse battery";

/// A browser in which an operator is logged in.
pub struct Op<'w> {
    pub world: &'w World,
    pub browser: Browser,
    pub csrf: String,
}

/// A broker that can send mail, and the account `acme`.
pub async fn world_with_mail() -> (World, MailCatcher) {
    let mail = MailCatcher::start("127.0.0.1:0".parse().unwrap());
    let mail = mail.await.unwrap();
    let settings = mail_settings::settings(mail.url());
    let world = World::with(|config| config.mail = Some(settings)).await;
    world.account("acme").await;
    (world, mail)
}

/// A form of the console, with its origin.
pub async fn form(
    world: &World,
    browser: &mut Browser,
    path: &str,
    fields: &[(&str, &str)],
) -> Page {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", world.origin.as_str()),
    ];
    let url = format!("{}{path}", world.origin);
    let page = browser.send(Method::POST, &url, &headers, Some(body)).await;
    readable(page)
}

/// Slashes are escaped too, and in the way of whoever looks for an address.
fn readable(mut page: Page) -> Page {
    page.body = page.body.replace("&#x2f;", "/");
    page
}

/// The first operator's link.
pub async fn ticket(world: &World) -> String {
    let link = world.broker.first_operator().await.unwrap().unwrap();
    link.split_once("ticket=").unwrap().1.to_owned()
}

impl<'w> Op<'w> {
    /// The first operator, by the link that `serve` prints.
    pub async fn first(world: &'w World) -> Self {
        let ticket = ticket(world).await;
        let mut browser = Browser::new();
        let fields = [
            ("ticket", ticket.as_str()),
            ("name", "Ada"),
            ("email", "Ada@Example.test"),
            ("password", PASSWORD),
        ];
        let page = form(world, &mut browser, "/admin/welcome", &fields).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
        Self::with(world, browser).await
    }

    /// The first operator again, in another browser.
    pub async fn with_password(world: &'w World) -> Self {
        let mut browser = Browser::new();
        let fields = [("email", "ada@example.test"), ("password", PASSWORD)];
        form(world, &mut browser, "/admin/login", &fields).await;
        Self::with(world, browser).await
    }

    pub async fn with(world: &'w World, mut browser: Browser) -> Self {
        let page = browser.get(format!("{}/admin/", world.origin)).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let csrf = page.body.split("name=\"csrf\" value=\"").nth(1).unwrap();
        Self {
            world,
            csrf: csrf.split('"').next().unwrap().to_owned(),
            browser,
        }
    }

    pub async fn get(&mut self, path: &str) -> Page {
        let url = format!("{}{path}", self.world.origin);
        readable(self.browser.get(url).await)
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = self.csrf.clone();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        form(self.world, &mut self.browser, path, &all).await
    }

    /// Posts, says that it is meant where that is asked, and follows the redirect that must come.
    pub async fn done(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let mut page = self.post(path, fields).await;
        if page.shows("name=\"confirmed\"") {
            let meant = [("confirmed", "yes"), ("understood", "yes")];
            page = self.post(path, &[fields, &meant].concat()).await;
        }
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}: {}", page.body);
        readable(self.browser.follow(page).await)
    }
}
