//! JSON that was not written as it should be.

/// The text with raw control characters in strings escaped, and halves of
/// surrogate pairs replaced by U+FFFD; `None` where there is nothing of the kind.
///
/// What the text means is not guessed at: a string keeps every character that it
/// has, and where half of one is missing, that is seen.
pub(super) fn repaired(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len() + 16);
    let mut changed = false;
    let mut within = false;
    let mut copied = 0;
    let mut at = 0;
    while at < bytes.len() {
        let step = match bytes[at] {
            b'"' => {
                within = !within;
                1
            }
            b'\\' if within => match surrogate(bytes, at) {
                Some(0xd800..=0xdbff)
                    if matches!(surrogate(bytes, at + 6), Some(0xdc00..=0xdfff)) =>
                {
                    12
                }
                Some(_) => {
                    out.push_str(&text[copied..at]);
                    out.push_str("\\ufffd");
                    copied = at + 6;
                    changed = true;
                    6
                }
                None => 2,
            },
            control @ 0..0x20 if within => {
                out.push_str(&text[copied..at]);
                out.push_str("\\u00");
                out.push(char::from(b'0' + (control >> 4)));
                out.push(char::from(b"0123456789abcdef"[usize::from(control & 15)]));
                copied = at + 1;
                changed = true;
                1
            }
            _ => 1,
        };
        at += step;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    changed.then_some(out)
}

/// The half of a pair that is escaped here.
fn surrogate(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let unit = u16::from_str_radix(digits, 16).ok()?;
    (0xd800..=0xdfff).contains(&unit).then_some(unit)
}

/// What servers put before JSON so that no script of another site can run it: as
/// Angular, Google and Facebook do.
const GUARDS: &[&str] = &[
    ")]}',",
    ")]}'",
    ")]}",
    "while(1);",
    "while (1);",
    "for(;;);",
    "for (;;);",
    "{}&&",
    "{} &&",
    "throw 1;",
];

/// A text without such a guard. Only what is JSON behind it is taken for guarded.
pub(super) fn unguarded(text: &str) -> &str {
    let start = text.trim_start();
    let behind = GUARDS.iter().find_map(|guard| start.strip_prefix(guard));
    match behind.map(str::trim_start) {
        Some(json) if json.starts_with(['{', '[']) => json,
        _ => text,
    }
}

/// JSON that was escaped for a page before it was sent: `{&quot;id&quot;:1}`. No JSON
/// begins so, which is why nothing else is taken for it.
pub(super) fn html_unescaped(text: &str) -> Option<String> {
    let inside = text.trim_start().trim_start_matches(['{', '[', ' ', '\n']);
    let quotes = ["&quot;", "&#34;", "&#x22;"];
    let escaped = inside.len() < text.trim_start().len()
        && quotes.iter().any(|quote| inside.starts_with(quote));
    escaped.then(|| {
        quotes
            .into_iter()
            .map(|quote| (quote, "\""))
            .chain([
                ("&#39;", "'"),
                ("&#x27;", "'"),
                ("&lt;", "<"),
                ("&gt;", ">"),
            ])
            // Last, so that what was `&amp;quot;` is not unescaped twice.
            .chain([("&amp;", "&")])
            .fold(text.to_owned(), |text, (escape, c)| text.replace(escape, c))
    })
}
