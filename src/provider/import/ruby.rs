//! Ruby's literals, as configuration files of Ruby programs use them.

use std::iter::Peekable;
use std::str::Chars;

use serde_json::{Map, Value};

/// The deepest nesting.
const MAX_DEPTH: usize = 40;

/// The hashes in a program's text that stand for themselves: in a list, after a
/// `=`, or as a call's last argument.
pub(super) fn hashes(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let mut reader = Reader::new(&rest[at..]);
        match reader.value(0) {
            Some(value @ Value::Object(_)) => {
                found.push(value);
                rest = reader.rest();
            }
            _ => rest = &rest[at + 1..],
        }
    }
    found
}

/// The arguments of each call of `name` without parentheses: the plain ones,
/// then the named ones as an object.
pub(super) fn calls(text: &str, name: &str) -> Vec<Vec<Value>> {
    text.match_indices(name)
        .filter(|(at, _)| text[..*at].ends_with(|c: char| c.is_whitespace()) || *at == 0)
        .filter_map(|(at, _)| {
            let rest = &text[at + name.len()..];
            rest.starts_with([' ', '('])
                .then(|| arguments(rest.trim_start_matches(['(', ' '])))
        })
        .collect()
}

fn arguments(text: &str) -> Vec<Value> {
    let mut reader = Reader::new(text);
    let (mut plain, mut named) = (Vec::new(), Map::new());
    loop {
        reader.blank();
        let before = reader.chars.clone();
        if let Some(name) = reader.key() {
            match reader.value(0) {
                Some(value) => named.insert(name, value),
                None => break,
            };
        } else {
            reader.chars = before;
            match reader.value(0) {
                Some(value) => plain.push(value),
                None => break,
            }
        }
        reader.blank();
        if !reader.eat(',') {
            break;
        }
    }
    plain.push(Value::Object(named));
    plain
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    text: &'a str,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            chars: text.chars().peekable(),
            text,
        }
    }

    fn rest(&self) -> &'a str {
        let left: usize = self.chars.clone().map(char::len_utf8).sum();
        &self.text[self.text.len() - left..]
    }

    fn eat(&mut self, c: char) -> bool {
        self.chars.next_if_eq(&c).is_some()
    }

    /// White space and remarks.
    fn blank(&mut self) {
        while let Some(&c) = self.chars.peek() {
            if c == '#' {
                while self.chars.next_if(|c| *c != '\n').is_some() {}
            } else if c.is_whitespace() {
                self.chars.next();
            } else {
                return;
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.blank();
        match *self.chars.peek()? {
            '{' => self.hash(depth),
            '[' => self.list(depth),
            '"' | '\'' => self.string().map(Value::String),
            ':' => {
                self.chars.next();
                match self.chars.peek() {
                    Some('"' | '\'') => self.string().map(Value::String),
                    _ => Some(Value::String(self.word())),
                }
            }
            '%' => self.words(),
            _ => {
                let word = self.expression();
                match word.as_str() {
                    "" => None,
                    "true" => Some(Value::Bool(true)),
                    "false" => Some(Value::Bool(false)),
                    "nil" => Some(Value::Null),
                    _ => Some(Value::String(word)),
                }
            }
        }
    }

    fn hash(&mut self, depth: usize) -> Option<Value> {
        self.chars.next();
        let mut map = Map::new();
        loop {
            self.blank();
            if self.eat('}') {
                return Some(Value::Object(map));
            }
            let name = self.key()?;
            let value = self.value(depth + 1)?;
            map.insert(name, value);
            self.blank();
            if !self.eat(',') {
                self.blank();
                return self.eat('}').then_some(Value::Object(map));
            }
        }
    }

    /// A key with its `=>` or `:`.
    fn key(&mut self) -> Option<String> {
        let name = match *self.chars.peek()? {
            '"' | '\'' => self.string()?,
            ':' => {
                self.chars.next();
                self.word()
            }
            _ => self.word(),
        };
        self.blank();
        if self.eat(':') || (self.eat('=') && self.eat('>')) {
            Some(name).filter(|name| !name.is_empty())
        } else {
            None
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        self.chars.next();
        let mut items = Vec::new();
        loop {
            self.blank();
            if self.eat(']') {
                return Some(Value::Array(items));
            }
            items.push(self.value(depth + 1)?);
            self.blank();
            if !self.eat(',') {
                self.blank();
                return self.eat(']').then_some(Value::Array(items));
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let quote = self.chars.next()?;
        let mut text = String::new();
        loop {
            match self.chars.next()? {
                '\\' => text.extend(self.chars.next()),
                c if c == quote => return Some(text),
                c => text.push(c),
            }
        }
    }

    /// `%w[a b]` and `%i[a b]`.
    fn words(&mut self) -> Option<Value> {
        self.chars.next();
        self.chars.next_if(|c| matches!(c, 'w' | 'W' | 'i'))?;
        let close = match self.chars.next()? {
            '[' => ']',
            '(' => ')',
            '{' => '}',
            _ => return None,
        };
        let mut text = String::new();
        loop {
            match self.chars.next()? {
                c if c == close => break,
                c => text.push(c),
            }
        }
        let items = text
            .split_whitespace()
            .map(|word| Value::String(word.to_owned()));
        Some(Value::Array(items.collect()))
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self
            .chars
            .next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
        {
            word.push(c);
        }
        word
    }

    /// What is no literal, such as `ENV['X']` or a call: up to where it ends.
    fn expression(&mut self) -> String {
        let (mut text, mut depth) = (String::new(), 0_usize);
        while let Some(&c) = self.chars.peek() {
            match c {
                '(' | '[' => depth += 1,
                ')' | ']' if depth > 0 => depth -= 1,
                ',' | '}' | ')' | ']' | '\n' if depth == 0 => break,
                _ => {}
            }
            text.push(c);
            self.chars.next();
        }
        text.trim().to_owned()
    }
}
