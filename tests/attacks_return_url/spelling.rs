//! Addresses that look like one of the store.

use super::*;

#[tokio::test]
async fn r01_slashes() {
    let world = World::start().await;
    for text in [
        "//evil.test",
        "///evil.test",
        "////evil.test/%2f..",
        "//evil.test//",
        "//127.0.0.1/x",
    ] {
        stays_everywhere(&world, &encoded(text)).await;
    }
}

#[tokio::test]
async fn r02_backslashes_and_tabs() {
    let world = World::start().await;
    for text in [
        "/\\evil.test",
        "/%5cevil.test",
        "/%5Cevil.test",
        "/\t/evil.test",
        "\\\\evil.test",
        "\\/evil.test",
        "/\\/evil.test",
        "https:\\\\evil.test",
        "https:/\\evil.test",
        "/\t\\evil.test",
        "\t//evil.test",
    ] {
        stays_everywhere(&world, &encoded(text)).await;
    }
}

#[tokio::test]
async fn r03_white_space_and_dots() {
    let world = World::start().await;
    for text in [
        "/ /evil.test",
        "/%09/evil.test",
        "/\u{b}/evil.test",
        "/\n/evil.test",
        "/./",
        "/../",
        "/..//evil.test",
        "/.//evil.test",
        "/%2e%2e//evil.test",
        "/%2e//evil.test",
        "/a/..//evil.test",
        "/;//evil.test",
        " //evil.test",
        "/\u{85}/evil.test",
        "/\u{a0}/evil.test",
        "/\u{2028}/evil.test",
        "/%00/evil.test",
        ".evil.test",
        "..//evil.test",
    ] {
        stays_everywhere(&world, &encoded(text)).await;
    }
}

#[tokio::test]
async fn r04_user_information() {
    let world = World::start().await;
    let host = world.origin.strip_prefix("http://").unwrap().to_owned();
    for text in [
        "@evil.test".to_owned(),
        ".evil.test".to_owned(),
        format!("http://{host}@evil.test/"),
        format!("http://{host}:80@evil.test/"),
        format!("http://user@{host}/"),
        format!("http://evil.test@{host}/"),
        format!("http://{host}%40evil.test/"),
        format!("http://{host}%00.evil.test/"),
        format!("http://evil.test#@{host}/"),
        format!("http://evil.test?@{host}/"),
        format!("http://evil.test\\@{host}/"),
    ] {
        assert_eq!(stays(&world, &encoded(&text)).await, None, "{text}");
    }
}

#[tokio::test]
async fn r05_prefix_and_suffix() {
    let world = World::empty().await;
    let stores = [
        (&*world.origin, "/accounts/acme"),
        ("https://shop.test", "/_auth"),
    ];
    world.account_with("acme", &stores).await;
    world.apply("acme", &world.mapping()).await;
    for text in [
        "https://shop.test.evil.test/",
        "https://evil-shop.test/",
        "https://shop.testevil.test/",
        "https://shop.test:8443/",
        "http://shop.test/",
        "https://www.shop.test/",
        "https://shop/",
        "https://evil.test/https://shop.test/",
        "https://shop.test..evil.test/",
    ] {
        assert_eq!(stays(&world, &encoded(text)).await, None, "{text}");
    }
    let port = Url::parse(&world.origin).unwrap().port().unwrap();
    for text in [
        format!("http://127.0.0.1:{}/", port ^ 1),
        format!("http://127.0.0.1:{port}0/"),
        "http://127.0.0.1/".to_owned(),
    ] {
        assert_eq!(stays(&world, &encoded(&text)).await, None, "{text}");
    }
}

#[tokio::test]
async fn r06_schemes() {
    let world = World::start().await;
    for text in [
        "javascript:alert(1)",
        "java\rscript:alert(1)",
        "JaVaScRiPt://%0aalert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://evil.test/",
        "blob:x",
        "view-source:x",
        "https:evil.test",
        "https:/evil.test",
        "https:///evil.test",
        "http:",
        "https://",
        "mailto:a@evil.test",
        "intent://evil.test",
        "x",
        "?x",
        "#x",
    ] {
        assert_eq!(stays(&world, &encoded(text)).await, None, "{text}");
    }
}

#[tokio::test]
async fn r07_is_decoded_once() {
    let world = World::start().await;
    let end = stays(&world, "%2Fok%2F..%25252f..%25252fadmin%3Fx%3D%252Fy%2526z")
        .await
        .unwrap();
    assert_eq!(
        end.as_str(),
        format!("{}/ok/..%252f..%252fadmin?x=%2Fy%26z", world.origin)
    );
    let end = stays(&world, "%2Fok%2F%252e%252e%2F%252e%252e%2Fadmin")
        .await
        .unwrap();
    assert_eq!(end.path(), "/admin");
}

#[tokio::test]
async fn r08_odd_hosts_are_canonical_before_they_are_compared() {
    let world = World::start().await;
    let port = Url::parse(&world.origin).unwrap().port().unwrap();
    for host in [
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "127。0。0。1",
        "%31%32%37.0.0.1",
    ] {
        let end = stays(&world, &encoded(&format!("HTTP://{host}:{port}/x"))).await;
        if let Some(end) = end {
            assert_eq!(end.as_str(), format!("{}/x", world.origin), "{host}");
        }
    }
    for host in [
        "[::ffff:127.0.0.1]",
        "[::1]",
        "127.0.0.1.evil.test",
        "evil〱test",
        "2130706434",
        "[::ffff:7f00:1%25eth0]",
    ] {
        let end = stays(&world, &encoded(&format!("http://{host}:{port}/x"))).await;
        assert_eq!(end, None, "{host}");
    }
}
