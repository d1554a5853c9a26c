//! An account's users.

use crate::Op;
use crate::support::{Browser, World};

#[tokio::test]
async fn an_operator_searches_for_a_user() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let users = "/admin/accounts/acme/users";
    let page = op.get(users).await;
    assert!(page.shows("Nobody has logged in yet") && page.shows("0 users"));
    world.log_in(&mut Browser::new()).await;
    let page = op.get(users).await;
    assert!(
        page.shows("1 user<") && page.shows("ada@example.test"),
        "{}",
        page.body
    );
    let page = op.get(&format!("{users}?q=lovel")).await;
    assert!(page.shows("ada@example.test") && page.shows("1 user found"));
    let page = op.get(&format!("{users}?q=%3Cscript%3Enobody")).await;
    assert!(page.shows("No user matches") && !page.shows("<script>nobody"));
    assert!(page.shows("&lt;script&gt;nobody"), "{}", page.body);
}

#[tokio::test]
async fn a_user_has_a_page_on_which_all_is_done() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let mut browser = Browser::new();
    world.log_in(&mut browser).await;
    let id = world.users("acme").await[0].id.to_string();
    let users = "/admin/accounts/acme/users";
    let page = op.get(&format!("{users}/{id}")).await;
    for shown in [
        "Ada Lovelace",
        "mock-idp",
        "Sign out everywhere",
        "· acme · Vestibule",
    ] {
        assert!(page.shows(shown), "{shown}: {}", page.body);
    }
    assert!(
        op.get(&format!("{users}/nobody"))
            .await
            .shows("no such user")
    );
    let page = op.get(&format!("{users}/{id}/export.json")).await;
    assert_eq!(page.json()["user"]["email"], "ada@example.test");
    assert!(page.header("content-disposition").starts_with("attachment"));

    let logins = "/admin/accounts/acme/logins";
    let page = op.get(logins).await;
    assert!(
        page.shows("Success") && page.shows("127.0.0.0/24"),
        "{}",
        page.body
    );
    let page = op
        .get(&format!("{logins}?outcome=failed&email=%3Cb%3E"))
        .await;
    assert!(page.shows("No login matches") && !page.shows("<b>"));

    // Nothing happens before it is confirmed, and what ends is said.
    let user = [("user", id.as_str())];
    for (what, says) in [
        ("delete", "Only the audit log keeps their id"),
        ("reverify", "proved by nobody"),
    ] {
        let page = op.post(&format!("{users}/{what}"), &user).await;
        assert!(
            page.shows(says) && page.shows("ada@example.test"),
            "{}",
            page.body
        );
    }
    let disable = [("user", id.as_str()), ("disabled", "true")];
    assert!(
        op.post(&format!("{users}/change"), &disable)
            .await
            .shows("signed out everywhere")
    );
    assert_eq!(browser.session(&world, "acme").await["authenticated"], true);

    let page = op.done(&format!("{users}/reverify"), &user).await;
    assert!(
        page.shows("Not proved") && page.shows("user.reverify"),
        "{}",
        page.body
    );
    assert_eq!(
        browser.session(&world, "acme").await["authenticated"],
        false
    );
    let link = world.users("acme").await[0].links[0].user_id.clone();
    let unlink = [
        user[0],
        ("provider", "mock-idp"),
        ("user_id", link.as_str()),
    ];
    assert!(
        op.done(&format!("{users}/unlink"), &unlink)
            .await
            .shows("No provider knows this user")
    );
    let page = op.done(&format!("{users}/delete"), &user).await;
    assert!(page.shows("The user is deleted") && page.shows("0 users"));
}

#[tokio::test]
async fn an_account_is_searched_for() {
    let world = World::start().await;
    world.account("other").await;
    let mut op = Op::first(&world).await;
    let page = op.get("/admin/?q=OTH").await;
    assert!(page.shows("/admin/accounts/other") && !page.shows("/admin/accounts/acme"));
    let page = op.get("/admin/?q=%3Cb%3E").await;
    assert!(page.shows("No account matches") && !page.shows("<b>"));
    assert!(op.get("/").await.location().unwrap().path() == "/admin/");
    let icon = op.get("/admin/favicon.svg").await;
    assert_eq!(icon.header("content-type"), "image/svg+xml");
    assert!(op.get("/admin/").await.shows("href=\"/admin/favicon.svg\""));
    let (_, body) = world
        .admin(reqwest::Method::GET, "/accounts?q=cm", "", "")
        .await;
    assert!(body.contains("acme") && !body.contains("other"), "{body}");
}

#[tokio::test]
async fn users_are_created_and_imported_from_a_page() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let users = "/admin/accounts/acme/users";
    let page = op
        .done(users, &[("email", "grace@example.com"), ("name", "Grace")])
        .await;
    assert!(page.shows("The user is created") && page.shows("grace@example.com"));
    let page = op
        .post(users, &[("email", "GRACE@example.com"), ("name", "Typed")])
        .await;
    assert!(page.status == 400 || page.status == 409, "{}", page.status);
    assert!(
        page.shows("has this email already") && page.shows("value=\"Typed\""),
        "{}",
        page.body
    );
    assert!(
        op.get(&format!("{users}/import"))
            .await
            .shows("Import users")
    );
    for (how, left) in [("check", 1), ("import", 2)] {
        let text = "email,name\nada@example.com,Ada\ngrace@example.com,\nnobody,<b>\n";
        let boundary = "b0undary";
        let mut body = String::new();
        for (name, value) in [("csrf", op.csrf.as_str()), ("text", text), ("how", how)] {
            body += &format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
        }
        body += &format!("--{boundary}--\r\n");
        let kind = format!("multipart/form-data; boundary={boundary}");
        let headers = [
            ("content-type", kind.as_str()),
            ("origin", world.origin.as_str()),
        ];
        let url = format!("{}{users}/import", world.origin);
        let page = op
            .browser
            .send(reqwest::Method::POST, &url, &headers, Some(body))
            .await;
        assert!(page.shows("1 there already, 1 invalid"), "{}", page.body);
        assert!(page.shows("nobody") && !page.shows("<b>"));
        assert_eq!(world.users("acme").await.len(), left, "{how}");
    }
}
