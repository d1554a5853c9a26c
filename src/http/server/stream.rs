//! The bytes of a connection on their way to and from hyper.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::connection::ConnectionState;
use super::framing::Framing;

/// How long to listen to a client that still sends while we close.
const CLOSE_LINGER: Duration = Duration::from_secs(1);

/// A stream that is watched for ambiguous framing, for clients that do not take
/// their answer, and that closes without cutting the answer short.
pub(super) struct WatchedStream<S> {
    stream: S,
    framing: Framing,
    facts: Arc<ConnectionState>,
    write_timeout: Duration,
    /// Runs while the client takes nothing.
    stall: Option<Pin<Box<Sleep>>>,
    /// Runs between our half of the close and the client's.
    linger: Option<Pin<Box<Sleep>>>,
}

impl<S> WatchedStream<S> {
    pub(super) fn new(stream: S, facts: Arc<ConnectionState>, write_timeout: Duration) -> Self {
        Self {
            stream,
            framing: Framing::default(),
            facts,
            write_timeout,
            stall: None,
            linger: None,
        }
    }

    /// Passes on the outcome of a write, or an error once nothing moved for too long.
    fn unless_stalled<T>(
        &mut self,
        outcome: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        self.facts.takes(outcome.is_ready());
        if outcome.is_ready() {
            self.stall = None;
            return outcome;
        }
        let limit = self.write_timeout;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(limit)));
        stall
            .as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let this = &mut *self;
        this.framing.read(&buffer.filled()[before..]);
        this.facts.read(&this.framing);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.facts.touch();
        self.unless_stalled(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.facts.touch();
        self.unless_stalled(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.unless_stalled(outcome, context)
    }

    /// Closes our half; if the client is still sending, reads on for a moment.
    /// Closing with unread bytes would reset the connection, and a reset throws
    /// away the answer (413, 431) that is on its way to the client.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
            ready!(self.unless_stalled(outcome, context))?;
            if !self.framing.inside_request() {
                return Poll::Ready(Ok(()));
            }
            self.linger = Some(Box::pin(sleep(CLOSE_LINGER)));
        }
        loop {
            if let Some(linger) = &mut self.linger
                && linger.as_mut().poll(context).is_ready()
            {
                return Poll::Ready(Ok(()));
            }
            let mut scratch = [0; 4096];
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}
