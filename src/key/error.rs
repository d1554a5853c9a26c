//! What can be wrong with keys; each failure is a sentence that says what to do.

use super::algorithm::{Algorithm, BadAlgorithm};
use crate::base::{ErrorCode, Timestamp};
use crate::store::StoreError;

/// What is wrong with a key file or a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileProblem {
    /// The system does not let it be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// Larger than any key file.
    #[error(
        "is larger than {limit} bytes, too large for a key file; name the file of the private key alone"
    )]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Nothing that is known.
    #[error(
        "is not a key file: neither PEM nor a PKCS#8, PKCS#1, SEC 1 or PFX file; make one with `vestibule key generate`"
    )]
    NotAKey,
    /// The public part only.
    #[error("holds a {0} but no private key; name the file that has the private key")]
    NoPrivateKey(&'static str),
    /// More than one private key.
    #[error("holds {0} private keys; name a file that has one")]
    SeveralKeys(usize),
    /// Encrypted, and no password is configured.
    #[error("is encrypted; give its password as `private_key_password` in `[auth]`")]
    NeedsPassword,
    /// The password does not open it.
    #[error("cannot be decrypted with this password; check `private_key_password` in `[auth]`")]
    WrongPassword,
    /// Would keep the processor busy for too long.
    #[error(
        "asks for {rounds} rounds of key derivation where {limit} are allowed; encrypt it again with `openssl pkcs8 -topk8 -v2 aes-256-cbc`"
    )]
    TooManyRounds {
        /// What the file asks for.
        rounds: u64,
        /// What is allowed.
        limit: u64,
    },
    /// Encrypted in a way that is not read.
    #[error(
        "is encrypted in a way that is not supported ({0}); encrypt it again with `openssl pkcs8 -topk8 -v2 aes-256-cbc`"
    )]
    UnsupportedEncryption(&'static str),
    /// A kind of key that is not used.
    #[error("holds {0}; use EC P-256, or RSA of 2048 bits or more")]
    UnsupportedKey(String),
    /// An RSA key that can be broken.
    #[error(
        "holds an RSA key of {bits} bits, and private keys smaller than 2048 bits are not accepted; make a larger one with `vestibule key generate --kind rsa-2048`"
    )]
    RsaTooSmall {
        /// Its size.
        bits: usize,
    },
    /// The numbers in it do not belong together.
    #[error(
        "holds a private key that is damaged; restore the file from a backup or make a new key"
    )]
    Damaged,
    /// There should be a certificate.
    #[error("holds no certificate; name a PEM or DER file with an X.509 certificate")]
    NoCertificate,
    /// Another key's certificate.
    #[error(
        "holds a certificate that does not belong to the private key; make one for it with `openssl req -x509 -key`, or name the right file"
    )]
    CertificateMismatch,
    /// Its time is over.
    #[error("holds a certificate that expired at {0}; make a new one for the key")]
    CertificateExpired(Timestamp),
    /// Its time has not come.
    #[error(
        "holds a certificate that is valid only from {0} on; check this machine's clock, or make a new one"
    )]
    CertificateNotYetValid(Timestamp),
}

/// What can go wrong with keys.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A configured file is not right.
    #[error("`{path}` {problem}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: FileProblem,
    },
    /// A certificate without a key.
    #[error(
        "`public_cert` in `[auth]` needs `private_key` beside it; name the private key's file too"
    )]
    CertificateWithoutKey,
    /// The master key can be guessed.
    #[error(
        "the master key has fewer than 16 characters; give `master_key` in `[auth]` a longer one, such as the output of `openssl rand -base64 32`"
    )]
    MasterTooShort,
    /// There are encrypted keys, and no master key for them.
    #[error(
        "`{path}` is missing, and with it the secrets in the store cannot be read; restore it from a backup, or set the former `master_key` in `[auth]`"
    )]
    MasterMissing {
        /// Where it should be.
        path: String,
    },
    /// A rotation where the configuration decides.
    #[error(
        "the master key comes from the configuration; put the new one in `master_key` of `[auth]`, the present one in `former_master_keys`, and restart the broker"
    )]
    MasterGiven,
    /// The master key file is not right.
    #[error("the master key `{path}` cannot be used: {why}")]
    MasterFile {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// Another master key than the one the keys were encrypted under.
    #[error(
        "the secrets in the store are encrypted under another master key ({stored}) than {source_of} ({given}); give back the former one, or all brokers the same `master_key` in `[auth]`"
    )]
    MasterWrong {
        /// A name of the master key they are under; tells nothing about it.
        stored: String,
        /// Where this one came from.
        source_of: String,
        /// The name of this one.
        given: String,
    },
    /// The stored keys are not what they should be.
    #[error("the stored signing keys cannot be used: {0}; restore the data from a backup")]
    Corrupt(String),
    /// The store has no keys.
    #[error("the signing keys are gone from the store; restart the broker to make a new one")]
    Gone,
    /// The configured file decides.
    #[error(
        "the default signing key comes from `{path}`; replace that file and rotate, or remove `private_key` from `[auth]`"
    )]
    FromFile {
        /// The file.
        path: String,
    },
    /// Nothing to rotate to.
    #[error("`{path}` still holds the active key; put the new key there first, then rotate")]
    SameFile {
        /// The file.
        path: String,
    },
    /// The imported key signs, or has signed.
    #[error("this key is among the signing keys already; `vestibule key list` shows them all")]
    AlreadyKnown,
    /// An additional key of the default key's algorithm.
    #[error(
        "the default key signs with {0} already, and an additional one is of the other algorithm; leave out `additional` to have the key follow the default one"
    )]
    NotAdditional(Algorithm),
    /// No such key.
    #[error("there is no key `{0}`; `vestibule key list` shows them all")]
    NoSuchKey(String),
    /// The key has no certificate.
    #[error(
        "the key `{0}` has no certificate; import one that has, made with `vestibule key generate --certificate`"
    )]
    NoCertificate(String),
    /// The wanted kind is not known.
    #[error("`{0}` is not a kind of key; use `ec`, `rsa-2048`, `rsa-3072` or `rsa-4096`")]
    BadKind(String),
    /// The wanted algorithm is not known.
    #[error(transparent)]
    BadAlgorithm(#[from] BadAlgorithm),
    /// A certificate could not be made as wanted.
    #[error("a certificate cannot be made: {0}")]
    BadCertificate(String),
    /// The claims do not become JSON.
    #[error("the claims of a token cannot be written: {0}")]
    Claims(String),
    /// The cryptographic library refused.
    #[error("the cryptographic library failed to {0}")]
    Crypto(&'static str),
    /// Too many others changed the keys at the same time.
    #[error("the signing keys are being changed by others; try again")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl KeyError {
    /// Puts a file's name to its problem.
    pub(super) fn in_file(path: &std::path::Path, problem: FileProblem) -> Self {
        Self::File {
            path: path.display().to_string(),
            problem,
        }
    }

    /// The stable code of the failure.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::File { problem, .. } => problem.code(),
            Self::CertificateWithoutKey => ErrorCode::KeyCertificateWithoutKey,
            Self::MasterTooShort => ErrorCode::KeyMasterTooShort,
            Self::MasterGiven => ErrorCode::KeyMasterGiven,
            Self::MasterMissing { .. } => ErrorCode::KeyMasterMissing,
            Self::MasterFile { .. } => ErrorCode::KeyMasterFile,
            Self::MasterWrong { .. } => ErrorCode::KeyMasterWrong,
            Self::Corrupt(_) => ErrorCode::KeyCorrupt,
            Self::Gone => ErrorCode::KeyGone,
            Self::FromFile { .. } => ErrorCode::KeyFromFile,
            Self::SameFile { .. } => ErrorCode::KeySameFile,
            Self::AlreadyKnown => ErrorCode::KeyAlreadyKnown,
            Self::NotAdditional(_) => ErrorCode::KeyNotAdditional,
            Self::NoSuchKey(_) => ErrorCode::KeyUnknown,
            Self::NoCertificate(_) => ErrorCode::KeyNoCertificate,
            Self::BadKind(_) => ErrorCode::KeyBadKind,
            Self::BadAlgorithm(_) => ErrorCode::KeyBadAlgorithm,
            Self::BadCertificate(_) => ErrorCode::KeyBadCertificate,
            Self::Claims(_) => ErrorCode::KeyClaims,
            Self::Crypto(_) => ErrorCode::KeyCrypto,
            Self::Busy => ErrorCode::KeyBusy,
            Self::Store(_) => ErrorCode::KeyStore,
        }
    }
}

impl FileProblem {
    /// The stable code of the problem.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unreadable(_) => ErrorCode::KeyFileUnreadable,
            Self::TooLarge { .. } => ErrorCode::KeyFileTooLarge,
            Self::NotAKey => ErrorCode::KeyFileNotAKey,
            Self::NoPrivateKey(_) => ErrorCode::KeyFileNoPrivateKey,
            Self::SeveralKeys(_) => ErrorCode::KeyFileSeveralKeys,
            Self::NeedsPassword => ErrorCode::KeyFileNeedsPassword,
            Self::WrongPassword => ErrorCode::KeyFileWrongPassword,
            Self::TooManyRounds { .. } => ErrorCode::KeyFileTooManyRounds,
            Self::UnsupportedEncryption(_) => ErrorCode::KeyFileUnsupportedEncryption,
            Self::UnsupportedKey(_) => ErrorCode::KeyFileUnsupportedKey,
            Self::RsaTooSmall { .. } => ErrorCode::KeyFileRsaTooSmall,
            Self::Damaged => ErrorCode::KeyFileDamaged,
            Self::NoCertificate => ErrorCode::KeyFileNoCertificate,
            Self::CertificateMismatch => ErrorCode::KeyCertificateMismatch,
            Self::CertificateExpired(_) => ErrorCode::KeyCertificateExpired,
            Self::CertificateNotYetValid(_) => ErrorCode::KeyCertificateNotYetValid,
        }
    }
}
