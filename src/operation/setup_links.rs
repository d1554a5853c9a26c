//! Set-up links: an account's own people set up its identity provider, and hand in what
//! an operator approves or sends back.

mod view;

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use self::view::view;
pub use self::view::{HandedInView, MadeLink, SetupLinkView};
use super::{
    Access, Caller, Changed, Condition, Done, Entry, Found, OperationError, Operations, Outcome,
    Page, Paging,
};
use crate::account::draft::{self, Draft};
use crate::account::mapping::{ApplyError, Consent, Mappings};
use crate::account::setup_link::{self, HandedIn, MOST, NewLink, SentBack, SetupLink, State};
use crate::audit::fingerprint;
use crate::base::{AccountId, ErrorCode};
use crate::document::{Finding, redact};
use crate::login::drift;
use crate::provider::bundled::imitated_name;
use crate::store::{Precondition, Step, StoreError, Token, Versioned};

/// How many days a link counts unless given.
const DAYS: u32 = 7;
/// The most days that a link counts.
const MOST_DAYS: u32 = 30;
/// The longest sentence, in characters.
const LONGEST: usize = 1000;

/// A new link.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSetupLink {
    /// For whom it is: `Ada at Acme`.
    pub name: String,
    /// How many days it counts, 1 to 30; 7 unless given.
    pub days: Option<u32>,
    /// Whether what is handed in goes live by itself, where the checks find nothing.
    #[serde(default)]
    pub goes_live: bool,
}

/// What is to be changed in what was handed in.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendBack {
    /// A sentence for who handed it in.
    pub why: String,
}

/// What who approves agrees to.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// What a refusal asked for, with commas between: `redirect-uri`, `same-people`, `new-people`.
    #[serde(default)]
    pub accept: String,
    /// The `id` of what was handed in, as it was looked at; or `If-Match` names the
    /// version of the link that has it.
    pub handed_in: Option<String>,
}

impl Approval {
    /// Fails unless it names what waits: who handed it in may hand in another mapping
    /// between the look at it and the approval.
    fn check(&self, waiting: &HandedIn, when: &Condition) -> Outcome<()> {
        match (&self.handed_in, when) {
            (Some(named), _) if *named == waiting.id() => Ok(()),
            (Some(_), _) => Err(StoreError::Conflict.into()),
            (None, Condition::OneOf(_)) => Ok(()),
            (None, _) => Err(OperationError::new(
                ErrorCode::SetupLinkUnseen,
                "what is approved is named: give the `id` of what was handed in as `handed_in`, or the link's version in `If-Match`",
            )),
        }
    }
}

fn invalid(field: &'static str, detail: impl ToString) -> OperationError {
    OperationError::invalid(ErrorCode::SetupLinkInvalid, field, detail)
}

fn line(field: &'static str, text: &str, most: usize) -> Outcome<String> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=most).contains(&length) && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    let why = format!("write 1 to {most} characters on one line");
    Err(invalid(field, why))
}

fn address(link: &SetupLink) -> String {
    format!("/accounts/{}/setup-links/{}", link.account, link.id)
}

/// A mapping for the log.
fn logged(source: &str) -> Value {
    json!({ "mapping": redact::replace(source, fingerprint) })
}

async fn find(
    ops: &Operations,
    caller: &Caller,
    access: Access,
    (account, id): (&str, &str),
) -> Outcome<Versioned<SetupLink>> {
    let account = ops.account(caller, access, account).await?.value.id;
    setup_link::get(&*ops.store, &account, id)
        .await?
        .ok_or_else(|| OperationError::missing("set-up link"))
}

/// A link for an account's own people; its secret is in what this gives, and nowhere
/// else.
pub async fn create(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    new: NewSetupLink,
) -> Outcome<Changed<MadeLink>> {
    let account = ops.account(caller, Access::Write, account).await?.value.id;
    let name = line("name", &new.name, 100)?;
    let days = new.days.unwrap_or(DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        let why = format!("a link counts 1 to {MOST_DAYS} days");
        return Err(invalid("days", why));
    }
    if new.goes_live && ops.login_account.as_ref() == Some(&account) {
        return Err(invalid(
            "goes_live",
            "operators log in through this account's providers: what is handed in there needs an operator's approval",
        ));
    }
    let now = ops.clock.now();
    let there = setup_link::list(&*ops.store, &account).await?;
    if there.len() >= MOST {
        return Err(OperationError::new(
            ErrorCode::SetupLinkTooMany,
            format!("an account has at most {MOST} set-up links; revoke those that are not needed"),
        ));
    }
    let new = NewLink {
        account: account.clone(),
        name,
        goes_live: new.goes_live,
        created_by: caller.name().to_owned(),
        lifetime: Duration::from_secs(u64::from(days) * 24 * 3600),
    };
    let (link, secret, steps) = setup_link::steps_create(new, &there, now)?;
    let made = view(ops, &link);
    let entry = Entry::new("setup_link.create", address(&link))
        .of(Some(&account))
        .after(&made);
    let version = ops.commit(caller, entry, steps).await?;
    let base = ops.public_url.as_deref().unwrap_or_default();
    let link = format!("{base}/admin/setup?ticket={}", secret.as_str());
    let made = MadeLink {
        setup_link: made,
        link,
    };
    Ok(Changed::created(made, version))
}

/// A page of an account's links, the newest first.
pub async fn list(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    paging: &Paging,
) -> Outcome<Page<SetupLinkView>> {
    let account = ops.account(caller, Access::Read, account).await?.value.id;
    let found = setup_link::list(&*ops.store, &account).await?;
    let all = found.iter().map(|link| view(ops, &link.value)).collect();
    Page::of_all(all, paging, |link: &SetupLinkView| link.id.clone())
}

/// One link, with what was handed in by it.
pub async fn show(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    id: &str,
) -> Outcome<Found<SetupLinkView>> {
    let found = find(ops, caller, Access::Read, (account, id)).await?;
    Ok(Found::of(found, |link| view(ops, &link)))
}

/// Revokes a link: it opens nothing any more, its session ends at once, and what was
/// handed in by it and is not live is forgotten.
pub async fn revoke(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    id: &str,
    when: &Condition,
) -> Outcome<Done> {
    let found = find(ops, caller, Access::Write, (account, id)).await?;
    let guard = when.over(Some(found.version))?;
    let link = &found.value;
    let entry = Entry::new("setup_link.revoke", address(link))
        .of(Some(&link.account))
        .before(&view(ops, link));
    let steps = setup_link::steps_remove(link, guard);
    ops.commit(caller, entry, steps).await?;
    Ok(Done { tag: None })
}

/// Opens a link: gives the token of its session.
pub async fn open(ops: &Operations, secret: &Token) -> Outcome<(SetupLink, Token)> {
    let dead = || {
        OperationError::new(
            ErrorCode::ConsoleLinkDead,
            "this link was used already, was revoked or has expired; ask who sent it for a new one",
        )
    };
    let (store, now) = (&*ops.store, ops.clock.now());
    let found = setup_link::peek(store, secret, now).await?;
    let found = found.ok_or_else(dead)?;
    let link = &found.value;
    let caller = Caller::new(link.actor(), Access::Write, Some(link.account.clone()));
    let entry = Entry::new("setup_link.open", address(link)).of(Some(&link.account));
    let entry = ops.note(&caller, entry)?;
    match setup_link::open(store, secret, &found, now, entry).await {
        Ok(session) => Ok((found.value, session)),
        Err(StoreError::Conflict) => Err(dead()),
        Err(error) => Err(error.into()),
    }
}

/// Ends the session of a link.
pub async fn leave(
    ops: &Operations,
    caller: &Caller,
    account: &AccountId,
    id: &str,
) -> Outcome<()> {
    let found = find(ops, caller, Access::Write, (account.as_str(), id)).await?;
    let entry = Entry::new("setup_link.leave", address(&found.value)).of(Some(account));
    let steps = setup_link::steps_end_session(&found.value, Precondition::Version(found.version))?;
    ops.commit(caller, entry, steps).await.map(drop)
}

/// Hands in a draft: it waits for an operator. What was handed in before by the same
/// link is replaced.
pub async fn hand_in(
    ops: &Operations,
    caller: &Caller,
    (account, id): (&AccountId, &str),
    token: &Token,
    draft: &Draft,
) -> Outcome<()> {
    let found = find(ops, caller, Access::Write, (account.as_str(), id)).await?;
    let now = ops.clock.now();
    if found.value.state(now) != State::Open || caller.name() != found.value.actor() {
        return Err(OperationError::missing("set-up link"));
    }
    let base = draft.base.as_ref();
    let before = base.map(|base| base.source.as_str());
    let foreign = redact::references(&draft.source, before);
    if !foreign.is_empty() {
        return Err(ApplyError::Findings(foreign).into());
    }
    ops.mappings
        .compile(&draft.source)
        .map_err(ApplyError::Findings)?;
    keeps_its_name(&ops.mappings, &draft.source)?;
    let mut link = found.value;
    link.handed_in = Some(HandedIn {
        at: now,
        source: draft.source.clone(),
        base: draft.base.clone(),
        draft: token.as_str().to_owned(),
        sent_back: None,
    });
    let entry = Entry::new("setup_link.hand_in", address(&link))
        .of(Some(account))
        .before(&before.map(logged))
        .after(&logged(&draft.source));
    let steps = setup_link::steps_put(&link, Precondition::Version(found.version))?;
    ops.commit(caller, entry, steps).await.map(drop)
}

/// What waits in a link for an operator.
fn waiting(found: &Versioned<SetupLink>) -> Outcome<HandedIn> {
    let handed_in = found.value.handed_in.clone();
    handed_in
        .filter(|_| found.value.waits())
        .ok_or_else(|| OperationError::missing("mapping that was handed in"))
}

/// Sends back what was handed in, with what is to be changed.
pub async fn send_back(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    id: &str,
    answer: SendBack,
    when: &Condition,
) -> Outcome<Changed<SetupLinkView>> {
    let found = find(ops, caller, Access::Write, (account, id)).await?;
    let guard = when.over(Some(found.version))?;
    let handed_in = waiting(&found)?;
    let why = line("why", &answer.why, LONGEST)?;
    let mut link = found.value;
    link.handed_in = Some(HandedIn {
        sent_back: Some(SentBack {
            at: ops.clock.now(),
            by: caller.name().to_owned(),
            why: why.clone(),
        }),
        ..handed_in
    });
    let entry = Entry::new("setup_link.send_back", address(&link))
        .of(Some(&link.account))
        .after(&json!({ "why": why }));
    let steps = setup_link::steps_put(&link, guard)?;
    let version = ops.commit(caller, entry, steps).await?;
    Ok(Changed::to(view(ops, &link), version))
}

/// Approves what was handed in: it counts from the next login on, by the same checks as
/// what the caller applies.
pub async fn approve(
    ops: &Operations,
    caller: &Caller,
    account: &str,
    id: &str,
    approval: &Approval,
    when: &Condition,
) -> Outcome<Changed<SetupLinkView>> {
    let found = find(ops, caller, Access::Write, (account, id)).await?;
    let guard = when.over(Some(found.version))?;
    let consent = Consent::read(&approval.accept).map_err(|name| {
        let known = Consent::NAMES.join(", ");
        let why = format!("`{name}` is not something to accept; that is: {known}");
        OperationError::new(ErrorCode::RequestAccept, why)
    })?;
    let handed_in = waiting(&found)?;
    approval.check(&handed_in, when)?;
    if caller.limit().is_some() {
        keeps_its_name(&ops.mappings, &handed_in.source)?;
    }
    let provider = ops.mappings.compile(&handed_in.source);
    let provider = provider.map_err(ApplyError::Findings)?.id;
    let base = handed_in.base.as_ref();
    let same = base.filter(|base| base.provider == provider);
    let over = same.map_or(Precondition::Absent, |base| {
        Precondition::Version(base.version())
    });
    let mut link = found.value;
    link.handed_in = None;
    link.approved_at = Some(ops.clock.now());
    let entry = Entry::new("setup_link.approve", address(&link))
        .of(Some(&link.account))
        .before(&base.map(|base| logged(&base.source)))
        .after(&logged(&handed_in.source));
    let mut beside: Vec<Step> = setup_link::steps_put(&link, guard)?;
    beside.push(ops.note(caller, entry)?);
    let by = (caller.name(), ops.clock.now());
    let applied = ops.mappings.apply_beside(
        &link.account,
        &handed_in.source,
        by,
        Some(over),
        consent,
        beside,
    );
    applied.await.map_err(|error| {
        OperationError::from(error).if_stale(|| {
            OperationError::new(
                ErrorCode::AdminChangedMeanwhile,
                "this link or its provider was changed since the mapping was handed in; look at both, and send the mapping back if it edits an older version",
            )
        })
    })?;
    // What it was learnt by watching the mapping before is no norm for this one.
    match &ops.serving {
        Some(serving) => {
            let watch = &serving.logins.watch;
            watch.forget(&*ops.store, &link.account, &provider).await?;
        }
        None => {
            drift::remove(&*ops.store, &link.account, &provider).await?;
        }
    }
    if let Some(token) = Token::parse(&handed_in.draft) {
        draft::remove(&*ops.store, &link.account, &token).await?;
    }
    let now = setup_link::get(&*ops.store, &link.account, &link.id).await?;
    let now = now.ok_or_else(|| OperationError::missing("set-up link"))?;
    Ok(Changed::to(view(ops, &now.value), now.version))
}

/// Refuses a name by which shoppers would take the provider for a known one:
/// whoever administers one account is not the platform (threat F27).
pub fn keeps_its_name(mappings: &Mappings, source: &str) -> Result<(), ApplyError> {
    let Ok(provider) = mappings.compile(source) else {
        // What is wrong with it is told by what follows.
        return Ok(());
    };
    let Some(known) = imitated_name(provider.id.as_str(), &provider.name) else {
        return Ok(());
    };
    let finding = Finding::error(
        "provider.name",
        format!("shoppers would take this provider for {known}"),
    );
    Err(ApplyError::Findings(vec![finding.hint(format!(
        "give it a name of its own, or use the bundled mapping of {known}; an operator of the whole broker may apply this one"
    ))]))
}
