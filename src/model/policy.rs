//! Policies: what manifests may ask for, as the administrator of a machine says it.
//!
//! A policy is part of the controller's own configuration, outside of every source, so that nobody who writes manifests can change it. A part
//! that is left out says nothing. Manifests cannot ask for devices, privileged containers or namespaces of the host at all, so there is no rule
//! about those.

mod pattern;
mod range;
mod resolved;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use pattern::{Glob, ImagePattern, InvalidPattern, PathPattern, repository_and_tag, shown_path, tidy};
pub use range::{AddressRange, InvalidRange, NumberRange};
pub use resolved::{Resolution, Resolved};

use super::name::Name;
use super::quantity::{Cpu, Memory};
use super::reference::Capability;
use super::selector::Selector;
use super::source::SourceKind;
use super::spec::{ApiVersion, DeletionPolicy, NetworkMode, SeccompProfile};
use super::text::textual;

/// What a document of a policy declares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum PolicyKind {
    /// A policy.
    #[default]
    Policy,
}

/// A policy: what manifests may ask for. Where several apply to a workspace, every one of them must admit it, and of amounts the strictest
/// counts; so a further policy never admits more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// The version of this form: `wharf/v1`.
    pub api_version: ApiVersion,
    /// What the document declares: `Policy`.
    pub kind: PolicyKind,
    /// The policy's name and annotations.
    pub metadata: PolicyMetadata,
    /// What manifests may ask for.
    pub spec: PolicySpec,
}

/// Name and annotations of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyMetadata {
    /// What it is called where something is denied, unlike all others. A policy with the name `default-git` takes the place of the built-in
    /// one of that name, which applies to all git sources.
    pub name: Name,
    /// Free text for people and tools; Wharf does not read it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What manifests may ask for. A part that is left out says nothing, with one exception: every policy holds back the dangerous paths of
/// `mounts.dangerous`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolicySpec {
    /// Which workspaces it is about. Default: all.
    pub applies_to: AppliesTo,
    /// Which images.
    pub images: Images,
    /// Which directories and files of the host.
    pub mounts: Mounts,
    /// What containers may do on the host's kernel, and as whom.
    pub security: SecurityRules,
    /// Which networks.
    pub networks: Networks,
    /// Which ports of the host.
    pub ports: Ports,
    /// Upper limits: the largest, and what holds where a manifest says nothing.
    pub limits: LimitRules,
    /// How many workspaces.
    pub counts: Counts,
    /// Which files values of environment variables are read from.
    pub env: EnvRules,
    /// Which secrets.
    pub secrets: Secrets,
    /// What may happen when a manifest is gone.
    pub deletion: DeletionRules,
    /// What happens to a container that runs when its workspace is denied: `Keep` (default) or `Stop`. A new container is made in neither case.
    pub on_violation: OnViolation,
}

/// Which workspaces a policy is about: those that fit all of what is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AppliesTo {
    /// Names of sources; `*` stands for any characters: `team-*`. Default: all sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Glob>,
    /// Kinds of sources: `directory`, `git`. Default: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<SourceKind>,
    /// Labels, in the form of `kubectl -l`: `team=web,!legacy`. Whoever writes a manifest chooses its labels: use this to hold back more, never
    /// to trust. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<SelectorText>,
}

/// Which images may be used.
///
/// Patterns are compared with the whole reference, as in `docker.io/library/nginx:latest` for `nginx`; a pattern without a registry is one of
/// `docker.io`, too. `*` stands for any characters but `/`, and `**` for one or more parts between slashes. Without a tag in it, a pattern allows every
/// tag and digest. An image with a digest is what the digest says, whatever its tag: a pattern with a tag does not allow it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Images {
    /// Only these: `ghcr.io/acme/**`, `debian:12*`. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<ImagePattern>>,
    /// None of these, though they are allowed: `**:latest`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<ImagePattern>,
    /// Only images with a digest, which nobody can change: `debian@sha256:…`. Default `false`.
    pub require_digest: bool,
}

/// Which directories and files of the host may be mounted, the project's directory included. Both the path as it is written and the path that it
/// leads to through symbolic links must be allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Mounts {
    /// Only these, and what is below them. Default: all that is not dangerous.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<AllowedPath>>,
    /// Whether what is inside of the source's own directory is allowed besides `allow`. Default `false`.
    pub allow_source_directory: bool,
    /// Dangerous paths that are not held back by this policy; they must be allowed as well.
    ///
    /// Dangerous are `/proc`, `/sys`, `/dev`, `/etc`, `/boot`, `/root`, `/run`, `/var/run`, `/var/lib/docker`, `/var/lib/containerd`, `/var/lib/wharf`, the
    /// engine's socket and the state directory, wherever they are, what is below them, and whatever contains one of them, such as `/`. Only the very
    /// path that is named here is let go, not what is below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dangerous: Vec<PathPattern>,
}

/// A directory or file of the host, and what is below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllowedPath {
    /// The path, absolute; `*` stands for any characters but `/`: `/home/*/projects`.
    pub path: PathPattern,
    /// Whether it may only be mounted read-only. Default `false`.
    #[serde(default)]
    pub read_only: bool,
}

/// What containers may do on the host's kernel, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SecurityRules {
    /// Whether `security.readOnlyRootFilesystem` must be `true`. Default `false`.
    pub require_read_only_root_filesystem: bool,
    /// Whether `security.noNewPrivileges` must be `true`. Default `false`.
    pub require_no_new_privileges: bool,
    /// Whether `user` must be a number other than 0. A user by name, and the image's own user, which a manifest without `user` asks for, may be root
    /// under another name: they are denied. Default `false`.
    pub require_non_root: bool,
    /// Users that containers may run as, by number: `1000`, `1000-1999`. As with `requireNonRoot`, only numbers can be known. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<NumberRange>>,
    /// Capabilities that containers may have. A container that does not drop `ALL` also has those that engines give: `AUDIT_WRITE`, `CHOWN`,
    /// `DAC_OVERRIDE`, `FOWNER`, `FSETID`, `KILL`, `MKNOD`, `NET_BIND_SERVICE`, `NET_RAW`, `SETFCAP`, `SETGID`, `SETPCAP`, `SETUID` and `SYS_CHROOT`. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<Capability>>,
    /// System call filters: `default`, `unconfined`. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seccomp_profiles: Option<Vec<SeccompProfile>>,
    /// OCI runtimes. `default` stands for the engine's own, which a manifest without `runtime` asks for. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtimes: Option<Vec<Glob>>,
}

/// Which networks may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Networks {
    /// Only these modes: `Isolated`, `Group`, `Internal`, `None`. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modes: Option<Vec<NetworkMode>>,
    /// Only these groups; `*` stands for any characters: `web-*`. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<Glob>>,
}

/// Which ports of the host may be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Ports {
    /// Whether ports may be published at all. Default `true`.
    pub publish: bool,
    /// Only these ports of the host: `10000-20000`. Which one the engine picks cannot be known: a port without `host` is denied then. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_ports: Option<Vec<NumberRange>>,
    /// Only these addresses of the host: `127.0.0.1`, `10.0.0.0/8`. A manifest without `hostIP` asks for `127.0.0.1`. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<AddressRange>>,
}

impl Default for Ports {
    fn default() -> Self {
        Self { publish: true, host_ports: None, addresses: None }
    }
}

/// Upper limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LimitRules {
    /// The most that a manifest may ask for; more is denied. A manifest that says nothing gets `default`, and without one this.
    pub max: Amounts,
    /// What holds where a manifest says nothing.
    pub default: Amounts,
}

/// Amounts of what a container uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Amounts {
    /// Processor time: cores (`"1.5"`) or thousandths (`500m`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Memory, with no swap beyond it: `512Mi`, `2Gi`. At least `6Mi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Number of processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_194_304))]
    pub pids: Option<u32>,
    /// Size of `/dev/shm`. A manifest that says nothing gets `64Mi`, as engines give it, where the most is not less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<Memory>,
}

/// How many workspaces there may be. Those that were there first stay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Counts {
    /// In each source.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1_000_000))]
    pub per_source: Option<u32>,
    /// With each value of a label, in all sources together: `{team: 5}`. Workspaces without the label count as if it had one value more.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub per_label: BTreeMap<String, u32>,
}

/// Which files values of environment variables (`valueFrom.file`) may be read from. The controller reads them, often as root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvRules {
    /// Only these files, and those below these directories. Both the path as it is written and the path that it leads to must be. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<PathPattern>>,
    /// Whether files inside of the source's own directory are allowed besides `files`. Default `false`.
    pub allow_source_directory: bool,
}

/// Which secrets may be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Secrets {
    /// Only secrets with these names; `*` stands for any characters: `web-*`. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<Glob>>,
}

/// What may happen when a manifest is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DeletionRules {
    /// Only these values of `deletionPolicy`: `Delete`, `Stop`, `Orphan`. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<DeletionPolicy>>,
    /// Whether `deleteVolumes` may be `true`. Default `true`.
    pub delete_volumes: bool,
}

impl Default for DeletionRules {
    fn default() -> Self {
        Self { policies: None, delete_volumes: true }
    }
}

/// What happens to a container that runs when its workspace is denied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum OnViolation {
    /// It goes on as it was admitted, as in Kubernetes: a mistake in a policy must not end everybody's work.
    #[default]
    Keep,
    /// It is stopped, and kept.
    Stop,
}

/// A label selector, in the form of `kubectl -l`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorText(pub Selector);

impl std::str::FromStr for SelectorText {
    type Err = super::selector::InvalidSelector;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl std::fmt::Display for SelectorText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0.as_str())
    }
}

textual!(SelectorText, "SelectorText", "label-selector", { "type": "string", "minLength": 1 });
