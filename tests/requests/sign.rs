//! Signatures over requests: the schemes of several providers' documents, each
//! checked by a reckoning of its own.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use mock_idp::JournalEntry;
use serde_json::json;

use crate::bodies::{errors, previewed};
use crate::scene::{Scene, mapping, value};
use crate::support::Browser;

fn md5_hex(text: &str) -> String {
    let digits = Md5::digest(text.as_bytes());
    digits.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hmac_hex(algorithm: aws_lc_rs::hmac::Algorithm, key: &str, text: &str) -> String {
    let key = aws_lc_rs::hmac::Key::new(algorithm, key.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, text.as_bytes());
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// All parameters but one, sorted by name.
fn sorted(sent: &JournalEntry, without: &[&str]) -> Vec<(String, String)> {
    let mut pairs: Vec<_> = sent.query().into_iter().chain(sent.form()).collect();
    pairs.retain(|(name, _)| !without.contains(&name.as_str()));
    pairs.sort();
    pairs
}

fn of(sent: &JournalEntry, name: &str) -> String {
    let pairs: Vec<_> = sent.query().into_iter().chain(sent.form()).collect();
    value(&pairs, name).unwrap().to_owned()
}

const SECRET: &str = "vestibule-demo-secret";

/// passport-facebook#194: `appsecret_proof`
#[tokio::test]
async fn an_hmac_of_the_token_by_the_secret() {
    let changes = r#"
        [userinfo]
        send_token = "query"
        [[userinfo.sign]]
        name = "appsecret_proof"
        algorithm = "hmac_sha256"
        text = "{access_token}"
    "#;
    let wants = json!({ "name": "appsecret_proof", "algorithm": "hmac_sha256", "text": "{token}" });
    let scene = Scene::new(json!({ "userinfo": { "signature": wants } }), changes).await;
    scene.logs_in().await;
    let sent = scene.last("/userinfo");
    let wanted = hmac_hex(
        aws_lc_rs::hmac::HMAC_SHA256,
        SECRET,
        &of(&sent, "access_token"),
    );
    assert_eq!(of(&sent, "appsecret_proof"), wanted);
    let (line, _) = previewed(&scene, changes, "userinfo");
    assert!(
        line.ends_with("?access_token={{access_token}}&appsecret_proof={{sign.appsecret_proof}}"),
        "{line}"
    );
}

/// Odnoklassniki: `sig` over sorted pairs and a secret that is itself a digest.
#[tokio::test]
async fn a_digest_of_sorted_pairs_and_of_another_digest() {
    let changes = r#"
        [userinfo]
        send_token = "query"
        parameters = { application_key = "PUBLIC", method = "users.getCurrentUser", format = "json" }
        [[userinfo.sign]]
        name = "session_secret"
        in = "nowhere"
        algorithm = "md5"
        text = "{access_token}{client_secret}"
        [[userinfo.sign]]
        name = "sig"
        algorithm = "md5"
        separator = ""
        leave_out = ["access_token"]
        text = "{request.parameters}{sign.session_secret}"
    "#;
    let wants = json!({
        "name": "sig", "text": "{parameters}{session_secret}",
        "separator": "", "leave_out": ["access_token"],
    });
    let scene = Scene::new(json!({ "userinfo": { "signature": wants } }), changes).await;
    scene.logs_in().await;
    let sent = scene.last("/userinfo");
    let secret = md5_hex(&format!("{}{SECRET}", of(&sent, "access_token")));
    let text = format!("application_key=PUBLICformat=jsonmethod=users.getCurrentUser{secret}");
    assert_eq!(of(&sent, "sig"), md5_hex(&text));
    assert!(!sent.target.contains("session_secret"));
}

/// Taobao's open platform: `sign_method` md5 and hmac, time in China.
#[tokio::test]
async fn names_and_values_between_two_secrets_with_the_time() {
    let scene = Scene::new(json!({}), "").await;
    for (algorithm, text) in [
        ("md5", "{client_secret}{request.parameters}{client_secret}"),
        ("hmac_md5", "{request.parameters}"),
        ("hmac_sha256", "{request.parameters}"),
    ] {
        let changes = format!(
            r#"
                [userinfo]
                method = "POST"
                send_token = "body"
                token_key = "access_token"
                parameters = {{ timestamp = "{{now+08:00:%Y-%m-%d %H:%M:%S}}", v = "2.0", empty = "", nick = "ü x" }}
                [[userinfo.sign]]
                name = "sign"
                algorithm = "{algorithm}"
                assign = ""
                separator = ""
                leave_out_empty = true
                encoding = "upper_hex"
                text = "{text}"
            "#
        );
        scene.map(&changes).await;
        let text = text.replace("client_", "").replace("request.", "");
        scene.mock(json!({ "userinfo": { "signature": {
            "algorithm": algorithm, "text": text, "assign": "", "separator": "",
            "leave_out": ["empty"], "encoding": "upper_hex",
        } } }));
        scene.logs_in().await;
        let sent = scene.last("/userinfo");
        let pairs = sorted(&sent, &["sign", "empty"]);
        let joined: String = pairs.iter().map(|(n, v)| format!("{n}{v}")).collect();
        let wanted = match algorithm {
            "md5" => md5_hex(&format!("{SECRET}{joined}{SECRET}")),
            "hmac_sha256" => hmac_hex(aws_lc_rs::hmac::HMAC_SHA256, SECRET, &joined),
            // RFC 2104 by hand.
            _ => {
                let pad = |with: u8| {
                    let mut key = [with; 64];
                    for (byte, secret) in key.iter_mut().zip(SECRET.bytes()) {
                        *byte ^= secret;
                    }
                    key.to_vec()
                };
                let inner = Md5::digest([pad(0x36), joined.clone().into_bytes()].concat());
                let outer = Md5::digest([pad(0x5c), inner.to_vec()].concat());
                outer.iter().map(|byte| format!("{byte:02x}")).collect()
            }
        };
        assert_eq!(of(&sent, "sign"), wanted.to_uppercase(), "{algorithm}");
        let at = of(&sent, "timestamp");
        let now = vestibule::base::Clock::now(&scene.world.clock)
            .plus(std::time::Duration::from_secs(8 * 3600));
        assert_eq!(at.replace(' ', "T") + "Z", now.rfc3339());
    }
}

/// Alipay: RSA2 over the sorted form.
#[tokio::test]
async fn an_rsa_signature_by_the_clients_key() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let body = STANDARD.encode(key.serialize_der());
    let pem = format!("-----BEGIN PRIVATE KEY-----\\n{body}\\n-----END PRIVATE KEY-----");
    let changes = format!(
        r#"
            [client]
            authentication = "body"
            private_key = "{pem}"
            [token]
            parameters = {{ sign_type = "RSA2", charset = "utf-8", biz = '{{"a":1}}' }}
            [[token.sign]]
            name = "sign"
            algorithm = "rsa_sha256"
            encoding = "base64"
        "#
    );
    let public = STANDARD.encode(key.public_key_raw());
    let wants = json!({ "algorithm": "rsa_sha256", "text": "{parameters}", "public_key": public });
    let scene = Scene::new(json!({ "token": { "signature": wants } }), &changes).await;
    scene.logs_in().await;
    let sent = scene.last("/token");
    let pairs = sorted(&sent, &["sign"]);
    let joined: Vec<String> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
    assert!(joined.iter().any(|pair| pair == "biz={\"a\":1}"));
    let signature = STANDARD.decode(of(&sent, "sign")).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key_raw())
        .verify(joined.join("&").as_bytes(), &signature)
        .unwrap();

    let found = errors(
        &scene,
        "[[token.sign]]\nname = \"sign\"\nalgorithm = \"rsa_sha256\"",
    );
    assert_eq!(
        found,
        ["client.private_key: `client.private_key` is missing"]
    );
}

/// A header over method, path, body, time and a random text, as gateways have it.
#[tokio::test]
async fn a_header_over_the_whole_request() {
    let changes = r#"
        [userinfo]
        content_type = "application/json"
        body = '{"q":"{access_token}"}'
        headers = { X-Time = "{now.milliseconds}", X-Nonce = "{random}", Authorization = "Bearer {access_token}" }
        [[userinfo.sign]]
        name = "X-Signature"
        in = "header"
        algorithm = "hmac_sha1"
        encoding = "base64"
        key = "{client_secret}&"
        text = "{request.method}\n{request.path}\n{request.body}\n{now.milliseconds}\n{random}"
        [[userinfo.sign]]
        name = "check"
        algorithm = "sha256"
        text = "{sign.X-Signature}{client_secret}"
    "#;
    // The token stands in the body of a mapping that writes it; the mock wants it once.
    let wants = json!({
        "name": "X-Signature", "header": true, "algorithm": "hmac_sha1", "encoding": "base64",
        "key": "{secret}&", "nonce": "X-Nonce",
        "text": "{method}\n{path}\n{body}\n{header:X-Time}\n{header:X-Nonce}",
    });
    let scene = Scene::new(json!({ "userinfo": { "signature": wants } }), changes).await;
    scene.logs_in().await;
    let sent = scene.last("/userinfo");
    let (time, nonce) = (
        sent.header("x-time").unwrap(),
        sent.header("x-nonce").unwrap(),
    );
    let now = vestibule::base::Clock::now(&scene.world.clock);
    assert_eq!(time, now.as_millis().to_string());
    assert_eq!(nonce.len(), 32);
    let text = format!("POST\n/userinfo\n{}\n{time}\n{nonce}", sent.body);
    let key = aws_lc_rs::hmac::Key::new(
        aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        format!("{SECRET}&").as_bytes(),
    );
    let wanted = STANDARD.encode(aws_lc_rs::hmac::sign(&key, text.as_bytes()));
    assert_eq!(sent.header("x-signature"), Some(wanted.as_str()));
    assert_eq!(
        of(&sent, "check"),
        vestibule::base::digest::hex(&vestibule::base::digest::sha256(
            format!("{wanted}{SECRET}").as_bytes()
        ))
    );
    scene.logs_in().await;
    assert_ne!(
        scene.last("/userinfo").header("x-nonce"),
        Some(nonce),
        "one for each request"
    );
}

/// Values alone, by value, percent-encoded; as sent.
#[tokio::test]
async fn parameters_are_joined_as_the_scheme_says() {
    let scene = Scene::new(json!({}), "").await;
    for (keys, wanted) in [
        (
            "order = \"value\"\nnames = false\nseparator = \"|\"",
            "1 x|2|3",
        ),
        ("order = \"sent\"", "c=2&a=3&b=1 x"),
        (
            "order = \"name\"\nassign = \":\"\nseparator = \";\"",
            "a:3;b:1 x;c:2",
        ),
        ("percent_encoded = true", "a=3&b=1%20x&c=2"),
    ] {
        let changes = format!(
            "[userinfo]\nurl = \"{{origin}}/userinfo?c=2\"\nparameters = {{ b = \"1 x\", a = \"3\" }}\n\
             [[userinfo.sign]]\nname = \"s\"\nalgorithm = \"sha1\"\n{keys}"
        );
        scene.map(&changes).await;
        scene.logs_in().await;
        let hash = aws_lc_rs::digest::digest(
            &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
            wanted.as_bytes(),
        );
        assert_eq!(
            of(&scene.last("/userinfo"), "s"),
            vestibule::base::digest::hex(hash.as_ref()),
            "{keys}"
        );
    }
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// What comes from outside stays one value, in what is sent and in what is signed.
#[tokio::test]
async fn a_value_cannot_add_a_parameter_to_a_signed_request() {
    let changes = r#"
        [userinfo]
        send_token = "query"
        parameters = { app = "ours", hint = "{callback.hint}" }
        [[userinfo.sign]]
        name = "sig"
        algorithm = "hmac_sha256"
        key = "{client_secret}"
        percent_encoded = true
    "#;
    let scene = Scene::new(json!({}), changes).await;
    for evil in [
        "1&app=theirs",
        "1&sig=00",
        "1=2",
        "%26app%3Dtheirs",
        "é&",
        "1;app=theirs",
        "1#app=theirs",
        "1+2 3",
    ] {
        scene.mock(json!({ "callback": { "extra": { "hint": evil } } }));
        scene.logs_in().await;
        let sent = scene.last("/userinfo");
        let pairs = sorted(&sent, &["sig"]);
        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["access_token", "app", "hint"], "{evil}");
        assert_eq!((pairs[1].1.as_str(), pairs[2].1.as_str()), ("ours", evil));
        let text: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", percent(name), percent(value)))
            .collect();
        let wanted = hmac_hex(aws_lc_rs::hmac::HMAC_SHA256, SECRET, &text.join("&"));
        assert_eq!(of(&sent, "sig"), wanted, "{evil}");
    }
}

/// A provider that lets nobody to its login page whose request is not signed, whose time
/// is off, or whose random text came before.
#[tokio::test]
async fn a_signature_over_the_authorization_request() {
    let changes = r#"
        [authorization]
        url = "{origin}/authorize?tenant=t%201"
        scopes = ["profile", "email"]
        parameters = { ts = "{now.seconds}", nonce_str = "{random}", back = "{redirect_uri}" }
        [[authorization.sign]]
        name = "sig"
        algorithm = "hmac_sha256"
    "#;
    let wants = json!({
        "name": "sig", "algorithm": "hmac_sha256", "text": "{parameters}",
        "time": "ts", "nonce": "nonce_str",
    });
    let mock = json!({ "authorize": { "signature": wants } });
    let scene = Scene::new(mock, changes).await;
    scene.logs_in().await;
    scene.logs_in().await;
    let sent = scene.last("/authorize");
    let joined: Vec<String> = sorted(&sent, &["sig"])
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert!(joined.contains(&"tenant=t 1".to_owned()), "{joined:?}");
    let wanted = hmac_hex(aws_lc_rs::hmac::HMAC_SHA256, SECRET, &joined.join("&"));
    assert_eq!(of(&sent, "sig"), wanted);
    assert!(!sent.target.contains(SECRET));

    let (line, _) = previewed(&scene, changes, "authorization");
    for shown in [
        "nonce_str={{random}}",
        "ts={{now.seconds}}",
        "&sig={{sign.sig}}",
    ] {
        assert!(line.contains(shown), "{shown}: {line}");
    }

    for (spoilt, words) in [
        ("algorithm = \"hmac_sha1\"", "the signature sig is wrong"),
        (
            "algorithm = \"hmac_sha256\"\nleave_out = [\"state\"]",
            "the signature sig is wrong",
        ),
        (
            "algorithm = \"hmac_sha256\"\nin = \"nowhere\"",
            "the signature sig is missing",
        ),
    ] {
        scene
            .map(&changes.replace("algorithm = \"hmac_sha256\"", spoilt))
            .await;
        refused_at_the_door(&scene, words).await;
    }
    for (once, words) in [
        ("\"1767225600\"", "the time ts is missing or too far off"),
        (
            "\"{now.milliseconds}\"",
            "the time ts is missing or too far off",
        ),
    ] {
        scene.map(&changes.replace("\"{now.seconds}\"", once)).await;
        refused_at_the_door(&scene, words).await;
    }
    scene
        .map(&changes.replace("\"{random}\"", "\"the same\""))
        .await;
    scene.logs_in().await;
    refused_at_the_door(&scene, "nonce_str is missing or came before").await;
}

/// The provider shows a page of its own and sends nobody back.
async fn refused_at_the_door(scene: &Scene, words: &str) {
    let browser = &mut Browser::new();
    let page = browser.get(scene.world.url("acme", "login")).await;
    let page = browser.get(page.location().unwrap().as_str()).await;
    assert_eq!(page.status, 400);
    assert!(page.body.contains(words), "{words}: {}", page.body);
}

/// Not by name, and not all of them.
#[tokio::test]
async fn values_of_the_authorization_request_in_an_order_of_their_own() {
    let changes = r#"
        [authorization]
        parameters = { timestamp = "{now.seconds}" }
        [[authorization.sign]]
        name = "signature"
        algorithm = "sha256"
        encoding = "base64"
        text = "{client_secret}|{request.parameters.state}|{client_id}|{now.seconds}|{request.path}"
    "#;
    let wants = json!({
        "name": "signature", "algorithm": "sha256", "encoding": "base64", "time": "timestamp",
        "text": "{secret}|{parameter:state}|{parameter:client_id}|{parameter:timestamp}|{path}",
    });
    let scene = Scene::new(json!({ "authorize": { "signature": wants } }), changes).await;
    scene.logs_in().await;
    scene
        .map(&changes.replace("{request.parameters.state}", "{request.parameters.stat}"))
        .await;
    let page = Browser::new().get(scene.world.url("acme", "login")).await;
    assert!(page.shows("login.provider_misconfigured"), "{}", page.body);
}

/// What is pushed, and what an object holds, is signed as well.
#[tokio::test]
async fn a_pushed_request_is_signed() {
    let changes = r#"
        [authorization]
        pushed = true
        pushed_url = "{origin}/par"
        [[authorization.sign]]
        name = "sig"
        algorithm = "md5"
        leave_out = ["client_secret"]
        text = "{request.parameters}{client_secret}"
    "#;
    let wants = json!({ "name": "sig", "leave_out": ["client_secret"] });
    let scene = Scene::new(json!({ "authorize": { "signature": wants } }), changes).await;
    crate::pushed::log_in(&scene.world).await;
    assert_eq!(scene.world.calls("/par"), 1);
}

/// A signature within a header of the provider's own form, over the body as it is sent.
#[tokio::test]
async fn a_header_is_written_around_a_signature() {
    let changes = r#"
        [token]
        headers = { X-Sign = "HMAC {client_id}:{sign.mac};t={now.seconds}" }
        [[token.sign]]
        name = "mac"
        in = "nowhere"
        algorithm = "hmac_sha256"
        text = "{request.method}|{request.url}|{request.body}"
        [userinfo]
        method = "POST"
        content_type = "application/json"
        parameters = { a = 1 }
        headers = { Authorization = "Signature {sign.mac}", X-Token = "{access_token}", X-Api-Key = "key-of-the-gateway" }
        send_token = "none"
        [[userinfo.sign]]
        name = "mac"
        in = "nowhere"
        algorithm = "sha256"
        text = "{request.body}{client_secret}"
    "#;
    let scene = Scene::new(json!({}), changes).await;
    let (_, trace) = scene.by_hand().await;
    let sent = scene.last("/token");
    let origin = scene.world.idp.origin();
    let body = &sent.body;
    let mac = hmac_hex(
        aws_lc_rs::hmac::HMAC_SHA256,
        SECRET,
        &format!("POST|{origin}/token|{body}"),
    );
    let header = sent.header("x-sign").unwrap();
    assert!(
        header.starts_with(&format!("HMAC vestibule-demo:{mac};t=")),
        "{header}"
    );
    let sent = scene.last("/userinfo");
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        format!("{{\"a\":1}}{SECRET}").as_bytes(),
    );
    let hex: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(
        sent.header("authorization"),
        Some(&*format!("Signature {hex}"))
    );
    let whole = serde_json::to_string(&trace).unwrap();
    assert!(
        !whole.contains(SECRET) && !whole.contains("key-of-the-gateway"),
        "{whole}"
    );
    let found = errors(&scene, "[token]\nheaders = { X-Sign = \"{sign.mac}\" }");
    assert_eq!(
        found,
        ["token.headers.X-Sign: `{sign.mac}` has no value yet at this step"]
    );
}

/// With an empty key anybody could make the signature.
#[tokio::test]
async fn an_empty_key_ends_the_login() {
    let mock = |secret: &str| json!({ "token": { "response": { "extra": { "session_secret_key": secret } } } });
    for changes in [
        "algorithm = \"md5\"\ntext = \"{request.parameters}{token.session_secret_key}\"",
        "algorithm = \"hmac_sha256\"\nkey = \"{token.session_secret_key}\"",
        "algorithm = \"hmac_md5\"\nkey = \"{token.session_secret_key}\"",
        "algorithm = \"hmac_sha256\"\nkey = \"{callback.state}-{token.session_secret_key}\"",
    ] {
        let changes = format!("[[userinfo.sign]]\nname = \"sig\"\n{changes}");
        let scene = Scene::new(mock("s"), &changes).await;
        scene.logs_in().await;
        let before = scene.world.calls("/userinfo");
        for empty in ["", " "] {
            scene.mock(mock(empty));
            let page = scene.fails("login.signature_key_empty").await;
            assert_eq!(page.status, 502);
        }
        scene.mock(json!({}));
        scene.fails("login.provider_misconfigured").await;
        assert_eq!(scene.world.calls("/userinfo"), before);
    }
}

#[tokio::test]
async fn check_finds_what_is_wrong_with_a_signature() {
    let scene = Scene::new(json!({}), "").await;
    for (keys, wanted) in [
        (
            "name = \"s\"",
            "userinfo.sign.0.algorithm: `userinfo.sign.0.algorithm` is missing",
        ),
        (
            "algorithm = \"md5\"",
            "userinfo.sign.0.name: `userinfo.sign.0.name` is missing",
        ),
        (
            "name = \"s\"\nalgorithm = \"hmac_sha256\"\nkey = \"\"",
            "userinfo.sign.0.key: with an empty key anybody could make this signature",
        ),
        (
            "name = \"s\"\nalgorithm = \"md5\"\nkey = \"{client_secret}\"",
            "userinfo.sign.0.key: only an HMAC has a key here",
        ),
        (
            "name = \"s\"\nalgorithm = \"md5\"\ntext = \"{sign.other}\"",
            "userinfo.sign.0.text: `{sign.other}` has no value yet at this step",
        ),
        (
            "name = \"s\"\nalgorithm = \"md5\"\ntext = \"{code}\"",
            "userinfo.sign.0.text: `{code}` has no value yet at this step",
        ),
        (
            "name = \"s\"\nalgorithm = \"md5\"\ntext = \"{request.paramters}{client_secret}\"",
            "userinfo.sign.0.text: `{request.paramters}` is not a place that is filled in",
        ),
        (
            "name = \"s\"\nalgorithm = \"md5\"\ntext = \"{now:%Q}{client_secret}\"",
            "userinfo.sign.0.text: not a format of a time",
        ),
        (
            "name = \"a b\"\nin = \"header\"\nalgorithm = \"md5\"",
            "userinfo.sign.0.name: `a b` is not a valid header name",
        ),
        (
            "name = \"lang\"\nalgorithm = \"md5\"",
            "userinfo.sign.0.name: two values would be sent as `lang`",
        ),
    ] {
        let changes =
            format!("[userinfo]\nparameters = {{ lang = \"en\" }}\n[[userinfo.sign]]\n{keys}");
        let found = errors(&scene, &changes);
        assert!(
            found.len() == 1 && found[0].starts_with(wanted),
            "{keys}: {found:?}"
        );
    }
    let changes = "[client]\nauthentication = \"none\"\nsecret = -\n[[token.sign]]\nname = \"s\"\nalgorithm = \"hmac_sha256\"";
    assert_eq!(
        errors(&scene, changes),
        ["token.sign.0.key: the signature needs the client secret, and there is none"]
    );
    for (keys, wanted) in [
        (
            "[[authorization.sign]]\nname = \"X-Sig\"\nin = \"header\"\nalgorithm = \"md5\"",
            "authorization.sign.0.name: a browser sends no header for us",
        ),
        (
            "[[authorization.sign]]\nname = \"state\"\nalgorithm = \"md5\"",
            "authorization.sign.0.name: two values would be sent as `state`",
        ),
        (
            "[[authorization.sign]]\nname = \"s\"\nalgorithm = \"md5\"\ntext = \"{code}\"",
            "authorization.sign.0.text: `{code}` has no value yet at this step",
        ),
        (
            "[authorization]\nparameters = { s = \"{client_secret}\" }",
            "authorization.parameters.s: `{client_secret}` has no value yet at this step",
        ),
        (
            "[[token.sign]]\nname = \"code\"\nalgorithm = \"md5\"",
            "token.sign.0.name: two values would be sent as `code`",
        ),
    ] {
        assert_eq!(errors(&scene, keys), [wanted]);
    }
    let logins = &scene.world.broker.app().logins;
    let changes = "[[authorization.sign]]\nname = \"s\"\nalgorithm = \"md5\"\ntext = \"{client_secret}{request.parameters.stat}{request.parameters.t1}\"";
    let text = mapping(&scene.world.idp.origin(), changes);
    let warned = logins.mappings.compile(&text).unwrap().warnings.clone();
    let about: Vec<_> = warned.iter().filter(|f| f.key.contains("sign")).collect();
    assert!(
        matches!(about[..], [one] if one.to_string().contains("did you mean `{request.parameters.state}`?")),
        "{about:?}"
    );
    // What only a signature knows stands nowhere else.
    let text = mapping(
        &scene.world.idp.origin(),
        "[userinfo]\nparameters = { x = \"{request.path}\" }",
    );
    assert!(logins.mappings.compile(&text).is_err());
}
