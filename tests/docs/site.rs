//! The documents as the site of them is built, by `zensical` in `.ci/run`: what it would
//! refuse, where nothing but Rust is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The pages of the site and the documents beside it.
fn documents() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for name in ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"] {
        found.insert(
            name.into(),
            std::fs::read_to_string(root().join(name)).unwrap(),
        );
    }
    let mut folders = vec![PathBuf::from("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root().join(&folder)).unwrap() {
            let path = folder.join(entry.unwrap().file_name());
            if root().join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                let text = std::fs::read_to_string(root().join(&path)).unwrap();
                found.insert(path, text);
            }
        }
    }
    found
}

/// A code block: the line it begins on, its language and its text.
struct Block {
    line: usize,
    language: String,
    text: String,
}

/// A document without its code blocks, and these.
fn parts(name: &Path, text: &str) -> (String, Vec<Block>) {
    let (mut prose, mut blocks) = (String::new(), Vec::new());
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, None) => {
                prose.push_str(line);
                prose.push('\n');
            }
            (None, Some(language)) => {
                open = Some(Block {
                    line: number + 1,
                    // Behind the language stands what a test does with it.
                    language: language
                        .split_whitespace()
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                    text: String::new(),
                });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
        }
    }
    let unclosed = open.map(|block| block.line);
    assert_eq!(
        unclosed,
        None,
        "{}: a code block has no end",
        name.display()
    );
    (prose, blocks)
}

/// The text of a heading as people see it: a link's words, and code without its marks.
fn plain(heading: &str) -> String {
    let mut out = String::new();
    let mut rest = heading;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        match after.split_once("](") {
            Some((words, target)) => {
                out.push_str(words);
                rest = target.split_once(')').map_or("", |(_, rest)| rest);
            }
            None => {
                out.push('[');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out.replace(['`', '*'], "")
}

/// The anchors of a document, as the site and code hosts make them of its headings.
fn anchors(prose: &str) -> BTreeSet<String> {
    let mut seen = BTreeMap::<String, usize>::new();
    let mut found = BTreeSet::new();
    let headings = prose.lines().filter_map(|line| {
        let text = line.trim_start_matches('#');
        (text.len() < line.len()).then(|| text.strip_prefix(' '))?
    });
    for heading in headings {
        let slug: String = plain(heading.trim())
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let times = seen.entry(slug.clone()).or_default();
        found.insert(match *times {
            0 => slug,
            n => format!("{slug}-{n}"),
        });
        *times += 1;
    }
    for id in prose.split("id=\"").skip(1) {
        found.extend(id.split('"').next().map(str::to_owned));
    }
    found
}

/// A path without `..`, from the root of the repository.
fn joined(document: &Path, link: &str) -> PathBuf {
    let mut path = document.parent().unwrap().to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                assert!(
                    path.pop(),
                    "{}: {link} leaves the repository",
                    document.display()
                );
            }
            Component::CurDir => {}
            other => path.push(other),
        }
    }
    path
}

/// Prose without inline code, in which nothing is a link.
fn without_code(prose: &str) -> String {
    prose.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    let documents = documents();
    let anchors: BTreeMap<PathBuf, BTreeSet<String>> = documents
        .iter()
        .map(|(name, text)| (name.clone(), anchors(&parts(name, text).0)))
        .collect();
    let (mut broken, mut followed) = (Vec::new(), 0);
    for (name, text) in &documents {
        let prose = parts(name, text).0;
        // By line: a mark of code that has no other ends with its paragraph.
        let links: Vec<String> = prose
            .lines()
            .flat_map(|line| {
                let line = without_code(line);
                let links = line.split("](").skip(1);
                links
                    .filter_map(|link| Some(link.split_once(')')?.0.to_owned()))
                    .collect::<Vec<_>>()
            })
            .collect();
        for link in links {
            if link.starts_with("http://") || link.starts_with("https://") {
                continue;
            }
            followed += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() {
                name.clone()
            } else {
                joined(name, path)
            };
            // The site has the pages below `docs`, and nothing else of the repository.
            let of_site = name.starts_with("docs");
            let there = match anchors
                .get(&target)
                .filter(|_| !of_site || target.starts_with("docs"))
            {
                Some(known) => anchor.is_empty() || known.contains(anchor),
                None => !of_site && anchor.is_empty() && root().join(&target).exists(),
            };
            if !there {
                broken.push(format!("{}: {link}", name.display()));
            }
        }
    }
    assert!(followed > 60, "{followed}");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_page_of_the_site_has_one_title() {
    for (name, text) in documents() {
        if !name.starts_with("docs") {
            continue;
        }
        // The title of a page, and the only one.
        let prose = parts(&name, &text).0;
        let titles = prose.lines().filter(|line| line.starts_with("# ")).count();
        assert_eq!(titles, 1, "{}", name.display());
    }
}

#[test]
fn code_in_the_documents_can_be_read() {
    let mut read = 0;
    let known = [
        "",
        "sh",
        "toml",
        "json",
        "http",
        "text",
        "yaml",
        "nginx",
        "apache",
        "caddyfile",
        "caddy",
        "haproxy",
        "javascript",
        "js",
        "python",
        "rust",
        "html",
        "ini",
        "xml",
        "csharp",
        "mermaid",
        "console",
        "lua",
        "csv",
        "conf",
        "promql",
        "sql",
        "diff",
    ];
    for (name, text) in documents() {
        for block in parts(&name, &text).1 {
            let at = format!("{} line {}", name.display(), block.line);
            assert!(
                known.contains(&&*block.language),
                "{at}: `{}`",
                block.language
            );
            match &*block.language {
                "toml" => {
                    let parsed = block.text.parse::<toml::Table>();
                    assert!(parsed.is_ok(), "{at}: {}", parsed.unwrap_err());
                    read += 1;
                }
                "json" => {
                    let parsed = serde_json::from_str::<serde_json::Value>(&block.text);
                    assert!(parsed.is_ok(), "{at}: {}", parsed.unwrap_err());
                    read += 1;
                }
                _ => {}
            }
        }
    }
    assert!(read >= 5, "{read}");
}
