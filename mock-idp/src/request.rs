//! A request, read whole.

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap};

use crate::config::RequiredParameters;
use crate::params::Params;

/// A request as the handlers see it.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Params,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    /// A header's value, if it is text.
    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What is wrong with the required headers, if anything is.
    pub(crate) fn lacks_header(&self, required: &RequiredParameters) -> Option<String> {
        required.iter().find_map(|(name, wanted)| {
            let sent = self.headers.get(name).and_then(|value| value.to_str().ok());
            match (sent, wanted) {
                (None, _) => Some(format!("the header {name} is missing")),
                (Some(sent), Some(wanted)) if sent != wanted => {
                    Some(format!("the header {name} must be {wanted}"))
                }
                _ => None,
            }
        })
    }

    /// The content type without its parameters, in lower case.
    pub(crate) fn content_type(&self) -> String {
        let value = self.header(header::CONTENT_TYPE).unwrap_or_default();
        value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    }
}
