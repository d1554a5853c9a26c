//! Keys and values of the wrong kind.

use super::*;

#[test]
fn misspelt_keys() {
    for (wrong, right) in [
        ("user-id", "user_id"),
        ("userid", "user_id"),
        ("emial", "email"),
        ("email_verifed", "email_verified"),
        ("Picture", "picture"),
    ] {
        let found = with(
            "email = \"email\"",
            &format!("email = \"email\"\n{wrong} = \"x\""),
        );
        assert_eq!(
            found,
            [format!(
                "17:1 userinfo.response.{wrong}: unknown key `{wrong}` in `[userinfo.response]` | {wrong} -> did you mean `{right}`?"
            )]
        );
    }
    assert_eq!(
        one("[token]", "[authorisation]\n[token]"),
        "10:2 authorisation: unknown key `authorisation` at the top level | authorisation -> did you mean `authorization`?"
    );
}

#[test]
fn keys_of_another_table() {
    assert_eq!(
        one("name = \"Acme\"", "name = \"Acme\"\nsend_token = \"query\""),
        "4:1 provider.send_token: unknown key `send_token` in `[provider]` | send_token -> `send_token` belongs in `[userinfo]`"
    );
    assert_eq!(
        one("[provider]", "pkce = \"none\"\n[provider]"),
        "1:1 pkce: unknown key `pkce` at the top level | pkce -> `pkce` belongs in `[authorization]`"
    );
    let found = one("[token]", "[token]\nfoo = 1");
    assert!(
        found.starts_with(
            "11:1 token.foo: unknown key `foo` in `[token]` | foo -> known keys here: url, method, "
        ),
        "{found}"
    );
}

#[test]
fn values_of_another_type() {
    assert_eq!(
        one("name = \"Acme\"", "name = true"),
        "3:8 provider.name: must be a string, but is a boolean | true -> write it in quotes: \"true\""
    );
    assert_eq!(
        one("[authorization]", "[authorization]\nscopes = \"email\""),
        "9:10 authorization.scopes: must be an array, but is a string | \"email\""
    );
    assert_eq!(
        one("[userinfo]", "[userinfo]\nheaders = { n = 1 }"),
        "13:17 userinfo.headers.n: must be a string, but is a number | 1 -> write it in quotes: \"1\""
    );
    assert_eq!(
        one("name = \"Acme\"", "name = 2026-01-01"),
        "3:8 provider.name: must be a string, but is a value of a type that is not allowed here | 2026-01-01"
    );
    assert_eq!(
        one(
            "[authorization]",
            "[authorization]\nstandard_parameters = \"no\""
        ),
        "9:23 authorization.standard_parameters: must be true or false, but is a string | \"no\""
    );
    let found = one(
        "secret = { file = \"/proc/self/comm\" }",
        "secret = { evn = \"X\" }",
    );
    assert!(
        found.starts_with("7:10 client.secret: this value has none of the forms it may have"),
        "{found}"
    );
    assert!(found.contains("{ env = \"NAME\" }"), "{found}");
}

#[test]
fn words_that_are_not_known() {
    assert_eq!(
        one("[authorization]", "[authorization]\npkce = \"s256\""),
        "9:8 authorization.pkce: must be one of \"S256\", \"plain\", \"none\" | \"s256\" -> did you mean \"S256\"?"
    );
    assert_eq!(
        one("[client]", "[client]\nauthentication = \"Basic\""),
        "6:18 client.authentication: must be one of \"body\", \"basic\", \"basic_raw\", \"basic_and_body\", \"query\", \"none\", \"client_secret_jwt\", \"private_key_jwt\", \"signed_secret\", \"tls_client_auth\", \"app_token\" | \"Basic\" -> did you mean \"basic\"?"
    );
}

#[test]
fn names_that_are_taken() {
    for (table, name, why) in [
        (
            "authorization",
            "client_id",
            "the client id is sent under it",
        ),
        (
            "authorization",
            "code_challenge",
            "PKCE sends it (`authorization.pkce`)",
        ),
        (
            "authorization",
            "response_type",
            "`response_type=code` is sent (`standard_parameters`)",
        ),
        (
            "token",
            "client_secret",
            "the client secret is sent under it",
        ),
        (
            "token",
            "code_verifier",
            "PKCE sends it (`authorization.pkce`)",
        ),
        ("token", "redirect_uri", "the redirect URI is sent under it"),
    ] {
        let found = one(
            &format!("[{table}]"),
            &format!("[{table}]\nparameters = {{ {name} = \"x\" }}"),
        );
        assert!(
            found.contains(&format!(
                "{table}.parameters.{name}: `{name}` is reserved: {why} | \"x\""
            )),
            "{found}"
        );
    }
    // What is not sent is free.
    for (table, lines) in [
        (
            "authorization",
            "standard_parameters = false\nparameters = { response_type = \"x\" }",
        ),
        (
            "token",
            "send_redirect_uri = false\nparameters = { redirect_uri = \"x\" }",
        ),
    ] {
        let table = format!("[{table}]");
        assert_eq!(
            with(&table, &format!("{table}\n{lines}")),
            Vec::<String>::new()
        );
    }
    assert_eq!(
        one(
            "[authorization]",
            "[authorization]\nstate_key = \"redirect_uri\""
        ),
        "8:1 authorization: two values would be sent as `redirect_uri`: the state is sent under it | [authorization]"
    );
}

#[test]
fn jsonpaths() {
    for (path, why) in [
        ("$.data[", "it ends too early, after `$.data[`"),
        ("$.data..", "it ends too early, after `$.data..`"),
        ("$.a b", "white space cannot follow `$.a`"),
        ("$['a", "`'` cannot follow `$[`"),
        ("$.data[?@.id =! 1]", "`=` cannot follow `$.data[?@.id `"),
        ("$ä", "`ä` cannot follow `$`"),
        ("$.a ", "white space cannot follow `$.a`"),
        (" $.a", "it begins with white space"),
        ("$. a", "white space cannot follow `$.`"),
        ("$.a[?@.b c == 1]", "white space cannot follow `$.a[?@.b`"),
    ] {
        let found = one("email = \"email\"", &format!("email = \"{path}\""));
        assert!(
            found.starts_with("16:9 userinfo.response.email: not a valid JSONPath"),
            "{found}"
        );
        assert!(found.contains(why), "{path}: {found}");
    }
    let found = one(
        "[token]",
        "[access]\nrequire = [\"$.a == 1\", \"groups\"]\n[token]",
    );
    assert_eq!(
        found,
        "11:24 access.require.1: not a valid JSONPath (RFC 9535): a condition begins with `$`, as in `$.code == 0` | \"groups\" -> write a condition such as `$.code == 0`"
    );
}

#[test]
fn places_that_have_no_value_yet() {
    let found = one(
        "[token]",
        "[token]\nparameters = { t = \"{access_token}\" }",
    );
    assert!(
        found.contains("token.parameters.t: `{access_token}` has no value yet at this step"),
        "{found}"
    );
    let found = one(
        "[token]",
        "[token]\nheaders = { X-T = \"{app_access_token}\" }",
    );
    assert!(found.contains("there is no `[token.before]`"), "{found}");
    let found = one(
        "[authorization]",
        "[authorization]\nparameters = { s = \"{callback.state}\" }",
    );
    assert!(
        found.contains("`{callback.state}` has no value yet"),
        "{found}"
    );
    // Braces around anything else are text.
    assert_eq!(
        with(
            "[token]",
            "[token]\nparameters = { claims = '{\"a\":{\"b\":null}}' }"
        ),
        Vec::<String>::new()
    );
}

#[test]
fn what_belongs_together() {
    let found = one("[client]", "[client]\nauthentication = \"app_token\"");
    assert!(
        found.contains("nothing in the token request carries the application token"),
        "{found}"
    );
    let found = one("[client]", "[client]\nauthentication = \"signed_secret\"");
    assert!(found.contains("`client.private_key` is missing"), "{found}");
    let found = with("email_trust = \"never\"", "email_trust = \"provider\"");
    assert!(
        found[0].contains("warning provider.email_trust"),
        "{found:#?}"
    );
    let found = with("email = \"email\"", "email_placeholder = \"acme.test\"");
    assert_eq!(
        found,
        [
            "16:21 userinfo.response.email_placeholder: not a domain below `.invalid` | \"acme.test\" -> write it as in `qq.invalid`: no mail ever goes there (RFC 2606)"
        ]
    );
    assert_eq!(
        with("email = \"email\"", "email_placeholder = \"acme.invalid\""),
        Vec::<String>::new()
    );
    let both = GOOD
        .replace("email_trust = \"never\"", "email_trust = \"provider\"")
        .replace("email = \"email\"", "email_placeholder = \"acme.invalid\"");
    assert!(
        lines(&both)
            .iter()
            .any(|f| f.contains("a made-up address must not link")),
        "{:#?}",
        lines(&both)
    );
}

#[test]
fn secrets_are_never_quoted() {
    for secret in [
        "secret = 12345678",
        "secret = [\"hunter2\"]",
        "secret = { value = \"hunter2\" }",
    ] {
        let found = with("secret = { file = \"/proc/self/comm\" }", secret).concat();
        assert!(
            !found.contains("hunter2") && !found.contains("12345678"),
            "{found}"
        );
    }
    let found = one(
        "secret = { file = \"/proc/self/comm\" }",
        "secret = \"hunter2\"",
    );
    assert_eq!(
        found,
        "7:10 warning client.secret: the secret is written in the file -> use `{ env = \"…\" }` or `{ file = \"…\" }` so that the file can be shared"
    );
    let found = one(
        "secret = { file = \"/proc/self/comm\" }",
        "secret = { file = \"/no/such/file\" }",
    );
    assert!(found.contains("`/no/such/file` cannot be read"), "{found}");
}

#[test]
fn an_issuer_that_stands_for_many_needs_more() {
    let template = GOOD
        .replace(
            "name = \"Acme\"",
            "name = \"Acme\"\nkind = \"openid\"\nissuer = \"https://id.acme.test/{tenantid}\"",
        )
        .replace("email_trust = \"never\"", "email_trust = \"provider\"");
    let found = lines(&template).join("\n");
    assert!(
        found.contains("`provider.discovery_url` is missing"),
        "{found}"
    );
    assert!(
        found.contains("anybody can become a customer of such a provider")
            || found.contains("set it to \"claim\" or \"never\""),
        "{found}"
    );
    let oauth2 = GOOD.replace(
        "name = \"Acme\"",
        "name = \"Acme\"\nissuer = \"https://id.acme.test/{tenantid}\"",
    );
    let found = lines(&oauth2).join("\n");
    assert!(
        found.contains("only an ID token says which issuer"),
        "{found}"
    );
    let source = GOOD.replace(
        "url = \"https://id.acme.test/me\"",
        "source = \"access_token\"",
    );
    let found = lines(&source).join("\n");
    assert!(
        found.contains("`access_token` needs keys to check the token with"),
        "{found}"
    );
}

#[test]
fn braces_around_no_place_are_told() {
    let header = |value: &str| {
        with(
            "[userinfo.response]",
            &format!("headers = {{ X-Key = '{value}' }}\n[userinfo.response]"),
        )
        .join("\n")
    };
    let found = header("{acess_token}");
    assert!(
        found.contains("`{acess_token}` is not a place that is filled in")
            && found.contains("did you mean `{access_token}`?"),
        "{found}"
    );
    let found = header("{profil.id}");
    assert!(found.contains("did you mean `{profile.id}`?"), "{found}");
    let found = header("{moment}");
    assert!(
        found.contains("warning userinfo.headers.X-Key: `{moment}` is not a place"),
        "{found}"
    );
    for text in [r#"{"a":1}"#, "{ me { id } }", "{}", "{access_token}", "a{b"] {
        let found = header(text);
        assert!(!found.contains("is not a place"), "{text}: {found}");
    }
}

/// In every place where a placeholder may stand.
#[test]
fn miswritten_places_are_told_wherever_they_stand() {
    for (old, new, wanted) in [
        (
            "[userinfo]",
            "[token.response]\naccess_token = \"{heder.x-token}\"\n[userinfo]",
            "token.response.access_token: `{heder.x-token}` is not a place that has a value here | \"{heder.x-token}\" -> did you mean `{header.x-token}`?",
        ),
        (
            "[userinfo]",
            "[token.response]\ninner = \"{data}\"\n[userinfo]",
            "token.response.inner: `{data}` is not a place that has a value here",
        ),
        (
            "email = \"email\"",
            "email = \"email\"\nemail_verified = \"{tokn.verified}\"",
            "did you mean `{token.verified}`?",
        ),
        (
            "email = \"email\"",
            "email = [\"mail\", \"{profile.email}\"]",
            "did you mean `email`?",
        ),
        (
            "email = \"email\"",
            "email = \"email\"\n[userinfo.response.attributes]\nx = \"{calback.x}\"",
            "did you mean `{callback.x}`?",
        ),
        (
            "[userinfo]",
            "[userinfo]\nheaders = { X = \"{{access_token}}\" }",
            "write `{access_token}` alone, in one pair of braces",
        ),
        (
            "[userinfo]",
            "[userinfo]\nheaders = { X = \"${access_token}\" }",
            "write `{access_token}` alone, in one pair of braces",
        ),
        (
            "url = \"https://id.acme.test/me\"",
            "url = \"https://id.acme.test/{token.data.id}\"",
            "if a path is meant, write `$.data.id`",
        ),
        (
            "url = \"https://id.acme.test/me\"",
            "url = \"https://id.acme.test/{token.$.a.b-c}\"",
            "did you mean `https://id.acme.test/{token.$.a['b-c']}`?",
        ),
        (
            "[userinfo]",
            "[[userinfo.then]]\nname = \"more\"\nurl = \"https://id.acme.test/{profil.id}\"\n[userinfo]",
            "did you mean `{profile.id}`?",
        ),
        (
            "url = \"https://id.acme.test/token\"",
            "url = \"https://id.acme.test/token\"\nparameters = { a = [{ b = \"{cod}\" }] }",
            "did you mean `{code}`?",
        ),
        (
            "[userinfo]",
            "[access]\nrequire = [\"$.a.b-c == 'x'\"]\n[userinfo]",
            "did you mean `$.a['b-c'] == 'x'`?",
        ),
        (
            "[userinfo]",
            "[access]\nrequire = [\"$.a = 'x'\"]\n[userinfo]",
            "did you mean `$.a == 'x'`?",
        ),
        (
            "email = \"email\"",
            "email = \"email\"\nsuccess = \"$.co-de == 0\"",
            "did you mean `$['co-de'] == 0`?",
        ),
    ] {
        let found = with(old, new).join("\n");
        assert!(found.contains(wanted), "{new}: {found}");
    }
}

#[test]
fn names_that_look_like_paths_are_told() {
    let email = |value: &str| with("email = \"email\"", &format!("email = {value}")).join("\n");
    for (name, path) in [
        ("data.email", "$.data.email"),
        ("emails[0].value", "$.emails[0].value"),
        ("data.e-mail", "$.data['e-mail']"),
        ("/data/email", "$.data.email"),
        ("/emails/0/e-mail", "$.emails[0]['e-mail']"),
        ("data->email", "$.data.email"),
        ("data['email']", "$.data.email"),
        ("data.emails.0.value", "$.data.emails[0].value"),
        (".data.email", "$.data.email"),
        ("@.data.email", "$.data.email"),
        ("emails[].value", "$.emails[*].value"),
    ] {
        let found = email(&format!("\"{name}\""));
        assert!(
            found.contains(&format!(
                "warning userinfo.response.email: `{name}` is the name"
            )) && found.contains(&format!("if a path is meant, write `{path}`")),
            "{found}"
        );
    }
    for name in [
        "email",
        "e-mail",
        "https://acme.test/email",
        "urn:oid:1.2.840",
        "/",
        "a/b",
        "a b.c",
    ] {
        assert_eq!(email(&format!("\"{name}\"")), "", "{name}");
    }
    for (path, meant) in [
        ("$.a.b-c", "$.a['b-c']"),
        ("$.first-name.x", "$['first-name'].x"),
        ("$.a.0b[1]", "$.a['0b'][1]"),
        ("$data.id", "$.data.id"),
        ("$.emails.[0].value", "$.emails[0].value"),
        (
            "$.https://acme.test/e-mail",
            "$['https://acme.test/e-mail']",
        ),
    ] {
        for value in [format!("\"{path}\""), format!("[\"email\", \"{path}\"]")] {
            let found = email(&value);
            assert!(
                found.contains(&format!("did you mean `{meant}`?")),
                "{found}"
            );
        }
    }
    let found = email("\"{profile.email}\"");
    assert!(
        found.contains("is not a place that has a value here"),
        "{found}"
    );
}

#[test]
fn conditions_that_can_never_hold_are_told() {
    let verified = |text: &str| {
        with(
            "email = \"email\"",
            &format!("email = \"email\"\nemail_verified = \"{text}\""),
        )
        .join("\n")
    };
    for (text, why) in [
        ("true", "would be the name of a member"),
        ("1", "would be the name of a member"),
        (
            "email_verified == true",
            "a condition begins with `$`: `$.email_verified == true`",
        ),
        ("$.emails[?@.verified == true]", "which is never `true`"),
        ("$.flags[?@ == 'email']", "which is never `true`"),
        ("$.status == 'a' && $.status == 'b'", "can never hold"),
        ("$.x == 1 && 'a' == 'b'", "can never hold"),
        ("$.verified > true", "can never hold"),
        (
            "$.a == true && ($.b == 'x' && $.b == 'y')",
            "can never hold",
        ),
    ] {
        let found = verified(text);
        assert!(found.contains(why), "{text}: {found}");
        assert!(
            !found.contains("warning userinfo.response.email_verified"),
            "{found}"
        );
    }
    for text in [
        "email_verified",
        "$.emails[?@.primary == true].verified",
        "$.flags[?@ == true]",
        "$.status == 'a' || $.status == 'b'",
        "$.a == 'x' && $.b == 'y'",
        "$.a == 1 && $.a == 1.0",
        "$.verified == true || $.verified == 'true' || $.verified == 1",
        "!($.a == 'x' && $.a == 'y')",
    ] {
        assert_eq!(verified(text), "", "{text}");
    }
}

/// The good mapping with more in a table of it.
fn more(changes: &[(&str, &str)]) -> Vec<String> {
    let text = changes.iter().fold(GOOD.to_owned(), |text, (table, keys)| {
        text.replacen(&format!("[{table}]\n"), &format!("[{table}]\n{keys}\n"), 1)
    });
    lines(&text)
}

fn has(found: &[String], wanted: &str) {
    assert!(
        found.iter().any(|line| line.contains(wanted)),
        "{wanted}: {found:#?}"
    );
}

#[test]
fn further_secrets_are_those_that_there_are() {
    let secrets = "secrets = { gateway = \"k-1\", \"a b\" = \"k-2\" }";
    let found = more(&[
        ("client", secrets),
        ("userinfo", "headers = { X-Key = \"{secret.gatway}\" }"),
    ]);
    has(
        &found,
        "`a b` cannot be the name of a secret | \"k-2\" -> write letters, digits, `-` and `_`",
    );
    has(
        &found,
        "`client.secrets` has no `gatway` | \"{secret.gatway}\" -> did you mean `{secret.gateway}`?",
    );
    let found = more(&[("token", "headers = { X-Key = \"{secret.other}\" }")]);
    has(
        &found,
        "-> write: client.secrets = { other = { env = \"…\" } }",
    );
    // The browser is shown none.
    let found = more(&[
        ("client", "secrets = { gateway = \"k-1\" }"),
        (
            "authorization",
            "parameters = { key = \"{secret.gateway}\" }",
        ),
    ]);
    has(&found, "`{secret.gateway}` has no value yet");
    let found = more(&[(
        "client",
        "secrets = { gateway = { env = \"NOT_SET_ANYWHERE\" } }",
    )]);
    has(&found, "the variable `NOT_SET_ANYWHERE` is not set");
}

#[test]
fn what_counts_in_an_answer_is_found_in_a_few_steps() {
    for bad in ["[]", "[\"a\", \"b\", \"c\", \"d\", \"e\"]"] {
        let found = more(&[("userinfo.response", &format!("inner = {bad}"))]);
        has(&found, "a list of one to 4 places is meant");
    }
    let found = more(&[("userinfo.response", "inner = [\"data\", \"$.a.[0]\"]")]);
    has(&found, "did you mean `$.a[0]`?");
}

#[test]
fn a_type_of_content_needs_a_content() {
    let found = more(&[("userinfo", "headers = { Content-Type = \"text/plain\" }")]);
    has(&found, "the header `Content-Type` is set by the broker");
}
