//! The operator's mail server (RFC 5321), the only user of `lettre`'s transport.

use std::time::Duration;

use lettre::message::{Mailbox, MultiPart, header};
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::template::Rendered;
use crate::config::{Mail, MailTls};

/// For one command of the dialogue.
const TIMEOUT: Duration = Duration::from_secs(10);
/// For one message with everything.
const DEADLINE: Duration = Duration::from_secs(45);
/// Connections at once, and how long an idle one is kept.
const CONNECTIONS: u32 = 4;
const IDLE: Duration = Duration::from_secs(60);

/// What the mail server said to a message.
#[derive(Debug)]
pub(super) enum Answer {
    /// It has it.
    Taken,
    /// Never (5yz).
    Refused(String),
    /// Not this message now (4yz).
    Later(String),
    /// Nothing now: it could not be reached, or closes down (421).
    Down(String),
}

pub(super) struct Smtp(AsyncSmtpTransport<Tokio1Executor>);

impl Smtp {
    pub fn new(settings: &Mail) -> Result<Self, String> {
        let parameters = || {
            TlsParameters::new(settings.host.clone())
                .map_err(|error| format!("TLS to the mail server cannot be set up: {error}"))
        };
        let tls = match settings.tls {
            MailTls::None => Tls::None,
            MailTls::StartTls => Tls::Required(parameters()?),
            MailTls::Implicit => Tls::Wrapper(parameters()?),
        };
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host.as_str())
                .port(settings.port)
                .tls(tls)
                .timeout(Some(TIMEOUT))
                .pool_config(PoolConfig::new().max_size(CONNECTIONS).idle_timeout(IDLE));
        if let Some((user, password)) = &settings.credentials {
            let password = password.expose().to_owned();
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self(builder.build()))
    }

    pub async fn send(&self, from: &Mailbox, to: &Address, text: &Rendered, id: &str) -> Answer {
        let message = match message(from, to, text, id) {
            Ok(message) => message,
            Err(why) => return Answer::Refused(why),
        };
        match tokio::time::timeout(DEADLINE, self.0.send(message)).await {
            Ok(Ok(_)) => Answer::Taken,
            Ok(Err(error)) if error.is_permanent() => Answer::Refused(words(&error)),
            Ok(Err(error)) => match error.status() {
                Some(code) if code.to_string() != "421" => Answer::Later(words(&error)),
                _ => Answer::Down(words(&error)),
            },
            Err(_) => Answer::Down("the mail server did not answer in time".to_owned()),
        }
    }
}

/// The mail server's own words, short and on one line.
fn words(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        text = format!("{text}: {cause}");
    }
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect()
}

/// The message as it is sent: text, and HTML where there is one.
pub(super) fn message(
    from: &Mailbox,
    to: &Address,
    text: &Rendered,
    id: &str,
) -> Result<Message, String> {
    let builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(text.subject.as_str())
        .message_id(Some(format!("<{id}>")))
        // RFC 3834 §5: nobody's holiday note needs to answer.
        .header(AutoSubmitted);
    let built = match &text.html {
        Some(html) => builder.multipart(MultiPart::alternative_plain_html(
            text.text.clone(),
            html.clone(),
        )),
        None => builder
            .header(header::ContentType::TEXT_PLAIN)
            .body(text.text.clone()),
    };
    built.map_err(|error| error.to_string())
}

/// `Auto-Submitted: auto-generated`
#[derive(Clone)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
