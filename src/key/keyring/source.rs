//! Keys from the configured file.

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::{Secret, Timestamp};
use crate::config::Auth;
use crate::key::error::KeyError;
use crate::key::file::KeyFile;
use crate::key::signing::SigningKey;

/// The configured file.
#[derive(Clone)]
pub(super) struct FileSource {
    private_key: PathBuf,
    password: Option<Secret>,
    certificate: Option<PathBuf>,
}

impl FileSource {
    pub(super) fn new(auth: &Auth) -> Result<Option<Self>, KeyError> {
        match (&auth.private_key, &auth.public_cert) {
            (None, Some(_)) => Err(KeyError::CertificateWithoutKey),
            (None, None) => Ok(None),
            (Some(private_key), certificate) => Ok(Some(Self {
                private_key: private_key.clone(),
                password: auth.private_key_password.clone(),
                certificate: certificate.clone(),
            })),
        }
    }

    pub(super) fn path(&self) -> String {
        self.private_key.display().to_string()
    }

    pub(super) async fn load(&self, now: Timestamp) -> Result<Arc<SigningKey>, KeyError> {
        let source = self.clone();
        blocking(move || {
            KeyFile {
                private_key: &source.private_key,
                password: source.password.as_ref(),
                certificate: source.certificate.as_deref(),
            }
            .load(now)
        })
        .await
    }
}

/// Runs what takes long (a password's derivation, an RSA key's making) beside
/// the async workers.
pub(super) async fn blocking(
    work: impl FnOnce() -> Result<SigningKey, KeyError> + Send + 'static,
) -> Result<Arc<SigningKey>, KeyError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(made) => made.map(Arc::new),
        Err(_) => Err(KeyError::Crypto("finish its work")),
    }
}
