//! What a change of a mapping does to who users are.

use serde_json::Value;

use crate::document::structure::parse_toml;

/// What an edit would do to who users are.
pub(super) fn identity_warnings(old: &str, new: &str) -> Vec<String> {
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
