//! The moment of a request: `{now.…}` and `{random}`.

use std::fmt;

use time::format_description::{self, OwnedFormatItem};
use time::{OffsetDateTime, UtcOffset};

use crate::base::{Timestamp, digest, random};

/// The time of a request, and a random text of its own.
pub struct Moment {
    now: Timestamp,
    random: String,
}

impl Moment {
    /// A request that is made now.
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            random: digest::hex(&random::bytes::<16>()),
        }
    }

    /// 32 hexadecimal digits, others for each request.
    pub fn random(&self) -> &str {
        &self.random
    }

    /// The time as a format has it.
    pub fn write(&self, format: &TimeFormat) -> Option<String> {
        match &format.kind {
            FormatKind::Seconds => Some(self.now.as_secs().to_string()),
            FormatKind::Milliseconds => Some(self.now.as_millis().to_string()),
            FormatKind::Written(items, offset) => {
                let nanos = i128::from(self.now.as_millis()).checked_mul(1_000_000)?;
                let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?;
                at.to_offset(*offset).format(items).ok()
            }
        }
    }
}

/// How a time is written.
#[derive(Clone)]
pub struct TimeFormat {
    source: String,
    kind: FormatKind,
}

#[derive(Clone)]
enum FormatKind {
    Seconds,
    Milliseconds,
    Written(OwnedFormatItem, UtcOffset),
}

impl TimeFormat {
    /// Reads what stands behind `now`: `.seconds`, `.milliseconds`, or an offset from
    /// UTC, a colon and a format of `strftime`: `+08:00:%Y-%m-%d %H:%M:%S`. `None` if
    /// it is something else, an error if it can't be read.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        let kind = match text {
            ".seconds" => Ok(FormatKind::Seconds),
            ".milliseconds" => Ok(FormatKind::Milliseconds),
            _ => match text.strip_prefix(':') {
                Some(format) => written(format, UtcOffset::UTC),
                None if text.starts_with(['+', '-']) => {
                    let (offset, rest) = text.split_at_checked(6)?;
                    match (offset_of(offset), rest.strip_prefix(':')) {
                        (Some(offset), Some(format)) => written(format, offset),
                        _ => Err("an offset is written as in `{now+08:00:%H:%M}`".to_owned()),
                    }
                }
                None => return None,
            },
        };
        Some(kind.map(|kind| Self {
            source: text.to_owned(),
            kind,
        }))
    }
}

fn written(format: &str, offset: UtcOffset) -> Result<FormatKind, String> {
    if format.is_empty() {
        return Err("a time needs a format: `{now:%Y-%m-%dT%H:%M:%SZ}`".to_owned());
    }
    format_description::parse_strftime_owned(format)
        .map(|items| FormatKind::Written(items, offset))
        .map_err(|error| format!("not a format of a time: {error}"))
}

/// `+08:00`
fn offset_of(text: &str) -> Option<UtcOffset> {
    let (hours, minutes) = text[1..].split_once(':')?;
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let part = |digits: &str| digits.parse::<i8>().ok().filter(|part| *part >= 0);
    UtcOffset::from_hms(sign * part(hours)?, sign * part(minutes)?, 0).ok()
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl fmt::Debug for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeFormat({})", self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_their_format_says() {
        let moment = Moment::new(Timestamp::from_millis(1_767_225_599_042));
        for (format, wanted) in [
            (".seconds", "1767225599"),
            (".milliseconds", "1767225599042"),
            (":%Y-%m-%dT%H:%M:%SZ", "2025-12-31T23:59:59Z"),
            ("+08:00:%Y-%m-%d %H:%M:%S", "2026-01-01 07:59:59"),
            ("-03:30:%Y%m%d%H%M", "202512312029"),
        ] {
            let format = TimeFormat::parse(format)
                .expect("a time")
                .expect("a format");
            assert_eq!(moment.write(&format).as_deref(), Some(wanted));
        }
        for bad in [":", ":%Q", "+8:00:%H", "+99:00:%H", "+08:00", "+08:00%H"] {
            assert!(
                TimeFormat::parse(bad).is_none_or(|read| read.is_err()),
                "{bad}"
            );
        }
        assert!(TimeFormat::parse(".hours").is_none());
        assert_eq!(moment.random().len(), 32);
    }
}
