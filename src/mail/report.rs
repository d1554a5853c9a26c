//! Delivery status notifications (RFC 3464): the message by which a mail server further on
//! says that it could not deliver one of ours.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What came back, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// The `Message-ID` of what came back, without brackets, where the report has its head.
    pub message_id: Option<String>,
    /// Whom it went to.
    pub to: Option<String>,
    /// The mail server's words.
    pub why: String,
}

/// Why a message says of no other one that it came back.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// It is an answer of a person, say.
    #[error(
        "it is no delivery status notification: its `Content-Type` is not `multipart/report` with a part `message/delivery-status` (RFC 3464)"
    )]
    OtherMessage,
    /// It says `delayed`, `delivered`, `relayed` or `expanded` (RFC 3464 §2.3.3).
    #[error("it says of no message that it came back: no recipient in it has `Action: failed`")]
    NotFailed,
    /// Nobody can say which message it is about.
    #[error("it names neither the message nor whom it went to")]
    Nameless,
}

/// A head's fields, and what follows the empty line.
struct Entity<'t> {
    fields: Vec<(&'t str, String)>,
    body: &'t str,
}

impl<'t> Entity<'t> {
    fn read(text: &'t str) -> Self {
        let (head, body) = halves(text);
        Self {
            fields: fields(head),
            body,
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        find(&self.fields, name)
    }

    /// The media type, in lower case and without parameters.
    fn kind(&self) -> String {
        let text = self.get("content-type").unwrap_or_default();
        let kind = text.split(';').next().unwrap_or_default();
        kind.trim().to_ascii_lowercase()
    }

    /// What stands between the parts (RFC 2046 §5.1.1).
    fn boundary(&self) -> Option<String> {
        let parameters = self.get("content-type")?.split(';').skip(1);
        let mut pairs = parameters.filter_map(|one| one.trim().split_once('='));
        let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
        let value = value.trim().trim_matches('"');
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The body, decoded (RFC 2045 §6). What can't be is taken as it is.
    fn text(&self) -> String {
        let way = self.get("content-transfer-encoding").unwrap_or_default();
        match way.trim().to_ascii_lowercase().as_str() {
            "base64" => {
                let packed: String = self.body.split_ascii_whitespace().collect();
                let bytes = STANDARD.decode(packed).unwrap_or_default();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            "quoted-printable" => quoted_printable(self.body),
            _ => self.body.to_owned(),
        }
    }
}

/// Reads a message as it came.
///
/// # Errors
/// If it does not say of a message that it came back.
pub fn read(message: &str) -> Result<Report, ReportError> {
    let whole = Entity::read(message.trim_start());
    let boundary = whole.boundary();
    let boundary = boundary.filter(|_| whole.kind() == "multipart/report");
    let boundary = format!("--{}", boundary.ok_or(ReportError::OtherMessage)?);
    let (mut status, mut message_id) = (None, None);
    for part in parts(whole.body, &boundary) {
        let part = Entity::read(part);
        match part.kind().as_str() {
            "message/delivery-status" | "message/global-delivery-status" if status.is_none() => {
                status = Some(part.text());
            }
            "message/rfc822"
            | "text/rfc822-headers"
            | "message/global"
            | "message/global-headers" => {
                let text = part.text();
                let inner = Entity::read(text.trim_start());
                let id = inner.get("message-id").map(|id| {
                    let marks: &[char] = &['<', '>', ' '];
                    id.trim_matches(marks).to_owned()
                });
                message_id = message_id.or(id.filter(|id| !id.is_empty()));
            }
            _ => {}
        }
    }
    let status = status.ok_or(ReportError::OtherMessage)?;
    let failed = recipients(&status);
    let failed = failed.iter().find(|one| {
        let action = find(one, "action").unwrap_or_default();
        action.trim().eq_ignore_ascii_case("failed")
    });
    let failed = failed.ok_or(ReportError::NotFailed)?;
    let typed = |name: &str| {
        let (_, value) = find(failed, name)?.split_once(';')?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    let to = typed("original-recipient").or_else(|| typed("final-recipient"));
    if message_id.is_none() && to.is_none() {
        return Err(ReportError::Nameless);
    }
    let status = find(failed, "status").map(|text| text.trim().to_owned());
    let why = typed("diagnostic-code").or(status.filter(|text| !text.is_empty()));
    Ok(Report {
        message_id,
        to,
        why: why.unwrap_or_else(|| "failed".to_owned()),
    })
}

/// The groups of fields about recipients, which follow those about the message
/// (RFC 3464 §2.1).
fn recipients(status: &str) -> Vec<Vec<(&str, String)>> {
    let (mut groups, mut rest) = (Vec::new(), status.trim_start());
    while !rest.is_empty() {
        let (head, behind) = halves(rest);
        groups.push(fields(head));
        rest = behind.trim_start();
    }
    groups.retain(|group| find(group, "action").is_some());
    groups
}

fn find<'f>(fields: &'f [(&str, String)], name: &str) -> Option<&'f str> {
    let found = fields
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// What stands before the first empty line, and behind it.
fn halves(text: &str) -> (&str, &str) {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end().is_empty() {
            return (&text[..at], &text[at + line.len()..]);
        }
        at += line.len();
    }
    (text, "")
}

/// The fields of a head, each on one line (RFC 5322 §2.2.3).
fn fields(head: &str) -> Vec<(&str, String)> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in head.lines() {
        match (line.starts_with([' ', '\t']), fields.last_mut()) {
            (true, Some((_, value))) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            (true, None) => {}
            (false, _) => {
                if let Some((name, value)) = line.split_once(':') {
                    fields.push((name.trim(), value.trim().to_owned()));
                }
            }
        }
    }
    fields
}

/// The parts between lines that are the boundary.
fn parts<'t>(body: &'t str, boundary: &str) -> Vec<&'t str> {
    let (mut parts, mut at, mut from) = (Vec::new(), 0, None);
    for line in body.split_inclusive('\n') {
        let here = line.trim_end();
        let last = here.strip_suffix("--").is_some_and(|rest| rest == boundary);
        if here == boundary || last {
            parts.extend(from.map(|from: usize| &body[from..at]));
            from = (!last).then_some(at + line.len());
        }
        at += line.len();
    }
    parts.extend(from.map(|from| &body[from..]));
    parts
}

/// RFC 2045 §6.7.
fn quoted_printable(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|two| {
            let two = std::str::from_utf8(two).ok()?;
            u8::from_str_radix(two, 16).ok()
        });
        rest = match (first, behind, hex) {
            (b'=', [b'\r', b'\n', behind @ ..] | [b'\n', behind @ ..], _) => behind,
            (b'=', _, Some(byte)) => {
                bytes.push(byte);
                &behind[2..]
            }
            _ => {
                bytes.push(*first);
                behind
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Postfix writes them.
    const POSTFIX: &str = "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.test\r\nSubject: Undelivered\r\n\
        Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"A.B/mx.test\"\r\n\r\n\
        This is a MIME-encapsulated message.\r\n\r\n--A.B/mx.test\r\nContent-Type: text/plain\r\n\r\n\
        I'm sorry: Action: failed\r\n\r\n--A.B/mx.test\r\nContent-Type: message/delivery-status\r\n\r\n\
        Reporting-MTA: dns; mx.test\r\nArrival-Date: Sat, 28 Nov 2026 10:00:00 +0000\r\n\r\n\
        Final-Recipient: rfc822; box@inner.test\r\nOriginal-Recipient: rfc822;ada@example.test\r\n\
        Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 no such\r\n    user\r\n\r\n\
        --A.B/mx.test\r\nContent-Type: text/rfc822-headers\r\n\r\n\
        From: shop@acme.test\r\nMessage-ID: <abc@acme.test>\r\n\r\n--A.B/mx.test--\r\n";

    #[test]
    fn what_came_back_and_why() {
        let expected = Report {
            message_id: Some("abc@acme.test".to_owned()),
            to: Some("ada@example.test".to_owned()),
            why: "550 5.1.1 no such user".to_owned(),
        };
        assert_eq!(read(POSTFIX).as_ref(), Ok(&expected));
        let bare = POSTFIX.replace("\r\n", "\n");
        assert_eq!(read(&bare).as_ref(), Ok(&expected));
        // Cut off behind the part that counts.
        let cut = &POSTFIX[..POSTFIX
            .find("--A.B/mx.test\r\nContent-Type: text/rfc822")
            .unwrap()];
        assert_eq!(read(cut).unwrap().message_id, None);
        // Without an address of ours, and without words.
        let short = POSTFIX
            .replace("Original-Recipient: rfc822;ada@example.test\r\n", "")
            .replace(
                "Diagnostic-Code: smtp; 550 5.1.1 no such\r\n    user\r\n",
                "",
            );
        let short = read(&short).unwrap();
        assert_eq!(
            (short.to.unwrap().as_str(), short.why.as_str()),
            ("box@inner.test", "5.1.1")
        );
    }

    #[test]
    fn parts_may_be_encoded() {
        let (front, rest) = POSTFIX.split_once("delivery-status\r\n\r\n").unwrap();
        let (status, behind) = rest.split_once("\r\n\r\n--A.B").unwrap();
        let encoded = |way: &str, text: &str| {
            let kind = "global-delivery-status\r\nContent-Transfer-Encoding: ";
            read(&format!(
                "{front}{kind}{way}\r\n\r\n{text}\r\n\r\n--A.B{behind}"
            ))
        };
        let why = "550 5.1.1 no such user";
        assert_eq!(
            encoded("base64", &STANDARD.encode(status)).unwrap().why,
            why
        );
        let quoted = status
            .replace('=', "=3D")
            .replace("5.1.1 no", "5.1=2E1=\r\n no");
        assert_eq!(encoded("Quoted-Printable", &quoted).unwrap().why, why);
        assert_eq!(encoded("base64", "?"), Err(ReportError::NotFailed));
    }

    #[test]
    fn what_is_no_bounce() {
        for action in ["delayed", "delivered", "relayed", "expanded", ""] {
            let other = POSTFIX.replace(
                "Action: failed\r\nStatus",
                &format!("Action: {action}\r\nStatus"),
            );
            assert_eq!(read(&other), Err(ReportError::NotFailed), "{action}");
        }
        for other in [
            POSTFIX.replace("multipart/report", "multipart/mixed"),
            POSTFIX.replace("message/delivery-status", "text/plain"),
            POSTFIX.replace("boundary=", "b="),
            POSTFIX.replace("\"A.B/mx.test\"", "\"\""),
            String::new(),
            "550 5.1.1 no such user".to_owned(),
        ] {
            assert_eq!(read(&other), Err(ReportError::OtherMessage));
        }
        let nameless = POSTFIX
            .replace("Recipient: rfc822;", "R: x;")
            .replace("Message-ID", "X");
        assert_eq!(read(&nameless), Err(ReportError::Nameless));
    }
}
