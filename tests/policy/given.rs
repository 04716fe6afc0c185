//! How a case is written down: policies, a source, links and one manifest.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wharf::disk::{resolve, simulated::Simulated};
use wharf::engine::ContainerSpec;
use wharf::manifest::{parse, parse_policy};
use wharf::model::Uid;
use wharf::model::Workspace;
use wharf::model::policy::{OnViolation, Policy, Resolved};
use wharf::model::source::SourceKind;
use wharf::plan::compile::{Origin, Scope};
use wharf::policy::{Defaults, Policies, SourceTrust, Subject, Verdict};

/// A case: policies, and what they judge.
pub struct Given {
    pub policies: Policies,
    pub source: SourceTrust,
    pub workspace: Arc<Workspace>,
    pub container: ContainerSpec,
    pub resolved: Resolved,
    before: ContainerSpec,
}

/// A verdict as the cases have it.
pub struct Shown(pub Verdict);

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Verdict::Admitted => writeln!(formatter, "admitted"),
            Verdict::Denied { denials, on_violation } => {
                denials.iter().try_for_each(|denial| writeln!(formatter, "{}: {denial}", denial.field))?;
                if *on_violation == OnViolation::Stop { writeln!(formatter, "stop what runs") } else { Ok(()) }
            }
        }
    }
}

/// A policy of this name, whose spec is one line of YAML.
pub fn policy(name: &str, spec: &str) -> Result<(String, Policy), String> {
    let text = format!("apiVersion: wharf/v1\nkind: Policy\nmetadata: {{name: {name}}}\nspec: {spec}\n");
    let parsed = parse_policy(name, text.as_bytes())
        .map_err(|errors| errors.iter().fold(String::new(), |text, error| text + &error.to_string() + "\n"))?;
    Ok((name.to_owned(), parsed.value))
}

/// A workspace whose metadata and spec are one line of YAML each.
pub fn workspace(metadata: &str, spec: &str) -> Result<Workspace, String> {
    let text = format!("apiVersion: wharf/v1\nkind: Workspace\nmetadata: {metadata}\nspec: {spec}\n");
    let mut documents = parse("box.yaml", text.as_bytes()).documents;
    documents.pop().ok_or("no document")?.outcome.map_err(|errors| format!("{errors:?}"))
}

/// A workspace as the engine is asked for it, with its manifest in the directory of its source.
pub fn compile(workspace: &Arc<Workspace>, directory: &Path) -> ContainerSpec {
    let scope = Scope { instance: "test".parse().expect("an instance"), prefix: "wharf".parse().expect("a name") };
    let origin = Origin { uid: &Uid::new("u"), generation: 1, manifest: "box.yaml", directory };
    scope.compile(Arc::clone(workspace), origin).container
}

/// A disk on which all that is asked for is there, and these links.
fn disk(links: &[(PathBuf, PathBuf)], paths: &[PathBuf], missing: &[PathBuf]) -> Simulated {
    let disk = Simulated::new(1);
    for (from, to) in links {
        disk.link(from, to);
        disk.make_directory(to);
    }
    let plain = |path: &&PathBuf| !links.iter().any(|(link, _)| path.starts_with(link)) && !missing.contains(path);
    paths.iter().filter(plain).for_each(|path| disk.make_directory(path));
    disk
}

impl Given {
    pub fn parse(lines: &[String]) -> Result<Self, String> {
        let mut policies = Vec::new();
        let mut source =
            SourceTrust { name: "ws".to_owned(), kind: SourceKind::Directory, base: PathBuf::from("/srv/ws") };
        let (mut metadata, mut spec) = ("{name: box}".to_owned(), "{image: debian}".to_owned());
        let (mut led, mut missing, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        let mut defaults = Defaults::default();
        for line in lines {
            let (word, rest) = line.split_once(' ').ok_or_else(|| format!("not understood: {line}"))?;
            match word {
                "policy" => {
                    let (name, spec) = rest.split_once(' ').ok_or("a policy has a name and a spec")?;
                    policies.push(policy(name, spec)?);
                }
                "source" => {
                    let words: Vec<&str> = rest.split(' ').collect();
                    let [kind, name, base] = words[..] else { return Err(format!("not a source: {rest}")) };
                    let kind = if kind == "git" { SourceKind::Git } else { SourceKind::Directory };
                    source = SourceTrust { name: name.to_owned(), kind, base: base.into() };
                }
                "labels" => metadata = format!("{{name: box, labels: {rest}}}"),
                "spec" => spec = format!("{{image: debian, {}", rest.trim_start_matches('{')),
                "image" => spec = format!("{{image: '{rest}'}}"),
                "link" => {
                    let (from, to) = rest.split_once(" -> ").ok_or("a link leads somewhere")?;
                    led.push((PathBuf::from(from), PathBuf::from(to)));
                }
                "missing" => missing.push(PathBuf::from(rest)),
                "unreadable" => unreadable.push(PathBuf::from(rest)),
                "dangerous" => defaults.dangerous.push(rest.into()),
                _ => return Err(format!("not understood: {line}")),
            }
        }
        let policies = Policies::new(policies, defaults).map_err(|error| error.to_string())?;
        let workspace = Arc::new(workspace(&metadata, &spec)?);
        let before = compile(&workspace, &source.base);
        let mut container = before.clone();
        policies.amend(&source, &workspace, &mut container);
        let paths = policies.host_paths(&source, &workspace, &container);
        let disk = disk(&led, &paths, &missing);
        for path in unreadable {
            disk.break_path(path, std::io::ErrorKind::PermissionDenied);
        }
        let resolved = resolve(&disk, paths);
        Ok(Self { policies, source, workspace, container, resolved, before })
    }

    pub fn subject(&self) -> Subject<'_> {
        let Self { source, workspace, container, resolved, .. } = self;
        Subject { source, workspace, container, resolved }
    }

    pub fn judged(&self) -> Shown {
        Shown(self.policies.judge(&self.subject()))
    }

    /// The limits that policies set.
    pub fn limits(&self) -> String {
        let (before, after) = (&self.before, &self.container);
        let mut text = String::new();
        let mut tell = |name: &str, before: Option<String>, after: Option<String>| {
            if before != after {
                text.extend([name, " ", after.unwrap_or_default().as_str(), "\n"]);
            }
        };
        let shown = |value: Option<wharf::model::quantity::Memory>| value.map(|value| value.to_string());
        tell("cpu", before.limits.cpu.map(|cpu| cpu.to_string()), after.limits.cpu.map(|cpu| cpu.to_string()));
        tell("memory", shown(before.limits.memory), shown(after.limits.memory));
        tell("pids", before.limits.pids.map(|pids| pids.to_string()), after.limits.pids.map(|pids| pids.to_string()));
        tell("shmSize", shown(before.shm_size), shown(after.shm_size));
        text
    }
}
