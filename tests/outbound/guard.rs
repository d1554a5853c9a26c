//! Where requests may go.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use url::Url;
use vestibule::base::SystemClock;
use vestibule::outbound::{
    Limits, Lookup, LookupFuture, Outbound, OutboundError, Phase, Policy, PolicyViolation,
};

use super::server::{OK, SECRET, Server, get, loopback, outbound, roomy};

/// The inside of networks, in all spellings.
const INSIDE: &str = "
    127.0.0.1 127.0.0.1. 2130706433 0x7f.1 0177.0.0.1 0x7f000001 127.1 017700000001
    127。0。0。1 %31%32%37.0.0.1 [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [::1]
    [0:0::1] [::] localhost LOCALHOST localhost. a.localhost 10.1.2.3 172.16.0.1
    172.31.255.255 192.168.0.1 169.254.169.254 100.64.0.1 0.0.0.0 0 0.1.2.3 192.0.0.1
    192.0.2.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 240.0.0.1 255.255.255.255
    [fd00::1] [fc00::1] [fe80::1] [fec0::1] [ff02::1] [2001:db8::1] [2001::1] [2001:10::1]
    [3fff::1] [100::1] [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::1] [2002:7f00:1::]
    [2002:a00:1::1] [::ffff:0:127.0.0.1]
";

const PUBLIC: &str = "
    1.1.1.1 8.8.8.8 172.32.0.1 100.128.0.1 192.0.1.1 198.20.0.1 223.255.255.1
    2606:4700::1111 2a00:1450::1 2001:4860:4860::8888 ::ffff:8.8.8.8 64:ff9b::808:808
";

#[tokio::test]
async fn o1_every_spelling_of_an_inside_address_is_refused() {
    let outbound = outbound(Policy::default());
    for host in INSIDE.split_whitespace() {
        let url = format!("https://{host}/token?code={SECRET}");
        let refusal = outbound
            .policy()
            .check_url(&url.parse().unwrap())
            .unwrap_err();
        assert!(
            matches!(
                refusal,
                PolicyViolation::Address { .. } | PolicyViolation::Name { .. }
            ),
            "{host}: {refusal:?}"
        );
        assert!(
            refusal.to_string().contains("`outbound.allow_networks`"),
            "{refusal}"
        );
        let error = outbound.send("a/b", get(&url), &roomy()).await.unwrap_err();
        assert_eq!(error.code(), "address_refused", "{host}: {error}");
        assert!(!error.to_string().contains(SECRET));
    }
}

#[test]
fn public_addresses_are_not_refused() {
    for ip in PUBLIC.split_whitespace() {
        assert_eq!(
            Policy::default().check_ip(ip.parse().unwrap()),
            Ok(()),
            "{ip}"
        );
    }
}

#[test]
fn an_allowed_network_opens_itself_and_nothing_else() {
    let policy = Policy {
        allow_http: false,
        ..loopback()
    };
    let check = |url: &str| policy.check_url(&Url::parse(url).unwrap());
    for url in [
        "http://127.0.0.1:8080/",
        "http://[::ffff:127.0.0.1]/",
        "http://localhost:1/",
        "http://a.localhost/",
        "https://2130706433/",
    ] {
        assert_eq!(check(url), Ok(()), "{url}");
    }
    for url in [
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
    ] {
        assert!(
            matches!(check(url), Err(PolicyViolation::Address { .. })),
            "{url}"
        );
    }
    // Plain http stays a matter of its own.
    assert!(matches!(
        check("http://id.acme.test/"),
        Err(PolicyViolation::PlainHttp { .. })
    ));
    assert!(matches!(
        check("http://8.8.8.8/"),
        Err(PolicyViolation::PlainHttp { .. })
    ));
    assert_eq!(check("https://id.acme.test/"), Ok(()));
}

#[test]
fn urls_that_no_provider_has() {
    let check = |url: &str| loopback().check_url(&Url::parse(url).unwrap());
    assert!(matches!(
        check("ftp://id.acme.test/"),
        Err(PolicyViolation::Scheme { .. })
    ));
    assert!(matches!(
        check("file:///etc/passwd"),
        Err(PolicyViolation::Scheme { .. })
    ));
    assert!(matches!(
        check("unix:/run/docker.sock"),
        Err(PolicyViolation::Scheme { .. })
    ));
    assert_eq!(
        check("https://user@id.acme.test/"),
        Err(PolicyViolation::Credentials)
    );
    assert_eq!(
        check("https://:pass@id.acme.test/"),
        Err(PolicyViolation::Credentials)
    );
    assert_eq!(
        check("https://id.acme.test/#x"),
        Err(PolicyViolation::Fragment)
    );
    assert_eq!(check("https://./"), Err(PolicyViolation::NoHost));
}

/// Answers each look-up with the next of a list; hangs at its end.
struct Script(Vec<Vec<&'static str>>, AtomicUsize);

impl Lookup for Script {
    fn lookup(&self, _host: &str) -> LookupFuture {
        let found = self.0.get(self.1.fetch_add(1, Ordering::SeqCst));
        let found: Option<Vec<IpAddr>> =
            found.map(|list| list.iter().map(|ip| ip.parse().unwrap()).collect());
        Box::pin(async move {
            match found {
                Some(found) if found.is_empty() => Err(io::Error::other("NXDOMAIN")),
                Some(found) => Ok(found),
                None => std::future::pending().await,
            }
        })
    }
}

fn scripted(policy: Policy, answers: &[&[&'static str]]) -> Outbound {
    let answers = answers.iter().map(|list| list.to_vec()).collect();
    let script = Script(answers, AtomicUsize::new(0));
    Outbound::with_lookup(policy, Arc::new(SystemClock), Arc::new(script)).unwrap()
}

#[tokio::test]
async fn o3_a_name_that_changes_its_answer_is_still_refused() {
    let server = Server::canned(OK, true).await;
    let outbound = scripted(
        loopback(),
        &[&["127.0.0.1"], &["10.0.0.1"], &["10.0.0.1", "127.0.0.1"]],
    );
    let url = format!("http://idp.test:{}/", server.address.port());
    assert_eq!(
        outbound
            .send("a/b", get(&url), &roomy())
            .await
            .unwrap()
            .status,
        200
    );
    let error = outbound.send("a/b", get(&url), &roomy()).await.unwrap_err();
    assert!(
        matches!(&error, OutboundError::Refused(PolicyViolation::Name { host, .. }) if host == "idp.test"),
        "{error}"
    );
    assert_eq!(
        outbound
            .send("a/b", get(&url), &roomy())
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn names_without_address_and_resolvers_without_answer() {
    let outbound = scripted(loopback(), &[&[]]);
    let limits = Limits {
        connect: Duration::from_millis(100),
        ..roomy()
    };
    let error = outbound
        .send("a/b", get("https://idp.test/?q=1"), &roomy())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, OutboundError::Resolve { host } if host == "idp.test"),
        "{error:?}"
    );
    let error = outbound
        .send("a/b", get("https://idp.test/"), &limits)
        .await
        .unwrap_err();
    let OutboundError::Timeout { after, phase } = error else {
        panic!("{error:?}")
    };
    assert_eq!((after, phase), (limits.connect, Phase::Connect));
}

#[tokio::test]
async fn localhost_is_loopback_whatever_a_resolver_says() {
    let server = Server::canned(OK, true).await;
    let outbound = scripted(loopback(), &[&["192.0.2.1"]]);
    for host in ["localhost", "idp.localhost"] {
        let url = format!("http://{host}:{}/", server.address.port());
        assert_eq!(
            outbound
                .send("a/b", get(&url), &roomy())
                .await
                .unwrap()
                .status,
            200
        );
    }
}
