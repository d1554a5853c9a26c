//! Places in a document: a member's name or a JSONPath, judged when it is
//! compiled so that it can't stall a login when it runs.

mod cost;
mod never;

use std::fmt;

use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde_json::Value;

/// The longest path that is taken, in bytes.
const MAX_LENGTH: usize = 512;

/// Why a text cannot be used as a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It is empty.
    #[error("the key is empty; write a member's name or a JSONPath such as `$.data.email`")]
    Empty,
    /// It does not parse.
    #[error("not a valid JSONPath (RFC 9535): {0}")]
    Syntax(String),
    /// A format of a time that can't be read.
    #[error("{0}")]
    Time(String),
    /// It could take too long on a hostile document.
    #[error("{0}")]
    TooCostly(&'static str),
}

/// Where a value is: the name of a top-level member, or a JSONPath.
#[derive(Clone)]
pub struct Place {
    text: String,
    query: Option<JpQuery>,
}

impl Place {
    /// Compiles a key of a mapping: a JSONPath if it begins with `$`, else a member's name.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.trim().is_empty() {
            return Err(PathError::Empty);
        }
        if text.trim_start().starts_with('$') && !text.starts_with('$') {
            return Err(PathError::Syntax("it begins with white space".to_owned()));
        }
        let query = text.starts_with('$').then(|| query(text)).transpose()?;
        Ok(Self {
            text: text.to_owned(),
            query,
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Everything it matches, in document order.
    pub fn matches<'v>(&self, document: &'v Value) -> Vec<&'v Value> {
        match &self.query {
            None => document.get(&self.text).into_iter().collect(),
            Some(query) => run(query, document),
        }
    }

    /// Whether it leads to what a filter selects, which is never `true`.
    pub fn is_never_true(&self) -> bool {
        let filter = self.query.as_ref().and_then(never::last_filter);
        filter.is_some_and(|filter| !never::selects_true(filter))
    }

    /// The top-level member it begins with, where it names one.
    pub fn first_member(&self) -> Option<&str> {
        match &self.query {
            None => Some(&self.text),
            Some(query) => match query.segments.first() {
                Some(Segment::Selector(Selector::Name(name))) => {
                    Some(name.trim_matches(['\'', '"']))
                }
                _ => None,
            },
        }
    }
}

/// One step of a path, as far as a sample needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// To a member.
    Member(String),
    /// To an element of an array.
    Element,
}

impl Place {
    /// The steps to the first value this place would match in a document made for it.
    pub fn steps(&self) -> Vec<PathStep> {
        let Some(query) = &self.query else {
            return vec![PathStep::Member(self.text.clone())];
        };
        let mut steps = Vec::new();
        for segment in &query.segments {
            let selector = match segment {
                Segment::Descendant(below) => match &**below {
                    Segment::Selector(selector) => Some(selector),
                    _ => None,
                },
                Segment::Selector(selector) => Some(selector),
                Segment::Selectors(many) => many.first(),
            };
            match selector {
                Some(Selector::Name(name)) => {
                    steps.push(PathStep::Member(name.trim_matches(['\'', '"']).to_owned()));
                }
                Some(_) => steps.push(PathStep::Element),
                None => {}
            }
        }
        steps
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({:?})", self.text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether walking a document costs more than `limit`: the lengths of the paths to all
/// its values, which the JSONPath library writes out as it goes.
pub fn is_heavier(document: &Value, limit: usize) -> bool {
    let mut total: usize = 0;
    let mut stack = vec![(document, 1_usize)];
    while let Some((value, path)) = stack.pop() {
        total = total.saturating_add(path);
        let below = match value {
            Value::Object(members) => members.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        // No value below costs less than the way to it.
        if total.saturating_add(below.saturating_mul(path)) > limit {
            return true;
        }
        match value {
            Value::Object(members) => {
                stack.extend(
                    members
                        .iter()
                        .map(|(name, below)| (below, path + name.len() + 4)),
                );
            }
            Value::Array(items) => stack.extend(items.iter().map(|below| (below, path + 8))),
            _ => {}
        }
    }
    false
}

/// The heaviest document a path is run on.
pub const MAX_TRAVERSAL_COST: usize = 32 << 20;
/// Up to this weight a path costs a worker less than a change of threads.
pub const INLINE_COST: usize = 256 << 10;

/// A condition on a document: a comparison such as `$.code == 0`, or a path
/// that must lead to something other than `false` and `null`.
#[derive(Clone)]
pub struct Condition {
    text: String,
    query: JpQuery,
    /// Run on the document inside an array, so that a filter can look at its root.
    wrapped: bool,
}

impl Condition {
    /// Compiles a condition.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(PathError::Empty);
        }
        if !text.starts_with(['$', '@', '!', '(']) {
            return Err(PathError::Syntax(
                "a condition begins with `$`, as in `$.code == 0`".to_owned(),
            ));
        }
        let plain = text.starts_with('$').then(|| query(text));
        if let Some(Ok(query)) = plain {
            return Ok(Self {
                text: text.to_owned(),
                query,
                wrapped: text.starts_with("$[?"),
            });
        }
        if let Some(Err(costly @ PathError::TooCostly(_))) = plain {
            return Err(costly);
        }
        let filter = format!("$[?{}]", root_to_current(text));
        Ok(Self {
            text: text.to_owned(),
            query: query(&filter)?,
            wrapped: true,
        })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether no document can meet it.
    pub fn is_never_met(&self) -> bool {
        never::last_filter(&self.query).is_some_and(never::never)
    }

    /// Whether the document meets it.
    pub fn holds(&self, document: &Value) -> bool {
        let truthy = |found: Vec<&Value>| {
            found
                .iter()
                .any(|value| !matches!(value, Value::Null | Value::Bool(false)))
        };
        if self.wrapped {
            let within = Value::Array(vec![document.clone()]);
            if truthy(run(&self.query, &within)) {
                return true;
            }
            // `$[?@ == 'x']` may also be meant for the members of the root.
            return self.text.starts_with("$[?") && truthy(run(&self.query, document));
        }
        truthy(run(&self.query, document))
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({:?})", self.text)
    }
}

/// Each character, where it is, and whether it stands within quotes (RFC 9535 §2.3.1.1):
/// the closing one does, the opening one does not.
fn quoted(text: &str) -> impl Iterator<Item = (usize, char, bool)> {
    let mut open = None;
    let mut escaped = false;
    text.char_indices().map(move |(at, c)| {
        let within = open.is_some();
        match open {
            _ if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(quote) if quote == c => open = None,
            None if matches!(c, '\'' | '"') => open = Some(c),
            _ => {}
        }
        (at, c, within)
    })
}

/// Turns each `$` outside a string literal into `@`.
fn root_to_current(text: &str) -> String {
    quoted(text)
        .map(|(_, c, within)| if c == '$' && !within { '@' } else { c })
        .collect()
}

fn query(text: &str) -> Result<JpQuery, PathError> {
    if text.len() > MAX_LENGTH {
        return Err(PathError::TooCostly("the path is longer than 512 bytes"));
    }
    if cost::is_nested_deeply(text) {
        return Err(PathError::TooCostly(
            "at most 10 brackets may be open at one place, and one function call within another",
        ));
    }
    if let Some(at) = stray_space(text) {
        let why = format!("white space cannot follow `{}`", &text[..at]);
        return Err(PathError::Syntax(why));
    }
    let query =
        parse_json_path(text).map_err(|e| PathError::Syntax(explain(text, &e.to_string())))?;
    cost::check(&query)?;
    Ok(query)
}

/// White space that the library reads over, and RFC 9535 does not allow: within a
/// name (`$.first name` would mean something else), behind a dot, between segments.
fn stray_space(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = ' ';
    let mut space = None;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
    for (at, c, within) in quoted(text) {
        if within {
            before = c;
            continue;
        }
        if c.is_whitespace() {
            space = space.or(Some(at));
            continue;
        }
        if let Some(at) = space.take()
            && (depth == 0 || before == '.' || (is_name(before) && is_name(c)))
        {
            return Some(at);
        }
        match c {
            '[' | '(' => depth += 1,
            ']' | ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = c;
    }
    space
}

/// The parser draws its errors over several lines, the first of which says where
/// (`--> 1:13`); what it expected there are names of its own grammar.
fn explain(text: &str, message: &str) -> String {
    let column = message.lines().find_map(|line| {
        let (_, column) = line.split_once("--> 1:")?;
        column.trim().parse::<usize>().ok()
    });
    let Some(before) = column.map(|column| column.saturating_sub(1)) else {
        let last = message
            .lines()
            .map(str::trim)
            .rfind(|line| !line.is_empty());
        return last.unwrap_or("it does not parse").to_owned();
    };
    let read: String = text.chars().take(before).collect();
    match text.chars().nth(before) {
        Some(c) => format!("`{c}` cannot follow `{read}`"),
        None => format!("it ends too early, after `{read}`"),
    }
}

fn run<'v>(query: &JpQuery, document: &'v Value) -> Vec<&'v Value> {
    js_path_process(query, document)
        .map(|found| found.into_iter().map(|at| at.val).collect())
        .unwrap_or_default()
}
