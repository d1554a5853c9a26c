//! Listens in on a connection, so that the journal can show a request's head as it was sent:
//! hyper groups header names and lowers their case.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that remembers what was read from it.
pub(crate) struct Tap<S> {
    inner: S,
    seen: Seen,
}

impl<S> Tap<S> {
    pub(crate) fn new(inner: S) -> (Self, Seen) {
        let seen = Seen::default();
        (
            Self {
                inner,
                seen: seen.clone(),
            },
            seen,
        )
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.seen
            .with(|bytes| bytes.extend_from_slice(&buf.filled()[before..]));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// What was read and not yet taken.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<u8>>>);

/// A request's head as it was sent.
pub(crate) struct Head {
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Seen {
    fn with<T>(&self, f: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the head that stands at the front.
    pub(crate) fn take_head(&self) -> Option<Head> {
        let head: Vec<u8> = self.with(|bytes| {
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
            Some(bytes.drain(..end + 4).collect())
        })?;
        let text = String::from_utf8_lossy(&head);
        let mut lines = text.trim_start().split("\r\n");
        let target = lines.next()?.split(' ').nth(1)?.to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Some(Head { target, headers })
    }

    /// Drops a body from the front, so that the next head stands there. A chunked body's length
    /// on the wire is not known: then all goes, and only a pipelined request would miss it.
    pub(crate) fn drop_body(&self, declared_length: Option<usize>) {
        self.with(|bytes| match declared_length {
            Some(length) if length <= bytes.len() => {
                bytes.drain(..length);
            }
            _ => bytes.clear(),
        });
    }
}
