//! Wharf keeps container workspaces as their manifests declare them, on a plain Docker engine.
//!
//! This page is for people who change Wharf or embed it. What users rely on is in the README and in
//! `wharf explain`; `examples/embed.rs` runs a controller inside another program.
//!
//! # Three truths
//!
//! | truth | lives in | rule |
//! |---|---|---|
//! | intent | manifests | only people change it |
//! | reality | the engine | looked at, never assumed; labels say whose an object is |
//! | memory | the store | losing it loses history, never a workspace |
//!
//! Nothing is deleted because something could not be *read*. What is to be destroyed is recorded first, durably.
//!
//! # The way of the data
//!
//! ```text
//!                       a file changes                         something happens to a container
//!                             │                                              │
//!   source      hint ──► scan: a complete snapshot               engine   event ──► "look at this workspace"
//!                             │                                              │
//!   manifest    bytes ──► workspace, or what is wrong with it                │        a timer, a list that differs,
//!                             │                                              │        another workspace becomes Ready
//!                             ▼                                              ▼                    │
//!   controller  intake: declared, refused, missing ──► keys ──►  queue: one key at a time ◄───────┘
//!                 │     └─ guard: may these be deleted?                      │
//!                 ▼                                                          ▼
//!   store       generation, deletion: recorded first             pass: look at the engine, once, into an owned snapshot
//!                                                                            │
//!   plan        situation ─────────────────────────────────────► steps, each with its cause          (pure)
//!                                                                            │
//!   controller  executor: carries the steps out in order, stops at the first failure, decides nothing
//!                                                                            │
//!   engine      one call a step                                              ▼
//!                                                                look again at what was touched
//!                                                                            │
//!   plan        view ──────────────────────────────────────────► status      (pure)
//!                                                                            │
//!   status_file written whole, and only if it says something new ◄───────────┘
//! ```
//!
//! Triggers carry identity, never state: a file change, an event, a timer and a command all do the same thing, which is to
//! add a key to the queue. So there is one path to get right, and losing a trigger costs time, never correctness.
//!
//! # The rooms
//!
//! Each folder of `src/` is a room with one idea in it; imports point down this list and never up. `tests/architecture.rs` holds the
//! sources to it, down to which crate may be named where: each of the crates that could be replaced is named in one room.
//!
//! | room | owns | only here |
//! |---|---|---|
//! | [`model`] | manifest, status, names, quantities, hashes: validated types; their docs are the users' docs | schemars |
//! | [`yaml`] | text to nodes with places, and back | `serde_yaml`, `saphyr_parser` |
//! | [`manifest`] | bytes to workspaces or to everything that is wrong; schemas and explanations. Pure | |
//! | [`engine`] | the narrow trait an engine has to fill, its errors, its snapshots | |
//! | [`plan`] | situation → steps, view → status, guard, cycles, invariants. Pure: no runtime, clock, chance, files, logs | |
//! | [`policy`] | what manifests may ask for: compiled container → admitted, or what is denied. Pure | |
//! | [`engine::docker`] | the Docker engine; building a request is apart from sending it | bollard |
//! | [`engine::simulated`] | a deterministic engine with faults, in virtual time | |
//! | [`disk`] | what is asked of a file system: the machine's, or a simulated one | |
//! | [`secrets`] | where secrets are, how they reach a container, how a change of them is noticed | |
//! | [`source`] | complete snapshots of a directory, and when to take the next | notify |
//! | [`source::git`] | the same of a commit in a git repository, through the git program | |
//! | [`store`] | what is remembered between runs; the lock of the state directory | sled |
//! | [`status_file`] | whole, atomic, only when changed | |
//! | [`witness`] | decorators that see every effect on engine, disk and store before and after it: for simulation and crash points | |
//! | [`monitor`] | what running workspaces use: cgroup files, or the engine; rates and thresholds, pure | |
//! | [`metrics`] | its history in tiers, and what that says | |
//! | [`events`] | news, spread to subscribers that may be slow or panic | |
//! | [`push`] | what forges post when somebody pushed: who signed it, and what it asks for. Pure | |
//! | [`audit`] | who asked for what, what was admitted and done: lines in a file that nobody waits for | |
//! | [`tracker`] | the live state of every workspace and source for readers, and what the controller's own work comes to | |
//! | [`webhook`] | events brought to others: signed, in order, again and again | reqwest |
//! | [`telemetry`] | all of that as a page for Prometheus | |
//! | [`supervisor`] | what the service manager is told | |
//! | [`api`] | the control API and its client; what it needs of a controller is a trait of its own | axum |
//! | [`batch`] | one request for many workspaces, item by item, through crashes | |
//! | [`controller`] | the queue, the passes, the executor; generic over the engine | backoff |
//! | [`daemon`] | one running Wharf: fills the traits of the rooms around the controller, decides nothing | |
//! | [`cli`] | one file a command, one printer | clap |
//!
//! # How it is known to hold
//!
//! Everything that has an effect goes through three narrow traits: [`engine::Engine`], [`disk::Disk`] and [`store::Medium`]. So the whole controller
//! runs on simulated ones, in virtual time, and a judge looks at every effect (`tests/simulation`); the same boundaries end the real process in
//! builds with the feature `crash-points` (`tests/crash_points`). [`promises`] states each promise and names the tests that show it.
//!
//! # Decisions worth knowing
//!
//! - **Two containers, one runs.** A change that needs a new container creates it beside the old one (`wharf-api.next`), stops the
//!   old, starts the new, removes the old and takes over the name. So a workspace has at most two containers, of which at most one
//!   runs. If the new one does not start, the old one runs again until the next attempt; after `recovery.maxRetries` attempts
//!   it stays until the manifest changes. Every crash in between is a situation that the next plan continues from.
//! - **Limits are not part of the spec hash.** `cpu`, `memory` and `pids` are compared with what is in force and changed in place;
//!   everything else in the compiled container is hashed into a label, and a difference means a new container.
//! - **An idle resync is one list.** A list does not show limits, so they would stay changed if the engine's event about them was lost.
//!   Every ten minutes (`--audit`) each container is therefore inspected although nothing says that it changed.
//! - **Deaths spend a budget, failed calls do not.** A container that ends or is unhealthy is restarted at most
//!   `recovery.maxRetries` times within `recovery.window`. A call that fails is retried for ever, at most `recovery.backoff.max` apart,
//!   because a registry or a disk may come back; one that the engine refuses as such waits for the manifest to change.
//! - **A pass ends when what it is for has changed**, after the action it is at. A manifest that is back must not find its container removed.
//! - **A UID and a generation are durable before they are told.** What cannot be stored is stored when that is possible again; status files and labels
//!   tell the rest when the store is lost.
//! - **A health check that is never run counts as failed** once it is long overdue: engines before Docker 23 forget about it when they restart
//!   with `live-restore`.
//! - **A restart is known by the run that it ends.** It is noted by a look that began after the request was recorded, and it has come about when another run is on; so it is
//!   neither lost nor done twice, whatever is interrupted.
//! - **A source that was moved is told so in the source**: `.wharf-instance` counts only at the path it was written for, so that the store can be lost, and a copy of the source is
//!   no second controller of the same containers.
//! - **History has a database of its own.** It is a hundred times as large as the records, which are copied to be looked at; losing it loses history only.
//! - **Readers never wait.** What the controller tells a status file it tells the tracker at the same moment, and the API answers from there: also while the engine hangs.
//! - **Comparisons that find nothing are told, not stored**, or a controller at rest would write.
//! - **Several sources are one snapshot.** Each place is followed by itself; what they say is put together under their names before the controller sees it, with the names of those
//!   that cannot be read. So there is one path whatever manifests come from, and precedence is a rule of taking in, not of reading.
//! - **Policies judge what is compiled**, not what is written: when a manifest is read (as it is written), at each pass (where its paths lead to), and right before a creation or a
//!   start. What was admitted once goes on, as it does when a manifest becomes invalid: a mistake in a policy must not end everybody's work.
//! - **A repository is never checked out.** Blobs are read from the object store by the ID of a commit, so there is nothing that could be half-written, and no hook or filter to run.
//! - **Times in a status are absolute.** "Running for 2h" is wrong a minute later, and would make an idle controller write.
//! - **Volumes are joined by a dot** (`wharf-api.cache`): with a dash, volume `b-c` of workspace `a` and volume `c` of workspace
//!   `a-b` would be one volume. Names of networks are made likewise.
//! - **A confirmed prune is a file** in the state directory, so that it works whether or not a controller runs and survives until one
//!   has acted on it.
//! - **Compatibility of the hash.** A new field of [`engine::ContainerSpec`] changes every hash, and so would replace every container at
//!   an upgrade: such a field is left out of the serialised form while it has its default.

pub mod api;
pub mod audit;
pub mod batch;
pub mod cli;
pub mod controller;
pub mod daemon;
pub mod disk;
pub mod engine;
pub mod events;
pub mod manifest;
pub mod metrics;
pub mod model;
pub mod monitor;
pub mod plan;
pub mod policy;
pub mod push;
pub mod secrets;
pub mod source;
pub mod status_file;
pub mod store;
pub mod supervisor;
pub mod telemetry;
pub mod tracker;
pub mod webhook;
pub mod witness;
pub mod yaml;

#[doc = include_str!("promises.md")]
pub mod promises {}
