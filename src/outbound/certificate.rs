//! The certificate that the broker shows to a provider (RFC 8705).

use std::fmt;
use std::sync::Arc;

use reqwest::{Certificate, Client, Identity};

use super::error::root;
use crate::base::{Secret, digest};

/// A certificate with its private key. Cheap to clone; prints neither.
#[derive(Clone)]
pub struct ClientCertificate(Arc<Inner>);

struct Inner {
    identity: Identity,
    /// Tells one from another without holding the key.
    digest: String,
}

impl ClientCertificate {
    /// Reads a certificate, those between it and the root behind it, and its key.
    ///
    /// # Errors
    /// What is wrong with them, without the key.
    pub fn from_pem(certificate: &Secret, key: &Secret) -> Result<Self, String> {
        let pem = format!("{}\n{}\n", key.expose().trim(), certificate.expose().trim());
        let identity = Identity::from_pem(pem.as_bytes()).map_err(|error| root(&error))?;
        // Only a client finds out whether the two belong together. It trusts nobody
        // and sends nothing.
        Client::builder()
            .tls_certs_only(std::iter::empty::<Certificate>())
            .identity(identity.clone())
            .build()
            .map_err(|error| root(&error))?;
        Ok(Self(Arc::new(Inner {
            identity,
            digest: digest::sha256_base64url(pem.as_bytes()),
        })))
    }

    pub(super) fn identity(&self) -> Identity {
        self.0.identity.clone()
    }
}

impl PartialEq for ClientCertificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate")
    }
}
