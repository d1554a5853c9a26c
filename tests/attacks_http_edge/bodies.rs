//! Bodies and parameters.

use super::*;

#[tokio::test]
async fn h09_bodies() {
    let world = World::start().await;
    for path in [
        "/callback",
        "/accounts/acme/callback",
        "/accounts/acme/logout",
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 104857600\r\n\r\n"
        );
        let answer = world.raw(head + &"a".repeat(100_000)).await;
        assert_eq!(status(&answer), 413, "{path}");
        assert!(answer.contains("request.too_large"), "{path}: {answer}");
        let chunk = format!("{:x}\r\n{}\r\n", 80_000, "a".repeat(80_000));
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
        );
        assert_eq!(status(&world.raw(head).await), 413, "{path}");
    }
    let deep = "[".repeat(30_000);
    let page = Browser::new()
        .send(
            Method::POST,
            &format!("{}/callback", world.origin),
            &[("content-type", "application/json")],
            Some(deep),
        )
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn h10_odd_parameters() {
    let world = World::start().await;
    let many = (0..10_000)
        .map(|i| format!("p{i}="))
        .collect::<Vec<_>>()
        .join("&");
    for endpoint in [
        "login",
        "session",
        "check",
        "finish",
        "logout",
        "error",
        "signed-out",
    ] {
        for query in [
            "a=%00",
            "a=%ff",
            "a=%c3%28",
            "%ff=a",
            "a=%ed%a0%80",
            "return_to=/&return_to=/",
            "lang=en&lang=es",
            &*many,
        ] {
            let answer = world
                .raw_get(&format!("/accounts/acme/{endpoint}?{query}"))
                .await;
            assert!(
                [400, 414, 431].contains(&status(&answer)),
                "{endpoint}?{query:.40}: {answer:.40}"
            );
            assert!(!answer.contains("set-cookie"), "{endpoint}");
        }
    }
    for query in [
        "state=%00&code=x",
        "state=%ff",
        &*many,
        &"state=x&".repeat(5_000),
        &"&".repeat(50_000),
        &format!("state={}", "a".repeat(60_000)),
        &format!("{}=x", "s".repeat(60_000)),
    ] {
        let answer = world.raw_get(&format!("/callback?{query}")).await;
        assert!(
            [303, 400, 414, 431].contains(&status(&answer)),
            "{query:.40}: {answer:.40}"
        );
        let body = format!(
            "POST /callback HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{query}",
            query.len()
        );
        let answer = world.raw(body).await;
        assert!(
            [303, 413].contains(&status(&answer)),
            "{query:.40}: {answer:.40}"
        );
    }
    let invalid = [b"POST /callback HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\nConnection: close\r\n\r\nstate=\xff\xfe\x00".as_slice()].concat();
    assert_eq!(status(&world.raw(invalid).await), 400);
}
