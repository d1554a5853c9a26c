//! Finds requests that say twice where their body ends.
//!
//! `Content-Length` beside `Transfer-Encoding`, or twice, is how a request is
//! hidden inside another one when two servers read it differently (RFC 9112
//! §6.3, §11.2). hyper picks one reading and drops the other header before
//! anybody sees it, so this follows the bytes beside hyper. It decides nothing
//! about framing: it only raises a flag, upon which the request is refused.

use memchr::memchr;

/// Longest line of a head that is remembered; the fields of interest are short.
const LINE: usize = 64;

/// Where in the stream of requests a connection stands.
#[derive(Debug, Default)]
pub struct Framing {
    place: Place,
    line: Vec<u8>,
    line_is_empty: bool,
    lengths: usize,
    length: u64,
    encodings: usize,
    ambiguous: bool,
    unknown_coding: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before a request, where blank lines may stand.
    #[default]
    Between,
    /// In a request line or header.
    Head,
    /// So many bytes before the end of a body.
    Body(u64),
    /// In or after a chunked body. The answer to it closes the connection.
    Lost,
}

impl Framing {
    /// Takes the next bytes of the connection.
    pub fn read(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            match &mut self.place {
                Place::Lost => return,
                Place::Body(left) => {
                    let skipped =
                        usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    *left -= skipped as u64;
                    if *left == 0 {
                        self.place = Place::Between;
                    }
                    bytes = &bytes[skipped..];
                }
                Place::Between => {
                    if byte != b'\r' && byte != b'\n' {
                        self.start();
                        continue;
                    }
                    bytes = rest;
                }
                Place::Head => bytes = self.head(bytes),
            }
        }
    }

    /// Some but not all bytes of a head have arrived.
    pub fn inside_head(&self) -> bool {
        self.place == Place::Head
    }

    /// More of the request may be on its way.
    pub fn inside_request(&self) -> bool {
        self.place != Place::Between
    }

    /// So many bytes of a body are still to come, where its length is known.
    pub fn inside_body(&self) -> bool {
        matches!(self.place, Place::Body(_))
    }

    /// A request of this connection came in a transfer coding other than `chunked`.
    pub fn unknown_coding(&self) -> bool {
        self.unknown_coding
    }

    /// A request of this connection said twice where its body ends.
    pub fn ambiguous(&self) -> bool {
        self.ambiguous
    }

    fn start(&mut self) {
        self.place = Place::Head;
        self.line.clear();
        self.line_is_empty = true;
        self.lengths = 0;
        self.length = 0;
        self.encodings = 0;
    }

    /// Takes a head's bytes up to the end of their first line; gives the rest.
    fn head<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = memchr(b'\n', bytes).unwrap_or(bytes.len());
        let (part, rest) = bytes.split_at(end);
        let visible = || part.iter().filter(|&&byte| byte != b'\r');
        if visible().next().is_some() {
            self.line_is_empty = false;
            self.line.extend(visible().take(LINE - self.line.len()));
        }
        let Some((_, next)) = rest.split_first() else {
            return rest;
        };
        if self.line_is_empty {
            self.end_head();
        } else {
            self.field();
            self.line.clear();
            self.line_is_empty = true;
        }
        next
    }

    fn field(&mut self) {
        let Some(colon) = self.line.iter().position(|&byte| byte == b':') else {
            return;
        };
        let (name, value) = self.line.split_at(colon);
        if name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            // Not a number: hyper refuses it, and no body follows that matters.
            self.length = std::str::from_utf8(&value[1..])
                .ok()
                .and_then(|value| value.trim().parse().ok())
                .unwrap_or(0);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.encodings += 1;
            let coding = value[1..].trim_ascii();
            self.unknown_coding |= !coding.eq_ignore_ascii_case(b"chunked");
        }
    }

    fn end_head(&mut self) {
        self.ambiguous |= self.lengths + self.encodings > 1;
        self.place = match (self.encodings, self.length) {
            (0, 0) => Place::Between,
            (0, length) => Place::Body(length),
            _ => Place::Lost,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Framing;

    fn after(text: &str) -> Framing {
        let mut whole = Framing::default();
        whole.read(text.as_bytes());
        let mut dripped = Framing::default();
        for byte in text.bytes() {
            dripped.read(&[byte]);
        }
        assert_eq!(
            format!("{whole:?}"),
            format!("{dripped:?}"),
            "depends on how the bytes arrive"
        );
        whole
    }

    #[test]
    fn plain_requests_are_followed_to_their_end() {
        for text in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "\r\nPOST / HTTP/1.1\r\ncontent-length:3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 25\r\n\r\nTransfer-Encoding: a\r\n\r\n\r\n",
        ] {
            let framing = after(text);
            assert!(!framing.inside_request(), "{text:?}");
            assert!(!framing.ambiguous(), "{text:?}");
        }
    }

    #[test]
    fn unfinished_requests_are_noticed() {
        assert!(after("GET /").inside_head());
        assert!(after("GET / HTTP/1.1\r\nHost: a\r\n").inside_head());
        let body = after("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab");
        assert!(body.inside_request() && !body.inside_head());
    }

    #[test]
    fn only_chunked_is_known() {
        for (coding, unknown) in [
            ("chunked", false),
            (" Chunked ", false),
            ("gzip, chunked", true),
            ("gzip", true),
            ("chunked, chunked", true),
            ("identity", true),
            ("", true),
        ] {
            let text = format!("POST / HTTP/1.1\r\nTransfer-Encoding:{coding}\r\n\r\n");
            assert_eq!(after(&text).unknown_coding(), unknown, "{coding}");
        }
    }

    #[test]
    fn two_ends_are_ambiguous() {
        for fields in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nCONTENT-LENGTH: 3",
            "Content-Length: 3\r\nContent-Length: 3",
            "Content-Length: 3\r\nX: y\r\nContent-Length: 4",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        ] {
            assert!(
                after(&format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n")).ambiguous(),
                "{fields}"
            );
            let second = format!(
                "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiPOST / HTTP/1.1\r\n{fields}\r\n\r\n"
            );
            assert!(after(&second).ambiguous(), "{fields}, pipelined");
        }
    }
}
