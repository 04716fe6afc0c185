//! Networks that Wharf creates.

use std::collections::BTreeMap;

/// A bridge network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSpec {
    /// The network's name.
    pub name: String,
    /// Whether members reach each other. `false` drops traffic between them on the bridge
    /// (`com.docker.network.bridge.enable_icc=false`).
    pub members_reach_each_other: bool,
    /// Whether nothing outside of the network is reachable, except for services of the host itself that listen on all
    /// addresses.
    pub internal: bool,
    /// Labels of the network.
    pub labels: BTreeMap<String, String>,
}
