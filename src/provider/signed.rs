//! What is signed: a request that is finished but for its signatures.

use url::Url;

use super::file::SignOrder;
use super::percent::encode;

/// How parameters become a text.
#[derive(Debug)]
pub struct Joined {
    /// Their order.
    pub order: SignOrder,
    /// What stands between name and value.
    pub assign: String,
    /// What stands between parameters.
    pub separator: String,
    /// Whether names are in it.
    pub names: bool,
    /// Those that are not in it.
    pub leave_out: Vec<String>,
    /// Whether those without a value are not.
    pub leave_out_empty: bool,
    /// Whether they are percent-encoded.
    pub percent_encoded: bool,
}

impl Joined {
    fn text(&self, parameters: &[(String, String)]) -> String {
        let mut chosen: Vec<&(String, String)> = parameters
            .iter()
            .filter(|(name, value)| {
                !(self.leave_out.contains(name) || self.leave_out_empty && value.is_empty())
            })
            .collect();
        match self.order {
            SignOrder::Name => chosen.sort(),
            SignOrder::Value => chosen.sort_by(|a, b| a.1.cmp(&b.1)),
            SignOrder::Sent => {}
        }
        let written = |text: &str| {
            if self.percent_encoded {
                encode(text)
            } else {
                text.to_owned()
            }
        };
        let parts: Vec<String> = chosen
            .into_iter()
            .map(|(name, value)| {
                if self.names {
                    format!("{}{}{}", written(name), self.assign, written(value))
                } else {
                    written(value)
                }
            })
            .collect();
        parts.join(&self.separator)
    }
}

/// A request before it is signed.
pub struct Unsigned<'a> {
    /// Its method.
    pub method: &'a str,
    /// Where to, without the parameters.
    pub url: &'a Url,
    /// The parameters, decoded, in the order they are sent.
    pub parameters: Vec<(String, String)>,
    /// The body, without the signatures that are parameters of it.
    pub body: Option<&'a str>,
}

/// What of a request can be named in what is signed.
pub struct Signed<'a> {
    /// The request.
    pub request: &'a Unsigned<'a>,
    /// How its parameters become a text.
    pub joined: &'a Joined,
    /// The signatures that were made before.
    pub before: &'a [(String, String)],
}

impl Signed<'_> {
    /// `{request.…}`
    pub fn request(&self, part: RequestPart) -> String {
        match part {
            RequestPart::Parameters => self.joined.text(&self.request.parameters),
            RequestPart::Method => self.request.method.to_owned(),
            RequestPart::Path => self.request.url.path().to_owned(),
            RequestPart::Host => self.request.url.host_str().unwrap_or_default().to_owned(),
            RequestPart::Url => {
                let url = self.request.url.as_str();
                url.split('?').next().unwrap_or_default().to_owned()
            }
            RequestPart::Body => self.request.body.unwrap_or_default().to_owned(),
        }
    }

    /// `{request.parameters.…}`
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut all = self.request.parameters.iter();
        let found = all.find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }

    /// `{sign.…}`
    pub fn earlier(&self, name: &str) -> Option<String> {
        let found = self.before.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }
}

/// A part of the request that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestPart {
    /// All its parameters, joined.
    Parameters,
    /// Its method.
    Method,
    /// The path of its URL.
    Path,
    /// The host of its URL.
    Host,
    /// Its URL without the query.
    Url,
    /// Its body, without the signatures that are parameters of it.
    Body,
}

impl RequestPart {
    /// All, with their names.
    pub const ALL: [(&'static str, Self); 6] = [
        ("parameters", Self::Parameters),
        ("method", Self::Method),
        ("path", Self::Path),
        ("host", Self::Host),
        ("url", Self::Url),
        ("body", Self::Body),
    ];
}
