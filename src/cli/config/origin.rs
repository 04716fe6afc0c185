//! Where the sources are said: a directory, a repository or a configuration file, by an option or a variable.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::ConfigurationError;
use super::git::GitArgs;

/// The configuration that is read where nothing else is named.
pub const DEFAULT_FILE: &str = "/etc/wharf/wharf.yaml";

/// The variable that names a directory with manifests.
pub const DIRECTORY: &str = "WHARF_DIR";

/// The variable that names a configuration file.
pub const FILE: &str = "WHARF_CONFIG";

/// Where manifests come from.
///
/// Clap takes a variable for an argument that was given, so that `--config` would be refused where the shell sets `WHARF_DIR`; so the
/// variables are read here.
#[derive(Clone, Debug, Default, Args)]
pub struct Origin {
    /// The directory with the manifests [env: `WHARF_DIR`] [default: what the configuration says]
    #[arg(value_name = "DIR", conflicts_with_all = ["config", "git"])]
    pub dir: Option<PathBuf>,

    /// The file that says what the options say, and where manifests come from; `wharf schema configuration` says what it can
    /// hold [env: `WHARF_CONFIG`] [default: /etc/wharf/wharf.yaml, where it exists]
    #[arg(long, value_name = "FILE", conflicts_with = "git", help_heading = "Places")]
    pub config: Option<PathBuf>,

    /// A git repository instead of a directory.
    #[command(flatten)]
    pub git: GitArgs,
}

/// What is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A directory with manifests.
    Directory(PathBuf),
    /// The repository of the options.
    Repository,
    /// A configuration file.
    File(PathBuf),
}

impl Origin {
    /// What is to be read: what an option names comes before what a variable names, and a directory before a configuration.
    pub(super) fn place(&self) -> Result<Place, ConfigurationError> {
        let exists = |file: &PathBuf| file.exists();
        self.place_with(|name| std::env::var_os(name), exists).ok_or(ConfigurationError::NoSource)
    }

    fn place_with(
        &self,
        variable: impl Fn(&str) -> Option<OsString>,
        exists: impl Fn(&PathBuf) -> bool,
    ) -> Option<Place> {
        let named = self.dir.clone().map(Place::Directory);
        let named = named.or(self.git.git.is_some().then_some(Place::Repository));
        named.or_else(|| file(self.config.clone(), &variable, exists))
    }
}

/// The directory or configuration that counts where a command line names neither a directory nor a repository.
pub(super) fn file(
    named: Option<PathBuf>,
    variable: impl Fn(&str) -> Option<OsString>,
    exists: impl Fn(&PathBuf) -> bool,
) -> Option<Place> {
    let set = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let found = named.map(Place::File).or_else(|| set(DIRECTORY).map(Place::Directory));
    let found = found.or_else(|| set(FILE).map(Place::File));
    found.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(exists).map(Place::File))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_before_variables_and_these_before_the_default_file() {
        let dir = Origin { dir: Some("/flag".into()), ..Origin::default() };
        let config = Origin { config: Some("/flag.yaml".into()), ..Origin::default() };
        let git = GitArgs { git: Some("/srv/x.git".to_owned()), ..GitArgs::default() };
        let git = Origin { git, ..Origin::default() };
        let none = Origin::default();
        let [all, config_only]: [&[&str]; 2] = [&[DIRECTORY, FILE], &[FILE]];
        for (origin, set, exists, expected) in [
            (&dir, all, true, Some(Place::Directory("/flag".into()))),
            (&git, all, true, Some(Place::Repository)),
            (&config, all, true, Some(Place::File("/flag.yaml".into()))),
            (&none, all, true, Some(Place::Directory("/WHARF_DIR".into()))),
            (&none, config_only, true, Some(Place::File("/WHARF_CONFIG".into()))),
            (&none, &[], true, Some(Place::File(DEFAULT_FILE.into()))),
            (&none, &[], false, None),
        ] {
            let variable = |name: &str| set.contains(&name).then(|| format!("/{name}").into());
            assert_eq!(origin.place_with(variable, |_| exists), expected, "{origin:?} {set:?}");
        }
        assert_eq!(none.place_with(|_| Some(OsString::new()), |_| false), None, "an empty variable is none");
    }
}
