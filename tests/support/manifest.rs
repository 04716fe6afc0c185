//! Manifests for tests: small, quick to start and quick to stop, unless a test says otherwise.

use std::collections::BTreeMap;
use std::fmt;

use super::real::IMAGE;

/// One document.
#[derive(Clone, Debug)]
pub struct Manifest {
    name: String,
    fields: BTreeMap<&'static str, String>,
}

impl Manifest {
    /// A workspace that runs until it is stopped, without a network.
    pub fn named(name: &str) -> Self {
        // The first process of a container ignores signals that it does not handle.
        let script = "trap 'exit 0' TERM; while :; do sleep 1000 & wait $!; done";
        Self { name: name.to_owned(), fields: BTreeMap::new() }
            .with("image", IMAGE)
            .with("command", "[/bin/sh, -c]")
            .with("args", format!("[\"{script}\"]"))
            .with("network", "{mode: None}")
    }

    /// With a field of the spec, its value in YAML's flow form.
    pub fn with(mut self, field: &'static str, value: impl Into<String>) -> Self {
        self.fields.insert(field, value.into());
        self
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, fields } = self;
        writeln!(formatter, "apiVersion: wharf/v1\nkind: Workspace\nmetadata: {{name: {name}}}\nspec:")?;
        fields.iter().try_for_each(|(field, value)| writeln!(formatter, "  {field}: {value}"))
    }
}
