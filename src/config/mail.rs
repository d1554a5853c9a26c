//! The section `[mail]`.

use lettre::message::Mailbox;
use url::Url;

use super::file::MailSection;
use super::load::Check;
use super::{Mail, MailTls};
use crate::base::Secret;

const EXAMPLE: &str =
    "write it as in `smtp://localhost:25` or `smtp+starttls://user@mail.platform.test:587`";

impl Check<'_> {
    pub(super) fn mail(&mut self, set: &MailSection) -> Option<Mail> {
        let Some(text) = set.url.as_deref().filter(|text| !text.is_empty()) else {
            if set.from.is_some() || set.password.is_some() {
                self.error("mail.url", "is needed to send mail", EXAMPLE);
            }
            return None;
        };
        let from = self.sender(set.from.as_deref());
        let password = self.secret("mail.password", set.password.as_ref());
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(error) => {
                self.error("mail.url", format!("is not a URL: {error}"), EXAMPLE);
                return None;
            }
        };
        let (tls, port) = match url.scheme() {
            "smtp" => (MailTls::None, 25),
            "smtp+starttls" => (MailTls::StartTls, 587),
            "smtps" => (MailTls::Implicit, 465),
            other => {
                let message = format!("`{other}` is not a way to reach a mail server");
                self.error("mail.url", message, EXAMPLE);
                return None;
            }
        };
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            self.error("mail.url", "has no host", EXAMPLE);
            return None;
        };
        let user = percent_decoded(url.username());
        let inline = url.password().map(percent_decoded).map(Secret::new);
        let credentials = match (user.is_empty(), password.or(inline)) {
            (true, None) => None,
            (false, Some(password)) => Some((user, password)),
            (true, Some(_)) => {
                self.error("mail.url", "has a password but no user", EXAMPLE);
                None
            }
            (false, None) => {
                self.error(
                    "mail.password",
                    "is needed for the user in `mail.url`",
                    "write `password = { env = \"NAME\" }`",
                );
                None
            }
        };
        Some(Mail {
            // An IPv6 address stands in brackets in a URL alone.
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(port),
            tls,
            credentials,
            from: from?,
        })
    }

    fn sender(&mut self, text: Option<&str>) -> Option<Mailbox> {
        let example = "write it as in `login@platform.test` or `Platform <login@platform.test>`";
        let Some(text) = text else {
            self.error("mail.from", "is needed to send mail", example);
            return None;
        };
        match text.parse() {
            Ok(mailbox) => Some(mailbox),
            Err(_) => {
                self.error("mail.from", format!("`{text}` is not an address"), example);
                None
            }
        }
    }
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}
