//! The master key, under which private keys are encrypted at rest.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::KeyError;
use crate::base::{Secret, random};

/// What can be guessed cannot be a key: 16 characters of base64 are 96 bits.
const MIN_LENGTH: usize = 16;
const FILE: &str = "master.key";

/// Where the master key comes from.
pub(super) enum Master {
    /// The configuration.
    Given(Secret),
    /// A file of the data directory, made when it is first needed.
    File(PathBuf),
}

/// The master key, ready to use.
pub(super) struct MasterKey {
    key: RandomizedNonceKey,
    name: String,
    source: String,
}

/// An encrypted private key.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Sealed {
    /// The name of the master key.
    under: String,
    /// Nonce, ciphertext and tag of AES-256-GCM, base64url.
    data: String,
}

impl Master {
    pub(super) fn new(given: Option<Secret>, data_dir: &Path) -> Result<Self, KeyError> {
        match given {
            Some(secret) if secret.expose().chars().count() < MIN_LENGTH => {
                Err(KeyError::MasterTooShort)
            }
            Some(secret) => Ok(Self::Given(secret)),
            None => Ok(Self::File(data_dir.join(FILE))),
        }
    }

    /// The master key under which something is encrypted already. It must be
    /// there: a new one would lose every key, and hide that it did.
    pub(super) fn existing(&self) -> Result<MasterKey, KeyError> {
        match self {
            Self::Given(secret) => MasterKey::derive(secret, "`master_key` of `[auth]`"),
            Self::File(path) => match read(path) {
                Ok(secret) => MasterKey::derive(&secret, &format!("`{}`", path.display())),
                Err(error) if error.kind() == ErrorKind::NotFound => Err(KeyError::MasterMissing {
                    path: path.display().to_string(),
                }),
                Err(error) => Err(failed(path, &error)),
            },
        }
    }

    /// The master key, made now if there is none. Only for a store in which
    /// nothing is encrypted yet.
    pub(super) fn existing_or_new(&self) -> Result<MasterKey, KeyError> {
        if let Self::File(path) = self {
            create(path).map_err(|error| failed(path, &error))?;
        }
        self.existing()
    }
}

fn failed(path: &Path, error: &io::Error) -> KeyError {
    KeyError::MasterFile {
        path: path.display().to_string(),
        why: error.to_string(),
    }
}

fn read(path: &Path) -> io::Result<Secret> {
    let file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "the master key can be read by others; set its mode to 0600");
    }
    let text = Zeroizing::new(io::read_to_string(io::Read::take(file, 4096))?);
    let text = text.trim();
    if text.len() < MIN_LENGTH {
        let why = "it is damaged; restore it from a backup";
        return Err(io::Error::new(ErrorKind::InvalidData, why));
    }
    Ok(Secret::new(text))
}

/// Makes the file unless it is there. It appears whole or not at all, and of two
/// processes that make it, one does: the other reads what the first one wrote.
fn create(path: &Path) -> io::Result<()> {
    if path.try_exists()? {
        return Ok(());
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let draft = dir.join(format!(".{FILE}.{}", random::support_id()));
    let written = write_new(&draft).and_then(|()| std::fs::hard_link(&draft, path));
    let removed = std::fs::remove_file(&draft);
    match written {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => removed?,
    }
    // The name too must outlive a crash: keys will be encrypted under it.
    File::open(dir)?.sync_all()
}

fn write_new(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let text = Zeroizing::new(random::token());
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

impl MasterKey {
    /// HKDF (RFC 5869): whatever text it is, 256 bits for AES, and a name that
    /// tells nothing about them.
    fn derive(secret: &Secret, source: &str) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Crypto("derive the master key");
        let root =
            Salt::new(HKDF_SHA256, b"vestibule master key").extract(secret.expose().as_bytes());
        let expand = |purpose: &[u8]| {
            let mut out = Zeroizing::new([0; 32]);
            root.expand(&[purpose], HKDF_SHA256)
                .and_then(|okm| okm.fill(out.as_mut()))
                .map(|()| out)
        };
        let key = expand(b"signing keys at rest").map_err(failed)?;
        let name = expand(b"name of the master key").map_err(failed)?;
        Ok(Self {
            key: RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).map_err(failed)?,
            name: URL_SAFE_NO_PAD.encode(&name[..6]),
            source: source.to_owned(),
        })
    }

    /// Encrypts a private key. `kid` is bound to it, so that nobody can put one
    /// key's private part under another's name.
    pub(super) fn seal(&self, kid: &str, private: &[u8]) -> Result<Sealed, KeyError> {
        let mut data = Zeroizing::new(Vec::with_capacity(private.len() + 16));
        data.extend_from_slice(private);
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(kid.as_bytes()), &mut *data)
            .map_err(|_| KeyError::Crypto("encrypt a private key"))?;
        let all = [nonce.as_ref().as_slice(), data.as_slice()].concat();
        Ok(Sealed {
            under: self.name.clone(),
            data: URL_SAFE_NO_PAD.encode(all),
        })
    }

    /// Decrypts a private key.
    pub(super) fn open(&self, kid: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        if sealed.under != self.name {
            return Err(KeyError::MasterWrong {
                stored: sealed.under.clone(),
                source_of: self.source.clone(),
                given: self.name.clone(),
            });
        }
        let damaged = || KeyError::Corrupt(format!("the private part of `{kid}` is damaged"));
        let bytes = URL_SAFE_NO_PAD
            .decode(&sealed.data)
            .map_err(|_| damaged())?;
        let (nonce, data) = bytes.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut data = Zeroizing::new(data.to_vec());
        let length = self
            .key
            .open_in_place(nonce, Aad::from(kid.as_bytes()), &mut data)
            .map_err(|_| damaged())?
            .len();
        data.truncate(length);
        Ok(data)
    }
}
