//! Limits, and what the container may do on the host's kernel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::quantity::{Cpu, Memory};
use crate::model::reference::Capability;

/// Upper limits. `cpu`, `memory` and `pids` change in place; removing `cpu` or `memory`, or changing `shmSize`, needs a
/// new container, because the engine cannot lift those limits from a running one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources {
    /// Processor time: cores (`"1.5"`) or thousandths (`500m`). Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpu>,
    /// Memory, with no swap beyond it: `512Mi`, `2Gi`. At least `6Mi`. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Number of processes and threads. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_194_304))]
    pub pids: Option<u32>,
    /// Size of `/dev/shm`. Default: the engine's (`64Mi`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<Memory>,
}

/// What the container may do on the host's kernel. The defaults fit development work and untrusted agents alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Security {
    /// Whether everything outside of mounts is read-only. Default `false`.
    pub read_only_root_filesystem: bool,
    /// Linux capabilities to drop and to add.
    pub capabilities: Capabilities,
    /// Whether processes can not gain privileges through setuid programs. Default `true`.
    pub no_new_privileges: bool,
    /// System call filter: `default` (the engine's) or `unconfined`.
    pub seccomp_profile: SeccompProfile,
    /// The OCI runtime, where the engine has it: `runsc`, `sysbox-runc`. Default: the engine's (`runc`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub runtime: Option<String>,
}

/// Linux capabilities, by their names in capabilities(7) without `CAP_`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Capabilities {
    /// Dropped before the others are added. Default `[ALL]`.
    pub drop: Vec<Capability>,
    /// Added. Default: what package managers and servers that give up root need, which is `CHOWN`, `DAC_OVERRIDE`, `FOWNER`,
    /// `KILL`, `NET_BIND_SERVICE`, `SETGID` and `SETUID`.
    pub add: Vec<Capability>,
}

/// System call filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum SeccompProfile {
    /// The engine's default profile.
    #[default]
    Default,
    /// No filter.
    Unconfined,
}

impl Default for Security {
    fn default() -> Self {
        Self {
            read_only_root_filesystem: false,
            capabilities: Capabilities::default(),
            no_new_privileges: true,
            seccomp_profile: SeccompProfile::default(),
            runtime: None,
        }
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        let add = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"];
        Self { drop: vec![Capability::known("ALL")], add: add.into_iter().map(Capability::known).collect() }
    }
}
