//! What a path may cost, judged before it runs: the JSONPath library has no budget.

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, FnArg, JpQuery, Segment, Selector, Test,
    TestFunction,
};

use super::{PathError, quoted};

/// The most segments and filter terms of one path.
const MAX_TERMS: usize = 40;
/// The most brackets that are open at one place, and function calls among them. The
/// parser tries each call in three ways, so that its time triples with each within.
const MAX_DEPTH: usize = 10;
const MAX_CALL_DEPTH: usize = 2;
/// How often one value may be selected: `[0, 0][0, 0]` selects it four times.
const MAX_REPEATS: usize = 32;

/// Whether brackets outside of quotes are too deep for the parser, which is asked only
/// afterwards.
pub(super) fn is_nested_deeply(text: &str) -> bool {
    let mut before = ' ';
    let mut open = Vec::new();
    for (_, c, within) in quoted(text) {
        match c {
            '[' if !within => open.push(false),
            '(' if !within => open.push(before.is_alphanumeric() || before == '_'),
            ']' | ')' if !within => {
                open.pop();
            }
            _ => {}
        }
        let calls = open.iter().filter(|is_call| **is_call).count();
        if open.len() > MAX_DEPTH || calls > MAX_CALL_DEPTH {
            return true;
        }
        if !c.is_whitespace() {
            before = c;
        }
    }
    false
}

/// Refuses a query that could take long on a hostile document.
pub(super) fn check(query: &JpQuery) -> Result<(), PathError> {
    CostCheck::default().segments(&query.segments)
}

/// Counts what makes a query expensive. With one descent and no query inside a
/// filter the work is linear in the document.
#[derive(Default)]
struct CostCheck {
    descents: usize,
    terms: usize,
    /// One less than how often a value may be selected.
    repeats: usize,
    in_filter: bool,
}

impl CostCheck {
    fn term(&mut self) -> Result<(), PathError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(PathError::TooCostly("the path has more than 40 parts"));
        }
        Ok(())
    }

    fn segments(&mut self, segments: &[Segment]) -> Result<(), PathError> {
        segments
            .iter()
            .try_for_each(|segment| self.segment(segment))
    }

    fn segment(&mut self, segment: &Segment) -> Result<(), PathError> {
        self.term()?;
        match segment {
            Segment::Descendant(below) => {
                self.descents += 1;
                if self.descents > 1 || self.in_filter {
                    return Err(PathError::TooCostly(
                        "`..` is allowed once, and not inside a filter; name the members between",
                    ));
                }
                self.segment(below)
            }
            Segment::Selector(selector) => self.selector(selector),
            Segment::Selectors(many) => {
                self.repeats = (self.repeats + 1) * many.len().max(1) - 1;
                if self.repeats >= MAX_REPEATS {
                    return Err(PathError::TooCostly(
                        "several selectors in several brackets select a value more than 32 times",
                    ));
                }
                many.iter().try_for_each(|s| self.selector(s))
            }
        }
    }

    fn selector(&mut self, selector: &Selector) -> Result<(), PathError> {
        self.term()?;
        match selector {
            Selector::Filter(filter) => {
                if self.in_filter {
                    return Err(PathError::TooCostly(
                        "a filter inside a filter is not allowed",
                    ));
                }
                self.in_filter = true;
                let judged = self.filter(filter);
                self.in_filter = false;
                judged
            }
            Selector::Wildcard | Selector::Slice(..) if self.in_filter => Err(
                PathError::TooCostly("`*` and slices are not allowed inside a filter"),
            ),
            _ => Ok(()),
        }
    }

    fn filter(&mut self, filter: &Filter) -> Result<(), PathError> {
        self.term()?;
        match filter {
            Filter::Or(all) | Filter::And(all) => all.iter().try_for_each(|f| self.filter(f)),
            Filter::Atom(FilterAtom::Filter { expr, .. }) => self.filter(expr),
            Filter::Atom(FilterAtom::Test { expr, .. }) => self.test(expr),
            Filter::Atom(FilterAtom::Comparison(comparison)) => self.comparison(comparison),
        }
    }

    fn test(&mut self, test: &Test) -> Result<(), PathError> {
        match test {
            Test::RelQuery(segments) => self.segments(segments),
            Test::AbsQuery(_) => Err(absolute()),
            Test::Function(function) => self.function(function),
        }
    }

    fn comparison(&mut self, comparison: &Comparison) -> Result<(), PathError> {
        let (left, right) = comparison.vals();
        for side in [left, right] {
            match side {
                Comparable::Literal(_) => {}
                Comparable::Function(function) => self.function(function)?,
                Comparable::SingularQuery(query) => {
                    if query.to_string().starts_with('$') {
                        return Err(absolute());
                    }
                }
            }
        }
        Ok(())
    }

    fn function(&mut self, function: &TestFunction) -> Result<(), PathError> {
        match function {
            TestFunction::Length(arg) => self.argument(arg),
            TestFunction::Value(arg) | TestFunction::Count(arg) => self.argument(arg),
            TestFunction::Search(..) | TestFunction::Match(..) => Err(PathError::TooCostly(
                "`match` and `search` are not allowed; compare with `==`",
            )),
            TestFunction::Custom(..) => Err(PathError::TooCostly("this function is not allowed")),
        }
    }

    fn argument(&mut self, argument: &FnArg) -> Result<(), PathError> {
        match argument {
            FnArg::Literal(_) => Ok(()),
            FnArg::Test(test) => self.test(test),
            FnArg::Filter(_) => Err(PathError::TooCostly(
                "a filter inside a filter is not allowed",
            )),
        }
    }
}

fn absolute() -> PathError {
    PathError::TooCostly(
        "inside a filter use `@`, not `$`: a path from the root runs once for each element",
    )
}
