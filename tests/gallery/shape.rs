//! Requests as documents show them, and what was received compared with them.
//!
//! ```text
//! POST /token?fields=id
//!   Accept: application/json
//!   form: grant_type=authorization_code&code&client_id=shop-42
//! ```
//!
//! Query and body list every parameter in order; a name without a value stands for
//! any value, `SECRET` for the client secret, and a `*` at the end of a value for any
//! ending. `PKCE` and `TOKEN` are what follows the standard. Of headers only those that
//! matter are listed; a request without a body line has no body.

use mock_idp::JournalEntry;

use crate::imitation::CLIENT_SECRET;

const SHORT: [(&str, &str); 2] = [
    ("PKCE", "code_challenge&code_challenge_method=S256"),
    (
        "TOKEN",
        "grant_type=authorization_code&code&redirect_uri&client_id=shop-42&client_secret=SECRET",
    ),
];

/// Names with their values; `None` where any value will do.
type Pairs = Vec<(String, Option<String>)>;

struct Shape {
    method: String,
    path: String,
    query: Pairs,
    headers: Vec<(String, String)>,
    body: Option<(String, Pairs)>,
}

fn pairs(text: &str) -> Pairs {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (pair.to_owned(), None),
        })
        .collect()
}

fn parse(text: &str) -> Vec<Shape> {
    let text = SHORT.iter().fold(text.to_owned(), |text, (short, long)| {
        text.replace(short, long)
    });
    let mut shapes: Vec<Shape> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let line = line.trim();
        if let Some((method @ ("GET" | "POST"), target)) = line.split_once(' ') {
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            shapes.push(Shape {
                method: method.to_owned(),
                path: path.to_owned(),
                query: pairs(query),
                headers: Vec::new(),
                body: None,
            });
            continue;
        }
        let shape = shapes.last_mut().expect("a request line first");
        let (name, value) = line.split_once(": ").expect("`name: value`");
        if matches!(name, "form" | "json") {
            shape.body = Some((name.to_owned(), pairs(value)));
        } else {
            shape.headers.push((name.to_owned(), value.to_owned()));
        }
    }
    shapes
}

fn fits(wanted: Option<&String>, found: &str) -> bool {
    match wanted.map(|text| text.strip_suffix('*').ok_or(text.as_str())) {
        Some(Err("SECRET")) => found == CLIENT_SECRET,
        None => !found.is_empty(),
        Some(Ok(start)) => found.starts_with(start),
        Some(Err(exact)) => found == exact,
    }
}

fn compare(what: &str, wanted: &[(String, Option<String>)], found: &[(String, String)]) {
    let names = |all: &mut dyn Iterator<Item = &String>| {
        all.map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        names(&mut found.iter().map(|(name, _)| name)),
        names(&mut wanted.iter().map(|(name, _)| name)),
        "{what}: the names of the parameters"
    );
    for ((name, wanted), (_, found)) in wanted.iter().zip(found) {
        assert!(fits(wanted.as_ref(), found), "{what}: {name} is {found:?}");
    }
}

/// Compares what the mock received with the documented requests, all of them.
pub fn check(documented: &str, journal: &[JournalEntry]) {
    // The form of the login page is the mock's own business.
    let received: Vec<_> = journal
        .iter()
        .filter(|e| !(e.path == "/login" && e.method == "POST"))
        .collect();
    let wanted = parse(documented);
    let line = |method: &str, path: &str| format!("{method} {path}");
    // A path that ends in `*` has a token for its last part.
    let bare = |path: &str, pattern: Option<&Shape>| match pattern?.path.strip_suffix('*') {
        Some(start) if path.starts_with(start) => Some(format!("{start}*")),
        _ => None,
    };
    assert_eq!(
        received
            .iter()
            .enumerate()
            .map(|(at, e)| {
                let path = bare(&e.path, wanted.get(at));
                line(&e.method, path.as_deref().unwrap_or(&e.path))
            })
            .collect::<Vec<_>>(),
        wanted
            .iter()
            .map(|s| line(&s.method, &s.path))
            .collect::<Vec<_>>(),
    );
    for (shape, entry) in wanted.iter().zip(received) {
        let what = line(&shape.method, &shape.path);
        compare(&what, &shape.query, &entry.query());
        for (name, value) in &shape.headers {
            let found = entry.header(name).unwrap_or_default();
            assert!(
                fits(Some(value), found),
                "{what}: the header {name} is {found:?}"
            );
        }
        let content_type = entry.header("content-type").unwrap_or_default();
        match &shape.body {
            None => assert!(entry.body.is_empty(), "{what}: a body {:?}", entry.body),
            Some((kind, wanted)) if kind == "form" => {
                assert_eq!(content_type, "application/x-www-form-urlencoded", "{what}");
                compare(&what, wanted, &entry.form());
            }
            Some((_, wanted)) => {
                assert_eq!(content_type, "application/json", "{what}");
                let body = entry.json().unwrap();
                let found: Vec<(String, String)> = body
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
                    .collect();
                compare(&what, wanted, &found);
            }
        }
    }
}
