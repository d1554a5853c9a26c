//! One operation of the API: what the router serves and what the OpenAPI document
//! says of it come from the same value, so that neither has what the other lacks.

use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodRouter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use super::Admin;

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

/// One operation.
pub(super) struct Operation {
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

impl Operation {
    fn new<H: Handler<T, Admin>, T: 'static>(
        method: Method,
        path: &'static str,
        id: &'static str,
        about: &'static str,
        handler: H,
    ) -> Self {
        let filter = match method {
            Method::GET => axum::routing::MethodFilter::GET,
            Method::POST => axum::routing::MethodFilter::POST,
            Method::PUT => axum::routing::MethodFilter::PUT,
            Method::PATCH => axum::routing::MethodFilter::PATCH,
            _ => axum::routing::MethodFilter::DELETE,
        };
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
            serve: on(filter, handler),
        }
    }

    pub fn get<H: Handler<T, Admin>, T: 'static>(
        path: &'static str,
        id: &'static str,
        about: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::GET, path, id, about, handler)
    }

    pub fn post<H: Handler<T, Admin>, T: 'static>(
        path: &'static str,
        id: &'static str,
        about: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::POST, path, id, about, handler)
    }

    pub fn put<H: Handler<T, Admin>, T: 'static>(
        path: &'static str,
        id: &'static str,
        about: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::PUT, path, id, about, handler)
    }

    pub fn patch<H: Handler<T, Admin>, T: 'static>(
        path: &'static str,
        id: &'static str,
        about: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::PATCH, path, id, about, handler)
    }

    pub fn delete<H: Handler<T, Admin>, T: 'static>(
        path: &'static str,
        id: &'static str,
        about: &'static str,
        handler: H,
    ) -> Self {
        Self::new(Method::DELETE, path, id, about, handler).gives_nothing()
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
        self.gives.push(Gives {
            status,
            kind: JSON,
            schema: Some(SchemaGenerator::subschema_for::<T>),
        });
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

    pub fn refuses(mut self, statuses: &'static [u16]) -> Self {
        self.refuses = statuses;
        self
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
