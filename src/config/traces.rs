//! The section `[traces]`.

use http::{HeaderName, HeaderValue, header};
use url::Url;

use super::Traces;
use super::file::TracesSection;
use super::load::Check;
use crate::base::Secret;

/// Where a collector takes traces (OpenTelemetry Protocol, OTLP/HTTP request).
const TRACES_PATH: &str = "/v1/traces";
/// What the requests themselves say.
const OURS: [HeaderName; 3] = [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::HOST];

impl Check<'_> {
    /// Where traces go.
    pub(super) fn traces(&mut self, set: &TracesSection) -> Option<Traces> {
        let sample = self.sample(set.sample);
        let headers = set.headers.iter();
        let headers = headers
            .filter_map(|(name, source)| {
                let key = format!("traces.headers.{name}");
                let value = self.secret(&key, Some(source))?;
                self.header(&key, name, value)
            })
            .collect();
        let endpoint = set.endpoint.as_deref().filter(|text| !text.is_empty())?;
        Some(Traces {
            endpoint: self.collector(endpoint)?,
            headers,
            sample,
        })
    }

    fn sample(&mut self, asked: Option<f64>) -> f64 {
        let sample = asked.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&sample) {
            let message = format!("`{sample}` is not a part of the traces");
            let hint = "write a number from 0 to 1: `0.1` sends each tenth";
            self.error("traces.sample", message, hint);
        }
        sample
    }

    fn header(&mut self, key: &str, name: &str, value: Secret) -> Option<(HeaderName, Secret)> {
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok();
        let Some(parsed) = parsed.filter(|name| !OURS.contains(name)) else {
            let message = format!("`{name}` is not a header that can be added");
            self.error(key, message, "write it as in `authorization`");
            return None;
        };
        if HeaderValue::from_str(value.expose()).is_err() {
            let message = "holds a character that headers can't carry";
            self.error(key, message, "look for line breaks in it");
            return None;
        }
        Some((parsed, value))
    }

    fn collector(&mut self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && url.fragment().is_none()
        });
        let Some(mut url) = url else {
            self.error(
                "traces.endpoint",
                "is not the address of a collector",
                "write it as in `http://127.0.0.1:4318`; what it asks for goes into `traces.headers`",
            );
            return None;
        };
        if url.path() == "/" {
            url.set_path(TRACES_PATH);
        }
        Some(url)
    }
}
