//! Bodies that are absent, written out, or more than texts.

use serde_json::{Value, json};
use vestibule::document::Finding;
use vestibule::provider::preview::preview;
use vestibule::provider::request::encode;

use crate::scene::{Scene, mapping, value};

/// The request of a step as a preview shows it.
pub fn previewed(scene: &Scene, changes: &str, step: &str) -> (String, String) {
    let text = mapping(&scene.world.idp.origin(), changes);
    let logins = &scene.world.broker.app().logins;
    let provider = logins.mappings.compile(&text).unwrap();
    let shown = preview(&provider, None).unwrap();
    let step = shown.requests.iter().find(|s| s.name == step).unwrap();
    (step.request.line.clone(), step.request.body.clone())
}

/// What a check says of a mapping: key and message of each error.
pub fn errors(scene: &Scene, changes: &str) -> Vec<String> {
    let text = mapping(&scene.world.idp.origin(), changes);
    let logins = &scene.world.broker.app().logins;
    let found = logins.mappings.compile(&text).unwrap_err();
    let errors = found.iter().filter(|finding| Finding::is_error(finding));
    errors
        .map(|f| format!("{}: {}", f.key, f.message))
        .collect()
}

/// Dropbox, next-auth#11397: a form there is refused.
#[tokio::test]
async fn a_post_without_a_body_has_neither_body_nor_content_type() {
    let changes =
        "[userinfo]\nmethod = \"POST\"\ncontent_type = \"none\"\nparameters = { fields = \"a b\" }";
    let scene = Scene::new(json!({}), changes).await;
    scene.logs_in().await;
    let sent = scene.last("/userinfo");
    assert_eq!((sent.method.as_str(), sent.body.as_str()), ("POST", ""));
    assert_eq!(sent.header("content-type"), None);
    // Some servers answer 411 to a POST that does not say how long it is.
    assert_eq!(sent.header("content-length"), Some("0"));
    assert_eq!(sent.target, "/userinfo?fields=a%20b");
    let (line, body) = previewed(&scene, changes, "userinfo");
    assert!(line.ends_with(&sent.target), "{line}");
    assert_eq!(body, "");
}

/// pocketbase#7377
#[tokio::test]
async fn a_body_is_sent_as_the_mapping_writes_it() {
    let null = "[userinfo]\nbody = \"null\"\ncontent_type = \"application/json\"";
    let scene = Scene::new(json!({}), null).await;
    scene.logs_in().await;
    let sent = scene.last("/userinfo");
    assert_eq!((sent.method.as_str(), sent.body.as_str()), ("POST", "null"));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(previewed(&scene, null, "userinfo").1, "null");

    let graphql = r#"
        [userinfo]
        content_type = "application/json"
        body = '{"query":"query($n: Int!) { me(n: $n) { id } }","variables":{"n": {token.expires_in}, "at": "{token.token_type}"}}'
    "#;
    scene.map(graphql).await;
    scene.logs_in().await;
    let body: Value = serde_json::from_str(&scene.last("/userinfo").body).unwrap();
    let variables = json!({ "n": 3600, "at": "Bearer" });
    assert_eq!(body["variables"].to_string(), variables.to_string());
    let (_, shown) = previewed(&scene, graphql, "userinfo");
    assert!(
        shown.contains(r#""n": {{token.expires_in}}, "at": "{{token.token_type}}""#),
        "{shown}"
    );
}

#[tokio::test]
async fn a_token_body_that_is_written_out_has_code_secret_and_verifier() {
    let scene = Scene::new(json!({ "pkce_required": true }), "").await;
    let form = r#"
        [token]
        body = "grant_type=authorization_code&code={code}&client_id={client_id}&client_secret={client_secret}&code_verifier={code_verifier}&redirect_uri={redirect_uri}"
    "#;
    scene.map(form).await;
    scene.logs_in().await;
    let sent = scene.last("/token");
    assert!(sent.body.starts_with("grant_type=authorization_code&code="));
    let redirect_uri = value(&scene.last("/authorize").query(), "redirect_uri")
        .unwrap()
        .to_owned();
    assert!(sent.body.ends_with(&encode(&redirect_uri)), "{}", sent.body);
    let (_, shown) = previewed(&scene, form, "token");
    assert!(
        shown.contains("client_secret={{client_secret}}&code_verifier={{code_verifier}}"),
        "{shown}"
    );

    let found = errors(&scene, "[token]\nbody = \"x\"\nparameters = { a = 1 }");
    assert_eq!(
        found,
        [
            "token.body: the body has no `{code}` in it",
            "token.body: the client secret is sent in the body (`client.authentication`), and the body has no `{client_secret}` in it",
            "token.body: PKCE is used (`authorization.pkce`), and the body has no `{code_verifier}` in it",
            "token.parameters: parameters are not sent where the mapping writes the body",
        ]
    );
}

/// What comes from outside stays one value, in whatever it is written into.
#[tokio::test]
async fn a_value_cannot_break_out_of_a_body() {
    let evil = "x\",\"admin\":true,\"y\":\"<&>\\";
    let scene = Scene::new(
        json!({ "callback": { "extra": { "hint": evil } } }),
        "[userinfo]\ncontent_type = \"application/json\"\nbody = '{\"hint\":\"{callback.hint}\"}'",
    )
    .await;
    scene.logs_in().await;
    let body: Value = serde_json::from_str(&scene.last("/userinfo").body).unwrap();
    assert_eq!(body, json!({ "hint": evil }));

    scene
        .map("[userinfo]\nheaders = { Content-Type = \"application/xml\" }\nbody = '<h>{callback.hint}</h>'")
        .await;
    scene.logs_in().await;
    let sent = scene.last("/userinfo");
    assert_eq!(sent.header("content-type"), Some("application/xml"));
    assert_eq!(
        sent.body,
        "<h>x&#34;,&#34;admin&#34;:true,&#34;y&#34;:&#34;&#60;&#38;&#62;\\</h>"
    );

    scene
        .map("[userinfo]\nbody = 'hint={callback.hint}&z=1'")
        .await;
    scene.logs_in().await;
    let form = scene.last("/userinfo").form();
    assert_eq!(value(&form, "hint"), Some(evil));
    assert_eq!(form.len(), 2);

    // Without quotes only a number or a boolean can stand.
    scene
        .map("[userinfo]\ncontent_type = \"application/json\"\nbody = '{\"hint\":{callback.hint}}'")
        .await;
    let before = scene.world.calls("/userinfo");
    assert_eq!(
        scene.why().await,
        "userinfo login.provider_misconfigured: the request cannot be built: `{callback.hint}` \
         stands outside of quotes in the body, and is neither a number nor a boolean"
    );
    assert_eq!(scene.world.calls("/userinfo"), before);
}

/// openiddict#2284
#[tokio::test]
async fn parameters_are_numbers_booleans_lists_and_tables() {
    let changes = r#"
        [token]
        content_type = "application/json"
        parameters = { ttl = 3600, ratio = 0.5, offline = true, roles = ["a", 1], device = { id = "{callback.state}", os = { version = 7 } } }
        [userinfo]
        method = "POST"
        parameters = { depth = 2, filter = { active = true, in = ["x y"] } }
    "#;
    let scene = Scene::new(json!({ "token": { "encoding": "json" } }), changes).await;
    scene.logs_in().await;
    let state = value(&scene.last("/authorize").query(), "state")
        .unwrap()
        .to_owned();
    let sent = scene.last("/token").json().unwrap();
    let wanted = json!({ "ttl": 3600, "offline": true, "roles": ["a", 1],
        "device": { "id": state, "os": { "version": 7 } } });
    for (name, wanted) in wanted.as_object().unwrap() {
        assert_eq!(&sent[name], wanted, "{name}");
    }
    assert_eq!(sent["ratio"].to_string(), "0.5");
    // In a form they are what JSON makes of them.
    let form = scene.last("/userinfo").form();
    assert_eq!(value(&form, "depth"), Some("2"));
    assert_eq!(
        value(&form, "filter"),
        Some(r#"{"active":true,"in":["x y"]}"#)
    );
    let (_, shown) = previewed(&scene, changes, "token");
    assert!(
        shown.contains(r#""device":{"id":"{{callback.state}}","os":{"version":7}}"#),
        "{shown}"
    );

    // OpenID Connect Core §5.5
    scene.mock(json!({}));
    scene
        .map("[authorization]\nparameters = { claims = { userinfo = { email = { essential = true } } } }")
        .await;
    scene.logs_in().await;
    assert_eq!(
        value(&scene.last("/authorize").query(), "claims"),
        Some(r#"{"userinfo":{"email":{"essential":true}}}"#)
    );
    assert_eq!(
        errors(&scene, "[token]\nparameters = { a = { on = 2026-01-01 } }"),
        ["token.parameters.a.on: a date, infinity or not-a-number has no form in a request"]
    );
}

/// grant#269
#[tokio::test]
async fn scopes_stand_in_the_url_as_they_are() {
    let changes = "[authorization]\nscopes = [\"read:user\", \"a&b\"]\nscope_separator = \",\"";
    let scene = Scene::new(json!({}), changes).await;
    scene.logs_in().await;
    let target = scene.last("/authorize").target;
    assert!(target.contains("&scope=read%3Auser%2Ca%26b&"), "{target}");
    let bare = format!("{changes}\nscope_unencoded = true");
    scene.map(&bare).await;
    scene.logs_in().await;
    let target = scene.last("/authorize").target;
    assert!(target.contains("&scope=read:user,a%26b&"), "{target}");
    let (line, _) = previewed(&scene, &bare, "authorization");
    assert!(line.contains("&scope=read:user,a%26b&"), "{line}");
}
