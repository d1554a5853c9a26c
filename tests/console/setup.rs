//! Set-up links: what their sessions may, and what becomes of what they hand in.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use vestibule::account::setup_link::{self, NewLink};
use vestibule::base::{Clock, Timestamp};

use crate::attacks::{FORMS, PAGES};
use crate::dns::{NameServer, Say};
use crate::support::{Browser, World};
use crate::{Op, form};

const LINKS: &str = "/admin/accounts/acme/setup-links";
const HOME: &str = "/admin/accounts/acme/setup";
const PROVIDER: &str = "/admin/accounts/acme/providers/mock-idp";

/// Makes a link and gives its secret.
async fn link(op: &mut Op<'_>, fields: &[(&str, &str)]) -> String {
    let page = op.post(LINKS, fields).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let link = page.body.split("/admin/setup?ticket=").nth(1).unwrap();
    link.split('"').next().unwrap().to_owned()
}

/// Opens a link as its page does.
async fn open<'w>(world: &'w World, secret: &str) -> Op<'w> {
    let mut browser = Browser::new();
    let url = format!("{}/admin/setup?ticket={secret}", world.origin);
    for _ in 0..2 {
        let page = browser.get(&url).await;
        assert_eq!(page.status, StatusCode::OK, "looking does not use it");
    }
    let page = form(world, &mut browser, "/admin/setup", &[("ticket", secret)]).await;
    assert_eq!(page.location().unwrap().path(), HOME, "{}", page.body);
    let home = browser.get(format!("{}{HOME}", world.origin)).await;
    let csrf = home.body.split("name=\"csrf\" value=\"").nth(1).unwrap();
    Op {
        world,
        csrf: csrf.split('"').next().unwrap().to_owned(),
        browser,
    }
}

/// Begins an edit; gives the address of its draft.
async fn edit(guest: &mut Op<'_>) -> String {
    let step = guest.done(&format!("{PROVIDER}/edit"), &[]).await;
    assert_eq!(step.status, StatusCode::OK, "{}", step.body);
    step.url.path().trim_end_matches("provider").to_owned()
}

/// The version of a link that its page was made for.
async fn seen(op: &mut Op<'_>, at: &str) -> String {
    let page = op.get(at).await;
    let etag = page.body.split("name=\"etag\" value=\"").nth(1).unwrap();
    etag.split('"').next().unwrap().to_owned()
}

async fn links(world: &World) -> Value {
    let path = "/accounts/acme/setup-links";
    let (status, said) = world.admin(Method::GET, path, "", "").await;
    assert_eq!(status, 200, "{said}");
    let list: Value = serde_json::from_str(&said).unwrap();
    list["items"].clone()
}

#[tokio::test]
async fn l1_l2_a_link_opens_once_and_its_session_ends_with_it() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let secret = link(&mut op, &[("name", "Ada"), ("days", "2")]).await;
    let account = op.get("/admin/accounts/acme").await;
    assert!(!account.shows(&secret) && account.shows("Not opened yet"));
    let mut guest = open(&world, &secret).await;
    let again = [("ticket", secret.as_str())];
    let page = form(&world, &mut Browser::new(), "/admin/setup", &again).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.shows("console.link_dead"));
    // The console's front page is theirs to begin from.
    let page = guest.get("/admin/").await;
    assert_eq!(page.location().unwrap().path(), HOME);
    let log = op.get("/admin/audit.jsonl").await;
    let actor = format!(
        "setup-link:{}",
        links(&world).await[0]["id"].as_str().unwrap()
    );
    assert!(log.shows("setup_link.create") && log.shows("setup_link.open"));
    assert!(log.shows(&actor) && !log.shows(&secret));
    // It ends at its time.
    world.clock.advance(Duration::from_secs(2 * 24 * 3600 - 60));
    assert_eq!(guest.get(HOME).await.status, StatusCode::OK);
    world.clock.advance(Duration::from_secs(60));
    let page = guest.get(HOME).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.shows("the set-up link that you opened has ended") || page.shows("has ended"));
    for (days, name) in [("0", "Ada"), ("31", "Ada"), ("x", "Ada"), ("7", " ")] {
        let mut op = Op::with_password(&world).await;
        let page = op.post(LINKS, &[("name", name), ("days", days)]).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{days} {name}");
    }
}

#[tokio::test]
async fn l2_a_revoked_link_ends_at_once_opened_or_not() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let secret = link(&mut op, &[("name", "Ada")]).await;
    let unopened = link(&mut op, &[("name", "Grace")]).await;
    let mut guest = open(&world, &secret).await;
    let draft = edit(&mut guest).await;
    for link in links(&world).await.as_array().unwrap() {
        let id = link["id"].as_str().unwrap();
        let page = op.done(&format!("{LINKS}/{id}/revoke"), &[]).await;
        assert!(page.shows("The set-up link is revoked"), "{}", page.body);
    }
    assert_eq!(links(&world).await.as_array().unwrap().len(), 0);
    let page = guest.post(&format!("{draft}hand-in"), &[]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND, "{}", page.body);
    let fields = [("ticket", unopened.as_str())];
    let page = form(&world, &mut Browser::new(), "/admin/setup", &fields).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(
        op.get("/admin/audit.jsonl")
            .await
            .shows("setup_link.revoke")
    );
}

#[tokio::test]
async fn l3_who_opened_a_link_may_set_up_providers_and_nothing_else() {
    let world = World::start().await;
    world.account("other").await;
    let mut op = Op::first(&world).await;
    let theirs = {
        let step = op.done(&format!("{PROVIDER}/edit"), &[]).await;
        step.url.path().trim_end_matches("provider").to_owned()
    };
    let secret = link(&mut op, &[("name", "Ada")]).await;
    let mut guest = open(&world, &secret).await;
    let before = op.get("/admin/audit.jsonl").await.body.lines().count();
    let mine = ["/new", "/drafts/", "/trials/"];
    let open_to_all = ["/admin/", "/admin/logout", "/admin/session"];
    for path in PAGES {
        if mine.iter().any(|mine| path.contains(mine)) || open_to_all.contains(path) {
            continue;
        }
        let page = guest.get(path).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path}");
        let elsewhere = path.replace("acme", "other");
        if path.contains("/accounts/acme") {
            let page = guest.get(&elsewhere).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{elsewhere}");
        }
    }
    let may = |path: &str| {
        let ends = ["/new", "/edit", "/toml", "/discard", "/adopt", "/hand-in"];
        ends.iter().any(|end| path.ends_with(end))
            || path.ends_with("/drafts/x/trial")
            || path.ends_with("/drafts/x/provider")
            || path.contains("/acme/domains")
            || path == "/admin/logout"
    };
    for path in FORMS.iter().filter(|path| !may(path)) {
        let page = guest.post(path, &[("id", "evil")]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{path} {}", page.body);
        if path.contains("/accounts/acme") {
            let elsewhere = path.replace("acme", "other");
            let page = guest.post(&elsewhere, &[]).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{elsewhere}");
        }
    }
    for path in ["/admin/accounts/other/new", "/admin/accounts/other/setup"] {
        assert_eq!(
            guest.get(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    for end in ["", "/check", "/remove"] {
        let path = format!("/admin/accounts/other/domains{end}");
        let page = guest.post(&path, &[("domain", "acme.test")]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
    }
    // The drafts of operators are not theirs, though the account is.
    for page in ["provider", "toml", "review"] {
        let page = guest.get(&format!("{theirs}{page}")).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
    }
    for end in ["hand-in", "discard", "trial"] {
        let page = guest.post(&format!("{theirs}{end}"), &[]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{end}");
    }
    // Their own they don't take live, and set no shadow.
    let draft = edit(&mut guest).await;
    for end in ["apply", "shadow"] {
        let page = guest.post(&format!("{draft}{end}"), &[]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{end}");
    }
    let url = format!("{}/api/v1/accounts", world.origin);
    let page = guest.browser.get(url).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    let after = op.get("/admin/audit.jsonl").await.body.lines().count();
    assert_eq!(after, before, "nothing happened");
    // Signing out is asked about, and ends it.
    let page = guest.post("/admin/logout", &[]).await;
    assert!(
        page.shows("to come back you need a new one"),
        "{}",
        page.body
    );
    let page = guest.post("/admin/logout", &[("confirmed", "yes")]).await;
    assert!(page.shows("You are signed out"), "{}", page.body);
    assert_eq!(links(&world).await[0]["state"], "ended");
}

#[tokio::test]
async fn l4_what_is_handed_in_counts_once_an_operator_approves_it() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let secret = link(&mut op, &[("name", "Ada at Acme")]).await;
    let mut guest = open(&world, &secret).await;
    let draft = edit(&mut guest).await;
    let step = guest.get(&format!("{draft}provider")).await;
    assert!(step.shows("Kept here") && !step.shows("value=\"file\""));
    let named = |name: &'static str| [("provider.name", name), ("action", "review")];
    guest
        .done(&format!("{draft}provider"), &named("Acme Staff"))
        .await;
    let page = guest.get(&format!("{draft}review")).await;
    assert!(page.shows("Hand in") && !page.shows("Try as a shadow") && !page.shows("Apply"));
    let page = guest.done(&format!("{draft}hand-in"), &[]).await;
    assert!(page.shows("waits for an operator"), "{}", page.body);
    // What is changed afterwards is not what is decided on.
    guest
        .done(&format!("{draft}provider"), &named("Sneaked in"))
        .await;
    let page = op.get("/admin/accounts/acme").await;
    assert!(page.shows("was handed in by Ada at Acme"), "{}", page.body);
    let found = links(&world).await[0].clone();
    assert_eq!(found["handed_in"]["name"], "Acme Staff");
    assert_eq!(found["handed_in"]["edits"], 1);
    assert!(!found.to_string().contains("vestibule-demo-secret"));
    let at = format!("{LINKS}/{}", found["id"].as_str().unwrap());
    let page = op.get(&at).await;
    assert!(page.shows("Acme Staff") && !page.shows("Sneaked") && page.shows("Mock Accounts"));
    // Sent back with a sentence, which they read.
    let page = op.post(&format!("{at}/send-back"), &[("why", " ")]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    let why = [("why", "Call it <b>Acme</b>.")];
    op.done(&format!("{at}/send-back"), &why).await;
    let page = guest.get(HOME).await;
    assert!(
        page.shows("was sent back") && page.shows("&lt;b&gt;Acme"),
        "{}",
        page.body
    );
    let page = op.post(&format!("{at}/approve"), &[]).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND, "nothing waits");
    guest
        .done(&format!("{draft}provider"), &named("Acme"))
        .await;
    guest.done(&format!("{draft}hand-in"), &[]).await;
    assert!(!op.get("/admin/accounts/acme").await.shows("<h3>Acme</h3>"));
    let old = op.post(&format!("{at}/approve"), &[("etag", "1")]).await;
    assert_eq!(old.status, StatusCode::PRECONDITION_FAILED);
    let etag = seen(&mut op, &at).await;
    let page = op.done(&format!("{at}/approve"), &[("etag", &etag)]).await;
    assert!(
        page.shows("The mapping is live") && page.shows("<h3>Acme</h3>"),
        "{}",
        page.body
    );
    world.log_in(&mut Browser::new()).await;
    assert!(guest.get(HOME).await.shows("was approved"));
    let gone = guest.get(&format!("{draft}review")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let log = op.get("/admin/audit.jsonl").await;
    for what in ["hand_in", "send_back", "approve"] {
        assert!(log.shows(&format!("setup_link.{what}")), "{what}");
    }
    assert!(!log.shows("vestibule-demo-secret"));
}

#[tokio::test]
async fn l4_what_is_handed_in_is_checked_and_decides_nothing_by_itself() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let secret = link(&mut op, &[("name", "Ada")]).await;
    let mut guest = open(&world, &secret).await;
    // A file of the host is not even looked for.
    let literal = "\"vestibule-demo-secret\"";
    let file = world
        .mapping()
        .replace(literal, "{ file = \"/etc/hostname\" }");
    let new = [("from", "toml"), ("text", file.as_str())];
    let page = guest.post("/admin/accounts/acme/new", &new).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.shows("nly an administrator of all accounts"),
        "{}",
        page.body
    );
    let draft = edit(&mut guest).await;
    let page = guest
        .post(&format!("{draft}toml"), &[("toml", &file)])
        .await;
    assert_eq!(
        page.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        page.body
    );
    assert!(page.shows("only an administrator of all accounts"));
    guest.done(&format!("{draft}discard"), &[]).await;
    let draft = edit(&mut guest).await;
    let env = [
        ("client.secret.from", "env"),
        ("client.secret", "PATH"),
        ("action", "review"),
    ];
    guest.post(&format!("{draft}provider"), &env).await;
    let page = guest.post(&format!("{draft}hand-in"), &[]).await;
    assert_eq!(
        page.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        page.body
    );
    // Nor is it handed in under the name of a provider that everybody knows.
    let draft = edit(&mut guest).await;
    let name = [("provider.name", "Google"), ("action", "review")];
    guest.post(&format!("{draft}provider"), &name).await;
    let page = guest.post(&format!("{draft}hand-in"), &[]).await;
    assert!(
        page.shows("shoppers would take this provider for"),
        "{}",
        page.body
    );
    // An edit of who users are asks the operator.
    let draft = edit(&mut guest).await;
    let other = [("userinfo.response.user_id", "email"), ("action", "review")];
    guest.post(&format!("{draft}userinfo"), &other).await;
    guest.done(&format!("{draft}hand-in"), &[]).await;
    let id = links(&world).await[0]["id"].as_str().unwrap().to_owned();
    let approve = format!("{LINKS}/{id}/approve");
    let page = op.post(&approve, &[]).await;
    assert!(page.shows("tick the box if that is meant"), "{}", page.body);
    // Someone changed it meanwhile: nothing is overwritten.
    let newer = world.mapping() + "\n# newer\n";
    world.apply("acme", &newer).await;
    let etag = seen(&mut op, &format!("{LINKS}/{id}")).await;
    let meant = [("understood", "yes"), ("etag", etag.as_str())];
    let page = op.post(&approve, &meant).await;
    assert_eq!(
        page.status,
        StatusCode::PRECONDITION_FAILED,
        "{}",
        page.body
    );
    assert_eq!(links(&world).await[0]["handed_in"]["edits"], 1);
}

#[tokio::test]
async fn a_link_may_take_live_what_passes_the_checks() {
    let world = World::with(|config| {
        config.console_login_account = Some("staff".parse().unwrap());
    })
    .await;
    world.account("acme").await;
    world.account("staff").await;
    world.apply("acme", &world.mapping()).await;
    let mut op = Op::first(&world).await;
    let secret = link(&mut op, &[("name", "Ada"), ("goes_live", "yes")]).await;
    let mut guest = open(&world, &secret).await;
    let draft = edit(&mut guest).await;
    let other = [("userinfo.response.user_id", "email"), ("action", "review")];
    guest.post(&format!("{draft}userinfo"), &other).await;
    let page = guest.post(&format!("{draft}apply"), &[]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.shows("tick the box if that is meant"), "{}", page.body);
    guest.done(&format!("{draft}discard"), &[]).await;
    let draft = edit(&mut guest).await;
    let name = [("provider.name", "Acme"), ("action", "review")];
    guest.done(&format!("{draft}provider"), &name).await;
    let page = guest.done(&format!("{draft}apply"), &[]).await;
    assert!(page.shows("The mapping is live"), "{}", page.body);
    assert_eq!(page.url.path(), HOME);
    world.log_in(&mut Browser::new()).await;
    let log = op.get("/admin/audit.jsonl").await;
    let live = log
        .body
        .lines()
        .rfind(|line| line.contains("provider.apply"));
    assert!(live.unwrap().contains("setup-link:"), "{live:?}");
    // Not where operators log in.
    let links = "/admin/accounts/staff/setup-links";
    let page = op
        .post(links, &[("name", "Ada"), ("goes_live", "yes")])
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST, "{}", page.body);
}

#[tokio::test]
async fn l1_of_two_who_open_a_link_at_once_one_has_its_session() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let secret = link(&mut op, &[("name", "Ada")]).await;
    let fields = [("ticket", secret.as_str())];
    let (mut one, mut two, mut three) = (Browser::new(), Browser::new(), Browser::new());
    let (a, b, c) = tokio::join!(
        form(&world, &mut one, "/admin/setup", &fields),
        form(&world, &mut two, "/admin/setup", &fields),
        form(&world, &mut three, "/admin/setup", &fields),
    );
    let pages = [a, b, c];
    let mut won = 0;
    for (page, browser) in pages.iter().zip([one, two, three].iter_mut()) {
        if page.status == StatusCode::SEE_OTHER {
            assert_eq!(page.location().unwrap().path(), HOME);
            won += 1;
        } else {
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{}", page.body);
            assert!(page.shows("console.link_dead"), "{}", page.body);
            let home = browser.get(format!("{}{HOME}", world.origin)).await;
            assert_eq!(home.status, StatusCode::SEE_OTHER, "they are nobody");
        }
    }
    assert_eq!(won, 1);
    let log = op.get("/admin/audit.jsonl").await;
    assert_eq!(log.body.matches("setup_link.open").count(), 1);
}

#[tokio::test]
async fn l2_a_link_ends_with_its_account_and_is_not_of_the_next_one() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let opened = link(&mut op, &[("name", "Ada")]).await;
    let unopened = link(&mut op, &[("name", "Grace")]).await;
    let mut guest = open(&world, &opened).await;
    let draft = edit(&mut guest).await;
    guest.done(&format!("{draft}hand-in"), &[]).await;
    let (status, said) = world.admin(Method::DELETE, "/accounts/acme", "", "").await;
    assert_eq!(status, 204, "{said}");
    let jar = guest.browser.jar.clone();
    // As soon as another has the id, too.
    for again in [false, true] {
        if again {
            let body = r#"{"id":"acme","name":"Another"}"#;
            let json = "application/json";
            assert_eq!(
                world.admin(Method::POST, "/accounts", json, body).await.0,
                201
            );
        }
        guest.browser.jar.clone_from(&jar);
        let page = guest.post(&format!("{draft}hand-in"), &[]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{}", page.body);
        assert!(page.shows("has ended"), "{}", page.body);
        let url = format!("{}/admin/setup?ticket={unopened}", world.origin);
        let page = Browser::new().get(&url).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{}", page.body);
        let fields = [("ticket", unopened.as_str())];
        let page = form(&world, &mut Browser::new(), "/admin/setup", &fields).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{}", page.body);
    }
    assert_eq!(links(&world).await.as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn l4_what_goes_live_by_itself_does_not_where_operators_log_in() {
    let world = World::with(|config| {
        config.console_login_account = Some("acme".parse().unwrap());
    })
    .await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    Op::first(&world).await;
    // Made before the configuration named the account.
    let new = NewLink {
        account: "acme".parse().unwrap(),
        name: "Ada".to_owned(),
        goes_live: true,
        created_by: "ada@example.test".to_owned(),
        lifetime: Duration::from_secs(3600),
    };
    let (_, secret, steps) = setup_link::steps_create(new, &[], world.clock.now()).unwrap();
    world.store.commit(steps).await.unwrap();
    let mut guest = open(&world, secret.as_str()).await;
    let draft = edit(&mut guest).await;
    let name = [("provider.name", "Acme"), ("action", "review")];
    guest.done(&format!("{draft}provider"), &name).await;
    let page = guest.post(&format!("{draft}apply"), &[]).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.body);
    // An operator may take it live.
    guest.done(&format!("{draft}hand-in"), &[]).await;
    assert_eq!(links(&world).await[0]["handed_in"]["name"], "Acme");
}

#[tokio::test]
async fn who_opened_a_link_proves_the_domain_of_the_accounts_emails() {
    let dns = NameServer::start().await;
    let address = dns.address;
    let world = World::with(|config| config.nameserver = Some(address)).await;
    world.account("acme").await;
    world.apply("acme", &world.mapping()).await;
    let mut op = Op::first(&world).await;
    let secret = link(&mut op, &[("name", "Ada")]).await;
    let mut guest = open(&world, &secret).await;
    let domains = "/admin/accounts/acme/domains";
    let page = guest.post(domains, &[("domain", "ada@acme.test")]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(
        page.shows("proof-domain") && page.shows("is not a domain of emails"),
        "{}",
        page.body
    );
    let domain = [("domain", "Acme.test")];
    let page = guest.done(domains, &domain).await;
    assert_eq!(page.url.path(), HOME);
    let name = "_vestibule-challenge.acme.test";
    assert!(page.shows(name), "{}", page.body);
    let value = page.body.split("value=\"vestibule-").nth(1).unwrap();
    let value = format!("vestibule-{}", value.split('"').next().unwrap());
    let check = format!("{domains}/check");
    let page = guest.done(&check, &domain).await;
    assert!(
        page.shows("There is no record of this name")
            || page.shows("there is no record of this name")
    );
    // What is not proved leads nowhere.
    let lead = format!("{domains}/lead");
    let leads = [("domain", "acme.test"), ("provider", "mock-idp")];
    let page = guest.post(&lead, &leads).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.shows("Prove the domain first"), "{}", page.body);
    dns.say(name, Say::text(&value));
    world.clock.advance(Duration::from_secs(5));
    let page = guest.done(&check, &domain).await;
    assert!(page.shows("The domain is proved"), "{}", page.body);
    // They say whose it is, of the providers that are live.
    let nobodys = [("domain", "acme.test"), ("provider", "nobodys")];
    let page = guest.post(&lead, &nobodys).await;
    assert!(page.status.is_client_error(), "{}", page.body);
    let page = guest.done(&lead, &leads).await;
    assert!(page.shows("Its people log in there"), "{}", page.body);
    let (_, account) = world.admin(Method::GET, "/accounts/acme", "", "").await;
    let account: Value = serde_json::from_str(&account).unwrap();
    assert_eq!(account["email_domains"][0]["provider"], "mock-idp");
    assert_eq!(account["email_domains"][0]["verified"], false);
    // The operator may name it too, and need not say that it is verified.
    let page = op.done("/admin/accounts/acme/ways/domains", &leads).await;
    assert!(page.shows("Proved by DNS"), "{}", page.body);
    let log = op.get("/admin/audit.jsonl").await;
    let checked = log.body.lines().rfind(|line| line.contains("domain.check"));
    assert!(checked.unwrap().contains("setup-link:"), "{checked:?}");
    // Taken back is asked about.
    let page = guest.done(&format!("{domains}/remove"), &domain).await;
    assert!(!page.shows(name), "{}", page.body);
    assert!(!op.get("/admin/accounts/acme").await.shows("Proved by DNS"));
}

#[tokio::test]
async fn n1_a_set_up_link_is_opened_once_by_its_own_page_and_told_nobody() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let secret = link(&mut op, &[("name", "Ada")]).await;
    let url = format!("{}/admin/setup?ticket={secret}", world.origin);
    let mut browser = Browser::new();
    let page = browser.get(&url).await;
    assert_eq!(page.header("referrer-policy"), "same-origin");
    assert!(!page.body.contains("src=\"http") && !page.body.contains("href=\"http"));
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(
        page.header("content-security-policy")
            .contains("frame-ancestors 'none'")
    );
    // What only looks, and what comes of another site, opens nothing.
    browser.send(Method::HEAD, &url, &[], None).await;
    let at = format!("{}/admin/setup", world.origin);
    let body = || Some(format!("ticket={secret}"));
    let kind = ("content-type", "application/x-www-form-urlencoded");
    for from in [
        ("origin", "https://evil.test"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("x-forwarded-host", "evil.test"),
    ] {
        let page = browser.send(Method::POST, &at, &[kind, from], body()).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{from:?}");
        assert_eq!(page.header("set-cookie"), "");
    }
    let own = ("origin", world.origin.as_str());
    let text = ("content-type", "text/plain");
    let page = browser.send(Method::POST, &at, &[text, own], body()).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    // A session that was planted before is not the one that begins.
    let host = world.origin.replace("http://", "");
    let planted = (host, "vestibule.console".to_owned());
    let value = format!("setup.{secret}");
    browser.jar.insert(planted.clone(), value.clone());
    let home = browser.get(format!("{}{HOME}", world.origin)).await;
    assert_eq!(home.status, StatusCode::NOT_FOUND, "a link is no session");
    browser.jar.insert(planted.clone(), value.clone());
    // Of many at once one is in.
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (at, body, origin) = (at.clone(), body(), world.origin.clone());
        let jar = browser.jar.clone();
        all.spawn(async move {
            let mut browser = Browser::new();
            browser.jar = jar;
            let headers = [kind, ("origin", origin.as_str())];
            let page = browser.send(Method::POST, &at, &headers, body).await;
            (page, browser)
        });
    }
    let mut opened = Vec::new();
    for (page, browser) in all.join_all().await {
        if page.status.is_redirection() {
            opened.push((page, browser));
        } else {
            assert_eq!(page.status, StatusCode::NOT_FOUND);
        }
    }
    assert_eq!(opened.len(), 1);
    let (page, mut browser) = opened.remove(0);
    let cookie = page.header("set-cookie");
    for attribute in ["Path=/", "HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_ne!(browser.jar[&planted], value);
    assert!(!page.header("location").contains(&secret));
    let page = browser.get(format!("{}{HOME}", world.origin)).await;
    assert!(page.status == StatusCode::OK && !page.shows(&secret));
    // Its cookie is no operator's, whatever stands before or behind it.
    let session = browser.jar[&planted].clone();
    let bare = session.trim_start_matches("setup.").to_owned();
    for forged in [
        bare.clone(),
        format!("setup.setup.{bare}"),
        format!("{session}x"),
    ] {
        browser.jar.insert(planted.clone(), forged.clone());
        let page = browser.get(format!("{}/admin/", world.origin)).await;
        assert_ne!(page.status, StatusCode::OK, "{forged}");
    }
    // Used is used, whatever the clock says.
    for _ in 0..2 {
        let now = Clock::now(&world.clock).as_secs();
        world.clock.set(Timestamp::from_secs(now - 3600));
        let page = form(
            &world,
            &mut Browser::new(),
            "/admin/setup",
            &[("ticket", &secret)],
        )
        .await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn n2_what_goes_live_is_what_was_looked_at() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let secret = link(&mut op, &[("name", "Ada")]).await;
    let mut guest = open(&world, &secret).await;
    let draft = edit(&mut guest).await;
    let named = |name: &'static str| [("provider.name", name), ("action", "review")];
    guest
        .done(&format!("{draft}provider"), &named("Harmless"))
        .await;
    guest.done(&format!("{draft}hand-in"), &[]).await;
    let looked_at = links(&world).await[0].clone();
    let at = format!("{LINKS}/{}", looked_at["id"].as_str().unwrap());
    let etag = seen(&mut op, &at).await;
    // Another one is handed in while the operator reads.
    guest
        .done(&format!("{draft}provider"), &named("Sneaked in"))
        .await;
    guest.done(&format!("{draft}hand-in"), &[]).await;
    let page = op.post(&format!("{at}/approve"), &[("etag", &etag)]).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    let api = format!(
        "/accounts/acme/setup-links/{}/approve",
        looked_at["id"].as_str().unwrap()
    );
    let stale = looked_at["handed_in"]["id"].as_str().unwrap();
    let approve = async |query: &str| {
        let path = format!("{api}{query}");
        world.admin(Method::POST, &path, "", "").await
    };
    for (query, status) in [
        ("", 428),
        ("?handed_in=", 412),
        (&*format!("?handed_in={stale}"), 412),
    ] {
        let (got, said) = approve(query).await;
        assert_eq!(got, status, "{query} {said}");
    }
    for etag in ["", "*", "x"] {
        let page = op.post(&format!("{at}/approve"), &[("etag", etag)]).await;
        assert_eq!(page.status, StatusCode::PRECONDITION_REQUIRED, "{etag}");
    }
    let (_, live) = world
        .admin(Method::GET, "/accounts/acme/providers/mock-idp", "", "")
        .await;
    assert!(!live.contains("Sneaked") && !live.contains("Harmless"));
    let now = links(&world).await[0]["handed_in"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(now, stale);
    let (got, said) = approve(&format!("?handed_in={now}")).await;
    assert_eq!(got, 200, "{said}");
    let (got, _) = approve(&format!("?handed_in={now}")).await;
    assert_eq!(got, 404, "it was approved");
}

#[tokio::test]
async fn t3_who_was_let_in_by_a_link_sends_a_kept_secret_nowhere() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let secret = link(&mut op, &[("name", "Ada")]).await;
    let mut guest = open(&world, &secret).await;
    let token = format!("\"{}/token\"", world.idp.origin());
    let hosts = "hosts = [\"thief.test\"]\nname = ";
    for (name, moved) in [
        (
            "another server",
            world
                .mapping()
                .replace(&token, "\"https://thief.test/token\""),
        ),
        (
            "a host that the callback names",
            world
                .mapping()
                .replacen("name = ", hosts, 1)
                .replace(&token, "\"https://{callback.h}/token\""),
        ),
    ] {
        let moved = moved.replace("vestibule-demo-secret", "[redacted]");
        let draft = edit(&mut guest).await;
        guest
            .post(&format!("{draft}toml"), &[("toml", &moved)])
            .await;
        let page = guest.post(&format!("{draft}hand-in"), &[]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        let page = guest.post(&format!("{draft}trial"), &[]).await;
        let back = page.location().unwrap();
        assert!(back.path().ends_with("/review"), "{name}: {back}");
        guest.done(&format!("{draft}discard"), &[]).await;
    }
}
