//! Signing keys. They sign for all accounts, so who is limited to one gets
//! none of this.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tracing::info;

use super::Admin;
use super::access::Caller;
use super::accounts::Page;
use super::reply::{self, Reply, bad};
use crate::base::{Clock, Secret};
use crate::config::Auth;
use crate::http::problem::Problem;
use crate::key::{KeyError, KeyInfo, Keyring, read_key};
use crate::store::Store;

/// The keys: those of the broker that serves, or opened when they are needed.
pub struct Keys {
    open: OnceCell<Arc<Keyring>>,
    later: Option<Later>,
    /// The longest that a token lives.
    longest: Duration,
}

struct Later {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    auth: Auth,
    data_dir: PathBuf,
}

impl Keys {
    /// The keys of a broker that serves.
    pub fn of(keys: Arc<Keyring>, longest: Duration) -> Self {
        Self {
            open: OnceCell::new_with(Some(keys)),
            later: None,
            longest,
        }
    }

    /// The keys in a data directory, which may never be asked for.
    pub fn in_data(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        auth: Auth,
        data_dir: PathBuf,
        longest: Duration,
    ) -> Self {
        Self {
            open: OnceCell::new(),
            later: Some(Later {
                store,
                clock,
                auth,
                data_dir,
            }),
            longest,
        }
    }

    async fn get(&self) -> Result<&Arc<Keyring>, KeyError> {
        self.open
            .get_or_try_init(|| async {
                let later = self.later.as_ref().ok_or(KeyError::Gone)?;
                Keyring::open(
                    Arc::clone(&later.store),
                    &later.auth,
                    Arc::clone(&later.clock),
                    &later.data_dir,
                    self.longest,
                )
                .await
                .map(Arc::new)
            })
            .await
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        let status = match &error {
            KeyError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            KeyError::NoSuchKey(_) | KeyError::NoCertificate(_) => StatusCode::NOT_FOUND,
            KeyError::Busy | KeyError::FromFile { .. } | KeyError::SameFile { .. } => {
                StatusCode::CONFLICT
            }
            KeyError::Corrupt(_) | KeyError::Crypto(_) | KeyError::Gone => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, error.code(), error.to_string())
    }
}

/// A key file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    /// The file's bytes, base64: PEM, DER or PFX.
    file: String,
    password: Option<String>,
    /// A certificate's file, where it is not in the same.
    certificate: Option<String>,
}

/// How to rotate.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Rotation {
    /// Withdraw the old key at once, and every token it signed with it.
    withdraw: bool,
}

fn shown(info: &KeyInfo) -> Value {
    let mut value = serde_json::to_value(info).unwrap_or_default();
    for (name, at) in [
        ("created_at", Some(info.created_at)),
        ("retires_at", info.retires_at),
    ] {
        if let (Some(member), Some(at)) = (value.get_mut(name), at) {
            *member = at.rfc3339().into();
        }
    }
    if let Some(certificate) = &info.certificate {
        for (name, at) in [
            ("not_before", certificate.not_before),
            ("not_after", certificate.not_after),
        ] {
            value["certificate"][name] = at.rfc3339().into();
        }
    }
    value
}

pub(super) async fn list(State(admin): State<Admin>) -> Reply<Json<Page<Value>>> {
    let keys = admin.keys.get().await?;
    let items = keys.list().iter().map(shown).collect();
    Ok(Json(Page { items, next: None }))
}

/// A key's public part.
pub(super) async fn show(
    State(admin): State<Admin>,
    Path(kid): Path<String>,
) -> Reply<Json<Value>> {
    let keys = admin.keys.get().await?;
    let active = keys.active();
    let kid = if kid == "active" { active.kid() } else { &kid };
    let info = keys.list().into_iter().find(|info| info.kid == kid);
    let info = info.ok_or_else(|| KeyError::NoSuchKey(kid.chars().take(64).collect()))?;
    let mut value = shown(&info);
    value["public_key"] = keys.public_pem(Some(kid))?.into();
    if let Ok(pem) = keys.certificate_pem(Some(kid)) {
        value["certificate_pem"] = pem.into();
    }
    Ok(Json(value))
}

pub(super) async fn import(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<Value>> {
    let input: Import = reply::json(&headers, &body)?;
    let decode = |text: &str| {
        STANDARD
            .decode(text)
            .map_err(|_| bad("key.file", "`file` and `certificate` are base64"))
    };
    let bytes = decode(&input.file)?;
    let beside = input.certificate.as_deref().map(decode).transpose()?;
    let password = input.password.map(Secret::new);
    let invalid = |problem: crate::key::FileProblem| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            problem.code(),
            format!("the file {problem}"),
        )
    };
    // Decrypting takes its time.
    let key = tokio::task::spawn_blocking(move || {
        let (key, mut certificates) = read_key(&bytes, password.as_ref())?;
        if let Some(beside) = beside {
            certificates = crate::key::Certificate::read_all(&beside)?;
        }
        if certificates.is_empty() {
            Ok(key)
        } else {
            key.with_certificates(certificates)
        }
    })
    .await
    .map_err(|_| bad("key.file", "the file could not be read"))?
    .map_err(invalid)?;
    let info = admin.keys.get().await?.import(&key).await?;
    info!(
        kid = info.kid,
        by = caller.0,
        "key imported; the next rotation makes it active"
    );
    Ok(Json(shown(&info)))
}

/// Publishes the next key ahead of its use.
pub(super) async fn prepare(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
) -> Reply<Json<Value>> {
    let info = admin.keys.get().await?.prepare().await?;
    info!(kid = info.kid, by = caller.0, "next key published");
    Ok(Json(shown(&info)))
}

pub(super) async fn rotate(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply<Json<Value>> {
    let rotation: Rotation = if body.is_empty() {
        Rotation::default()
    } else {
        reply::json(&headers, &body)?
    };
    let keep = if rotation.withdraw {
        Duration::ZERO
    } else {
        admin.keys.longest
    };
    let info = admin.keys.get().await?.rotate(keep).await?;
    info!(
        kid = info.kid,
        by = caller.0,
        withdraw = rotation.withdraw,
        "key rotated"
    );
    Ok(Json(json!(shown(&info))))
}
