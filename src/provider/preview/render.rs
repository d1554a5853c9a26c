//! Previews as text and as commands.

use std::fmt::Write as _;

use super::{Preview, Step};
use crate::provider::trace::MaskedMessage;

/// A marker for a value of an answer that does not exist yet: `{token.openid}`.
/// The name is written in hexadecimal, which no encoding changes.
pub(super) fn pretend(name: &str) -> String {
    let hex: String = name.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    format!("vstb0of{hex}0bts")
}

/// Puts the names back where [`pretend`] wrote markers.
pub(super) fn pretended(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("vstb0of") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let hex = &from["vstb0of".len()..];
        let name = hex
            .find("0bts")
            .and_then(|end| Some((unhex(&hex[..end])?, &hex[end + 4..])));
        match name {
            Some((name, after)) => {
                let _ = write!(out, "{{{{{name}}}}}");
                rest = after;
            }
            None => {
                out.push_str("vstb0of");
                rest = hex;
            }
        }
    }
    out.push_str(rest);
    out
}

fn unhex(text: &str) -> Option<String> {
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    String::from_utf8(bytes?).ok()
}

/// A preview for a terminal.
pub fn text(preview: &Preview) -> String {
    let mut out = format!("{}\n", preview.provider);
    for (i, step) in preview.requests.iter().enumerate() {
        let _ = write!(out, "\n{}. {}\n\n", i + 1, step.title);
        message(&mut out, &step.request);
        out.push_str("\n   Expected answer\n\n");
        message(&mut out, &step.expected);
    }
    out
}

fn message(out: &mut String, shown: &MaskedMessage) {
    if !shown.line.is_empty() {
        let _ = writeln!(out, "   {}", shown.line);
    }
    for (name, value) in &shown.headers {
        let _ = writeln!(out, "   {name}: {value}");
    }
    if !shown.body.is_empty() {
        out.push('\n');
        for line in shown.body.lines() {
            let _ = writeln!(out, "   {line}");
        }
    }
}

/// A preview as commands for a shell. Values that are not known yet are
/// variables, percent-encoded where they stand in a URL or a form.
pub fn curl(preview: &Preview) -> String {
    let mut commands = String::new();
    for step in &preview.requests {
        let _ = write!(commands, "\n# {}\n", step.title);
        if step.name == "authorization" {
            let url = step.request.line.trim_start_matches("GET ");
            let _ = write!(
                commands,
                "# Open this address in a browser; the code comes back to the redirect URI.\necho {}\n",
                quoted(url)
            );
        } else {
            command(&mut commands, step);
        }
    }
    let mut out = format!(
        "# {}: set these, percent-encoded where needed, then run what follows.\n",
        preview.provider
    );
    for name in variables(&commands) {
        let _ = writeln!(out, "#   export {name}=");
    }
    out.push_str(&commands);
    out
}

fn command(out: &mut String, step: &Step) {
    let (method, url) = step.request.line.split_once(' ').unwrap_or(("GET", ""));
    let _ = write!(out, "curl --request {method} {}", quoted(url));
    for (name, value) in &step.request.headers {
        let _ = write!(
            out,
            " \\\n  --header {}",
            quoted(&format!("{name}: {value}"))
        );
    }
    if !step.request.body.is_empty() {
        let _ = write!(out, " \\\n  --data-raw {}", quoted(&step.request.body));
    }
    out.push('\n');
}

/// Text in single quotes, with each `{{name}}` as a variable in double quotes.
fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let Some(end) = rest[at..].find("}}") else {
            break;
        };
        out.push_str(&rest[..at].replace('\'', "'\\''"));
        let _ = write!(out, "'\"${{{}}}\"'", variable(&rest[at + 2..at + end]));
        rest = &rest[at + end + 2..];
    }
    out.push_str(&rest.replace('\'', "'\\''"));
    out.push('\'');
    out
}

fn variable(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect()
}

fn variables(commands: &str) -> Vec<String> {
    let mut found: Vec<String> = commands
        .split("\"${")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once('}')?.0.to_owned()))
        .collect();
    found.sort();
    found.dedup();
    found
}
