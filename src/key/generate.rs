//! New keys and self-signed certificates.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RsaKeyPair};
use pkcs8::pkcs5::pbes2;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyUsagePurpose, SerialNumber};
use time::OffsetDateTime;

use super::algorithm::Algorithm;
use super::certificate::Certificate;
use super::error::KeyError;
use super::pem;
use super::public::PublicKey;
use super::signing::SigningKey;
use crate::base::{Secret, Timestamp, random};

/// Rounds of PBKDF2 in what we write: OWASP's advice for HMAC-SHA-256.
const ROUNDS: u32 = 600_000;

/// A kind of key that can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyKind {
    /// EC on P-256: tokens a third of the size of RSA's, made thirty times as fast.
    #[default]
    P256,
    /// RSA of 2048 bits.
    Rsa2048,
    /// RSA of 3072 bits.
    Rsa3072,
    /// RSA of 4096 bits.
    Rsa4096,
}

impl KeyKind {
    /// The kind that takes the place of `key`, whose readers know its algorithm.
    pub(super) fn like(key: &PublicKey) -> Self {
        match (key.algorithm(), key.bits()) {
            (Algorithm::Es256, _) => Self::P256,
            (Algorithm::Rs256, ..=2048) => Self::Rsa2048,
            (Algorithm::Rs256, ..=3072) => Self::Rsa3072,
            (Algorithm::Rs256, _) => Self::Rsa4096,
        }
    }
}

impl From<Algorithm> for KeyKind {
    /// What is made where nobody says more.
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => Self::P256,
            Algorithm::Rs256 => Self::Rsa2048,
        }
    }
}

impl FromStr for KeyKind {
    type Err = KeyError;
    fn from_str(text: &str) -> Result<Self, KeyError> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "ec" | "p256" | "p-256" | "es256" => Self::P256,
            "rsa-2048" | "rsa2048" | "rsa" | "rs256" => Self::Rsa2048,
            "rsa-3072" | "rsa3072" => Self::Rsa3072,
            "rsa-4096" | "rsa4096" => Self::Rsa4096,
            _ => return Err(KeyError::BadKind(text.to_owned())),
        })
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256 => "ec",
            Self::Rsa2048 => "rsa-2048",
            Self::Rsa3072 => "rsa-3072",
            Self::Rsa4096 => "rsa-4096",
        })
    }
}

/// Makes a key. RSA takes up to some seconds: not for an async worker.
pub fn generate(kind: KeyKind) -> Result<SigningKey, KeyError> {
    let failed = KeyError::Crypto("make a key");
    let size = match kind {
        KeyKind::P256 => {
            let Ok(pair) = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING) else {
                return Err(failed);
            };
            return SigningKey::from_p256(pair).map_err(|_| failed);
        }
        KeyKind::Rsa2048 => KeySize::Rsa2048,
        KeyKind::Rsa3072 => KeySize::Rsa3072,
        KeyKind::Rsa4096 => KeySize::Rsa4096,
    };
    match RsaKeyPair::generate(size).map(SigningKey::from_rsa) {
        Ok(Ok(key)) => Ok(key),
        _ => Err(failed),
    }
}

/// What a self-signed certificate says.
#[derive(Debug, Clone, Default)]
pub struct SelfSigned {
    /// The subject's `CN`.
    pub common_name: String,
    /// The subject's `O`.
    pub organization: Option<String>,
    /// The subject's `C`.
    pub country: Option<String>,
    /// Host names and addresses; may be empty.
    pub alternative_names: Vec<String>,
    /// How long it is valid.
    pub days: u32,
}

impl SigningKey {
    /// The private key as PEM: PKCS#8, with a password encrypted by PBES2 with
    /// PBKDF2-HMAC-SHA-256 and AES-256-CBC (RFC 8018), which OpenSSL reads.
    pub fn to_pem(&self, password: Option<&Secret>) -> Result<Secret, KeyError> {
        let plain = self.to_pkcs8()?;
        let Some(password) = password else {
            return Ok(Secret::new(pem::write("PRIVATE KEY", &plain)));
        };
        let failed = || KeyError::Crypto("encrypt a private key");
        let salt = random::bytes::<16>();
        let iv = random::bytes::<16>();
        let how = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, iv)
            .map_err(|_| failed())?;
        let info = PrivateKeyInfoRef::try_from(plain.as_slice()).map_err(|_| failed())?;
        let encrypted = info
            .encrypt_with_params(how, password.expose().as_bytes())
            .map_err(|_| failed())?;
        debug_assert!(EncryptedPrivateKeyInfoRef::try_from(encrypted.as_bytes()).is_ok());
        let text = pem::write("ENCRYPTED PRIVATE KEY", encrypted.as_bytes());
        Ok(Secret::new(text))
    }

    /// A certificate over this key by this key, valid from `now` on.
    pub fn self_signed(
        &self,
        wanted: &SelfSigned,
        now: Timestamp,
    ) -> Result<Certificate, KeyError> {
        let failed = |why: &dyn fmt::Display| KeyError::BadCertificate(why.to_string());
        let mut params = CertificateParams::new(wanted.alternative_names.clone())
            .map_err(|error| failed(&error))?;
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, wanted.common_name.as_str());
        if let Some(organization) = &wanted.organization {
            name.push(DnType::OrganizationName, organization.as_str());
        }
        if let Some(country) = &wanted.country {
            name.push(DnType::CountryName, country.as_str());
        }
        params.distinguished_name = name;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let seconds = i64::try_from(now.as_secs()).map_err(|error| failed(&error))?;
        let start = OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| failed(&error))?;
        params.not_before = start;
        params.not_after = start
            .checked_add(time::Duration::days(wanted.days.into()))
            .ok_or_else(|| failed(&"it would be valid for too long"))?;
        // RFC 5280 §4.1.2.2: positive, at most 20 octets.
        let mut serial = random::bytes::<16>();
        serial[0] &= 0x7f;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let algorithm = match self.algorithm() {
            Algorithm::Es256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Algorithm::Rs256 => &rcgen::PKCS_RSA_SHA256,
        };
        let pkcs8 = self.to_pkcs8()?;
        let pair =
            rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.as_slice().into(), algorithm)
                .map_err(|error| failed(&error))?;
        let made = params.self_signed(&pair).map_err(|error| failed(&error))?;
        Certificate::from_der(made.der()).ok_or_else(|| failed(&"it cannot be read back"))
    }
}
