//! Conditions and places that can't ever be what is asked of them.

use jsonpath_rust::parser::model::{
    Comparable, Comparison, Filter, FilterAtom, JpQuery, Literal, Segment, Selector, SingularQuery,
};

/// The filter that a path ends in: it selects what it is asked of, not its answer.
pub(super) fn last_filter(query: &JpQuery) -> Option<&Filter> {
    match query.segments.last()? {
        Segment::Selector(Selector::Filter(filter)) => Some(filter),
        Segment::Descendant(below) => match &**below {
            Segment::Selector(Selector::Filter(filter)) => Some(filter),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a filter selects nothing but `true`.
pub(super) fn selects_true(filter: &Filter) -> bool {
    match filter {
        Filter::Or(all) | Filter::And(all) => all.iter().any(selects_true),
        Filter::Atom(FilterAtom::Filter { expr, .. }) => selects_true(expr),
        Filter::Atom(FilterAtom::Test { .. }) => false,
        Filter::Atom(FilterAtom::Comparison(comparison)) => {
            let own = |side: &Comparable| matches!(side, Comparable::SingularQuery(SingularQuery::Current(path)) if path.is_empty());
            let (left, right) = comparison.vals();
            let truth =
                |side: &Comparable| matches!(side, Comparable::Literal(Literal::Bool(true)));
            matches!(**comparison, Comparison::Eq(..))
                && (own(left) && truth(right) || own(right) && truth(left))
        }
    }
}

/// Whether there is no document of which a filter holds, as far as its text tells:
/// one value is asked to be two, or two that are written down are compared.
pub(super) fn never(filter: &Filter) -> bool {
    match filter {
        Filter::Or(all) => all.iter().all(never),
        Filter::And(all) => {
            let wanted: Vec<(String, String)> = all.iter().filter_map(equality).collect();
            let torn = wanted.iter().any(|(path, value)| {
                wanted
                    .iter()
                    .any(|(other, another)| other == path && another != value)
            });
            torn || all.iter().any(never)
        }
        Filter::Atom(FilterAtom::Filter { expr, not }) => !not && never(expr),
        Filter::Atom(FilterAtom::Test { .. }) => false,
        Filter::Atom(FilterAtom::Comparison(comparison)) => match &**comparison {
            Comparison::Eq(Comparable::Literal(left), Comparable::Literal(right)) => {
                left.to_string() != right.to_string()
            }
            // RFC 9535 §2.3.5.2.2: true, false and null have no order.
            Comparison::Gt(left, right) | Comparison::Lt(left, right) => {
                unordered(left) || unordered(right)
            }
            _ => false,
        },
    }
}

/// The path and the text of the value of `path == value`; numbers are left aside,
/// since one can be written in several ways.
fn equality(filter: &Filter) -> Option<(String, String)> {
    let Filter::Atom(FilterAtom::Comparison(comparison)) = filter else {
        return None;
    };
    match &**comparison {
        Comparison::Eq(Comparable::SingularQuery(path), Comparable::Literal(value))
        | Comparison::Eq(Comparable::Literal(value), Comparable::SingularQuery(path)) => {
            match value {
                Literal::Int(_) | Literal::Float(_) => None,
                value => Some((format!("{path:?}"), value.to_string())),
            }
        }
        _ => None,
    }
}

fn unordered(side: &Comparable) -> bool {
    matches!(side, Comparable::Literal(Literal::Bool(_) | Literal::Null))
}
