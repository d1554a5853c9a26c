//! What is in `deploy/` is held to the program: keys of the configuration, metrics,
//! addresses, and that the files can be read at all.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use saphyr_parser::{Event, Parser};
use serde_json::Value;
use vestibule::config;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn deployed() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root().join("deploy"), &mut found);
    assert!(found.len() > 8, "{found:?}");
    found
}

/// All words of a text that begin with this.
fn words<'t>(text: &'t str, begin: &'t str) -> impl Iterator<Item = &'t str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(move |word| word.starts_with(begin) && word.len() > begin.len())
}

#[test]
fn every_metric_is_one_that_is_counted() {
    let mut sources = Vec::new();
    files(&root().join("src"), &mut sources);
    let mut counted = BTreeSet::new();
    for source in sources
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
    {
        let text = fs::read_to_string(source).unwrap();
        for line in text.lines().filter(|line| line.contains("\"vestibule_")) {
            counted.extend(words(line, "vestibule_").map(str::to_owned));
        }
    }
    assert!(counted.contains("vestibule_logins_total"));
    let histogram = |word: &str| {
        ["_bucket", "_count", "_sum"]
            .iter()
            .find_map(|end| word.strip_suffix(end))
            .unwrap_or(word)
            .to_owned()
    };
    let mut used = BTreeSet::new();
    for file in [
        "deploy/grafana/vestibule.json",
        "deploy/prometheus/alerts.yaml",
    ] {
        used.extend(words(&read(file), "vestibule_").map(histogram));
    }
    let unknown: Vec<_> = used.difference(&counted).collect();
    assert!(unknown.is_empty(), "nothing counts {unknown:?}");
    // And what is counted of logins is shown.
    assert!(used.len() >= 5, "{used:?}");
}

#[test]
fn the_dashboard_is_whole() {
    let board: Value = serde_json::from_str(&read("deploy/grafana/vestibule.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        assert!(!panel["title"].as_str().unwrap().is_empty());
        assert!(!panel["targets"][0]["expr"].as_str().unwrap().is_empty());
    }
}

#[test]
fn every_yaml_file_can_be_read() {
    for path in deployed() {
        if path.extension().is_some_and(|end| end == "yaml") {
            let text = fs::read_to_string(&path).unwrap();
            let mut mappings = 0;
            for event in Parser::new_from_str(&text) {
                let (event, _) = event.unwrap_or_else(|error| panic!("{path:?}: {error}"));
                mappings += usize::from(matches!(event, Event::MappingStart(..)));
            }
            assert!(mappings > 3, "{path:?}");
        }
    }
}

/// Every variable and every file of settings is one that the program takes.
#[test]
fn every_setting_is_one_of_the_programs() {
    let secrets = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: &str| {
        fs::write(secrets.path().join(name), text).unwrap();
    };
    secret("durable", "postgres://u:p@db.example.com/d");
    secret("transient", "redis://:p@redis.example.com");
    secret("master.key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    let here = secrets.path().display().to_string();
    let settle = |text: &str| {
        text.replace("/run/secrets/vestibule", &here)
            .replace("/run/secrets", &here)
    };
    let kubernetes = read("deploy/kubernetes/vestibule.yaml");
    let (_, inner) = kubernetes.split_once("vestibule.toml: |\n").unwrap();
    let (inner, _) = inner.split_once("---").unwrap();
    let inner: Vec<&str> = inner.lines().map(str::trim).collect();
    for text in [
        read("deploy/systemd/vestibule.toml"),
        read("deploy/compose/vestibule.toml"),
        inner.join("\n"),
    ] {
        let loaded = config::from_parts(&settle(&text), [], None);
        let config = loaded.unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        assert!(config.public_url.is_some());
    }
    for path in deployed() {
        let text = fs::read_to_string(&path).unwrap();
        for name in words(&text, "VESTIBULE_") {
            // Of the command line, not of the configuration.
            if [
                "VESTIBULE_CONFIG",
                "VESTIBULE_SERVER",
                "VESTIBULE_CLIENT_ID",
                "VESTIBULE_CLIENT_SECRET",
            ]
            .contains(&name)
            {
                continue;
            }
            let key = name.strip_prefix("VESTIBULE_").unwrap().to_owned();
            let set = config::from_parts("", [(key, "127.0.0.1:1".to_owned())], None);
            assert!(set.is_ok(), "{path:?}: {name}: {set:?}");
        }
    }
}

/// What probes ask for is there.
#[test]
fn probes_ask_for_what_is_answered() {
    let routes = read("src/http/health.rs");
    for path in ["/healthz", "/readyz"] {
        assert!(routes.contains(&format!("\"{path}\"")));
        assert!(read("deploy/kubernetes/vestibule.yaml").contains(&format!("path: {path}")));
    }
}
