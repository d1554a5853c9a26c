//! The master key, under which secrets are encrypted at rest.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::KeyError;
use crate::base::{Secret, random};
use crate::config::Auth;
use crate::store::Seal;

/// What can be guessed cannot be a key: 16 characters of base64 are 96 bits.
const MIN_LENGTH: usize = 16;
const FILE: &str = "master.key";

/// Where the master key comes from.
pub(super) enum Master {
    /// The configuration; the first encrypts, all decrypt.
    Given(Vec<Secret>),
    /// A file of the data directory, made when it is first needed.
    File(PathBuf),
}

/// The master key and those before it, ready to use.
pub(super) struct MasterKeys {
    /// The first encrypts, all decrypt. Never empty.
    keys: Vec<MasterKey>,
    source: String,
}

struct MasterKey {
    /// Of private keys.
    private: RandomizedNonceKey,
    /// What the keys of records are derived of.
    records: Prk,
    /// What the key that encrypts now is derived with, and how many more records it may.
    salt: Mutex<([u8; SALT], u32)>,
    /// Keys of records that were derived lately.
    derived: Cache<[u8; SALT], Arc<RandomizedNonceKey>>,
    name: [u8; NAME],
}

/// The length of a master key's name.
const NAME: usize = 6;
/// The length of what sets the key of some records apart.
const SALT: usize = 16;
/// How many records one key encrypts at most: far below the 2³² for which nonces of
/// 96 random bits are good.
const RECORDS_OF_ONE_KEY: u32 = 1 << 20;
/// How many keys of records are remembered: deriving one costs more than its use.
const MAX_DERIVED: usize = 64;

/// An encrypted private key.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Sealed {
    /// The name of the master key.
    under: String,
    /// Nonce, ciphertext and tag of AES-256-GCM, base64url.
    data: String,
}

impl Master {
    pub(super) fn new(auth: &Auth, data_dir: &Path) -> Result<Self, KeyError> {
        let Some(current) = &auth.master_key else {
            return Ok(Self::File(data_dir.join(FILE)));
        };
        let all: Vec<_> = std::iter::once(current)
            .chain(&auth.former_master_keys)
            .cloned()
            .collect();
        if all
            .iter()
            .any(|secret| secret.expose().chars().count() < MIN_LENGTH)
        {
            return Err(KeyError::MasterTooShort);
        }
        Ok(Self::Given(all))
    }

    /// The master key under which something is encrypted already. It must be
    /// there: a new one would lose every secret, and hide that it did.
    pub(super) fn existing(&self) -> Result<MasterKeys, KeyError> {
        match self {
            Self::Given(secrets) => MasterKeys::derive(secrets, "`master_key` of `[auth]`".into()),
            Self::File(path) => match read(path) {
                Ok(secrets) => MasterKeys::derive(&secrets, format!("`{}`", path.display())),
                Err(error) if error.kind() == ErrorKind::NotFound => Err(KeyError::MasterMissing {
                    path: path.display().to_string(),
                }),
                Err(error) => Err(failed(path, &error)),
            },
        }
    }

    /// The master key, made now if there is none. Only for a store in which
    /// nothing is encrypted yet.
    pub(super) fn existing_or_new(&self) -> Result<MasterKeys, KeyError> {
        if let Self::File(path) = self {
            create(path).map_err(|error| failed(path, &error))?;
        }
        self.existing()
    }

    /// Puts a new master key before those in the file, which decrypt as before.
    ///
    /// # Errors
    /// [`KeyError::MasterGiven`] where it comes from the configuration.
    pub(super) fn replace(&self) -> Result<(), KeyError> {
        let Self::File(path) = self else {
            return Err(KeyError::MasterGiven);
        };
        let rewritten = read(path).and_then(|former| {
            let fresh = Secret::new(random::token());
            write(path, std::iter::once(&fresh).chain(&former))
        });
        rewritten.map_err(|error| failed(path, &error))
    }

    /// Removes from the file what only decrypts.
    pub(super) fn forget_former(&self) -> Result<(), KeyError> {
        let Self::File(path) = self else {
            return Ok(());
        };
        let rewritten = read(path).and_then(|all| match &all[..] {
            [current, _, ..] => write(path, [current]),
            _ => Ok(()),
        });
        rewritten.map_err(|error| failed(path, &error))
    }
}

fn failed(path: &Path, error: &io::Error) -> KeyError {
    KeyError::MasterFile {
        path: path.display().to_string(),
        why: error.to_string(),
    }
}

/// The master keys in a file, one a line.
fn read(path: &Path) -> io::Result<Vec<Secret>> {
    let file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "the master key can be read by others; set its mode to 0600");
    }
    let text = Zeroizing::new(io::read_to_string(io::Read::take(file, 4096))?);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    if lines.is_empty() || lines.iter().any(|line| line.len() < MIN_LENGTH) {
        let why = "it is damaged; restore it from a backup";
        return Err(io::Error::new(ErrorKind::InvalidData, why));
    }
    Ok(lines.into_iter().map(Secret::new).collect())
}

/// Makes the file unless it is there. It appears whole or not at all, and of two
/// processes that make it, one does: the other reads what the first one wrote.
fn create(path: &Path) -> io::Result<()> {
    if path.try_exists()? {
        return Ok(());
    }
    let dir = parent(path);
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let draft = draft(path);
    let fresh = Secret::new(random::token());
    let written = write_new(&draft, [&fresh]).and_then(|()| std::fs::hard_link(&draft, path));
    let removed = std::fs::remove_file(&draft);
    match written {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => removed?,
    }
    // The name too must outlive a crash: secrets will be encrypted under it.
    File::open(dir)?.sync_all()
}

/// Writes the file anew. After a crash it is the old one or the new one.
fn write<'a>(path: &Path, secrets: impl IntoIterator<Item = &'a Secret>) -> io::Result<()> {
    let draft = draft(path);
    write_new(&draft, secrets)
        .and_then(|()| std::fs::rename(&draft, path))
        .inspect_err(|_| drop(std::fs::remove_file(&draft)))?;
    File::open(parent(path))?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn draft(path: &Path) -> PathBuf {
    parent(path).join(format!(".{FILE}.{}", random::support_id()))
}

fn write_new<'a>(path: &Path, secrets: impl IntoIterator<Item = &'a Secret>) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    for secret in secrets {
        file.write_all(secret.expose().as_bytes())?;
        file.write_all(b"\n")?;
    }
    file.sync_all()
}

impl MasterKey {
    /// HKDF (RFC 5869): whatever text it is, 256 bits for AES, and a name that
    /// tells nothing about them.
    fn derive(secret: &Secret) -> Result<Self, Unspecified> {
        let root =
            Salt::new(HKDF_SHA256, b"vestibule master key").extract(secret.expose().as_bytes());
        let expand = |purpose: &[u8]| {
            let mut out = Zeroizing::new([0; 32]);
            root.expand(&[purpose], HKDF_SHA256)
                .and_then(|okm| okm.fill(out.as_mut()))
                .map(|()| out)
        };
        let mut name = [0; NAME];
        name.copy_from_slice(&expand(b"name of the master key")?[..NAME]);
        let private = expand(b"signing keys at rest")?;
        let records = expand(b"records at rest")?;
        Ok(Self {
            private: RandomizedNonceKey::new(&AES_256_GCM, private.as_ref())?,
            records: Prk::new_less_safe(HKDF_SHA256, records.as_ref()),
            salt: Mutex::default(),
            derived: Cache::new(MAX_DERIVED),
            name,
        })
    }

    /// The key of a few records, found again by its salt: no key has so many that
    /// nonces of 96 random bits are too few (NIST SP 800-38D §8.3).
    fn of_records(&self, salt: &[u8; SALT]) -> Result<Arc<RandomizedNonceKey>, Unspecified> {
        self.derived.get_or_insert_with(salt, || {
            let mut key = Zeroizing::new([0; 32]);
            self.records
                .expand(&[b"record", salt], HKDF_SHA256)
                .and_then(|okm| okm.fill(key.as_mut()))?;
            Ok(Arc::new(RandomizedNonceKey::new(
                &AES_256_GCM,
                key.as_ref(),
            )?))
        })
    }

    /// The salt of the key for the next record.
    fn salt(&self) -> [u8; SALT] {
        let mut current = self.salt.lock().unwrap_or_else(PoisonError::into_inner);
        if current.1 == 0 {
            *current = (random::bytes(), RECORDS_OF_ONE_KEY);
        }
        current.1 -= 1;
        current.0
    }

    fn name(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.name)
    }
}

impl MasterKeys {
    fn derive(secrets: &[Secret], source: String) -> Result<Self, KeyError> {
        let keys: Result<Vec<_>, _> = secrets.iter().map(MasterKey::derive).collect();
        let keys = keys.map_err(|_| KeyError::Crypto("derive the master key"))?;
        Ok(Self { keys, source })
    }

    fn current(&self) -> &MasterKey {
        &self.keys[0]
    }

    /// The name of the key that encrypts; tells nothing about it.
    pub(super) fn name(&self) -> String {
        self.current().name()
    }

    /// Whether there are keys that only decrypt.
    pub(super) fn has_former(&self) -> bool {
        self.keys.len() > 1
    }

    /// Fails unless one of the keys has this name.
    pub(super) fn check(&self, name: &str) -> Result<(), KeyError> {
        self.named(name).map(|_| ())
    }

    fn named(&self, name: &str) -> Result<&MasterKey, KeyError> {
        let mut keys = self.keys.iter();
        let found = keys.find(|key| key.name() == name);
        found.ok_or_else(|| KeyError::MasterWrong {
            stored: name.to_owned(),
            source_of: self.source.clone(),
            given: self.name(),
        })
    }

    /// Encrypts a private key. `kid` is bound to it, so that nobody can put one
    /// key's private part under another's name.
    pub(super) fn seal(&self, kid: &str, private: &[u8]) -> Result<Sealed, KeyError> {
        let key = self.current();
        let data = seal(&key.private, kid.as_bytes(), private)
            .map_err(|_| KeyError::Crypto("encrypt a private key"))?;
        Ok(Sealed {
            under: key.name(),
            data: URL_SAFE_NO_PAD.encode(data),
        })
    }

    /// Decrypts a private key.
    pub(super) fn open(&self, kid: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let key = self.named(&sealed.under)?;
        let damaged = || KeyError::Corrupt(format!("the private part of `{kid}` is damaged"));
        let bytes = URL_SAFE_NO_PAD
            .decode(&sealed.data)
            .map_err(|_| damaged())?;
        let plain = open(&key.private, kid.as_bytes(), &bytes).ok_or_else(damaged)?;
        Ok(Zeroizing::new(plain))
    }

    /// The same private key under the key that encrypts now; `None` if it is.
    pub(super) fn seal_again(
        &self,
        kid: &str,
        sealed: &Sealed,
    ) -> Result<Option<Sealed>, KeyError> {
        if sealed.under == self.name() {
            return Ok(None);
        }
        self.seal(kid, &self.open(kid, sealed)?).map(Some)
    }
}

/// A record: the master key's name, what its own key is derived with, then nonce,
/// ciphertext and tag of AES-256-GCM.
impl Seal for MasterKeys {
    fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, String> {
        let master = self.current();
        let salt = master.salt();
        let sealed = master
            .of_records(&salt)
            .and_then(|key| seal(&key, place, plain))
            .map_err(|_| "it cannot be encrypted".to_owned())?;
        Ok([&master.name[..], &salt, &sealed].concat())
    }

    fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, String> {
        let damaged = || "its encrypted content is damaged; restore it from a backup".to_owned();
        let (name, rest) = sealed.split_at_checked(NAME).ok_or_else(damaged)?;
        let (salt, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        let master = self
            .named(&URL_SAFE_NO_PAD.encode(name))
            .map_err(|error| error.to_string())?;
        let key = master.of_records(salt).map_err(|_| damaged())?;
        open(&key, place, rest).ok_or_else(damaged)
    }

    fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.starts_with(&self.current().name)
    }
}

/// Nonce, ciphertext and tag.
fn seal(key: &RandomizedNonceKey, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let mut data = Zeroizing::new(Vec::with_capacity(plain.len() + 16));
    data.extend_from_slice(plain);
    let nonce = key.seal_in_place_append_tag(Aad::from(place), &mut *data)?;
    Ok([nonce.as_ref().as_slice(), data.as_slice()].concat())
}

/// What [`seal`] encrypted.
fn open(key: &RandomizedNonceKey, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, data) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut data = data.to_vec();
    let length = key
        .open_in_place(nonce, Aad::from(place), &mut data)
        .ok()?
        .len();
    data.truncate(length);
    Some(data)
}
