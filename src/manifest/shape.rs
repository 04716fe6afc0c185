//! The generated JSON Schemas in a form that is quick to walk: what the check of manifests and `wharf explain` read.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::schema;

/// What the schema says of one value.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    /// The docstring.
    pub description: String,
    /// The types it may have; none means any.
    pub types: Vec<Type>,
    /// Whether it may be null.
    pub nullable: bool,
    /// The only texts allowed; empty means any.
    pub choices: Vec<Choice>,
    /// The grammar of its text, as `model::check_format` knows it.
    pub format: Option<String>,
    /// The smallest number.
    pub minimum: Option<i128>,
    /// The largest number.
    pub maximum: Option<i128>,
    /// The least number of characters.
    pub min_length: usize,
    /// The least number of items.
    pub min_items: usize,
    /// What holds when it is left out.
    pub default: Option<Value>,
    /// Its fields, by name.
    pub fields: BTreeMap<String, Field>,
    /// Of every value in a mapping with free keys.
    pub entries: Option<Box<Self>>,
    /// Of every item of a list.
    pub items: Option<Box<Self>>,
}

/// A field of an object.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// What the schema says of its value.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
}

/// A text that an enumeration allows.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// The text.
    pub text: String,
    /// What it means.
    pub description: String,
}

/// The types of JSON Schema, but for null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

/// Of a manifest. Compiled once: generating the schema takes longer than checking a manifest.
pub(super) fn workspace() -> &'static Shape {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    SHAPE.get_or_init(|| compile_root(&schema::workspace()))
}

/// Of a document of a status file.
pub(super) fn status() -> &'static Shape {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    SHAPE.get_or_init(|| compile_root(&schema::workspace_status()))
}

/// Of a file of webhooks.
pub(super) fn webhooks() -> &'static Shape {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    SHAPE.get_or_init(|| compile_root(&schema::webhooks()))
}

/// Of a file of a policy.
pub(super) fn policy() -> &'static Shape {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    SHAPE.get_or_init(|| compile_root(&schema::policy()))
}

/// Of a controller's configuration.
pub(super) fn configuration() -> &'static Shape {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    SHAPE.get_or_init(|| compile_root(&schema::configuration()))
}

impl Shape {
    /// Whether the schema lists the fields, so that all others are mistakes.
    pub fn is_closed(&self) -> bool {
        self.types.contains(&Type::Object) && self.entries.is_none()
    }

    /// The path from here to the only field of that name below, not through lists; `None` when there is none, or several.
    pub fn path_to(&self, name: &str) -> Option<String> {
        let mut found = self.fields.iter().filter_map(|(field, Field { shape, .. })| {
            if shape.fields.contains_key(name) {
                Some(format!("{field}.{name}"))
            } else {
                shape.path_to(name).map(|path| format!("{field}.{path}"))
            }
        });
        found.next().filter(|_| found.next().is_none())
    }
}

fn compile_root(schema: &Value) -> Shape {
    compile(schema, schema.get("$defs").unwrap_or(&Value::Null))
}

/// The model's types do not contain themselves, so this ends.
fn compile(schema: &Value, definitions: &Value) -> Shape {
    let compile_in = |schema: &Value| compile(schema, definitions);
    let mut shape = referred(schema, definitions);
    let text = |key: &str| schema.get(key).and_then(Value::as_str).map(str::to_owned);
    let number = |key: &str| schema.get(key).and_then(Value::as_i64).map(i128::from);
    let count = |key: &str| schema.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    // A field's own docstring says more than that of its type.
    shape.description = text("description").unwrap_or(shape.description);
    shape.default = schema.get("default").cloned();
    shape.format = text("format").or(shape.format);
    shape.minimum = number("minimum").or(shape.minimum);
    shape.maximum = number("maximum").or(shape.maximum);
    shape.min_length = count("minLength").unwrap_or(shape.min_length);
    shape.min_items = count("minItems").unwrap_or(shape.min_items);
    add_types(&mut shape, schema.get("type"));
    add_choices(&mut shape, schema);
    if let Some(Value::Object(properties)) = schema.get("properties") {
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
        shape.fields.extend(
            properties
                .iter()
                .map(|(name, schema)| (name.clone(), Field { shape: compile_in(schema), required: is_required(name) })),
        );
    }
    if let Some(entries @ Value::Object(_)) = schema.get("additionalProperties") {
        shape.entries = Some(Box::new(compile_in(entries)));
    }
    if let Some(items) = schema.get("items") {
        shape.items = Some(Box::new(compile_in(items)));
    }
    shape
}

/// What `$ref`, or `anyOf` of something and null (the form of an option), refers to.
fn referred(schema: &Value, definitions: &Value) -> Shape {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/")) {
        return definitions.get(name).map(|found| compile(found, definitions)).unwrap_or_default();
    }
    let alternatives = schema.get("anyOf").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_null = |schema: &&Value| schema.get("type").is_some_and(|name| name == "null");
    let mut shape = alternatives
        .iter()
        .find(|schema| !is_null(schema))
        .map(|schema| compile(schema, definitions))
        .unwrap_or_default();
    shape.nullable |= alternatives.iter().any(|schema| is_null(&schema));
    shape
}

fn add_types(shape: &mut Shape, types: Option<&Value>) {
    let names = match types {
        Some(Value::Array(names)) => names.as_slice(),
        Some(name) => std::slice::from_ref(name),
        None => &[],
    };
    for name in names.iter().filter_map(Value::as_str) {
        match name {
            "object" => shape.types.push(Type::Object),
            "array" => shape.types.push(Type::Array),
            "string" => shape.types.push(Type::String),
            "integer" => shape.types.push(Type::Integer),
            "number" => shape.types.push(Type::Number),
            "boolean" => shape.types.push(Type::Boolean),
            _ => shape.nullable = true,
        }
    }
}

/// schemars writes an enumeration as `oneOf` constants, so that each can have its docstring.
fn add_choices(shape: &mut Shape, schema: &Value) {
    let Some(Value::Array(constants)) = schema.get("oneOf") else { return };
    let text = |schema: &Value, key: &str| schema.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    shape.types.push(Type::String);
    shape.choices = constants
        .iter()
        .map(|constant| Choice { text: text(constant, "const"), description: text(constant, "description") })
        .collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything a schema says by these is checked, compiled, or said again by a `format` that `model::check_format` knows.
    const KNOWN: [&str; 21] = [
        "$defs",
        "$id",
        "$ref",
        "$schema",
        "additionalProperties",
        "anyOf",
        "const",
        "default",
        "description",
        "format",
        "items",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "oneOf",
        "pattern",
        "properties",
        "required",
        "title",
    ];

    fn each_schema(schema: &Value, visit: &mut impl FnMut(&Value)) {
        visit(schema);
        for key in ["$defs", "properties"] {
            schema.get(key).and_then(Value::as_object).into_iter().flat_map(|map| map.values()).for_each(|inner| {
                each_schema(inner, visit);
            });
        }
        for key in ["anyOf", "oneOf"] {
            schema.get(key).and_then(Value::as_array).into_iter().flatten().for_each(|inner| each_schema(inner, visit));
        }
        for key in ["items", "additionalProperties"] {
            schema.get(key).filter(|inner| inner.is_object()).into_iter().for_each(|inner| each_schema(inner, visit));
        }
    }

    #[test]
    fn every_word_of_the_schemas_is_understood() {
        let ours = [schema::webhooks(), schema::policy(), schema::configuration()];
        for schema in [schema::workspace(), schema::workspace_status()].into_iter().chain(ours) {
            each_schema(&schema, &mut |schema| {
                let words = schema.as_object().expect("a schema is an object");
                for word in words.keys().filter(|word| *word != "type") {
                    assert!(KNOWN.contains(&word.as_str()), "`{word}` in {schema}");
                }
                let by_format = ["pattern", "maxLength"].iter().any(|word| words.contains_key(*word));
                let format = words.get("format").and_then(Value::as_str).unwrap_or_default();
                assert!(!by_format || crate::model::check_format(format, "").is_some(), "{schema}");
            });
        }
    }

    #[test]
    fn options_references_and_enumerations_are_resolved() {
        let spec = &workspace().fields["spec"].shape;
        let health = &spec.fields["healthCheck"].shape;
        assert!(health.nullable && health.fields["command"].required);
        assert_eq!(health.fields["command"].shape.min_items, 1);
        let mode = &spec.fields["network"].shape.fields["mode"].shape;
        let modes: Vec<_> = mode.choices.iter().map(|choice| choice.text.as_str()).collect();
        assert_eq!(modes, ["Isolated", "Group", "Internal", "None"]);
        assert_eq!(spec.path_to("memory").as_deref(), Some("resources.memory"));
        assert_eq!(spec.path_to("mountPath").as_deref(), Some("project.mountPath"));
        assert_eq!(workspace().path_to("max").as_deref(), Some("spec.recovery.backoff.max"));
        assert_eq!(workspace().path_to("size"), None);
    }
}
