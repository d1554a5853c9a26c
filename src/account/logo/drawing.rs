//! What may be in a drawing (SVG 2). Pages show it as an image, where browsers run and
//! fetch nothing (SVG 2 §2.2.2, "secure static mode"); who opens it by itself has it in a
//! sandbox. It is refused all the same, so that no copy of it elsewhere does harm.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::NoLogo;

/// Elements that run something, fetch something, or change attributes to do so.
const ELEMENTS: &[&str] = &[
    "script",
    "handler",
    "listener",
    "foreignobject",
    "iframe",
    "object",
    "embed",
    "audio",
    "video",
    "canvas",
    "animate",
    "animatemotion",
    "animatetransform",
    "animatecolor",
    "discard",
    "set",
    "a",
    "link",
    "cursor",
    "feimage",
];
/// The deepest nesting.
const DEPTH: usize = 256;

/// Whether this looks like a drawing: text whose first element is `svg`.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    loop {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                return element.local_name().as_ref() == "svg";
            }
            Ok(Event::Eof) | Err(_) => return false,
            // Text before the first element, as of HTML or of nothing.
            Ok(Event::Text(text)) if !text.trim().is_empty() => return false,
            Ok(_) => {}
        }
    }
}

/// Whether a drawing is one that nothing runs in and that fetches nothing.
pub(super) fn check(bytes: &[u8]) -> Result<(), NoLogo> {
    let text = std::str::from_utf8(bytes).map_err(|_| NoLogo::Broken)?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().check_end_names = true;
    let mut open: Vec<String> = Vec::new();
    let mut roots = 0;
    loop {
        let event = reader.read_event().map_err(|_| NoLogo::Broken)?;
        match &event {
            Event::Start(start) | Event::Empty(start) => {
                roots += usize::from(open.is_empty());
                let name = element(start)?;
                if matches!(event, Event::Start(_)) {
                    open.push(name);
                }
                if open.len() > DEPTH {
                    return Err(NoLogo::Broken);
                }
            }
            Event::End(_) => {
                open.pop();
            }
            Event::Text(text) => style(&open, text)?,
            Event::CData(text) => style(&open, text)?,
            // An entity may stand for anything.
            Event::DocType(text) if text.contains('[') => {
                return Err(NoLogo::Has("entities of its own".into()));
            }
            Event::PI(instruction) => {
                let target = instruction.target().to_owned();
                return Err(NoLogo::Has(format!("an instruction (`{target}`)")));
            }
            Event::Eof if open.is_empty() && roots == 1 => return Ok(()),
            Event::Eof => return Err(NoLogo::Broken),
            _ => {}
        }
    }
}

/// Looks at an element's name and attributes; gives the name.
fn element(start: &BytesStart<'_>) -> Result<String, NoLogo> {
    let name = start.local_name().as_ref().to_ascii_lowercase();
    if ELEMENTS.contains(&name.as_str()) {
        return Err(NoLogo::Has(format!("an element `{name}`")));
    }
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| NoLogo::Broken)?;
        let key = attribute.key.local_name().as_ref().to_ascii_lowercase();
        // An entity that nothing declares is a mistake; those that XML knows are read.
        let value = quick_xml::escape::unescape(&attribute.value).map_err(|_| NoLogo::Broken)?;
        let bare: String = value
            .chars()
            .filter(|c| !c.is_whitespace() && !c.is_control())
            .collect::<String>()
            .to_ascii_lowercase();
        let leads = match key.as_str() {
            "href" | "src" => !(bare.starts_with('#') || is_picture(&bare)),
            "base" => true,
            _ => bare.contains("javascript:") || fetches(&bare),
        };
        if key.starts_with("on") || leads {
            return Err(NoLogo::Has(format!("an attribute `{key}`")));
        }
    }
    Ok(name)
}

/// A picture that is in the drawing itself.
fn is_picture(address: &str) -> bool {
    ["png", "jpeg", "webp", "gif"]
        .iter()
        .any(|kind| address.starts_with(&format!("data:image/{kind};base64,")))
}

/// Whether a style sheet or a value of it fetches something: its own parts (`url(#a)`)
/// are not fetched.
fn fetches(css: &str) -> bool {
    let elsewhere = css.split("url(").skip(1).any(|rest| {
        let address = rest.trim_start_matches(['"', '\'', ' ']);
        !address.starts_with('#')
    });
    // A backslash can spell any of these another way.
    elsewhere
        || ["@import", "image-set(", "expression(", "\\"]
            .iter()
            .any(|word| css.contains(word))
}

fn style(open: &[String], text: &str) -> Result<(), NoLogo> {
    let in_style = open.last().is_some_and(|name| name == "style");
    let bare: String = text
        .split_whitespace()
        .collect::<String>()
        .to_ascii_lowercase();
    if in_style && fetches(&bare) {
        return Err(NoLogo::Has("a style that loads something".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Logo, NoLogo};

    fn read(text: &str) -> Result<Kind, NoLogo> {
        Logo::read(text.as_bytes().to_vec()).map(|logo| logo.kind())
    }

    #[test]
    fn plain_drawings_are_taken() {
        for text in [
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><defs><linearGradient id="a"/></defs><path fill="url(#a)" d="M0 0h8v8z"/><use href="#b"/></svg>"##,
            "\u{feff}<?xml version=\"1.0\"?><!-- by hand --><!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\"><svg xmlns=\"http://www.w3.org/2000/svg\"><style>.a{fill:#f00}</style><title>Acme &amp; Co</title></svg>",
            r#"<svg><image href="data:image/png;base64,AAAA"/></svg>"#,
        ] {
            assert_eq!(read(text), Ok(Kind::Svg), "{text}");
        }
    }

    #[test]
    fn what_runs_or_fetches_is_refused() {
        for inside in [
            "<script>1</script>",
            "<SCRIPT/>",
            r#"<x:script xmlns:x="http://www.w3.org/2000/svg"/>"#,
            r#"<rect onload="1"/>"#,
            r#"<rect ONCLICK="1"/>"#,
            r#"<a href="https://evil.test">x</a>"#,
            r#"<use href="https://evil.test/x.svg#a"/>"#,
            r#"<use xlink:href="java&#x73;cript:1"/>"#,
            r#"<image href="data:image/svg+xml;base64,AAAA"/>"#,
            r#"<image href="//evil.test/x.png"/>"#,
            "<foreignObject><p/></foreignObject>",
            r#"<animate attributeName="href" to="javascript:1"/>"#,
            r#"<set attributeName="onload" to="1"/>"#,
            "<style>@import url(//evil.test/x.css)</style>",
            "<style><![CDATA[ rect { fill: url( 'https://evil.test/a' ) } ]]></style>",
            r"<style>rect { fill: \75rl(//evil.test) }</style>",
            r#"<rect style="fill: url(//evil.test/a)"/>"#,
            r#"<rect fill="url(https://evil.test/a#b)"/>"#,
            r#"<g xml:base="https://evil.test/"/>"#,
            "<?xml-stylesheet href='//evil.test'?>",
        ] {
            let text = format!("<svg xmlns:xlink=\"http://www.w3.org/1999/xlink\">{inside}</svg>");
            assert!(
                matches!(read(&text), Err(NoLogo::Has(_))),
                "{inside}: {:?}",
                read(&text)
            );
        }
        let entity = "<!DOCTYPE svg [<!ENTITY a \"b\">]><svg/>";
        assert!(matches!(read(entity), Err(NoLogo::Has(_))));
    }

    #[test]
    fn what_is_broken_or_something_else_is_refused() {
        let deep = format!("<svg>{}{}</svg>", "<g>".repeat(300), "</g>".repeat(300));
        for (text, why) in [
            ("", NoLogo::Bytes(0)),
            ("<svg><g></svg>", NoLogo::Broken),
            ("<svg>", NoLogo::Broken),
            ("<svg/><svg/>", NoLogo::Broken),
            ("<svg><rect fill=\"&x;\"/></svg>", NoLogo::Broken),
            (&deep, NoLogo::Broken),
            ("<html><svg/></html>", NoLogo::Kind),
            ("hello <svg/>", NoLogo::Kind),
            ("GIF89a", NoLogo::Kind),
        ] {
            assert_eq!(read(text), Err(why), "{text}");
        }
        assert_eq!(
            Logo::read(vec![b' '; (128 << 10) + 1]),
            Err(NoLogo::Bytes((128 << 10) + 1))
        );
        assert_eq!(Logo::read(vec![0xff, 0x00]), Err(NoLogo::Kind));
        // The first bytes of a PNG and nothing after.
        let begun = b"\x89PNG\r\n\x1a\n".to_vec();
        assert!(Logo::read(begun).is_err());
        let mut large = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        large.extend([0, 0, 0x40, 0, 0, 0, 0, 1, 8, 6, 0, 0, 0]);
        assert_eq!(Logo::read(large), Err(NoLogo::Pixels(0x4000, 1)));
    }
}
