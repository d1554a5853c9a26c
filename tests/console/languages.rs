//! The console in each language: which one it is, and that no page has English left.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};

use crate::support::{Browser, Page, World};
use crate::{Op, PASSWORD, form};

const ENGLISH: &str = include_str!("../../src/admin/console/sentences/en.toml");

/// Words that English has and neither Portuguese nor Spanish.
const WORDS: &[&str] = &[
    "the", "and", "is", "are", "of", "with", "that", "this", "which", "what", "who", "not", "was",
    "were", "will", "its", "their", "you", "your", "from", "been", "then", "where",
];

/// English sentences that another language says otherwise, in their fixed parts.
fn sentences(tag: &str) -> Vec<Vec<String>> {
    let theirs = match tag {
        "es" => include_str!("../../src/admin/console/sentences/es.toml"),
        _ => include_str!("../../src/admin/console/sentences/pt-BR.toml"),
    };
    let (english, theirs): (toml::Table, toml::Table) =
        (ENGLISH.parse().unwrap(), theirs.parse().unwrap());
    let mut found = Vec::new();
    for (table, below) in &english {
        for (name, value) in below.as_table().unwrap() {
            let text = value.as_str();
            if let Some(text) = text.filter(|_| theirs[table][name] != *value) {
                let pieces = text.split('{').enumerate().map(|(i, piece)| match i {
                    0 => piece.to_owned(),
                    _ => piece.split_once('}').unwrap().1.to_owned(),
                });
                let pieces: Vec<String> = pieces.collect();
                // One provider of the gallery is called so.
                if pieces.concat().trim().len() > 3 && text != "My Custom OAuth" {
                    found.push(pieces);
                }
            }
        }
    }
    found
}

fn is_one(text: &str, sentence: &[String]) -> bool {
    let Some(mut rest) = text.strip_prefix(sentence[0].as_str()) else {
        return false;
    };
    for piece in &sentence[1..] {
        match rest.find(piece.as_str()) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

/// What stands between two marks is taken out, each time.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut left = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once(open) {
        left.push_str(before);
        rest = from.split_once(close).map_or("", |(_, after)| after);
    }
    left + rest
}

/// What a page has to read: its texts, and those of its attributes.
fn texts(page: &Page) -> BTreeSet<String> {
    let mut html = page.body.clone();
    // What is sent or written in a format, and what says that it is English.
    for (open, close) in [
        ("<code", "</code>"),
        ("<pre", "</pre>"),
        ("<textarea", "</textarea>"),
        ("<svg", "</svg>"),
        ("<p class=\"soft\" lang=\"en\"", "</p>"),
        ("<p class=\"lede\" lang=\"en\"", "</p>"),
        ("<table class=\"diff\"", "</table>"),
        ("<!doctype", ">"),
        ("data-said=\"", "\""),
    ] {
        html = without(&html, open, close);
    }
    let mut found = BTreeSet::new();
    for attribute in ["aria-label", "placeholder", "title", "data-l", "alt"] {
        let begins = format!(" {attribute}=\"");
        let parts = html.split(&begins).skip(1);
        let values = parts.filter_map(|part| Some(part.split_once('"')?.0.to_owned()));
        found.extend(values.collect::<Vec<_>>());
    }
    for part in html.split('<') {
        let text = part.split_once('>').map_or(part, |(_, text)| text);
        found.insert(text.to_owned());
    }
    found
        .into_iter()
        .map(|text| text.replace("&#x27;", "'").replace("&quot;", "\""))
        .map(|text| text.replace("&#x2f;", "/").replace("&amp;", "&"))
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect()
}

/// What is wrong with a page that should be in a language: English that it says.
pub fn english(page: &Page, tag: &str, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !page.shows(&format!("<html lang=\"{tag}\"")) {
        found.push(format!("{path} is not in {tag}: {}", page.body));
    }
    let sentences = sentences(tag);
    for text in texts(page) {
        let sentence = sentences.iter().any(|sentence| is_one(&text, sentence));
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '\'');
        if sentence || words.any(|word| WORDS.contains(&word)) {
            found.push(format!("{path} in {tag} says “{text}”"));
        }
    }
    found
}

/// That a page is in a language, and has no English sentence.
fn is_in(page: &Page, tag: &str, path: &str) {
    assert_eq!(english(page, tag, path), [""; 0]);
}

#[tokio::test]
async fn a_page_is_in_the_language_of_its_operator_else_of_the_browser() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let url = format!("{}/admin/", world.origin);
    let page = op.browser.get(&url).await;
    assert!(page.shows("<html lang=\"en\"") && page.shows("Accounts"));
    // The browser's wish, weighed (RFC 9110 §12.5.4).
    for (accepted, tag) in [
        ("pt-PT,pt;q=0.9", "pt-BR"),
        ("es-MX,en;q=0.5", "es"),
        ("fr, es;q=0.3, pt;q=0.8", "pt-BR"),
        ("fr", "en"),
        ("*;q=x,,;;", "en"),
    ] {
        let wish = [("accept-language", accepted)];
        let page = op.browser.get_with(&url, &wish).await;
        assert!(page.shows(&format!("<html lang=\"{tag}\"")), "{accepted}");
    }
    // What was chosen in this browser is stronger, and is kept.
    let page = op.browser.get(format!("{url}?language=es")).await;
    assert!(page.shows("<html lang=\"es\"") && page.shows("Cuentas"));
    let spanish = [("accept-language", "pt")];
    let page = op.browser.get_with(&url, &spanish).await;
    assert!(page.shows("<html lang=\"es\""));
    // The operator's own is stronger still, wherever they log in.
    let fields = [("name", "Ada"), ("language", "pt-BR")];
    let page = op.done("/admin/profile", &fields).await;
    assert!(page.shows("<html lang=\"pt-BR\"") && page.shows("Salvo."));
    assert!(page.shows("value=\"pt-BR\" lang=\"pt-BR\" selected"));
    let mut again = Op::with_password(&world).await;
    let page = again.get("/admin/").await;
    assert!(page.shows("<html lang=\"pt-BR\"") && page.shows("Contas"));
    // What is no language of ours is the browser's again.
    let fields = [("name", "Ada"), ("language", "xx")];
    op.done("/admin/profile", &fields).await;
    let page = op.get("/admin/").await;
    assert!(page.shows("<html lang=\"es\""));
    let page = op.browser.get(format!("{url}?language=%3Cscript%3E")).await;
    assert!(page.shows("<html lang=\"es\"") && !page.shows("<script>"));
}

#[tokio::test]
async fn an_operators_language_is_set_through_the_api() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let path = "/operators/ada@example.test";
    let kind = "application/json";
    let (status, said) = world
        .admin(Method::PATCH, path, kind, r#"{"language":"es"}"#)
        .await;
    assert!(status == 200 && said.contains("\"es\""), "{said}");
    assert!(op.get("/admin/").await.shows("<html lang=\"es\""));
    let (status, said) = world
        .admin(Method::PATCH, path, kind, r#"{"name":"Ada L"}"#)
        .await;
    assert!(status == 200 && said.contains("\"es\""), "{said}");
    let (status, said) = world
        .admin(Method::PATCH, path, kind, r#"{"language":"xx"}"#)
        .await;
    assert!(status == 400 || status == 422, "{status} {said}");
    let (status, said) = world
        .admin(Method::PATCH, path, kind, r#"{"language":null}"#)
        .await;
    assert!(status == 200 && !said.contains("language"), "{said}");
    assert!(op.get("/admin/").await.shows("<html lang=\"en\""));
}

#[tokio::test]
async fn who_is_not_logged_in_chooses_a_language() {
    let world = World::start().await;
    Op::first(&world).await;
    for tag in ["pt-BR", "es"] {
        let mut browser = Browser::new();
        let url = format!("{}/admin/login?next=/admin/keys", world.origin);
        let page = browser.get(&url).await;
        let switch = format!("href=\"?next=/admin/keys&amp;language={tag}\"");
        let body = page.body.replace("&#x2f;", "/");
        assert!(body.contains(&switch), "{body}");
        let page = browser.get(format!("{url}&language={tag}")).await;
        is_in(&page, tag, "login");
        assert!(page.shows("aria-current=\"true\""), "{}", page.body);
        let fields = [("email", "ada@example.test"), ("password", "wrong wrong")];
        let page = form(&world, &mut browser, "/admin/login", &fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        is_in(&page, tag, "a refused login");
        for path in ["/admin/welcome?ticket=x", "/admin/setup?ticket=x"] {
            let page = browser.get(format!("{}{path}", world.origin)).await;
            is_in(&page, tag, path);
        }
        // A form that came too late is kept in their language.
        let page = form(&world, &mut browser, "/admin/", &[("id", "late")]).await;
        is_in(&page, tag, "a late form");
        let fields = [("email", "ada@example.test"), ("password", PASSWORD)];
        form(&world, &mut browser, "/admin/login", &fields).await;
        let mut op = Op::with(&world, browser).await;
        is_in(&op.get("/admin/").await, tag, "the console");
    }
}
