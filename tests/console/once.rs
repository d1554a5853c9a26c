//! A form that is sent twice counts once: two clicks without scripts, a reload of the
//! answer, the way back to the form.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::keys::multipart;
use crate::support::{Browser, Page, World};
use crate::{Op, PASSWORD, form, ticket, world_with_mail};

const ACME: &str = "/admin/accounts/acme";

/// The token of a page's forms.
fn token(page: &Page) -> String {
    let rest = page.body.split("name=\"once\" value=\"").nth(1);
    let rest = rest.unwrap_or_else(|| panic!("no form counts once: {}", page.body));
    rest.split('"').next().unwrap().to_owned()
}

/// Opens a page and sends a form of it twice; gives the second answer, which is the first.
async fn twice(op: &mut Op<'_>, at: &str, action: &str, fields: &[(&str, &str)]) -> Page {
    let once = token(&op.get(at).await);
    let fields = [&[("once", once.as_str())], fields].concat();
    let first = op.post(action, &fields).await;
    assert!(
        first.status.is_success() || first.status.is_redirection(),
        "{action}: {} {}",
        first.status,
        first.body
    );
    let second = op.post(action, &fields).await;
    same(&first, &second, action);
    second
}

fn same(first: &Page, second: &Page, what: &str) {
    assert_eq!(first.status, second.status, "{what}: {}", second.body);
    assert_eq!(first.body, second.body, "{what}");
    let location = |page: &Page| page.headers.get("location").cloned();
    assert_eq!(location(first), location(second), "{what}");
}

async fn list(world: &World, path: &str) -> Vec<Value> {
    let (status, said) = world.admin(Method::GET, path, "", "").await;
    assert_eq!(status, 200, "{said}");
    let page: Value = serde_json::from_str(&said).unwrap();
    page["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_is_made_in_an_account_is_made_once() {
    let (world, mail) = world_with_mail().await;
    let mut op = Op::first(&world).await;
    let op = &mut op;

    let page = twice(op, ACME, &format!("{ACME}/setup-links"), &[("name", "Ada")]).await;
    assert!(
        page.shows("/admin/setup?ticket="),
        "the link is shown again"
    );
    assert_eq!(list(&world, "/accounts/acme/setup-links").await.len(), 1);

    let users = format!("{ACME}/users");
    let new = [("email", "grace@example.com"), ("name", "Grace")];
    twice(op, &users, &users, &new).await;
    assert_eq!(world.users("acme").await.len(), 1);

    let stores = format!("{ACME}/stores");
    let before = list(&world, "/accounts/acme/stores").await.len();
    twice(
        op,
        &stores,
        &stores,
        &[("origin", "https://two.test"), ("auth_path", "/_auth")],
    )
    .await;
    assert_eq!(
        list(&world, "/accounts/acme/stores").await.len(),
        before + 1
    );

    twice(
        op,
        ACME,
        &format!("{ACME}/domains"),
        &[("domain", "acme.test")],
    )
    .await;
    assert_eq!(list(&world, "/accounts/acme/domains").await.len(), 1);

    let to = [
        ("kind", "access_key"),
        ("lang", "en"),
        ("to", "ada@example.test"),
    ];
    let messages = format!("{ACME}/messages");
    twice(op, &messages, &format!("{messages}/sample"), &to).await;
    let sent = list(&world, "/accounts/acme/deliveries").await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    mail.wait_for(1).await;

    let user = world.users("acme").await[0].id.to_string();
    let user = [("user", user.as_str()), ("confirmed", "yes")];
    twice(op, &users, &format!("{users}/delete"), &user).await;
}

#[tokio::test]
async fn drafts_tests_and_versions_are_made_once() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let op = &mut op;
    let new = format!("{ACME}/new");
    let provider = format!("{ACME}/providers/mock-idp");
    for (at, action, fields) in [
        (&new, new.clone(), &[("from", "empty")][..]),
        (&provider, format!("{provider}/edit"), &[]),
        (&provider, format!("{provider}/trial"), &[]),
    ] {
        twice(op, at, &action, fields).await;
    }
    let drafts = op.get(ACME).await.body.matches("/drafts/").count();
    let page = twice(op, &provider, &format!("{provider}/edit"), &[]).await;
    let draft = page.location().unwrap().path().to_owned();
    assert!(op.get(ACME).await.body.matches("/drafts/").count() > drafts);

    // The second click on *Apply* does not say that the draft is gone.
    let draft = draft.trim_end_matches("provider").to_owned();
    let toml = world.mapping().replace("Mock Accounts", "Accounts");
    op.post(
        &format!("{draft}toml"),
        &[("toml", &toml), ("action", "save")],
    )
    .await;
    twice(op, &format!("{draft}review"), &format!("{draft}apply"), &[]).await;
    let history = list(&world, "/accounts/acme/providers/mock-idp/history").await;
    assert_eq!(history.len(), 2);
}

#[tokio::test]
async fn what_is_made_in_the_broker_is_made_once() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let op = &mut op;

    let account = [
        ("id", "two"),
        ("name", "Two"),
        ("origin", "https://two.test"),
    ];
    twice(op, "/admin/", "/admin/", &account).await;

    let page = op.get("/admin/new-application?account=acme").await;
    let suggested = page
        .body
        .split("name=\"suggested\" value=\"")
        .nth(1)
        .unwrap();
    let suggested = suggested.split('"').next().unwrap().to_owned();
    let fields = [
        ("client_id", suggested.as_str()),
        ("suggested", suggested.as_str()),
        ("name", "Back end"),
        ("account", "acme"),
        ("grant.client_credentials", "yes"),
        ("scopes", "orders:read"),
    ];
    let asked = "/admin/new-application?account=acme";
    let page = twice(op, asked, "/admin/new-application", &fields).await;
    assert!(page.shows("id=\"secret\""), "the secret is shown again");
    assert_eq!(list(&world, "/applications").await.len(), 1);

    let here = format!("/admin/applications/{suggested}");
    let page = op.get(&here).await;
    let etag = page.body.split("name=\"etag\" value=\"").nth(1).unwrap();
    let rotate = [("etag", etag.split('"').next().unwrap()), ("overlap", "1h")];
    let page = twice(op, &here, &format!("{here}/rotate"), &rotate).await;
    assert!(page.shows("id=\"secret\""), "{}", page.body);

    let page = twice(
        op,
        "/admin/operators",
        "/admin/operators",
        &[("email", "grace@example.test")],
    )
    .await;
    assert!(page.shows("/admin/welcome?ticket="), "{}", page.body);
    let again = [("email", "grace@example.test"), ("action", "invite")];
    let page = twice(op, "/admin/operators", "/admin/operators/change", &again).await;
    assert!(page.shows("/admin/welcome?ticket="), "{}", page.body);

    twice(op, "/admin/keys", "/admin/keys/prepare", &[]).await;
    assert_eq!(list(&world, "/keys").await.len(), 2);
    let factor = "/admin/profile/second-factor";
    let sure = [("password", PASSWORD)];
    twice(op, factor, &format!("{factor}/begin"), &sure).await;
}

/// A browser marks the parts of a form with files anew each time.
#[tokio::test]
async fn a_form_with_files_counts_once() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let import = format!("{ACME}/users/import");
    let once = token(&op.get(&import).await);
    let text = "email,name\nada@example.com,Ada\n";
    let fields = [("once", once.as_str()), ("text", text), ("how", "import")];
    let body = multipart(&op.csrf, &fields);
    let mut answers = Vec::new();
    for boundary in ["B0undary", "an0ther"] {
        let kind = format!("multipart/form-data; boundary={boundary}");
        let headers = [
            ("content-type", kind.as_str()),
            ("origin", world.origin.as_str()),
        ];
        let url = format!("{}{import}", world.origin);
        let body = body.replace("B0undary", boundary);
        answers.push(
            op.browser
                .send(Method::POST, &url, &headers, Some(body))
                .await,
        );
    }
    assert_eq!(answers[0].status, StatusCode::OK, "{}", answers[0].body);
    same(&answers[0], &answers[1], "import");
    assert!(!answers[1].shows("1 there already"), "{}", answers[1].body);
}

/// The second click gives the first answer up, with the cookie in it.
#[tokio::test]
async fn a_link_that_opens_once_survives_two_clicks() {
    let world = World::start().await;
    let secret = ticket(&world).await;
    let mut browser = Browser::new();
    let page = browser
        .get(format!("{}/admin/welcome?ticket={secret}", world.origin))
        .await;
    let once = token(&page);
    let fields = [
        ("once", once.as_str()),
        ("ticket", secret.as_str()),
        ("name", "Ada"),
        ("email", "ada@example.test"),
        ("password", PASSWORD),
    ];
    form(&world, &mut Browser::new(), "/admin/welcome", &fields).await;
    let page = form(&world, &mut browser, "/admin/welcome", &fields).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    let mut op = Op::with(&world, browser).await;

    let page = op
        .post(&format!("{ACME}/setup-links"), &[("name", "Grace")])
        .await;
    let secret = page.body.split("/admin/setup?ticket=").nth(1).unwrap();
    let secret = secret.split('"').next().unwrap().to_owned();
    let mut browser = Browser::new();
    let page = browser
        .get(format!("{}/admin/setup?ticket={secret}", world.origin))
        .await;
    let once = token(&page);
    let fields = [("once", once.as_str()), ("ticket", secret.as_str())];
    form(&world, &mut Browser::new(), "/admin/setup", &fields).await;
    let page = form(&world, &mut browser, "/admin/setup", &fields).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.body);
    let page = browser.get(format!("{}{ACME}/setup", world.origin)).await;
    assert_eq!(page.status, StatusCode::OK);
    // Who only has the link is too late.
    let page = form(&world, &mut Browser::new(), "/admin/setup", &fields[1..]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_counts_once_is_this_form_by_this_person() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let links = format!("{ACME}/setup-links");
    let once = token(&op.get(ACME).await);
    let once = ("once", once.as_str());
    // What was refused made nothing, and is sent again with what was wrong put right.
    let page = op.post(&links, &[once, ("name", " ")]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    let page = op.post(&links, &[once, ("name", " ")]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    for name in ["Ada", "Grace"] {
        let page = op.post(&links, &[once, ("name", name)]).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    }
    let made = async || list(&world, "/accounts/acme/setup-links").await.len();
    assert_eq!(made().await, 2, "other fields are another form");
    // Later the answer, in which is what is shown once, is not kept any more.
    world.clock.advance(Duration::from_secs(121));
    let page = op.post(&links, &[once, ("name", "Ada")]).await;
    assert_eq!(page.status, StatusCode::CONFLICT, "{}", page.body);
    assert!(page.shows("console.sent_twice") && page.shows("open its page anew"));
    assert_eq!(made().await, 2);
    // Somebody else's form, a token of no page, and none at all.
    let mut other = Op::with_password(&world).await;
    for once in [&[once][..], &[("once", "x")], &[]] {
        let fields = [once, &[("name", "Ada")]].concat();
        let page = other.post(&links, &fields).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    }
    assert_eq!(made().await, 5);
    let foreign = [once, ("name", "Ada"), ("csrf", "x")];
    let page = form(&world, &mut op.browser, &links, &foreign).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}

/// Two clicks at once, of which the browser gives the first up.
#[tokio::test]
async fn two_clicks_at_one_moment_are_one() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let once = token(&op.get(ACME).await);
    let fields = [("once", once.as_str()), ("name", "Ada")];
    let mut second = Browser::new();
    second.jar = op.browser.jar.clone();
    let mut second = Op {
        world: &world,
        browser: second,
        csrf: op.csrf.clone(),
    };
    let links = format!("{ACME}/setup-links");
    let (one, two) = tokio::join!(op.post(&links, &fields), second.post(&links, &fields));
    same(&one, &two, "at once");
    assert_eq!(list(&world, "/accounts/acme/setup-links").await.len(), 1);
}
