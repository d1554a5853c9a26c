//! Response bodies: whole, or in one of the ways a network spoils them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// How a body is to be sent.
pub(crate) enum Plan {
    /// At once.
    Whole(Vec<u8>),
    /// One byte at a time.
    Drip { bytes: Vec<u8>, pause: Duration },
    /// Only the first bytes, then the end of the connection.
    Cut { bytes: Vec<u8>, after: usize },
    /// A made-up body of that length.
    Huge { bytes: u64, with_length: bool },
}

impl Plan {
    /// The content length to declare, if one is to be declared.
    pub(crate) fn content_length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) | Self::Drip { bytes, .. } => Some(bytes.len() as u64),
            // Always more than is sent, or nothing would be missing.
            Self::Cut { bytes, after } => Some(bytes.len().max(after + 1) as u64),
            Self::Huge { bytes, with_length } => with_length.then_some(*bytes),
        }
    }

    /// The body.
    pub(crate) fn into_body(self) -> PlannedBody {
        match self {
            Self::Whole(bytes) => PlannedBody::Whole(Some(Bytes::from(bytes))),
            Self::Drip { bytes, pause } => PlannedBody::Drip {
                left: Bytes::from(bytes),
                pause,
                sleep: Box::pin(sleep(pause)),
            },
            Self::Cut { mut bytes, after } => {
                bytes.truncate(after);
                // Time for what was sent to leave before the connection breaks.
                let linger = Box::pin(sleep(Duration::from_millis(30)));
                PlannedBody::Cut {
                    first: Some(Bytes::from(bytes)),
                    linger,
                }
            }
            Self::Huge { bytes, .. } => PlannedBody::Huge {
                left: bytes,
                begun: false,
            },
        }
    }
}

/// A body under way.
pub(crate) enum PlannedBody {
    Whole(Option<Bytes>),
    Drip {
        left: Bytes,
        pause: Duration,
        sleep: Pin<Box<Sleep>>,
    },
    Cut {
        first: Option<Bytes>,
        linger: Pin<Box<Sleep>>,
    },
    Huge {
        left: u64,
        begun: bool,
    },
}

/// A huge body is valid JSON up to where it is cut off.
const HUGE_START: &[u8] = b"{\"padding\":\"";
static HUGE_CHUNK: [u8; 64 * 1024] = [b'a'; 64 * 1024];

impl Body for PlannedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = match self.get_mut() {
            Self::Whole(bytes) => bytes.take().filter(|bytes| !bytes.is_empty()),
            Self::Drip { left, pause, sleep } => {
                if left.is_empty() {
                    None
                } else {
                    ready!(sleep.as_mut().poll(cx));
                    sleep.as_mut().reset(tokio::time::Instant::now() + *pause);
                    Some(left.split_to(1))
                }
            }
            Self::Cut { first, linger } => match first.take() {
                Some(bytes) if !bytes.is_empty() => Some(bytes),
                _ => {
                    ready!(linger.as_mut().poll(cx));
                    return Poll::Ready(Some(Err(io::Error::other("cut, as asked"))));
                }
            },
            Self::Huge { left, begun } => {
                let chunk: &'static [u8] = if *begun { &HUGE_CHUNK } else { HUGE_START };
                *begun = true;
                let length = usize::try_from(*left)
                    .unwrap_or(usize::MAX)
                    .min(chunk.len());
                *left -= length as u64;
                (length > 0).then(|| Bytes::from_static(&chunk[..length]))
            }
        };
        Poll::Ready(frame.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Drip { left, .. } => left.is_empty(),
            Self::Huge { left, .. } => *left == 0,
            Self::Cut { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            _ => SizeHint::default(),
        }
    }
}
