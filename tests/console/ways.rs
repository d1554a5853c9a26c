//! The settings screen: its rows in their order, switches, the order on the login's
//! page, the email first.

use mock_idp::MailCatcher;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Browser, Page, World};
use crate::{Op, world_with_mail};

const ACCOUNT: &str = "/admin/accounts/acme";

/// A broker that can send, and an account with a provider.
async fn world() -> (World, MailCatcher) {
    let (world, mail) = world_with_mail().await;
    world.apply("acme", &world.mapping()).await;
    (world, mail)
}

async fn account(world: &World) -> Value {
    let found = world.admin(Method::GET, "/accounts/acme", "", "").await;
    assert_eq!(found.0, 200, "{}", found.1);
    serde_json::from_str(&found.1).unwrap()
}

async fn switch(op: &mut Op<'_>, way: &str, on: &str) -> Page {
    let path = format!("{ACCOUNT}/ways/switch");
    op.done(&path, &[("way", way), ("on", on)]).await
}

/// The line of the screen that has this heading.
fn row(page: &Page, name: &str) -> String {
    let screen = page.body.split("id=\"ways\"").nth(1).unwrap();
    let screen = screen.split("</section>").next().unwrap();
    let rows = screen.split("<li>");
    let row = rows.filter(|row| row.contains(&format!("<h3>{name}</h3>")));
    let [row] = row.collect::<Vec<_>>()[..] else {
        panic!("{name}: {screen}")
    };
    row.to_owned()
}

#[tokio::test]
async fn the_screen_has_the_documents_order_with_state_and_last_use() {
    let (world, _mail) = world().await;
    let mut op = Op::first(&world).await;
    let page = op.get(ACCOUNT).await;
    let places: Vec<usize> = [
        "Access Key",
        "Password",
        "Facebook",
        "Google",
        "Mock Accounts",
    ]
    .iter()
    .map(|name| page.body.find(&format!("<h3>{name}</h3>")).unwrap())
    .collect();
    assert!(places.is_sorted(), "{places:?}");
    for name in ["Facebook", "Google"] {
        let row = row(&page, name);
        assert!(row.contains("Set up<") && !row.contains("switch"), "{row}");
    }
    let custom = row(&page, "Mock Accounts");
    assert!(custom.contains("aria-checked=\"true\""), "{custom}");
    assert!(
        custom.contains("Edit<") && custom.contains("Not used yet"),
        "{custom}"
    );
    let own = row(&page, "Access Key");
    assert!(own.contains("aria-checked=\"false\""), "{own}");

    world.log_in(&mut Browser::new()).await;
    let custom = row(&op.get(ACCOUNT).await, "Mock Accounts");
    assert!(custom.contains("Last used 20"), "{custom}");
    // A failed login is no use, and nobody used the others.
    assert!(row(&op.get(ACCOUNT).await, "Password").contains("Not used yet"));
}

#[tokio::test]
async fn a_way_is_switched_off_and_on_and_keeps_its_mapping() {
    let (world, _mail) = world().await;
    let mut op = Op::first(&world).await;
    let page = switch(&mut op, "access_key", "true").await;
    assert!(page.shows("It is switched on"), "{}", page.body);
    switch(&mut op, "password", "true").await;
    let found = account(&world).await;
    assert_eq!(
        (&found["access_key"], &found["password"]),
        (&json!(true), &json!(true))
    );

    let mut shopper = Browser::new();
    let begin = world.url("acme", "login?provider=mock-idp");
    shopper.log_in(&begin, "ada", "lovelace").await;
    // It is asked first, and says what stays.
    let fields = [("way", "mock-idp"), ("on", "false")];
    let page = op.post(&format!("{ACCOUNT}/ways/switch"), &fields).await;
    assert!(page.shows("Switch off Mock Accounts"), "{}", page.body);
    assert!(page.shows("Its mapping, its history"), "{}", page.body);
    assert_eq!(account(&world).await["providers_off"], json!([]));
    let page = switch(&mut op, "mock-idp", "false").await;
    assert!(row(&page, "Mock Accounts").contains("aria-checked=\"false\""));
    assert_eq!(account(&world).await["providers_off"], json!(["mock-idp"]));
    let page = op.get(&format!("{ACCOUNT}/providers/mock-idp")).await;
    assert_eq!(page.status, StatusCode::OK);
    // What it began before goes on, unless that is asked for.
    let check = world.url("acme", "check");
    assert_eq!(shopper.get(&check).await.status, StatusCode::OK);
    switch(&mut op, "mock-idp", "true").await;
    let fields = [("way", "mock-idp"), ("on", "false"), ("sessions", "end")];
    let page = op.done(&format!("{ACCOUNT}/ways/switch"), &fields).await;
    assert!(page.shows("have ended"), "{}", page.body);
    assert_eq!(shopper.get(&check).await.status, StatusCode::UNAUTHORIZED);
    // The last one that is on says so.
    switch(&mut op, "password", "false").await;
    let fields = [("way", "access_key"), ("on", "false")];
    let page = op.post(&format!("{ACCOUNT}/ways/switch"), &fields).await;
    assert!(page.shows("the last way that is on"), "{}", page.body);

    let page = op
        .post(
            &format!("{ACCOUNT}/ways/switch"),
            &[("way", "No Way"), ("on", "true")],
        )
        .await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_a_mail_server_access_keys_stay_off_and_the_page_says_why() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    let fields = [("way", "access_key"), ("on", "true")];
    let page = op.post(&format!("{ACCOUNT}/ways/switch"), &fields).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.body);
    assert!(page.shows("[mail]"), "{}", page.body);
    assert_eq!(account(&world).await["access_key"], false);
}

#[tokio::test]
async fn ways_are_moved_by_buttons_past_those_that_are_off() {
    let (world, _mail) = world().await;
    let mut op = Op::first(&world).await;
    switch(&mut op, "access_key", "true").await;
    // Shoppers see the access key, then the provider; the password is off.
    let path = format!("{ACCOUNT}/ways/move");
    let page = op.done(&path, &[("way", "mock-idp"), ("by", "up")]).await;
    let order = page.body.split("id=\"order\"").nth(1).unwrap();
    let order = order.split("</ol>").next().unwrap();
    let (first, second) = (order.find("Mock Accounts"), order.find("Access Key"));
    assert!(first < second && first.is_some(), "{order}");
    // No button leads past an end.
    let moves = |by: &str| order.matches(&format!("value=\"{by}\"")).count();
    assert_eq!((moves("up"), moves("down")), (1, 1), "{order}");
    let page = Browser::new().get(world.url("acme", "login")).await;
    let (first, second) = (
        page.body.find("provider=mock-idp"),
        page.body.find("name=\"email\""),
    );
    assert!(first < second && first.is_some(), "{}", page.body);
    // At the end it goes nowhere.
    op.done(&path, &[("way", "access_key"), ("by", "down")])
        .await;
    op.done(&path, &[("way", "access_key"), ("by", "up")]).await;
    let order = account(&world).await["login_order"].clone();
    let place = |way: &str| order.as_array().unwrap().iter().position(|one| one == way);
    assert!(place("access_key") < place("mock-idp"), "{order}");

    // Somebody else changed the account meanwhile: nothing is overwritten.
    let stale = [("way", "mock-idp"), ("by", "up"), ("etag", "1")];
    let page = op.post(&path, &stale).await;
    assert_eq!(
        page.status,
        StatusCode::PRECONDITION_FAILED,
        "{}",
        page.body
    );
    assert_eq!(account(&world).await["login_order"], order);
}

#[tokio::test]
async fn the_email_first_and_domains_and_rules_are_set_on_the_page() {
    let (world, _mail) = world().await;
    let mut op = Op::first(&world).await;
    let path = format!("{ACCOUNT}/ways/email-first");
    op.done(&path, &[("email_first", "true")]).await;
    let domains = format!("{ACCOUNT}/ways/domains");
    let fields = [("domain", " Acme.test "), ("provider", "mock-idp")];
    let page = op.done(&domains, &fields).await;
    assert!(page.shows("Not verified"), "{}", page.body);
    let verified = [
        ("domain", "acme.test"),
        ("provider", "mock-idp"),
        ("verified", "yes"),
    ];
    op.done(&domains, &verified).await;
    let found = account(&world).await;
    assert_eq!(found["email_first"], true);
    let one = json!([{ "domain": "acme.test", "provider": "mock-idp", "verified": true }]);
    assert_eq!(found["email_domains"], one);
    let wrong = [("domain", "<i>"), ("provider", "mock-idp")];
    let page = op.post(&domains, &wrong).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(
        page.shows("is not a domain of emails") && !page.shows("<i>"),
        "{}",
        page.body
    );
    op.done(&domains, &[("domain", "acme.test"), ("action", "remove")])
        .await;
    assert_eq!(account(&world).await["email_domains"], json!([]));

    let rules = format!("{ACCOUNT}/ways/passwords");
    let fields = [
        ("password_rule", "length"),
        ("password_expires_days", "90"),
        ("password_former", ""),
    ];
    op.done(&rules, &fields).await;
    let found = account(&world).await;
    assert_eq!(found["password_rule"], "length");
    assert_eq!(found["password_expires_days"], 90);
    let page = op.post(&rules, &[("password_expires_days", "soon")]).await;
    assert!(
        page.shows("id=\"password_expires_days-wrong\""),
        "{}",
        page.body
    );
    // The settings of the page's other forms stay as they are.
    op.done(&format!("{ACCOUNT}/branding"), &[("name", "Acme")])
        .await;
    assert_eq!(account(&world).await["password_expires_days"], 90);
}
