//! What containers need: images, networks, volumes, paths and ports of the host.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::faults::Refusal;
use crate::engine::container::NO_NETWORK;
use crate::engine::{ContainerSpec, MountSource, NetworkSpec, ObjectKind, VolumeSummary};
use crate::model::labels;
use crate::model::random::Random;
use crate::model::reference::ImageReference;
use crate::model::spec::{Port, Protocol};

/// The images that the engine has, and those that the simulated registry has.
#[derive(Debug)]
pub(super) struct Images {
    present: BTreeMap<String, String>,
    registry: BTreeMap<String, Offer>,
    /// Whether the registry has everything it is not told to refuse.
    anything: bool,
    /// How long a pull takes.
    pub(super) pull_time: Duration,
    ids: Random,
}

/// What the registry says to a pull.
#[derive(Clone, Debug)]
enum Offer {
    /// The image with this ID.
    Image(String),
    /// No, in these words.
    No(String),
}

/// How an image is known: repository and tag, so that `debian` is `debian:latest`.
fn key(image: &ImageReference) -> String {
    let (repository, tag) = image.repository_and_tag();
    let repository = repository.strip_prefix("docker.io/").unwrap_or(repository);
    format!("{}:{tag}", repository.strip_prefix("library/").unwrap_or(repository))
}

impl Images {
    pub(super) const fn new(ids: Random) -> Self {
        let pull_time = Duration::from_secs(1);
        Self { present: BTreeMap::new(), registry: BTreeMap::new(), anything: false, pull_time, ids }
    }

    fn new_id(&mut self) -> String {
        format!("sha256:{}", self.ids.hex())
    }

    pub(super) fn id(&self, image: &ImageReference) -> Option<&String> {
        self.present.get(&key(image))
    }

    /// Puts an image into the registry; one that is there already gets a new version.
    pub(super) fn push(&mut self, image: &ImageReference) {
        let id = self.new_id();
        self.registry.insert(key(image), Offer::Image(id));
    }

    pub(super) fn refuse(&mut self, image: &ImageReference, words: String) {
        self.registry.insert(key(image), Offer::No(words));
    }

    pub(super) const fn offer_anything(&mut self) {
        self.anything = true;
    }

    /// What a pull would bring; whether the engine has it already.
    pub(super) fn offered(&mut self, image: &ImageReference) -> Result<bool, Refusal> {
        let key = key(image);
        if self.anything && !self.registry.contains_key(&key) {
            self.push(image);
        }
        match self.registry.get(&key) {
            Some(Offer::Image(id)) => Ok(self.present.get(&key) == Some(id)),
            Some(Offer::No(words)) => Err(Refusal::Registry(words.clone())),
            None => {
                let (repository, tag) = image.repository_and_tag();
                Err(Refusal::Registry(format!("manifest for {repository}:{tag} not found: manifest unknown")))
            }
        }
    }

    pub(super) fn pull(&mut self, image: &ImageReference) -> Result<(), Refusal> {
        self.offered(image)?;
        let key = key(image);
        if let Some(Offer::Image(id)) = self.registry.get(&key) {
            self.present.insert(key, id.clone());
        }
        Ok(())
    }

    /// Puts an image into the engine and the registry.
    pub(super) fn add(&mut self, image: &ImageReference) {
        self.push(image);
        // What was just pushed can be pulled.
        let _ = self.pull(image);
    }

    pub(super) fn remove(&mut self, image: &ImageReference) -> bool {
        self.present.remove(&key(image)).is_some()
    }
}

/// The network that the engine itself has, and that a container joins of which nothing is said.
const BRIDGE: &str = "bridge";

/// The networks of the engine, by name.
#[derive(Debug)]
pub(super) struct Networks {
    all: BTreeMap<String, Network>,
    made: u32,
}

#[derive(Debug)]
struct Network {
    labels: BTreeMap<String, String>,
    number: u32,
    /// The last parts of the addresses of containers that run on it.
    members: BTreeSet<u32>,
    /// Addresses below `next` that were given back.
    free: BTreeSet<u32>,
    next: u32,
}

impl Network {
    fn new(labels: BTreeMap<String, String>, number: u32) -> Self {
        // The network itself and its gateway have the first two addresses.
        Self { labels, number, members: BTreeSet::new(), free: BTreeSet::new(), next: 2 }
    }
}

/// The networks that a container is attached to, by name.
pub(super) type Places = BTreeMap<Arc<str>, Place>;

/// A container's place on a network.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// Which network of that name it is, since a process was on it first: another one of the same name is no substitute.
    bound: Option<u32>,
    /// Its address while it has a process.
    pub(super) address: Option<Address>,
}

impl From<Address> for Place {
    fn from(address: Address) -> Self {
        Self { bound: Some(address.number), address: Some(address) }
    }
}

/// A process's place on a network.
#[derive(Clone, Debug)]
pub(super) struct Address {
    network: String,
    /// Tells networks apart that had one name after another.
    number: u32,
    host: u32,
    /// The address as text.
    pub(super) ip: String,
}

impl Networks {
    /// The engine's default address pools hold 31 networks; one is [`BRIDGE`].
    /// Source: <https://github.com/moby/libnetwork/blob/master/ipamutils/utils.go>.
    const POOLS: usize = 31;

    pub(super) fn new() -> Self {
        Self { all: BTreeMap::from([(BRIDGE.to_owned(), Network::new(BTreeMap::new(), 0))]), made: 0 }
    }

    pub(super) fn ensure(&mut self, spec: &NetworkSpec) -> Result<bool, Refusal> {
        let Some(instance) = spec.labels.get(labels::INSTANCE) else {
            return Err(Refusal::Invalid(format!("it lacks the label `{}`", labels::INSTANCE)));
        };
        if let Some(network) = self.all.get(&spec.name) {
            if network.labels.get(labels::INSTANCE) == Some(instance) {
                return Ok(false);
            }
            return Err(Refusal::Conflict(format!("network with name {} already exists", spec.name)));
        }
        if self.all.len() >= Self::POOLS {
            let words = "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network";
            return Err(Refusal::Failed(words.to_owned()));
        }
        self.made += 1;
        self.all.insert(spec.name.clone(), Network::new(spec.labels.clone(), self.made));
        Ok(true)
    }

    /// Removes a network that carries the label of `instance`. Like the engine, it counts only containers that run as users.
    pub(super) fn remove(&mut self, instance: &str, name: &str) -> Result<(), Refusal> {
        let Some(network) = self.all.get(name) else { return Ok(()) };
        if network.labels.get(labels::INSTANCE).is_none_or(|own| own != instance) {
            return Ok(());
        }
        if !network.members.is_empty() {
            return Err(Refusal::Conflict(format!(
                "error while removing network: network {name} has active endpoints"
            )));
        }
        self.all.remove(name);
        Ok(())
    }

    /// Removes a network whoever owns and uses it.
    pub(super) fn remove_by_force(&mut self, name: &str) -> bool {
        self.all.remove(name).is_some()
    }

    /// The networks that were created, without the engine's own.
    pub(super) fn names(&self) -> Vec<String> {
        self.all.keys().filter(|name| *name != BRIDGE).cloned().collect()
    }

    /// Those that carry the label of `instance`.
    pub(super) fn of_instance(&self, instance: &str) -> impl Iterator<Item = (&String, &BTreeMap<String, String>)> {
        let ours = move |network: &Network| network.labels.get(labels::INSTANCE).is_some_and(|own| own == instance);
        self.all.iter().filter(move |(_, network)| ours(network)).map(|(name, network)| (name, &network.labels))
    }

    /// Gives a process an address on each of these networks, or on none of them. [`NO_NETWORK`] has no addresses.
    pub(super) fn join_all(&mut self, places: &Places) -> Result<Places, Refusal> {
        let mut joined = Places::new();
        for (name, place) in places {
            match (**name != *NO_NETWORK).then(|| self.join_bound(name, place.bound)).transpose() {
                Ok(address) => joined.insert(Arc::clone(name), address.map(Place::from).unwrap_or_default()),
                Err(refusal) => {
                    self.leave_all(&joined);
                    return Err(refusal);
                }
            };
        }
        Ok(joined)
    }

    fn join_bound(&mut self, name: &str, bound: Option<u32>) -> Result<Address, Refusal> {
        let is_it = |network: &Network| bound.is_none_or(|number| number == network.number);
        match self.all.get(name).filter(|network| is_it(network)) {
            Some(_) => self.join(name),
            None => Err(not_found(name)),
        }
    }

    /// Gives a process an address.
    pub(super) fn join(&mut self, name: &str) -> Result<Address, Refusal> {
        let network = self.all.get_mut(name).ok_or_else(|| not_found(name))?;
        let host = network.free.pop_first().unwrap_or_else(|| {
            network.next += 1;
            network.next - 1
        });
        network.members.insert(host);
        let ip = format!("172.{}.{}.{}", 17 + network.number % 200, host / 256, host % 256);
        Ok(Address { network: name.to_owned(), number: network.number, host, ip })
    }

    /// Gives back every address.
    pub(super) fn leave_all(&mut self, places: &Places) {
        places.values().filter_map(|place| place.address.as_ref()).for_each(|address| self.leave(address));
    }

    pub(super) fn leave(&mut self, address: &Address) {
        let network = self.all.get_mut(&address.network).filter(|network| network.number == address.number);
        if let Some(network) = network {
            network.members.remove(&address.host);
            network.free.insert(address.host);
        }
    }
}

fn not_found(network: &str) -> Refusal {
    Refusal::NotFound(ObjectKind::Network, format!("network {network} not found"))
}

/// Named volumes, and which paths of the host do not exist.
#[derive(Debug, Default)]
pub(super) struct Storage {
    volumes: BTreeMap<String, BTreeMap<String, String>>,
    /// All paths exist but these: the simulation never looks at the real host.
    pub(super) missing_paths: BTreeSet<PathBuf>,
}

impl Storage {
    /// Creates the named volumes of a container that do not exist; those that do stay as they are.
    pub(super) fn make_for(&mut self, spec: &ContainerSpec) {
        for mount in &spec.mounts {
            if let MountSource::Volume { name, labels } = &mount.source {
                self.volumes.entry(name.clone()).or_insert_with(|| labels.clone());
            }
        }
    }

    pub(super) fn check_host_paths(&self, spec: &ContainerSpec) -> Result<(), Refusal> {
        let missing = spec.mounts.iter().find_map(|mount| match &mount.source {
            MountSource::Host(path) => self.missing_paths.get(path),
            _ => None,
        });
        let Some(path) = missing else { return Ok(()) };
        let path = path.display();
        // Not `Invalid`: the directory can appear without any change of the request.
        Err(Refusal::Failed(format!("invalid mount config for type \"bind\": bind source path does not exist: {path}")))
    }

    pub(super) fn labels(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        self.volumes.get(name)
    }

    pub(super) fn remove(&mut self, name: &str) -> bool {
        self.volumes.remove(name).is_some()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.volumes.keys().cloned().collect()
    }

    pub(super) fn list(&self, instance: &str) -> Vec<VolumeSummary> {
        let ours = |labels: &BTreeMap<String, String>| labels.get(labels::INSTANCE).is_some_and(|own| own == instance);
        let volumes = self.volumes.iter().filter(|(_, labels)| ours(labels));
        volumes.map(|(name, labels)| VolumeSummary { name: name.clone(), labels: labels.clone() }).collect()
    }
}

/// The ports of the host that something listens on.
#[derive(Debug)]
pub(super) struct HostPorts {
    taken: BTreeSet<(Protocol, u16, IpAddr)>,
    /// Where the engine looks next when it is to pick a port.
    next: u16,
}

/// A port of the host that leads to one of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Binding {
    ip: IpAddr,
    host: u16,
    container: u16,
    protocol: Protocol,
}

impl std::fmt::Display for Binding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let address = std::net::SocketAddr::new(self.ip, self.host);
        write!(formatter, "{address}->{}/{}", self.container, self.protocol.as_str())
    }
}

impl HostPorts {
    /// The ports that the engine picks from. Source: the kernel's `ip_local_port_range` as the engine reads it.
    const PICKED: std::ops::RangeInclusive<u16> = 49153..=u16::MAX;

    pub(super) const fn new() -> Self {
        Self { taken: BTreeSet::new(), next: *Self::PICKED.start() }
    }

    fn is_free(&self, protocol: Protocol, port: u16, ip: IpAddr) -> bool {
        // The lowest address there is: 0.0.0.0 sorts before all others.
        let lowest = IpAddr::from([0, 0, 0, 0]);
        self.taken
            .range((protocol, port, lowest)..)
            .take_while(|(own, number, _)| (*own, *number) == (protocol, port))
            .all(|(_, _, held)| *held != ip && !held.is_unspecified() && !ip.is_unspecified())
    }

    /// Takes a port for a program of the host.
    pub(super) fn take(&mut self, protocol: Protocol, port: u16, ip: IpAddr) -> bool {
        self.is_free(protocol, port, ip) && self.taken.insert((protocol, port, ip))
    }

    /// Gives back a port that a program of the host had.
    pub(super) fn give_back(&mut self, protocol: Protocol, port: u16, ip: IpAddr) -> bool {
        self.taken.remove(&(protocol, port, ip))
    }

    fn pick(&mut self, protocol: Protocol, ip: IpAddr) -> Option<u16> {
        let from = self.next;
        let candidates = (from..=*Self::PICKED.end()).chain(*Self::PICKED.start()..from);
        let port = candidates.into_iter().find(|port| self.is_free(protocol, *port, ip))?;
        self.next = port.checked_add(1).unwrap_or(*Self::PICKED.start());
        Some(port)
    }

    /// Takes all ports of a container, or none.
    pub(super) fn publish(&mut self, endpoint: &str, ports: &[Port]) -> Result<Vec<Binding>, Refusal> {
        let mut bindings = Vec::with_capacity(ports.len());
        for Port { container, host: wanted, host_ip: ip, protocol } in ports.iter().cloned() {
            let host = wanted.or_else(|| self.pick(protocol, ip)).filter(|host| self.take(protocol, *host, ip));
            let Some(host) = host else {
                self.release(&bindings);
                let port = wanted.unwrap_or_default();
                return Err(Refusal::Failed(format!(
                    "driver failed programming external connectivity on endpoint {endpoint}: Bind for {ip}:{port} failed: port is already allocated"
                )));
            };
            bindings.push(Binding { ip, host, container, protocol });
        }
        bindings.sort_unstable();
        Ok(bindings)
    }

    pub(super) fn release(&mut self, bindings: &[Binding]) {
        for binding in bindings {
            self.taken.remove(&(binding.protocol, binding.host, binding.ip));
        }
    }
}
