//! The program against a broker elsewhere, and keys and tokens by hand.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/authority.rs"]
mod authority;
#[path = "support/mail.rs"]
mod mail_settings;
mod support;

use std::path::Path;
use std::process::{Command, Output};

use authority::{Client, allowed, asking, operator};
use mock_idp::MailCatcher;
use serde_json::{Value, json};
use support::{Browser, World};

fn run(dir: &Path, client: Option<&Client>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
    command.current_dir(dir).args(arguments);
    if let Some(client) = client {
        command
            .env("VESTIBULE_CLIENT_ID", &client.id)
            .env("VESTIBULE_CLIENT_SECRET", client.secret.as_ref().unwrap());
    }
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{error}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_f4_tokens_are_checked_for_an_account_and_grants_ended() {
    let world = World::start().await;
    let operator = operator(&world, "admin:read admin:write").await;
    let dir = tempfile::tempdir().unwrap();
    let call = |arguments: &[&str]| {
        let all = [&["--server", world.origin.as_str(), "--json"], arguments].concat();
        run(dir.path(), Some(&operator), &all)
    };
    let shop = Client::service(&world).await;
    let form = [("grant_type", "client_credentials")];
    let page = shop.token(&world, &form).await;
    let token = page.json()["access_token"].as_str().unwrap().to_owned();
    // F8: a token of another account, or for another API.
    let verify = |token: &str, more: &[&str]| {
        let all = [
            &["token", "verify", token, "--authority", &world.origin],
            more,
        ]
        .concat();
        run(dir.path(), None, &all).status.code()
    };
    assert_eq!(verify(&token, &["--account", "acme"]), Some(0));
    assert_eq!(verify(&token, &["--account", "globex"]), Some(1));
    let audience = "https://api.acme.test";
    said(&call(&[
        "account",
        "change",
        "acme",
        "--audience",
        audience,
    ]));
    let page = shop.token(&world, &form).await;
    let token_now = page.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(verify(&token_now, &["--audience", audience]), Some(0));
    assert_eq!(verify(&token_now, &[]), Some(1));
    said(&call(&[
        "app",
        "change",
        &shop.id,
        "--audience",
        "urn:orders",
    ]));
    let page = shop.token(&world, &form).await;
    let token_now = page.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(verify(&token_now, &["--audience", "urn:orders"]), Some(0));
    let of_shop = ["--account", "acme", "--application", &shop.id];
    assert_eq!(
        said(&call(&[&["grant", "list"], &of_shop[..]].concat())).trim(),
        "[]"
    );
    let none = said(&call(&[&["grant", "revoke"], &of_shop[..]].concat()));
    assert!(none.contains("\"revoked\": 0"), "{none}");
    assert_ne!(
        call(&["grant", "revoke", "--account", "acme"])
            .status
            .code(),
        Some(0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn consents_are_listed_and_withdrawn() {
    let world = World::start().await;
    let operator = operator(&world, "admin:read admin:write").await;
    let dir = tempfile::tempdir().unwrap();
    let call = |arguments: &[&str]| {
        let all = [&["--server", world.origin.as_str()], arguments].concat();
        run(dir.path(), Some(&operator), &all)
    };
    let client = Client::create(&world, asking()).await;
    let tokens = allowed(&world, &client, &mut Browser::new()).await;
    let list = |more: &[&str]| {
        let all = [&["--json", "grant", "consents", "--account", "acme"], more].concat();
        let listed: Value = said(&call(&all)).parse().unwrap();
        listed.as_array().unwrap().clone()
    };
    let listed = list(&[]);
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["application"], client.id);
    assert!(listed[0]["scopes"].to_string().contains("email"));
    assert_eq!(list(&["--user", "ada@example.test"]), listed);
    assert_eq!(list(&["--application", &operator.id]).len(), 0);
    let table = said(&call(&["grant", "consents", "--account", "acme"]));
    assert!(table.contains(&client.id), "{table}");
    let withdraw = [
        "grant",
        "withdraw",
        "--account",
        "acme",
        "--user",
        "ada@example.test",
        "--application",
        &client.id,
    ];
    let done = said(&call(&withdraw));
    assert!(done.contains("the consent is withdrawn"), "{done}");
    assert_eq!(list(&[]).len(), 0);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(client.refresh(&world, refresh).await.status, 400);
    let again = call(&withdraw);
    assert_eq!(again.status.code(), Some(1));
    let why = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(why.contains("consent"), "{why}");
    // Both are needed: nobody withdraws everybody's by leaving one out.
    assert_eq!(call(&withdraw[..6]).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_elsewhere_is_administered_with_an_application() {
    let world = World::start().await;
    let operator = operator(&world, "admin:read admin:write").await;
    let dir = tempfile::tempdir().unwrap();
    let call = |arguments: &[&str]| {
        let all = [&["--server", world.origin.as_str(), "--json"], arguments].concat();
        run(dir.path(), Some(&operator), &all)
    };
    let made = said(&call(&[
        "app",
        "create",
        "--name",
        "Shop",
        "--account",
        "acme",
        "--scope",
        "orders",
    ]));
    let made: Value = serde_json::from_str(&made).unwrap();
    let shop = Client {
        id: made["client_id"].as_str().unwrap().to_owned(),
        secret: Some(made["client_secret"].as_str().unwrap().to_owned()),
    };
    let form = [("grant_type", "client_credentials")];
    let page = shop.token(&world, &form).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let token = page.json()["access_token"].as_str().unwrap().to_owned();
    let verified = said(&run(
        dir.path(),
        None,
        &["token", "verify", &token, "--authority", &world.origin],
    ));
    assert!(verified.contains(&shop.id), "{verified}");
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    let refused = run(
        dir.path(),
        None,
        &["token", "verify", &forged, "--authority", &world.origin],
    );
    assert_eq!(refused.status.code(), Some(1));
    let listed = said(&call(&["app", "list", "--account", "acme"]));
    assert!(listed.contains(&shop.id));
    assert!(!listed.contains(shop.secret.as_ref().unwrap()));
    said(&call(&["app", "rotate", &shop.id]));
    said(&call(&["app", "change", &shop.id, "--rename", "Shop 2"]));
    assert!(said(&call(&["app", "show", &shop.id])).contains("Shop 2"));
    said(&call(&["key", "rotate"]));
    // The two of ES256, and that of RS256, which the application's ID tokens are for.
    assert_eq!(said(&call(&["key", "list"])).matches("\"kid\"").count(), 3);
    said(&call(&["app", "remove", &shop.id]));
    assert_eq!(shop.token(&world, &form).await.status, 401);
    let stranger = Client {
        id: "x".to_owned(),
        secret: Some("y".to_owned()),
    };
    let refused = run(
        dir.path(),
        Some(&stranger),
        &["--server", &world.origin, "app", "list"],
    );
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no access token"));
}

/// Ids that are random base64url begin with `-` now and then.
#[test]
fn ids_that_begin_with_a_hyphen_are_values() {
    let dir = tempfile::tempdir().unwrap();
    let data = |arguments: &[&str]| {
        let all = [&["--data-dir", "data", "--json"], arguments].concat();
        run(dir.path(), None, &all)
    };
    said(&data(&["account", "create", "acme"]));
    for id in ["-KnW8Q2bT5yq0fGhLmZx1A", "--nW8Q2bT5yq0fGhLmZx1A"] {
        let create = ["app", "create", "--account", "acme", "--name", "Shop"];
        let made = said(&data(&[&create[..], &["--client-id", id]].concat()));
        assert!(made.contains(id), "{made}");
        said(&data(&["app", "rotate", id]));
        said(&data(&["app", "rotate", id, "--overlap", "1h"]));
        said(&data(&["app", "change", "--rename", "Shop 2", id]));
        assert!(said(&data(&["app", "show", id])).contains("Shop 2"));
        let typo = data(&["app", "show", id, "--jsno"]);
        assert_eq!(typo.status.code(), Some(2), "what is no id stays an option");
        said(&data(&["app", "remove", id, "--yes"]));
    }
    let unknown = data(&[
        "key",
        "export",
        "-4nW8Q2bT5yq0fGhLmZx1A0lIjb3V4uYw6tRs9eOcDk",
    ]);
    assert_eq!(unknown.status.code(), Some(1), "a key that isn't there");
}

#[test]
fn a_second_algorithm_is_asked_for_and_its_key_rotated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let all = |arguments: &[&str]| {
        let data = ["--data-dir", "data", "--json"];
        run(path, None, &[&data[..], arguments].concat())
    };
    let json = |arguments: &[&str]| -> Value { said(&all(arguments)).parse().unwrap() };
    let keys = || -> Vec<(String, String, String)> {
        let text = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
        let of = |key: &Value| (text(key, "kid"), text(key, "state"), text(key, "role"));
        let list = json(&["key", "list"]);
        list.as_array().unwrap().iter().map(of).collect()
    };
    let generate = ["key", "generate", "--kind", "rsa-4096", "--out", "v.key"];
    let kid = said(&run(path, None, &generate)).trim().to_owned();
    let import = ["key", "import", "v.key", "--additional"];
    let imported = json(&import);
    assert_eq!(imported["role"], "additional");
    let account = json(&["account", "create", "acme", "--signing-alg", "RS256"]);
    assert_eq!(account["signing_alg"], "RS256");
    let now = keys();
    assert_eq!(now[0].2, "default");
    let signs = |kid: &str| (kid.to_owned(), "active".to_owned(), "additional".to_owned());
    assert_eq!(now[1], signs(&kid), "it was there when it was asked for");
    let pem = said(&all(&["key", "export", &kid]));
    assert!(pem.contains("BEGIN PUBLIC KEY"));

    let next = json(&["key", "rotate", "--alg", "RS256", "--prepare"]);
    json(&["key", "rotate", "--alg", "RS256"]);
    let then = keys();
    assert_eq!(then[0], now[0], "the default one stays");
    assert_eq!(then[1], signs(next["kid"].as_str().unwrap()));
    assert_eq!(then.len(), 3);

    let change = ["account", "change", "acme", "--signing-alg"];
    let plain = json(&[&change[..], &[""]].concat());
    assert_eq!(plain["signing_alg"], Value::Null);
    let app = ["app", "create", "--account", "acme"];
    let alg = "--id-token-signed-response-alg";
    let made = json(&[&app[..], &[alg, "ES256"]].concat());
    assert_eq!(made["id_token_signed_response_alg"], "ES256");
    let made = json(&[&app[..], &[alg, "HS256"]].concat());
    assert_eq!(made["id_token_signed_response_alg"], "HS256");
    let made = json(&app[..]);
    assert_eq!(made["id_token_signed_response_alg"], "RS256");
    let made = json(&[&app[..], &[alg, ""]].concat());
    assert_eq!(made["id_token_signed_response_alg"], Value::Null);
    let keys_only = "`ES256` or `RS256`";
    for (arguments, status, why) in [
        ([&change[..], &["HS256"]].concat(), 1, keys_only),
        (
            [&app[..], &[alg, "HS512"]].concat(),
            1,
            "`ES256` or `HS256`",
        ),
        (vec!["key", "rotate", "--alg", "HS256"], 2, keys_only),
    ] {
        let expected = why;
        let refused = all(&arguments);
        assert_eq!(refused.status.code(), Some(status), "{arguments:?}");
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(why.contains(expected), "{why}");
    }
    let again = all(&import);
    let why = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(why.contains("among the signing keys already"), "{why}");
}

#[test]
fn keys_are_made_without_openssl_and_tokens_checked_by_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    std::fs::write(path.join("certpass.txt"), "a password\n").unwrap();
    let made = said(&run(
        path,
        None,
        &[
            "key",
            "generate",
            "--out",
            "v.key",
            "--password-file",
            "certpass.txt",
            "--certificate",
            "v.crt",
            "--common-name",
            "login.platform.test",
        ],
    ));
    let kid = made.trim();
    let again = run(path, None, &["key", "generate", "--out", "v.key"]);
    assert_eq!(again.status.code(), Some(1), "a key is never overwritten");
    let data = ["--data-dir", "data"];
    let imported = said(&run(
        path,
        None,
        &[
            &data[..],
            &[
                "key",
                "import",
                "v.key",
                "--password-file",
                "certpass.txt",
                "--certificate",
                "v.crt",
            ],
        ]
        .concat(),
    ));
    assert!(imported.contains(kid), "{imported}");
    said(&run(path, None, &[&data[..], &["key", "rotate"]].concat()));
    let exported = said(&run(
        path,
        None,
        &[&data[..], &["key", "export", "--certificate"]].concat(),
    ));
    assert_eq!(
        exported,
        std::fs::read_to_string(path.join("v.crt")).unwrap()
    );
}

/// Everything that an application's tokens are made by (issue 16, 5).
#[tokio::test(flavor = "multi_thread")]
async fn an_applications_policy_is_set_on_the_command_line() {
    let world = World::start().await;
    let operator = operator(&world, "admin:read admin:write").await;
    let dir = tempfile::tempdir().unwrap();
    let call = |arguments: &[&str]| {
        let all = [&["--server", world.origin.as_str(), "--json"], arguments].concat();
        let text = said(&run(dir.path(), Some(&operator), &all));
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let create = "app create --name Shop --account acme --grant authorization_code --grant \
         refresh_token --redirect-uri https://shop.test/cb --scope openid --scope email \
         --audience https://orders.test/ --access-token-lifetime 10m --refresh-token-lifetime 7d \
         --refresh-token-absolute-lifetime 30d --require-pkce on --id-token-claims email \
         --userinfo-claims email,email_verified --access-token-claims email --consent on \
         --reuse-refresh-tokens on --pushed-authorization-requests allowed \
         --resource https://stock.test/";
    let words: Vec<&str> = create.split_whitespace().collect();
    let made = call(&words);
    let id = made["client_id"].as_str().unwrap();
    let wanted = json!({
        "scopes": ["email", "openid"],
        "audience": "https://orders.test/",
        "access_token_lifetime": "10m",
        "refresh_token_lifetime": "7d",
        "refresh_token_absolute_lifetime": "30d",
        "require_pkce": true,
        "id_token_claims": ["email"],
        "userinfo_claims": ["email", "email_verified"],
        "access_token_claims": ["email"],
        "consent": true,
        "reuse_refresh_tokens": true,
        "pushed_authorization_requests": "allowed",
        "resources": ["https://stock.test/"],
    });
    let shown = call(&["app", "show", id]);
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&shown[name], value, "{name}");
    }
    // An empty value is as if none had been given.
    let change = [
        "app",
        "change",
        id,
        "--access-token-lifetime",
        "",
        "--refresh-token-lifetime",
        "",
        "--refresh-token-absolute-lifetime",
        "",
        "--audience",
        "",
        "--id-token-claims",
        "",
        "--userinfo-claims",
        "",
        "--access-token-claims",
        "",
        "--require-pkce",
        "off",
        "--consent",
        "off",
        "--reuse-refresh-tokens",
        "off",
        "--pushed-authorization-requests",
        "off",
    ];
    call(&change);
    let shown = call(&["app", "show", id]);
    for name in [
        "audience",
        "access_token_lifetime",
        "refresh_token_lifetime",
        "refresh_token_absolute_lifetime",
        "id_token_claims",
        "userinfo_claims",
    ] {
        assert_eq!(shown[name], Value::Null, "{name}");
    }
    assert_eq!(shown["access_token_claims"], json!([]));
    for name in ["require_pkce", "consent", "reuse_refresh_tokens"] {
        assert_eq!(shown[name], false, "{name}");
    }
    assert_eq!(shown["pushed_authorization_requests"], "off");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_one_way_are_ended() {
    let world = World::start().await;
    let operator = operator(&world, "admin:read admin:write").await;
    let dir = tempfile::tempdir().unwrap();
    let call = |way: &str| {
        let end = ["session", "revoke", "--way", way, "--account", "acme"];
        let all = [&["--server", world.origin.as_str(), "--json"], &end[..]].concat();
        run(dir.path(), Some(&operator), &all)
    };
    let mut browser = Browser::new();
    world.log_in(&mut browser).await;
    let ended = |way: &str| {
        let told: Value = said(&call(way)).parse().unwrap();
        told["sessions"].as_u64().unwrap()
    };
    // Another way's go on.
    for way in ["password", "access_key", "google"] {
        assert_eq!(ended(way), 0, "{way}");
    }
    assert_eq!(browser.session(&world, "acme").await["authenticated"], true);
    assert_eq!(ended("mock-idp"), 1);
    assert_eq!(
        browser.session(&world, "acme").await["authenticated"],
        false
    );
    assert_eq!(ended("mock-idp"), 0);
    let no = call("No Way");
    let why = String::from_utf8_lossy(&no.stderr).into_owned();
    assert_eq!(no.status.code(), Some(1), "{why}");
    assert!(why.contains("way to log in"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_came_back_is_noted() {
    let mail = MailCatcher::start("127.0.0.1:0".parse().unwrap());
    let mail = mail.await.unwrap();
    let settings = mail_settings::settings(mail.url());
    let world = World::with(|config| config.mail = Some(settings)).await;
    world.account("acme").await;
    let operator = operator(&world, "admin:read admin:write").await;
    let dir = tempfile::tempdir().unwrap();
    let call = |arguments: &[&str]| {
        let server = ["--server", world.origin.as_str(), "message"];
        let all = [&server, arguments, &["--account", "acme"]].concat();
        run(dir.path(), Some(&operator), &all)
    };
    said(&call(&["sample", "ada@example.test"]));
    mail.wait_for(1).await;
    while !said(&call(&["deliveries"])).contains("sent") {
        tokio::task::yield_now().await;
    }
    let noted = said(&call(&[
        "bounced",
        "ada@example.test",
        "--why",
        "550 5.1.1",
    ]));
    assert!(noted.contains("noted"), "{noted}");
    let listed = said(&call(&["deliveries"]));
    assert!(
        listed.contains("bounced") && listed.contains("550 5.1.1"),
        "{listed}"
    );
    let no = call(&["bounced", "--message-id", "x@y", "--why", "gone"]);
    let why = String::from_utf8_lossy(&no.stderr).into_owned();
    assert!(
        no.status.code() == Some(1) && why.contains("no such message"),
        "{why}"
    );
    assert_eq!(call(&["bounced", "--why", "gone"]).status.code(), Some(2));

    // As the mail server further on says it, byte for byte.
    said(&call(&["sample", "grace@example.test"]));
    mail.wait_for(2).await;
    while said(&call(&["deliveries"])).matches("sent").count() < 1 {
        tokio::task::yield_now().await;
    }
    let report = b"Content-Type: multipart/report; boundary=b1\n\n--b1\nContent-Type: message/delivery-status\n\n\
        Reporting-MTA: dns; mx.test\n\nFinal-Recipient: rfc822; grace@example.test\nAction: failed\n\
        Status: 5.2.2\nDiagnostic-Code: smtp; 552 bo\xeete pleine\n\n--b1--\n";
    let file = dir.path().join("bounce.eml");
    std::fs::write(&file, report).unwrap();
    let file = file.to_str().unwrap();
    said(&call(&["bounced", "--notification", file]));
    assert!(said(&call(&["deliveries"])).contains("552 bo"));
    let both = call(&["bounced", "--notification", file, "--why", "x"]);
    assert_eq!(both.status.code(), Some(2));
}
