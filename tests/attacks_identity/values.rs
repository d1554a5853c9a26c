//! What counts as an id and as an email.

use super::*;

#[tokio::test]
async fn m03_what_is_no_email() {
    let world = World::start().await;
    for email in [
        "a@evil.test@ok.test",
        "\"e@evil.test\"@ok.test",
        "a@ok.test,b@evil.test",
        "a@ok.test, b@evil.test",
        "a\u{ff20}ok.test",
        "a@ok.test\u{0}",
        "a@ok.test\r\nBcc: b@evil.test",
        "A <a@ok.test>",
        "a(comment)@ok.test",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a@ok..test",
        "a@-ok.test",
        ".a@ok.test",
        "a.@ok.test",
        "a..b@ok.test",
        "@ok.test",
        "a@",
        "a",
        "a@%6fk.test",
        "a@\u{ff4f}k.test",
        "a@o\u{ad}k.test",
        "a@ok\u{3002}test",
        "a@ok.test.",
        "a b@ok.test",
        "a@ok.test?cc=b@evil.test",
        "a@ok_.test",
        "a@*.test",
        "ä@ok.test",
        "a@ok.test;b@evil.test",
        "a\\@evil.test@ok.test",
    ] {
        refused(&world, profile("1", email), "login.email_invalid").await;
    }
    refused(
        &world,
        profile("1", &format!("a@{}.test", "x".repeat(300))),
        "login.email_invalid",
    )
    .await;
    refused(
        &world,
        profile("1", &format!("{}@ok.test", "x".repeat(65))),
        "login.email_invalid",
    )
    .await;
    for email in [
        json!(["a@ok.test", "b@ok.test"]),
        json!({ "address": "a@ok.test" }),
        json!(7),
        json!(true),
    ] {
        refused(
            &world,
            json!({ "userId": "1", "email": email }),
            "login.email_invalid",
        )
        .await;
    }
    for email in [json!(null), json!(""), json!("  ")] {
        refused(
            &world,
            json!({ "userId": "1", "email": email }),
            "login.email_missing",
        )
        .await;
    }
    assert!(world.users("acme").await.is_empty());
    let user = login(&world, profile("1", "A.b+c@OK.Test")).await.unwrap();
    assert_eq!(user.email, "A.b+c@ok.test");
}

#[tokio::test]
async fn m05_ids_are_whole() {
    let world = World::start().await;
    let mut seen = Vec::new();
    for (i, id) in [
        "admin",
        "admin ",
        " admin",
        "Admin",
        "admin\u{200b}",
        "\u{430}dmin",
        "admin%00",
        "1",
        "01",
        "1.0",
        "null",
        "../admin",
    ]
    .into_iter()
    .enumerate()
    {
        let user = login(&world, profile(id, &format!("u{i}@ok.test")))
            .await
            .unwrap();
        assert!(!seen.contains(&user.id), "{id:?}");
        assert_eq!(user.links[0].user_id, id);
        seen.push(user.id);
    }
    for id in [
        json!("admin\u{0}"),
        json!("admin\u{0}x"),
        json!("a\nb"),
        json!(""),
        json!(null),
        json!("x".repeat(256)),
        json!([1, 2]),
        json!({ "a": 1 }),
        json!(true),
    ] {
        refused(
            &world,
            json!({ "userId": id, "email": "z@ok.test" }),
            "login.user_id_missing",
        )
        .await;
    }
    // The provider's id and the user's id never run into one another.
    let same = login(&world, profile("admin", "u0@ok.test")).await.unwrap();
    assert_eq!(same.id, seen[0]);
}

#[tokio::test]
async fn m13_numbers_arrive_whole() {
    let world = World::start().await;
    for (number, text) in [
        ("9007199254740993", "9007199254740993"),
        ("12345678", "12345678"),
        (
            "123456789012345678901234567890",
            "123456789012345678901234567890",
        ),
        ("-1", "-1"),
        // However it is written, it is that number.
        ("1e3", "1000"),
    ] {
        world.idp.set_faults(mock_idp::Faults::none().on(
            "userinfo",
            FaultKind::Body {
                content_type: "application/json".to_owned(),
                text: format!(
                    r#"{{"userId":{number},"email":"n{}@ok.test"}}"#,
                    number.len()
                ),
            },
        ));
        let user = login(&world, json!({})).await.unwrap();
        assert_eq!(user.links[0].user_id, text);
    }
    // A number and the same digits as text are one id, and that is stated.
    world.idp.set_faults(mock_idp::Faults::none());
    let users = world.users("acme").await.len();
    login(&world, profile("12345678", "n8@ok.test"))
        .await
        .unwrap();
    assert_eq!(world.users("acme").await.len(), users);
    assert!(START.starts_with("login"));
}

#[tokio::test]
async fn f20_a_picture_is_a_web_address_or_left_out() {
    let world = World::start().await;
    let mapping = format!("{}\npicture = \"picture\"", world.mapping());
    world.apply("acme", &mapping).await;
    let pictures = [
        ("https://img.test/1.png", true),
        ("http://img.test/1.png?s=80", true),
        ("javascript:alert(1)", false),
        (" JaVaScRiPt:alert(1)", false),
        ("data:text/html,<script>", false),
        ("vbscript:x", false),
        ("//img.test/1.png", false),
        ("file:///etc/passwd", false),
    ];
    // Of somebody each: what was said before stays where a login says nothing.
    for (number, (picture, kept)) in pictures.into_iter().enumerate() {
        let mut person = profile(&format!("20{number}"), &format!("ada{number}@example.test"));
        person["picture"] = json!(picture);
        let user = login(&world, person).await.unwrap();
        let found = user.more.get("picture").and_then(|p| p.as_str());
        assert_eq!(found, kept.then_some(picture), "{picture}");
    }
}
