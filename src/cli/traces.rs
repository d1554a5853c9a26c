//! Traces of requests: to a collector, by OTLP over HTTP.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::warn;

use crate::base::{random, traces};
use crate::config;
use crate::outbound::Collector;

/// How long the last traces may take at the end.
const LAST: Duration = Duration::from_secs(5);

/// What sends traces, as long as it runs; nothing where there is no collector.
pub(super) struct Traces(Option<SdkTracerProvider>);

/// Begins to trace, if there is a collector.
///
/// What can't be sent in time is dropped: the SDK holds 2,048 spans and sends each five
/// seconds, or when 512 are there. `OTEL_BSP_…` and `OTEL_RESOURCE_ATTRIBUTES` are read
/// by it.
pub(super) fn start(config: Option<&config::Traces>) -> anyhow::Result<Traces> {
    let Some(config) = config else {
        return Ok(Traces(None));
    };
    let headers: HashMap<String, String> = config
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.expose().to_owned()))
        .collect();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector::new()?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(config.endpoint.as_str())
        .with_headers(headers)
        .build()
        .context("traces cannot be sent; see `[traces]`")?;
    let sampler = Sampler::TraceIdRatioBased(config.sample);
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_resource(
            Resource::builder()
                .with_service_name("vestibule")
                .with_attributes([
                    KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                    KeyValue::new("service.instance.id", random::support_id()),
                ])
                .build(),
        )
        .build();
    traces::begin(provider.tracer("vestibule"));
    Ok(Traces(Some(provider)))
}

impl Traces {
    /// Sends what is left.
    pub(super) async fn end(self) {
        let Some(provider) = self.0 else { return };
        // It waits for its own thread.
        let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST));
        if let Ok(Err(error)) = ended.await {
            warn!(why = %error, "the last traces were not sent");
        }
    }
}
