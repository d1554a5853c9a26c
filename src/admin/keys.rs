//! Signing keys. They sign for all accounts, so who is limited to one gets
//! none of this.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::info;

use super::Admin;
use super::Caller;
use super::audit::{Note, note, unchanged};
use super::paging::{Page, Paging};
use super::reply::{self, Reply, condition, with_tag};
use crate::base::{ErrorCode, Secret, Timestamp};
use crate::http::problem::Problem;
use crate::key::{
    Algorithm, KeyError, KeyInfo, KeyState, Keyring, Origin, Outline, Role, read_key,
};
use crate::operation::key_tag as tag;
use crate::store::{Step, StoreError};

/// A key file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "KeyFile")]
pub(super) struct Import {
    /// The file's bytes, base64: PEM, DER or PFX.
    file: String,
    password: Option<String>,
    /// A certificate's file, base64, where it is not in the same.
    certificate: Option<String>,
    /// It is to sign only what asks for its algorithm; else the default key
    /// follows it.
    #[serde(default)]
    additional: bool,
}

/// Which key.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "KeyQuery")]
pub(super) struct KeyQuery {
    /// The key that signs this; the default one unless given.
    algorithm: Option<Algorithm>,
}

/// How to rotate.
#[derive(Deserialize, JsonSchema, Default)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "KeyRotation")]
pub(super) struct Rotation {
    /// The key that signs this; the default one unless given.
    algorithm: Option<Algorithm>,
    /// Withdraw the old key at once, and every token it signed with it.
    withdraw: bool,
}

/// A signing key: its public side.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Key")]
pub(super) struct KeyView {
    /// Its name, the RFC 7638 thumbprint.
    kid: String,
    algorithm: Algorithm,
    /// Its size.
    bits: usize,
    state: KeyState,
    role: Role,
    origin: Origin,
    /// When it was made, or first seen in its file (RFC 3339).
    created_at: String,
    /// When it stops verifying tokens (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    retires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<CertificateView>,
    /// The public key, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    /// The certificates, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_pem: Option<String>,
}

/// What there is to tell about a certificate.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Certificate")]
struct CertificateView {
    /// Its subject's distinguished name.
    subject: String,
    /// RFC 3339.
    not_before: String,
    /// RFC 3339.
    not_after: String,
}

impl From<&KeyInfo> for KeyView {
    fn from(info: &KeyInfo) -> Self {
        Self {
            kid: info.kid.clone(),
            algorithm: info.algorithm,
            bits: info.bits,
            state: info.state,
            role: info.role,
            origin: info.origin,
            created_at: info.created_at.rfc3339(),
            retires_at: info.retires_at.map(Timestamp::rfc3339),
            certificate: info.certificate.as_ref().map(|found| CertificateView {
                subject: found.subject.clone(),
                not_before: found.not_before.rfc3339(),
                not_after: found.not_after.rfc3339(),
            }),
            public_key: None,
            certificate_pem: None,
        }
    }
}

/// What a change of the keys answers, whose entry is written with it.
fn after(keys: &Keyring, info: &KeyInfo) -> Response {
    unchanged(with_tag(tag(keys).as_str(), Json(KeyView::from(info))))
}

/// Writes the entry of a change of the keys.
fn entry(note: Note) -> impl Fn(&[Outline], &[Outline]) -> Result<Vec<Step>, StoreError> {
    move |before, after| note.step(json!(before), json!(after))
}

/// A body that may be left out.
fn optional<T: DeserializeOwned + Default>(headers: &HeaderMap, body: &Bytes) -> Reply<T> {
    if body.is_empty() {
        Ok(T::default())
    } else {
        reply::json(headers, body)
    }
}

pub(super) async fn list(State(admin): State<Admin>, Query(paging): Query<Paging>) -> Reply {
    let keys = admin.keys.get().await?;
    let items = keys.list().iter().map(KeyView::from).collect();
    let page = Page::of_all(items, &paging, |key: &KeyView| key.kid.clone())?;
    Ok(with_tag(tag(keys).as_str(), page))
}

/// A key's public part.
pub(super) async fn show(State(admin): State<Admin>, Path(kid): Path<String>) -> Reply {
    let keys = admin.keys.get().await?;
    let active = keys.active();
    let kid = if kid == "active" { active.kid() } else { &kid };
    let info = keys.list().into_iter().find(|info| info.kid == kid);
    let info = info.ok_or_else(|| KeyError::NoSuchKey(kid.chars().take(64).collect()))?;
    let mut shown = KeyView::from(&info);
    shown.public_key = Some(keys.public_pem(Some(kid))?);
    shown.certificate_pem = keys.certificate_pem(Some(kid)).ok();
    Ok(with_tag(tag(keys).as_str(), Json(shown)))
}

pub(super) async fn import(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let input: Import = reply::json(&headers, &body)?;
    let decode = |text: &str| {
        STANDARD
            .decode(text)
            .map_err(|_| Problem::new(ErrorCode::KeyFile, "`file` and `certificate` are base64"))
    };
    let bytes = decode(&input.file)?;
    let beside = input.certificate.as_deref().map(decode).transpose()?;
    let password = input.password.map(Secret::new);
    let invalid = |problem: crate::key::FileProblem| {
        Problem::new(problem.code(), format!("the file {problem}"))
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
    .map_err(|_| Problem::new(ErrorCode::KeyFile, "the file could not be read"))?
    .map_err(invalid)?;
    let (keys, _one_at_a_time) = admin.keys.to_change(&condition(&headers)?).await?;
    let entry = entry(note(&admin)?);
    let info = keys.import(&key, input.additional, &entry).await?;
    info!(
        kid = info.kid,
        by = caller.name(),
        "key imported; the next rotation makes it active"
    );
    Ok(after(keys, &info))
}

/// Publishes the next key ahead of its use.
pub(super) async fn prepare(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let which: KeyQuery = optional(&headers, &body)?;
    let (keys, _one_at_a_time) = admin.keys.to_change(&condition(&headers)?).await?;
    let entry = entry(note(&admin)?);
    let info = keys.prepare(which.algorithm, &entry).await?;
    info!(kid = info.kid, by = caller.name(), "next key published");
    Ok(after(keys, &info))
}

pub(super) async fn rotate(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let rotation: Rotation = optional(&headers, &body)?;
    let keep = if rotation.withdraw {
        Duration::ZERO
    } else {
        admin.keys.longest()
    };
    let (keys, _one_at_a_time) = admin.keys.to_change(&condition(&headers)?).await?;
    let entry = entry(note(&admin)?);
    let info = keys.rotate(rotation.algorithm, keep, &entry).await?;
    info!(
        kid = info.kid,
        by = caller.name(),
        withdraw = rotation.withdraw,
        "key rotated"
    );
    Ok(after(keys, &info))
}
