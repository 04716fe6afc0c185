//! The core schema of YAML 1.2: what an unquoted scalar means.
//!
//! Source of the forms: <https://yaml.org/spec/1.2.2/#1032-tag-resolution>.

use super::ScalarKind;

/// What a plain (unquoted, untagged) scalar means.
pub(super) fn resolve(text: &str) -> ScalarKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => ScalarKind::Null,
        "true" | "True" | "TRUE" => ScalarKind::Bool(true),
        "false" | "False" | "FALSE" => ScalarKind::Bool(false),
        _ => number(text).unwrap_or(ScalarKind::String),
    }
}

fn number(text: &str) -> Option<ScalarKind> {
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let magnitude = text.strip_prefix(['-', '+']).unwrap_or(text);
    match magnitude {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => Some(ScalarKind::Float(f64::NEG_INFINITY)),
        ".inf" | ".Inf" | ".INF" => Some(ScalarKind::Float(f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if magnitude == text => Some(ScalarKind::Float(f64::NAN)),
        _ => decimal(text, magnitude),
    }
}

/// `from_str_radix` would also take a sign.
fn radix(digits: &str, radix: u32) -> Option<ScalarKind> {
    let valid = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    valid.then(|| i128::from_str_radix(digits, radix).map_or(ScalarKind::Float(f64::INFINITY), ScalarKind::Int))
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn decimal(text: &str, magnitude: &str) -> Option<ScalarKind> {
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !magnitude.is_empty() && digits(magnitude) {
        // A whole number beyond every integer type is still a number.
        return text.parse().map(ScalarKind::Int).ok().or_else(|| text.parse().map(ScalarKind::Float).ok());
    }
    let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let valid = !(whole.is_empty() && fraction.is_empty())
        && digits(whole)
        && digits(fraction)
        && !exponent.is_empty()
        && digits(exponent);
    if valid { text.parse().map(ScalarKind::Float).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_the_core_schema_says() {
        use ScalarKind::{Bool, Float, Int, Null, String};
        for (text, kind) in [
            ("", Null),
            ("~", Null),
            ("NULL", Null),
            ("nULL", String),
            ("True", Bool(true)),
            ("yes", String),
            ("on", String),
            ("0", Int(0)),
            ("-12", Int(-12)),
            ("+12", Int(12)),
            ("010", Int(10)),
            ("0o17", Int(15)),
            ("0x1F", Int(31)),
            ("0x", String),
            ("0o8", String),
            ("0x-1", String),
            ("1_000", String),
            ("1.5", Float(1.5)),
            (".5", Float(0.5)),
            ("5.", Float(5.0)),
            ("-1e-3", Float(-0.001)),
            ("1e", String),
            (".", String),
            ("-", String),
            ("+.e1", String),
            ("12:30", String),
            ("1.2.3", String),
            ("infinity", String),
            ("nan", String),
            ("-.inf", Float(f64::NEG_INFINITY)),
            ("2001-01-01", String),
        ] {
            assert_eq!(resolve(text), kind, "{text:?}");
        }
        assert!(matches!(resolve(".nan"), Float(value) if value.is_nan()));
        assert!(matches!(resolve(&"9".repeat(60)), Float(value) if value > 1e59));
    }
}
