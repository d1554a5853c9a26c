//! One route of the API: what the router serves and what the OpenAPI document says
//! of it come from the same value, so that neither has what the other lacks. A route
//! binds an address to an operation; what the operation takes and gives says the
//! rest.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, Query as UriQuery, RawPathParams, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use futures_util::future::BoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Admin;
use super::audit::unchanged;
use super::reply::{Reply, condition, json, with_tag};
use crate::base::ErrorCode;
use crate::http::problem::Problem;
use crate::operation::{Caller, Changed, Condition, Done, Found, Operations, Outcome, Page};

/// How a type's schema is asked for.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What a request's body may be.
pub(super) struct Takes {
    pub kind: &'static str,
    pub schema: Option<SchemaOf>,
    pub example: Value,
}

/// What an answer may be.
pub(super) struct Gives {
    pub status: u16,
    pub kind: &'static str,
    pub schema: Option<SchemaOf>,
}

/// A request, as far as it is the same for all operations.
pub(super) struct Call {
    pub ops: Arc<Operations>,
    pub caller: Caller,
    /// What must hold for a change.
    pub when: Condition,
    pub headers: HeaderMap,
    uri: Uri,
    places: Vec<(String, String)>,
    body: Bytes,
}

impl Call {
    /// A part of the path, by its name.
    pub fn at(&self, name: &str) -> &str {
        let found = self.places.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// What an operation takes besides the parts of its path.
pub(super) trait Input: Sized + Send {
    fn describe(route: &mut Route);
    fn read(call: &Call) -> Reply<Self>;
}

impl Input for () {
    fn describe(_: &mut Route) {}

    fn read(_: &Call) -> Reply<Self> {
        Ok(())
    }
}

/// A body of JSON.
pub(super) struct Body<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send> Input for Body<T> {
    fn describe(route: &mut Route) {
        route.takes.push(Takes {
            kind: JSON,
            schema: Some(SchemaGenerator::subschema_for::<T>),
            example: Value::Null,
        });
    }

    fn read(call: &Call) -> Reply<Self> {
        json(&call.headers, &call.body).map(Self)
    }
}

/// The parameters of a query.
pub(super) struct Query<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send> Input for Query<T> {
    fn describe(route: &mut Route) {
        route.query = Some(T::json_schema);
    }

    fn read(call: &Call) -> Reply<Self> {
        UriQuery::try_from_uri(&call.uri)
            .map(|UriQuery(query)| Self(query))
            .map_err(|why| Problem::new(ErrorCode::RequestInvalid, why.body_text()))
    }
}

/// What an operation gives.
pub(super) trait Output {
    fn describe(route: &mut Route);
    fn answer(self) -> Response;
}

impl<T: Serialize + JsonSchema> Output for Page<T> {
    fn describe(route: &mut Route) {
        route.gives_json::<Self>(200);
    }

    fn answer(self) -> Response {
        self.into_response()
    }
}

/// A value without a tag.
impl<T: Serialize + JsonSchema> Output for Json<T> {
    fn describe(route: &mut Route) {
        route.gives_json::<T>(200);
    }

    fn answer(self) -> Response {
        self.into_response()
    }
}

impl<T: Serialize + JsonSchema> Output for Found<T> {
    fn describe(route: &mut Route) {
        route.gives_json::<T>(200);
        route.tagged = true;
    }

    fn answer(self) -> Response {
        with_tag(self.tag.as_str(), Json(self.value))
    }
}

impl<T: Serialize + JsonSchema> Output for Changed<T> {
    fn describe(route: &mut Route) {
        route.gives_json::<T>(200);
        route.tagged = true;
        route.conditional = true;
    }

    fn answer(self) -> Response {
        let status = if self.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let answer = (status, Json(self.value));
        match self.tag {
            Some(tag) => with_tag(tag.as_str(), answer),
            None => answer.into_response(),
        }
    }
}

impl Output for Done {
    fn describe(route: &mut Route) {
        route.gives.push(Gives {
            status: 204,
            kind: "",
            schema: None,
        });
        route.conditional = true;
    }

    fn answer(self) -> Response {
        match self.tag {
            Some(tag) => with_tag(tag.as_str(), StatusCode::NO_CONTENT),
            None => StatusCode::NO_CONTENT.into_response(),
        }
    }
}

/// One route.
pub(super) struct Route {
    pub id: &'static str,
    pub method: Method,
    pub path: &'static str,
    pub about: &'static str,
    pub query: Option<SchemaOf>,
    pub takes: Vec<Takes>,
    /// Whether the body may be left out.
    pub body_optional: bool,
    pub gives: Vec<Gives>,
    /// Statuses of problems beyond those that follow from the rest.
    pub refuses: &'static [u16],
    /// Whether its answers carry an `ETag`.
    pub tagged: bool,
    /// Whether it heeds `If-Match` and `If-None-Match`.
    pub conditional: bool,
    pub serve: MethodRouter<Admin>,
}

const JSON: &str = "application/json";

type Run = Arc<dyn Fn(Call) -> BoxFuture<'static, Response> + Send + Sync>;

/// Serves a route: reads what is the same for all, and runs its operation.
fn served(filter: MethodFilter, run: Run) -> MethodRouter<Admin> {
    let serve = async move |State(admin): State<Admin>,
                            Extension(caller): Extension<Caller>,
                            places: RawPathParams,
                            uri: Uri,
                            headers: HeaderMap,
                            body: Bytes| {
        let places = places.iter();
        let places = places.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let call = Call {
            when: match condition(&headers) {
                Ok(when) => when,
                Err(problem) => return problem.into_response(),
            },
            ops: admin.ops,
            caller,
            places: places.collect(),
            headers,
            uri,
            body,
        };
        unchanged(run(call).await)
    };
    on(filter, serve)
}

impl Route {
    fn bare(method: Method, path: &'static str, id: &'static str, about: &'static str) -> Self {
        Self {
            id,
            method,
            path,
            about,
            query: None,
            takes: Vec::new(),
            body_optional: false,
            gives: Vec::new(),
            refuses: &[],
            tagged: false,
            conditional: false,
            serve: MethodRouter::new(),
        }
    }

    fn bind<I, O, F>(
        mut self,
        operation: impl Fn(Call, I) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        I: Input + 'static,
        O: Output,
        F: Future<Output = Outcome<O>> + Send + 'static,
    {
        I::describe(&mut self);
        O::describe(&mut self);
        let run: Run = Arc::new(move |call| match I::read(&call) {
            Ok(input) => {
                let done = operation(call, input);
                Box::pin(async move {
                    match done.await {
                        Ok(output) => output.answer(),
                        Err(refused) => Problem::from(refused).into_response(),
                    }
                })
            }
            Err(problem) => Box::pin(std::future::ready(problem.into_response())),
        });
        self.serve = served(filter(&self.method), run);
        self
    }

    /// What an operation takes, for the document.
    pub fn example(mut self, example: Value) -> Self {
        if let Some(takes) = self.takes.last_mut() {
            takes.example = example;
        }
        self
    }

    /// It makes a thing, and heeds no condition.
    pub fn creates(mut self) -> Self {
        for gives in &mut self.gives {
            gives.status = 201;
        }
        self.conditional = false;
        self
    }

    /// It only ends something, whatever became of that meanwhile.
    pub fn unconditional(mut self) -> Self {
        self.conditional = false;
        self
    }

    /// It makes a thing, or changes the one there is.
    pub fn may_create(mut self) -> Self {
        if let Some(Gives { kind, schema, .. }) = self.gives.first() {
            let (status, kind, schema) = (201, *kind, *schema);
            self.gives.push(Gives {
                status,
                kind,
                schema,
            });
        }
        self
    }

    pub fn refuses(mut self, statuses: &'static [u16]) -> Self {
        self.refuses = statuses;
        self
    }

    fn gives_json<T: JsonSchema>(&mut self, status: u16) {
        self.gives.push(Gives {
            status,
            kind: JSON,
            schema: Some(SchemaGenerator::subschema_for::<T>),
        });
    }
}

macro_rules! methods {
    ($($name:ident $method:ident),*) => { impl Route { $(
        /// Binds this method of an address to an operation.
        pub fn $name<I, O, F>(
            path: &'static str,
            id: &'static str,
            about: &'static str,
            operation: impl Fn(Call, I) -> F + Clone + Send + Sync + 'static,
        ) -> Self
        where
            I: Input + 'static,
            O: Output,
            F: Future<Output = Outcome<O>> + Send + 'static,
        {
            Self::bare(Method::$method, path, id, about).bind(operation)
        }
    )* } };
}
methods!(get GET, post POST, put PUT, patch PATCH, delete DELETE);

fn filter(method: &Method) -> MethodFilter {
    match *method {
        Method::GET => MethodFilter::GET,
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::PATCH => MethodFilter::PATCH,
        _ => MethodFilter::DELETE,
    }
}

/// Routes whose handlers do it all themselves.
impl Route {
    pub fn handled<H: Handler<T, Admin>, T: 'static>(
        method: Method,
        path: &'static str,
        id: &'static str,
        about: &'static str,
        handler: H,
    ) -> Self {
        let serve = on(filter(&method), handler);
        let mut route = Self::bare(method, path, id, about);
        if route.method == Method::DELETE {
            route = route.gives_nothing();
        }
        Self { serve, ..route }
    }

    /// It takes the members of `T` as query parameters.
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(T::json_schema);
        self
    }

    /// It takes a body of JSON.
    pub fn takes<T: JsonSchema>(mut self, example: Value) -> Self {
        self.takes.push(Takes {
            kind: JSON,
            schema: Some(SchemaGenerator::subschema_for::<T>),
            example,
        });
        self
    }

    /// It takes text of this kind too.
    pub fn takes_text(mut self, kind: &'static str, example: &str) -> Self {
        self.takes.push(Takes {
            kind,
            schema: None,
            example: example.into(),
        });
        self
    }

    pub fn body_optional(mut self) -> Self {
        self.body_optional = true;
        self
    }

    /// It gives JSON.
    pub fn gives<T: JsonSchema>(mut self, status: u16) -> Self {
        self.gives_json::<T>(status);
        self
    }

    /// It gives text of this kind too.
    pub fn gives_text(mut self, status: u16, kind: &'static str) -> Self {
        self.gives.push(Gives {
            status,
            kind,
            schema: None,
        });
        self
    }

    /// It gives an empty answer.
    pub fn gives_nothing(mut self) -> Self {
        self.gives = vec![Gives {
            status: 204,
            kind: "",
            schema: None,
        }];
        self
    }

    /// What it gives in place of nothing.
    pub fn gives_instead<T: JsonSchema>(mut self, status: u16) -> Self {
        self.gives.clear();
        self.gives::<T>(status)
    }

    pub fn tagged(mut self) -> Self {
        self.tagged = true;
        self
    }

    pub fn conditional(mut self) -> Self {
        self.conditional = true;
        self
    }
}
