//! From a container that somebody else made to the manifest that declares it. Pure.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::error::CliError;
use crate::engine::{DescribedCheck, DescribedMount, DescribedSource, Description};
use crate::manifest;
use crate::model::Name;
use crate::model::period::Period;
use crate::model::quantity::Memory;
use crate::model::spec::{Port, Project};

/// A manifest in the making: fields in order, and what has to be said beside them.
struct Draft {
    fields: Vec<(&'static str, Value)>,
    notes: Vec<String>,
}

/// The manifest of a workspace that is what a container is. What cannot be said in one, and what must not be told, is a comment.
pub fn manifest_of(name: &Name, seen: &Description) -> Result<String, CliError> {
    let mut draft = Draft::of(seen);
    loop {
        let text = draft.text(name, seen)?;
        let parsed = manifest::parse("manifest", text.as_bytes());
        let of_documents = parsed.documents.iter().filter_map(|document| document.outcome.as_ref().err()).flatten();
        let Some(wrong) = parsed.errors.iter().chain(of_documents).next() else { return Ok(text) };
        // What the manifest's rules do not admit is said beside it.
        let field = wrong.field.strip_prefix("spec.").unwrap_or(&wrong.field);
        let top = field.split(['.', '[']).next().unwrap_or_default();
        let Some(index) = draft.fields.iter().position(|(own, _)| *own == top && *own != "image") else {
            return Err(CliError::NotDeclarable { container: seen.name.clone(), why: wrong.message.clone() });
        };
        let (field, _) = draft.fields.remove(index);
        draft.notes.push(format!("{field} of the container cannot be declared as it is: {}", wrong.message));
    }
}

/// A workspace's name made of a container's, where that is possible.
pub fn name_of(container: &str) -> Option<Name> {
    let usable = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = container.chars().map(usable).take(63).collect();
    text.trim_matches('-').parse().ok()
}

impl Draft {
    fn of(seen: &Description) -> Self {
        let mut draft = Self { fields: Vec::new(), notes: Vec::new() };
        draft.add("image", Some(json!(seen.image)));
        draft.add("command", seen.command.as_ref().filter(|words| !words.is_empty()).map(|words| json!(words)));
        draft.add("args", seen.args.as_ref().filter(|words| !words.is_empty()).map(|words| json!(words)));
        draft.add("workingDir", seen.working_dir.as_ref().map(|path| json!(path)));
        draft.add("user", seen.user.as_ref().map(|user| json!(user)));
        draft.add("hostname", seen.hostname.as_ref().map(|name| json!(name)));
        draft.add_environment(&seen.env);
        draft.add_mounts(seen);
        draft.add("ports", (!seen.ports.is_empty()).then(|| seen.ports.iter().map(port).collect()));
        draft.add_resources(seen);
        draft.add_network(&seen.network);
        draft.add_security(seen);
        draft.add_health_check(seen.health_check.as_ref());
        draft.add("stopGracePeriod", seen.stop_timeout.map(|time| json!(period(time.as_secs()))));
        draft.add_restart(&seen.restart);
        draft
    }

    fn add(&mut self, field: &'static str, value: Option<Value>) {
        self.fields.extend(value.map(|value| (field, value)));
    }

    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Values may be secrets.
    fn add_environment(&mut self, names: &[String]) {
        let Some(first) = names.first() else { return };
        self.note(format!("env: it has values of its own for {}", names.join(", ")));
        self.note("  Values are not told, because they may be secret. Give them by hand, secrets as files:");
        self.note(format!(
            "  env: [{{name: {first}, value: …}}, {{name: {first}, valueFrom: {{file: secrets/{}}}}}]",
            first.to_lowercase()
        ));
    }

    /// The directory that the command starts in, or the usual one, is the project.
    fn add_mounts(&mut self, seen: &Description) {
        let is_project = |mount: &&DescribedMount| {
            let is_there = |place: &str| mount.target.trim_end_matches('/') == place.trim_end_matches('/');
            let working = seen.working_dir.as_deref().is_some_and(is_there);
            matches!(mount.source, DescribedSource::Host(_)) && (working || is_there(Project::DEFAULT_MOUNT_PATH))
        };
        let project = seen.mounts.iter().find(is_project);
        if let Some(DescribedMount { source: DescribedSource::Host(path), target, read_only }) = project {
            self.add("project", Some(json!({ "path": path, "mountPath": target, "readOnly": read_only })));
        }
        let mut volumes = Vec::new();
        for mount in seen.mounts.iter().filter(|mount| Some(*mount) != project) {
            let DescribedMount { source, target, read_only } = mount;
            match source {
                DescribedSource::Host(path) => {
                    volumes.push(json!({ "hostPath": path, "mountPath": target, "readOnly": read_only }));
                }
                DescribedSource::Tmpfs(size) => {
                    let size = size.map(|size| Memory::from_bytes(size).to_string());
                    volumes.push(
                        json!({ "tmpfs": size.map_or(json!({}), |size| json!({ "size": size })), "mountPath": target }),
                    );
                }
                DescribedSource::Volume(name) => {
                    self.note(format!(
                        "volumes: volume {name} is mounted at {target}; volumes of a workspace have names of their own."
                    ));
                    self.note(format!(
                        "  Declare {{name: data, mountPath: {target}}} and copy what is in it, or mount it by hostPath."
                    ));
                }
                DescribedSource::Other(kind) => {
                    self.note(format!("volumes: a mount of kind {kind} at {target} cannot be declared"));
                }
            }
        }
        self.add("volumes", (!volumes.is_empty()).then_some(Value::Array(volumes)));
    }

    fn add_resources(&mut self, seen: &Description) {
        let limits = &seen.limits;
        let given = [
            ("cpu", limits.cpu.map(|cpu| json!(cpu.to_string()))),
            ("memory", limits.memory.map(|memory| json!(memory.to_string()))),
            ("pids", limits.pids.map(|pids| json!(pids))),
            ("shmSize", seen.shm_size.map(|size| json!(Memory::from_bytes(size).to_string()))),
        ];
        self.add("resources", object(given));
    }

    fn add_network(&mut self, mode: &str) {
        match mode {
            "none" => self.add("network", Some(json!({ "mode": "None" }))),
            "default" | "bridge" | "" => {
                self.note("network: it is on the engine's own bridge; a workspace is by itself (mode: Isolated) unless it says otherwise");
            }
            other => {
                self.note(format!(
                    "network: it is on {other}; workspaces that are to reach each other say mode: Group, group: NAME"
                ));
            }
        }
    }

    fn add_security(&mut self, seen: &Description) {
        let short = |names: &[String]| -> Vec<String> {
            names.iter().map(|name| name.strip_prefix("CAP_").unwrap_or(name).to_owned()).collect()
        };
        let (add, drop) = (short(&seen.capabilities_added), short(&seen.capabilities_dropped));
        let given = !(add.is_empty() && drop.is_empty());
        let security = [
            ("readOnlyRootFilesystem", seen.read_only_root.then_some(json!(true))),
            ("capabilities", given.then(|| json!({ "drop": drop, "add": add }))),
            ("seccompProfile", seen.seccomp_unconfined.then(|| json!("unconfined"))),
            ("runtime", seen.runtime.as_ref().map(|runtime| json!(runtime))),
        ];
        self.add("security", object(security));
        if seen.privileged {
            self.note("security: it is privileged, which no workspace can be; name the capabilities that it needs");
        } else if !given {
            self.note("security: it has the engine's usual capabilities; a workspace has fewer (see `wharf explain workspace.spec.security`)");
        }
        if !seen.no_new_privileges {
            self.note("security: programs in it may gain privileges, as sudo does; noNewPrivileges: false allows that");
        }
    }

    fn add_health_check(&mut self, check: Option<&DescribedCheck>) {
        match check {
            None => {}
            Some(DescribedCheck::None) => {
                self.note("healthCheck: the image's check is switched off, which cannot be declared");
            }
            Some(DescribedCheck::Command { command, interval, timeout, retries, start_period }) => {
                // The engine's own defaults: https://docs.docker.com/reference/dockerfile/#healthcheck
                let time = |time: Option<std::time::Duration>, usual| {
                    json!(period(time.map_or(usual, |it| it.as_secs().max(1))))
                };
                let check = json!({
                    "command": command, "interval": time(*interval, 30), "timeout": time(*timeout, 30),
                    "retries": retries.unwrap_or(3), "startPeriod": time(*start_period, 0),
                });
                self.add("healthCheck", Some(check));
            }
        }
    }

    fn add_restart(&mut self, policy: &str) {
        if policy == "no" {
            self.note("recovery: the engine does not restart it; a workspace is restarted when it ends, up to recovery.maxRetries times");
        } else {
            self.note(format!("recovery: the engine restarts it ({policy}); for a workspace, Wharf does (see `wharf explain workspace.spec.recovery`)"));
        }
    }

    fn text(&self, name: &Name, seen: &Description) -> Result<String, CliError> {
        let short: String = seen.id.chars().take(12).collect();
        let mut text = format!("# What container {} ({short}) is, as a workspace.\n", one_line(&seen.name));
        text.extend(["apiVersion: wharf/v1\nkind: Workspace\n", "metadata:\n  name: ", name.as_str(), "\nspec:\n"]);
        for (field, value) in &self.fields {
            let mut single = Map::new();
            single.insert((*field).to_owned(), value.clone());
            for line in super::output::yaml(&single)?.lines().filter(|line| *line != "---") {
                text.extend(["  ", line, "\n"]);
            }
        }
        if !self.notes.is_empty() {
            text += "# Not declared above:\n";
            text.extend(self.notes.iter().map(|note| format!("# - {}\n", one_line(note)).replace("# -   ", "#   ")));
        }
        Ok(text)
    }
}

/// What comes from the engine must not end a comment.
fn one_line(text: &str) -> String {
    super::text::plain(text).into_owned()
}

fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Option<Value> {
    let fields: Map<String, Value> =
        fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?))).collect();
    (!fields.is_empty()).then_some(Value::Object(fields))
}

fn port(port: &Port) -> Value {
    serde_json::to_value(port).unwrap_or_default()
}

fn period(seconds: u64) -> String {
    Period::from_secs(seconds).to_string()
}

/// Whether a path can be a manifest: others are passed over by a source.
pub fn is_manifest_path(path: &Path) -> bool {
    path.extension().and_then(|it| it.to_str()).is_some_and(|it| ["yaml", "yml", "json"].contains(&it))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::Limits;
    use crate::model::quantity::Cpu;

    fn seen() -> Description {
        let mount = |source, target: &str| DescribedMount { source, target: target.to_owned(), read_only: false };
        Description {
            id: "0123456789abcdef".to_owned(),
            name: "My_App".to_owned(),
            image: "ghcr.io/acme/app:1".to_owned(),
            args: Some(vec!["--port".to_owned(), "80".to_owned()]),
            working_dir: Some("/src".to_owned()),
            env: vec!["TOKEN".to_owned()],
            mounts: vec![
                mount(DescribedSource::Host("/home/me/app".to_owned()), "/src"),
                mount(DescribedSource::Volume("cache".to_owned()), "/cache"),
                mount(DescribedSource::Tmpfs(Some(65536)), "/tmp"),
            ],
            limits: Limits { cpu: Some(Cpu::from_nanos(1_500_000_000)), ..Limits::default() },
            network: "default".to_owned(),
            restart: "always".to_owned(),
            health_check: Some(DescribedCheck::Command {
                command: vec!["true".to_owned()],
                interval: Some(Duration::from_secs(5)),
                timeout: None,
                retries: None,
                start_period: None,
            }),
            ..Description::default()
        }
    }

    #[test]
    fn a_container_becomes_a_manifest_that_is_valid() {
        let name = name_of("My_App").expect("usable");
        let text = manifest_of(&name, &seen()).expect("declared");
        let parsed = manifest::parse("a.yaml", text.as_bytes());
        let workspace = parsed.documents[0].outcome.as_ref().expect("valid");
        assert_eq!(workspace.metadata.name.as_str(), "my-app");
        assert_eq!(workspace.spec.args, ["--port", "80"]);
        assert_eq!(workspace.spec.project.as_ref().map(|it| it.path.as_str()), Some("/home/me/app"));
        assert_eq!((workspace.spec.volumes.len(), workspace.spec.env.len()), (1, 0), "{text}");
        for words in ["TOKEN", "valueFrom: {file: secrets/token}", "volume cache is mounted at /cache", "(always)"] {
            assert!(text.contains(words), "{words}\n{text}");
        }
    }

    #[test]
    fn what_no_manifest_admits_is_said_beside_it() {
        let odd = Description { hostname: Some("Not_A_Name".to_owned()), privileged: true, ..seen() };
        let text = manifest_of(&"box".parse().expect("a name"), &odd).expect("declared");
        assert!(text.contains("# - hostname of the container cannot be declared as it is: "), "{text}");
        assert!(text.contains("it is privileged"), "{text}");
        let name = Description { name: "a\nkind: x".to_owned(), ..seen() };
        let text = manifest_of(&"box".parse().expect("a name"), &name).expect("declared");
        assert!(text.lines().all(|line| line != "kind: x"), "{text}");
        let nameless = Description { image: "no image at all".to_owned(), ..seen() };
        assert!(manifest_of(&"box".parse().expect("a name"), &nameless).is_err());
    }

    #[test]
    fn names_are_made_usable() {
        for (container, expected) in [("web_1", Some("web-1")), ("_x_", Some("x")), ("Ünï", Some("n")), ("___", None)]
        {
            assert_eq!(name_of(container).as_ref().map(Name::as_str), expected, "{container}");
        }
    }
}
