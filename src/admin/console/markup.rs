//! Texts as parts of a page.

/// `2026-11-21 21:58 UTC`
pub(super) fn day(text: String) -> String {
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) if text.ends_with('Z') => format!("{day} {time} UTC"),
        _ => text,
    }
}

/// A text as HTML, with `{{names}}` of generated values marked.
pub(super) fn marked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let Some(end) = rest[at..].find("}}").map(|end| at + end + 2) else {
            break;
        };
        out.push_str(&escaped(&rest[..at]));
        out.push_str("<em>");
        out.push_str(&escaped(&rest[at..end]));
        out.push_str("</em>");
        rest = &rest[end..];
    }
    out.push_str(&escaped(rest));
    out
}

/// An error's text begins small, for logs; on a page it begins a line.
pub(super) fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    match rest.next() {
        Some(first) => first.to_uppercase().chain(rest).collect(),
        None => String::new(),
    }
}

/// A sentence as HTML, with what stands in backticks as code.
pub(super) fn ticks(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    let even = pieces.len() % 2 == 1;
    let mut out = String::new();
    for (i, piece) in pieces.iter().enumerate() {
        match (i % 2 == 1, even) {
            (true, true) => out.extend(["<code>", &escaped(piece), "</code>"]),
            (true, false) => out.extend(["`", &escaped(piece)]),
            (false, false) if i > 0 => out.extend(["`", &escaped(piece)]),
            _ => out.push_str(&escaped(piece)),
        }
    }
    out
}

/// A text as HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#x27;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_are_code_and_all_else_is_text() {
        assert_eq!(ticks("a `b<` c"), "a <code>b&lt;</code> c");
        assert_eq!(ticks("a `b"), "a `b");
        assert_eq!(ticks(&sentence("é `x`")), "É <code>x</code>");
        assert_eq!(sentence("`x` is"), "`x` is");
    }

    #[test]
    fn generated_values_are_marked_and_all_else_is_text() {
        assert_eq!(
            marked("a={{state}}&b=<i>{{<b>}}{{"),
            "a=<em>{{state}}</em>&amp;b=&lt;i&gt;<em>{{&lt;b&gt;}}</em>{{"
        );
    }
}
