//! Where the token goes, and how answers are written.

use serde_json::{Value, json};

use crate::scene::{Scene, value};

/// authentik#1910, #3327
#[tokio::test]
async fn c12_token_sent_once_and_where_it_is_wanted() {
    let scene = Scene::new(json!({}), "").await;
    let places: [(Value, &str); 7] = [
        (json!({ "token_in": "bearer" }), ""),
        (
            json!({ "token_in": "bearer", "scheme": "OAuth" }),
            "scheme = \"OAuth\"",
        ),
        (
            json!({ "token_in": "bearer", "scheme": "" }),
            "scheme = \"\"",
        ),
        (
            json!({ "token_in": "query", "token_key": "oauth_token" }),
            "send_token = \"query\"\ntoken_key = \"oauth_token\"",
        ),
        (json!({ "token_in": "body" }), "send_token = \"body\""),
        (
            json!({ "token_in": "path" }),
            "url = \"{origin}/userinfo/{access_token}\"",
        ),
        (
            json!({ "token_in": "header", "token_key": "x-acs-token" }),
            "headers = { x-acs-token = \"{access_token}\" }",
        ),
    ];
    for (userinfo, lines) in places {
        scene.mock(json!({ "userinfo": userinfo }));
        scene.map(&format!("[userinfo]\n{lines}")).await;
        scene.logs_in().await;
        let journal = scene.world.idp.journal();
        let request = journal.last().unwrap();
        let whole = format!("{} {:?} {}", request.target, request.headers, request.body);
        let token = whole
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .find(|word| word.len() == 43)
            .unwrap_or_else(|| panic!("no token in {whole}"));
        assert_eq!(whole.matches(token).count(), 1, "{whole}");
    }
}

/// QQ, old Facebook, GitHub
#[tokio::test]
async fn c13_jsonp_form_and_xml_bodies() {
    let scene = Scene::new(json!({}), "").await;
    for format in ["json", "form", "jsonp"] {
        let as_format = json!({ "format": format });
        for named in ["", "format = \"", "format = \"auto"] {
            let lines = match named {
                "format = \"" => format!("{named}{format}\""),
                "" => String::new(),
                auto => format!("{auto}\""),
            };
            scene.mock(json!({
                "token": { "response": as_format }, "userinfo": { "response": as_format },
            }));
            scene
                .map(&format!(
                    "[token.response]\n{lines}\n[userinfo.response]\n{lines}"
                ))
                .await;
            scene.logs_in().await;
        }
    }
    scene.mock(json!({
        "token": { "response": { "format": "xml" } },
        "userinfo": { "response": { "format": "xml" } },
    }));
    scene
        .map(
            r#"
            [token.response]
            access_token = "$.response.access_token"
            [userinfo.response]
            user_id = "$.response.userId"
            email = "$.response.email"
            name = "$.response.name"
            "#,
        )
        .await;
    assert_eq!(scene.logs_in().await["name"], "Ada Lovelace");
}

/// tolgee-platform#3144, oidc-client-js#1315
#[tokio::test]
async fn c14_content_types_are_not_taken_literally() {
    let scene = Scene::new(json!({}), "").await;
    for content_type in [
        "application/json;charset=UTF-8",
        "APPLICATION/JSON",
        "text/json",
        "text/plain; charset=utf-8",
        "text/html;charset=utf-8",
        "text/javascript",
        "application/octet-stream",
        "application/vnd.acme.v2+json",
        "application/x-www-form-urlencoded",
        "nonsense",
        "",
    ] {
        let as_type = json!({ "content_type": content_type });
        scene.mock(json!({
            "token": { "response": as_type }, "userinfo": { "response": as_type },
        }));
        scene.logs_in().await;
    }
}

/// kratos#3897, pomerium#5791
#[tokio::test]
async fn c15_no_openid_where_there_is_none() {
    let scene = Scene::new(
        json!({ "token": { "response": { "extra": { "id_token": "not.a.token" } } } }),
        "[authorization]\nscopes = [\"openid\"]",
    )
    .await;
    scene.logs_in().await;
    let paths: Vec<String> = scene
        .world
        .idp
        .journal()
        .into_iter()
        .map(|entry| entry.path)
        .collect();
    assert_eq!(paths, ["/authorize", "/login", "/token", "/userinfo"]);
    assert_eq!(value(&scene.last("/authorize").query(), "nonce"), None);
}
