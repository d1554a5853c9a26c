//! Packages of npm that talk to VTEX ID, unchanged: `@vtex/api` and `@faststore/api`.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "support/mail.rs"]
mod mail_settings;
mod support;

use mock_idp::MailCatcher;
use serde_json::{Value, json};
use support::program::{Program, have_npm};
use support::{Browser, World};
use vestibule::account;
use vestibule::store::Precondition;

const ADA: &str = "ada@example.test";

fn ask(program: &mut Program, command: &str) -> Value {
    program.say(command);
    serde_json::from_str(&program.expect("answer")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shopper_logs_in_with_vtex_api_and_faststore_knows_them() {
    if !have_npm("@vtex/api") || !have_npm("@faststore/api") {
        return;
    }
    let mail = MailCatcher::start("127.0.0.1:0".parse().unwrap());
    let mail = mail.await.unwrap();
    let settings = mail_settings::settings(mail.url());
    let world = World::with(|config| config.mail = Some(settings)).await;
    let mut account = world.account("acme").await;
    account.access_key = true;
    account.login.password = true;
    account.login.vtex_compatible = true;
    account::put(&*world.store, &account, Precondition::Any)
        .await
        .unwrap();

    let settings = json!({ "origin": world.origin, "account": "acme" });
    let program = &mut Program::node("vtex.cjs", &settings.to_string());
    program.expect("ready");

    // `@vtex/api`: a token, a code, a login. All by GET.
    let sent = ask(program, &format!("send {ADA}"));
    assert_eq!(sent["authStatus"], "Success", "{sent}");
    let letter = mail.wait_for(1).await.remove(0);
    let code = letter.subject.split(' ').next().unwrap().to_owned();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let no = ask(program, &format!("code {ADA} {wrong}"));
    assert_eq!(no["authStatus"], "WrongCredentials", "{no}");
    let done = ask(program, &format!("code {ADA} {code}"));
    assert_eq!(done["authStatus"], "Success", "{done}");
    let cookie = &done["authCookie"];
    assert_eq!(cookie["Name"], "VtexIdclientAutCookie_acme");
    let token = cookie["Value"].as_str().unwrap();
    // It would write a password into an address.
    let no = ask(program, &format!("password {ADA} Analytical1"));
    assert_eq!(no["failed"], 405, "{no}");

    // `@faststore/api`: decodes the cookie, has it validated, begins a session.
    let known = ask(program, &format!("faststore {token}"));
    assert_eq!(known["person"]["email"], ADA, "{known}");
    assert_eq!(known["person"]["id"], done["userId"]);
    assert_eq!(known["valid"]["authStatus"], "Success");
    let session = known["session"].as_str().unwrap();

    // `@vtex/api` again: what that session stands for.
    let held = ask(program, &format!("session {session}"));
    let spaces = &held["namespaces"];
    assert_eq!(spaces["profile"]["email"]["value"], ADA, "{held}");
    assert_eq!(
        spaces["authentication"]["storeUserId"]["value"],
        done["userId"]
    );

    let logout = world.url("acme", "api/vtexid/pub/logout");
    let header = [("VtexIdclientAutCookie", token)];
    let out = Browser::new().get_with(&logout, &header).await;
    assert_eq!(out.status, 302, "{}", out.body);
    let gone = ask(program, &format!("faststore {token}"));
    assert_eq!(gone["person"], Value::Null, "{gone}");
    assert_eq!(gone["valid"]["status"], 401);
    let held = ask(program, &format!("session {session}"));
    let known = &held["namespaces"]["profile"]["isAuthenticated"]["value"];
    assert_eq!(known, "false", "{held}");
}
