//! Passwords of an account's people: expired by an operator, and moved in from another
//! system.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::users::find;
use super::{Access, Caller, Done, Entry, OperationError, Operations, Outcome};
use crate::account::credential::{self, Credential};
use crate::account::directory;
use crate::base::ErrorCode;
use crate::password::SlowHash;
use crate::provider::email;

/// The most people of one call.
const MOST: usize = 500;

/// People of another system.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// They.
    #[schemars(length(max = 500))]
    pub users: Vec<Person>,
}

/// Somebody of another system.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Their email.
    pub email: String,
    /// Their name.
    pub name: Option<String>,
    /// What their password hashes to there: by bcrypt, PBKDF2, scrypt, argon2 or salted
    /// SHA. It is replaced by one of ours at the first login.
    pub password_hash: Option<String>,
}

/// What became of people that were moved in.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct MovedIn {
    /// How many are new.
    pub created: usize,
    /// How many were there before.
    pub known: usize,
    /// How many got their password along; who had one here keeps it.
    pub passwords: usize,
    /// Who could not be moved in.
    pub refused: Vec<Refused>,
}

/// Somebody who could not be moved in.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Refused {
    /// Where they stood, from 0.
    pub index: usize,
    /// The email, as it was given.
    pub email: String,
    /// Why.
    pub why: String,
}

/// Moves people in with their passwords. The same again changes nothing.
pub async fn import(
    ops: &Operations,
    caller: &Caller,
    id: &str,
    people: People,
) -> Outcome<MovedIn> {
    let account = ops.account(caller, Access::Write, id).await?.value.id;
    if people.users.len() > MOST {
        let why = format!("at most {MOST} people at once");
        return Err(OperationError::invalid(
            ErrorCode::RequestInvalid,
            "users",
            why,
        ));
    }
    let (mut done, mut steps) = (MovedIn::default(), Vec::new());
    for (index, person) in people.users.into_iter().enumerate() {
        let mut refuse = |why: String| {
            let email = person.email.chars().take(320).collect();
            done.refused.push(Refused { index, email, why });
        };
        let hash = person.password_hash.as_deref().map(SlowHash::imported);
        let (address, hash) = match (email::normalize(person.email.trim()), hash.transpose()) {
            (Ok(address), Ok(hash)) => (address, hash),
            (Err(why), _) => {
                refuse(why.to_string());
                continue;
            }
            (_, Err(why)) => {
                refuse(why.to_owned());
                continue;
            }
        };
        let name = person.name.map(|name| name.trim().to_owned());
        let name = name.filter(|name| {
            !name.is_empty() && name.chars().count() <= 200 && !name.contains(char::is_control)
        });
        let now = ops.clock.now();
        let store = &*ops.store;
        let user = match directory::create(store, &account, &address, name, now).await? {
            Some(made) => {
                done.created += 1;
                Some(made)
            }
            None => {
                done.known += 1;
                directory::by_email(store, &account, &address).await?
            }
        };
        if let (Some(user), Some(hash)) = (user, hash) {
            let id = user.value.id;
            if credential::get(store, &account, id).await?.is_none() {
                let credential = Credential::new(hash, now);
                steps.push(credential::step_put(&account, id, &credential)?);
                done.passwords += 1;
            }
        }
    }
    let entry = Entry::new("user.import", format!("/accounts/{account}/users"))
        .of(Some(&account))
        .after(&serde_json::json!({
            "created": done.created,
            "known": done.known,
            "passwords": done.passwords,
            "refused": done.refused.len(),
        }));
    ops.commit(caller, entry, steps).await?;
    Ok(done)
}

/// Lets a user's password count no more until they chose another one.
pub async fn expire(ops: &Operations, caller: &Caller, id: &str, user: &str) -> Outcome<Done> {
    let (account, found) = find(ops, caller, Access::Write, id, user).await?;
    let user = found.value;
    let found = credential::get(&*ops.store, &account, user.id).await?;
    let found = found.ok_or_else(|| OperationError::missing("password"))?;
    let expired = Credential {
        expired: true,
        ..found.value
    };
    let entry = Entry::new(
        "password.expire",
        format!("/accounts/{account}/users/{}/password", user.id),
    )
    .of(Some(&account))
    .after(&serde_json::json!({ "email": user.email }));
    let steps = vec![credential::step_put(&account, user.id, &expired)?];
    ops.commit(caller, entry, steps).await?;
    Ok(Done { tag: None })
}
