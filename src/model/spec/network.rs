//! Ports and networks of a workspace.

use std::net::{IpAddr, Ipv4Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::name::Name;

/// One port of the container, published on the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Port {
    /// The port inside the container.
    #[schemars(range(min = 1, max = 65535))]
    pub container: u16,
    /// The port on the host. Left out, the engine picks a free one, and the status shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub host: Option<u16>,
    /// The host's address to listen on. Default `127.0.0.1`: reachable from this host only.
    #[serde(default = "loopback", rename = "hostIP")]
    #[schemars(with = "String", extend("format" = "ip-address"))]
    pub host_ip: IpAddr,
    /// `tcp` (default) or `udp`.
    #[serde(default)]
    pub protocol: Protocol,
}

/// Transport protocol of a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// As Docker writes it: `tcp` or `udp`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Which other workspaces and networks a workspace reaches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// `Isolated` (default): out to other networks, but to no other workspace. `Group`: also to the members of the same
    /// group, by workspace name. `Internal`: neither out nor to other workspaces. `None`: no network but loopback.
    #[serde(default)]
    pub mode: NetworkMode,
    /// The group's name; for mode `Group` only, where it is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Name>,
}

/// How far a workspace's network reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum NetworkMode {
    /// Out to other networks, but to no other workspace.
    #[default]
    Isolated,
    /// Out, and to the members of the same group by workspace name.
    Group,
    /// Neither out nor to other workspaces.
    Internal,
    /// No network but loopback.
    None,
}

fn loopback() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}
