//! Bounded work: what could stall a login is refused when a mapping is compiled, or
//! takes no time when it runs. Where it did not, these tests would not come to an end.

use super::*;

#[test]
fn costly_paths_are_refused_at_compile_time() {
    for (path, why) in [
        ("$..*..*", "`..` is allowed once"),
        ("$..a..b", "`..` is allowed once"),
        ("$..[?@..a]", "`..` is allowed once"),
        ("$[?@.a[?@.b]]", "a filter inside a filter"),
        ("$[?@.*]", "`*` and slices"),
        ("$[?@[0:5]]", "`*` and slices"),
        ("$[?match(@.a, '(a+)+$')]", "`match` and `search`"),
        ("$[?search(@.a, 'x')]", "`match` and `search`"),
        ("$[?$.a == @.b]", "inside a filter use `@`"),
        ("$[?count(@..a) > 1]", "`..` is allowed once"),
        ("$[?length(length(length(@.a))) > 1]", "one function call"),
    ] {
        let error = Place::parse(path).unwrap_err().to_string();
        assert!(error.contains(why), "{path}: {error}");
        if path.contains('?') {
            assert!(Condition::parse(path).is_err(), "{path}");
        }
    }
    let long = format!("$.{}", "a".repeat(600));
    assert!(
        Place::parse(&long)
            .unwrap_err()
            .to_string()
            .contains("512 bytes")
    );
    let many = format!("${}", ".a".repeat(45));
    assert!(
        Place::parse(&many)
            .unwrap_err()
            .to_string()
            .contains("40 parts")
    );
    let again = "[*, *]".repeat(10);
    let again = Place::parse(&format!("${again}")).unwrap_err().to_string();
    assert!(again.contains("more than 32 times"), "{again}");
    for path in [
        "$",
        "$['a', 'b']['c', 'd']['e', 'f', 'g']",
        "$[?((@.a == '((((((((((((' || (!(@.b))) && value(@['[[']) == 1)]",
        "$..email",
        "$.a[*].b",
        "$['a','b']",
        "$[?@.a == 1 || @.b]",
        "$[-1]",
    ] {
        assert!(Place::parse(path).is_ok(), "{path}");
    }
}

/// The parser's time triples with each call that is open when the text ends.
#[test]
fn a_path_that_does_not_parse_is_refused_at_once() {
    for opening in [
        "length(",
        "(length(",
        "length(@[?value(",
        "!(",
        "@[?",
        "[",
        "('",
    ] {
        for count in [10, 16, 40, 70] {
            let path = format!("$[?{}@.a", opening.repeat(count));
            assert!(Place::parse(&path).is_err(), "{path}");
            let condition = format!("{}$.a", opening.repeat(count));
            assert!(Condition::parse(&condition).is_err());
        }
    }
}

#[test]
fn a_profile_of_a_mebibyte_takes_no_time() {
    let mut document = String::from(r#"{"id":9007199254740993,"email":"a@b.test","list":["#);
    while document.len() < (1 << 20) - 64 {
        document.push_str(r#"{"k":"v","n":[1,2,3]},"#);
    }
    document.push_str("{\"last\":true}]}");
    let lines = r#"
user_id = "id"
email = "email"
name = "$..missing"
groups = "$.list[?@.last == true].last"
attributes = { last = "$..last", none = "$.list[?@.k == 'x' && @.n[2] == 3].k" }
"#;
    match strict_json(document.as_bytes()) {
        Ok(value) => {
            assert!(is_heavier(&value, INLINE_COST));
            let map = provider(lines).userinfo.profile;
            let found = extract::profile(&map, &value, &mut Vec::new());
            let found = found.unwrap();
            assert_eq!(found.user_id, "9007199254740993");
            assert_eq!(found.more["last"], json!(true));
        }
        // Or it has too many values to be read at all, which takes no time either.
        Err(error) => assert!(matches!(error, DecodeError::TooMany { .. }), "{error}"),
    }
}

#[test]
fn a_wide_profile_of_a_mebibyte_takes_no_time() {
    let text = "x".repeat((1 << 20) - 100);
    let document = format!(r#"{{"id":1,"email":"a@b.test","bio":"{text}"}}"#);
    let value = strict_json(document.as_bytes()).unwrap();
    let map = provider("user_id = \"id\"\nemail = \"email\"\nname = \"$..bio\"")
        .userinfo
        .profile;
    let found = extract::profile(&map, &value, &mut Vec::new());
    assert_eq!(found.unwrap().name.unwrap().len(), 2048);
    let map = provider("user_id = \"id\"\nemail = \"mail\"")
        .userinfo
        .profile;
    let missing = extract::profile(&map, &value, &mut Vec::new());
    assert!(
        missing
            .unwrap_err()
            .to_string()
            .contains("`$.email` looks like an email")
    );
}

#[test]
fn deep_json_is_refused_before_anything_walks_it() {
    for depth in [65, 1_000, 200_000] {
        let document = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let error = strict_json(document.as_bytes()).unwrap_err();
        assert!(
            matches!(error, DecodeError::TooDeep { .. }),
            "{depth}: {error}"
        );
    }
    let document = format!("{}1{}", "[".repeat(64), "]".repeat(64));
    let value = strict_json(document.as_bytes()).unwrap();
    assert_eq!(Place::parse("$..missing").unwrap().matches(&value).len(), 0);
}
