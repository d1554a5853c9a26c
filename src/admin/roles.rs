//! What each role may do through the API, for operators who logged in with a program
//! (RFC 8628). The rules are the console's ([`super::console`]), for other addresses.

use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;

use super::reply::{forbidden, insufficient, missing};
use crate::authority::scope::ADMIN_WRITE;
use crate::base::AccountId;
use crate::operation::{Access, Caller};
use crate::operator::Role;
use crate::operator::session::InProgram;

/// An operator as a caller of this request.
///
/// # Errors
/// The answer, if they may not. What is in another account is answered as what is
/// nowhere.
pub(super) fn caller(
    session: &InProgram,
    login_account: Option<&AccountId>,
    method: &Method,
    uri: &Uri,
) -> Result<Caller, Response> {
    let operator = &session.operator;
    let by = |access, limit| {
        let caller = Caller::new(operator.email.as_str(), access, limit);
        if operator.role <= Role::AccountAdministrator {
            caller.narrowed()
        } else {
            caller
        }
    };
    let safe = matches!(*method, Method::GET | Method::HEAD);
    if !safe && !session.program.writes {
        return Err(insufficient(ADMIN_WRITE));
    }
    let parts = segments(uri.path(), "/api/v1");
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let needed = needed(&parts, method, login_account);
    if operator.role < needed {
        return Err(forbidden(&format!(
            "this takes the role `{}`, and yours is `{}`; an owner can change that",
            needed.name(),
            operator.role.name()
        )));
    }
    let access = if safe { Access::Read } else { Access::Write };
    let limit = match (&parts[..], operator.accounts.len()) {
        (["openapi.json"], _) => None,
        (_, 0) if operator.has_all_accounts() => None,
        (["accounts", id, ..], _) => {
            let mut own = operator.accounts.iter();
            let own = own.find(|own| own.as_str() == *id).cloned();
            Some(own.ok_or_else(|| missing("account").into_response())?)
        }
        // A list that shows these and no other.
        (["accounts"], _) if safe => {
            let (name, own) = (operator.email.as_str(), operator.accounts.iter().cloned());
            return Ok(Caller::of_accounts(name, access, own.collect()));
        }
        // Lists that show what is of one account.
        (["applications" | "audit"], 1) if safe => operator.accounts.first().cloned(),
        _ => {
            return Err(forbidden(
                "this is about the whole broker, and you administer some accounts of it; an owner can change that",
            ));
        }
    };
    Ok(by(access, limit))
}

/// The role that a request takes.
fn needed(parts: &[&str], method: &Method, login_account: Option<&AccountId>) -> Role {
    // All there is, password hashes with it.
    if parts == ["export"] {
        return Role::Owner;
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return Role::Auditor;
    }
    match parts {
        ["accounts", _, "sessions" | "grants" | "consents", ..]
        | ["accounts", _, "users", _, "sessions"]
            if method == Method::DELETE =>
        {
            Role::Support
        }
        ["operators" | "keys" | "applications", ..] => Role::Owner,
        // Who changes it can be any operator.
        ["accounts", id, ..] if login_account.is_some_and(|own| own.as_str() == *id) => Role::Owner,
        ["accounts", _, rest @ ..] if of_account(rest, method) => Role::AccountAdministrator,
        _ => Role::Administrator,
    }
}

/// Whether a change is an account's own administrator's: its providers up to going live
/// and back, its users, and how it looks, of which the operation knows the fields.
fn of_account(rest: &[&str], method: &Method) -> bool {
    match rest {
        [] => method == Method::PATCH,
        ["users" | "domains", ..] | ["trials" | "preview"] => true,
        ["providers"] | ["providers", _, "rollback" | "preview"] => true,
        ["providers", _] => method == Method::PUT,
        _ => false,
    }
}

/// The parts of a path behind a prefix, decoded as the router decodes them.
pub(super) fn segments(path: &str, prefix: &str) -> Vec<String> {
    path.strip_prefix(prefix)
        .unwrap_or(path)
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect()
}
