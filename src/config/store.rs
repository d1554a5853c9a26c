//! The section `[store]`.

use super::StorePlace;
use super::file::ConfigFile;
use super::load::Check;
use crate::base::Secret;
use crate::document::SecretSource;

impl Check<'_> {
    /// The place of durable records; that of transient ones is the same.
    pub(super) fn store(&mut self, file: &ConfigFile) -> StorePlace {
        let set = &file.store;
        let durable = self.place("store.durable", set.durable.as_ref());
        let transient = self.place("store.transient", set.transient.as_ref());
        let durable = durable.unwrap_or(StorePlace::DataDir);
        if transient.is_some_and(|transient| transient != durable) {
            self.error(
                "store.transient",
                "is another place than that of durable records",
                "leave it out",
            );
        }
        if matches!(durable, StorePlace::Postgres(_)) && file.auth.master_key.is_none() {
            self.error(
                "auth.master_key",
                "is needed where brokers share a store: all encrypt under the same key",
                "make one with `openssl rand -base64 32` and give it to all of them, as in `{ file = \"PATH\" }`",
            );
        }
        durable
    }

    fn place(&mut self, key: &str, source: Option<&SecretSource>) -> Option<StorePlace> {
        let url: Secret = self.secret(key, source)?;
        match url.expose().split(':').next() {
            Some("sled") => Some(StorePlace::DataDir),
            Some("postgres" | "postgresql") => Some(StorePlace::Postgres(url)),
            scheme => {
                let scheme = scheme.unwrap_or_default();
                self.error(
                    key,
                    format!("`{scheme}` is not a store this version has"),
                    "write `sled` or `postgres://user:password@host/database`",
                );
                None
            }
        }
    }
}
