//! Single values: the one of a place as text, an id that is a number, an address.

use serde_json::{Number, Value};
use url::Url;

use super::UNREADABLE;
use super::hints::suggest_token;
use crate::provider::decode::{type_name, unreadable};
use crate::provider::mapped::{ExtractError, Mapped, Problem};
use crate::provider::path::Place;

/// The one value of a place in an answer, as text.
///
/// # Errors
/// If there is none, several, or one of another type.
pub fn one_text(
    field: &'static str,
    place: &Place,
    document: &Value,
) -> Result<String, ExtractError> {
    text(place, document).map_err(|problem| ExtractError {
        field,
        problem,
        hint: suggest_token(field, document),
    })
}

/// The same where most answers have none: nobody looks for where else it may be.
pub fn optional_text(place: &Place, document: &Value) -> Option<String> {
    text(place, document).ok()
}

fn text(place: &Place, document: &Value) -> Result<String, Problem> {
    match one(place, document)? {
        Value::String(text) if unreadable(text) => Err(Problem::Invalid {
            place: place.to_string(),
            why: UNREADABLE.to_owned(),
        }),
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        Value::String(_) => Err(Problem::missing(place.as_str())),
        // Digit for digit, as ids are.
        Value::Number(number) if is_whole(number) => Ok(number.to_string()),
        other => Err(Problem::WrongType {
            place: place.to_string(),
            expected: "a string",
            found: type_name(other),
        }),
    }
}

/// An id that is a number, digit for digit. Some servers keep ids as floating-point
/// numbers, and write one as `42.0` or `4.2e1`: that is 42, as long as such a number is
/// exact. Above that two people's ids are rounded to one.
pub(super) fn number_id(number: &Number, place: &Mapped) -> Result<String, Problem> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let text = number.as_str();
    if !text.contains(['.', 'e', 'E']) {
        return Ok(text.to_owned());
    }
    match number.as_f64() {
        Some(value) if value.abs() >= EXACT => Err(Problem::Invalid {
            place: place.to_string(),
            why: "a rounded number, which may stand for several people".to_owned(),
        }),
        Some(value) if value.fract() == 0.0 => Ok(format!("{value:.0}")),
        _ => Ok(text.to_owned()),
    }
}

/// Whether a number is written with digits alone, however many.
fn is_whole(number: &Number) -> bool {
    number.as_str().bytes().all(|byte| byte.is_ascii_digit())
}

fn one<'v>(place: &Place, document: &'v Value) -> Result<&'v Value, Problem> {
    match place.matches(document)[..] {
        [] | [Value::Null] => Err(Problem::missing(place.as_str())),
        [only] => Ok(only),
        ref several => Err(Problem::Several {
            place: place.to_string(),
            count: several.len(),
            types: types(several).join(", "),
        }),
    }
}

/// The address itself: without the scheme of a link to it (RFC 6068), as vCards and
/// JSON-LD have it.
pub(super) fn address(text: &str) -> &str {
    let text = text.trim();
    match text.split_at_checked("mailto:".len()) {
        Some((scheme, address)) if scheme.eq_ignore_ascii_case("mailto:") => address,
        _ => text,
    }
}

pub(super) fn is_web_address(text: &str) -> bool {
    Url::parse(text.trim()).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn types(found: &[&Value]) -> Vec<&'static str> {
    found.iter().take(8).map(|v| type_name(v)).collect()
}
