//! PKCS#12 files (RFC 7292), as made by `openssl pkcs12 -export`, with and
//! without `-legacy`.

use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error;

use super::certificate::Certificate;
use super::error::FileProblem;
use super::signing::SigningKey;
use crate::base::Secret;

/// The key in a PFX and every certificate beside it. The caller has looked at
/// its size and the cost of its passwords.
pub(super) fn read(
    bytes: &[u8],
    password: Option<&Secret>,
) -> Result<(SigningKey, Vec<Certificate>), FileProblem> {
    // Without a password one of no characters is meant: OpenSSL writes that.
    let text = password.map_or("", Secret::expose);
    let archive = Pkcs12Archive::from_pkcs12(bytes, text).map_err(|error| match error {
        Error::MacError(_)
        | Error::UnpadError
        | Error::Pkcs5Error(_)
        | Error::InvalidPrivateKey => match password {
            None => FileProblem::NeedsPassword,
            Some(_) => FileProblem::WrongPassword,
        },
        Error::UnsupportedEncryptionScheme | Error::UnsupportedMacAlgorithm => {
            FileProblem::UnsupportedEncryption("an unknown scheme of PKCS#12")
        }
        _ => FileProblem::NotAKey,
    })?;
    let key = match archive.keys.as_slice() {
        [] => return Err(FileProblem::NoPrivateKey("certificate")),
        [one] => SigningKey::from_pkcs8(one.key.as_der())?,
        several => return Err(FileProblem::SeveralKeys(several.len())),
    };
    let certificates = archive
        .certs
        .iter()
        .map(|bag| Certificate::from_der(bag.cert.as_der()).ok_or(FileProblem::NoCertificate))
        .collect::<Result<_, _>>()?;
    Ok((key, certificates))
}
