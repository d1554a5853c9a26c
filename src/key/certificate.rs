//! X.509 certificates (RFC 5280), as far as they carry a signing key.

use serde::Serialize;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::error::FileProblem;
use super::public::PublicKey;
use super::{der, pem};
use crate::base::Timestamp;

/// A certificate, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    spki: Vec<u8>,
    subject: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// What there is to tell about a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateInfo {
    /// Its subject's distinguished name.
    pub subject: String,
    /// Valid from.
    pub not_before: Timestamp,
    /// Valid until.
    pub not_after: Timestamp,
}

impl Certificate {
    /// From DER; nothing may stand behind it.
    pub fn from_der(bytes: &[u8]) -> Option<Self> {
        let (rest, parsed) = X509Certificate::from_der(bytes).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let moment = |time: &x509_parser::time::ASN1Time| {
            Timestamp::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
        };
        let validity = parsed.validity();
        Some(Self {
            der: bytes.to_vec(),
            spki: parsed.public_key().raw.to_vec(),
            subject: parsed.subject().to_string(),
            not_before: moment(&validity.not_before),
            not_after: moment(&validity.not_after),
        })
    }

    /// All certificates of a PEM text or a DER file, in their order.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, FileProblem> {
        let found: Option<Vec<Self>> = match std::str::from_utf8(bytes) {
            Ok(text) if pem::looks_like(bytes) => pem::blocks(text)
                .iter()
                .filter(|block| is_certificate(&block.label))
                .map(|block| block.der.as_deref().and_then(|der| Self::from_der(der)))
                .collect(),
            _ if der::shape(bytes) == Some(der::Shape::Certificate) => {
                Self::from_der(bytes).map(|one| vec![one])
            }
            _ => None,
        };
        found
            .filter(|all| !all.is_empty())
            .ok_or(FileProblem::NoCertificate)
    }

    /// Its bytes.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// As PEM.
    pub fn to_pem(&self) -> String {
        pem::write("CERTIFICATE", &self.der)
    }

    /// The key it is about.
    pub fn public_key(&self) -> Result<PublicKey, FileProblem> {
        PublicKey::from_spki(&self.spki)
    }

    /// Fails unless it is valid at `now`; both ends count (RFC 5280 §4.1.2.5).
    pub fn check_time(&self, now: Timestamp) -> Result<(), FileProblem> {
        if now < self.not_before {
            Err(FileProblem::CertificateNotYetValid(self.not_before))
        } else if now.as_secs() > self.not_after.as_secs() {
            Err(FileProblem::CertificateExpired(self.not_after))
        } else {
            Ok(())
        }
    }

    /// What there is to tell about it.
    pub fn info(&self) -> CertificateInfo {
        CertificateInfo {
            subject: self.subject.clone(),
            not_before: self.not_before,
            not_after: self.not_after,
        }
    }
}

/// True for the labels under which PEM carries a certificate.
pub(super) fn is_certificate(label: &str) -> bool {
    matches!(label, "CERTIFICATE" | "X509 CERTIFICATE")
}
