//! The domains of emails that an account's people prove, for the pages that show them.

use super::guard::Desk;
use crate::operation::domain_proofs::{self, DomainProofView};
use crate::operation::{Outcome, Paging};

/// The domains, in their order.
pub(super) async fn of(desk: &Desk, account: &str) -> Outcome<Vec<DomainProofView>> {
    let all = Paging::new(500, None);
    let found = domain_proofs::list(desk.ops(), &desk.caller(), account, &all).await?;
    Ok(found.items)
}
