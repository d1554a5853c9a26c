//! Answers in bytes as they come: other character encodings, content codings,
//! strings that were not escaped.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::get;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::scene::Scene;

type Reply = Arc<Mutex<(Vec<(String, String)>, Vec<u8>)>>;

/// A profile endpoint that answers what it is told to, byte for byte.
struct Fake {
    scene: Scene,
    reply: Reply,
}

impl Fake {
    async fn new(changes: &str) -> Self {
        let reply = Reply::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/me", listener.local_addr().unwrap());
        let of = Arc::clone(&reply);
        let answer = move || {
            let (headers, body) = of.lock().unwrap().clone();
            let headers = headers.into_iter().map(|(name, value)| {
                let name = HeaderName::try_from(name).unwrap();
                (name, HeaderValue::try_from(value).unwrap())
            });
            let headers: HeaderMap = headers.collect();
            async move { (StatusCode::OK, headers, Bytes::from(body)) }
        };
        let app = Router::new().route("/me", get(answer));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let changes = format!("[userinfo]\nurl = \"{url}\"\n{changes}");
        Self {
            scene: Scene::new(json!({}), &changes).await,
            reply,
        }
    }

    fn answers(&self, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        *self.reply.lock().unwrap() = (headers.collect(), body.into());
    }

    /// The name that a login finds.
    async fn name(&self) -> Value {
        self.scene.logs_in().await["name"].clone()
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");
const PROFILE: &str = r#"{"userId":"u-9","email":"ada@example.test","name":"Ada"}"#;

/// hybridauth#240.
#[tokio::test]
async fn d05_content_codings_that_nobody_asked_for() {
    let fake = Fake::new("").await;
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(PROFILE.as_bytes()).unwrap();
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
    raw.write_all(PROFILE.as_bytes()).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(PROFILE.as_bytes()).unwrap();
    let brotli = [&[139, 27, 128][..], PROFILE.as_bytes(), &[3]].concat();
    for (coding, body) in [
        ("deflate", zlib.finish().unwrap()),
        ("deflate", raw.finish().unwrap()),
        ("x-gzip", gzip.finish().unwrap()),
        ("br", brotli),
        ("identity", PROFILE.as_bytes().to_vec()),
        ("UTF-8", PROFILE.as_bytes().to_vec()),
    ] {
        fake.answers(&[JSON, ("content-encoding", coding)], body);
        assert_eq!(fake.name().await, "Ada", "{coding}");
    }
    for coding in ["deflate", "x-gzip", "br"] {
        fake.answers(&[JSON, ("content-encoding", coding)], "no such thing");
        fake.scene.fails("login.provider_unreachable").await;
    }
}

/// 64 MiB of zeros in a few bytes, as each coding writes them.
#[tokio::test]
async fn d05_what_is_unpacked_is_bounded() {
    let fake = Fake::new("").await;
    let zeros = vec![0; 64 << 20];
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&zeros).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&zeros).unwrap();
    let brotli = BROTLI_ZEROS.to_vec();
    for (coding, body) in [
        ("deflate", zlib.finish().unwrap()),
        ("x-gzip", gzip.finish().unwrap()),
        ("br", brotli),
    ] {
        assert!(body.len() < 1 << 20, "{coding}: {}", body.len());
        fake.answers(&[JSON, ("content-encoding", coding)], body);
        let why = fake.scene.why().await;
        assert!(why.contains("longer than 1048576 bytes"), "{coding}: {why}");
    }
}

const BROTLI_ZEROS: &[u8] = &[
    203, 255, 255, 63, 248, 39, 0, 226, 177, 64, 32, 247, 254, 143, 255, 255, 127, 240, 79, 0, 196,
    97, 17, 128, 238, 253, 31, 255, 255, 255, 224, 159, 0, 136, 195, 2, 0, 221, 251, 63, 254, 255,
    255, 193, 63, 1, 16, 135, 5, 0, 186, 247, 127, 252, 255, 255, 131, 127, 2, 32, 14, 11, 0, 116,
    239, 255, 248, 255, 255, 7, 255, 4, 64, 28, 22, 0, 232, 222, 255, 241, 255, 255, 15, 254, 9,
    128, 56, 44, 0, 208, 189, 255, 203, 255, 255, 63, 252, 19, 0, 113, 88, 0, 160, 123, 255, 7,
];

/// ORCID#3396, canvas-lms#2639.
#[tokio::test]
async fn d06_declared_character_encodings() {
    let fake = Fake::new("").await;
    let profile = |name: &[u8]| {
        let (before, after) = PROFILE.split_once("Ada").unwrap();
        [before.as_bytes(), name, after.as_bytes()].concat()
    };
    let utf16: Vec<u8> = std::iter::once(0xfeff)
        .chain(PROFILE.replace("Ada", "Zoë").encode_utf16())
        .flat_map(u16::to_be_bytes)
        .collect();
    for (content_type, body, name) in [
        (
            "application/json;charset=GBK",
            profile(b"\xc1\xaa\xcd\xa8"),
            "联通",
        ),
        (
            "application/json; charset=\"Shift_JIS\"",
            profile(b"\x89\xd4"),
            "花",
        ),
        ("text/plain; charset=ISO-8859-1", profile(b"Zo\xeb"), "Zoë"),
        // Declared by default, and not what it is.
        (
            "text/plain; charset=ISO-8859-1",
            profile("Zoë 花".as_bytes()),
            "Zoë 花",
        ),
        (
            "application/json; charset=nonsense",
            profile("Zoë".as_bytes()),
            "Zoë",
        ),
        (
            "application/json",
            profile("\u{feff}Zoë".as_bytes()),
            "\u{feff}Zoë",
        ),
        ("application/json", utf16, "Zoë"),
    ] {
        fake.answers(&[("content-type", content_type)], body);
        assert_eq!(fake.name().await, name, "{content_type}");
    }
    let marked = [b"\xef\xbb\xbf", PROFILE.as_bytes()].concat();
    fake.answers(&[JSON], marked);
    assert_eq!(fake.name().await, "Ada");

    let fake = Fake::new(
        "[userinfo.response]\nuser_id = \"$.u.id\"\nemail = \"$.u.email\"\nname = \"$.u.name\"",
    )
    .await;
    let xml = b"<?xml version=\"1.0\" encoding=\"windows-1251\"?>\
        <u><id>7</id><email>ada@example.test</email><name>\xc0\xe4\xe0</name></u>";
    fake.answers(&[("content-type", "text/xml")], *xml);
    assert_eq!(fake.name().await, "Ада");
}

/// DollhouseMCP#2520: a byte that is no text spoils the value it is in, and no other.
#[tokio::test]
async fn d07_bytes_that_are_no_text() {
    let fake = Fake::new("[userinfo.response.attributes]\ncity = \"city\"").await;
    let body = |of: &str, value: &[u8]| {
        let mut members: [(&str, &[u8]); 5] = [
            ("userId", b"u-9"),
            ("email", b"ada@example.test"),
            ("name", b"Ada"),
            ("city", b"Bonn"),
            ("other", b"x"),
        ];
        for member in members.iter_mut().filter(|(name, _)| *name == of) {
            member.1 = value;
        }
        let written = members
            .iter()
            .map(|(name, value)| [b"\"", name.as_bytes(), b"\":\"", value, b"\""].concat());
        let all: Vec<Vec<u8>> = written.collect();
        [b"{", &all.join(&b',')[..], b"}"].concat()
    };
    let bad: [&[u8]; 3] = [b"K\xf6ln", b"K\\ud83dln", b"K\\udc00ln"];
    for bad in bad {
        fake.answers(&[JSON], body("other", bad));
        assert_eq!(fake.name().await, "Ada");
        fake.answers(&[JSON], body("name", bad));
        assert_eq!(fake.name().await, "Kln");
        fake.answers(&[JSON], body("city", bad));
        let (outcome, _) = fake.scene.by_hand().await;
        assert_eq!(outcome.unwrap().profile().more.get("city"), None);
        fake.answers(&[JSON], body("userId", bad));
        let why = fake.scene.why().await;
        assert!(
            why.contains("`userId`: it holds bytes that are not text"),
            "{why}"
        );
        fake.answers(&[JSON], body("email", bad));
        assert!(fake.scene.why().await.contains("login.email_invalid"));
    }
    // Control characters as they are.
    fake.answers(&[JSON], body("name", b"A\tda\n\x07"));
    assert_eq!(fake.name().await, "Ada");
    fake.answers(&[JSON], body("name", "\\ud83d\\ude00".as_bytes()));
    assert_eq!(fake.name().await, "😀");
    fake.answers(&[JSON], body("userId", b"u\n9"));
    assert!(fake.scene.why().await.contains("control characters"));
    assert_eq!(fake.scene.world.users("acme").await.len(), 1);
}

/// JSON that went through a template that escapes for pages.
#[tokio::test]
async fn json_that_was_escaped_for_a_page() {
    let fake = Fake::new("").await;
    for quote in ["&quot;", "&#34;"] {
        let body =
            r#"{ "userId":"u-1","email":"ada@example.test","name":"A &amp;amp; B &lt;C&gt;"}"#;
        fake.answers(&[("content-type", "text/html")], body.replace('"', quote));
        assert_eq!(fake.name().await, "A &amp; B <C>", "{quote}");
    }
    // What is in a text stays as it is.
    let body = r#"{"userId":"u-1","email":"ada@example.test","name":"&quot;A&quot;"}"#;
    fake.answers(&[("content-type", "application/json")], body);
    assert_eq!(fake.name().await, "&quot;A&quot;");
}
