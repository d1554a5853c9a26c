//! What was issued to a user, ended: at every application, which are told.

use std::time::Duration;

use crate::account::provider_tokens;
use crate::authority::grants::{self, Ending, Which};
use crate::authority::logout::end_sessions;
use crate::base::{AccountId, UserId};
use crate::operation::{Operations, Outcome};

/// How long access tokens may live at most where no broker says what it issues.
const LONGEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// What ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// Sessions.
    pub sessions: usize,
    /// What was granted to applications outside of these sessions.
    pub grants: usize,
}

impl Operations {
    /// To end what was issued.
    pub fn ending(&self) -> Ending<'_> {
        match &self.serving {
            Some(serving) => serving.authority.ending(),
            None => Ending {
                store: &*self.store,
                now: self.clock.now(),
                access_token_lifetime: LONGEST,
                beside: None,
                tells: false,
            },
        }
    }
}

/// Removes what was issued to a user whose record says already that it counts no
/// more. It can be done again where a crash came between.
pub(super) async fn end(ops: &Operations, account: &AccountId, user: UserId) -> Outcome<Ended> {
    // The sessions are read for whom to tell, so this comes first.
    end_sessions(&ops.ending(), account, user).await?;
    provider_tokens::forget_user(&*ops.store, account, user).await?;
    let which = Which {
        account,
        user: Some(user),
        application: None,
    };
    let grants = grants::end_all(&ops.ending().telling(), &which)
        .await?
        .len();
    let sessions = grants::end_issued(&*ops.store, account, user)
        .await?
        .sessions;
    Ok(Ended { sessions, grants })
}
