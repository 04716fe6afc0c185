//! The text format: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details>.

use std::fmt::{self, Write};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Grows, and begins anew with what it counts.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Quantiles, and how often it was measured.
    Summary,
}

/// A number. Whole ones are written with all their digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
}

/// An exposition while it is written.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
}

/// The samples of one metric while they are written.
pub(super) struct Samples<'a> {
    page: &'a mut Page,
    name: &'static str,
    kind: Kind,
    help: &'static str,
    begun: bool,
}

impl Page {
    /// Writes a metric with the samples that `write` adds; nothing when it adds none.
    pub fn metric(&mut self, name: &'static str, kind: Kind, help: &'static str, write: impl FnOnce(&mut Samples<'_>)) {
        write(&mut Samples { page: self, name, kind, help, begun: false });
    }

    pub fn into_text(self) -> String {
        self.text
    }
}

impl Samples<'_> {
    /// Adds a sample, where there is a value. No two have the same labels.
    pub fn add(&mut self, labels: &[(&str, &str)], value: impl Into<Option<Value>>) {
        if let Some(value) = value.into() {
            self.add_as("", labels, value);
        }
    }

    /// Adds a sample of a part of the metric, such as `_count`.
    pub fn add_as(&mut self, part: &str, labels: &[(&str, &str)], value: Value) {
        let Self { name, kind, help, .. } = *self;
        let text = &mut self.page.text;
        if !std::mem::replace(&mut self.begun, true) {
            let word = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Summary => "summary",
            };
            push(text, format_args!("# HELP {name} {help}\n# TYPE {name} {word}\n"));
        }
        text.push_str(name);
        text.push_str(part);
        push_labels(text, labels);
        match value {
            Value::Whole(number) => push(text, format_args!(" {number}\n")),
            // Rust says `inf`, which Go reads as well.
            Value::Real(number) => push(text, format_args!(" {number}\n")),
        }
    }
}

fn push_labels(text: &mut String, labels: &[(&str, &str)]) {
    for (index, (label, value)) in labels.iter().enumerate() {
        push(text, format_args!("{}{label}=\"", if index == 0 { '{' } else { ',' }));
        for c in value.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
    }
    if !labels.is_empty() {
        text.push('}');
    }
}

fn push(text: &mut String, what: fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(what);
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Whole(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl From<bool> for Value {
    fn from(answer: bool) -> Self {
        Self::Whole(u64::from(answer))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_written_with_their_labels_escaped_and_all_digits() {
        let mut page = Page::default();
        page.metric("a_total", Kind::Counter, "Things.", |samples| {
            samples.add(&[("x", "plain"), ("y", "a\\b\"c\nd")], Value::from(u64::MAX));
            samples.add(&[("x", "größer"), ("y", "")], Value::from(0.25));
        });
        page.metric("none", Kind::Gauge, "Nothing.", |_| {});
        page.metric("b_seconds", Kind::Summary, "Time.", |samples| {
            samples.add(&[("quantile", "0.5")], Value::from(1e-7));
            samples.add_as("_count", &[], Value::from(true));
        });
        assert_eq!(
            page.into_text(),
            "# HELP a_total Things.\n# TYPE a_total counter\n\
             a_total{x=\"plain\",y=\"a\\\\b\\\"c\\nd\"} 18446744073709551615\na_total{x=\"größer\",y=\"\"} 0.25\n\
             # HELP b_seconds Time.\n# TYPE b_seconds summary\nb_seconds{quantile=\"0.5\"} 0.0000001\nb_seconds_count 1\n"
        );
    }
}
