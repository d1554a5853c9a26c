//! What a password must be like, where an account's people choose their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MAX_LENGTH;

/// The words that common passwords are made of, one a line, in lower case: English,
/// Portuguese, Spanish, keyboards, names.
const COMMON: &str = include_str!("common.txt");
/// Rows that fingers follow.
const ROWS: [&str; 6] = [
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn",
];

/// Which rule an account has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PasswordRule {
    /// At least 8 characters, of which a digit, a lower-case and an upper-case letter.
    #[default]
    Classes,
    /// At least 10 characters of any kind, and no password that many people have
    /// (NIST SP 800-63B §5.1.1.2).
    Length,
}

/// What is wrong with a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Too short, or lacking a class.
    #[error(
        "a password has at least 8 characters, with a digit, a lower-case and an upper-case letter"
    )]
    Classes,
    /// Too short.
    #[error("a password has at least 10 characters")]
    Short,
    /// Many people have it, or it is the email.
    #[error("this password is easy to guess: many people have one like it, or it is the email")]
    Common,
    /// Longer than any password.
    #[error("a password has at most {MAX_LENGTH} bytes")]
    Long,
}

impl std::str::FromStr for PasswordRule {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "classes" => Ok(Self::Classes),
            "length" => Ok(Self::Length),
            _ => Err("a rule for passwords is `classes` or `length`"),
        }
    }
}

impl PasswordRule {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classes => "classes",
            Self::Length => "length",
        }
    }

    /// The fewest characters.
    pub fn min_length(self) -> usize {
        match self {
            Self::Classes => 8,
            Self::Length => 10,
        }
    }

    /// Whether a password may be chosen by who has this email.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(self, password: &str, email: &str) -> Result<(), Weakness> {
        if password.len() > MAX_LENGTH {
            return Err(Weakness::Long);
        }
        let long = password.chars().count() >= self.min_length();
        match self {
            Self::Classes => {
                let has = |class: fn(char) -> bool| password.chars().any(class);
                let all = has(|c| c.is_ascii_digit())
                    && has(char::is_lowercase)
                    && has(char::is_uppercase);
                if long && all {
                    Ok(())
                } else {
                    Err(Weakness::Classes)
                }
            }
            Self::Length if !long => Err(Weakness::Short),
            Self::Length if is_common(password, email) => Err(Weakness::Common),
            Self::Length => Ok(()),
        }
    }
}

/// Whether a password is one that many people have: a common word or several, the
/// email, a row of keys or a repetition, whatever digits and signs are around it.
fn is_common(password: &str, email: &str) -> bool {
    let lower = password.to_lowercase();
    let email = email.to_lowercase();
    let local = email.split('@').next().unwrap_or_default();
    if lower == email || (local.len() >= 4 && rest_of(&lower, local).is_some_and(|n| n < 4)) {
        return true;
    }
    if is_walk(&lower) || is_repetition(&lower) {
        return true;
    }
    // What is written with signs in place of letters is read as the letters; those at
    // the end stand for nothing.
    let stem = lower.trim_end_matches(|c: char| !c.is_alphabetic());
    let plain: String = stem.chars().map(letter).collect();
    [lower, plain].iter().any(|text| is_words(text))
}

/// How many characters are left of a text without this part.
fn rest_of(text: &str, part: &str) -> Option<usize> {
    text.find(part)
        .map(|_| text.chars().count() - part.chars().count())
}

fn letter(c: char) -> char {
    match c {
        '@' | '4' => 'a',
        '3' => 'e',
        '1' | '!' => 'i',
        '0' => 'o',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// Whether it is nothing but common words, and at most four other characters or a
/// number.
fn is_words(text: &str) -> bool {
    let mut rest = text.to_owned();
    let mut found = false;
    let mut words: Vec<&str> = COMMON.lines().filter(|word| !word.is_empty()).collect();
    // The longest first: a shorter one may be part of it.
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    for word in words {
        if rest.contains(word) {
            rest = rest.replace(word, "\u{0}");
            found = true;
        }
    }
    let others: Vec<char> = rest.chars().filter(|c| *c != '\u{0}').collect();
    let number = others.iter().all(|c| !c.is_alphabetic()) && others.len() <= 8;
    found && (number || others.len() <= 2)
}

/// Whether each character is beside the last one on a row, but for a few.
fn is_walk(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let beside = |pair: &&[char]| {
        let (a, b): (String, String) = (pair.iter().collect(), pair.iter().rev().collect());
        ROWS.iter().any(|row| row.contains(&a) || row.contains(&b))
    };
    let pairs = chars.windows(2).count();
    let walked = chars.windows(2).filter(beside).count();
    pairs > 0 && walked * 10 >= pairs * 8
}

/// Whether it is one part of up to four characters, again and again.
fn is_repetition(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    (1..=4).any(|size| {
        chars.len() >= size * 2
            && chars
                .iter()
                .zip(chars.iter().skip(size))
                .all(|(a, b)| a == b)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMAIL: &str = "ada.lovelace@example.test";

    #[test]
    fn the_rule_of_classes() {
        let check = |text: &str| PasswordRule::Classes.check(text, EMAIL);
        assert_eq!(check("Analytic1"), Ok(()));
        for weak in [
            "Analyt1",
            "analytic1",
            "ANALYTIC1",
            "Analytical",
            "12345678",
        ] {
            assert_eq!(check(weak), Err(Weakness::Classes), "{weak}");
        }
        assert_eq!(check(&"aA1".repeat(400)), Err(Weakness::Long));
    }

    #[test]
    fn the_rule_of_length_refuses_what_many_have() {
        let check = |text: &str| PasswordRule::Length.check(text, EMAIL);
        for good in [
            "correct horse battery",
            "four seas, two rivers",
            "pferdehof am see",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        assert_eq!(check("tiny"), Err(Weakness::Short));
        for common in [
            "password123",
            "P@ssw0rd2024!",
            "qwertyuiop",
            "1234567890",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "senha12345",
            "contraseña1",
            "iloveyou1234",
            "ada.lovelace1",
            "ada.lovelace@example.test",
            "welcomewelcome1",
        ] {
            assert_eq!(check(common), Err(Weakness::Common), "{common}");
        }
    }
}
