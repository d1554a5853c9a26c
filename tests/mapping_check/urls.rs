//! URLs, and where they may point.

use super::*;

/// The finding of a token URL, without its place and key.
fn token_url(url: &str, policy: &Policy) -> Vec<String> {
    let source = GOOD.replace("https://id.acme.test/token", url);
    check_with(&source, policy)
        .iter()
        .map(|finding| {
            assert_eq!(finding.key, "token.url");
            assert_eq!((finding.line, finding.column), (Some(11), Some(7)));
            assert_eq!(finding.text.as_deref(), Some(&*format!("\"{url}\"")));
            format!(
                "{:?} {}{}",
                finding.severity,
                finding.message,
                finding
                    .hint
                    .as_ref()
                    .map(|h| format!(" -> {h}"))
                    .unwrap_or_default()
            )
        })
        .collect()
}

#[test]
fn urls_that_are_none() {
    let strict = Policy::default();
    for (url, wanted) in [
        (
            "https://https://a.test/x",
            "the URL has two schemes -> did you mean `https://a.test/x`?",
        ),
        (
            "https://http://a.test/x",
            "the URL has two schemes -> did you mean `http://a.test/x`?",
        ),
        (
            "a.test/token",
            "not a URL: relative URL without a base -> did you mean `https://a.test/token`?",
        ),
        (
            "//a.test/token",
            "not a URL: relative URL without a base -> did you mean `https://a.test/token`?",
        ),
        (
            "https:a.test/x",
            "the URL lacks `//` after its scheme -> did you mean `https://a.test/x`?",
        ),
        (
            "ftp://a.test/x",
            "the scheme `ftp` is not https -> provider URLs are https",
        ),
        (" https://a.test/x", "a URL has no white space"),
        ("https://a.test/x y", "a URL has no white space"),
        (
            "https://a.test/x#y",
            "a URL with a fragment (`#…`) never reaches the server whole -> remove the `#` and what follows it",
        ),
        (
            "https://",
            "not a URL: empty host -> write a whole URL, such as `https://id.acme.test/oauth/token`",
        ),
        (
            "https://{client_id}.test/x",
            "the host of a URL is fixed; `{…}` may stand in its path and query -> if the provider names the host itself, list those it may name: provider.hosts = [\"*.acme.test\"]",
        ),
        (
            "https://u:p@a.test/x",
            "the URL holds a user name or password; take it out and use `[client]` or a header instead",
        ),
    ] {
        assert_eq!(
            token_url(url, &strict),
            [format!("Error {wanted}")],
            "{url}"
        );
    }
}

#[test]
fn private_hosts_and_http_need_a_policy() {
    let strict = Policy::default();
    let lax = Policy {
        allow_networks: vec![
            "127.0.0.0/8".parse().unwrap(),
            "10.0.0.0/8".parse().unwrap(),
        ],
        allow_http: true,
        ..Policy::default()
    };
    for host in [
        "10.1.2.3",
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "[::ffff:10.1.2.3]",
    ] {
        let url = format!("https://{host}/token");
        let found = token_url(&url, &strict);
        assert!(
            found.len() == 1 && found[0].contains("outbound.allow_networks"),
            "{found:#?}"
        );
        assert_eq!(token_url(&url, &lax), Vec::<String>::new(), "{url}");
    }
    for host in ["169.254.169.254", "192.168.0.1", "[::1]"] {
        let url = format!("https://{host}/token");
        let found = token_url(&url, &lax);
        assert!(
            found.len() == 1 && found[0].starts_with("Error"),
            "{url}: {found:#?}"
        );
    }
    let found = token_url("http://id.acme.test/token", &strict);
    assert_eq!(
        found,
        [
            "Error the URL of `id.acme.test` is plain http, over which secrets can be read; use https, or set `outbound.allow_http`"
        ]
    );
    for host in ["id.acme.test", "127.0.0.1:9091"] {
        assert_eq!(
            token_url(&format!("http://{host}/token"), &lax),
            ["Warning http sends secrets in the clear -> use https outside of development"]
        );
    }
}

#[test]
fn a_query_in_a_url_must_not_name_what_is_sent() {
    assert_eq!(
        one(
            "https://id.acme.test/authorize",
            "https://id.acme.test/authorize?tenant=7&state=x"
        ),
        "9:7 authorization.url: the URL's query has `state`, which is reserved: the state is sent under it | \"https://id.acme.test/authorize?tenant=7&state=x\" -> remove it from the URL"
    );
}

#[test]
fn places_in_a_userinfo_url_stand_behind_the_host() {
    let found = one(
        "https://id.acme.test/me",
        "https://id.{access_token}.test/me",
    );
    assert!(found.contains("the host of a URL is fixed"), "{found}");
    assert_eq!(
        with(
            "https://id.acme.test/me",
            "https://id.acme.test/users/{access_token}"
        ),
        Vec::<String>::new()
    );
}

#[test]
fn a_fragment_is_written_as_one() {
    let found = one(
        "https://id.acme.test/authorize",
        "https://id.acme.test/authorize#wechat_redirect",
    );
    assert!(
        found.ends_with("write `authorization.fragment` if the provider's own page reads it"),
        "{found}"
    );
    let table = "[authorization]";
    assert_eq!(
        with(table, "[authorization]\nfragment = \"wechat_redirect\""),
        Vec::<String>::new()
    );
    for bad in ["#x", "", "a b", "ä"] {
        let found = one(table, &format!("[authorization]\nfragment = \"{bad}\""));
        assert!(
            found.starts_with("9:12 authorization.fragment: not a valid fragment"),
            "{found}"
        );
    }
}
