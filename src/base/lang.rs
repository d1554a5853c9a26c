//! The languages of pages and messages, and the choice among them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A language of pages and messages.
#[derive(
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum Lang {
    /// English, where nothing better is asked for.
    #[default]
    #[serde(rename = "en")]
    En,
    /// Brazilian Portuguese.
    #[serde(rename = "pt-BR")]
    PtBr,
    /// Spanish.
    #[serde(rename = "es")]
    Es,
}

impl Lang {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::En, Self::PtBr, Self::Es];

    /// What the visitor asked for, else what the browser prefers, else English.
    ///
    /// `lang_param` is the query's `lang=`, `accept_language` the header.
    pub fn choose(lang_param: Option<&str>, accept_language: Option<&str>) -> Self {
        lang_param
            .and_then(Self::from_range)
            .or_else(|| accept_language.and_then(Self::preferred))
            .unwrap_or_default()
    }

    /// Its tag (BCP 47), as in `<html lang>`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::PtBr => "pt-BR",
            Self::Es => "es",
        }
    }

    /// What it calls itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::PtBr => "Português",
            Self::Es => "Español",
        }
    }

    /// Portuguese from Portugal or Spanish from Mexico is nearer to ours than English.
    fn from_range(range: &str) -> Option<Self> {
        let language = range.trim().split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|lang| {
            lang.tag()
                .split('-')
                .next()
                .is_some_and(|ours| ours.eq_ignore_ascii_case(language))
        })
    }

    /// The best of an `Accept-Language` header (RFC 9110 §12.5.4); among equals the first.
    fn preferred(header: &str) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        for item in header.split(',') {
            let mut parts = item.split(';');
            let Some(lang) = parts.next().and_then(Self::from_range) else {
                continue;
            };
            let quality = parts
                .find_map(|part| part.trim().strip_prefix("q="))
                .map_or(1.0, |quality| quality.trim().parse().unwrap_or(0.0));
            let rank = best.map_or(0.0, |(rank, _)| rank);
            // Also false for NaN, and for zero, which means "not this one".
            if quality > rank {
                best = Some((quality, lang));
            }
        }
        best.map(|(_, lang)| lang)
    }
}

#[cfg(test)]
mod tests {
    use super::Lang::{self, En, Es, PtBr};

    #[test]
    fn the_parameter_wins() {
        assert_eq!(Lang::choose(Some("es"), Some("pt-BR")), Es);
        assert_eq!(Lang::choose(Some("PT-br"), None), PtBr);
        assert_eq!(Lang::choose(Some("pt"), None), PtBr);
        assert_eq!(Lang::choose(Some("es_MX"), None), Es);
        assert_eq!(Lang::choose(Some("xx"), Some("es")), Es);
        assert_eq!(Lang::choose(Some(""), None), En);
        assert_eq!(Lang::choose(Some("escape"), None), En);
    }

    #[test]
    fn the_header_is_weighed() {
        for (header, expected) in [
            ("pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", PtBr),
            ("fr, es;q=0.4, en;q=0.5", En),
            ("fr, es-419;q=0.6, en;q=0.5", Es),
            ("es;q=0, en;q=0.1", En),
            ("en;q=0.5, es ; q=0.5", En),
            ("*", En),
            ("de", En),
            ("es;q=NaN, pt;q=0.1", PtBr),
            ("es;q=x, pt;q=0.1", PtBr),
            (",,;;q=,", En),
            ("", En),
        ] {
            assert_eq!(Lang::choose(None, Some(header)), expected, "{header}");
        }
    }
}
