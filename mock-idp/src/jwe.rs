//! Tokens encrypted to a client's key (RFC 7516): ECDH-ES+A256KW with A256GCM.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::random::bytes;

const WRAPPING: &str = "ECDH-ES+A256KW";

/// A signed token, encrypted to this key on P-256; nothing where the key is none.
pub(crate) fn encrypt(token: &str, to: &Value) -> Option<String> {
    let part = |name: &str| URL_SAFE_NO_PAD.decode(to[name].as_str()?).ok();
    let peer = [vec![4], part("x")?, part("y")?].concat();
    let own = PrivateKey::generate(&ECDH_P256).ok()?;
    let point = own.compute_public_key().ok()?;
    let (x, y) = point.as_ref().get(1..)?.split_at_checked(32)?;
    let [x, y] = [x, y].map(|half| URL_SAFE_NO_PAD.encode(half));
    let header = json!({
        "alg": WRAPPING, "enc": "A256GCM", "cty": "JWT", "kid": to["kid"],
        "epk": { "kty": "EC", "crv": "P-256", "x": x, "y": y },
    });
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let peer = UnparsedPublicKey::new(&ECDH_P256, peer);
    let kek = agree(&own, peer, (), |secret| Ok(derived(secret))).ok()?;
    let (key, iv) = (bytes::<32>(), bytes::<12>());
    let mut wrapped = vec![0; 40];
    let kek = AesKek::new(&AES_256, &kek).ok()?;
    let wrapped = kek.wrap(&key, &mut wrapped).ok()?;
    let sealing = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).ok()?);
    let mut body = token.as_bytes().to_vec();
    let tag = sealing
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(iv),
            Aad::from(header.as_bytes()),
            &mut body,
        )
        .ok()?;
    let parts = [&*wrapped, &iv, &body, tag.as_ref()].map(|part| URL_SAFE_NO_PAD.encode(part));
    Some(format!("{header}.{}", parts.join(".")))
}

/// The wrapping key (RFC 7518 §4.6.2): one round gives the 256 bits.
fn derived(secret: &[u8]) -> Vec<u8> {
    let mut input = 1_u32.to_be_bytes().to_vec();
    input.extend_from_slice(secret);
    input.extend_from_slice(&14_u32.to_be_bytes());
    input.extend_from_slice(WRAPPING.as_bytes());
    // Neither party is named.
    input.extend_from_slice(&[0; 8]);
    input.extend_from_slice(&256_u32.to_be_bytes());
    digest(&SHA256, &input).as_ref().to_vec()
}
