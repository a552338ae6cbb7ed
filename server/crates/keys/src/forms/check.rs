//! Whether a value is what somebody says it is, before it is saved. Invariant: what is said names a place and never repeats
//! anything of the value.

use super::{json, yaml};
use quorate_domain::{keys::Syntax, problem::FieldError};

/// Whether `value` is JSON or YAML.
///
/// # Errors
/// What is wrong, with line and column, for the field `value`.
pub fn check(value: &[u8], syntax: Syntax) -> Result<(), FieldError> {
    let name = match syntax {
        Syntax::Any => return Ok(()),
        Syntax::Json => "JSON",
        Syntax::Yaml => "YAML",
    };
    let wrong = |why: String| FieldError { field: "value".into(), message: format!("This is no {name}: {why}") };
    let text = std::str::from_utf8(value)
        .map_err(|error| wrong(format!("it is no UTF-8 text after {} bytes", error.valid_up_to())))?;
    match syntax {
        Syntax::Any => Ok(()),
        Syntax::Json => json::parse(text).map_err(|error| wrong(json_words(&error))),
        Syntax::Yaml => yaml::parse(text, yaml::LONGEST).map(|_| ()).map_err(|error| wrong(yaml_words(&error))),
    }
}

/// Place and reason of what is no JSON.
fn json_words(error: &serde_json::Error) -> String {
    format!("line {}, column {}: {}", error.line(), error.column(), json_reason(error))
}

/// The reason alone. serde_json's own words for syntax are fixed sentences; they do not hold what was read.
pub(crate) fn json_reason(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    match said {
        "EOF while parsing a list" => "it ends inside of a list".into(),
        "EOF while parsing an object" => "it ends inside of an object".into(),
        "EOF while parsing a string" => "it ends inside of a string".into(),
        "EOF while parsing a value" => "it ends where a value should be".into(),
        "expected `:`" => "a colon is missing after the name of a field".into(),
        "expected `,` or `]`" => "a comma or the end of the list is missing".into(),
        "expected `,` or `}`" => "a comma or the end of the object is missing".into(),
        "expected value" => "there is no value here".into(),
        "expected ident" => "a word here is none of true, false and null".into(),
        "invalid escape" => "a backslash in a string begins no escape of JSON".into(),
        "invalid number" => "a number is not written as JSON has it".into(),
        "control character (\\u0000-\\u001F) found while parsing a string" => {
            "a string holds a control character, such as a line break, that has to be escaped".into()
        }
        "key must be a string" => "the name of a field has to be a string in quotes".into(),
        "trailing comma" => "a comma stands before the end".into(),
        "trailing characters" => "something follows after the end of the document".into(),
        other if error.is_syntax() || error.is_eof() => other.to_owned(),
        _ => "it has another shape than expected".into(),
    }
}

/// Place and reason of what is no YAML.
fn yaml_words(error: &yaml_serde::Error) -> String {
    let reason = yaml_reason(error);
    match error.location() {
        Some(place) => format!("line {}, column {}: {reason}", place.line(), place.column()),
        None => reason,
    }
}

/// The reason alone. The scanner's words are fixed sentences that may name places after them.
pub(crate) fn yaml_reason(error: &yaml_serde::Error) -> String {
    let said = error.to_string();
    let said = said.split(" at line ").next().unwrap_or_default();
    let said = said.split(" at position ").next().unwrap_or_default();
    match said {
        "mapping values are not allowed in this context" => {
            "a colon with a value is not allowed here; text with a colon in it needs quotes".into()
        }
        "did not find expected key" => "a field was expected here; mind how far the line is indented".into(),
        "could not find expected ':'" => "a colon is missing after the name of a field".into(),
        "did not find expected '-' indicator" => "an item with “- ” was expected here; mind the indentation".into(),
        "did not find expected ',' or ']'" => "a comma or the end of the list is missing".into(),
        "did not find expected ',' or '}'" => "a comma or the end of the mapping is missing".into(),
        "found character that cannot start any token" => {
            "a character here cannot begin anything, such as a tab or one of @ ` %".into()
        }
        "found unexpected end of stream" => "it ends inside of a string".into(),
        "recursion limit exceeded" => "it is nested more than 128 deep".into(),
        other => other.to_owned(),
    }
}
