//! Compares a document with its schema and reports every difference.

use std::collections::HashMap;

use super::report::{Path, Report};
use super::shape::{Field, Shape, Type};
use super::suggest::{nearest, one_of, shown, shown_key};
use crate::model::check_format;
use crate::yaml::{Node, Position, Scalar, ScalarKind, Value};

/// Reports everything in which `node` differs from `shape`. Recursion is bounded by the depth of both.
pub(super) fn check(shape: &Shape, node: &Node, path: Path<'_>, report: &mut Report<'_>) {
    if report.is_full() {
        return;
    }
    match &node.value {
        Value::Scalar(scalar) => check_scalar(shape, scalar, node.at, path, report),
        Value::Sequence(items) if shape.types.contains(&Type::Array) => {
            if items.len() < shape.min_items {
                let least = shape.min_items;
                let message =
                    format!("{} needs at least {least} item{}", path.quoted(), if least == 1 { "" } else { "s" });
                report.add(node.at, path, message, "");
            }
            for (index, item) in items.iter().enumerate() {
                if let Some(shape) = &shape.items {
                    check(shape, item, Path::Item(&path, index), report);
                }
            }
        }
        Value::Mapping(pairs) if shape.types.contains(&Type::Object) => {
            check_mapping(shape, pairs, node.at, path, report);
        }
        Value::Sequence(_) => mistyped(shape, "a list", node.at, path, report),
        Value::Mapping(_) => mistyped(shape, "a mapping", node.at, path, report),
    }
}

fn check_mapping(shape: &Shape, pairs: &[(Node, Node)], at: Position, path: Path<'_>, report: &mut Report<'_>) {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (key, value) in pairs {
        if report.is_full() {
            return;
        }
        let Some(name) = key.as_text() else {
            let message = format!("a key in {} is not text", path.quoted());
            report.add(key.at, path, message, "put the key in quotes");
            continue;
        };
        let label = shown_key(name);
        let place = Path::Field(&path, &label);
        if let Some(line) = seen.get(name) {
            let message = format!("{} is given twice, first on line {line}", place.quoted());
            report.add(key.at, place, message, "keep one of them");
            continue;
        }
        seen.insert(name, key.at.line);
        match (shape.fields.get(name), &shape.entries) {
            (Some(Field { shape, .. }), _) => check(shape, value, place, report),
            (None, Some(entries)) => check(entries, value, place, report),
            (None, None) if shape.is_closed() => unknown(shape, name, key.at, value, path, report),
            (None, None) => {}
        }
    }
    let missing = shape.fields.iter().filter(|(name, field)| field.required && !seen.contains_key(name.as_str()));
    for (name, field) in missing {
        let place = Path::Field(&path, name);
        let help = match field.shape.choices.as_slice() {
            [only] => format!("add `{name}: {}`", only.text),
            _ => format!("add it; {}", report.described(place)),
        };
        report.add(at, place, format!("the required field {} is missing", place.quoted()), help);
    }
}

fn unknown(shape: &Shape, key: &str, at: Position, value: &Node, path: Path<'_>, report: &mut Report<'_>) {
    let label = shown_key(key);
    let near = nearest(key, shape.fields.keys().map(String::as_str));
    // `{name: TOKEN, s3cret}`: a word with no value beside it may be a value that has lost its key.
    let bare = matches!(&value.value, Value::Scalar(scalar) if scalar.text.is_empty());
    if bare && near.is_none() {
        let help = if key.contains(':') { "a `:` needs a blank after it".to_owned() } else { fields_help(shape) };
        report.add(at, path, format!("unknown field without a value in {}", path.quoted()), help);
        return;
    }
    let place = Path::Field(&path, &label);
    if key == "<<" {
        let message = format!("a merge key (`<<`) in {}", path.quoted());
        report.add(at, path, message, "merge keys are not part of YAML 1.2: write the fields out");
        return;
    }
    let help = match (near, shape.path_to(key)) {
        (Some(near), _) => format!("did you mean `{near}`? {}", fields_help(shape)),
        (None, Some(below)) => format!("it belongs in {}", Path::Field(&path, &below).quoted()),
        (None, None) => fields_help(shape),
    };
    report.add(at, place, format!("unknown field {}", place.quoted()), help);
}

fn fields_help(shape: &Shape) -> String {
    format!("allowed: {}", one_of(shape.fields.keys().map(String::as_str)))
}

fn check_scalar(shape: &Shape, scalar: &Scalar, at: Position, path: Path<'_>, report: &mut Report<'_>) {
    let (fits, found) = match scalar.kind {
        ScalarKind::Null => (shape.nullable, "nothing"),
        ScalarKind::Bool(_) => (shape.types.contains(&Type::Boolean), "true or false"),
        ScalarKind::Int(_) => {
            (shape.types.contains(&Type::Integer) || shape.types.contains(&Type::Number), "a whole number")
        }
        ScalarKind::Float(_) => (shape.types.contains(&Type::Number), "a number"),
        ScalarKind::String => (shape.types.contains(&Type::String), "text"),
    };
    match scalar.kind {
        _ if !fits => mistyped(shape, found, at, path, report),
        ScalarKind::Null => {}
        ScalarKind::String if scalar.text.contains('\0') => {
            report.add(at, path, format!("{} contains a NUL character", path.quoted()), "remove it");
        }
        ScalarKind::String if scalar.text.chars().count() < shape.min_length => {
            report.add(
                at,
                path,
                format!("{} is empty", path.quoted()),
                "give it a value, or leave it out where it is optional",
            );
        }
        ScalarKind::String if !shape.choices.is_empty() => check_choice(shape, &scalar.text, at, path, report),
        ScalarKind::Int(number) if shape.format.is_some() => {
            check_range(shape, number, at, path, report);
            check_text(shape, &scalar.text, at, path, report);
        }
        _ => check_text(shape, &scalar.text, at, path, report),
    }
}

fn check_choice(shape: &Shape, text: &str, at: Position, path: Path<'_>, report: &mut Report<'_>) {
    let choices = || shape.choices.iter().map(|choice| choice.text.as_str());
    if choices().any(|choice| choice == text) {
        return;
    }
    let allowed = format!("allowed: {}", one_of(choices()));
    let help = nearest(text, choices()).map_or(allowed.clone(), |near| format!("did you mean `{near}`? {allowed}"));
    report.add(at, path, format!("{} cannot be `{}`", path.quoted(), shown(text)), help);
}

fn check_range(shape: &Shape, number: i128, at: Position, path: Path<'_>, report: &mut Report<'_>) {
    let low = shape.minimum.filter(|minimum| number < *minimum);
    let high = shape.maximum.filter(|maximum| number > *maximum);
    if low.is_none() && high.is_none() {
        return;
    }
    let range = match (shape.minimum, shape.maximum) {
        (Some(minimum), Some(maximum)) => format!("from {minimum} to {maximum}"),
        (Some(minimum), None) => format!("at least {minimum}"),
        (_, maximum) => format!("at most {}", maximum.unwrap_or_default()),
    };
    report.add(at, path, format!("{} must be {range}, found {number}", path.quoted()), "");
}

fn check_text(shape: &Shape, text: &str, at: Position, path: Path<'_>, report: &mut Report<'_>) {
    let Some(Err(error)) = shape.format.as_deref().and_then(|format| check_format(format, text)) else { return };
    // In an address, credentials are before the `@`.
    let harmless = text.rsplit_once('@').map_or_else(|| shown(text), |(_, rest)| format!("…@{}", shown(rest)));
    let error = error.replace(&text.escape_debug().to_string(), &harmless);
    report.add(at, path, format!("{}: {error}", path.quoted()), "");
}

fn mistyped(shape: &Shape, found: &str, at: Position, path: Path<'_>, report: &mut Report<'_>) {
    let message = format!("{} must be {}, found {found}", path.quoted(), wanted(shape));
    report.add(at, path, message, type_help(shape, found, path));
}

fn wanted(shape: &Shape) -> String {
    if !shape.choices.is_empty() {
        return one_of(shape.choices.iter().map(|choice| choice.text.as_str()));
    }
    let names = shape.types.iter().map(|wanted| match wanted {
        Type::Object => "a mapping",
        Type::Array => "a list",
        Type::String => "text",
        Type::Integer => "a whole number",
        Type::Number => "a number",
        Type::Boolean => "true or false",
    });
    names.collect::<Vec<_>>().join(" or ")
}

/// The remedy for the mistakes that YAML makes easy.
fn type_help(shape: &Shape, found: &str, path: Path<'_>) -> &'static str {
    let wants = |wanted: Type| shape.types.contains(&wanted);
    match found {
        "nothing" if matches!(path, Path::Item(..)) => "remove the item, or give it a value",
        "nothing" => "give it a value, or leave it out where it is optional",
        _ if !shape.choices.is_empty() => "",
        "a whole number" | "a number" if shape.format.as_deref() == Some("duration") => "add a unit, such as `10s`",
        "a whole number" | "a number" | "true or false" if wants(Type::String) => "put it in quotes",
        "a mapping" if wants(Type::String) => "text that contains `: ` needs quotes",
        "text" if wants(Type::Boolean) => "write `true` or `false`, without quotes",
        "text" if wants(Type::Integer) => "write the number in digits, without quotes",
        "a list" if wants(Type::Object) => "write `field: value` lines without `- `",
        _ if wants(Type::Object) => "write `field: value` lines below it",
        _ if wants(Type::Array) => "begin each item with `- `, or write `[item, item]`",
        _ => "",
    }
}
