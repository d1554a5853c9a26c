//! What the wizard asks, step by step. Its words stand in `sentences`: a title, label or
//! hint here is the id of one.

mod steps;

pub(super) use self::steps::STEPS;

/// A step of the wizard.
pub(super) struct Step {
    /// Its part of the address.
    pub id: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    pub groups: &'static [Group],
    /// Which requests of the preview stand beside it.
    pub previews: &'static [&'static str],
    /// Where in the mapping it writes: findings below these belong to it.
    pub tables: &'static [&'static str],
}

/// Fields under one heading.
pub(super) struct Group {
    pub title: &'static str,
    pub fields: &'static [Field],
    /// The table of custom parameters, if it has one.
    pub parameters: Option<&'static str>,
    /// Whether it is folded away at first.
    pub more: bool,
}

/// One key of the mapping.
pub(super) struct Field {
    /// `token.response.access_token`; also the input's name.
    pub key: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    /// What the mapping means where the key is absent.
    pub default: &'static str,
    pub kind: Kind,
    pub required: bool,
}

/// How a key is asked for.
pub(super) enum Kind {
    Text,
    Url,
    Secret,
    /// A list, as words with spaces between.
    Words,
    /// A table, as lines of `name: value`.
    Lines,
    /// Follow-up requests, as lines of `name = address`.
    Requests,
    /// Values and what they are called.
    Choice(&'static [(&'static str, &'static str)]),
}

const fn text(
    key: &'static str,
    label: &'static str,
    default: &'static str,
    hint: &'static str,
) -> Field {
    Field {
        key,
        label,
        hint,
        default,
        kind: Kind::Text,
        required: false,
    }
}

const fn many(kind: Kind, key: &'static str, label: &'static str, hint: &'static str) -> Field {
    Field {
        kind,
        ..text(key, label, "", hint)
    }
}

/// What a good answer says, and where a bad one says why.
const fn success(key: &'static str) -> Field {
    text(
        key,
        "steps.success_condition",
        "",
        "steps.for_providers_that_answer_200_to",
    )
}

const fn error_message(key: &'static str) -> Field {
    text(
        key,
        "steps.error_message_key",
        "",
        "steps.where_a_bad_answer_says_what",
    )
}

const fn headers(key: &'static str) -> Field {
    many(
        Kind::Lines,
        key,
        "steps.headers",
        "steps.further_headers_of_the_request_one",
    )
}

const fn required(key: &'static str, label: &'static str, hint: &'static str) -> Field {
    Field {
        required: true,
        ..text(key, label, "", hint)
    }
}

const fn url(key: &'static str, label: &'static str, hint: &'static str) -> Field {
    Field {
        kind: Kind::Url,
        ..required(key, label, hint)
    }
}

const fn choice(
    key: &'static str,
    label: &'static str,
    hint: &'static str,
    options: &'static [(&'static str, &'static str)],
) -> Field {
    Field {
        kind: Kind::Choice(options),
        ..text(key, label, options[0].0, hint)
    }
}
impl Step {
    /// The step of a key.
    pub fn of(key: &str) -> Option<&'static Step> {
        let table = key.split(['.', '[']).next().unwrap_or_default();
        let asks = STEPS
            .iter()
            .find(|step| step.fields().any(|field| field.key == key));
        asks.or_else(|| STEPS.iter().find(|step| step.tables.contains(&table)))
    }

    /// The step of an address.
    pub fn named(id: &str) -> Option<(usize, &'static Step)> {
        STEPS.iter().enumerate().find(|(_, step)| step.id == id)
    }

    pub fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.groups.iter().flat_map(|group| group.fields)
    }

    pub fn parameters(&self) -> Option<&'static str> {
        self.groups.iter().find_map(|group| group.parameters)
    }
}
