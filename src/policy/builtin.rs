//! The policy of git sources that nobody has configured another one for.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::str::FromStr;

use crate::model::policy::{
    Amounts, AppliesTo, EnvRules, LimitRules, Mounts, Policy, PolicyKind, PolicyMetadata, PolicySpec, Ports, Secrets,
    SecurityRules,
};
use crate::model::quantity::Memory;
use crate::model::source::SourceKind;
use crate::model::spec::{ApiVersion, Capabilities, SeccompProfile};

/// The name of the built-in policy. One that is configured under this name takes its place.
pub const DEFAULT_GIT: &str = "default-git";

/// What a workspace of a git source may ask for: whoever may push to a repository need not be the administrator of this machine.
///
/// `deploy/policy/default-git.yaml` is the same as a file, to begin one's own with.
pub fn default_git() -> Policy {
    let loopback = ["127.0.0.0/8", "::1"].map(constant);
    Policy {
        api_version: ApiVersion::V1,
        kind: PolicyKind::Policy,
        metadata: PolicyMetadata { name: constant(DEFAULT_GIT), annotations: BTreeMap::new() },
        spec: PolicySpec {
            applies_to: AppliesTo { kinds: vec![SourceKind::Git], ..AppliesTo::default() },
            mounts: Mounts { allow: Some(Vec::new()), allow_source_directory: true, dangerous: Vec::new() },
            security: SecurityRules {
                require_no_new_privileges: true,
                capabilities: Some(Capabilities::default().add),
                seccomp_profiles: Some(vec![SeccompProfile::Default]),
                ..SecurityRules::default()
            },
            ports: Ports { addresses: Some(loopback.into()), ..Ports::default() },
            limits: LimitRules {
                max: Amounts::default(),
                default: Amounts { memory: Some(Memory::from_bytes(2 << 30)), pids: Some(1024), ..Amounts::default() },
            },
            env: EnvRules { files: Some(Vec::new()), allow_source_directory: true },
            secrets: Secrets { allow: Some(Vec::new()) },
            ..PolicySpec::default()
        },
    }
}

#[expect(clippy::expect_used, reason = "constants of the contract")]
fn constant<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect(text)
}
