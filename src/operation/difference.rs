//! What changes from one mapping to another: line by line, and in who users are.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use crate::audit::fingerprint;
use crate::document::redact;
use crate::document::structure::parse_toml;

/// A line of a comparison.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "ChangedLine")]
pub struct Line {
    /// `add`, `del`, `same`, or `gap` where lines that are the same are left out.
    kind: &'static str,
    /// The line; secrets as fingerprints.
    text: String,
}

/// What changed from one mapping to another; secrets as fingerprints.
pub fn diff_lines(old: &str, new: &str) -> Vec<Line> {
    let (old, new) = (
        redact::replace(old, fingerprint),
        redact::replace(new, fingerprint),
    );
    let diff = TextDiff::from_lines(&old, &new);
    let mut out = Vec::new();
    for (i, group) in diff.grouped_ops(3).iter().enumerate() {
        if i > 0 {
            out.push(Line {
                kind: "gap",
                text: "…".to_owned(),
            });
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let kind = match change.tag() {
                ChangeTag::Delete => "del",
                ChangeTag::Insert => "add",
                ChangeTag::Equal => "same",
            };
            out.push(Line {
                kind,
                text: change.value().trim_end_matches('\n').to_owned(),
            });
        }
    }
    out
}

/// What an edit would do to who users are.
pub fn identity_warnings(old: &str, new: &str) -> Vec<String> {
    let ((old, _, _), (new, _, _)) = (parse_toml(old), parse_toml(new));
    let text = |doc: &Value, key: &str| {
        doc.pointer(key)
            .map(|value| value.to_string().trim_matches('"').to_owned())
            .unwrap_or_default()
    };
    [
        ("/provider/id", "The provider's id", "Users are linked to it: everyone who logs in is looked for by email, or becomes a new user."),
        ("/userinfo/response/user_id", "The place of the user's id", "Everyone who logs in may be taken for somebody else, or become a new user."),
        ("/userinfo/response/email", "The place of the email", "Users may get another email, and be linked by it to somebody else's user."),
        ("/userinfo/source", "The source of the profile", "Ids and emails may come out differently."),
        ("/userinfo/url", "The address of the profile", "Ids and emails may come out differently."),
    ]
    .iter()
    .filter(|(key, _, _)| text(&old, key) != text(&new, key))
    .map(|(key, what, why)| format!("{what} changes from `{}` to `{}`. {why}", text(&old, key), text(&new, key)))
    .collect()
}
