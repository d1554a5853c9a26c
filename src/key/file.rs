//! Key files, as the configuration names them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use pkcs8::EncryptedPrivateKeyInfoRef;
use zeroize::Zeroizing;

use super::certificate::{Certificate, is_certificate};
use super::der::{self, Shape};
use super::error::{FileProblem, KeyError};
use super::signing::SigningKey;
use super::{pem, pfx};
use crate::base::{Secret, Timestamp};

/// The largest key file: an RSA-8192 key with a long chain is a tenth of it.
pub const MAX_FILE_SIZE: usize = 256 * 1024;

/// Where a key and its certificate are.
#[derive(Debug, Clone, Copy)]
pub struct KeyFile<'a> {
    /// The private key: PEM, DER or PFX.
    pub private_key: &'a Path,
    /// Its password.
    pub password: Option<&'a Secret>,
    /// Its certificate: PEM or DER. Without it, those in the key's own file.
    pub certificate: Option<&'a Path>,
}

impl KeyFile<'_> {
    /// Reads the key and checks it and its certificate. Takes up to a second
    /// where the file asks for many rounds of key derivation.
    pub fn load(&self, now: Timestamp) -> Result<SigningKey, KeyError> {
        let in_key = |problem| KeyError::in_file(self.private_key, problem);
        let bytes = read_file(self.private_key).map_err(in_key)?;
        let (key, beside) = read_key(&bytes, self.password).map_err(in_key)?;
        let (certificates, path) = match self.certificate {
            None if beside.is_empty() => return Ok(key),
            None => (beside, self.private_key),
            Some(path) => {
                let all = read_file(path).and_then(|bytes| Certificate::read_all(&bytes));
                (
                    all.map_err(|problem| KeyError::in_file(path, problem))?,
                    path,
                )
            }
        };
        let key =
            key.with_certificates(certificates)
                .and_then(|key| match key.certificates().first() {
                    Some(leaf) => leaf.check_time(now).map(|()| key),
                    None => Ok(key),
                });
        key.map_err(|problem| KeyError::in_file(path, problem))
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileProblem> {
    let limit = MAX_FILE_SIZE;
    // Room for all at once: growing would leave copies of a private key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    File::open(path)
        .and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| FileProblem::Unreadable(error.to_string()))?;
    if bytes.len() > limit {
        return Err(FileProblem::TooLarge { limit });
    }
    Ok(bytes)
}

/// Reads a private key, and the certificates in the same file, from the bytes
/// of a PEM, DER or PFX file.
pub fn read_key(
    bytes: &[u8],
    password: Option<&Secret>,
) -> Result<(SigningKey, Vec<Certificate>), FileProblem> {
    if bytes.len() > MAX_FILE_SIZE {
        return Err(FileProblem::TooLarge {
            limit: MAX_FILE_SIZE,
        });
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if pem::looks_like(bytes) => read_pem(text, password),
        _ => read_der(bytes, password),
    }
}

fn read_pem(
    text: &str,
    password: Option<&Secret>,
) -> Result<(SigningKey, Vec<Certificate>), FileProblem> {
    let blocks = pem::blocks(text);
    let mut keys = blocks
        .iter()
        .filter(|block| block.label.ends_with("PRIVATE KEY"));
    let Some(block) = keys.next() else {
        let other = if blocks.iter().any(|block| is_certificate(&block.label)) {
            "certificate"
        } else if blocks
            .iter()
            .any(|block| block.label.ends_with("PUBLIC KEY"))
        {
            "public key"
        } else {
            return Err(FileProblem::NotAKey);
        };
        return Err(FileProblem::NoPrivateKey(other));
    };
    match keys.count() {
        0 => {}
        more => return Err(FileProblem::SeveralKeys(more + 1)),
    }
    if block.old_encryption {
        // Its key is one round of MD5 over the password.
        return Err(FileProblem::UnsupportedEncryption(
            "OpenSSL's own, from before PKCS#8",
        ));
    }
    let der = block.der.as_deref().ok_or(FileProblem::Damaged)?;
    let key = match block.label.as_str() {
        "ENCRYPTED PRIVATE KEY" => read_encrypted(der, password),
        "PRIVATE KEY" => SigningKey::from_pkcs8(der),
        "RSA PRIVATE KEY" => SigningKey::from_pkcs1(der),
        "EC PRIVATE KEY" => SigningKey::from_sec1(der),
        other => Err(FileProblem::UnsupportedKey(format!("a `{other}`"))),
    }?;
    let certificates = match Certificate::read_all(text.as_bytes()) {
        Ok(all) => all,
        // A file with a key alone is the usual case.
        Err(_) if !blocks.iter().any(|block| is_certificate(&block.label)) => Vec::new(),
        Err(problem) => return Err(problem),
    };
    Ok((key, certificates))
}

fn read_der(
    bytes: &[u8],
    password: Option<&Secret>,
) -> Result<(SigningKey, Vec<Certificate>), FileProblem> {
    let alone = |key| (key, Vec::new());
    match der::shape(bytes).ok_or(FileProblem::NotAKey)? {
        Shape::Pkcs8 => SigningKey::from_pkcs8(bytes).map(alone),
        Shape::EncryptedPkcs8 => read_encrypted(bytes, password).map(alone),
        Shape::Pkcs1 => SigningKey::from_pkcs1(bytes).map(alone),
        Shape::Sec1 => SigningKey::from_sec1(bytes).map(alone),
        Shape::Pfx => {
            der::check_rounds(bytes)?;
            pfx::read(bytes, password)
        }
        Shape::Certificate => Err(FileProblem::NoPrivateKey("certificate")),
        Shape::PublicKey => Err(FileProblem::NoPrivateKey("public key")),
    }
}

/// PBES2 (RFC 8018 §6.2), as `openssl genpkey -des3` and its like write it.
fn read_encrypted(bytes: &[u8], password: Option<&Secret>) -> Result<SigningKey, FileProblem> {
    der::check_rounds(bytes)?;
    let password = password.ok_or(FileProblem::NeedsPassword)?;
    let unsupported = FileProblem::UnsupportedEncryption("an unknown scheme of PKCS#5");
    let info = match EncryptedPrivateKeyInfoRef::try_from(bytes) {
        Ok(info) => info,
        Err(_) if der::shape(bytes) == Some(Shape::EncryptedPkcs8) => return Err(unsupported),
        Err(_) => return Err(FileProblem::Damaged),
    };
    let plain = info
        .decrypt(password.expose().as_bytes())
        .map_err(|error| match error {
            pkcs8::Error::EncryptedPrivateKey(
                pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. }
                | pkcs8::pkcs5::Error::NoPbes1CryptSupport,
            ) => unsupported,
            _ => FileProblem::WrongPassword,
        })?;
    match SigningKey::from_pkcs8(plain.as_bytes()) {
        // One wrong password in 256 leaves padding that looks right.
        Err(FileProblem::NotAKey) => Err(FileProblem::WrongPassword),
        other => other,
    }
}
