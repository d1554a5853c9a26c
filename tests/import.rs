//! Other brokers' configurations as mappings: `vestibule provider import`.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use vestibule::document::Finding;
use vestibule::outbound::Policy;
use vestibule::provider::compile::{Context, compile_toml};
use vestibule::provider::import::{Format, ImportError, Imported, import};
use vestibule::provider::redirect::Redirects;

fn samples() -> Vec<PathBuf> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/import/from");
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// The format that a sample's file name begins with.
fn format_of(name: &str) -> Format {
    Format::ALL
        .iter()
        .copied()
        .filter(|format| name.starts_with(format.name()))
        .max_by_key(|format| format.name().len())
        .unwrap()
}

fn of(name: &str) -> Vec<Imported> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/import/from")
        .join(name);
    let text = fs::read_to_string(path).unwrap();
    import(&text, None, Some("https://login.platform.test")).unwrap()
}

fn only(name: &str) -> Imported {
    let mut found = of(name);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

#[test]
fn every_format_has_three_shapes_that_are_told_apart_by_their_content() {
    let mut shapes = std::collections::BTreeMap::new();
    for path in samples() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let format = format_of(&name);
        let told = import(&text, Some(format), None).unwrap();
        assert_eq!(import(&text, None, None).unwrap(), told, "{name}");
        *shapes.entry(format.name()).or_insert(0) += 1;
    }
    for format in Format::names() {
        assert!(
            shapes.get(format).is_some_and(|n| *n >= 3),
            "{format}: {shapes:?}"
        );
    }
}

#[test]
fn what_comes_out_reads_as_it_should() {
    for path in samples() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text: Vec<String> = of(&name).into_iter().map(|found| found.toml).collect();
        insta::assert_snapshot!(name, text.join("\n--------\n"));
    }
}

/// What the compiler still misses is what the configuration does not say, and
/// the comments name it.
#[test]
fn what_comes_out_compiles_but_for_what_it_says_is_missing() {
    let lacks = BTreeSet::from([
        ("dex-broken-url.yaml", "client.id"),
        ("dex-broken-url.yaml", "userinfo.url"),
        ("gitlab-rails.rb", "client.id"),
        ("nextcloud.json", "provider.issuer"),
        ("nextcloud-twice.sh", "provider.issuer"),
        ("kratos-named.yaml", "provider.issuer"),
    ]);
    let mut seen = BTreeSet::new();
    for path in samples() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        for found in of(&name) {
            for error in errors(&found.toml) {
                let known = lacks
                    .iter()
                    .find(|(file, key)| *file == name && *key == error.key);
                let known =
                    known.unwrap_or_else(|| panic!("{name}: {}\n{}", error.message, found.toml));
                seen.insert(*known);
            }
        }
    }
    assert_eq!(seen, lacks);
}

fn errors(toml: &str) -> Vec<Finding> {
    let policy = Policy::default();
    let outcome = compile_toml(
        toml,
        Context {
            policy: &policy,
            redirects: &Redirects::default(),
        },
    );
    let mut findings = outcome.err().unwrap_or_default();
    findings.retain(Finding::is_error);
    // The variables and files of the broker's host are not those of a test.
    findings.retain(|finding| finding.key != "client.secret");
    findings
}

#[test]
fn no_secret_of_the_configuration_is_in_what_comes_out() {
    for path in samples() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        for found in of(&name) {
            assert!(
                !format!("{found:?}").contains("TOPSECRET"),
                "{name}: {}",
                found.toml
            );
            assert!(!found.toml.contains("***"), "{name}: {}", found.toml);
        }
    }
}

#[test]
fn a_secret_that_stands_elsewhere_is_named_where_it_stands() {
    let has = |name: &str, line: &str| {
        let all: String = of(name).into_iter().map(|found| found.toml).collect();
        assert!(all.contains(line), "{name}: {all}");
    };
    has("dex-oidc.yaml", r#"{ env = "CORP_SECRET" }"#);
    has("grafana.env", r#"{ file = "/run/secrets/grafana" }"#);
    has("authentik.yaml", r#"{ env = "CORP_SECRET" }"#);
    has("oauth2-proxy.sh", r#"{ file = "/run/secrets/proxy" }"#);
    has("spring.yml", r#"{ env = "ACME_SECRET" }"#);
    has("gitlab-rails.rb", r#"{ env = "ACME_SECRET" }"#);
    has("discourse.rb", r#"{ env = "FORUM_SECRET" }"#);
    has("rocket-chat.yaml", r#"{ env = "CHAT_SECRET" }"#);
}

#[test]
fn a_change_of_who_people_are_is_a_warning() {
    for (name, words) in [
        ("dex-oauth.yaml", "a new person"),
        ("oauth2-proxy.cfg", "knows people by their email"),
        ("nextcloud-occ.sh", "people become new ones"),
        ("grafana.ini", "takes the id from `sub`"),
        ("rocket-chat.env", "never reused"),
    ] {
        let found = only(name);
        assert!(
            found.warnings.iter().any(|text| text.contains(words)),
            "{name}: {:?}",
            found.warnings
        );
    }
}

#[test]
fn the_redirect_uri_to_register_stands_in_the_text() {
    let found = only("dex-oauth.yaml");
    assert!(
        found
            .toml
            .contains("https://login.platform.test/callback/ACCOUNT/acme")
    );
    assert!(
        found
            .toml
            .contains("https://dex.platform.test/dex/callback")
    );
}

#[test]
fn a_text_in_a_comment_cannot_end_the_comment() {
    let text = r#"{"connectors": [{"type": "oauth", "id": "a", "name": "A\n[client]\nid = \"x\"", "config": {"clientID": "c", "odd\nkey": 1}}]}"#;
    let found = import(text, Some(Format::Dex), None).unwrap().remove(0);
    let value: toml::Table = found.toml.parse().unwrap();
    assert_eq!(value["client"]["id"].as_str(), Some("c"));
}

#[test]
fn what_is_no_configuration_is_told() {
    assert_eq!(import("hello", None, None), Err(ImportError::Unknown));
    assert!(matches!(
        import("{", Some(Format::Keycloak), None),
        Err(ImportError::Unreadable { .. })
    ));
    assert_eq!(
        import("connectors: []", Some(Format::Dex), None),
        Err(ImportError::Nothing(Format::Dex))
    );
    let long = " ".repeat((4 << 20) + 1);
    assert_eq!(import(&long, None, None), Err(ImportError::TooLong));
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let list = vec![format!("*a{}", i - 1); 10].join(", ");
        writeln!(text, "a{i}: &a{i} [{list}]").unwrap();
    }
    text.push_str("connectors: []\n");
    let error = import(&text, Some(Format::Dex), None).unwrap_err();
    assert!(error.to_string().contains("too many values"), "{error}");
}

/// An alias is a copy of its text: few names of a long one would fill the memory.
#[test]
fn x7_few_aliases_of_a_long_text_are_refused() {
    let long = "x".repeat(200_000);
    let many = vec!["*a"; 100_000].join(",");
    let keys = vec!["{? *a : *a}"; 20_000].join(",");
    for text in [
        format!("a: &a \"{long}\"\nb: [{many}]\nconnectors: []\n"),
        format!("a: &a \"{long}\"\nb: [{keys}]\nconnectors: []\n"),
        // An anchor within an anchor within an anchor keeps as many copies.
        format!(
            "a: {}\"{long}\"{}\nconnectors: []\n",
            "&x [".repeat(90),
            "]".repeat(90)
        ),
    ] {
        let error = import(&text, Some(Format::Dex), None).unwrap_err();
        assert!(
            error.to_string().contains("too many values"),
            "{error:.200}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Cut, doubled and overwritten texts are read or refused, in every format.
    #[test]
    fn malformed_texts_are_read_or_refused(
        pick in 0_usize..40,
        at in 0_usize..4000,
        junk in "[\\PC\n\t]{0,12}",
        cut in 0_usize..200,
    ) {
        let files = samples();
        let text = fs::read_to_string(&files[pick % files.len()]).unwrap();
        let mut chars: Vec<char> = text.chars().collect();
        let at = at % (chars.len() + 1);
        let end = (at + cut).min(chars.len());
        chars.splice(at..end, junk.chars());
        let spoilt: String = chars.into_iter().collect();
        for format in Format::ALL {
            if let Ok(found) = import(&spoilt, Some(*format), None) {
                for one in found {
                    prop_assert!(one.toml.parse::<toml::Table>().is_ok(), "{}", one.toml);
                }
            }
        }
    }
}
