//! Which issuers the mappings name.

use std::collections::HashSet;
use std::sync::Arc;

use super::{CURRENT, Mapping, Mappings};
use crate::base::AccountId;
use crate::document::structure::parse_toml;
use crate::store::StoreError;

impl Mappings {
    /// Whether a mapping of the account, or of any account where none is given,
    /// names this issuer.
    pub async fn has_issuer(
        &self,
        account: Option<&AccountId>,
        issuer: &str,
    ) -> Result<bool, StoreError> {
        if let Some(account) = account {
            let found = self.list(account).await?;
            let mut named = found.iter().filter_map(|m| issuer_of(&m.value));
            return Ok(named.any(|named| named == issuer));
        }
        Ok(self.issuers().await?.contains(issuer))
    }

    /// The issuers of all accounts, read again only after a mapping changed.
    async fn issuers(&self) -> Result<Arc<HashSet<String>>, StoreError> {
        let revision = self.store.revision(CURRENT.space());
        if let Some(known) = self.issuers.get(&(), revision) {
            return Ok(known);
        }
        let mut issuers = HashSet::new();
        for partition in self.store.partitions(CURRENT.space()).await? {
            let Ok(account) = partition.parse() else {
                continue;
            };
            let found = self.list(&account).await?;
            issuers.extend(found.iter().filter_map(|m| issuer_of(&m.value)));
        }
        let issuers = Arc::new(issuers);
        self.issuers.put((), revision, Arc::clone(&issuers));
        Ok(issuers)
    }
}

fn issuer_of(mapping: &Mapping) -> Option<String> {
    let (value, _, _) = parse_toml(&mapping.source);
    Some(value.pointer("/provider/issuer")?.as_str()?.to_owned())
}
