//! Durations and sizes as people write them: `10m`, `256KiB`.

use std::time::Duration;

/// Reads a duration: a whole number and `ms`, `s`, `m`, `h` or `d`.
///
/// # Errors
/// A sentence that says how to write one.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    number
        .parse::<u64>()
        .ok()
        .filter(|_| factor > 0)
        .and_then(|n| n.checked_mul(factor))
        .map(Duration::from_millis)
        .ok_or_else(|| {
            format!(
                "`{text}` is not a valid duration; write a number and a unit, such as `30s`, `10m` or `24h`"
            )
        })
}

/// Reads a size in bytes: a whole number and `B`, `KiB` or `MiB`.
///
/// # Errors
/// A sentence that says how to write one.
pub fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = split(text);
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => 0,
    };
    number
        .parse::<usize>()
        .ok()
        .filter(|_| factor > 0)
        .and_then(|n| n.checked_mul(factor))
        .ok_or_else(|| {
            format!("`{text}` is not a valid size; write a number and a unit, such as `256KiB` or `1MiB`")
        })
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    (number, unit.trim())
}
