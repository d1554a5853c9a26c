//! Lists, a page at a time: `after` is the cursor that the page before gave as
//! `next`.
//!
//! A cursor names the last thing on a page, not its position: what is added or
//! removed meanwhile neither repeats nor hides anything else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::condition::Tag;
use super::error::{OperationError, Outcome};
use crate::base::ErrorCode;

/// The longest page.
pub const MAX: usize = 500;
/// A page's length where none is asked for.
const DEFAULT: usize = 100;

/// How many things a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Total {
    /// How many.
    pub count: usize,
    /// Whether there are no more than that: who counts stops at some point.
    pub exact: bool,
}

/// How many things a list has.
pub fn total(count: usize, exact: bool) -> Total {
    Total { count, exact }
}

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct Page<T> {
    /// What is on this page.
    pub items: Vec<T>,
    /// Give it as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many there are on all pages, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Total>,
    /// What a change of the list can be bound to, where it changes as a whole.
    #[serde(skip)]
    pub tag: Option<Tag>,
}

impl<T> Page<T> {
    /// The page that `found` is, one thing more than which was looked for, to
    /// know whether another page follows.
    pub fn cut(mut found: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Self {
        let more = found.len() > limit;
        found.truncate(limit);
        let next = more.then(|| found.last().map(cursor)).flatten();
        Self {
            items: found,
            next,
            total: None,
            tag: None,
        }
    }

    /// A page of a list that is all in memory.
    pub fn of_all(all: Vec<T>, paging: &Paging, id: impl Fn(&T) -> String) -> Outcome<Self> {
        let limit = paging.limit()?;
        let begin = match &paging.after {
            None => 0,
            Some(after) => all
                .iter()
                .position(|one| id(one) == *after)
                .map(|at| at + 1)
                .ok_or_else(|| not_a_cursor("`after` is the `next` of the page before"))?,
        };
        let found = all.into_iter().skip(begin).take(limit + 1).collect();
        Ok(Self::cut(found, limit, id))
    }

    /// The same page of a list that changes as a whole.
    #[must_use]
    pub fn tagged(mut self, tag: impl Into<Tag>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// The same page with how many there are on all.
    #[must_use]
    pub fn counted(mut self, total: Option<Total>) -> Self {
        self.total = total;
        self
    }

    /// The same page of something else.
    pub fn map<U>(self, with: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(with).collect(),
            next: self.next,
            total: self.total,
            tag: self.tag,
        }
    }
}

/// Where a page begins and how long it is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// The `next` of the page before.
    pub after: Option<String>,
    /// How many things at most; 100 unless given.
    #[schemars(range(min = 1, max = 500))]
    pub limit: Option<usize>,
}

impl Paging {
    /// A page of this length, after this cursor.
    pub fn new(limit: usize, after: Option<&str>) -> Self {
        Self {
            after: after.map(str::to_owned),
            limit: Some(limit),
        }
    }

    /// A page's length, checked.
    pub fn limit(&self) -> Outcome<usize> {
        limit(self.limit)
    }

    /// The cursor as what it is made of, where one is given.
    pub fn after<T: std::str::FromStr<Err: std::fmt::Display>>(&self) -> Outcome<Option<T>> {
        self.after
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(not_a_cursor)
    }
}

/// A page's length, checked.
pub fn limit(asked: Option<usize>) -> Outcome<usize> {
    let asked = asked.unwrap_or(DEFAULT);
    if (1..=MAX).contains(&asked) {
        Ok(asked)
    } else {
        let why = format!("`limit` is a number from 1 to {MAX}");
        Err(OperationError::invalid(
            ErrorCode::RequestLimit,
            "limit",
            why,
        ))
    }
}

/// A cursor that no page gave.
pub fn not_a_cursor(why: impl ToString) -> OperationError {
    OperationError::invalid(ErrorCode::RequestAfter, "after", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(all: &[&str], after: Option<&str>, limit: usize) -> (Vec<String>, Option<String>) {
        let all = all.iter().map(|text| (*text).to_owned()).collect();
        let page = Page::of_all(all, &Paging::new(limit, after), String::clone);
        let page = page.unwrap_or_else(|_| panic!());
        (page.items, page.next)
    }

    #[test]
    fn the_last_page_says_so_even_when_it_is_full() {
        let all = ["a", "b", "c", "d"];
        let (items, next) = page(&all, None, 2);
        assert_eq!((items.len(), next.as_deref()), (2, Some("b")));
        let (items, next) = page(&all, next.as_deref(), 2);
        assert_eq!((items, next), (vec!["c".to_owned(), "d".to_owned()], None));
    }

    #[test]
    fn what_is_added_in_front_moves_nothing() {
        let (_, next) = page(&["b", "c", "d"], None, 2);
        let (items, _) = page(&["a", "b", "c", "d"], next.as_deref(), 2);
        assert_eq!(items, ["d"]);
    }
}
