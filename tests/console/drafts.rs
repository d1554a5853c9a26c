//! Nothing typed is lost: drafts keep themselves, several edit one, sessions end.

use reqwest::StatusCode;

use crate::support::{Browser, Page, World};
use crate::{Op, PASSWORD, form};

/// A new draft's address.
async fn draft(op: &mut Op<'_>) -> String {
    let page = op
        .done("/admin/accounts/acme/new", &[("from", "empty")])
        .await;
    page.url.path().trim_end_matches("provider").to_owned()
}

/// The value of a hidden field.
fn hidden(page: &Page, name: &str) -> String {
    let rest = page
        .body
        .split(&format!("name=\"{name}\" value=\""))
        .nth(1)
        .unwrap_or_else(|| panic!("no field {name}\n{}", page.body));
    let text = rest.split('"').next().unwrap();
    text.replace("&amp;", "&").replace("&#x2f;", "/")
}

#[tokio::test]
async fn a_draft_keeps_itself_while_it_is_typed() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    let draft = draft(&mut op).await;
    let typed = [
        ("token.url", "https://id.test/tok"),
        ("row.0.key", "audience"),
        ("row.0.value", "shop"),
    ];
    let answer = op.post(&format!("{draft}token/preview"), &typed).await;
    assert_eq!(answer.status, StatusCode::OK);
    let page = op.get(&format!("{draft}token")).await;
    for kept in [
        "https://id.test/tok",
        "value=\"audience\"",
        "value=\"shop\"",
    ] {
        assert!(page.shows(kept), "{kept}\n{}", page.body);
    }
    assert!(!page.shows("class=\"wrong\""), "{}", page.body);
    // Where no script runs, the steps are buttons: what is typed goes with them.
    let page = op
        .done(
            &format!("{draft}authorization"),
            &[("authorization.state_key", "st"), ("action", "userinfo")],
        )
        .await;
    assert!(page.url.path().ends_with("userinfo"));
    let page = op.get(&format!("{draft}authorization")).await;
    assert!(page.shows("value=\"st\""));
    // The text, too, whether or not it is TOML yet.
    op.post(
        &format!("{draft}toml/preview"),
        &[("toml", "[provider\n# mine")],
    )
    .await;
    assert!(
        op.get(&format!("{draft}toml"))
            .await
            .shows("[provider\n# mine")
    );
    // What is typed late into a draft that is gone does not bring it back.
    op.done(&format!("{draft}discard"), &[]).await;
    let late = op.post(&format!("{draft}token/preview"), &typed).await;
    assert_eq!(late.status, StatusCode::NOT_FOUND);
    assert_eq!(
        op.get(&format!("{draft}token")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn two_who_edit_one_draft_lose_nothing() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    let draft = draft(&mut op).await;
    let path = format!("{draft}token");
    let seen = hidden(&op.get(&path).await, "seen");
    let first = [
        ("seen", seen.as_str()),
        ("token.url", "https://a.test/t"),
        ("token.code_key", "first"),
        ("row.0.key", "a"),
        ("row.0.value", "1"),
        ("action", "next"),
    ];
    op.done(&path, &first).await;
    // Made before that, kept after it: an untouched field stays theirs.
    let second = [
        ("seen", seen.as_str()),
        ("token.url", ""),
        ("token.code_key", "second"),
        ("token.response.expires_in", "ttl"),
        ("action", "next"),
    ];
    let typing = op.post(&format!("{path}/preview"), &second).await.json();
    assert_eq!(typing["conflicts"][0]["key"], "token.code_key", "{typing}");
    assert_eq!(typing["fresh"][0][1], "https://a.test/t");
    let page = op.post(&path, &second).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    for told in [
        "value=\"second\"",
        "<code>first</code>",
        "value=\"https://a.test/t\"",
        "value=\"ttl\"",
        "value=\"a\"",
    ] {
        assert!(page.shows(told), "{told}\n{}", page.body);
    }
    // With theirs in view, the second time counts.
    let seen = hidden(&page, "seen");
    let again = [
        ("seen", seen.as_str()),
        ("token.url", "https://a.test/t"),
        ("token.code_key", "second"),
        ("row.0.key", "a"),
        ("row.0.value", "1"),
        ("action", "next"),
    ];
    op.done(&path, &again).await;
    // A double click is the same form twice, and nothing else.
    op.done(&path, &again).await;
    let page = op.get(&format!("{draft}toml")).await;
    for kept in ["https://a.test/t", "second", "ttl", "a = &quot;1&quot;"] {
        assert!(page.shows(kept), "{kept}\n{}", page.body);
    }
    // The text against a step that was kept meanwhile.
    let seen = hidden(&page, "seen");
    op.done(&path, &[("token.code_key", "third"), ("action", "next")])
        .await;
    let mine = [
        ("seen", seen.as_str()),
        ("toml", "[token]\ncode_key = \"mine\"\n"),
        ("action", "save"),
    ];
    let page = op.post(&format!("{draft}toml"), &mine).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(
        page.shows("code_key = &quot;mine&quot;") && page.shows("third"),
        "{}",
        page.body
    );
    assert!(op.get(&path).await.shows("value=\"third\""));
}

#[tokio::test]
async fn a_form_of_an_ended_session_goes_on_after_the_login() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    let draft = draft(&mut op).await;
    world.clock.advance(std::time::Duration::from_secs(31 * 60));
    let path = format!("{draft}token");
    let typed = [("token.url", "https://id.test/\"<b>&"), ("action", "next")];
    let page = op.post(&path, &typed).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert!(page.shows("Your session ended"));
    let (resume, carried) = (hidden(&page, "resume"), hidden(&page, "typed"));
    assert_eq!(resume, path);
    let mut fields = vec![
        ("resume", resume.as_str()),
        ("typed", carried.as_str()),
        ("email", "ada@example.test"),
    ];
    // A wrong password loses nothing either.
    fields.push(("password", "not this one at all"));
    let page = form(&world, &mut op.browser, "/admin/login", &fields).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(hidden(&page, "typed"), carried);
    world.clock.advance(std::time::Duration::from_secs(10));
    fields.pop();
    fields.push(("password", PASSWORD));
    let page = form(&world, &mut op.browser, "/admin/login", &fields).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(page.shows("You are signed in") && page.shows("Go on"));
    op.csrf = hidden(&page, "csrf");
    op.post(&path, &typed).await;
    let page = op.get(&path).await;
    assert!(
        page.shows("https://id.test/&quot;&lt;b&gt;&amp;"),
        "{}",
        page.body
    );
    // Nothing is gone on to but a page of the console.
    for elsewhere in [
        "https://evil.test/",
        "//evil.test/",
        "/connect/token",
        "/admin/logout",
    ] {
        let mut browser = Browser::new();
        let fields = [
            ("resume", elsewhere),
            ("typed", "a=b"),
            ("email", "ada@example.test"),
            ("password", PASSWORD),
        ];
        let page = form(&world, &mut browser, "/admin/login", &fields).await;
        assert_eq!(page.location().unwrap().path(), "/admin/", "{elsewhere}");
    }
    // What another site sends is not shown again.
    let mut stranger = Browser::new();
    let url = format!("{}{path}", world.origin);
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "https://evil.test"),
    ];
    let page = stranger
        .send(
            reqwest::Method::POST,
            &url,
            &headers,
            Some("token.url=x".to_owned()),
        )
        .await;
    assert_eq!(page.location().unwrap().path(), "/admin/login");
}

#[tokio::test]
async fn a_failed_test_names_the_field_and_offers_what_would_match() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let page = op
        .done("/admin/accounts/acme/providers/mock-idp/edit", &[])
        .await;
    let draft = page.url.path().trim_end_matches("provider").to_owned();
    op.done(
        &format!("{draft}userinfo"),
        &[
            ("userinfo.response.email", "$.nowhere.mail"),
            ("action", "finish"),
        ],
    )
    .await;
    let page = op.done(&format!("{draft}trial"), &[]).await;
    let link = page.body.split("readonly value=\"").nth(1).unwrap();
    let link = link.split('"').next().unwrap().to_owned();
    let address = format!("{}?{}", page.url.path(), page.url.query().unwrap());
    Browser::new()
        .log_in(&format!("{link}&go=true"), "ada", "lovelace")
        .await;
    let page = op.get(&address).await;
    for part in [
        "there is no email where it is looked for",
        "Get user information: User email key</a>",
        &format!("href=\"{draft}userinfo?check=true#userinfo.response.email\""),
        "<code>email</code>",
    ] {
        assert!(page.shows(part), "{part}\n{}", page.body);
    }
    let offer = [("key", "userinfo.response.email"), ("place", "email")];
    let page = op.done(&format!("{draft}adopt"), &offer).await;
    assert!(page.shows("<h1>Review</h1>"));
    assert!(
        op.get(&format!("{draft}toml"))
            .await
            .shows("email   = &quot;email&quot;")
            || op
                .get(&format!("{draft}userinfo"))
                .await
                .shows("name=\"userinfo.response.email\" value=\"email\"")
    );
    // Only places of values can be set so.
    for (key, place) in [
        ("client.secret", "x"),
        ("provider.kind", "openid"),
        ("nothing", "x"),
    ] {
        let page = op
            .post(&format!("{draft}adopt"), &[("key", key), ("place", place)])
            .await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{key}");
    }
}

#[tokio::test]
async fn findings_are_in_the_words_of_the_fields() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    let draft = draft(&mut op).await;
    let page = op.get(&format!("{draft}review")).await;
    assert!(page.shows("This must be put right first"), "{}", page.body);
    for part in [
        &format!(
            "<a href=\"{draft}provider?check=true#provider.name\">Identity provider&#x27;s name</a>"
        ),
        &format!("<a href=\"{draft}token?check=true#token.url\">URL</a>"),
    ] {
        assert!(page.shows(part), "{part}\n{}", page.body);
    }
    let notice = page.body.split("<ul class=\"findings\">").nth(1).unwrap();
    let notice = notice.split("</ul>").next().unwrap();
    for key in [
        " = ",
        "line ",
        ">provider.",
        "<code>url",
        "<code>name",
        "<code>id",
    ] {
        assert!(!notice.contains(key), "{key}\n{notice}");
    }
    // What the steps ask for beyond an address and keys.
    let typed = [
        ("userinfo.url", "https://id.test/me"),
        (
            "userinfo.headers",
            "X-Api-Version: 2\r\nAccept: application/json",
        ),
        ("userinfo.response.success", "$.code == 0"),
        ("userinfo.response.error_message", "$.message"),
        ("userinfo.then", "emails = https://id.test/emails"),
        ("provider.email_trust", "provider"),
        ("action", "preview"),
    ];
    op.done(&format!("{draft}userinfo"), &typed).await;
    op.done(
        &format!("{draft}authorization"),
        &[
            ("authorization.scopes", "openid  email"),
            ("action", "preview"),
        ],
    )
    .await;
    let page = op.get(&format!("{draft}toml")).await;
    for part in [
        "scopes = [&quot;openid&quot;, &quot;email&quot;]",
        "X-Api-Version = &quot;2&quot;",
        "success = &quot;$.code == 0&quot;",
        "error_message = &quot;$.message&quot;",
        "[[userinfo.then]]",
        "email_trust = &quot;provider&quot;",
    ] {
        assert!(page.shows(part), "{part}\n{}", page.body);
    }
    let page = op.get(&format!("{draft}userinfo")).await;
    assert!(page.shows("X-Api-Version: 2") && page.shows("X-Api-Version"));
    assert!(
        page.shows("emails = https://id.test/emails"),
        "{}",
        page.body
    );
}

#[tokio::test]
async fn a_discovery_document_is_fetched_from_its_address() {
    let world = World::openid().await;
    let mut op = Op::first(&world).await;
    let idp = world.idp.origin();
    let typed = [("from", "discovery"), ("text", idp.as_str())];
    let page = op.done("/admin/accounts/acme/new", &typed).await;
    let draft = page.url.path().trim_end_matches("provider").to_owned();
    let page = op.get(&format!("{draft}toml")).await;
    assert!(
        page.shows(&format!("issuer = &quot;{idp}&quot;")),
        "{}",
        page.body
    );
    assert!(page.shows("kind = &quot;openid&quot;"));
    // Where no mapping may point, nothing is fetched either.
    for (address, why) in [
        ("https://169.254.169.254/", "could not be read"),
        ("http://user:pw@127.0.0.1/", "could not be read"),
        ("https://", "not a valid address"),
    ] {
        let typed = [("from", "discovery"), ("text", address)];
        let page = op.post("/admin/accounts/acme/new", &typed).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{address}");
        assert!(page.shows(why), "{address} {}", page.body);
    }
}
