//! How many logins may be under way: of one client, and in all.
//!
//! Who begins a login tells the broker to keep something, and needs to be nobody for
//! that. So does who asks for one at the authorization endpoint, or as VTEX ID's front
//! ends do: each kind has shares of its own. So each client has an allowance of starts, and what is kept is bounded in
//! number and bytes. The oldest of the same client go first; where it is too much in
//! all, those of the clients who have the most (threat F28).
//!
//! The counts are in memory. A restart forgets them; what is kept in the store ends by
//! itself.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::trial::OPENED;
use crate::base::{AccountId, Allowance, Rate, Spent, Timestamp};
use crate::store::{Token, TokenSeed};

/// How many logins a client may begin.
const STARTS: Allowance = Allowance {
    burst: 300,
    every: Duration::from_millis(500),
};
/// What is kept of one client.
const OF_ONE: Bounds = Bounds {
    logins: 1_000,
    bytes: 1 << 20,
};
/// What is kept in all.
const IN_ALL: Bounds = Bounds {
    logins: 100_000,
    bytes: 64 << 20,
};
/// What a record takes beside the texts in it.
const RECORD: usize = 600;

#[derive(Debug, Clone, Copy)]
struct Bounds {
    logins: usize,
    bytes: usize,
}

impl Bounds {
    fn hold(self, logins: usize, bytes: usize) -> bool {
        logins <= self.logins && bytes <= self.bytes
    }
}

/// Whose logins are counted together. An IPv6 client has a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Client {
    V4([u8; 4]),
    V6([u16; 4]),
    /// Clients are not told apart.
    Unknown,
}

impl Client {
    fn of(address: Option<IpAddr>) -> Self {
        match address.map(|ip| ip.to_canonical()) {
            Some(IpAddr::V4(ip)) => Self::V4(ip.octets()),
            Some(IpAddr::V6(ip)) => {
                let [a, b, c, d, ..] = ip.segments();
                Self::V6([a, b, c, d])
            }
            None => Self::Unknown,
        }
    }
}

/// What strangers have the broker keep, and those who administer one account.
pub struct AllShares {
    /// Logins at providers.
    pub logins: Shares,
    /// Authorization requests that wait for a login, or for the user's answer.
    pub requests: Shares,
    /// Authorization requests that were pushed.
    pub pushed: Shares,
    /// Logins as VTEX ID's front ends begin them.
    pub vtex: Shares,
    /// Trials that an account opens.
    pub trials: Rate<AccountId>,
}

impl Default for AllShares {
    fn default() -> Self {
        Self {
            logins: Shares::default(),
            requests: Shares::default(),
            pushed: Shares::default(),
            vtex: Shares::default(),
            trials: Rate::new(OPENED),
        }
    }
}

/// What is kept of one kind, by client.
pub struct Shares {
    starts: Rate<Client>,
    kept: Mutex<Kept>,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            starts: Rate::new(STARTS),
            kept: Mutex::default(),
        }
    }
}

#[derive(Default)]
struct Kept {
    clients: HashMap<Client, Share>,
    logins: usize,
    bytes: usize,
}

#[derive(Default)]
struct Share {
    /// The oldest in front.
    logins: VecDeque<(TokenSeed, usize)>,
    bytes: usize,
}

impl Shares {
    /// Whether a client may begin another login now.
    ///
    /// # Errors
    /// [`Spent`]: not for so long.
    pub fn may_begin(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), Spent> {
        match Client::of(from) {
            Client::Unknown => Ok(()),
            client => self.starts.take(client, now),
        }
    }

    /// Counts a login with so many bytes of texts from outside. Gives those whose
    /// place it takes, which are to be forgotten.
    #[must_use]
    pub fn keep(
        &self,
        from: Option<IpAddr>,
        token: &Token,
        texts: usize,
        now: Timestamp,
    ) -> Vec<Token> {
        let client = Client::of(from);
        let bytes = texts + RECORD;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.logins += 1;
        kept.bytes += bytes;
        let share = kept.clients.entry(client).or_default();
        share.bytes += bytes;
        share.logins.push_back((token.seed(), bytes));
        let mut gone = Vec::new();
        kept.shorten(client, &mut Vec::new(), |share| share.has_ended(now));
        if client != Client::Unknown {
            kept.shorten(client, &mut gone, |share| {
                !OF_ONE.hold(share.logins.len(), share.bytes)
            });
        }
        if !IN_ALL.hold(kept.logins, kept.bytes) {
            kept.make_room(now, &mut gone);
        }
        gone
    }
}

impl Share {
    fn has_ended(&self, now: Timestamp) -> bool {
        let first = self.logins.front();
        first.is_some_and(|(seed, _)| seed.expires_at() <= now)
    }
}

impl Kept {
    /// Takes a client's oldest logins away while `more` says so.
    fn shorten(&mut self, client: Client, gone: &mut Vec<Token>, more: impl Fn(&Share) -> bool) {
        let Some(share) = self.clients.get_mut(&client) else {
            return;
        };
        while more(share) {
            let Some((seed, bytes)) = share.logins.pop_front() else {
                break;
            };
            share.bytes -= bytes;
            self.bytes -= bytes;
            self.logins -= 1;
            gone.push(seed.token());
        }
        if share.logins.is_empty() {
            self.clients.remove(&client);
        }
    }

    /// Makes room for a while: what has ended goes, then the older half of those who
    /// have the most, until a tenth is free.
    fn make_room(&mut self, now: Timestamp, gone: &mut Vec<Token>) {
        let clients: Vec<Client> = self.clients.keys().copied().collect();
        for client in clients {
            self.shorten(client, &mut Vec::new(), |share| share.has_ended(now));
        }
        let enough = |kept: &Self| {
            kept.logins <= IN_ALL.logins / 10 * 9 && kept.bytes <= IN_ALL.bytes / 10 * 9
        };
        while !enough(self) {
            let mut most: Vec<(usize, Client)> = self
                .clients
                .iter()
                .map(|(client, share)| (share.bytes, *client))
                .collect();
            most.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
            for (bytes, client) in most {
                if enough(self) {
                    return;
                }
                self.shorten(client, gone, |share| share.bytes > bytes / 2);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn f28_what_is_kept_is_bounded_and_those_with_the_most_lose() {
        let shares = Shares::default();
        let now = Timestamp::from_secs(1_000);
        let end = now.plus(Duration::from_secs(1_200));
        let small = Token::new(end);
        assert!(shares.keep(Some(address(1)), &small, 100, now).is_empty());
        let mut gone = Vec::new();
        for i in 0..200_000_u32 {
            gone.extend(shares.keep(Some(address(2 + i % 150)), &Token::new(end), 4_000, now));
        }
        let kept = shares.kept.lock().unwrap();
        assert!(IN_ALL.hold(kept.logins, kept.bytes));
        assert_eq!(kept.logins + gone.len(), 200_001);
        assert!(!gone.contains(&small));
        for share in kept.clients.values() {
            assert!(OF_ONE.hold(share.logins.len(), share.bytes));
        }
        drop(kept);
        // All of it ends, and one that comes later finds nothing.
        let _ = shares.keep(None, &Token::new(end.plus(Duration::from_secs(9))), 1, end);
        let mut kept = shares.kept.lock().unwrap();
        kept.make_room(end, &mut Vec::new());
        assert_eq!(kept.logins, 1);
    }

    #[test]
    fn f28_clients_that_are_not_told_apart_share_what_there_is_in_all() {
        let shares = Shares::default();
        let now = Timestamp::from_secs(1_000);
        let end = now.plus(Duration::from_secs(1_200));
        let mut gone = 0;
        for _ in 0..120_000 {
            shares.may_begin(None, now).unwrap();
            gone += shares.keep(None, &Token::new(end), 10, now).len();
        }
        let kept = shares.kept.lock().unwrap();
        assert!(IN_ALL.hold(kept.logins, kept.bytes));
        assert_eq!(kept.logins + gone, 120_000);
    }
}
