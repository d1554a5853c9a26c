//! From an empty form to a mapping that is live.

use reqwest::StatusCode;

use crate::Op;
use crate::support::{Browser, World};

/// A step's name, what is typed, and the heading that follows.
type Typed<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

/// The four steps as a person fills them in; gives the draft's address.
async fn filled(op: &mut Op<'_>) -> String {
    let idp = op.world.idp.origin();
    let page = op
        .done("/admin/accounts/acme/new", &[("from", "empty")])
        .await;
    assert!(page.shows("Provider details"));
    let draft = page.url.path().trim_end_matches("provider").to_owned();
    let steps: [Typed<'_>; 4] = [
        (
            "provider",
            &[
                ("provider.name", "Acme Accounts"),
                ("provider.id", "acme"),
                ("client.id_key", "client_id"),
                ("client.id", "vestibule-demo"),
                ("client.secret_key", "client_secret"),
                ("client.secret.from", "literal"),
                ("client.secret", "vestibule-demo-secret"),
                ("provider.kind", "oauth2"),
                ("client.authentication", "body"),
                ("action", "next"),
            ],
            "Authorization code",
        ),
        (
            "authorization",
            &[
                ("authorization.url", &format!("{idp}/authorize")),
                ("row.0.key", "scope"),
                ("row.0.value", "profile email"),
                ("callback.code_key", "code"),
                ("authorization.pkce", "S256"),
                ("action", "next"),
            ],
            "Access token exchange",
        ),
        (
            "token",
            &[
                ("token.url", &format!("{idp}/token")),
                ("token.content_type", "application/x-www-form-urlencoded"),
                ("token.code_key", "code"),
                ("token.response.access_token", "access_token"),
                ("token.response.expires_in", "expires_in"),
                ("action", "next"),
            ],
            "Get user information",
        ),
        (
            "userinfo",
            &[
                ("userinfo.url", &format!("{idp}/userinfo")),
                ("userinfo.send_token", "bearer"),
                ("userinfo.token_key", ""),
                ("userinfo.response.email", "email"),
                ("userinfo.response.user_id", "userId"),
                ("userinfo.response.name", "name"),
                ("provider.email_trust", "provider"),
                ("action", "finish"),
            ],
            "Review",
        ),
    ];
    for (step, fields, next) in steps {
        let page = op.done(&format!("{draft}{step}"), fields).await;
        assert!(
            page.shows(&format!("<h1>{next}</h1>")),
            "after {step}: {}",
            page.body
        );
    }
    draft
}

/// An OpenID provider is told three addresses, another one only one.
#[tokio::test]
async fn the_addresses_to_register_stand_beside_each_other() {
    let world = World::openid().await;
    let mut op = Op::first(&world).await;
    let at = format!("{}/accounts/acme/providers/mock-oidc", world.origin);
    let page = op.get("/admin/accounts/acme/providers/mock-oidc").await;
    for (id, address) in [
        (
            "redirect-uri",
            format!("{}/callback/acme/mock-oidc", world.origin),
        ),
        ("backchannel-logout", format!("{at}/backchannel-logout")),
        ("frontchannel-logout", format!("{at}/frontchannel-logout")),
    ] {
        assert!(
            page.shows(&format!(
                "id=\"{id}\" class=\"code\" readonly value=\"{address}\""
            )),
            "{id}: {}",
            page.body
        );
        assert!(page.shows(&format!("data-copy=\"{id}\"")), "{id}");
    }
    world.account("plain").await;
    world.apply("plain", &world.mapping()).await;
    let page = op.get("/admin/accounts/plain/providers/mock-idp").await;
    assert!(page.shows("redirect-uri") && !page.shows("channel-logout"));
}

#[tokio::test]
async fn from_nothing_to_a_login() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    assert!(op.get("/admin/accounts/acme").await.shows("Set up"));
    let draft = filled(&mut op).await;
    let page = op.done(&format!("{draft}apply"), &[]).await;
    assert!(page.shows("The mapping is live"), "{}", page.body);
    let id = "acme".parse().unwrap();
    let mappings = &world.broker.app().logins.mappings;
    let found = mappings
        .get(&id, &"acme".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let idp = world.idp.origin();
    insta::assert_snapshot!(found.value.source.replace(&idp, "http://idp.test"));
    assert_eq!(found.value.author, "ada@example.test");
    world.log_in(&mut Browser::new()).await;
    let page = op.get("/admin/accounts/acme/providers/acme").await;
    assert!(page.shows("100.0 %") && page.shows("1 worked, 0 failed"));
    assert!(
        op.get("/admin/accounts/acme/users")
            .await
            .shows("ada@example.test")
    );
    let page = op.get("/admin/accounts/acme/sessions").await;
    let session = page
        .body
        .split("name=\"session\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let page = op
        .done(
            "/admin/accounts/acme/sessions/revoke",
            &[("session", &session)],
        )
        .await;
    assert!(page.shows("Nobody is logged in"));
}

#[tokio::test]
async fn what_was_typed_stays_and_the_mistake_stands_beside_it() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    let page = op
        .done("/admin/accounts/acme/new", &[("from", "empty")])
        .await;
    assert!(
        !page.shows("class=\"wrong\""),
        "nothing is wrong before it is filled in"
    );
    let draft = page.url.path().trim_end_matches("provider").to_owned();
    let typed = [
        ("authorization.url", "https://https://id.test/x"),
        ("row.0.key", "state"),
        ("row.0.value", "mine"),
        ("callback.code_key", "code"),
        ("action", "next"),
    ];
    let page = op.post(&format!("{draft}authorization"), &typed).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    for kept in [
        "https://https://id.test/x",
        "value=\"state\"",
        "value=\"mine\"",
        "aria-invalid",
    ] {
        assert!(page.shows(kept), "{kept}\n{}", page.body);
    }
    // The same parameter twice can't be kept in a table, but on the page.
    let twice = [
        ("row.0.key", "a"),
        ("row.0.value", "1"),
        ("row.1.key", "a"),
        ("row.1.value", "2"),
        ("action", "next"),
    ];
    let page = op.post(&format!("{draft}authorization"), &twice).await;
    assert!(page.shows("occurs twice") && page.shows("value=\"1\"") && page.shows("value=\"2\""));
    // A new account with a bad id, an editor full of nonsense.
    let page = op
        .post(
            "/admin/",
            &[
                ("id", "Not An Id"),
                ("name", "Typed"),
                ("origin", "https://a.test"),
            ],
        )
        .await;
    assert!(page.status.is_client_error());
    assert!(
        page.shows("Not An Id") && page.shows("value=\"Typed\"") && page.shows("https://a.test")
    );
    let page = op
        .post(
            &format!("{draft}toml"),
            &[("toml", "[provider\nid = "), ("action", "save")],
        )
        .await;
    assert!(page.shows("[provider\nid = ") && page.shows("not valid TOML"));
    let page = op
        .post(
            "/admin/accounts/acme/new",
            &[("from", "sample"), ("text", "{\"x\":true}")],
        )
        .await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.shows("{&quot;x&quot;:true}"));
}

#[tokio::test]
async fn previews_are_what_would_be_sent() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    let page = op
        .done("/admin/accounts/acme/new", &[("from", "empty")])
        .await;
    let draft = page.url.path().trim_end_matches("provider").to_owned();
    let typed = [
        ("token.url", "https://id.test/token"),
        ("token.code_key", "the_code"),
        ("row.0.key", "audience"),
        ("row.0.value", "shop"),
    ];
    let answer = op
        .post(&format!("{draft}token/preview"), &typed)
        .await
        .json();
    let html = answer["preview"].as_str().unwrap();
    for part in [
        "POST https://id.test/token",
        "the_code=<em>{{code}}</em>",
        "audience=shop",
        "grant_type=authorization_code",
        "200 OK",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    let typed = [
        ("userinfo.url", "https://id.test/me"),
        ("userinfo.send_token", "query"),
        ("userinfo.token_key", "tok"),
    ];
    let answer = op
        .post(&format!("{draft}userinfo/preview"), &typed)
        .await
        .json();
    let html = answer["preview"].as_str().unwrap();
    assert!(
        html.contains("GET https://id.test/me?tok=<em>{{access_token}}</em>"),
        "{html}"
    );
    let answer = op
        .post(
            &format!("{draft}token/preview"),
            &[("token.url", "ftp://x")],
        )
        .await
        .json();
    assert_eq!(answer["findings"][0]["key"], "token.url");
}

#[tokio::test]
async fn an_edit_keeps_what_it_does_not_show_and_warns_of_new_identities() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let before = world.mapping();
    let page = op
        .done("/admin/accounts/acme/providers/mock-idp/edit", &[])
        .await;
    assert!(page.shows("value=\"[redacted]\""));
    let draft = page.url.path().trim_end_matches("provider").to_owned();
    op.done(
        &format!("{draft}provider"),
        &[
            ("provider.name", "Renamed"),
            ("client.secret.from", "literal"),
            ("client.secret", "[redacted]"),
            ("action", "next"),
        ],
    )
    .await;
    op.done(
        &format!("{draft}userinfo"),
        &[("userinfo.response.user_id", "email"), ("action", "finish")],
    )
    .await;
    let page = op.get(&format!("{draft}review")).await;
    assert!(page.shows("This changes who users are") && page.shows("Renamed"));
    let page = op.post(&format!("{draft}apply"), &[]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    op.done(&format!("{draft}apply"), &[("understood", "yes")])
        .await;
    let id = "acme".parse().unwrap();
    let mappings = &world.broker.app().logins.mappings;
    let found = mappings
        .get(&id, &"mock-idp".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    let after = before
        .replace("\"Mock Accounts\"", "\"Renamed\"")
        .replace("user_id = \"userId\"", "user_id = \"email\"");
    assert_eq!(found.value.source, after, "comments and all else stay");
    // And back again.
    let page = op
        .done(
            "/admin/accounts/acme/providers/mock-idp/rollback",
            &[("version", "1")],
        )
        .await;
    assert!(page.shows("live again") && page.shows("Mock Accounts"));
    assert!(
        op.get("/admin/accounts/acme/providers/mock-idp/diff?from=1&to=2")
            .await
            .shows("Renamed")
    );
}

#[tokio::test]
async fn the_second_of_two_editors_is_told() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let mut drafts = Vec::new();
    for name in ["First", "Second"] {
        let page = op
            .done("/admin/accounts/acme/providers/mock-idp/edit", &[])
            .await;
        let draft = page.url.path().trim_end_matches("provider").to_owned();
        op.done(
            &format!("{draft}provider"),
            &[("provider.name", name), ("action", "next")],
        )
        .await;
        drafts.push(draft);
    }
    op.done(&format!("{}apply", drafts[0]), &[]).await;
    let page = op.post(&format!("{}apply", drafts[1]), &[]).await;
    assert_eq!(page.status, StatusCode::PRECONDITION_FAILED);
    assert!(page.shows("Someone else changed this mapping") && page.shows("Second"));
    assert!(op.get("/admin/accounts/acme").await.shows("First"));
}

#[tokio::test]
async fn a_test_login_shows_its_exchanges() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    let draft = filled(&mut op).await;
    let page = op.done(&format!("{draft}trial"), &[]).await;
    let link = page
        .body
        .split("readonly value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let address = format!("{}?{}", page.url.path(), page.url.query().unwrap());
    Browser::new()
        .log_in(&format!("{link}&go=true"), "ada", "lovelace")
        .await;
    let page = op.get(&address).await;
    for part in [
        "The login works",
        "Access token exchange",
        "Get user information",
        "client_secret=<em>{{client_secret}}</em>",
        "userinfo.response.email",
    ] {
        assert!(page.shows(part), "{part}\n{}", page.body);
    }
    assert!(world.users("acme").await.is_empty());
}

#[tokio::test]
async fn mappings_begin_from_what_people_have() {
    let world = World::empty().await;
    world.account("acme").await;
    let mut op = Op::first(&world).await;
    let discovery = r#"{"issuer":"https://id.test","authorization_endpoint":"https://id.test/a","token_endpoint":"https://id.test/t","userinfo_endpoint":"https://id.test/u","jwks_uri":"https://id.test/j","response_types_supported":["code"],"scopes_supported":["openid","email"]}"#;
    let page = op
        .done(
            "/admin/accounts/acme/new",
            &[("from", "discovery"), ("text", discovery)],
        )
        .await;
    let draft = page.url.path().trim_end_matches("provider").to_owned();
    let page = op.get(&format!("{draft}toml")).await;
    assert!(
        page.shows("scopes = [&quot;openid&quot;, &quot;email&quot;]")
            && page.shows("user_id = &quot;sub&quot;"),
        "{}",
        page.body
    );
    let sample = r#"{"data":{"uid":"u-7","mail":"ada@example.test","full_name":"Ada"}}"#;
    let page = op
        .done(
            "/admin/accounts/acme/new",
            &[("from", "sample"), ("text", sample)],
        )
        .await;
    let draft = page.url.path().trim_end_matches("provider").to_owned();
    assert!(
        op.get(&format!("{draft}userinfo"))
            .await
            .shows("value=\"$.data.uid\"")
    );
}

#[tokio::test]
async fn a_known_provider_is_an_id_and_a_secret() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let page = op.get("/admin/accounts/acme").await;
    let ask = "/admin/accounts/acme/new/google";
    assert!(page.shows(&format!("href=\"{ask}\"")), "{}", page.body);
    let page = op.get(ask).await;
    let redirect_uri = format!("{}/callback/acme/google", world.origin);
    assert!(page.shows(&format!("readonly value=\"{redirect_uri}\"")));
    assert!(page.shows("name=\"secret\" type=\"password\""));
    assert!(
        !page.shows("value=\"YOUR_") && !page.shows("GOOGLE_CLIENT_SECRET"),
        "nothing of the sample is a value: {}",
        page.body
    );

    // One is missing: the other stays, the secret is not shown again.
    let id = "12-ab.apps.googleusercontent.com";
    let page = op
        .post(ask, &[("YOUR_CLIENT_ID", id), ("secret", "")])
        .await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.shows(&format!("value=\"{id}\"")), "{}", page.body);
    let page = op
        .post(ask, &[("YOUR_CLIENT_ID", ""), ("secret", "GOCSPX-1")])
        .await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!page.shows("GOCSPX-1"));

    let page = op
        .done(ask, &[("YOUR_CLIENT_ID", id), ("secret", "GOCSPX-1")])
        .await;
    assert!(page.shows("<h1>Review</h1>"), "{}", page.body);
    assert!(page.shows(&redirect_uri) && page.shows(&format!("client_id={id}")));
    assert!(!page.shows("GOCSPX-1"));
    let draft = page.url.path().trim_end_matches("review").to_owned();
    let page = op.get(&format!("{draft}provider")).await;
    assert!(page.shows("<option value=\"literal\" selected>"));
    let page = op.done(&format!("{draft}apply"), &[]).await;
    assert!(page.shows("The mapping is live") && page.shows(&redirect_uri));
    assert!(!page.shows("GOCSPX-1"));
    let applied = op.get("/admin/accounts/acme/providers/google").await;
    assert!(applied.shows(id), "{}", applied.body);
}

#[tokio::test]
async fn what_a_sample_leaves_open_is_asked_for() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let ask = "/admin/accounts/acme/new/keycloak";
    let page = op.get(ask).await;
    for label in ["Host", "Realm", "Client ID", "Client secret"] {
        assert!(page.shows(&format!(">{label}</label>")), "{label}");
    }
    let page = op
        .done(
            ask,
            &[
                ("YOUR_HOST", "https://id.acme.test/"),
                ("YOUR_REALM", "shop"),
                ("YOUR_CLIENT_ID", "web"),
                ("secret", "s3cret"),
            ],
        )
        .await;
    let draft = page.url.path().trim_end_matches("review").to_owned();
    let page = op.get(&format!("{draft}toml")).await;
    assert!(
        page.shows("https://id.acme.test/realms/shop/protocol/openid-connect/logout"),
        "{}",
        page.body
    );
    assert!(!page.shows("s3cret"));
}

#[tokio::test]
async fn a_placeholder_does_not_go_live() {
    let world = World::start().await;
    let mapping = world
        .mapping()
        .replace("\"vestibule-demo\"", "\"YOUR_CLIENT_ID\"");
    let mapping = mapping.replace("\"mock-idp\"", "\"other\"");
    assert!(mapping.contains("YOUR_CLIENT_ID"), "{mapping}");
    let mut op = Op::first(&world).await;
    let page = op
        .done(
            "/admin/accounts/acme/new",
            &[("from", "toml"), ("text", &mapping)],
        )
        .await;
    let draft = page.url.path().trim_end_matches("provider").to_owned();
    let page = op.post(&format!("{draft}apply"), &[]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.shows("placeholder"), "{}", page.body);
}

#[tokio::test]
async fn a_secret_in_the_place_of_a_variables_name_is_not_kept() {
    let world = World::start().await;
    let mut op = Op::first(&world).await;
    let page = op
        .done("/admin/accounts/acme/new", &[("from", "empty")])
        .await;
    let draft = page.url.path().trim_end_matches("provider").to_owned();
    let typed = [
        ("client.secret.from", "env"),
        ("client.secret", "GOCSPX-pasted-here"),
        ("client.id", "web"),
        ("action", "next"),
    ];
    let page = op.post(&format!("{draft}provider"), &typed).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.shows("Kept here") && page.shows("value=\"web\""));
    assert!(!page.shows("GOCSPX-pasted-here"), "{}", page.body);
    let page = op.post(&format!("{draft}provider/preview"), &typed).await;
    assert!(!page.shows("GOCSPX-pasted-here"), "{}", page.body);
    let page = op.get(&format!("{draft}toml")).await;
    assert!(!page.shows("GOCSPX-pasted-here"));
}

#[tokio::test]
async fn a_long_history_has_pages() {
    let world = World::start().await;
    for i in 0..52 {
        let name = format!("\"Version {i} \"");
        let mapping = world.mapping().replace("\"Mock Accounts\"", &name);
        world.apply("acme", &mapping).await;
    }
    let mut op = Op::first(&world).await;
    let base = "/admin/accounts/acme/providers/mock-idp";
    let page = op.get(base).await;
    assert_eq!(page.body.matches("Roll back").count(), 49);
    assert!(page.shows("?after=4\""), "{}", page.body);
    let page = op.get(&format!("{base}?after=4")).await;
    assert_eq!(page.body.matches("Roll back").count(), 3);
    assert!(!page.shows("Older") && !page.shows("Live"));
}
