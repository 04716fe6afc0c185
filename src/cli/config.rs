//! What a controller is told, from everywhere that it can be said: an option comes before a variable, a variable before the configuration
//! file, and the file before the default.

pub mod behaviour;
mod error;
pub mod git;
mod options;
pub mod origin;

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use behaviour::Behaviour;
pub use error::ConfigurationError;
pub use git::{Access, GitSettings, Reference, Signers};
pub use origin::Origin;

use super::controller::ControllerArgs;
use super::error::CliError;
use super::files::read_manifest;
use super::instance;
use crate::controller::Options;
use crate::manifest::{Configuration, parse_configuration};
use crate::metrics::Retention;
use crate::model::configuration::{ConfigurationSpec, ControllerConfiguration, ListenSpec, SourceSpec};
use crate::model::period::Period;
use crate::model::{Instance, Name};
use crate::plan::guard::MaxDeletes;
use crate::secrets;
use origin::Place;

/// Where copies of repositories are, in the state directory.
pub const REPOSITORIES: &str = "sources";

/// Everything that a controller is told. Paths are absolute.
#[derive(Clone, Debug)]
pub struct Configured {
    /// Where manifests come from, in order of precedence; at least one.
    pub sources: Vec<ConfiguredSource>,
    /// Where memory and the lock are kept.
    pub state_dir: PathBuf,
    /// Where status files go; `None`: beside the manifests, which then are one directory.
    pub status_dir: Option<PathBuf>,
    /// The controller's name on the engine.
    pub instance: Instance,
    /// What names on the engine begin with.
    pub name_prefix: Name,
    /// The engine's address; `None`: the usual one.
    pub host: Option<String>,
    /// How many deletions one reading of the sources may lead to.
    pub max_deletes: MaxDeletes,
    /// How often the engine is listed.
    pub resync: Duration,
    /// How often every container is inspected.
    pub audit: Duration,
    /// How often a directory is read again.
    pub poll: Duration,
    /// Short engine calls under way at once.
    pub concurrency: usize,
    /// How often use is measured; zero: never.
    pub monitor_interval: Duration,
    /// How long its history is kept.
    pub retention: Retention,
    /// Where the control API listens besides its socket, and the file with the token for it.
    pub listen: Option<(SocketAddr, PathBuf)>,
    /// The file that says to whom events are brought.
    pub webhooks: Option<PathBuf>,
    /// Where secrets are, and where they are put.
    pub secrets: secrets::Options,
    /// Files with policies, or directories of such.
    pub policies: Vec<PathBuf>,
}

/// One source of manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredSource {
    /// What the configuration calls it; `None` where the command line names it.
    pub name: Option<Name>,
    /// Where it is.
    pub place: SourcePlace,
}

/// Where a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourcePlace {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A git repository.
    Git(Box<GitSettings>),
}

/// What commands that only look need to know of a controller's configuration. Paths are absolute.
#[derive(Clone, Debug)]
pub struct Places {
    /// The directory with the manifests, where it is one.
    pub dir: Option<PathBuf>,
    /// Where memory and the lock are kept; `None`: in `dir`.
    pub state_dir: Option<PathBuf>,
    /// Where status files go; `None`: beside the manifests.
    pub status_dir: Option<PathBuf>,
    /// The controller's name on the engine, where it is said.
    pub instance: Option<Instance>,
    /// The engine's address, where it is said.
    pub host: Option<String>,
}

/// What is written, with absolute paths, before the options are looked at.
struct Written {
    /// The configuration file, where there is one.
    file: Option<PathBuf>,
    spec: ConfigurationSpec,
    sources: Vec<ConfiguredSource>,
}

/// What a controller is told by this command line.
pub fn settings(args: &ControllerArgs, behaviour: &Behaviour) -> Result<Configured, CliError> {
    let place = args.origin.place()?;
    let given = |path: &Option<PathBuf>| path.as_deref().map(absolute).transpose();
    let Written { file, spec, sources } = written(args, place)?;
    let usual = Options::new(PathBuf::new());
    let period = |option: Option<Duration>, file: Option<Period>, usual: Duration| {
        option.or(file.map(Period::duration)).unwrap_or(usual)
    };
    let listen = behaviour.listen.zip(given(&behaviour.token_file)?);
    let mut configured = Configured {
        state_dir: given(&args.state_dir)?.or(spec.state_dir).unwrap_or_default(),
        status_dir: given(&args.status_dir)?.or(spec.status_dir),
        instance: instance_of(args.instance.as_ref().or(spec.instance.as_ref()), &sources, file.as_deref())?,
        name_prefix: args.name_prefix.clone().or(spec.name_prefix).unwrap_or(usual.scope.prefix),
        host: args.host.clone().or(spec.engine.host),
        max_deletes: args.max_deletes.or(spec.max_deletes).map_or(MaxDeletes::Default, MaxDeletes::Exactly),
        resync: period(behaviour.resync, spec.resync, usual.resync),
        audit: period(behaviour.audit, spec.audit, usual.audit),
        poll: period(behaviour.poll, spec.poll, usual.poll),
        concurrency: behaviour.concurrency.or(spec.concurrency).unwrap_or(usual.concurrency),
        monitor_interval: behaviour.monitor_interval.or(spec.monitor_interval).unwrap_or(MONITOR_INTERVAL).duration(),
        retention: behaviour::merged(behaviour.retention.as_ref(), &spec.retention),
        listen: listen.or(spec.listen.map(|ListenSpec { address, token_file }| (address, token_file))),
        webhooks: given(&behaviour.webhooks)?.or(spec.webhooks_file),
        secrets: secrets::Options::default(),
        policies: policies(&args.policies, spec.policies)?,
        sources,
    };
    let kept: Vec<&Path> = configured.directories().chain([configured.state_dir.as_path()]).collect();
    configured.secrets = args.secrets.options(&kept, spec.secrets_dir)?;
    let is_git = |source: &ConfiguredSource| matches!(source.place, SourcePlace::Git(_));
    let is_beside = configured.sources.len() == 1 && !configured.sources.iter().any(is_git);
    if configured.status_dir.is_none() && !is_beside {
        return Err(ConfigurationError::NoStatusDirectory.into());
    }
    Ok(configured)
}

fn policies(given: &[PathBuf], written: Vec<PathBuf>) -> Result<Vec<PathBuf>, CliError> {
    written.into_iter().map(Ok).chain(given.iter().map(|path| absolute(path))).collect()
}

/// How often use is measured where nobody says it.
const MONITOR_INTERVAL: Period = Period::from_secs(10);

/// The directory of a command that looks at manifests by itself: the only source.
pub fn directory(configured: &Configured) -> Result<&Path, CliError> {
    match configured.sources.as_slice() {
        [ConfiguredSource { place: SourcePlace::Directory(path), .. }] if path.is_dir() => Ok(path),
        [ConfiguredSource { place: SourcePlace::Directory(path), .. }] => {
            Err(CliError::NoDirectory { path: path.clone() })
        }
        _ => Err(ConfigurationError::Sources.into()),
    }
}

/// Reads a configuration file.
pub fn read(file: &Path) -> Result<ConfigurationSpec, ConfigurationError> {
    let failed = |source| ConfigurationError::Read { file: file.to_owned(), source };
    let bytes = File::open(file).and_then(read_manifest).map_err(failed)?;
    let Configuration { value: ControllerConfiguration { spec, .. }, .. } =
        parse_configuration(&file.display().to_string(), &bytes).map_err(ConfigurationError::Invalid)?;
    Ok(spec)
}

/// What the configuration says that counts where a command names no directory; `None`: there is none, so the directory is the present one.
pub fn places(config: Option<&PathBuf>) -> Result<Option<Places>, CliError> {
    let found = origin::file(config.cloned(), |name| std::env::var_os(name), |file| file.exists());
    let file = match found {
        Some(Place::File(file)) => file,
        Some(Place::Directory(dir)) => return Ok(Some(Places::of_directory(dir))),
        Some(Place::Repository) | None => return Ok(None),
    };
    let Written { spec, sources, .. } = of_file(&file, None)?;
    let dir = match sources.as_slice() {
        [ConfiguredSource { place: SourcePlace::Directory(path), .. }] => Some(path.clone()),
        _ => None,
    };
    Ok(Some(Places {
        dir,
        state_dir: spec.state_dir,
        status_dir: spec.status_dir,
        instance: spec.instance,
        host: spec.engine.host,
    }))
}

impl Places {
    /// Those of a directory that nothing else is said of.
    fn of_directory(dir: PathBuf) -> Self {
        Self { dir: Some(dir), state_dir: None, status_dir: None, instance: None, host: None }
    }
}

fn written(args: &ControllerArgs, place: Place) -> Result<Written, CliError> {
    let state_dir = args.state_dir.as_deref();
    match place {
        Place::File(file) => of_file(&file, state_dir),
        Place::Directory(dir) => {
            if !dir.is_dir() {
                return Err(CliError::NoDirectory { path: dir });
            }
            let dir = absolute(&dir)?;
            let spec = ConfigurationSpec { state_dir: Some(dir.join(".wharf")), ..ConfigurationSpec::default() };
            let source = ConfiguredSource { name: None, place: SourcePlace::Directory(dir) };
            Ok(Written { file: None, spec, sources: vec![source] })
        }
        Place::Repository => {
            let here = absolute(Path::new(""))?;
            let state_dir = state_dir.map_or_else(|| Ok(here.join(".wharf")), absolute)?;
            let git = args.origin.git.spec()?.ok_or(ConfigurationError::NoSource)?;
            let git = GitSettings::of(git, &here, state_dir.join("projects"))?;
            let spec = ConfigurationSpec { state_dir: Some(state_dir), ..ConfigurationSpec::default() };
            let source = ConfiguredSource { name: None, place: SourcePlace::Git(Box::new(git)) };
            Ok(Written { file: None, spec, sources: vec![source] })
        }
    }
}

/// Reads a configuration. `state_dir`: what the command line says instead of it.
fn of_file(file: &Path, state_dir: Option<&Path>) -> Result<Written, CliError> {
    let mut spec = read(file)?;
    let file = absolute(file)?;
    let directory = file.parent().unwrap_or(Path::new("/"));
    let named = [&mut spec.state_dir, &mut spec.status_dir, &mut spec.webhooks_file, &mut spec.secrets_dir];
    for path in named.into_iter().flatten().chain(&mut spec.policies) {
        *path = directory.join(&*path);
    }
    if let Some(listen) = &mut spec.listen {
        listen.token_file = directory.join(&listen.token_file);
    }
    let state_dir = state_dir.map(absolute).transpose()?;
    let state_dir = state_dir.or(spec.state_dir.take()).unwrap_or_else(|| ConfigurationSpec::STATE_DIR.into());
    let projects = state_dir.join("projects");
    spec.state_dir = Some(state_dir);
    let declared = std::mem::take(&mut spec.sources).into_iter();
    let sources = declared.map(|source| configured(source, directory, &projects)).collect::<Result<_, _>>()?;
    Ok(Written { file: Some(file), spec, sources })
}

fn configured(source: SourceSpec, directory: &Path, projects: &Path) -> Result<ConfiguredSource, CliError> {
    let SourceSpec { name, directory: watched, git } = source;
    let place = match (watched, git) {
        (Some(watched), _) => SourcePlace::Directory(directory.join(watched.path)),
        (None, Some(git)) => {
            let projects = projects.join(name.as_str());
            SourcePlace::Git(Box::new(GitSettings::of(git, directory, projects)?))
        }
        // The rules of the file refuse this.
        (None, None) => return Err(ConfigurationError::NoSource.into()),
    };
    Ok(ConfiguredSource { name: Some(name), place })
}

/// The instance: the one that is given, or one that is the same again after the state directory is lost.
fn instance_of(
    given: Option<&Instance>,
    sources: &[ConfiguredSource],
    file: Option<&Path>,
) -> Result<Instance, CliError> {
    let of_file =
        |file: &Path| Instance::of_source(&file.canonicalize().unwrap_or_else(|_| file.to_owned()).to_string_lossy());
    match (given, sources, file) {
        (Some(given), ..) => Ok(given.clone()),
        (None, [ConfiguredSource { place: SourcePlace::Directory(path), .. }], _) => instance::of_source(path, None),
        (None, [_, _, ..], Some(file)) => Ok(of_file(file)),
        (None, [ConfiguredSource { place: SourcePlace::Git(git), .. }, ..], _) => {
            let path = git.path.as_ref().map_or_else(String::new, |path| format!("//{path}"));
            Ok(Instance::of_source(&format!("{}{path}", git.url)))
        }
        (None, ..) => Err(ConfigurationError::NoSource.into()),
    }
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    // The present directory, which an empty path means here, is none to the standard library.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    std::path::absolute(path).map_err(CliError::Runtime)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    const FILE: &str = "\
apiVersion: wharf/v1
kind: ControllerConfiguration
spec:
  stateDir: state
  statusDir: /status
  instance: from-file
  engine: {host: unix:///file.sock}
  resync: 1m
  monitorInterval: 0s
  retention: {raw: 2h, day: 240h}
  listen: {address: 127.0.0.1:7777, tokenFile: token}
  webhooksFile: webhooks.yaml
  secretsDir: secrets
  policies: [policies, /etc/policy.yaml]
  sources:
    - {name: platform, directory: {path: platform}}
    - name: teams
      git:
        url: https://git.example.com/teams.git
        tag: v1
        path: lab/
        https: {tokenFile: ../token, caFile: /ca.pem}
        verify: {keyringFile: keys}
        statusBranch: wharf-status
        webhook: {secretFile: hook}
";

    fn run(arguments: &[&str]) -> Result<Configured, CliError> {
        let cli = Cli::try_parse_from(["wharf", "run"].iter().chain(arguments)).expect("a command line");
        let Command::Run(args) = cli.command else { panic!("`wharf run`") };
        settings(&args.controller, &args.behaviour)
    }

    /// A configuration in a directory of its own.
    fn written(text: &str) -> (tempfile::TempDir, String) {
        let place = tempfile::tempdir().expect("a directory");
        let file = place.path().join("wharf.yaml");
        std::fs::write(&file, text).expect("written");
        let file = file.to_string_lossy().into_owned();
        (place, file)
    }

    #[test]
    fn everything_is_taken_from_the_file_relative_to_it() {
        let (place, file) = written(FILE);
        let here = |path: &str| place.path().join(path);
        let found = run(&["--config", &file]).expect("settings");
        assert_eq!((&found.state_dir, found.status_dir.as_deref()), (&here("state"), Some(Path::new("/status"))));
        assert_eq!((found.instance.as_str(), found.name_prefix.as_str()), ("from-file", "wharf"));
        assert_eq!(found.host.as_deref(), Some("unix:///file.sock"));
        assert_eq!((found.resync, found.audit), (Duration::from_secs(60), Duration::from_secs(600)));
        assert_eq!((found.monitor_interval, found.concurrency), (Duration::ZERO, 8));
        assert_eq!((found.retention.raw, found.retention.hour), (Duration::from_secs(7200), Retention::default().hour));
        assert_eq!(found.listen, Some(("127.0.0.1:7777".parse().expect("valid"), here("token"))));
        assert_eq!((found.webhooks, found.secrets.dir), (Some(here("webhooks.yaml")), Some(here("secrets"))));
        assert_eq!(found.policies, [here("policies"), "/etc/policy.yaml".into()]);
        let [platform, teams] = found.sources.as_slice() else { panic!("two sources") };
        assert_eq!(platform.place, SourcePlace::Directory(here("platform")));
        let SourcePlace::Git(git) = &teams.place else { panic!("a repository") };
        let expected = GitSettings {
            url: "https://git.example.com/teams.git".parse().expect("valid"),
            reference: Reference::Tag("v1".parse().expect("valid")),
            path: Some("lab".parse().expect("valid")),
            interval: Duration::from_secs(60),
            base: here("state/projects/teams"),
            timeout: Duration::from_secs(120),
            max_bytes: 64 << 20,
            access: Access::Https {
                username: "git".to_owned(),
                token_file: Some(here("../token")),
                ca_file: Some("/ca.pem".into()),
            },
            verify: Some(Signers::Pgp(here("keys"))),
            status_branch: Some("wharf-status".parse().expect("valid")),
            webhook: Some(here("hook")),
        };
        assert_eq!(**git, expected);
    }

    #[test]
    fn options_come_before_the_file() {
        let (_place, file) = written(FILE);
        let options = "--state-dir /s --status-dir /t --instance flag --host unix:///flag.sock --resync 5s --monitor-interval 1s \
             --retention raw=3h --webhooks /w --listen 127.0.0.1:1 --token-file /k --max-deletes 7 --name-prefix p --policy /q";
        let arguments: Vec<&str> = ["--config", &file].into_iter().chain(options.split(' ')).collect();
        let found = run(&arguments).expect("settings");
        assert_eq!((found.state_dir, found.status_dir), ("/s".into(), Some("/t".into())));
        assert_eq!((found.instance.as_str(), found.name_prefix.as_str()), ("flag", "p"));
        assert_eq!(found.host.as_deref(), Some("unix:///flag.sock"));
        assert_eq!((found.resync, found.monitor_interval), (Duration::from_secs(5), Duration::from_secs(1)));
        assert_eq!(found.retention.raw, Duration::from_secs(3 * 3600));
        assert_eq!(found.retention.day, Duration::from_secs(240 * 3600), "what the option leaves out");
        assert_eq!(
            run(&["--config", &file, "--monitor-interval", "0"]).expect("settings").monitor_interval,
            Duration::ZERO
        );
        assert_eq!((found.webhooks, found.max_deletes), (Some("/w".into()), MaxDeletes::Exactly(7)));
        assert_eq!(found.listen, Some(("127.0.0.1:1".parse().expect("valid"), "/k".into())));
        assert_eq!(
            found.policies.last(),
            Some(&PathBuf::from("/q")),
            "none takes another's place: {:?}",
            found.policies
        );
        let SourcePlace::Git(git) = &found.sources[1].place else { panic!("a repository") };
        assert_eq!(git.base, Path::new("/s/projects/teams"));
    }

    #[test]
    fn a_repository_is_named_by_options_alone() {
        let url = "git@git.example.com:lab/teams.git";
        let arguments = ["--git", url, "--status-dir", "/t", "--state-dir", "/s", "--branch", "main", "--base", "/b"];
        let ssh = ["--ssh-key", "/k", "--ssh-known-hosts", "/h", "--allowed-signers", "/a", "--interval", "5s"];
        let arguments = [&arguments[..], &["--status-branch", "seen"]].concat();
        let found = run(&[&arguments[..], &ssh].concat()).expect("settings");
        let [ConfiguredSource { name: None, place: SourcePlace::Git(git) }] = found.sources.as_slice() else {
            panic!("{:?}", found.sources)
        };
        assert_eq!(git.reference, Reference::Branch("main".parse().expect("valid")));
        assert_eq!(git.access, Access::Ssh { key_file: "/k".into(), known_hosts_file: "/h".into() });
        assert_eq!((git.base.as_path(), git.interval), (Path::new("/b"), Duration::from_secs(5)));
        assert_eq!(git.verify, Some(Signers::Ssh("/a".into())));
        assert_eq!(git.status_branch.as_ref().map(ToString::to_string).as_deref(), Some("seen"));
        assert!(found.instance.as_str().starts_with("teams-git-"), "{}", found.instance);
        assert!(matches!(run(&arguments[..2]), Err(CliError::Configuration(ConfigurationError::NoStatusDirectory))));
        assert!(matches!(directory(&found), Err(CliError::Configuration(ConfigurationError::Sources))));
    }

    #[test]
    fn the_default_instance_is_that_of_the_directory_or_of_the_file() {
        let (place, file) = written(&FILE.replace("  instance: from-file\n", ""));
        let canonical =
            |path: &str| place.path().canonicalize().expect("there").join(path).to_string_lossy().into_owned();
        let of_file = run(&["--config", &file]).expect("settings").instance;
        assert_eq!(of_file, Instance::of_source(&canonical("wharf.yaml")));
        std::fs::create_dir(place.path().join("platform")).expect("made");
        let one = FILE.split("    - name: teams").next().expect("a beginning").replace("  instance: from-file\n", "");
        std::fs::write(&file, one).expect("written");
        let by_file = run(&["--config", &file]).expect("settings");
        let by_directory = run(&[&*place.path().join("platform").to_string_lossy()]).expect("settings");
        assert_eq!(by_file.instance, by_directory.instance);
        assert_eq!(directory(&by_file).expect("one directory"), place.path().join("platform"));
    }
}
