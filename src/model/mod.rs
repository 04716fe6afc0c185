//! The nouns: manifest, status, names, quantities, hashes. Validated types that every other room speaks.
//!
//! Nothing here acts, reads a clock or a file. The documentation of the fields is the documentation users see.

pub mod batch;
pub mod configuration;
pub mod event;
pub mod hash;
pub mod labels;
pub mod metrics;
pub mod name;
pub mod nearest;
pub mod period;
pub mod policy;
pub mod quantity;
pub mod random;
pub mod reference;
pub mod schema;
pub mod selector;
pub mod source;
pub mod spec;
pub mod statistics;
pub mod status;
mod text;
pub mod time;
pub mod webhook;

pub use event::EventRecord;
pub use name::{Instance, Name, Uid};
pub use spec::{Workspace, WorkspaceSpec};
pub use status::WorkspaceStatus;

/// Checks a scalar against a `format` of the generated schemas.
///
/// `None`: the format is not one of ours. `Some(Err)`: the message says what is wrong and what would be right.
pub fn check_format(format: &str, text: &str) -> Option<Result<(), String>> {
    fn parsed<T: std::str::FromStr<Err: ToString>>(text: &str) -> Result<(), String> {
        text.parse::<T>().map(drop).map_err(|error| error.to_string())
    }
    Some(match format {
        "name" => parsed::<Name>(text),
        "duration" => parsed::<period::Period>(text),
        "cpu-quantity" => parsed::<quantity::Cpu>(text),
        "memory-quantity" => parsed::<quantity::Memory>(text),
        "image-reference" => parsed::<reference::ImageReference>(text),
        "absolute-path" => parsed::<reference::AbsolutePath>(text),
        "level" => parsed::<spec::Level>(text),
        "secret-key" => parsed::<spec::SecretKey>(text),
        "file-mode" => parsed::<spec::FileMode>(text),
        "capability" => parsed::<reference::Capability>(text),
        "ip-address" => text.parse::<std::net::IpAddr>().map(drop).map_err(|_| {
            format!("`{}` is not an IP address: use one such as `127.0.0.1` or `::1`", text.escape_debug())
        }),
        "env-name" => env_name(text),
        "name-pattern" => parsed::<policy::Glob>(text),
        "image-pattern" => parsed::<policy::ImagePattern>(text),
        "path-pattern" => parsed::<policy::PathPattern>(text),
        "number-range" => parsed::<policy::NumberRange>(text),
        "address-range" => parsed::<policy::AddressRange>(text),
        "label-selector" => parsed::<policy::SelectorText>(text),
        "socket-address" => text.parse::<std::net::SocketAddr>().map(drop).map_err(|_| {
            format!("`{}` is not an address and a port: use one such as `127.0.0.1:7777`", text.escape_debug())
        }),
        "repository-url" => parsed::<configuration::RepositoryUrl>(text),
        "reference-name" => parsed::<configuration::ReferenceName>(text),
        "commit-id" => parsed::<configuration::CommitId>(text),
        "repository-path" => parsed::<configuration::RepositoryPath>(text),
        _ => return None,
    })
}

/// POSIX leaves names of variables wide open; `=` and NUL are what the kernel cannot carry, and blanks are mistakes.
fn env_name(text: &str) -> Result<(), String> {
    let refused = |c: char| c == '=' || c.is_control() || c.is_whitespace();
    if text.is_empty() || text.contains(refused) {
        // What is not a name is not quoted: `NAME=value` in the place of a name would show the value.
        return Err("not a name for a variable: use letters, digits and `_`, such as `RUST_LOG`".to_owned());
    }
    Ok(())
}
