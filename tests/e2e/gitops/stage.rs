//! A repository on a server, the desk of somebody who pushes to it, and a world whose controller follows it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::manifest::Manifest;
use crate::support::git::https::HttpsServer;
use crate::support::git::remote::Remote;
use crate::support::git::ssh::SshServer;
use crate::world::{World, eventually};

/// What the source is called.
pub const SOURCE: &str = "team";

/// How the repository is reached.
pub struct Way {
    url: String,
    /// What `git` is told at the desk.
    desk: Vec<String>,
    /// What the controller's configuration says of it.
    access: String,
}

/// All of them.
pub struct Stage {
    pub world: World,
    pub desk: Remote,
    way: Way,
}

impl Way {
    /// Over ssh, with the key that the server knows.
    pub fn ssh(server: &SshServer, hub: &Path) -> Self {
        let [key, hosts] = ["client", "known_hosts"].map(|name| server.path(name).display().to_string());
        let ssh = format!("core.sshCommand=ssh -i {key} -o IdentitiesOnly=yes -o UserKnownHostsFile={hosts}");
        Self {
            url: server.url(hub),
            desk: vec!["-c".to_owned(), ssh],
            access: format!("ssh: {{keyFile: {key}, knownHostsFile: {hosts}}}"),
        }
    }

    /// Over https, with a token that the desk and the controller each have of their own.
    pub fn https(server: &HttpsServer, token: &str) -> Self {
        Self::renew(server, token);
        let [authority, controllers, desks] = ["ca.pem", "token", "desk"].map(|name| server.path(name));
        let trust = format!("http.sslCAInfo={}", authority.display());
        let helper = format!("credential.helper=!f() {{ cat '{}'; }}; f", desks.display());
        let desk = ["-c", &trust, "-c", &helper].map(str::to_owned).to_vec();
        let (token, authority) = (controllers.display(), authority.display());
        let access = format!("https: {{tokenFile: {token}, caFile: {authority}}}");
        Self { url: server.url("hub.git"), desk, access }
    }

    /// Gives the desk and the controller another token.
    pub fn renew(server: &HttpsServer, token: &str) {
        server.give(token);
        fs::write(server.path("desk"), format!("username=git\npassword={token}\n")).expect("written");
    }

    /// On this machine.
    pub fn path(hub: &Path) -> Self {
        Self { url: hub.display().to_string(), desk: Vec::new(), access: String::new() }
    }
}

impl Stage {
    /// An empty repository, reached in a way that may need to know where it is.
    pub fn new(way: impl FnOnce(&Path) -> Way) -> Self {
        let world = World::new();
        let hub = world.beside_source("hub.git");
        let git = |arguments: &[&str]| {
            let done = Command::new("git").arg("-C").arg(world.source()).args(arguments).status();
            assert!(done.expect("git is installed").success(), "git {arguments:?}");
        };
        let place = hub.to_str().expect("UTF-8");
        git(&["init", "--quiet", "--bare", "--initial-branch=main", place]);
        // As forges do it, whose branches are all alike.
        git(&["--git-dir", place, "config", "receive.denyDeleteCurrent", "ignore"]);
        let desk = Remote::empty();
        desk.write("workspaces/README.md", "What runs on the shared host.\n");
        Self { way: way(&hub), world, desk }
    }

    /// Where the repository is.
    pub fn hub(&self) -> PathBuf {
        self.world.beside_source("hub.git")
    }

    /// The repository as an item of a configuration's `sources`. `more`: fields of it.
    pub fn item(&self, interval: &str, more: &str) -> String {
        let Way { url, access, .. } = &self.way;
        let given = [access.as_str(), more].into_iter().filter(|field| !field.is_empty());
        let fields = given.fold(String::new(), |fields, field| format!("{fields}, {field}"));
        format!(
            "{{name: {SOURCE}, git: {{url: '{url}', branch: main, path: workspaces, interval: {interval}{fields}}}}}"
        )
    }

    /// Makes the repository the only source, which is asked each second.
    pub fn follow(&self) {
        self.world.configure(&format!("  sources: [{}]\n", self.item("1s", "")));
    }

    /// Writes a manifest at the desk.
    pub fn write(&self, name: &str, manifest: &Manifest) {
        self.desk.write(&format!("workspaces/{name}.yaml"), &manifest.to_string());
    }

    /// Writes a manifest with a memory limit, in MiB.
    pub fn declare(&self, name: &str, memory: usize) {
        let limits = format!("{{memory: {memory}Mi}}");
        self.write(name, &Manifest::named(name).with("resources", limits).with("stopGracePeriod", "0s"));
    }

    /// Commits what was written, pushes it, and returns the commit's ID.
    pub fn push(&self, subject: &str) -> String {
        let commit = self.desk.commit(subject);
        self.git_push(&["main"]);
        commit
    }

    /// Pushes whatever is named.
    pub fn git_push(&self, what: &[&str]) {
        let options = self.way.desk.iter().map(String::as_str);
        let push = ["push", "--quiet", &self.way.url];
        self.desk.git(&options.chain(push).chain(what.iter().copied()).collect::<Vec<_>>());
    }

    /// What the controller says of the source, once it answers.
    pub fn source(&self) -> Option<Value> {
        serde_json::from_str(&self.world.wharf("get", &["sources", SOURCE, "-o", "json"]).stdout).ok()
    }

    /// Asks for a look at the source now, and waits until what is said of it is so.
    pub fn until_source(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let asked = self.world.wharf("sync", &["--source", SOURCE]);
        assert_eq!(asked.code, 0, "{asked:?}");
        eventually(what, || self.source().filter(&is))
    }

    /// Waits until a commit is in force and nothing is wrong with the source.
    pub fn until_in_force(&self, commit: &str) {
        self.until_source(&format!("{commit} is in force"), |source| {
            source["revision"]["commit"] == commit && source["lastError"].is_null()
        });
    }

    /// Waits until the source cannot be read for a reason, in which these words are.
    pub fn until_error(&self, words: &str) -> Value {
        self.until_source(words, |source| source["lastError"]["message"].as_str().is_some_and(|it| it.contains(words)))
    }

    /// The memory limit of a workspace's container in MiB, where it runs.
    pub fn memory(&self, name: &str) -> Option<usize> {
        let container = self.world.container(name).filter(|container| container["State"]["Running"] == true)?;
        let bytes = usize::try_from(container["HostConfig"]["Memory"].as_u64()?).ok()?;
        Some(bytes >> 20)
    }
}
