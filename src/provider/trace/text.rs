//! A trace for a terminal.

use std::fmt::Write as _;

use super::{MaskedMessage, SavedTrace};

/// The longest body that is shown; the saved trace has it whole.
const MAX_SHOWN: usize = 4_000;

/// Every exchange, and how each mapped value was found.
pub fn text(trace: &SavedTrace) -> String {
    let mut out = String::new();
    for (i, exchange) in trace.exchanges.iter().enumerate() {
        let _ = write!(
            out,
            "\n{}. {} ({} ms)\n\n",
            i + 1,
            exchange.step,
            exchange.elapsed_ms
        );
        message(&mut out, &exchange.request);
        match (exchange.status, &exchange.response, &exchange.error) {
            (Some(status), Some(response), _) => {
                let _ = write!(out, "\n   HTTP {status}\n");
                message(&mut out, response);
            }
            (_, _, Some(error)) => {
                let _ = write!(out, "\n   no answer: {error}\n");
            }
            _ => {}
        }
    }
    let claims = trace
        .documents
        .iter()
        .filter(|(name, _)| name == "id_token");
    for (_, claims) in claims {
        out.push_str("\nClaims of the ID token\n\n");
        let text = serde_json::to_string_pretty(claims).unwrap_or_default();
        for line in text.lines() {
            let _ = writeln!(out, "   {}", printable(line));
        }
    }
    if !trace.notes.is_empty() {
        out.push_str("\nHow each value was found\n\n");
        for note in &trace.notes {
            let _ = writeln!(out, "   {}", printable(&note.to_string()));
        }
    }
    match (&trace.identity, &trace.failure) {
        (Some(who), _) => {
            let _ = write!(
                out,
                "\nThe login works: user id {:?}, email {:?}",
                who.user_id, who.email
            );
            if let Some(name) = &who.name {
                let _ = write!(out, ", name {name:?}");
            }
            let verified = if who.email_verified {
                "verified"
            } else {
                "not verified"
            };
            let _ = writeln!(out, "; the email is {verified}.");
        }
        (None, Some(failure)) => {
            let _ = write!(
                out,
                "\nThe login fails at {}: {} ({})\n",
                failure.step,
                printable(&failure.message),
                failure.code
            );
            if let Some(place) = &failure.look_at {
                let _ = writeln!(out, "Look at {}.", printable(place));
            }
        }
        (None, None) => {}
    }
    out
}

fn message(out: &mut String, shown: &MaskedMessage) {
    if !shown.line.is_empty() {
        let _ = writeln!(out, "   {}", printable(&shown.line));
    }
    for (name, value) in &shown.headers {
        let _ = writeln!(out, "   {name}: {}", printable(value));
    }
    if !shown.body.is_empty() {
        out.push('\n');
        let body: String = shown.body.chars().take(MAX_SHOWN).collect();
        for line in body.lines() {
            let _ = writeln!(out, "   {}", printable(line));
        }
        if body.len() < shown.body.len() {
            let _ = writeln!(out, "   … {} bytes in all", shown.body.len());
        }
    }
}

/// What a provider sent must not move a terminal's cursor.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}
