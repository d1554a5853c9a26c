//! The logo that an account keeps here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{AccountView, address};
use crate::account::logo::{self, Logo};
use crate::account::{self, Account};
use crate::base::ErrorCode;
use crate::operation::{
    Access, Caller, Changed, Condition, Entry, OperationError, Operations, Outcome,
};
use crate::store::{Step, Versioned};

/// A logo.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogoInput {
    /// The picture in Base64: a PNG, JPEG, WebP or SVG of at most 128 KiB and 2048 pixels
    /// a side. An SVG has nothing in it that runs or is fetched.
    pub image: String,
}

fn invalid(why: impl std::fmt::Display) -> OperationError {
    OperationError::invalid(ErrorCode::AccountLogo, "image", why)
}

impl LogoInput {
    /// A logo of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            image: STANDARD.encode(bytes),
        }
    }

    fn check(self) -> Outcome<Logo> {
        let text: String = self.image.split_ascii_whitespace().collect();
        let bytes = STANDARD
            .decode(text)
            .map_err(|_| invalid("the picture is written in Base64"))?;
        Logo::read(bytes).map_err(invalid)
    }
}

/// Keeps a logo for an account, in place of the one before.
pub async fn set_logo(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    input: LogoInput,
    when: &Condition,
) -> Outcome<Changed<AccountView>> {
    let found = ops.account(caller, Access::Write, id).await?;
    let logo = input.check()?;
    let wanted = Account {
        logo: Some(logo.mark()),
        ..found.value.clone()
    };
    let step = logo::step_put(&wanted.id, &logo)?;
    write(ops, caller, "logo.set", (found, wanted), step, when).await
}

/// Takes an account's logo away; the address of one elsewhere stays.
pub async fn remove_logo(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    when: &Condition,
) -> Outcome<Changed<AccountView>> {
    let found = ops.account(caller, Access::Write, id).await?;
    if found.value.logo.is_none() {
        return Err(OperationError::missing("logo"));
    }
    let wanted = Account {
        logo: None,
        ..found.value.clone()
    };
    let step = logo::step_remove(&wanted.id);
    write(ops, caller, "logo.remove", (found, wanted), step, when).await
}

/// The picture and what the account says of it, in one commit.
async fn write(
    ops: &Operations,
    caller: &Caller,
    what: &'static str,
    (found, wanted): (Versioned<Account>, Account),
    picture: Step,
    when: &Condition,
) -> Outcome<Changed<AccountView>> {
    let guard = when.over(Some(found.version))?;
    let before = AccountView::from(found.value.clone());
    let view = AccountView::from(wanted.clone());
    if found.value == wanted {
        return Ok(Changed::to(view, found.version));
    }
    let entry = Entry::new(what, format!("{}/logo", address(&wanted.id)))
        .of(Some(&wanted.id))
        .before(&before.logo)
        .after(&view.logo);
    let mut steps = account::step_put(&wanted, guard)?;
    steps.push(picture);
    let version = ops.commit(caller, entry, steps).await?;
    Ok(Changed::to(view, version))
}
