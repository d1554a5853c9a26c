//! The sentences, one file a language.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Lang;
use crate::base::ErrorCode;

/// The code whose sentences stand in for a code without its own.
const FALLBACK: ErrorCode = ErrorCode::ServiceError;

/// All sentences of one language.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Messages {
    pub(super) page: PageText,
    error: BTreeMap<ErrorCode, ErrorText>,
}

/// What pages say beside errors. `{…}` is replaced by a name.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageText {
    pub(super) sign_in: String,
    pub(super) sign_in_to: String,
    pub(super) continue_with: String,
    pub(super) choose: String,
    pub(super) language: String,
    pub(super) notice_session_ended: String,
    pub(super) notice_cancelled: String,
    pub(super) sign_out: String,
    pub(super) sign_out_of: String,
    pub(super) sign_out_question: String,
    pub(super) signed_in_as: String,
    pub(super) stay: String,
    pub(super) signed_out: String,
    pub(super) signed_out_text: String,
    pub(super) sign_in_again: String,
    pub(super) fragment_title: String,
    pub(super) fragment_text: String,
    pub(super) fragment_no_script: String,
    pub(super) trial_ask: String,
    pub(super) trial_about: String,
    pub(super) trial_go: String,
    pub(super) trial_done: String,
    pub(super) trial_worked: String,
    pub(super) trial_failed: String,
    pub(super) start_again: String,
    pub(super) back: String,
    pub(super) back_to: String,
    pub(super) support_id: String,
    pub(super) code: String,
    pub(super) for_the_store: String,
    pub(super) email: String,
    pub(super) send_code: String,
    pub(super) go_on: String,
    pub(super) last_used: String,
    pub(super) between: String,
    pub(super) email_wrong: String,
    pub(super) code_title: String,
    pub(super) code_sent: String,
    pub(super) code_label: String,
    pub(super) code_wrong: String,
    pub(super) code_malformed: String,
    pub(super) code_late: String,
    pub(super) code_again: String,
    pub(super) other_way: String,
    pub(super) password: String,
    pub(super) forgot: String,
    pub(super) new_password: String,
    pub(super) current_password: String,
    pub(super) new_password_title: String,
    pub(super) change_password: String,
    pub(super) save_password: String,
    pub(super) password_rule_classes: String,
    pub(super) password_rule_length: String,
    pub(super) other_sessions: String,
    pub(super) login_done: String,
    pub(super) login_done_text: String,
    pub(super) device_title: String,
    pub(super) device_text: String,
    pub(super) device_label: String,
    pub(super) device_wrong: String,
    pub(super) device_wait: String,
    pub(super) proceed: String,
    pub(super) device_done: String,
    pub(super) device_done_text: String,
    pub(super) device_refused: String,
    pub(super) device_refused_text: String,
    pub(super) consent_title: String,
    pub(super) consent_list: String,
    pub(super) consent_device: String,
    pub(super) program_at: String,
    pub(super) scope_openid: String,
    pub(super) scope_profile: String,
    pub(super) scope_email: String,
    pub(super) scope_address: String,
    pub(super) scope_phone: String,
    pub(super) scope_offline: String,
    pub(super) scope_other: String,
    pub(super) allow: String,
    pub(super) refuse: String,
    pub(super) allowed_title: String,
    pub(super) allowed_none: String,
    pub(super) withdraw: String,
}

/// What a page says about an error.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ErrorText {
    /// What happened, in a few words.
    pub(super) title: String,
    /// What happened, in a sentence.
    pub(super) text: String,
    /// What the visitor can do.
    pub(super) next: String,
    /// What those who run the store can do, where only they can.
    #[serde(default)]
    store: Option<String>,
}

impl Messages {
    pub(super) fn of(lang: Lang) -> Self {
        let text = match lang {
            Lang::En => include_str!("messages/en.toml"),
            Lang::PtBr => include_str!("messages/pt-BR.toml"),
            Lang::Es => include_str!("messages/es.toml"),
        };
        toml::from_str(text).expect("the bundled messages are complete; a test reads them")
    }

    /// The sentences for a code; general ones for a code that has none.
    pub(super) fn error(&self, code: ErrorCode) -> &ErrorText {
        self.error
            .get(&code)
            .unwrap_or_else(|| &self.error[&FALLBACK])
    }
}

/// Puts a name into a sentence.
pub(super) fn fill(sentence: &str, what: &str, name: &str) -> String {
    sentence.replace(&format!("{{{what}}}"), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every sentence of a language under its path.
    fn sentences(lang: Lang) -> BTreeMap<String, String> {
        fn walk(path: &str, value: &toml::Value, found: &mut BTreeMap<String, String>) {
            if let toml::Value::Table(table) = value {
                for (key, value) in table {
                    walk(&format!("{path}/{key}"), value, found);
                }
            } else {
                found.insert(path.to_owned(), value.as_str().expect("text").to_owned());
            }
        }
        let text = match lang {
            Lang::En => include_str!("messages/en.toml"),
            Lang::PtBr => include_str!("messages/pt-BR.toml"),
            Lang::Es => include_str!("messages/es.toml"),
        };
        let mut found = BTreeMap::new();
        walk(
            "",
            &toml::Value::Table(text.parse().expect("TOML")),
            &mut found,
        );
        found
    }

    fn placeholders(sentence: &str) -> Vec<&str> {
        sentence
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
            .collect()
    }

    #[test]
    fn all_languages_say_the_same() {
        let english = sentences(Lang::En);
        for lang in Lang::ALL {
            Messages::of(lang);
            let other = sentences(lang);
            let keys = |of: &BTreeMap<String, String>| of.keys().cloned().collect::<Vec<_>>();
            assert_eq!(keys(&english), keys(&other), "{lang:?}");
            for (key, sentence) in &other {
                assert_eq!(
                    placeholders(&english[key]),
                    placeholders(sentence),
                    "{lang:?} {key}"
                );
                assert_eq!(sentence.trim(), sentence, "{lang:?} {key}");
                let ends = |sentence: &str| sentence.ends_with(['.', '?']);
                assert_eq!(ends(&english[key]), ends(sentence), "{lang:?} {key}");
            }
        }
    }

    #[test]
    fn every_code_that_pages_show_has_its_sentences() {
        for lang in Lang::ALL {
            let messages = Messages::of(lang);
            let written: Vec<_> = messages.error.keys().copied().collect();
            let mut wanted = ErrorCode::ALL.to_vec();
            wanted.retain(|code| code.is_for_shoppers());
            wanted.sort_unstable();
            assert_eq!(written, wanted, "{lang:?}");
        }
    }

    #[test]
    fn every_failure_has_a_sentence_of_its_own() {
        for lang in Lang::ALL {
            let messages = Messages::of(lang);
            let mut seen = BTreeMap::new();
            for (code, error) in &messages.error {
                let other = seen.insert(error.text.clone(), *code);
                assert_eq!(other, None, "{lang:?} {code}: {}", error.text);
            }
        }
    }

    #[test]
    fn another_code_gets_the_general_sentences() {
        let messages = Messages::of(Lang::En);
        let other = messages.error(ErrorCode::KeyBusy);
        assert_eq!(other.title, messages.error(FALLBACK).title);
    }
}
