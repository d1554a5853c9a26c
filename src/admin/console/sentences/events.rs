//! That each event of the audit log has a sentence.

use std::collections::BTreeSet;
use std::path::Path;

use super::has;
use super::tests::{files, is_id};

/// Each event of the audit log has a sentence: those that the documents name, those that
/// the sources name, and those that the API's routes make by rule.
#[test]
fn every_event_of_the_audit_log_has_a_sentence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut events = BTreeSet::new();
    let docs = std::fs::read_to_string(root.join("docs/audit-events.md")).unwrap();
    for line in docs.lines().filter(|line| line.starts_with("| `")) {
        let first = line.split(" | ").next().unwrap_or_default();
        let names = first.split('`').skip(1).step_by(2);
        events.extend(names.map(str::to_owned));
    }
    events.retain(|event| is_id(event));
    for (_, text) in files(&root.join("src"), ".rs") {
        for rest in text.split(concat!("Entry::", "new(")).skip(1) {
            let name = rest.trim_start().strip_prefix('"');
            let name = name.and_then(|rest| rest.split('"').next());
            events.extend(name.filter(|name| is_id(name)).map(str::to_owned));
        }
    }
    for (noun, verbs) in [
        ("application", &["create", "set", "change", "remove"][..]),
        ("operator", &["create", "change", "remove"]),
        ("provider", &["remove"]),
        ("shadow", &["set", "remove"]),
        ("grant", &["remove"]),
        ("consent", &["remove"]),
    ] {
        events.extend(verbs.iter().map(|verb| format!("{noun}.{verb}")));
    }
    assert!(events.len() > 50, "{events:?}");
    for event in events {
        let id = format!("events.{}", event.replace('.', "_"));
        assert!(has(&id), "no sentence {id}");
    }
}
