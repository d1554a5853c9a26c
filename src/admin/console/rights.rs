//! What each role may do in the console. Every request passes here, before any page:
//! an address that is not listed takes an administrator to change something.

use axum::http::{Method, Uri};

use super::super::roles::segments;
use crate::base::{AccountId, ErrorCode};
use crate::http::problem::Problem;
use crate::operation::{Access, Caller};
use crate::operator::session::Current;
use crate::operator::{Guest, Operator, Role};

/// Checks a request; gives the account that it is limited to, where the operator is
/// limited to accounts.
///
/// # Errors
/// If the operator may not. What is in another account is answered as what is nowhere.
pub(super) fn check(
    operator: &Operator,
    login_account: Option<&AccountId>,
    method: &Method,
    uri: &Uri,
) -> Result<Option<AccountId>, Problem> {
    let safe = matches!(*method, Method::GET | Method::HEAD);
    let parts = segments(uri.path(), "/admin");
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    if matches!(parts[..], ["logout" | "session" | "profile" | "device", ..]) {
        return Ok(None);
    }
    let account = account(&parts, uri);
    let needed = if safe && !is_form(&parts) {
        Role::Auditor
    } else {
        needed(&parts, login_account)
    };
    let limit = if operator.has_all_accounts() {
        None
    } else {
        match account {
            Some(id) => Some(
                operator
                    .accounts
                    .iter()
                    .find(|own| own.as_str() == id)
                    .cloned()
                    .ok_or_else(|| {
                        Problem::new(ErrorCode::AdminNotFound, "there is no such account")
                    })?,
            ),
            // The list of accounts, which has theirs.
            None if safe && parts.is_empty() => None,
            None => {
                return Err(forbidden(
                    "this is about the whole broker, and you administer some accounts of it; an owner can change that",
                ));
            }
        }
    };
    if operator.role < needed {
        let why = format!(
            "this takes the role `{}`, and yours is `{}`; an owner can change that",
            needed.name(),
            operator.role.name()
        );
        return Err(forbidden(&why));
    }
    Ok(limit)
}

/// The role that a form takes.
fn needed(parts: &[&str], login_account: Option<&AccountId>) -> Role {
    match parts {
        [
            "accounts",
            _,
            "users" | "sessions" | "grants" | "consents",
            "revoke",
        ] => Role::Support,
        [
            "operators" | "keys" | "applications" | "new-application",
            ..,
        ] => Role::Owner,
        // Who changes it can be any operator.
        ["accounts", id, ..] if login_account.is_some_and(|own| own.as_str() == *id) => Role::Owner,
        ["accounts", _, rest @ ..] if of_account(rest) => Role::AccountAdministrator,
        _ => Role::Administrator,
    }
}

/// Whether a page is there for its form alone, so that it takes what the form takes.
fn is_form(parts: &[&str]) -> bool {
    matches!(
        parts,
        ["new-application"]
            | ["accounts", _, "new" | "drafts", ..]
            | ["accounts", _, "users", "import"]
    )
}

/// Whether a form is an account's own administrator's: its providers up to going live
/// and back, its users, and how it looks, of which the operation knows the fields.
fn of_account(rest: &[&str]) -> bool {
    match rest {
        ["branding", ..] | ["ways", "domains"] => true,
        ["domains"] | ["domains", "check" | "lead" | "remove"] => true,
        ["new"] | ["new", _] => true,
        ["providers", _, "edit" | "rollback" | "trial"] => true,
        ["drafts", _, "shadow"] => false,
        ["drafts" | "users", ..] => true,
        _ => false,
    }
}

/// What an operator may do on a page, for what it offers.
pub(super) fn offers(operator: &Operator, login_account: Option<&AccountId>, uri: &Uri) -> Role {
    let parts = segments(uri.path(), "/admin");
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let own = account(&parts, uri);
    if own.is_some() && own.as_deref() == login_account.map(AccountId::as_str) {
        // Who changes it can be any operator.
        if operator.role < Role::Owner {
            return operator.role.min(Role::Support);
        }
    }
    operator.role
}

/// Checks a request of somebody who was let in by a set-up link: what is not listed is
/// not theirs.
///
/// # Errors
/// If it is not. What is in another account is answered as what is nowhere.
pub(super) fn check_guest(
    guest: &Guest,
    login_account: Option<&AccountId>,
    method: &Method,
    uri: &Uri,
) -> Result<Option<AccountId>, Problem> {
    let safe = matches!(*method, Method::GET | Method::HEAD);
    let parts = segments(uri.path(), "/admin");
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let ("accounts", id, rest) = (match parts[..] {
        [] if safe => return Ok(None),
        ["session"] if safe => return Ok(None),
        ["logout"] => return Ok(None),
        [first, id, ref rest @ ..] => (first, id, rest),
        _ => return Err(not_by_link()),
    }) else {
        return Err(not_by_link());
    };
    if id != guest.account.as_str() {
        let why = "there is no such account";
        return Err(Problem::new(ErrorCode::AdminNotFound, why));
    }
    let may = match (safe, rest) {
        (true, ["setup"] | ["trials", _]) | (_, ["new"] | ["new", _]) => true,
        (false, ["providers", _, "edit"]) => true,
        (false, ["domains"] | ["domains", "check" | "lead" | "remove"]) => true,
        // Who logs in through this account's providers can be any operator.
        (false, ["drafts", _, "apply"]) => guest.goes_live && login_account != Some(&guest.account),
        (false, ["drafts", _, "shadow"]) => false,
        (_, ["drafts", _] | ["drafts", _, _]) | (false, ["drafts", _, _, "preview"]) => true,
        _ => false,
    };
    may.then(|| Some(guest.account.clone()))
        .ok_or_else(not_by_link)
}

fn not_by_link() -> Problem {
    forbidden("the link that you opened is for setting up this account's providers only")
}

/// An operator as a caller of operations, with what their role allows of this request.
pub(super) fn caller(who: &Current) -> Caller {
    let access = if who.writes {
        Access::Write
    } else {
        Access::Read
    };
    let caller = Caller::new(who.operator.email.as_str(), access, who.limit.clone());
    if who.operator.role <= Role::AccountAdministrator {
        caller.narrowed()
    } else {
        caller
    }
}

fn forbidden(why: &str) -> Problem {
    Problem::new(ErrorCode::AdminForbidden, why)
}

/// The account that a request is about: in its path, or its only parameter of that
/// name where a list of the broker shows what is of one account.
fn account(parts: &[&str], uri: &Uri) -> Option<String> {
    match parts {
        ["accounts", id, ..] => Some((*id).to_owned()),
        ["audit" | "audit.jsonl" | "applications"] => {
            let query = uri.query().unwrap_or_default();
            let mut named = form_urlencoded::parse(query.as_bytes())
                .filter(|(name, _)| name == "account")
                .map(|(_, value)| value.into_owned());
            let only = named.next();
            only.filter(|_| named.next().is_none())
        }
        _ => None,
    }
}
