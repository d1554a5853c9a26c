//! Who is at the console without being an operator: let in for one thing, by a link.

use std::collections::BTreeSet;

use super::session::{Console, Current, Guest, csrf};
use super::{Email, Operator, Role};
use crate::base::Timestamp;

impl Current {
    /// A guest's session. There is no such operator in the store, and as one it would
    /// be who may least: what a guest may is asked of [`Current::guest`].
    pub fn of_guest(guest: Guest, actor: &str, since: Timestamp, cookie: &str) -> Self {
        let email = Email(actor.to_owned());
        Self {
            id: String::new(),
            session: Console {
                operator: email.clone(),
                created_at: since,
                seen_at: since,
                through: None,
                program: None,
            },
            operator: Operator {
                email,
                name: "Set-up link".to_owned(),
                password: None,
                second_factor: None,
                disabled: false,
                role: Role::Auditor,
                accounts: BTreeSet::from([guest.account.clone()]),
                language: None,
                created_at: since,
                last_login_at: None,
            },
            limit: None,
            writes: false,
            held: false,
            offered: Role::Auditor,
            csrf: csrf(cookie),
            guest: Some(guest),
        }
    }
}
