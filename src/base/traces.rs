//! Traces of requests, as OpenTelemetry has them: a request is a span, and so is what is
//! asked of a provider for it. Until [`begin`] nothing is traced, and nothing of it costs.
//!
//! A span tells where a request went and what came of it, never what was in it: no path
//! or query of a URL, no header, no body. Names of attributes are those of the
//! conventions (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>), and
//! `vestibule.…` for what is ours.

use std::collections::HashMap;
use std::sync::OnceLock;

use opentelemetry::context::FutureExt;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Link, SpanBuilder, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, Value};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;
use tracing::{Instrument, error_span};

pub use opentelemetry::KeyValue;
pub use opentelemetry::trace::SpanKind;

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// The header in which a caller tells its trace, and what is kept of a login's
/// (W3C Trace Context §3.2).
pub const TRACEPARENT: &str = "traceparent";
/// What goes with it (W3C Trace Context §3.3).
pub const TRACESTATE: &str = "tracestate";

/// Begins to trace. Once a process.
pub fn begin(tracer: SdkTracer) {
    let _ = TRACER.set(tracer);
}

/// Whether anything is traced.
pub fn are_on() -> bool {
    TRACER.get().is_some()
}

/// What a request says of its trace: its `traceparent` and `tracestate`, by name.
pub type Told = HashMap<String, String>;

/// A span that is to begin.
#[derive(Debug)]
pub struct Span {
    /// Whether it is asked of us, asked by us, or neither.
    pub kind: SpanKind,
    /// Its name; one of few.
    pub name: String,
    /// What is known of it when it begins.
    pub attributes: Vec<KeyValue>,
}

impl Span {
    fn start(self, tracer: &SdkTracer, parent: &Context, links: Vec<Link>) -> Context {
        let span = SpanBuilder::from_name(self.name)
            .with_kind(self.kind)
            .with_attributes(self.attributes)
            .with_links(links);
        parent.with_span(tracer.build_with_context(span, parent))
    }
}

/// Does the work of a request that came, in the trace that `told` names or in a new one. What is logged meanwhile has the
/// trace's id.
pub async fn request<T>(told: &Told, span: Span, work: impl Future<Output = T>) -> T {
    let Some(tracer) = TRACER.get() else {
        return work.await;
    };
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), told);
    let here = span.start(tracer, &parent, Vec::new());
    logged(here, work).await
}

/// Begins a part of what is under way: a span below the present one, if there is one.
pub fn begin_part(span: impl FnOnce() -> Span) -> Part {
    let Some(tracer) = TRACER.get() else {
        return Part(None);
    };
    let parent = Context::current();
    let traced = parent.has_active_span();
    Part(traced.then(|| span().start(tracer, &parent, Vec::new())))
}

/// A part of what is under way; it ends when this is dropped.
#[derive(Debug)]
pub struct Part(Option<Context>);

impl Part {
    /// Runs what begins parts of this one.
    pub fn around<T>(&self, work: impl FnOnce() -> T) -> T {
        let _within = self.0.clone().map(Context::attach);
        work()
    }

    /// Says something of it.
    pub fn note(&self, key: &'static str, value: impl Into<Value>) {
        if let Some(here) = &self.0 {
            here.span().set_attribute(KeyValue::new(key, value));
        }
    }

    /// Says that it failed; `kind` is one of few words.
    pub fn failed(&self, kind: &str) {
        if let Some(here) = &self.0 {
            fail(here, kind);
        }
    }
}

fn fail(here: &Context, kind: &str) {
    let span = here.span();
    span.set_attribute(KeyValue::new("error.type", kind.to_owned()));
    span.set_status(Status::error(kind.to_owned()));
}

/// Goes on with what began in another request, whose [`current`] this was: in that one's
/// trace, with a link to the present request.
pub async fn resumed<T>(
    began: Option<&str>,
    name: &'static str,
    work: impl Future<Output = T>,
) -> T {
    let (Some(tracer), Some(began)) = (TRACER.get(), began) else {
        return work.await;
    };
    let told = HashMap::from([(TRACEPARENT.to_owned(), began.to_owned())]);
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &told);
    let present = Context::current().span().span_context().clone();
    let links = if present.is_valid() {
        vec![Link::with_context(present)]
    } else {
        Vec::new()
    };
    let span = Span {
        kind: SpanKind::Internal,
        name: name.to_owned(),
        attributes: Vec::new(),
    };
    logged(span.start(tracer, &parent, links), work).await
}

async fn logged<T>(here: Context, work: impl Future<Output = T>) -> T {
    let id = here.span().span_context().trace_id();
    // Of the highest level, so that no filter of log lines takes it from an error.
    let lines = error_span!(target: "vestibule", "request", trace_id = %id);
    Box::pin(work.instrument(lines).with_context(here)).await
}

/// The same work for a task of its own, in the present trace.
pub fn carried<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    work.with_current_context().in_current_span()
}

/// The present span as a `traceparent`, to go on from in another request.
pub fn current() -> Option<String> {
    if !are_on() {
        return None;
    }
    let mut told = HashMap::new();
    TraceContextPropagator::new().inject(&mut told);
    told.remove(TRACEPARENT)
}

/// Says something of the present span.
pub fn note(key: &'static str, value: impl Into<Value>) {
    if are_on() {
        Context::map_current(|here| here.span().set_attribute(KeyValue::new(key, value)));
    }
}

/// Says that the present span failed; `kind` is one of few words.
pub fn failed(kind: &str) {
    if are_on() {
        Context::map_current(|here| fail(here, kind));
    }
}
