//! Logins through npm `oauth2-mock-server`, whose hooks break its answers: what
//! must be refused is refused, with its own code, and leaves no user behind.

#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use support::program::{Program, have_npm};
use support::{Browser, Page, World};

/// What is broken, and the code of the page that it leads to.
const FAULTS: &[(&str, &str)] = &[
    ("wrong_nonce", "login.id_token_invalid"),
    ("no_nonce", "login.id_token_invalid"),
    ("wrong_audience", "login.id_token_invalid"),
    ("foreign_party", "login.id_token_invalid"),
    ("wrong_issuer", "login.id_token_invalid"),
    ("issuer_with_slash", "login.id_token_invalid"),
    ("expired", "login.id_token_invalid"),
    ("not_yet", "login.id_token_invalid"),
    ("expiry_as_text", "login.id_token_invalid"),
    ("no_subject", "login.id_token_invalid"),
    ("bad_signature", "login.id_token_invalid"),
    ("changed_claims", "login.id_token_invalid"),
    ("no_algorithm", "login.id_token_invalid"),
    ("unknown_key", "login.id_token_invalid"),
    ("no_id_token", "login.id_token_invalid"),
    ("no_access_token", "login.token_response_invalid"),
    ("token_refused", "login.token_rejected"),
    ("token_down", "login.provider_busy"),
    ("other_subject", "login.other_subject"),
    ("no_email", "login.email_missing"),
    ("email_as_list", "login.email_invalid"),
    ("profile_refused", "login.userinfo_rejected"),
    ("wrong_state", "login.state_unknown"),
    ("no_state", "login.state_missing"),
    ("two_codes", "login.duplicate_parameter"),
    ("foreign_iss", "login.issuer_mismatch"),
    ("denied", "login.denied"),
];

async fn start() -> Option<(World, Program)> {
    if !have_npm("oauth2-mock-server") {
        return None;
    }
    let world = World::empty().await;
    world.account("acme").await;
    let program = Program::node("oauth2-mock-server.mjs", "");
    let origin = program.expect("ready");
    let mapping = format!(
        r#"
[provider]
id = "mock"
name = "Mock"
kind = "openid"
issuer = "{origin}"
[client]
id = "shop"
secret = "any"
[authorization]
scopes = ["openid", "email"]
[userinfo.response]
user_id = "sub"
email = "email"
email_verified = "email_verified"
name = "name"
"#
    );
    world.apply("acme", &mapping).await;
    Some((world, program))
}

async fn log_in(world: &World, browser: &mut Browser) -> Page {
    let page = browser
        .get(world.url("acme", "login?return_to=%2Forders"))
        .await;
    browser.follow(page).await
}

#[tokio::test]
async fn what_works_logs_in() {
    let Some((world, _program)) = start().await else {
        return;
    };
    let browser = &mut Browser::new();
    let page = log_in(&world, browser).await;
    assert_eq!(page.url.path(), "/orders", "{} {}", page.status, page.body);
    let session = browser.session(&world, "acme").await;
    assert_eq!(session["user"]["email"], "john@example.test");
}

#[tokio::test]
async fn each_broken_answer_is_refused_by_name() {
    let Some((world, mut program)) = start().await else {
        return;
    };
    let mut wrong = Vec::new();
    for (fault, code) in FAULTS {
        program.say(fault);
        assert_eq!(program.expect("breaks"), *fault);
        let browser = &mut Browser::new();
        let page = log_in(&world, browser).await;
        if !page.shows(code) {
            let main = page.body.split("<main").nth(1).unwrap_or(&page.body);
            wrong.push(format!(
                "{fault}: {code} expected; {} {}\n{main}",
                page.status, page.url
            ));
        }
        assert!(
            !browser.session(&world, "acme").await["authenticated"]
                .as_bool()
                .unwrap(),
            "{fault}"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(world.users("acme").await.is_empty());

    program.say("nothing");
    program.expect("breaks");
    let page = log_in(&world, &mut Browser::new()).await;
    assert_eq!(page.url.path(), "/orders", "{} {}", page.status, page.body);
}
