//! Why a mapped value was not had.

/// Why a required value was not had. Says types and places, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}`: {problem}{}", hint_text(.hint))]
pub struct ExtractError {
    /// The key of the mapping.
    pub field: &'static str,
    /// What is wrong.
    pub problem: Problem,
    /// Where such a value may be.
    pub hint: Option<String>,
}

/// What can be wrong with a required value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing is there.
    #[error("`{place}` matched nothing")]
    Missing {
        /// The member or path.
        place: String,
    },
    /// One was meant.
    #[error("`{place}` matched {count} values ({types}) where one is meant; narrow the path")]
    Several {
        /// The member or path.
        place: String,
        /// How many.
        count: usize,
        /// Their types.
        types: String,
    },
    /// It has another type.
    #[error("`{place}` should be {expected}, but is {found}")]
    WrongType {
        /// The member or path.
        place: String,
        /// What was expected.
        expected: &'static str,
        /// What came.
        found: &'static str,
    },
    /// It is of the right type, and still not usable.
    #[error("`{place}`: {why}")]
    Invalid {
        /// The member or path.
        place: String,
        /// Why.
        why: String,
    },
}

fn hint_text(hint: &Option<String>) -> String {
    hint.as_ref().map(|h| format!("; {h}")).unwrap_or_default()
}

impl Problem {
    /// There is no value at a place.
    pub fn missing(place: impl Into<String>) -> Self {
        Self::Missing {
            place: place.into(),
        }
    }

    /// True if there is no value at all.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}
