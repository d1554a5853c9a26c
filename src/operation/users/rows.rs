//! Users as files: CSV with a line of names in front, and JSON lines.

use super::import::{ImportedLink, ImportedUser};

/// How users are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values (RFC 4180) with a header.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl Format {
    /// What a file is, by how it begins.
    pub fn of(text: &str) -> Self {
        if text
            .trim_start_matches('\u{feff}')
            .trim_start()
            .starts_with('{')
        {
            Self::JsonLines
        } else {
            Self::Csv
        }
    }
}

/// A user of a file, or why there is none; with the line where it begins.
pub type Row = (usize, Result<ImportedUser, String>);

/// Why a file has no users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadFile {
    /// It names no column that is needed.
    #[error(
        "line 1 names the columns, and `email` is not one of them: `email`, `name`, `email_trusted`, `disabled`, `provider`, `provider_user_id`"
    )]
    NoEmail,
    /// It names a column that means nothing.
    #[error(
        "line 1 names the column `{0}`, which means nothing here; columns are `email`, `name`, `email_trusted`, `disabled`, `provider`, `provider_user_id`"
    )]
    UnknownColumn(String),
    /// It names a column twice.
    #[error("line 1 names the column `{0}` twice")]
    ColumnTwice(String),
    /// It is not CSV at all.
    #[error("the file cannot be read as CSV: {0}")]
    NotCsv(String),
}

/// The users of a file.
///
/// # Errors
/// If nothing in it can be read.
pub fn read(text: &str, format: Format) -> Result<Vec<Row>, BadFile> {
    let text = text.trim_start_matches('\u{feff}');
    match format {
        Format::JsonLines => Ok(json_lines(text)),
        Format::Csv => csv(text),
    }
}

fn json_lines(text: &str) -> Vec<Row> {
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| (at + 1, json_line(line)))
        .collect()
}

/// A user as `import` takes them, or as the API and `user export` give them.
fn json_line(line: &str) -> Result<ImportedUser, String> {
    let mut value: serde_json::Value =
        serde_json::from_str(line).map_err(|error| error.to_string())?;
    if let Some(members) = value.as_object_mut() {
        // Of the system that it comes from.
        for other in ["id", "created_at", "last_login_at"] {
            members.shift_remove(other);
        }
    }
    serde_json::from_value(value).map_err(|error| error.to_string())
}

const COLUMNS: [&str; 7] = [
    "email",
    "name",
    "email_trusted",
    "disabled",
    "provider",
    "provider_user_id",
    "password_hash",
];

fn csv(text: &str) -> Result<Vec<Row>, BadFile> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let header = reader
        .headers()
        .map_err(|e| BadFile::NotCsv(e.to_string()))?;
    let mut places = [None; COLUMNS.len()];
    for (at, name) in header.iter().enumerate() {
        let column = COLUMNS
            .iter()
            .position(|known| name.eq_ignore_ascii_case(known));
        let Some(column) = column else {
            return Err(BadFile::UnknownColumn(name.to_owned()));
        };
        if places[column].replace(at).is_some() {
            return Err(BadFile::ColumnTwice(name.to_owned()));
        }
    }
    if places[0].is_none() {
        return Err(BadFile::NoEmail);
    }
    let width = header.len();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                rows.push((line_of(text, error.position()), Err(error.to_string())));
                continue;
            }
        };
        let line = line_of(text, record.position());
        let get = |column: usize| {
            let at = places.get(column).copied().flatten();
            at.and_then(|at| record.get(at))
                .filter(|text| !text.is_empty())
        };
        let row = if record.len() > width {
            Err(format!(
                "the line has {} values, and line 1 names {width} columns; a value with a comma stands in quotes",
                record.len()
            ))
        } else {
            from_columns(&get)
        };
        rows.push((line, row));
    }
    Ok(rows)
}

/// The line that a record begins on, from 1. Where it is said to begin, the end of
/// the line before and blank lines may still stand.
fn line_of(text: &str, position: Option<&csv::Position>) -> usize {
    let Some(position) = position else { return 0 };
    let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(number(position.byte())..);
    let blank = rest
        .unwrap_or_default()
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'));
    number(position.line()) + blank.filter(|byte| **byte == b'\n').count()
}

fn from_columns<'a>(get: &impl Fn(usize) -> Option<&'a str>) -> Result<ImportedUser, String> {
    let flag = |column: usize| match get(column) {
        None => Ok(None),
        Some(text) if ["true", "yes", "1"].contains(&text.to_ascii_lowercase().as_str()) => {
            Ok(Some(true))
        }
        Some(text) if ["false", "no", "0"].contains(&text.to_ascii_lowercase().as_str()) => {
            Ok(Some(false))
        }
        Some(text) => Err(format!(
            "`{}` is `true` or `false`, and not `{text}`",
            COLUMNS[column]
        )),
    };
    let links = match (get(4), get(5)) {
        (None, None) => Vec::new(),
        (Some(provider), Some(id)) => vec![ImportedLink {
            provider: provider.to_owned(),
            user_id: id.to_owned(),
        }],
        _ => return Err("`provider` and `provider_user_id` come together".into()),
    };
    Ok(ImportedUser {
        email: get(0).ok_or("the email is missing")?.to_owned(),
        name: get(1).map(str::to_owned),
        email_trusted: flag(2)?,
        disabled: flag(3)?.unwrap_or(false),
        password_hash: get(6).map(str::to_owned),
        links,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_where_a_row_is_wrong() {
        let text = "\u{feff}Email,Name,disabled,provider,provider_user_id\r\n\
            ada@example.com,\"Lovelace, Ada\",no,acme,007\r\n\
            \r\n\
            ,Nobody,,,\r\n\
            eve@example.com,Eve,perhaps,,\r\n\
            bob@example.com,Bob,true,acme,\r\n\
            a@example.com,b,c,d,e,f\r\n\
            short@example.com\r\n";
        assert_eq!(Format::of(text), Format::Csv);
        let rows = read(text, Format::Csv).unwrap_or_default();
        let lines: Vec<usize> = rows.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 4, 5, 6, 7, 8]);
        let ada = rows[0].1.clone().unwrap_or_default();
        assert_eq!(ada.name.as_deref(), Some("Lovelace, Ada"));
        assert_eq!(ada.links[0].user_id, "007");
        let wrong = |at: usize, part: &str| {
            let row: &Result<ImportedUser, String> = &rows[at].1;
            assert!(row.as_ref().is_err_and(|why| why.contains(part)), "{row:?}");
        };
        wrong(1, "email is missing");
        wrong(2, "`disabled`");
        wrong(3, "come together");
        wrong(4, "6 values");
        assert!(rows[5].1.is_ok());
    }

    #[test]
    fn json_lines_are_what_the_api_gives() {
        let text = "{\"id\":\"x\",\"email\":\"ada@example.com\",\"name\":null,\"links\":[],\"created_at\":\"2026\",\"last_login_at\":\"2026\",\"email_trusted\":true,\"disabled\":false}\n\n{\"email\":1}\n";
        assert_eq!(Format::of(text), Format::JsonLines);
        let rows = read(text, Format::JsonLines).unwrap_or_default();
        assert!(rows[0].1.is_ok(), "{:?}", rows[0]);
        assert!(rows[1].0 == 3 && rows[1].1.is_err());
    }

    #[test]
    fn a_header_is_checked() {
        let of = |text: &str| read(text, Format::Csv).err();
        assert_eq!(of("mail\nx"), Some(BadFile::UnknownColumn("mail".into())));
        assert_eq!(of("name\nx"), Some(BadFile::NoEmail));
        assert_eq!(of(""), Some(BadFile::NoEmail));
        assert_eq!(
            of("email,EMAIL\n"),
            Some(BadFile::ColumnTwice("EMAIL".into()))
        );
    }
}
