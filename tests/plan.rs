//! Configuration as code: a directory of files and a broker are made equal.

#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Exit status, stdout and stderr.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let said = Command::new(env!("CARGO_BIN_EXE_vestibule"))
            .args(arguments)
            .current_dir(self.path())
            .env("VESTIBULE_DATA_DIR", self.path().join("data"))
            .env("VESTIBULE_PUBLIC_URL", "https://login.platform.test")
            .env("ACME_GOOGLE_SECRET", "a-secret-of-google")
            .env("APP_SECRET", "a-secret-of-the-application")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (out, err) = (text(&said.stdout), text(&said.stderr));
        assert!(
            !out.contains("a-secret-of") && !err.contains("a-secret-of"),
            "{out}{err}"
        );
        (said.status.code().unwrap(), out, err)
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let (status, out, err) = self.run(arguments);
        assert_eq!(status, 0, "{arguments:?}: {out}{err}");
        out
    }

    /// What a plan says, which must be that something differs.
    fn plan(&self, arguments: &[&str]) -> String {
        let (status, out, err) = self.run(&[&["plan", "config"], arguments].concat());
        assert_eq!(status, 2, "{out}{err}");
        out
    }

    fn refused(&self) -> String {
        let (status, out, err) = self.run(&["plan", "config"]);
        assert_eq!(status, 1, "{out}{err}");
        err
    }
}

const ACCOUNT: &str = r##"
name = "Acme"
color = "#0b5fff"
stores = [{ origin = "https://www.acme.test" }]
[application_policy]
require_pkce = true
scopes = ["openid", "email"]
"##;

const MAPPING: &str = r#"
# Reviewed by the platform team.
[provider]
id = "google"
name = "Google"
kind = "openid"
issuer = "https://accounts.google.com"
email_trust = "claim"
[client]
id = "acme-client"
secret = { env = "ACME_GOOGLE_SECRET" }
[authorization]
scopes = ["openid", "email"]
[userinfo]
source = "id_token"
[userinfo.response]
user_id = "sub"
email = "email"
"#;

const APPLICATION: &str = r#"
name = "Orders"
account = "acme"
scopes = ["openid", "email"]
grants = ["authorization_code", "refresh_token"]
redirect_uris = ["https://orders.acme.test/cb"]
client_secret = { env = "APP_SECRET" }
"#;

fn filled() -> Home {
    let home = Home::new();
    home.write("config/accounts/acme.toml", ACCOUNT);
    home.write("config/accounts/acme/providers/google.toml", MAPPING);
    home.write("config/applications/orders.toml", APPLICATION);
    home
}

#[test]
fn a_broker_becomes_what_the_directory_says_and_stays_so() {
    let home = filled();
    let plan = home.plan(&[]);
    for line in [
        "create: accounts/acme",
        "create: accounts/acme/providers/google",
        "create: applications/orders",
        "+color = \"#0b5fff\"",
        "3 to create, 0 to change, 0 to remove",
    ] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
    assert!(
        home.ok(&["account", "list", "--json"]).trim() == "[]",
        "it is a plan"
    );
    home.ok(&["apply", "config"]);
    assert!(home.ok(&["plan", "config"]).contains("nothing differs"));
    assert!(home.ok(&["apply", "config"]).contains("nothing differs"));
    let shown = home.ok(&["provider", "show", "google", "--account", "acme"]);
    assert!(shown.contains("Reviewed by the platform team"), "{shown}");

    // A change here, and one that somebody made there.
    home.write(
        "config/accounts/acme.toml",
        &ACCOUNT.replace("Acme", "Acme Stores"),
    );
    home.ok(&["account", "change", "acme", "--signing-alg", "RS256"]);
    let changed = MAPPING.replace("acme-client", "another-client");
    home.write("config/accounts/acme/providers/google.toml", &changed);
    let plan = home.plan(&[]);
    for line in [
        "-signing_alg = \"RS256\"",
        "+name = \"Acme Stores\"",
        "+id = \"another-client\"",
        "0 to create, 2 to change, 0 to remove",
    ] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
    let json = home.run(&["plan", "config", "--json"]).1;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["changes"].as_array().unwrap().len(), 2);
    assert_eq!(json["changes"][0]["do"], "change");
    home.ok(&["apply", "config"]);
    assert!(home.ok(&["plan", "config"]).contains("nothing differs"));
}

#[test]
fn what_signs_the_id_tokens_of_an_application_stays() {
    let home = filled();
    home.ok(&["apply", "config"]);
    let alg = "id_token_signed_response_alg";
    let shows = |alg_then: &Value| {
        let shown = home.ok(&["app", "show", "orders", "--json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(&shown[alg], alg_then);
    };
    // A file that says nothing means RS256 …
    shows(&"RS256".into());
    assert!(home.ok(&["plan", "config"]).contains("nothing differs"));
    // … but an application of before, which follows its account, goes on to.
    home.ok(&[
        "app",
        "change",
        "orders",
        "--id-token-signed-response-alg",
        "",
    ]);
    assert!(home.ok(&["plan", "config"]).contains("nothing differs"));
    let renamed = APPLICATION.replace("\"Orders\"", "\"Orders and more\"");
    home.write("config/applications/orders.toml", &renamed);
    home.ok(&["apply", "config"]);
    shows(&Value::Null);
    // A new broker learns of it by the file.
    home.ok(&["export", "written", "--configuration"]);
    let written = fs::read_to_string(home.path().join("written/applications/orders.toml")).unwrap();
    assert!(
        written.contains(&format!("{alg} = \"account\"")),
        "{written}"
    );
    assert!(home.ok(&["plan", "written"]).contains("nothing differs"));
    home.ok(&["app", "remove", "orders", "--yes"]);
    home.ok(&["apply", "written"]);
    shows(&Value::Null);
    // What another one chose is in the plan.
    home.ok(&[
        "app",
        "change",
        "orders",
        "--id-token-signed-response-alg",
        "ES256",
    ]);
    let plan = home.plan(&[]);
    assert!(plan.contains(&format!("-{alg} = \"ES256\"")), "{plan}");
    home.ok(&["apply", "config"]);
    shows(&"RS256".into());
}

#[test]
fn what_is_on_the_broker_only_goes_where_that_is_asked() {
    let home = filled();
    home.ok(&["apply", "config"]);
    home.ok(&[
        "account",
        "create",
        "beta",
        "--store",
        "https://www.beta.test",
    ]);
    fs::remove_file(home.path().join("config/applications/orders.toml")).unwrap();
    fs::remove_file(
        home.path()
            .join("config/accounts/acme/providers/google.toml"),
    )
    .unwrap();
    let said = home.ok(&["plan", "config"]);
    for left in [
        "accounts/beta",
        "applications/orders",
        "providers/google",
        "--prune",
    ] {
        assert!(said.contains(left), "{left}: {said}");
    }
    home.ok(&["apply", "config"]);
    home.ok(&["account", "show", "beta"]);
    let plan = home.plan(&["--prune"]);
    assert!(plan.contains("3 to remove"), "{plan}");
    home.ok(&["apply", "config", "--prune"]);
    assert!(
        home.ok(&["plan", "config", "--prune"])
            .contains("nothing differs")
    );
    assert_ne!(home.run(&["account", "show", "beta"]).0, 0);
}

#[test]
fn a_broker_is_written_as_a_directory_and_is_equal_to_it() {
    let home = filled();
    let literal = MAPPING.replace("{ env = \"ACME_GOOGLE_SECRET\" }", "\"a-secret-of-google\"");
    home.write("config/accounts/acme/providers/google.toml", &literal);
    home.ok(&["apply", "config"]);
    // A logo that is kept is in no file, and stays.
    home.write("logo.svg", "<svg/>");
    home.ok(&["account", "logo", "acme", "logo.svg"]);
    let said = home.run(&["export", "written", "--configuration"]);
    assert_eq!(said.0, 0, "{}", said.2);
    assert!(
        said.2.contains("accounts/acme/providers/google.toml"),
        "{}",
        said.2
    );
    let file = home
        .path()
        .join("written/accounts/acme/providers/google.toml");
    let text = fs::read_to_string(file).unwrap();
    assert!(
        text.contains("[redacted]") && text.contains("# Reviewed"),
        "{text}"
    );
    assert!(
        home.ok(&["plan", "written", "--prune"])
            .contains("nothing differs")
    );
    // And what is left out stays what it is.
    home.ok(&["apply", "written", "--prune"]);
    assert!(home.ok(&["account", "show", "acme"]).contains("/logo/"));
    let again = home.run(&["export", "written", "--configuration"]);
    assert!(again.0 == 1 && again.2.contains("not empty"), "{}", again.2);
}

#[test]
fn what_is_wrong_with_a_directory_is_said_before_anything_changes() {
    let cases: [(&str, &str, &str); 9] = [
        ("accounts/acme.toml", "name = ", "accounts/acme.toml"),
        ("accounts/Acme!.toml", "", "Acme!.toml"),
        ("accounts/acme.yaml", "", "is no `.toml` file"),
        ("account/acme.toml", "", "`account` is neither"),
        (
            "applications/orders.toml",
            "name = \"x\"",
            "`scopes` is missing",
        ),
        (
            "applications/orders.toml",
            "name = \"x\"\nscopes = []\ngrants = []\nclient_secret = \"plain\"",
            "is a reference",
        ),
        (
            "accounts/acme/providers/other.toml",
            MAPPING,
            "`provider.id` is not `other`",
        ),
        (
            "accounts/beta/providers/google.toml",
            MAPPING,
            "has no `accounts/beta.toml`",
        ),
        ("accounts/acme/users/x.toml", "", "only `providers`"),
    ];
    for (file, text, why) in cases {
        let home = filled();
        home.write(&format!("config/{file}"), text);
        let said = home.refused();
        assert!(said.contains(why), "{file}: {said}");
        assert_eq!(home.ok(&["account", "list", "--json"]).trim(), "[]");
    }
    // What is no file, or no file for us: it is neither waited for nor read without end.
    for (link, why) in [
        ("/dev/zero", "is not a file"),
        ("/dev/fd", "is not a file"),
        ("gone", "cannot be read"),
    ] {
        let home = filled();
        let file = home
            .path()
            .join("config/accounts/acme/providers/google.toml");
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(link, &file).unwrap();
        let said = home.refused();
        assert!(said.contains("google.toml") && said.contains(why), "{said}");
    }
    let home = filled();
    home.write("config/accounts/\u{1b}[31mred\n.toml", "");
    let said = home.refused();
    assert!(
        !said.contains('\u{1b}') && said.contains("\\u{1b}[31mred"),
        "{said}"
    );
    let home = filled();
    let endless = APPLICATION.replace("{ env = \"APP_SECRET\" }", "{ file = \"/dev/zero\" }");
    home.write("config/applications/orders.toml", &endless);
    assert!(home.refused().contains("/dev/zero is not a file"));
    let home = filled();
    home.write("config/accounts/acme.toml", &"# long\n".repeat(200_000));
    assert!(home.refused().contains("larger than"));
    let home = Home::new();
    assert!(home.run(&["plan", "nowhere"]).2.contains("nowhere"));
    // A key that no account has, and a mapping that does not compile.
    let home = filled();
    home.ok(&["apply", "config"]);
    home.write("config/accounts/acme.toml", "colour = \"red\"");
    let (status, _, said) = home.run(&["apply", "config"]);
    assert!(status == 1 && said.contains("colour"), "{said}");
    let home = filled();
    home.ok(&["apply", "config"]);
    let bad = MAPPING.replace("kind = \"openid\"", "kind = \"opnid\"");
    home.write("config/accounts/acme/providers/google.toml", &bad);
    let said = home.refused();
    assert!(said.contains("providers/google"), "{said}");
}
