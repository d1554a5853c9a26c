//! An account's logo, kept with it and served by the broker.
//!
//! What is taken is told by its first bytes, never by its name or by what a browser says
//! of it. A drawing (SVG) is a document: it may have nothing in it that runs, and nothing
//! that is fetched from elsewhere. It is served so that neither would have an effect.

mod drawing;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imagesize::ImageType;
use serde::{Deserialize, Serialize};

use crate::base::AccountId;
use crate::base::digest::{hex, sha256};
use crate::store::{Keyspace, Space, Step, Store, StoreError};

static LOGOS: Space = Space::durable("logos");

const SPACE: Keyspace<Kept> = Keyspace::new(&LOGOS);
/// An account has one.
const ID: &[u8] = b"logo";

/// The most bytes of a logo.
pub const MOST: usize = 128 << 10;
/// The most pixels of a side.
pub const LONGEST: usize = 2048;

/// What kind of picture it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
    /// SVG.
    Svg,
}

impl Kind {
    /// As `Content-Type` has it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Svg => "image/svg+xml",
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Svg => "svg",
        }
    }
}

/// What the account's own record says of its logo: where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Begins its digest: another picture has another address.
    pub digest: String,
    /// What it is.
    pub kind: Kind,
}

impl Mark {
    /// The last part of its address.
    pub fn file(&self) -> String {
        format!("{}.{}", self.digest, self.kind.ending())
    }

    /// Its address at the broker.
    pub fn path(&self, account: &AccountId) -> String {
        format!("/accounts/{account}/logo/{}", self.file())
    }
}

/// A picture that was looked at and can be a logo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logo {
    kind: Kind,
    bytes: Vec<u8>,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
struct Kept {
    kind: Kind,
    /// Base64.
    bytes: String,
}

/// Why a picture can't be a logo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoLogo {
    /// It has too many bytes, or none.
    Bytes(usize),
    /// It is nothing that is taken.
    Kind,
    /// It is broken.
    Broken,
    /// It has too many pixels.
    Pixels(usize, usize),
    /// A drawing has something in it that may not be there.
    Has(String),
}

impl fmt::Display for NoLogo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(0) => f.write_str("the file is empty; choose a picture"),
            Self::Bytes(size) => write!(
                f,
                "the picture has {} KiB; a logo has 128 KiB at most",
                size.div_ceil(1024)
            ),
            Self::Kind => f.write_str("the file is no PNG, JPEG, WebP or SVG; choose one that is"),
            Self::Broken => f.write_str("the picture is broken; save it again and upload that"),
            Self::Pixels(width, height) => write!(
                f,
                "the picture has {width} × {height} pixels; a logo has 1 to 2048 a side"
            ),
            Self::Has(what) => write!(
                f,
                "the SVG has {what}, which runs or fetches something; save it as a plain SVG or as a PNG"
            ),
        }
    }
}

impl std::error::Error for NoLogo {}

impl Logo {
    /// Looks at a picture.
    pub fn read(bytes: Vec<u8>) -> Result<Self, NoLogo> {
        if bytes.is_empty() || bytes.len() > MOST {
            return Err(NoLogo::Bytes(bytes.len()));
        }
        let kind = match imagesize::image_type(&bytes) {
            Ok(ImageType::Png) => Kind::Png,
            Ok(ImageType::Jpeg) => Kind::Jpeg,
            Ok(ImageType::Webp) => Kind::Webp,
            _ if drawing::is_one(&bytes) => {
                drawing::check(&bytes)?;
                let kind = Kind::Svg;
                return Ok(Self { kind, bytes });
            }
            _ => return Err(NoLogo::Kind),
        };
        let size = imagesize::blob_size(&bytes).map_err(|_| NoLogo::Broken)?;
        let sides = 1..=LONGEST;
        if !sides.contains(&size.width) || !sides.contains(&size.height) {
            return Err(NoLogo::Pixels(size.width, size.height));
        }
        Ok(Self { kind, bytes })
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The picture.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What the account says of it.
    pub fn mark(&self) -> Mark {
        Mark {
            digest: hex(&sha256(&self.bytes)[..8]),
            kind: self.kind,
        }
    }
}

/// The step of a batch that keeps an account's logo.
pub fn step_put(account: &AccountId, logo: &Logo) -> Result<Step, StoreError> {
    let kept = Kept {
        kind: logo.kind,
        bytes: STANDARD.encode(&logo.bytes),
    };
    SPACE.step_put(account.as_str(), ID, &kept)
}

/// The step of a batch that removes an account's logo.
pub fn step_remove(account: &AccountId) -> Step {
    SPACE.step_delete(account.as_str(), ID)
}

/// Reads an account's logo.
pub async fn get(store: &dyn Store, account: &AccountId) -> Result<Option<Logo>, StoreError> {
    let found = SPACE.get(store, account.as_str(), ID).await?;
    let logo = found.and_then(|kept| {
        let bytes = STANDARD.decode(&kept.value.bytes).ok()?;
        let kind = kept.value.kind;
        Some(Logo { kind, bytes })
    });
    Ok(logo)
}

pub(super) fn space() -> &'static Space {
    &LOGOS
}
