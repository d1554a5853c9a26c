//! The section `[store]`.

use super::StorePlace;
use super::file::ConfigFile;
use super::load::Check;
use crate::base::Secret;
use crate::document::SecretSource;

/// What a URL names.
enum Place {
    /// For durable and transient records.
    Both(StorePlace),
    /// For transient records.
    Redis(Secret),
}

impl Check<'_> {
    /// The place of durable records, and that of transient ones where it is another.
    pub(super) fn store(&mut self, file: &ConfigFile) -> (StorePlace, Option<Secret>) {
        let set = &file.store;
        let durable = match self.place("store.durable", set.durable.as_ref()) {
            Some(Place::Both(durable)) => durable,
            Some(Place::Redis(_)) => {
                self.error(
                    "store.durable",
                    "is Redis, which may lose what it was given",
                    "write `postgres://…` here, and `redis://…` as `store.transient`",
                );
                StorePlace::DataDir
            }
            None => StorePlace::DataDir,
        };
        let transient = match self.place("store.transient", set.transient.as_ref()) {
            Some(Place::Redis(url)) if durable == StorePlace::DataDir => {
                self.error(
                    "store.transient",
                    "is for brokers that share a store, and durable records are in a data directory",
                    "leave it out, or write `postgres://…` as `store.durable`",
                );
                Some(url)
            }
            Some(Place::Redis(url)) => Some(url),
            Some(Place::Both(place)) if place != durable => {
                self.error(
                    "store.transient",
                    "is neither Redis nor the place of durable records",
                    "leave it out, or write `redis://user:password@host:6379`",
                );
                None
            }
            Some(Place::Both(_)) | None => None,
        };
        if matches!(durable, StorePlace::Postgres(_)) && file.auth.master_key.is_none() {
            self.error(
                "auth.master_key",
                "is needed where brokers share a store: all encrypt under the same key",
                "make one with `openssl rand -base64 32` and give it to all of them, as in `{ file = \"PATH\" }`",
            );
        }
        (durable, transient)
    }

    fn place(&mut self, key: &str, source: Option<&SecretSource>) -> Option<Place> {
        let url: Secret = self.secret(key, source)?;
        match url.expose().split(':').next() {
            Some("sled") => Some(Place::Both(StorePlace::DataDir)),
            Some("postgres" | "postgresql") => Some(Place::Both(StorePlace::Postgres(url))),
            Some(
                "redis" | "rediss" | "redis+sentinel" | "rediss+sentinel" | "redis+cluster"
                | "rediss+cluster",
            ) => Some(Place::Redis(url)),
            scheme => {
                let scheme = scheme.unwrap_or_default();
                self.error(
                    key,
                    format!("`{scheme}` is not a store this version has"),
                    "write `sled` or `postgres://user:password@host/database`; for `store.transient` also `redis://user:password@host:6379`",
                );
                None
            }
        }
    }
}
