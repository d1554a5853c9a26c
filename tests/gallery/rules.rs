//! What holds for every bundled mapping.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use vestibule::account::mapping::BUILT_IN;
use vestibule::provider::compile::SCHEMA;
use vestibule::provider::{blanks, gallery};

/// Mappings that are an account's own, not one of the built-in choices: servers
/// that a shop or its company runs.
const OWN: &[&str] = &[
    "adfs",
    "auth0",
    "azure-ad-b2c",
    "keycloak",
    "mock-idp",
    "okta",
    "salesforce",
    "sap-cdc",
    "shopify",
    "virto-commerce",
    "vtex-exact",
    "zitadel",
];

fn directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/providers"))
}

fn files() -> BTreeSet<String> {
    fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

/// The variables that the bundled mappings name.
fn variables() -> BTreeSet<String> {
    gallery::all()
        .flat_map(|(_, source)| source.split("{ env = \"").skip(1))
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_file_is_bundled_as_it_is() {
    let bundled: BTreeSet<String> = gallery::all().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(bundled, files());
    for (name, source) in gallery::all() {
        let path = directory().join(format!("{name}.toml"));
        assert_eq!(source, fs::read_to_string(path).unwrap(), "{name}");
    }
}

#[test]
fn every_file_has_an_imitation_and_a_login() {
    let imitated: BTreeSet<String> = super::all().iter().map(|i| i.file.to_owned()).collect();
    let tested: BTreeSet<String> = super::TESTED.iter().map(|f| (*f).to_owned()).collect();
    assert_eq!(imitated, files());
    assert_eq!(tested, files());
}

#[test]
fn every_file_says_what_it_is_and_what_its_ids_and_emails_are_worth() {
    for (name, source) in gallery::all() {
        assert!(source.starts_with("# "), "{name}: no comment first");
        let about = gallery::about(source);
        assert!(about.len() > 20 && about.ends_with('.'), "{name}: {about}");
        if name != "mock-idp" {
            assert!(source.contains("\n# Ids: "), "{name}: are ids stable?");
            assert!(
                source.contains("\n# Email: "),
                "{name}: are emails verified?"
            );
        }
    }
}

#[test]
fn ids_are_file_names_and_consumer_providers_are_built_in() {
    for (name, source) in gallery::all() {
        let id = source
            .lines()
            .find_map(|line| line.strip_prefix("id ")?.split('"').nth(1));
        assert_eq!(id, Some(name));
        assert_eq!(BUILT_IN.contains(&name), !OWN.contains(&name), "{name}");
    }
    for id in BUILT_IN {
        assert!(
            gallery::get(id).is_some(),
            "{id} is built in, but not bundled"
        );
    }
}

#[test]
fn every_file_compiles_once_its_variables_are_set() {
    let key = super::run::pem(&rcgen::KeyPair::generate().unwrap());
    let rsa = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let rsa = super::run::pem(&rsa);
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    for variable in variables() {
        let is_key = variable.ends_with("PRIVATE_KEY");
        let value = match variable.as_str() {
            "ALIPAY_PRIVATE_KEY" => rsa.as_str(),
            _ if is_key => key.as_str(),
            _ => "secret",
        };
        command.env(variable, value);
    }
    let empty = tempfile::tempdir().unwrap();
    command
        .current_dir(empty.path())
        .env("VESTIBULE_PUBLIC_URL", "https://login.platform.test")
        .args(["--json", "provider", "check"]);
    // The mock alone is on loopback, where a policy has to allow it.
    for name in files().iter().filter(|name| *name != "mock-idp") {
        let source = gallery::get(name).unwrap();
        let answers = blanks::blanks(source)
            .into_iter()
            .map(|blank| (blank.name, "own".to_owned()))
            .collect();
        let file = empty.path().join(format!("{name}.toml"));
        fs::write(&file, blanks::fill(source, &answers, "")).unwrap();
        command.arg(file);
    }
    let output = command.output().unwrap();
    let shown = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{shown}");
}

#[test]
fn a_variable_that_is_missing_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_vestibule"))
        .current_dir(empty.path())
        .env("VESTIBULE_PUBLIC_URL", "https://login.platform.test")
        .env_remove("GITHUB_CLIENT_SECRET")
        .args(["provider", "check"])
        .arg(directory().join("github.toml"))
        .output()
        .unwrap();
    assert!(!output.status.success());
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        shown.contains("the variable `GITHUB_CLIENT_SECRET` is not set"),
        "{shown}"
    );
}

#[test]
fn the_schema_is_the_one_the_program_prints() {
    let path = directory().join("schema.json");
    let wanted = format!("{}\n", serde_json::to_string_pretty(&*SCHEMA).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "providers/schema.json has drifted; run UPDATE_SCHEMA=1 cargo test --test gallery"
    );
    let printed = Command::new(env!("CARGO_BIN_EXE_vestibule"))
        .args(["schema", "provider"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&printed.stdout), wanted);
}
