//! `vestibule message`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::Global;
use super::account::{query, segment};
use super::api::{Api, RequestBody, or_null};
use super::output::{Most, show, table};

#[derive(Debug, Subcommand)]
pub(super) enum Message {
    /// Show who an account's messages are from, and which texts are its own
    Show {
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Choose who an account's messages are from, as in `Acme <login@acme.example>`; empty: the broker's sender
    From {
        /// The sender
        sender: String,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// Give a message the account's own text
    Set {
        #[command(flatten)]
        which: Which,
        /// Its subject, a template
        #[arg(long)]
        subject: String,
        /// A file with its plain text, a template
        #[arg(long, value_name = "FILE")]
        text: PathBuf,
        /// A file with its HTML, a template; plain text alone unless given
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// Give a message the bundled text again
    Reset {
        #[command(flatten)]
        which: Which,
    },
    /// Show a message as people get it, with made-up values
    Preview {
        #[command(flatten)]
        which: Which,
    },
    /// Send a message with made-up values
    Sample {
        /// Whom it goes to
        to: String,
        #[command(flatten)]
        which: Which,
    },
    /// Note that a message came back after the mail server took it
    Bounced {
        /// Whom it went to: the last one, unless `--message-id` says which
        #[arg(required_unless_present_any = ["message_id", "notification"])]
        to: Option<String>,
        /// Its `Message-ID`
        #[arg(long)]
        message_id: Option<String>,
        /// Why it came back, in the mail server's words
        #[arg(long, required_unless_present = "notification")]
        why: Option<String>,
        /// A file with the delivery status notification (RFC 3464) that says all of it, `-`
        /// for the standard input: so a mail server can hand bounces on
        #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "message_id", "why"])]
        notification: Option<PathBuf>,
        /// The account
        #[arg(long)]
        account: String,
    },
    /// List what became of the messages of the last week, the newest first
    Deliveries {
        /// The account
        #[arg(long)]
        account: String,
        /// Only those to this address
        #[arg(long)]
        to: Option<String>,
        #[command(flatten)]
        most: Most,
    },
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// The account
    #[arg(long)]
    account: String,
    /// The message: `access_key` or `password_changed`
    #[arg(long, default_value = "access_key")]
    kind: String,
    /// The language: `en`, `pt-BR` or `es`
    #[arg(long, default_value = "en")]
    lang: String,
}

fn at(account: &str, rest: &str) -> String {
    format!("/accounts/{}/{rest}", segment(account))
}

impl Message {
    pub async fn run(self, global: &Global) -> anyhow::Result<()> {
        Api::with(global, async |api| self.call(api, global.json).await).await
    }

    async fn call(self, api: &mut Api, json: bool) -> anyhow::Result<()> {
        match self {
            Self::Show { account } => {
                let found = api
                    .send(Method::GET, &at(&account, "messages"), None)
                    .await?;
                let found = found.unwrap_or_default();
                if json {
                    show(json, &found);
                    return Ok(());
                }
                println!("from  {}\n", super::output::text(&found["from"]));
                let texts = found["texts"].as_array().cloned().unwrap_or_default();
                table(json, &texts, &["kind", "lang", "own", "subject"]);
            }
            Self::From { sender, account } => {
                change(api, &account, &json!({ "from": or_null(sender) })).await?;
                if !json {
                    println!("the sender is saved");
                }
            }
            Self::Set {
                which,
                subject,
                text,
                html,
            } => {
                let read = |file: PathBuf| {
                    std::fs::read_to_string(&file)
                        .with_context(|| format!("{} cannot be read", file.display()))
                };
                let template = json!({
                    "subject": subject,
                    "text": read(text)?,
                    "html": html.map(read).transpose()?,
                });
                set(api, &which, template).await?;
                if !json {
                    println!("the text is saved");
                }
            }
            Self::Reset { which } => {
                set(api, &which, Value::Null).await?;
                if !json {
                    println!("the text is the bundled one");
                }
            }
            Self::Preview { which } => {
                let body = json!({ "kind": which.kind, "lang": which.lang });
                let path = at(&which.account, "messages/preview");
                let made = api
                    .send(Method::POST, &path, Some(RequestBody::json(&body)))
                    .await?
                    .unwrap_or_default();
                if json {
                    show(json, &made);
                } else {
                    let text = made["text"].as_str().unwrap_or_default();
                    println!("{}\n\n{text}", made["subject"].as_str().unwrap_or_default());
                }
            }
            Self::Sample { to, which } => {
                let body = json!({ "to": to, "kind": which.kind, "lang": which.lang });
                let path = at(&which.account, "messages/sample");
                api.send(Method::POST, &path, Some(RequestBody::json(&body)))
                    .await?;
                if !json {
                    println!(
                        "it is on its way; `vestibule message deliveries` says what becomes of it"
                    );
                }
            }
            Self::Bounced {
                to,
                message_id,
                why,
                notification,
                account,
            } => {
                let body = match notification {
                    Some(file) => json!({ "notification": read_message(&file)? }),
                    None => json!({ "to": to, "message_id": message_id, "why": why }),
                };
                note(api, &account, &body, json).await?;
            }
            Self::Deliveries { account, to, most } => {
                let path = query(at(&account, "deliveries"), [("to", to.as_deref())]);
                let found = api.part(&path, &most).await?;
                let columns = ["taken_at", "to", "kind", "state", "attempts", "why"];
                found.print(json, &columns);
            }
        }
        Ok(())
    }
}

/// Notes that a message came back.
async fn note(api: &mut Api, account: &str, body: &Value, json: bool) -> anyhow::Result<()> {
    let path = at(account, "deliveries/bounces");
    let noted = api
        .send(Method::POST, &path, Some(RequestBody::json(body)))
        .await?;
    if json {
        show(json, &noted.unwrap_or_default());
    } else {
        println!("noted; `vestibule message deliveries` shows it");
    }
    Ok(())
}

/// A message as it came, which need not be UTF-8.
fn read_message(file: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes)?;
    } else {
        bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn set(api: &mut Api, which: &Which, template: Value) -> anyhow::Result<()> {
    let text = json!({ "kind": which.kind, "lang": which.lang, "template": template });
    change(api, &which.account, &json!({ "texts": [text] })).await
}

async fn change(api: &mut Api, account: &str, body: &Value) -> anyhow::Result<()> {
    let body = Some(RequestBody::json(body));
    api.send(Method::PATCH, &at(account, "messages"), body)
        .await?;
    Ok(())
}
