//! `vestibule config import appsettings.json`.

#![allow(missing_docs, clippy::unwrap_used)]

use std::process::Command;

use vestibule::config::{appsettings, from_parts};

/// As the platform and its storefront come, with comments and a comma at the end.
const SETTINGS: &str = r#"{
  // The platform's
  "Auth": {
    "Authority": "", /* the same application */
    "Audience": "resource_server",
    "PublicCertPath": "./certificates/virtocommerce.crt",
    "PrivateKeyPath": "./certificates/virtocommerce.pfx",
    "PrivateKeyPassword": "v//irto-canary",
  },
  "Authorization": {
    "AccessTokenLifeTime": "00:30:00",
    "refreshTokenLifetime": "30.00:00:00",
    "CookieExpireTimeSpan": "01:00:00",
    "ReturnPasswordHash": false,
  },
  "PasswordLogin": { "Enabled": true, "AuthenticationType": "Password" },
  "IdentityOptions": { "Password": { "RequiredLength": 8 } },
  "VirtoCommerce": {
    "Endpoint": {
      "Url": "https://login.platform.test/",
      "ClientId": "8b0e7cd6-shop",
      "ClientSecret": "secret-canary",
    }
  },
  "Logging:LogLevel:Default": "Information",
}"#;

#[test]
fn the_settings_become_a_configuration() {
    let found = appsettings::import(SETTINGS).unwrap();
    for line in [
        "public_url = \"https://login.platform.test\"",
        "audience = \"resource_server\"",
        "private_key = \"./certificates/virtocommerce.pfx\"",
        "public_cert = \"./certificates/virtocommerce.crt\"",
        "private_key_password = { env = \"VESTIBULE_KEY_PASSWORD\" }",
        "access_token_lifetime = \"30m\"",
        "refresh_token_lifetime = \"30d\"",
        "idle = \"1h\"",
    ] {
        assert!(
            found.toml.lines().any(|known| known == line),
            "{line}: {}",
            found.toml
        );
    }
    let said = format!("{found:?}");
    assert!(!said.contains("canary"), "{said}");
    assert!(said.contains("--client-id 8b0e7cd6-shop"), "{said}");
    assert!(said.contains("--grant password"), "{said}");
    assert!(said.contains("returnpasswordhash"), "{said}");
    assert!(!found.toml.contains("authority ="), "{}", found.toml);
    // It is a configuration, its files apart.
    let keyless: Vec<&str> = found
        .toml
        .lines()
        .filter(|line| !line.starts_with('p') || line.starts_with("public_url"))
        .collect();
    let config = from_parts(&keyless.join("\n"), [], None).unwrap();
    assert_eq!(config.auth.access_token_lifetime.as_secs(), 1800);
    assert_eq!(config.session.idle.unwrap().as_secs(), 3600);
}

#[test]
fn the_command_prints_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("appsettings.json");
    let run = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let done = Command::new(env!("CARGO_BIN_EXE_vestibule"))
            .args(["config", "import", file.to_str().unwrap()])
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (done.status.success(), text(done.stdout), text(done.stderr))
    };
    let (good, toml, said) = run(SETTINGS);
    assert!(good, "{said}");
    assert!(toml.contains("public_url") && said.contains("then: vestibule app create"));
    assert!(!toml.contains("canary") && !said.contains("canary"));
    for (text, why) in [
        ("{", "it is not JSON"),
        ("{ \"Logging\": {} }", "none of the sections"),
        ("[]", "none of the sections"),
        ("", "it is not JSON"),
        ("{ \"Auth\": { /* open ", "it is not JSON"),
    ] {
        let (good, _, said) = run(text);
        assert!(!good && said.contains(why), "{text}: {said}");
    }
    for (time, ours) in [
        ("45", "\"45d\""),
        ("00:00:90", "the default counts"),
        ("1.02:00:00", "\"26h\""),
        ("never", "the default counts"),
        ("00:00:00", "the default counts"),
    ] {
        let text = format!("{{ \"Authorization:AccessTokenLifeTime\": \"{time}\" }}");
        let (good, toml, said) = run(&text);
        assert!(
            good && (toml.contains(ours) || said.contains(ours)),
            "{time}: {toml}{said}"
        );
    }
}
