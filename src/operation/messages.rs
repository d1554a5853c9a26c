//! Messages to the people of an account: who they are from, what they say, and what
//! became of them.

use std::cmp::Reverse;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::accounts::{edit, given};
use super::{
    Access, Caller, Changed, Condition, Done, Entry, Found, OperationError, Operations, Outcome,
    Page, Paging,
};
use crate::account::Account;
use crate::base::{ErrorCode, Lang};
use crate::mail::template::{Kind, Template, Values};
use crate::mail::{self, Delivery, Letter, MailError};
use crate::provider::email;

/// The most that an account's own texts may have in all, in bytes.
const MOST: usize = 96 << 10;
/// How many deliveries are listed in all.
const MOST_DELIVERIES: usize = 10_000;
/// How long a sample is of use to who asked for it.
const SAMPLE_LIFETIME: Duration = Duration::from_secs(600);
/// The colour of messages of accounts that chose none.
const COLOR: &str = "#3a4a8f";

/// Messages to the people of an account.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Messages")]
pub struct MessagesView {
    /// Who they are from; `null`: the broker's own sender.
    pub from: Option<String>,
    /// What they say, each in each language.
    pub texts: Vec<TextView>,
}

/// What one message says in one language.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MessageText")]
pub struct TextView {
    /// Which message.
    pub kind: Kind,
    /// In which language.
    pub lang: Lang,
    /// Whether it is the account's own; the bundled one otherwise.
    pub own: bool,
    /// Its templates.
    #[serde(flatten)]
    pub template: Template,
}

/// What changes in the messages of an account; what is absent stays.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MessagesChange {
    /// Who they are from, as in `Acme <login@acme.example>`; `null`: the broker's own
    /// sender. It takes who administers all accounts to change it.
    #[serde(default, deserialize_with = "given")]
    #[schemars(with = "Option<String>")]
    pub from: Option<Option<String>>,
    /// Texts that become these.
    #[serde(default)]
    pub texts: Vec<TextChange>,
}

/// A text that becomes another.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextChange {
    /// Which message.
    pub kind: Kind,
    /// In which language.
    pub lang: Lang,
    /// Its templates; without them it is the bundled one again.
    pub template: Option<Template>,
}

/// Which message to see.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Which message.
    pub kind: Kind,
    /// In which language.
    pub lang: Lang,
    /// Templates to try; the account's unless given.
    pub template: Option<Template>,
}

/// A message with made-up values.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Preview {
    /// Who it is from; `null`: the broker's own sender.
    pub from: Option<String>,
    /// Its subject.
    pub subject: String,
    /// Its plain text.
    pub text: String,
    /// Its HTML.
    pub html: Option<String>,
}

/// Whom a sample goes to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleTo {
    /// The address.
    pub to: String,
    /// Which message.
    pub kind: Kind,
    /// In which language.
    pub lang: Lang,
}

/// Which deliveries.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliveryQuery {
    /// Only those to this address.
    pub to: Option<String>,
    /// The `next` of the page before.
    pub after: Option<String>,
    /// How many at most, the newest first; 100 unless given.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<usize>,
}

/// A message that came back after the mail server took it, as a mail service reports it
/// or a delivery status notification says (RFC 3464).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BounceReport {
    /// Its `Message-ID`, with brackets or without.
    pub message_id: Option<String>,
    /// Whom it went to: the last one to this address, unless `message_id` says which.
    pub to: Option<String>,
    /// Why it came back, in the mail server's words. Needed unless `notification` says it.
    pub why: Option<String>,
    /// The delivery status notification as it came, in place of all other members.
    pub notification: Option<String>,
}

/// What became of a message.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
pub struct DeliveryView {
    /// Which message it was.
    pub kind: String,
    /// Whom it went to.
    pub to: String,
    /// Its `Message-ID`, without brackets.
    pub message_id: String,
    /// When it was taken (RFC 3339).
    pub taken_at: String,
    /// `waiting`, `sent`, `bounced` or `too_late`.
    pub state: String,
    /// The mail server's words, where it did not take it.
    pub why: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        Self {
            state: delivery.outcome.name().to_owned(),
            why: delivery.outcome.why().map(str::to_owned),
            kind: delivery.kind,
            to: delivery.to,
            message_id: delivery.message_id,
            taken_at: delivery.taken_at.rfc3339(),
            attempts: delivery.attempts,
        }
    }
}

fn view(account: &Account) -> MessagesView {
    let messages = &account.login.messages;
    let mut texts = Vec::new();
    for kind in Kind::ALL {
        for lang in Lang::ALL {
            let own = messages.texts.get(&kind);
            texts.push(TextView {
                kind,
                lang,
                own: own.is_some_and(|texts| texts.contains_key(&lang)),
                template: Template::of(&messages.texts, kind, lang),
            });
        }
    }
    MessagesView {
        from: messages.from.clone(),
        texts,
    }
}

/// The messages of an account.
pub async fn show(ops: &Operations, caller: &Caller, id: &str) -> Outcome<Found<MessagesView>> {
    let found = ops.account(caller, Access::Read, id).await?;
    Ok(Found::of(found, |account| view(&account)))
}

/// Changes who messages are from, or what they say.
pub async fn change(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    change: MessagesChange,
    when: &Condition,
) -> Outcome<Changed<MessagesView>> {
    if change.from.is_some() {
        // Mail servers trust the broker with more senders than one account's.
        caller.check_broker(Access::Write)?;
    }
    let changed = edit(ops, caller, id, when, "message.change", |account| {
        apply(account, change)
    })
    .await?;
    let found = ops.account(caller, Access::Read, id).await?;
    Ok(Changed {
        value: view(&found.value),
        tag: changed.tag,
        created: false,
    })
}

fn invalid(field: &'static str, why: impl ToString) -> OperationError {
    OperationError::invalid(ErrorCode::MessageInvalid, field, why)
}

fn apply(account: &mut Account, change: MessagesChange) -> Outcome<()> {
    let messages = &mut account.login.messages;
    if let Some(from) = change.from {
        if let Some(text) = from.as_deref().filter(|text| !mail::is_sender(text)) {
            let why = format!(
                "`{text}` is not a valid sender; write it as in `Acme <login@acme.example>`"
            );
            return Err(invalid("from", why));
        }
        messages.from = from;
    }
    for TextChange {
        kind,
        lang,
        template,
    } in change.texts
    {
        let texts = messages.texts.entry(kind).or_default();
        match template {
            Some(template) => {
                let place = format!("{} in `{}`", kind.name(), lang.tag());
                let told = |why| invalid("texts", format!("{place}: {why}"));
                template.check(kind).map_err(told)?;
                texts.insert(lang, template);
            }
            None => {
                texts.remove(&lang);
            }
        }
    }
    messages.texts.retain(|_, texts| !texts.is_empty());
    let size = |template: &Template| {
        let html = template.html.as_ref().map_or(0, String::len);
        template.subject.len() + template.text.len() + html
    };
    let all = messages.texts.values().flat_map(|texts| texts.values());
    if all.map(size).sum::<usize>() > MOST {
        let why = "all texts of an account have at most 96 KiB; link to images in place of including them";
        return Err(invalid("texts", why));
    }
    Ok(())
}

fn render(ops: &Operations, account: &Account, sample: &Sample, to: &str) -> Outcome<Preview> {
    let messages = &account.login.messages;
    let store = account.stores.first().map(|store| store.origin.clone());
    let logo = account.logo_at(ops.public_url.as_deref().unwrap_or_default());
    let values = Values {
        account: &account.name,
        store: store.as_deref().unwrap_or("https://www.acme.test"),
        email: to,
        logo_url: logo.as_deref(),
        color: account.color.as_deref().unwrap_or(COLOR),
        ..Values::sample()
    };
    let template = match &sample.template {
        Some(template) => {
            let told = |why| invalid("template", why);
            template.check(sample.kind).map_err(told)?;
            template.clone()
        }
        None => Template::of(&messages.texts, sample.kind, sample.lang),
    };
    let rendered = template
        .render(&values)
        .map_err(|why| invalid("template", why))?;
    Ok(Preview {
        from: messages.from.clone(),
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
    })
}

/// A message as people get it, with made-up values.
pub async fn preview(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    sample: Sample,
) -> Outcome<Preview> {
    let found = ops.account(caller, Access::Read, id).await?;
    render(ops, &found.value, &sample, Values::sample().email)
}

/// Sends a message with made-up values.
pub async fn send_sample(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    sample: SampleTo,
) -> Outcome<Done> {
    let found = ops.account(caller, Access::Write, id).await?;
    let account = found.value;
    let Some(serving) = &ops.serving else {
        let why = "no broker serves, so nothing is sent; try again with one that does";
        return Err(OperationError::new(ErrorCode::ServiceUnavailable, why));
    };
    let to = email::normalize(sample.to.trim())
        .map_err(|error| OperationError::invalid(ErrorCode::UserEmail, "to", error))?;
    if !ops.sends_mail {
        return Err(invalid("to", MailError::NotConfigured));
    }
    let (kind, lang) = (sample.kind, sample.lang);
    let shown = Sample {
        kind,
        lang,
        template: None,
    };
    let text = render(ops, &account, &shown, &to)?;
    let now = ops.clock.now();
    let logins = &serving.logins;
    logins
        .code_limits
        .begin_sample(&account.id, &email::key(&to), now)
        .await
        .map_err(|error| OperationError::new(error.code(), error.to_string()))?;
    let letter = Letter {
        account: account.id.clone(),
        to: to.clone(),
        kind: kind.name(),
        from: text.from,
        text: mail::template::Rendered {
            subject: text.subject,
            text: text.text,
            html: text.html,
        },
        useful_for: SAMPLE_LIFETIME,
    };
    logins
        .mail
        .send(letter)
        .await
        .map_err(|error| match error {
            MailError::Store(error) => error.into(),
            error => invalid("to", error),
        })?;
    let target = format!("/accounts/{}/messages", account.id);
    let entry = Entry::new("message.sample", target)
        .of(Some(&account.id))
        .after(&serde_json::json!({ "to": to, "kind": kind.name(), "lang": lang.tag() }));
    ops.commit(caller, entry, Vec::new()).await?;
    Ok(Done { tag: None })
}

/// What became of an account's messages of the last week, the newest first.
pub async fn deliveries(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    query: DeliveryQuery,
) -> Outcome<Page<DeliveryView>> {
    let account = ops.account(caller, Access::Read, id).await?.value.id;
    let (store, clock) = (ops.store.clone(), ops.clock.clone());
    let found =
        mail::deliveries(store, clock, &account, query.to.as_deref(), MOST_DELIVERIES).await?;
    let mut found: Vec<_> = found.into_iter().map(DeliveryView::from).collect();
    let place = |one: &DeliveryView| format!("{} {} {}", one.taken_at, one.kind, one.to);
    found.sort_by_cached_key(|one| Reverse(place(one)));
    // Two of one moment have places of their own.
    let mut placed: Vec<(String, DeliveryView)> = Vec::with_capacity(found.len());
    for one in found {
        let begins = place(&one);
        let same = placed.iter().rev();
        let same = same.take_while(|(other, _)| other.starts_with(&begins));
        placed.push((format!("{begins} {}", same.count()), one));
    }
    let paging = Paging {
        after: query.after,
        limit: query.limit,
    };
    let page = Page::of_all(placed, &paging, |(place, _)| place.clone())?;
    Ok(page.map(|(_, one)| one))
}

/// The longest reason that is kept.
const MOST_WHY: usize = 300;

/// What a report says, read out of the notification where it is one. A message that is
/// named by its id may have gone on to another address.
fn told(report: BounceReport) -> Outcome<BounceReport> {
    let Some(text) = &report.notification else {
        return Ok(report);
    };
    if report.message_id.is_some() || report.to.is_some() || report.why.is_some() {
        let why = "a notification says all of it: leave `message_id`, `to` and `why` out";
        return Err(invalid("notification", why));
    }
    let read = mail::report::read(text);
    let read = read.map_err(|error| invalid("notification", error))?;
    Ok(BounceReport {
        to: read.to.filter(|_| read.message_id.is_none()),
        message_id: read.message_id,
        why: Some(read.why),
        notification: None,
    })
}

/// Notes that a message came back. Said again, it stays as it was.
pub async fn bounced(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    report: BounceReport,
) -> Outcome<Changed<DeliveryView>> {
    let account = ops.account(caller, Access::Write, id).await?.value.id;
    let report = told(report)?;
    let trimmed = |text: Option<String>, around: &[char]| {
        let text = text.map(|text| text.trim_matches(around).to_owned());
        text.filter(|text| !text.is_empty())
    };
    let message = trimmed(report.message_id, &['<', '>', ' ']);
    let to = trimmed(report.to, &[' ']);
    if message.is_none() && to.is_none() {
        let why = "name the message by its `message_id`, or by whom it went `to`";
        return Err(invalid("message_id", why));
    }
    let why = report.why.unwrap_or_default();
    let words = why.chars().take(MOST_WHY);
    let why: String = words
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if why.trim().is_empty() {
        return Err(invalid("why", "say why the message came back"));
    }
    let is_meant = |one: &Delivery| {
        message.as_ref().is_none_or(|id| one.message_id == *id)
            && to.as_ref().is_none_or(|to| one.to.eq_ignore_ascii_case(to))
    };
    let (store, clock) = (ops.store.clone(), ops.clock.clone());
    let found = mail::last_that_left(store, clock, &account, is_meant).await?;
    let found = found.ok_or_else(|| OperationError::missing("message that was sent"))?;
    let before = found.1.value.clone();
    if matches!(before.outcome, mail::Outcome::Bounced { .. }) {
        return Ok(Changed {
            value: before.into(),
            tag: None,
            created: false,
        });
    }
    let after = Delivery {
        outcome: mail::Outcome::Bounced { why: why.clone() },
        ..before.clone()
    };
    let (before, after) = (DeliveryView::from(before), DeliveryView::from(after));
    let target = format!("/accounts/{account}/deliveries/{}", after.message_id);
    let entry = Entry::new("message.bounced", target)
        .of(Some(&account))
        .before(&before)
        .after(&after);
    ops.commit(caller, entry, mail::steps_bounced(found, why)?)
        .await?;
    Ok(Changed {
        value: after,
        tag: None,
        created: false,
    })
}
