//! Alternatives, values put together and taken apart.

use std::fmt::Write as _;

use vestibule::provider::extract::Documents;

use super::*;

/// What a check says about a map, without the warnings.
fn refused(lines: &str) -> String {
    let source = format!(
        "[provider]\nid = \"custom\"\nname = \"Custom\"\n[client]\nid = \"c\"\nsecret = \"s\"\n\
         [authorization]\nurl = \"https://id.acme.test/authorize\"\n[token]\n\
         url = \"https://id.acme.test/token\"\n[userinfo]\nurl = \"https://id.acme.test/me\"\n\
         [userinfo.response]\n{lines}\n"
    );
    let policy = Policy::default();
    let context = Context {
        policy: &policy,
        redirects: &Redirects::default(),
    };
    let findings = compile_toml(&source, context).unwrap_err();
    let errors = findings.iter().filter(|finding| finding.is_error());
    errors.fold(String::new(), |mut all, finding| {
        let _ = writeln!(all, "{}: {}", finding.key, finding.message);
        all
    })
}

/// SocialiteProviders#390, goth#638, next-auth#12588.
#[test]
fn the_first_alternative_that_says_something_counts() {
    let lines = "user_id = \"id\"\nemail = [\"mail\", \"$.mails[*]\", \"userPrincipalName\"]";
    let email = |json: &str| find(lines, json).0.map(|profile| profile.email);
    for nothing in [
        r#""mail":null"#,
        r#""mail":"""#,
        r#""mail":"  ""#,
        r#""mail":[]"#,
        r#""x":1"#,
        r#""mails":[null,""]"#,
    ] {
        let document = format!(r#"{{"id":1,{nothing},"userPrincipalName":"upn@b.test"}}"#);
        assert_eq!(email(&document).unwrap(), "upn@b.test", "{nothing}");
    }
    let both = r#"{"id":1,"mail":"a@b.test","userPrincipalName":"upn@b.test"}"#;
    assert_eq!(email(both).unwrap(), "a@b.test");
    // What is there and wrong is not passed over: whose address the next one is, nobody knows.
    let wrong = r#"{"id":1,"mail":{"a":1},"userPrincipalName":"upn@b.test"}"#;
    assert!(email(wrong).unwrap_err().contains("but is object"));
    let several = r#"{"id":1,"mails":["a@b.test","c@d.test"],"userPrincipalName":"e@f.test"}"#;
    assert!(email(several).unwrap_err().contains("matched 2 values"));
    let (found, notes) = find(lines, r#"{"id":1}"#);
    let why = found.unwrap_err();
    assert!(
        why.contains("`mail or $.mails[*] or userPrincipalName` matched nothing"),
        "{why}"
    );
    assert_eq!(notes[1].place, "mail or $.mails[*] or userPrincipalName");
}

/// oxAuth#1038.
#[test]
fn one_value_and_a_list_of_one_are_alike() {
    let lines = "user_id = \"id\"\nemail = \"email\"\nname = \"name\"\ngroups = \"groups\"";
    let one = r#"{"id":"u","email":"a@b.test","name":"Ada","groups":"staff"}"#;
    let lists = r#"{"id":["u"],"email":["a@b.test"],"name":["Ada"],"groups":["staff"]}"#;
    let (one, lists) = (find(lines, one).0.unwrap(), find(lines, lists).0.unwrap());
    assert_eq!(one, lists);
    assert_eq!(one.more["groups"], json!(["staff"]));
    // The first of several is meant only where the mapping says so.
    let several = r#"{"id":"u","email":["a@b.test","c@d.test"]}"#;
    assert!(find(lines, several).0.is_err());
    let first = "user_id = \"id\"\nemail = [\"$.email[0]\", \"email\"]";
    assert_eq!(find(first, several).0.unwrap().email, "a@b.test");
    let text = r#"{"id":"u","email":"a@b.test"}"#;
    assert_eq!(find(first, text).0.unwrap().email, "a@b.test");
}

#[test]
fn ids_of_several_values_are_never_those_of_another() {
    let lines = "user_id = { all = [\"tenant\", \"$.user.id\"] }\nemail = \"email\"";
    let id = |tenant: &str, user: &str| {
        let document =
            json!({ "tenant": tenant, "user": { "id": user }, "email": "a@b.test" }).to_string();
        find(lines, &document).0.map(|profile| profile.user_id)
    };
    assert_eq!(id("acme", "7").unwrap(), "acme/7");
    assert_eq!(id("a/b", "c").unwrap(), "a%2Fb/c");
    assert_eq!(id("a", "b/c").unwrap(), "a/b%2Fc");
    assert_eq!(id("a%2Fb", "c").unwrap(), "a%252Fb/c");
    assert_eq!(id("a/b", "%2F").unwrap(), "a%2Fb/%252F");
    // A part that is absent is no part of somebody else's id.
    for (tenant, user) in [("", "7"), ("acme", ""), ("  ", "7")] {
        assert!(id(tenant, user).unwrap_err().contains("matched nothing"));
    }
    let numbers = r#"{"tenant":12345678901234567890123,"user":{"id":["x"]},"email":"a@b.test"}"#;
    assert_eq!(
        find(lines, numbers).0.unwrap().user_id,
        "12345678901234567890123/x"
    );
    let colon = "user_id = { all = [\"a\", \"b\"], separator = \":\" }\nemail = \"email\"";
    let document = r#"{"a":"x:y/z","b":"w","email":"a@b.test"}"#;
    assert_eq!(find(colon, document).0.unwrap().user_id, "x%3Ay/z:w");
    for separator in ["", "::", "%", "ä", " ", "a"] {
        let lines = format!(
            "user_id = {{ all = [\"a\", \"b\"], separator = \"{separator}\" }}\nemail = \"email\""
        );
        assert!(refused(&lines).contains("user_id.separator"), "{separator}");
    }
}

#[test]
fn names_are_joined_and_groups_taken_apart() {
    let lines = "user_id = \"id\"\nemail = \"email\"\n\
         name = { all = [\"family\", \"given\"], separator = \", \" }\n\
         groups = { first_of = [\"roles\", \"groups\"], split = \",\" }\n\
         [userinfo.response.attributes]\n\
         both = { all = [\"given\", \"family\"] }\n\
         list = { first_of = [\"tags\"], split = \";\" }";
    let found = |json: &str| find(lines, json).0.unwrap();
    // wso2/product-is#6575.
    let profile = found(
        r#"{"id":1,"email":"a@b.test","given":" Ada ","family":"Lovelace","groups":"a, dev,,b","tags":"x;y"}"#,
    );
    assert_eq!(profile.name.as_deref(), Some("Lovelace, Ada"));
    assert_eq!(profile.more["groups"], json!(["a", "dev", "b"]));
    assert_eq!(profile.more["both"], "Ada Lovelace");
    assert_eq!(profile.more["list"], json!(["x", "y"]));
    let profile =
        found(r#"{"id":1,"email":"a@b.test","given":"Ada","family":null,"roles":["c,d","e"]}"#);
    assert_eq!(profile.name.as_deref(), Some("Ada"));
    assert_eq!(profile.more["groups"], json!(["c", "d", "e"]));
    let profile = found(r#"{"id":1,"email":"a@b.test"}"#);
    assert_eq!(profile.name, None);
    // Groups of several places are all of them.
    let lines =
        "user_id = \"id\"\nemail = \"email\"\ngroups = { all = [\"groups\", \"$.roles[*].name\"] }";
    let document =
        r#"{"id":1,"email":"a@b.test","groups":["a"],"roles":[{"name":"b"},{"name":"c"}]}"#;
    let profile = find(lines, document).0.unwrap();
    assert_eq!(profile.more["groups"], json!(["a", "b", "c"]));
}

#[test]
fn groups_that_are_needed_are_those_that_are_mapped() {
    let lines = "user_id = \"id\"\nemail = \"email\"\ngroups = { first_of = [\"groups\"], split = \",\" }\n\
         [access]\ngroups = [\"dev\", \"ops\"]";
    let allowed = |groups: Value| {
        let provider = provider(lines);
        let document = json!({ "id": 1, "email": "a@b.test", "groups": groups });
        let profile =
            extract::profile(&provider.userinfo.profile, &document, &mut Vec::new()).unwrap();
        extract::access(&provider.access, &profile, &document).map_err(|e| e.to_string())
    };
    assert_eq!(allowed(json!("a,dev")), Ok(()));
    assert_eq!(allowed(json!(["ops"])), Ok(()));
    for other in [json!("a,developer"), json!([]), json!(null), json!("Dev")] {
        let why = allowed(other).unwrap_err();
        assert_eq!(why, "none of the user's groups is one of `access.groups`");
    }
    let unmapped = "user_id = \"id\"\nemail = \"email\"\n[access]\ngroups = [\"dev\"]";
    assert!(refused(unmapped).contains("access.groups: no groups are mapped"));
}

#[test]
fn values_of_the_callback_and_of_the_token_response_are_mapped() {
    let lines = "user_id = { all = [\"{token.team.id}\", \"id\"] }\nemail = [\"email\", \"{token.email}\"]\n\
         [userinfo.response.attributes]\nrealm = \"{callback.realmId}\"";
    // A dotted name is a member's name, as elsewhere; a path begins with `$`.
    let lines = lines.replace("token.team.id", "token.$.team.id");
    let provider = provider(&lines);
    let (profile, token, callback) = (
        json!({ "id": 7 }),
        json!({ "team": { "id": "t" }, "email": "a@b.test" }),
        json!({ "realmId": "9130" }),
    );
    let documents = Documents {
        profile: &profile,
        token: Some(&token),
        id_token: None,
        callback: Some(&callback),
        login: None,
    };
    let found = extract::profile(&provider.userinfo.profile, documents, &mut Vec::new()).unwrap();
    assert_eq!(found.user_id, "t/7");
    assert_eq!(found.email, "a@b.test");
    assert_eq!(found.more["realm"], "9130");
    for secret in [
        "{token.access_token}",
        "{token.refresh_token}",
        "{token.$}",
        "{callback.code}",
        "{callback.state}",
    ] {
        let lines = format!(
            "user_id = \"id\"\nemail = \"email\"\n[userinfo.response.attributes]\nx = \"{secret}\""
        );
        let why = refused(&lines);
        assert!(
            why.contains("attributes.x: tokens, codes and states"),
            "{secret} {why}"
        );
    }
    let why = refused("user_id = \"{id_token.sub}\"\nemail = \"email\"");
    assert!(
        why.contains("user_id: `{id_token.…}` needs an ID token"),
        "{why}"
    );
}

#[test]
fn tables_that_say_nothing_or_too_much_are_refused() {
    for (value, why) in [
        ("[]", "one of `first_of` and `all`"),
        ("{ }", "one of `first_of` and `all`"),
        (
            "{ first_of = [\"a\"], all = [\"b\"] }",
            "one of `first_of` and `all`",
        ),
        (
            "{ first_of = [\"a\"], separator = \"-\" }",
            "nothing to join",
        ),
        (
            "{ first_of = [\"a\"], split = \",\" }",
            "only groups and attributes",
        ),
        ("[\"$.a[\"]", "not a valid JSONPath"),
        ("[\"\"]", "the key is empty"),
        ("7", "none of the forms"),
    ] {
        let lines = format!("user_id = \"id\"\nemail = \"email\"\nname = {value}");
        let found = refused(&lines);
        assert!(found.contains("userinfo.response.name"), "{value}: {found}");
        assert!(found.contains(why), "{value}: {found}");
    }
    let joined = "user_id = \"id\"\nemail = { all = [\"a\", \"b\"] }";
    assert!(refused(joined).contains("an address is not put together"));
}

#[test]
fn white_space_around_an_address_is_not_part_of_it() {
    for text in [
        " ada@example.test",
        "ada@example.test\\r\\n",
        "\\u3000ada@example.test\\t",
    ] {
        let document = format!(r#"{{"id":1,"email":"{text}"}}"#);
        assert_eq!(find(PLAIN, &document).0.unwrap().email, "ada@example.test");
    }
}

/// PHPMailer#418, exment#800.
#[test]
fn addresses_as_carriers_gave_them_are_taken_where_the_mapping_says_so() {
    let lines = format!("{PLAIN}\nemail_form = \"carrier\"");
    let email = |lines: &str, text: &str| {
        let document = json!({ "id": 1, "email": text }).to_string();
        find(lines, &document).0.map(|profile| profile.email)
    };
    for text in ["a..b@docomo.test", "ab.@ezweb.test", ".ab-@ezweb.test"] {
        assert!(email(PLAIN, text).is_err(), "{text}");
        assert_eq!(email(&lines, text).unwrap(), text);
    }
    for text in [
        "..@docomo.test",
        "a b@docomo.test",
        "a@b@docomo.test",
        "a.@.test",
    ] {
        assert!(email(&lines, text).is_err(), "{text}");
    }
}
