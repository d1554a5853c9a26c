//! How an account's pages look, and the policy that follows from it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::{Origin, Url};

use crate::account::{is_color, is_logo};
use crate::base::digest::sha256;

const CSS: &str = include_str!("style.css");

/// The accent of accounts that chose none.
const DEFAULT_ACCENT: Color = Color([0x4f, 0x61, 0xd8]);
/// The cards' background in `style.css`, light and dark.
const CARD: Color = Color([0xff, 0xff, 0xff]);
const CARD_DARK: Color = Color([0x1d, 0x1f, 0x27]);
const BLACK: Color = Color([0, 0, 0]);
const WHITE: Color = Color([0xff, 0xff, 0xff]);

/// What an account chose for its pages.
///
/// Whatever is not as described is left out when a page is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// The account's display name; may be empty where no account is known.
    pub name: String,
    /// The address of the logo that the broker keeps; it goes before `logo_url`.
    pub kept_logo: Option<String>,
    /// An https URL.
    pub logo_url: Option<String>,
    /// The accent colour as `#rrggbb`.
    pub color: Option<String>,
}

impl Look {
    /// The name, if there is one.
    pub(super) fn name(&self) -> Option<&str> {
        Some(self.name.trim()).filter(|name| !name.is_empty())
    }
}

/// The letter that stands for a name without a picture.
pub(super) fn initial(name: &str) -> String {
    name.chars()
        .find(|character| character.is_alphanumeric())
        .map(|character| character.to_uppercase().collect())
        .unwrap_or_default()
}

/// A page's appearance and what its policy must allow.
pub(super) struct Style<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) logo: Option<Url>,
    pub(super) css: String,
    look: &'a Look,
    form: Option<String>,
    any_form: bool,
}

impl<'a> Style<'a> {
    pub(super) fn new(look: &'a Look) -> Self {
        let accent = look
            .color
            .as_deref()
            .and_then(Color::parse)
            .unwrap_or(DEFAULT_ACCENT);
        Self {
            name: look.name(),
            logo: None,
            css: format!("{CSS}{}", accent_css(accent)),
            look,
            form: None,
            any_form: false,
        }
    }

    /// Shows the account's logo.
    pub(super) fn with_logo(mut self) -> Self {
        let kept = self.look.kept_logo.as_deref();
        let kept = kept.and_then(|url| Url::parse(url).ok());
        self.logo = kept.or_else(|| self.look.logo_url.as_deref().and_then(logo));
        self
    }

    /// Allows a form that is answered here or with a redirect to one of `redirects`.
    pub(super) fn with_form(mut self, redirects: &[String]) -> Self {
        let mut sources = "'self'".to_owned();
        for url in redirects {
            if let Some(origin) = source(url) {
                sources.push(' ');
                sources.push_str(&origin);
            }
        }
        self.form = Some(sources);
        self
    }

    /// Allows a form whose answer may lead anywhere: to the page of an application,
    /// whatever scheme that has.
    pub(super) fn with_any_form(mut self) -> Self {
        self.any_form = true;
        self
    }

    /// The page's `Content-Security-Policy`.
    pub(super) fn csp(&self) -> String {
        let style = STANDARD.encode(sha256(self.css.as_bytes()));
        let logo = self
            .logo
            .as_ref()
            .and_then(|logo| source(logo.as_str()))
            .map(|origin| format!(" {origin}"))
            .unwrap_or_default();
        let form = match (self.any_form, self.form.as_deref()) {
            (true, _) => String::new(),
            (false, sources) => format!("form-action {}; ", sources.unwrap_or("'none'")),
        };
        format!(
            "default-src 'none'; style-src 'sha256-{style}'; img-src data:{logo}; \
             {form}base-uri 'none'; frame-ancestors 'none'"
        )
    }
}

fn logo(url: &str) -> Option<Url> {
    Url::parse(url).ok().filter(|_| is_logo(url))
}

/// A URL's origin as a policy names it.
fn source(url: &str) -> Option<String> {
    let origin = Url::parse(url).ok()?.origin();
    // A parsed host has none of the characters that end a source or a directive,
    // except those that URLs allow in odd places; such hosts are left out.
    match &origin {
        Origin::Tuple(scheme, host, _) if scheme == "https" || scheme == "http" => {
            let host = host.to_string();
            let plain = |c: char| {
                c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']')
            };
            host.chars()
                .all(plain)
                .then(|| origin.ascii_serialization())
        }
        _ => None,
    }
}

/// Red, green and blue.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Color([u8; 3]);

impl Color {
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|_| is_color(text))?;
        let channel = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        Some(Self([channel(0)?, channel(2)?, channel(4)?]))
    }

    fn hex(self) -> String {
        let [red, green, blue] = self.0;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }

    /// Relative luminance (WCAG 2.2).
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|channel| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Contrast ratio (WCAG 2.2), from 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }
}

/// Text on the accent is black or white, whichever reads better; one of them
/// always has 4.5 to 1. Where the accent itself hardly differs from the card,
/// an edge shows where the button is.
fn accent_css(accent: Color) -> String {
    let white = accent.contrast(WHITE) >= 4.5;
    let on_accent = if white { WHITE } else { BLACK };
    // Under the pointer the accent moves away from the text, never towards it.
    let shade = if white {
        "rgb(0 0 0 / 18%)"
    } else {
        "rgb(255 255 255 / 28%)"
    };
    let edge = |card: Color, grey: &str| {
        if accent.contrast(card) >= 3.0 {
            accent.hex()
        } else {
            grey.to_owned()
        }
    };
    format!(
        ":root{{--accent:{};--on-accent:{};--shade:{shade};--edge:{}}}\n\
         @media (prefers-color-scheme:dark){{:root{{--edge:{}}}}}\n",
        accent.hex(),
        on_accent.hex(),
        edge(CARD, "#767b86"),
        edge(CARD_DARK, "#8b90a0"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_on_any_accent_can_be_read() {
        for step in 0..=0xff_u8 {
            for accent in [
                Color([step, step, step]),
                Color([step, 0x80, 0x20]),
                Color([0xff, step, 0]),
                Color([0, 0x66, step]),
            ] {
                let text = if accent.contrast(WHITE) >= 4.5 {
                    WHITE
                } else {
                    BLACK
                };
                assert!(accent.contrast(text) >= 4.5, "{}", accent.hex());
            }
        }
    }

    #[test]
    fn only_six_digits_are_a_color() {
        assert_eq!(Color::parse("#0A7bff"), Some(Color([0x0a, 0x7b, 0xff])));
        for bad in [
            "", "#", "#fff", "0a7bff", "#0a7bfg", "#+a7bff", "#0a7bff;", "#äää", "red",
        ] {
            assert_eq!(Color::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn sources_cannot_break_out_of_the_policy() {
        assert_eq!(
            source("https://cdn.test:8443/a;b,c d?e"),
            Some("https://cdn.test:8443".to_owned())
        );
        for bad in [
            "data:text/html,x",
            "javascript:1",
            "//x",
            "https://a;b/",
            "https://a,b/",
            "https://'self'/",
        ] {
            assert_eq!(source(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_cards_in_the_style_are_those_we_measure_against() {
        assert!(CSS.contains(&format!("--card: {};", CARD.hex())));
        assert!(CSS.contains(&format!("--card: {};", CARD_DARK.hex())));
        assert!(!CSS.contains("</"), "the style would end early");
    }

    #[test]
    fn initials() {
        assert_eq!(initial("acme"), "A");
        assert_eq!(initial(" «élan»"), "É");
        assert_eq!(initial("…"), "");
    }
}
