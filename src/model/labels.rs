//! Labels on engine objects: they say whose an object is, so that memory can be lost and ownership cannot.

/// The controller instance that owns the object. On every object.
pub const INSTANCE: &str = "wharf.instance";
/// The workspace's name. On every object that belongs to one workspace.
pub const WORKSPACE: &str = "wharf.workspace";
/// The workspace's UID. On every object that belongs to one workspace.
pub const UID: &str = "wharf.uid";
/// Fingerprint of what cannot change without a new container. On containers.
pub const SPEC_HASH: &str = "wharf.spec-hash";
/// The manifest's generation when the container was created. On containers.
pub const GENERATION: &str = "wharf.generation";
/// The manifest's path relative to the source when the container was created. On containers.
pub const MANIFEST: &str = "wharf.manifest";
/// Keyed hash of the secrets that the container was created with, and which key it is of. On containers that have secrets.
pub const SECRETS: &str = "wharf.secrets";
