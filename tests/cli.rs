//! The command line, with a broker running and with none.

#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("VESTIBULE_DATA_DIR", self.0.path().join("data"))
            .env("VESTIBULE_OUTBOUND__ALLOW_HTTP", "true")
            .env("VESTIBULE_OUTBOUND__ALLOW_NETWORKS", "127.0.0.0/8");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    fn fails(&self, arguments: &[&str], status: i32) -> String {
        let output = self.run(arguments);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{arguments:?}: {}",
            text(&output.stdout)
        );
        text(&output.stderr)
    }

    fn mapping(&self) -> String {
        let source = include_str!("../providers/mock-idp.toml").replace("\"mock-idp\"", "\"acme\"");
        let path = self.0.path().join("acme.toml");
        std::fs::write(&path, source).unwrap();
        path.display().to_string()
    }

    fn serve(&self) -> Serving {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut child = self
            .command(&["serve"])
            .env("VESTIBULE_LISTEN", format!("127.0.0.1:{port}"))
            .env("VESTIBULE_PUBLIC_URL", format!("http://127.0.0.1:{port}"))
            .env("VESTIBULE_METRICS__LISTEN", "")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = Vec::new();
        let up = lines.by_ref().map_while(Result::ok).any(|line| {
            log.push(line);
            log[log.len() - 1].contains("vestibule is serving")
        });
        assert!(up, "the broker did not start: {log:?}");
        std::thread::spawn(move || lines.for_each(drop));
        Serving { child, port, log }
    }
}

struct Serving {
    child: Child,
    port: u16,
    /// What it said until it served.
    log: Vec<String>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The administration of a first account, as a person would type it.
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
fn administer(home: &Home) {
    let mapping = home.mapping();
    home.ok(&[
        "account",
        "create",
        "acme",
        "--name",
        "Acme",
        "--store",
        "https://www.acme.test",
        "--auth-path",
        "/_auth",
    ]);
    home.ok(&["provider", "check", &mapping]);
    home.ok(&["provider", "apply", &mapping, "--account", "acme"]);

    let shown = home.ok(&["provider", "show", "--account", "acme"]);
    assert!(
        shown.contains("secret     = \"[redacted]\"") && !shown.contains("vestibule-demo-secret")
    );
    assert!(shown.contains("# step 1"), "comments stay: {shown}");

    // What was shown can be applied again: the secret stays what it was.
    let shown_path = home.0.path().join("shown.toml");
    std::fs::write(&shown_path, shown.replace("Mock Accounts", "Acme Accounts")).unwrap();
    let applied = home.ok(&[
        "provider",
        "apply",
        shown_path.to_str().unwrap(),
        "--account",
        "acme",
    ]);
    assert!(applied.contains("as version 2"), "{applied}");
    let diff = home.ok(&["provider", "diff", "--account", "acme"]);
    assert!(
        diff.contains("-name = \"Mock Accounts\"") && diff.contains("+name = \"Acme Accounts\""),
        "{diff}"
    );
    home.ok(&["provider", "rollback", "--account", "acme"]);
    let history: Value =
        serde_json::from_str(&home.ok(&["provider", "history", "--account", "acme", "--json"]))
            .unwrap();
    let names: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Mock Accounts", "Acme Accounts", "Mock Accounts"]);

    let second = home.0.path().join("second.toml");
    std::fs::write(&second, include_str!("../providers/mock-idp.toml")).unwrap();
    let refused = home.fails(
        &[
            "provider",
            "apply",
            second.to_str().unwrap(),
            "--account",
            "acme",
        ],
        1,
    );
    assert!(
        refused.contains("has the custom provider `acme` already"),
        "{refused}"
    );
    home.ok(&[
        "provider",
        "apply",
        "google",
        "--account",
        "acme",
        "--client-id",
        "shop.apps",
        "--client-secret-file",
        "/etc/hostname",
    ]);

    home.ok(&[
        "store",
        "create",
        "https://outlet.acme.test",
        "--account",
        "acme",
    ]);
    home.ok(&[
        "store",
        "change",
        "https://outlet.acme.test",
        "--account",
        "acme",
        "--auth-path",
        "/sso",
    ]);
    assert!(
        home.ok(&["store", "list", "--account", "acme"])
            .contains("https://outlet.acme.test  /sso")
    );
    home.ok(&[
        "store",
        "remove",
        "https://outlet.acme.test",
        "--account",
        "acme",
    ]);
    let account: Value =
        serde_json::from_str(&home.ok(&["account", "show", "acme", "--json"])).unwrap();
    assert_eq!(account["stores"].as_array().unwrap().len(), 1);

    let broken = home.0.path().join("broken.toml");
    std::fs::write(&broken, "[provider]\nid = \"acme\"\n").unwrap();
    let refused = home.fails(
        &[
            "provider",
            "apply",
            broken.to_str().unwrap(),
            "--account",
            "acme",
        ],
        1,
    );
    assert!(
        refused.contains("provider.name") && refused.contains("client.id"),
        "{refused}"
    );
    assert!(
        home.ok(&["provider", "show", "acme", "--account", "acme"])
            .contains("Mock Accounts")
    );
}

/// Every command that lists or shows prints JSON where it is asked to. There are two keys:
/// a broker that serves has both at hand, and an application's ID tokens need RS256.
fn shows_json(home: &Home) {
    home.ok(&[
        "account",
        "create",
        "acme",
        "--store",
        "https://www.acme.test",
    ]);
    home.ok(&["provider", "apply", &home.mapping(), "--account", "acme"]);
    home.ok(&["user", "create", "ada@example.test", "--account", "acme"]);
    home.ok(&["operator", "create", "grace@example.test"]);
    home.ok(&[
        "app",
        "create",
        "--client-id",
        "orders",
        "--account",
        "acme",
    ]);
    let json = |arguments: &str| -> Value {
        let mut arguments: Vec<&str> = arguments.split(' ').collect();
        arguments.push("--json");
        let said = home.ok(&arguments);
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{arguments:?} {error}: {said}"))
    };
    for (list, expected) in [
        ("account list", 1),
        ("store list --account acme", 1),
        ("provider list --account acme", 1),
        ("provider history --account acme", 1),
        ("user list --account acme", 1),
        ("session list --account acme", 0),
        ("app list", 1),
        ("operator list", 1),
        ("key list", 2),
    ] {
        assert_eq!(json(list).as_array().unwrap().len(), expected, "{list}");
    }
    assert!(json("audit list").as_array().unwrap().len() >= 5);
    for (show, member, expected) in [
        ("account show acme", "id", Value::from("acme")),
        ("account change acme --name Acme", "name", "Acme".into()),
        (
            "account change acme --application-policy require_pkce=on --application-policy scopes=openid",
            "application_policy",
            serde_json::json!({
                "access_token_lifetime": null,
                "refresh_token_lifetime": null,
                "refresh_token_absolute_lifetime": null,
                "require_pkce": true,
                "consent": false,
                "rotate_refresh_tokens": false,
                "scopes": ["openid"],
                "claims": null,
            }),
        ),
        (
            "store show https://www.acme.test --account acme",
            "auth_path",
            "/_auth".into(),
        ),
        ("app show orders", "client_id", "orders".into()),
        ("operator show grace@example.test", "active", false.into()),
        (
            "operator change grace@example.test --disable",
            "disabled",
            true.into(),
        ),
        (
            "session revoke --user ada@example.test --account acme",
            "revoked",
            0.into(),
        ),
    ] {
        assert_eq!(json(show)[member], expected, "{show}");
    }
    for (wrong, why) in [
        ("session revoke AAAA --account acme", "no such session"),
        (
            "session revoke --user nobody --account acme",
            "no such user",
        ),
        ("session list --account nobody", "no such account"),
        ("operator show nobody@example.test", "no such operator"),
        (
            "operator reset-second-factor grace@example.test --yes",
            "no such second factor",
        ),
        (
            "store show https://nobody.test --account acme",
            "has no store",
        ),
    ] {
        let arguments: Vec<&str> = wrong.split(' ').collect();
        let said = home.fails(&arguments, 1);
        assert!(said.contains(why), "{wrong}: {said}");
    }
    home.ok(&["operator", "remove", "grace@example.test"]);
    home.ok(&["app", "remove", "orders"]);
    home.ok(&["account", "remove", "acme"]);
    assert_eq!(json("account list").as_array().unwrap().len(), 0);
}

#[test]
fn commands_print_json_without_a_broker() {
    shows_json(&Home::new());
}

#[test]
fn commands_print_json_on_a_running_broker() {
    let home = Home::new();
    let _serving = home.serve();
    shows_json(&home);
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let home = Home::new();
    for arguments in [&["openapi"][..], &["completions", "zsh"]] {
        let mut child = home
            .command(arguments)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert!(child.wait().unwrap().success(), "{arguments:?}: {said}");
        assert_eq!(said, "");
    }
}

#[test]
fn a_broker_that_does_not_answer_is_told() {
    let home = Home::new();
    let data = home.0.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let _mute = std::os::unix::net::UnixListener::bind(data.join("admin.sock")).unwrap();
    let said = home.fails(&["--timeout", "200ms", "account", "list"], 1);
    assert!(said.contains("gave no answer within 200ms"), "{said}");
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", tcp.local_addr().unwrap());
    let output = home
        .command(&["--timeout", "200ms", "--server", &url, "account", "list"])
        .env("VESTIBULE_CLIENT_ID", "a")
        .env("VESTIBULE_CLIENT_SECRET", "b")
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert!(
        !output.status.success() && said.contains("cannot be reached"),
        "{said}"
    );
}

#[test]
fn what_a_mapping_would_change_is_shown_first() {
    let home = Home::new();
    home.ok(&["account", "create", "acme"]);
    let file = home.mapping();
    let dry = ["provider", "apply", "--account", "acme", "--dry-run", &file];
    let shown = home.ok(&dry);
    assert!(shown.contains("would be new") && shown.contains("+[provider]"));
    assert!(
        !shown.contains("vestibule-demo-secret"),
        "the secret is redacted: {shown}"
    );
    assert_eq!(
        home.ok(&["provider", "list", "--account", "acme"]).trim(),
        "none"
    );
    home.ok(&["provider", "apply", "--account", "acme", &file]);
    assert!(home.ok(&dry).contains("is this already"));
    assert_eq!(
        home.ok(&["provider", "diff", "--account", "acme", &file]),
        ""
    );
    let changed = std::fs::read_to_string(&file)
        .unwrap()
        .replace("\"Mock Accounts\"", "\"Acme\"");
    std::fs::write(&file, changed).unwrap();
    for shown in [
        home.ok(&dry),
        home.ok(&["provider", "diff", "--account", "acme", &file]),
    ] {
        assert!(
            shown.contains("--- live\n+++ file\n") && shown.contains("+name = \"Acme\""),
            "{shown}"
        );
    }
    let broken = std::fs::read_to_string(&file)
        .unwrap()
        .replace("[token]", "[tokken]");
    std::fs::write(&file, broken).unwrap();
    assert!(home.fails(&dry, 1).contains("tokken"));
}

#[test]
fn accounts_are_administered_without_a_broker() {
    administer(&Home::new());
}

#[test]
fn accounts_are_administered_on_a_running_broker() {
    let home = Home::new();
    let serving = home.serve();
    assert!(Path::new(&home.0.path().join("data/admin.sock")).exists());
    administer(&home);
    drop(serving);
    // And what was acknowledged is still there after a kill.
    assert!(
        home.ok(&["provider", "list", "--account", "acme"])
            .contains("acme")
    );
}

#[test]
fn a_taken_port_is_a_sentence() {
    let home = Home::new();
    let serving = home.serve();
    let other = Home::new();
    let output = other
        .command(&["serve"])
        .env("VESTIBULE_LISTEN", format!("127.0.0.1:{}", serving.port))
        .env("VESTIBULE_PUBLIC_URL", "https://login.platform.test")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("choose another `listen` address"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_second_broker_on_the_same_data_is_refused_and_the_first_unharmed() {
    let home = Home::new();
    let _serving = home.serve();
    let output = home
        .command(&["serve"])
        .env("VESTIBULE_LISTEN", "127.0.0.1:0")
        .env("VESTIBULE_PUBLIC_URL", "https://login.platform.test")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("in use by another process"),
        "{}",
        text(&output.stderr)
    );
    home.ok(&["account", "list"]);
}

#[test]
fn missing_and_mistaken_configuration_is_named() {
    let home = Home::new();
    assert!(
        home.fails(&["serve"], 1)
            .contains("`public_url` is not set")
    );
    std::fs::write(
        home.0.path().join("vestibule.toml"),
        "public_ur = \"https://x.test\"\n[session]\nlifetime = \"24\"\n",
    )
    .unwrap();
    let errors = home.fails(&["serve"], 1);
    assert!(
        errors.contains("vestibule.toml:1:1") && errors.contains("did you mean `public_url`?"),
        "{errors}"
    );
    assert!(
        errors.contains("vestibule.toml:3:12") && errors.contains("`24` is not a valid duration"),
        "{errors}"
    );
    let output = Home::new()
        .command(&["account", "list"])
        .env("VESTIBULE_PUBLIK_URL", "x")
        .output()
        .unwrap();
    assert!(
        text(&output.stderr).contains("VESTIBULE_PUBLIK_URL"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(home.run(&["no-such-command"]).status.code(), Some(2));
}

#[test]
fn what_is_not_there_is_said() {
    let home = Home::new();
    assert!(
        home.fails(&["account", "show", "nobody"], 1)
            .contains("no such account")
    );
    assert!(
        home.fails(&["provider", "check", "nothing.toml"], 1)
            .is_empty()
    );
    assert!(
        home.fails(&["account", "create", "Bad Id"], 1)
            .contains("not a valid account id")
    );
    assert!(
        home.fails(
            &[
                "account",
                "create",
                "acme",
                "--store",
                "http://www.acme.test"
            ],
            1
        )
        .contains("must be https")
    );
    home.ok(&["account", "create", "acme"]);
    assert!(
        home.fails(&["account", "create", "acme"], 1)
            .contains("already")
    );
    assert!(
        home.fails(&["provider", "show", "--account", "acme"], 1)
            .contains("has no provider yet")
    );
}

#[test]
fn schemas_and_completions_are_printed() {
    let home = Home::new();
    for of in ["provider", "config"] {
        let schema: Value = serde_json::from_str(&home.ok(&["schema", of])).unwrap();
        assert!(schema["properties"].is_object());
    }
    assert!(home.ok(&["completions", "bash"]).contains("vestibule"));
}

#[test]
fn operators_and_the_audit_log() {
    let home = Home::new();
    let made = home.ok(&["operator", "create", "ada@example.test", "--name", "Ada"]);
    assert!(made.contains("/admin/welcome?ticket="), "{made}");
    home.fails(&["operator", "create", "ada@example.test"], 1);
    home.fails(&["operator", "change", "ada@example.test"], 2);
    home.ok(&["operator", "change", "ada@example.test", "--disable"]);
    let again = home.ok(&["operator", "change", "ada@example.test", "--reset-password"]);
    assert!(again.contains("ticket="), "{again}");
    assert!(home.ok(&["operator", "list"]).contains("Ada"));
    home.ok(&["operator", "remove", "ada@example.test"]);
    let log = home.ok(&["audit", "list"]);
    for what in [
        "operator.create",
        "operator.change",
        "operator.invite",
        "operator.remove",
    ] {
        assert!(log.contains(what), "{what}\n{log}");
    }
    let lines = home.ok(&["audit", "export"]);
    assert_eq!(lines.lines().count(), 4);
    assert!(!lines.contains("ticket"), "a link is not in the log");
}

#[test]
fn another_brokers_configuration_becomes_a_mapping() {
    let home = Home::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/from");
    let at = |name: &str| from.join(name).display().to_string();

    let toml = home.ok(&["provider", "import", &at("dex-oauth.yaml")]);
    assert!(
        toml.contains("[userinfo.response]") && toml.contains("mail"),
        "{toml}"
    );

    let told = home.fails(&["provider", "import", &at("dex-oidc.yaml")], 1);
    assert!(told.contains("corp, github"), "{told}");
    let one = home.ok(&[
        "provider",
        "import",
        &at("dex-oidc.yaml"),
        "--provider",
        "corp",
    ]);
    assert!(one.contains("https://login.corp.test"), "{one}");

    home.ok(&[
        "provider",
        "import",
        &at("dex-oidc.yaml"),
        "--output",
        "mappings",
    ]);
    assert!(home.0.path().join("mappings/corp.toml").exists());
    let again = home.fails(
        &[
            "provider",
            "import",
            &at("dex-oidc.yaml"),
            "--output",
            "mappings",
        ],
        1,
    );
    assert!(again.contains("corp.toml"), "{again}");

    let told = home.fails(
        &[
            "provider",
            "import",
            &at("dex-oauth.yaml"),
            "--format",
            "keycloak",
        ],
        1,
    );
    assert!(told.contains("cannot be read as Keycloak"), "{told}");
    home.fails(
        &[
            "provider",
            "import",
            &at("dex-oauth.yaml"),
            "--format",
            "other",
        ],
        2,
    );

    let found: Value =
        serde_json::from_str(&home.ok(&["provider", "import", "--json", &at("dex-oidc.yaml")]))
            .unwrap();
    assert_eq!(found[0]["not_carried"][0]["field"], "claimModifications");
}

#[test]
fn f17_the_master_key_is_changed_while_no_broker_runs() {
    let home = Home::new();
    home.ok(&["account", "create", "acme"]);
    home.ok(&["provider", "apply", &home.mapping(), "--account", "acme"]);
    let master = home.0.path().join("data/master.key");
    let before = std::fs::read_to_string(&master).unwrap();
    let serving = home.serve();
    let said = home.fails(&["key", "rotate-master"], 1);
    assert!(said.contains("in use by another process"), "{said}");
    drop(serving);
    assert_eq!(std::fs::read_to_string(&master).unwrap(), before);
    home.ok(&["key", "rotate-master"]);
    assert_ne!(std::fs::read_to_string(&master).unwrap(), before);
    let shown = home.ok(&["provider", "show", "--account", "acme"]);
    assert!(shown.contains("[client]"), "{shown}");
    assert!(home.ok(&["audit", "list"]).contains("key.rotate_master"));
    // A configured one is changed in the configuration.
    let output = home
        .command(&["key", "rotate-master"])
        .env("VESTIBULE_AUTH__MASTER_KEY", "a master key that is long")
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("former_master_keys"));
}

#[test]
fn f11_data_is_verified_where_no_broker_runs() {
    let home = Home::new();
    let said = home.fails(&["data", "verify"], 1);
    assert!(said.contains("data/db"), "{said}");
    home.ok(&["account", "create", "acme"]);
    home.ok(&["provider", "apply", &home.mapping(), "--account", "acme"]);
    let counts: Value = serde_json::from_str(&home.ok(&["data", "verify", "--json"])).unwrap();
    let of = |name: &str| {
        let rows = counts.as_array().unwrap().iter();
        let mut found = rows.filter(|row| row["space"] == name);
        found.next().map(|row| row["records"].as_u64().unwrap())
    };
    let seen = ["accounts", "mappings", "mapping_history", "audit"].map(of);
    assert_eq!(seen, [Some(1), Some(1), Some(1), Some(2)], "{counts}");
    let serving = home.serve();
    let said = home.fails(&["data", "verify"], 1);
    assert!(said.contains("in use by another process"), "{said}");
    drop(serving);
    // Killed: nothing to compare, but all can be read.
    let output = home.run(&["data", "verify"]);
    assert!(output.status.success());
    assert!(text(&output.stderr).contains("not closed in order"));
    // That closed it in order.
    let db = home.0.path().join("data/db");
    let mut bytes = std::fs::read(&db).unwrap();
    let place = bytes.len() / 3;
    bytes[place] ^= 4;
    std::fs::write(&db, &bytes).unwrap();
    for command in [&["data", "verify"][..], &["account", "list"]] {
        let said = home.fails(command, 1);
        assert!(
            said.contains("data/db") && said.contains("blocks are damaged"),
            "{said}"
        );
        assert!(std::fs::read(&db).unwrap() == bytes);
    }
}

#[test]
fn a_running_broker_is_exported_and_imported_elsewhere() {
    let home = Home::new();
    home.ok(&["account", "create", "acme"]);
    home.ok(&["provider", "apply", &home.mapping(), "--account", "acme"]);
    let serving = home.serve();
    let said = home.ok(&["export", "backup"]);
    assert!(
        said.contains("mapping_history") && said.contains("accounts"),
        "{said}"
    );
    drop(serving);
    // Without a broker it is the same, but for what was said meanwhile.
    home.ok(&["export", "again"]);
    let read = |dir: &str, file: &str| {
        std::fs::read_to_string(home.0.path().join(dir).join(file)).unwrap()
    };
    assert_eq!(
        read("backup", "accounts.jsonl"),
        read("again", "accounts.jsonl")
    );
    assert!(!read("backup", "mappings.jsonl").contains("vestibule-demo-secret"));
    home.fails(&["export", "again"], 1);

    let elsewhere = |arguments: &[&str]| {
        let output = home
            .command(arguments)
            .env("VESTIBULE_DATA_DIR", home.0.path().join("new"))
            .output()
            .unwrap();
        (
            output.status.success(),
            text(&output.stdout) + &text(&output.stderr),
        )
    };
    let (done, said) = elsewhere(&["import", "backup"]);
    assert!(!done && said.contains("master.key"), "{said}");
    std::fs::copy(
        home.0.path().join("data/master.key"),
        home.0.path().join("new/master.key"),
    )
    .unwrap();
    let (done, said) = elsewhere(&["import", "backup"]);
    assert!(done && said.contains("mapping_history"), "{said}");
    let (done, said) = elsewhere(&["import", "backup"]);
    assert!(!done && said.contains("not empty"), "{said}");
    let (done, said) = elsewhere(&["provider", "show", "--account", "acme"]);
    assert!(
        done && said.contains("secret     = \"[redacted]\""),
        "{said}"
    );
    assert!(elsewhere(&["data", "verify"]).0);
    assert!(elsewhere(&["audit", "list"]).1.contains("data.import"));
    let keys = |said: String| {
        said.lines()
            .nth(1)
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        keys(elsewhere(&["key", "list"]).1),
        keys(home.ok(&["key", "list"]))
    );
}

#[test]
fn operators_have_roles() {
    let home = Home::new();
    let create = "operator create grace@example.test --role support --account acme --account b2";
    home.ok(&create.split(' ').collect::<Vec<_>>());
    let listed = home.ok(&["operator", "list"]);
    assert!(
        listed.contains("support") && listed.contains("acme, b2"),
        "{listed}"
    );
    let change = "operator change grace@example.test --role auditor --json";
    let said = home.ok(&change.split(' ').collect::<Vec<_>>());
    assert!(said.contains("auditor") && said.contains("b2"), "{said}");
    let said = home.ok(&[
        "operator",
        "change",
        "grace@example.test",
        "--all-accounts",
        "--json",
    ]);
    assert!(said.contains("auditor") && !said.contains("b2"), "{said}");
    home.fails(
        &["operator", "change", "grace@example.test", "--role", "king"],
        2,
    );
}

#[test]
fn users_go_to_a_file_and_come_back() {
    let home = Home::new();
    home.ok(&[
        "account",
        "create",
        "acme",
        "--store",
        "https://www.acme.test",
    ]);
    let csv = home.0.path().join("users.csv");
    let rows = "email,name,provider,provider_user_id\nada@example.com,\"Lovelace, Ada\",acme,007\nno address,,,\n";
    std::fs::write(&csv, rows).unwrap();
    let csv = csv.display().to_string();
    let import = ["user", "import", &csv, "--account", "acme"];
    let said = text(&home.run(&[&import[..], &["--dry-run"]].concat()).stdout);
    assert!(
        said.contains("1 would be created, 0 there already, 1 invalid"),
        "{said}"
    );
    assert!(said.contains("line 3: no address: "), "{said}");
    assert_eq!(home.ok(&["user", "export", "--account", "acme"]), "");
    let said = home.fails(&import, 1);
    assert!(said.contains("1 of 2 users cannot be created"), "{said}");
    let lines = home.ok(&["user", "export", "--account", "acme"]);
    assert!(
        lines.contains("Lovelace, Ada") && lines.contains("\"007\""),
        "{lines}"
    );
    assert_eq!(lines.lines().count(), 1);

    let shown = home.ok(&["user", "show", "ada@example.com", "--account", "acme"]);
    assert!(shown.contains("Lovelace, Ada"), "{shown}");
    let unlink = [
        "user",
        "unlink",
        "ada@example.com",
        "--provider",
        "acme",
        "--account",
        "acme",
    ];
    home.ok(&unlink);
    assert!(home.fails(&unlink, 1).contains("no such link"));
    home.ok(&[
        "user",
        "delete",
        "ada@example.com",
        "--account",
        "acme",
        "--yes",
    ]);
    let gone = home.fails(&["user", "show", "ada@example.com", "--account", "acme"], 1);
    assert!(gone.contains("no such user"), "{gone}");
    // What was exported comes back, with the link.
    let file = home.0.path().join("users.jsonl");
    std::fs::write(&file, lines).unwrap();
    let said = home.ok(&[
        "user",
        "import",
        &file.display().to_string(),
        "--account",
        "acme",
    ]);
    assert!(said.contains("1 created"), "{said}");
    let found = home.ok(&["user", "search", "007", "--account", "acme"]);
    assert!(found.contains("ada@example.com"), "{found}");
    std::fs::write(&file, b"email\n\xff@example.com\n").unwrap();
    let said = home.fails(
        &[
            "user",
            "import",
            &file.display().to_string(),
            "--account",
            "acme",
        ],
        1,
    );
    assert!(said.contains("not UTF-8 in line 2"), "{said}");
}

#[test]
fn set_up_links_are_made_listed_and_revoked() {
    let home = Home::new();
    home.ok(&["account", "create", "acme"]);
    let links = |arguments: &[&str]| {
        let all: Vec<_> = ["--json", "setup-link"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        serde_json::from_str::<Value>(&home.ok(&all)).unwrap()
    };
    let made = links(&["create", "Ada at Acme", "--days", "3", "--account", "acme"]);
    let (id, url) = (made["id"].as_str().unwrap(), made["link"].as_str().unwrap());
    let ticket = url.split_once("/admin/setup?ticket=").unwrap().1;
    let listed = links(&["list", "--account", "acme"]);
    assert_eq!(listed[0]["id"], id);
    assert_eq!(listed[0]["state"], "new");
    let shown = links(&["show", id, "--account", "acme"]);
    assert_eq!(shown["name"], "Ada at Acme");
    assert_eq!(shown["handed_in"], Value::Null);
    // It is told once.
    assert!(!listed.to_string().contains(ticket) && !shown.to_string().contains(ticket));
    for arguments in [
        &["approve", id, "--account", "acme", "--yes"][..],
        &["show", "nowhere", "--account", "acme"],
    ] {
        let all: Vec<_> = ["setup-link"].iter().chain(arguments).copied().collect();
        home.fails(&all, 1);
    }
    for days in ["0", "31"] {
        home.fails(
            &[
                "setup-link",
                "create",
                "Ada",
                "--days",
                days,
                "--account",
                "acme",
            ],
            1,
        );
    }
    home.ok(&["setup-link", "revoke", id, "--account", "acme", "--yes"]);
    assert_eq!(links(&["list", "--account", "acme"]), serde_json::json!([]));
}

/// The commands below one, each with its path.
fn below(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
    let mut all = Vec::new();
    for one in command
        .get_subcommands()
        .filter(|one| one.get_name() != "help")
    {
        let path = format!("{path} {}", one.get_name());
        all.extend(below(one, &path));
        all.push((path, one.clone()));
    }
    all
}

#[test]
fn every_list_takes_a_limit() {
    let mut lists = 0;
    for (path, command) in below(&vestibule::cli::command(), "") {
        let name = path.rsplit(' ').next().unwrap();
        if !["list", "history", "deliveries", "consents"].contains(&name) {
            continue;
        }
        lists += 1;
        let takes = command
            .get_arguments()
            .any(|one| one.get_long() == Some("limit"));
        assert!(takes, "{path}");
    }
    assert!(lists >= 15, "{lists}");
    let home = Home::new();
    home.ok(&[
        "account",
        "create",
        "acme",
        "--store",
        "https://a.acme.test",
    ]);
    for store in ["https://b.acme.test", "https://shop.other.test"] {
        home.ok(&["store", "add", store, "--account", "acme"]);
    }
    let list = |more: &[&str]| {
        let said = home.ok(&[&["store", "list", "--account", "acme", "--json"], more].concat());
        serde_json::from_str::<Vec<serde_json::Value>>(&said)
            .unwrap()
            .len()
    };
    assert_eq!(
        (list(&[]), list(&["--limit", "2"]), list(&["acme.test"])),
        (3, 2, 2)
    );
    let bundled = home.ok(&["provider", "list", "--limit", "3", "--json"]);
    assert_eq!(
        serde_json::from_str::<Vec<serde_json::Value>>(&bundled)
            .unwrap()
            .len(),
        3
    );
}

/// Other people of the machine who can read the key can read every secret.
#[test]
fn a_master_key_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    home.ok(&["account", "create", "acme"]);
    let key = home.0.path().join("data/master.key");
    let mode = || std::fs::metadata(&key).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600, "made so that nobody else can");
    let warning = "the master key can be read by others; set its mode to 0600";
    for (open, warned) in [(0o600, false), (0o644, true), (0o640, true), (0o400, false)] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(open)).unwrap();
        let serving = home.serve();
        let said = serving.log.iter().find(|line| line.contains(warning));
        assert_eq!(said.is_some(), warned, "{open:o}: {:?}", serving.log);
        if let Some(said) = said {
            assert!(
                said.contains("WARN") && said.contains("master.key"),
                "{said}"
            );
        }
    }
}

/// Takes a list two at a time, as each part says to go on; gives what was in it.
fn in_parts(home: &Home, list: &[&str]) -> Vec<serde_json::Value> {
    let mut all = Vec::new();
    let mut after = Vec::new();
    loop {
        let part: Vec<&str> = after.iter().map(String::as_str).collect();
        let output = home.run(&[list, &["--limit", "2", "--json"], &part].concat());
        let said = text(&output.stderr);
        assert!(output.status.success(), "{list:?}: {said}");
        let items: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
        all.extend(items);
        assert!(all.len() < 100, "{list:?} never ends");
        match said.split_once("there is more: --after ") {
            Some((_, cursor)) => {
                let cursor = cursor.trim().trim_matches('\'').to_owned();
                after = vec!["--after".to_owned(), cursor];
            }
            None => return all,
        }
    }
}

#[test]
fn every_list_is_taken_in_parts() {
    let home = Home::new();
    for id in ["a1", "a2", "a3"] {
        home.ok(&["account", "create", id]);
        let email = format!("{id}@example.test");
        home.ok(&["operator", "create", &email]);
        home.ok(&["setup-link", "create", id, "--account", "a1"]);
        home.ok(&["domain", "prove", &format!("{id}.test"), "--account", "a1"]);
        let user = ["user", "create", &email, "--account", "a1"];
        home.ok(&user);
        let app = ["app", "create", "--account", "a1", "--name", id];
        home.ok(&app);
    }
    home.ok(&["key", "rotate"]);
    for list in [
        &["account", "list"][..],
        &["operator", "list"],
        &["setup-link", "list", "--account", "a1"],
        &["domain", "list", "--account", "a1"],
        &["user", "list", "--account", "a1"],
        &["app", "list"],
        &["audit", "list"],
        &["provider", "list"],
        &["key", "list"],
    ] {
        let limit = if list[0] == "audit" {
            &["--limit", "100"][..]
        } else {
            &[]
        };
        let whole = home.ok(&[list, &["--json"], limit].concat());
        let whole: Vec<serde_json::Value> = serde_json::from_str(&whole).unwrap();
        assert!(
            whole.len() >= if list[0] == "key" { 2 } else { 3 },
            "{list:?}: {whole:?}"
        );
        assert_eq!(in_parts(&home, list), whole, "{list:?}");
    }
    for list in [
        &["store", "list", "--account", "a1"][..],
        &["session", "list", "--account", "a1"],
        &["grant", "list", "--account", "a1"],
        &["grant", "consents", "--account", "a1"],
        &["login", "list", "--account", "a1"],
        &["message", "deliveries", "--account", "a1"],
        &["provider", "list", "--account", "a1"],
        &["user", "blocked", "--account", "a1"],
    ] {
        assert_eq!(in_parts(&home, list).len(), 0, "{list:?}");
    }
    home.fails(&["account", "list", "--limit", "0"], 2);
    let said = home.fails(&["account", "list", "--after", "no such"], 1);
    assert!(said.contains("not a valid account id"), "{said}");
}

#[test]
fn the_audit_log_is_searched() {
    let home = Home::new();
    for id in ["a1", "a2"] {
        home.ok(&["account", "create", id]);
    }
    home.ok(&["operator", "create", "ada@example.test"]);
    let found = |more: &[&str]| {
        let said = home.ok(&[&["audit", "list", "--json"], more].concat());
        let list: Vec<serde_json::Value> = serde_json::from_str(&said).unwrap();
        list.iter()
            .map(|entry| entry["target"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&["--what", "account"]).len(), 2);
    assert_eq!(
        found(&["--what", "account.create", "--account", "a1"]),
        ["/accounts/a1"]
    );
    assert_eq!(found(&["--what", "acc"]).len(), 0);
    assert_eq!(found(&["--target", "OPERATORS"]).len(), 1);
    assert_eq!(found(&["--who", "LOCAL"]).len(), 3);
    assert_eq!(found(&["--who", "grace"]).len(), 0);
    assert_eq!(found(&["--since", "2020-01-01"]).len(), 3);
    assert_eq!(found(&["--until", "2020-01-01T00:00:00Z"]).len(), 0);
    let said = home.fails(&["audit", "list", "--since", "yesterday"], 1);
    assert!(said.contains("`since` is a day or a moment"), "{said}");
    let said = home.ok(&["audit", "export", "--what", "operator"]);
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_logo_is_kept_and_removed() {
    let home = Home::new();
    home.ok(&["account", "create", "acme"]);
    let file = home.0.path().join("logo.any");
    std::fs::write(&file, "<svg xmlns=\"http://www.w3.org/2000/svg\"/>").unwrap();
    let file = file.to_str().unwrap();
    let said = home.ok(&["account", "logo", "acme", file, "--json"]);
    let account: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(account["logo"].as_str().unwrap().contains(".svg"), "{said}");
    std::fs::write(file, "<svg><script/></svg>").unwrap();
    let said = home.fails(&["account", "logo", "acme", file], 1);
    assert!(said.contains("an element `script`"), "{said}");
    let said = home.fails(&["account", "logo", "acme", "/nowhere"], 1);
    assert!(said.contains("cannot read /nowhere"), "{said}");
    let said = home.ok(&["account", "logo", "acme", "--remove", "--json"]);
    let account: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(account["logo"].is_null(), "{said}");
    home.fails(&["account", "logo", "acme", "--remove"], 1);
}
