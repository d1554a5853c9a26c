//! Who is signed in to the console, and who ends it.

use reqwest::StatusCode;

use crate::support::{Browser, World};
use crate::{Op, PASSWORD, form};

async fn again(world: &World) -> Op<'_> {
    let mut browser = Browser::new();
    let fields = [("email", "ada@example.test"), ("password", PASSWORD)];
    form(world, &mut browser, "/admin/login", &fields).await;
    Op::with(world, browser).await
}

fn ids(body: &str) -> Vec<String> {
    body.split("name=\"session\" value=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn sessions_are_listed_and_end_at_once() {
    let world = World::empty().await;
    let mut here = Op::first(&world).await;
    let mut there = again(&world).await;
    let page = here.get("/admin/operators").await;
    let both = ids(&page.body);
    assert_eq!(both.len(), 2);
    assert_eq!(page.body.matches("This browser").count(), 1);
    let mine = page.body.split("This browser").nth(1).unwrap();
    let mine = ids(mine)[0].clone();
    let other = both.into_iter().find(|id| *id != mine).unwrap();
    // What a session is listed by opens nothing.
    let mut thief = Browser::new();
    let key = (
        world.origin.replace("http://", ""),
        "vestibule.console".to_owned(),
    );
    thief.jar.insert(key, other.clone());
    let page = thief.get(format!("{}/admin/", world.origin)).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let page = here
        .done("/admin/operators/sign-out", &[("session", &other)])
        .await;
    assert_eq!(ids(&page.body), [mine]);
    assert_eq!(there.get("/admin/").await.status, StatusCode::SEE_OTHER);
    let log = here.get("/admin/audit.jsonl").await;
    assert!(log.shows("operator.sign_out"), "{}", log.body);
    // All of one's own: this one too.
    let mut third = again(&world).await;
    let all = [("email", "ada@example.test")];
    third.post("/admin/operators/sign-out", &all).await;
    for op in [&mut here, &mut third] {
        assert_eq!(op.get("/admin/").await.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn drafts_are_found_again_and_discarded() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    assert!(!op.get("/admin/accounts/acme").await.shows("Drafts"));
    let edit = "/admin/accounts/acme/providers/mock-idp/edit";
    let step = op.done(edit, &[]).await;
    let draft = step.url.path().trim_end_matches("provider").to_owned();
    let page = op.get("/admin/accounts/acme").await;
    let link = draft.trim_end_matches('/');
    assert!(page.shows(&format!("href=\"{link}\"")), "{}", page.body);
    assert!(page.shows("edits version 1") && page.shows("ada@example.test"));
    let page = op.get(link).await;
    assert_eq!(page.location().unwrap().path(), format!("{draft}provider"));
    let page = op.done(&format!("{draft}discard"), &[]).await;
    assert!(page.shows("discarded") && !page.shows("Drafts"));
}

#[tokio::test]
async fn the_second_of_two_who_change_an_account_is_told() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let path = "/admin/accounts/acme/branding";
    let page = op.get(path).await;
    let etag = page.body.split("name=\"etag\" value=\"").nth(1).unwrap();
    let etag = etag.split('"').next().unwrap().to_owned();
    op.done(path, &[("name", "First"), ("etag", &etag)]).await;
    for _ in 0..2 {
        let second = [("name", "Second"), ("etag", etag.as_str())];
        let page = op.post(path, &second).await;
        assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
        assert!(page.shows("Nothing was overwritten") && page.shows("value=\"Second\""));
    }
    assert!(op.get("/admin/").await.shows("First"));
}

#[tokio::test]
async fn a_shadow_is_set_watched_and_promoted() {
    const CANARY: &str = "vestibule-demo-secret";
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let base = "/admin/accounts/acme/providers/mock-idp";
    let here = format!("{base}/shadow");
    let page = op.get(&here).await;
    assert!(
        page.shows("Set a shadow") && !page.shows(CANARY),
        "{}",
        page.body
    );
    let page = op
        .post(&here, &[("toml", "[provider]\nid = \"x\"\n")])
        .await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        page.shows("role=\"alert\"") && page.shows("id = &quot;x&quot;"),
        "{}",
        page.body
    );
    // From an edit: users would be found by their email.
    let step = op.done(&format!("{base}/edit"), &[]).await;
    let draft = step.url.path().trim_end_matches("provider").to_owned();
    let toml = world.mapping().replace(CANARY, "[redacted]");
    let toml = toml.replace("user_id = \"userId\"", "user_id = \"email\"");
    op.post(
        &format!("{draft}toml"),
        &[("toml", &toml), ("action", "finish")],
    )
    .await;
    let page = op.done(&format!("{draft}shadow"), &[]).await;
    assert!(page.shows("Nobody has logged in since"), "{}", page.body);
    assert!(page.shows("This changes who users are") && !page.shows(CANARY));
    world.log_in(&mut Browser::new()).await;
    let mut found = String::new();
    for _ in 0..200 {
        found = op.get(&here).await.body;
        if !found.contains("Nobody has logged in since") {
            break;
        }
        tokio::task::yield_now().await;
    }
    let number = found.split("Other user id").nth(1).unwrap();
    assert!(number.contains("class=\"number\">1<"), "{found}");
    let etag = found.split("name=\"etag\" value=\"").nth(1).unwrap();
    let etag = etag.split('"').next().unwrap().to_owned();
    let promote = format!("{here}/promote");
    let page = op.post(&promote, &[("etag", &etag)]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let stale = [("etag", "1"), ("understood", "yes")];
    let page = op.post(&promote, &stale).await;
    assert_eq!(
        page.status,
        StatusCode::PRECONDITION_FAILED,
        "{}",
        page.body
    );
    let sure = [("etag", etag.as_str()), ("understood", "yes")];
    let page = op.done(&promote, &sure).await;
    assert!(
        page.shows("version 2") && page.shows("Set a shadow"),
        "{}",
        page.body
    );
    world.log_in(&mut Browser::new()).await;
    let page = op.done(&here, &[("toml", &toml)]).await;
    assert!(page.shows("The shadow is set"));
    let page = op.done(&format!("{here}/remove"), &[]).await;
    assert!(page.shows("The shadow is removed"));
}

/// A form's address, what is typed, and the field that is wrong.
type Mistake<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

#[tokio::test]
async fn what_is_wrong_stands_at_its_field() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let account = "/admin/accounts/acme";
    let settings = format!("{account}/settings");
    let branding = format!("{account}/branding");
    let stores = format!("{account}/stores");
    let remove = format!("{account}/remove");
    let cases: [Mistake<'_>; 10] = [
        ("/admin/", &[("id", "Not An Id")], "id"),
        ("/admin/", &[("id", "acme"), ("name", "Typed")], "id"),
        ("/admin/", &[("id", "x"), ("origin", "ftp://x")], "origin"),
        (&branding, &[("name", "\u{7}")], "name"),
        (&branding, &[("name", "A"), ("logo_url", "x")], "logo_url"),
        (&branding, &[("name", "A"), ("color", "red")], "color"),
        (&settings, &[("signing_alg", "x")], "signing_alg"),
        (&stores, &[("origin", "nowhere")], "origin"),
        (&remove, &[("confirm", "amce")], "confirm"),
        (
            "/admin/operators",
            &[("email", "ada@example.test")],
            "email",
        ),
    ];
    for (path, fields, at) in cases {
        let page = op.post(path, fields).await;
        assert!(
            page.status.is_client_error(),
            "{path} {at}: {}",
            page.status
        );
        let wrong = format!("id=\"{at}-wrong\"");
        assert_eq!(
            page.body.matches(&wrong).count(),
            1,
            "{path}: {}",
            page.body
        );
        assert_eq!(page.body.matches("autofocus").count(), 1, "{path}");
        assert!(page.shows("one field below needs a change"), "{path}");
        let kept = |name: &str| !["confirm", "signing_alg"].contains(&name);
        for (_, typed) in fields.iter().filter(|(name, _)| kept(name)) {
            assert!(page.shows(&format!("value=\"{typed}\"")), "{path} {typed}");
        }
    }
}
