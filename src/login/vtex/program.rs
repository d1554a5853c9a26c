//! A login for a program on somebody's computer, as the command line of VTEX IO begins
//! one: it waits at a loopback address (RFC 8252 §7.3), holds a secret of which it gave
//! the hash, and gets a ticket there that counts with the secret alone, which is what
//! PKCE is for (RFC 7636).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{Begun, LoginToken, RECORDS, again, find};
use crate::account::{Account, StoreFront};
use crate::base::{AccountId, Secret, digest};
use crate::login::error::{LoginError, Step};
use crate::login::finish::{Finished, finish};
use crate::login::{Logins, ReturnTo};
use crate::session::Session;
use crate::session::renewal::Renewal;

/// The longest address to wait at.
const LONGEST: usize = 500;

/// A program that waits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Waiting {
    /// SHA-256 of its secret, base64.
    secret_hash: String,
    /// Where it waits.
    loopback: String,
}

impl Waiting {
    /// A program, unless one of these is nothing a program would say. `secret_hash` is
    /// base64.
    ///
    /// # Errors
    /// What is wrong, for who wrote the program.
    pub fn new(secret_hash: &str, loopback: &str) -> Result<Self, &'static str> {
        let hash = STANDARD.decode(secret_hash).unwrap_or_default();
        if hash.len() != 32 {
            return Err("`secretHash` is the SHA-256 of the program's secret in base64");
        }
        let why = "`loopbackUrl` is where the program waits, as in `http://127.0.0.1:3000/login_callback`";
        let url = Url::parse(loopback).map_err(|_| why)?;
        // A name may lead elsewhere (RFC 8252 §8.3).
        let here = match url.host() {
            Some(Host::Ipv4(host)) => host.is_loopback(),
            Some(Host::Ipv6(host)) => host.is_loopback(),
            _ => false,
        };
        let bare = url.username().is_empty() && url.password().is_none();
        let plain = url.scheme() == "http" && url.fragment().is_none();
        if !here || !bare || !plain || loopback.len() > LONGEST {
            return Err(why);
        }
        Ok(Self {
            secret_hash: STANDARD.encode(hash),
            loopback: url.into(),
        })
    }

    /// The host and port where it waits, for who is asked about it.
    pub fn at(&self) -> String {
        let url = Url::parse(&self.loopback).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        let port = url.as_ref().and_then(Url::port_or_known_default);
        format!("{host}:{}", port.unwrap_or(80))
    }

    /// Where the ticket goes.
    fn address(&self, ticket: &str) -> Result<String, LoginError> {
        let mut url = Url::parse(&self.loopback).map_err(|_| LoginError::StateUnknown)?;
        url.query_pairs_mut().append_pair("ott", ticket);
        Ok(url.into())
    }

    fn is_secret(&self, secret: &Secret) -> bool {
        let hash = STANDARD.encode(digest::sha256(secret.expose().as_bytes()));
        digest::same(hash.as_bytes(), self.secret_hash.as_bytes())
    }
}

impl Begun {
    /// A login of a program.
    pub fn of_program(home: &ReturnTo, program: Waiting) -> Self {
        Self {
            program: Some(program),
            ..Self::new(home, None)
        }
    }
}

/// The program that waits under a token.
///
/// # Errors
/// [`LoginError::StateUnknown`]
pub async fn waiting(
    logins: &Logins,
    account: &AccountId,
    token: &LoginToken,
) -> Result<Waiting, LoginError> {
    let found = find(logins, account, token).await?.value;
    found.program.ok_or(LoginError::StateUnknown)
}

/// The program's own address, with a ticket for who allowed it.
///
/// # Errors
/// [`LoginError::StateUnknown`]; [`LoginError::TicketInvalid`] if they may not log in.
pub async fn allow(
    logins: &Logins,
    account: &Account,
    store: &StoreFront,
    token: &LoginToken,
    session: &Session,
) -> Result<String, LoginError> {
    let program = waiting(logins, &account.id, token).await?;
    let as_now = Renewal {
        user: session.user,
        generation: session.generation,
        method: session.method.clone(),
        authenticated_at: session.authenticated_at(),
    };
    let ticket = again(logins, account, store, &as_now, &token.browser()).await?;
    let ticket = ticket.ok_or(LoginError::TicketInvalid)?;
    program.address(ticket.as_str())
}

/// A session for a program that has both ticket and secret; once.
///
/// # Errors
/// [`LoginError::StateUnknown`], [`LoginError::TicketInvalid`], as [`finish`].
pub async fn redeem(
    logins: &Logins,
    account: &Account,
    token: &LoginToken,
    secret: &Secret,
    ticket: &str,
) -> Result<Finished, LoginError> {
    let program = waiting(logins, &account.id, token).await?;
    // Before the ticket is used up: who has that alone spoils nothing.
    if !program.is_secret(secret) {
        return Err(LoginError::TicketInvalid);
    }
    let finished = finish(logins, account, ticket, Some(&token.browser())).await?;
    forget(logins, token).await?;
    Ok(finished)
}

/// The program gets nothing any more.
///
/// # Errors
/// If the store fails.
pub async fn forget(logins: &Logins, token: &LoginToken) -> Result<(), LoginError> {
    RECORDS
        .delete_by(&*logins.store, "", &token.0)
        .await
        .map(|_| ())
        .map_err(Step::Finish.store())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_waits_on_this_computer() {
        let hash = STANDARD.encode([7; 32]);
        for at in [
            "http://127.0.0.1:3000/login_callback",
            "http://[::1]:9/x?y=z",
        ] {
            assert!(Waiting::new(&hash, at).is_ok(), "{at}");
        }
        for at in [
            "https://127.0.0.1/",
            "http://localhost:3000/",
            "http://127.0.0.1.evil.test/",
            "http://127.0.0.1@evil.test/",
            "http://a:b@127.0.0.1/",
            "http://10.0.0.1/",
            "javascript:alert(1)",
            "http://127.0.0.1/#x",
            "",
        ] {
            assert!(Waiting::new(&hash, at).is_err(), "{at}");
        }
        for hash in ["", "abc", &STANDARD.encode([7; 31])] {
            assert!(Waiting::new(hash, "http://127.0.0.1/").is_err(), "{hash}");
        }
        let program = Waiting::new(&hash, "http://127.0.0.1:3000/cb?a=b").unwrap();
        let url = program.address("t").unwrap();
        assert_eq!(url, "http://127.0.0.1:3000/cb?a=b&ott=t");
        assert_eq!(program.at(), "127.0.0.1:3000");
    }
}
