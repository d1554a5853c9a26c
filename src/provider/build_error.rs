//! Why a request can't be built.

use super::template::Unfilled;

/// Why a request can't be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A place in a text has no value.
    #[error(transparent)]
    Unfilled(#[from] Unfilled),
    /// Filled in, the URL is not valid.
    #[error("the URL is not valid once its places are filled in")]
    Url,
    /// Filled in, the URL has a host that is not in the list.
    #[error("the URL's host `{0}` is not one of `provider.hosts`")]
    Host(String),
    /// What a signature is made with is empty.
    #[error("the signature `{0}` would be made with an empty key or secret")]
    EmptyKey(String),
    /// Neither the mapping nor discovery names the endpoint.
    #[error("no {0} is known")]
    NoEndpoint(&'static str),
    /// The assertion can't be made.
    #[error("{0}")]
    Assertion(String),
    /// A value that does not fit where it stands in a body.
    #[error(
        "`{{{0}}}` stands outside of quotes in the body, and is neither a number nor a boolean"
    )]
    Unquoted(String),
}
