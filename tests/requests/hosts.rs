//! URLs whose host a callback or a token answer names.

use serde_json::json;

use crate::bodies::{errors, previewed};
use crate::scene::Scene;
use crate::support::Browser;

fn listed(scene: &Scene, changes: &str) -> String {
    let host = scene.world.idp.origin();
    let host = host.strip_prefix("http://").unwrap();
    format!("{changes}\n[provider]\nhosts = [\"{host}\"]")
}

/// SocialiteProviders#581, aspnet-contrib#91, nango#328
#[tokio::test]
async fn the_host_is_what_the_callback_or_the_token_answer_says_if_it_is_listed() {
    let changes = r#"
        [token]
        url = "http://{callback.shop}/token"
        [userinfo]
        url = "{token.instance_url}/userinfo"
        [[userinfo.then]]
        name = "more"
        url = "{profile.url}"
    "#;
    let scene = Scene::new(json!({}), "").await;
    let origin = scene.world.idp.origin();
    let host = origin.strip_prefix("http://").unwrap().to_owned();
    let mock = |shop: &str, instance: &str, more: &str| {
        json!({
            "callback": { "extra": { "shop": shop } },
            "token": { "response": { "extra": { "instance_url": instance } } },
            "routes": { "/more": { "tier": "gold" } },
            "accounts": [{ "username": "ada", "password": "lovelace", "profile": {
                "userId": "1", "email": "ada@example.test", "name": "Ada", "url": more,
            } }],
        })
    };
    let changes = &listed(&scene, changes);
    scene.map(changes).await;
    let more = format!("{origin}/more");
    scene.mock(mock(&host, &format!("{origin}/"), &more));
    scene.logs_in().await;
    assert_eq!(scene.world.calls("/more"), 1);
    let (line, _) = previewed(&scene, changes, "userinfo");
    assert_eq!(line, "GET {{token.instance_url}}/userinfo");
    let (line, _) = previewed(&scene, changes, "then more");
    assert_eq!(line, "GET {{profile.url}}");
    let (line, _) = previewed(&scene, changes, "token");
    assert_eq!(line, "POST http://{{callback.shop}}/token");

    let port = host.split_once(':').unwrap().1;
    let before = scene.world.calls("/token");
    for evil in [
        "evil.test".to_owned(),
        format!("{host}@evil.test"),
        format!("evil.test/{host}"),
        format!("evil.test#{host}"),
        format!("evil.test?{host}"),
        format!("evil.test\\{host}"),
        format!("x:y@{host}"),
        format!("{host}/.."),
        "127.0.0.1".to_owned(),
        "127.0.0.1:1".to_owned(),
        format!("localhost:{port}"),
        format!("127.0.0.2:{port}"),
    ] {
        scene.mock(mock(&evil, &origin, &more));
        let why = scene.why().await;
        assert!(why.contains("login.host_not_allowed"), "{evil}: {why}");
        let page = scene.fails("login.host_not_allowed").await;
        assert_eq!(page.status, 502, "{evil}");
    }
    assert_eq!(scene.world.calls("/token"), before, "a code went out");
    // No host at all is a parameter that is missing.
    scene.mock(mock("", &origin, &more));
    scene.fails("login.bad_callback").await;

    let before = scene.world.calls("/userinfo");
    for evil in [
        "https://evil.test",
        "http://127.0.0.1:1/",
        "https://127.0.0.1",
    ] {
        scene.mock(mock(&host, evil, &more));
        scene.fails("login.host_not_allowed").await;
    }
    for no_url in ["evil.test", "ftp://evil.test", "http://127.0.0.1:1/#", ""] {
        scene.mock(mock(&host, no_url, &more));
        scene.fails("login.provider_misconfigured").await;
    }
    assert_eq!(scene.world.calls("/userinfo"), before, "a token went out");
    scene.mock(mock(&host, &origin, "https://evil.test/more"));
    assert_eq!(
        scene.why().await,
        "then login.host_not_allowed: the request cannot be built: the URL's host `evil.test` \
         is not one of `provider.hosts`"
    );
    assert_eq!(scene.world.users("acme").await.len(), 1);
}

/// The list does not open what the network guard keeps shut.
#[tokio::test]
async fn a_listed_host_is_guarded_like_any_other() {
    let scene = Scene::new(json!({}), "").await;
    let inside = "[provider]\nhosts = [\"169.254.169.254\"]\n[token]\nurl = \"http://{callback.shop}/token\"";
    let found = errors(&scene, inside);
    assert!(
        found.len() == 1 && found[0].starts_with("token.url: `169.254.169.254` is a link-local"),
        "{found:?}"
    );
    // A name tells nothing of where it is.
    let name = "[provider]\nhosts = [\"a.test\", \"10.0.0.1\"]\nemail_trust = \"never\"\n[token]\nurl = \"https://{callback.shop}/token\"";
    scene.map(name).await;
    scene.mock(json!({ "callback": { "extra": { "shop": "10.0.0.1" } } }));
    let why = scene.why().await;
    assert!(
        why.starts_with("token login.provider_misconfigured: ") && why.contains("10.0.0.1"),
        "{why}"
    );
}

#[tokio::test]
async fn check_says_what_is_wrong_with_a_host() {
    let scene = Scene::new(json!({}), "").await;
    let shop = "[token]\nurl = \"https://{callback.shop}/token\"";
    assert_eq!(
        errors(&scene, shop),
        ["token.url: the host of a URL is fixed; `{…}` may stand in its path and query"]
    );
    assert_eq!(
        errors(
            &scene,
            "[provider]\nhosts = [\"*.com\", \"https://a.test/\", \"*\"]"
        ),
        [
            "provider.hosts.0: `*.com`: `*.` needs a name of at least two parts behind it",
            "provider.hosts.1: `https://a.test/`: not a host",
            "provider.hosts.2: `*`: not a host",
        ]
    );
    assert_eq!(
        errors(
            &scene,
            "[provider]\nhosts = [\"a.test\"]\n[userinfo]\nurl = \"https://{access_token}/me\""
        ),
        ["userinfo.url: `{access_token}` is nothing that names a host"]
    );
    assert_eq!(
        errors(
            &scene,
            &format!("{shop}\n[provider]\nhosts = [\"*.shops.test\"]")
        ),
        ["provider.email_trust: whoever has one of these hosts can give any email there"]
    );
}

/// A visitor who says which shop it is, as nango's and Shopify's do.
#[tokio::test]
async fn the_host_is_what_the_link_to_the_login_says_if_it_is_listed() {
    let changes = r#"
        [authorization]
        url = "http://{login.shop}/authorize"
        parameters = { theme = "{login.theme}" }
        [token]
        url = "http://{login.shop}/token"
        [userinfo]
        url = "http://{login.shop}/userinfo"
        [userinfo.response]
        user_id = { all = ["{login.shop}", "userId"] }
        [userinfo.response.attributes]
        shop = "{login.shop}"
        tier = "{login.tier}"
    "#;
    let scene = Scene::new(json!({}), "").await;
    let origin = scene.world.idp.origin();
    let host = origin.strip_prefix("http://").unwrap().to_owned();
    let changes = &listed(&scene, changes);
    scene.map(changes).await;
    let link = |query: &str| {
        scene
            .world
            .url("acme", &format!("login?provider=custom&{query}"))
    };
    let good = format!(
        "shop={}&theme=dark&return_to=/welcome",
        host.replace(':', "%3A")
    );
    let browser = &mut Browser::new();
    let end = browser.log_in(&link(&good), "ada", "lovelace").await;
    assert_eq!(end.url.path(), "/welcome", "{}", end.body);
    let user = scene.user().await;
    assert_eq!(
        user.links[0].user_id,
        format!(
            "{host}/{}",
            user.links[0].user_id.rsplit('/').next().unwrap()
        )
    );
    let sent = scene.last("/authorize");
    assert!(sent.target.contains("theme=dark"), "{}", sent.target);
    let (line, _) = previewed(&scene, changes, "authorization");
    assert!(
        line.starts_with("GET http://{{login.shop}}/authorize?"),
        "{line}"
    );
    let (line, _) = previewed(&scene, changes, "token");
    assert_eq!(line, "POST http://{{login.shop}}/token");

    // Anybody can write such a link.
    let before = scene.world.calls("/authorize");
    for evil in [
        "evil.test".to_owned(),
        format!("{host}@evil.test"),
        format!("evil.test/{host}"),
        format!("{host}/.."),
        "127.0.0.1".to_owned(),
    ] {
        let evil: String = form_urlencoded::byte_serialize(evil.as_bytes()).collect();
        let page = Browser::new()
            .get(link(&format!("shop={evil}&theme=x")))
            .await;
        assert!(
            page.shows("login.host_not_allowed"),
            "{evil}: {}",
            page.body
        );
    }
    for lacking in ["theme=dark", "shop=&theme=dark", "shop=a%0Ab&theme=dark"] {
        let page = Browser::new().get(link(lacking)).await;
        assert!(
            page.shows("login.parameter_missing"),
            "{lacking}: {}",
            page.body
        );
    }
    let long = format!("shop={}&theme=x", "a".repeat(300));
    assert!(
        Browser::new()
            .get(link(&long))
            .await
            .shows("login.parameter_missing")
    );
    assert_eq!(scene.world.calls("/authorize"), before);
}

#[tokio::test]
async fn check_says_which_parameters_a_link_may_have() {
    let scene = Scene::new(json!({}), "").await;
    let found = errors(
        &scene,
        "[authorization]\nparameters = { x = \"{login.provider}\" }",
    );
    assert_eq!(
        found,
        ["provider: `{login.provider}`: `provider` has a meaning of its own in a login's address"]
    );
    let found = errors(
        &scene,
        "[authorization]\nurl = \"http://{login.shop}/authorize\"",
    );
    assert!(
        found
            .iter()
            .any(|f| f.contains("the host of a URL is fixed")),
        "{found:?}"
    );
    let found = errors(&scene, "[authorization]\nurl = \"{origin}/{callback.x}\"");
    assert!(
        found
            .iter()
            .any(|f| f.contains("`{callback.x}` has no value yet")),
        "{found:?}"
    );
}
