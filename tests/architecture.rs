//! The rules that keep the rooms apart, as one table, and the tests that hold the sources to it.

#[path = "architecture/manifest.rs"]
mod manifest;
#[path = "architecture/paths.rs"]
mod paths;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/shape.rs"]
mod shape;
#[path = "architecture/sources.rs"]
mod sources;
#[path = "architecture/tokens.rs"]
mod tokens;

use std::path::Path;

use crate::sources::{Crate, SourceFile};

/// A folder of `src/`, and what its code may name besides itself, std and [`EVERYWHERE`]. Unit tests may name anything.
struct Room {
    path: &'static str,
    /// Other rooms, all of them above this one in the table: so there is no cycle.
    rooms: &'static [&'static str],
    /// Crates, besides those that belong to it by [`FENCES`].
    crates: &'static [&'static str],
    /// No runtime, clock, randomness, files, processes or logs: equal arguments give equal results.
    pure: bool,
    /// Items of its rooms that it may not name all the same.
    except: &'static [&'static str],
}

const ROOMS: &[Room] = &[
    Room { path: "model", rooms: &[], crates: &["schemars", "sha2", "strsim", "ulid"], pure: true, except: &[] },
    Room { path: "yaml", rooms: &[], crates: &[], pure: true, except: &[] },
    Room { path: "manifest", rooms: &["model", "yaml"], crates: &["schemars", "strsim"], pure: true, except: &[] },
    Room { path: "engine", rooms: &["model"], crates: &["futures_util", "secrecy"], pure: false, except: &[] },
    Room {
        path: "plan",
        rooms: &["model", "engine"],
        crates: &[],
        pure: true,
        // The engine's data, never the engine.
        except: &["engine::Engine"],
    },
    Room {
        path: "policy",
        rooms: &["model", "engine"],
        crates: &[],
        pure: true,
        // The engine's data, never the engine.
        except: &["engine::Engine"],
    },
    Room {
        path: "engine/docker",
        rooms: &["model", "engine"],
        crates: &["futures_util", "http_body_util", "hyper", "hyper_util", "secrecy", "tokio", "tracing"],
        pure: false,
        except: &[],
    },
    Room {
        path: "engine/simulated",
        rooms: &["model", "engine"],
        crates: &["futures_util", "tokio"],
        pure: false,
        except: &[],
    },
    Room {
        path: "disk",
        rooms: &["model"],
        crates: &["rustix", "secrecy", "tempfile", "tokio"],
        pure: false,
        except: &[],
    },
    Room {
        path: "secrets",
        // What containers are made of, never the engine.
        rooms: &["model", "engine", "disk"],
        crates: &["hmac", "rustix", "secrecy", "sha2", "tracing"],
        pure: false,
        except: &["engine::Engine"],
    },
    Room {
        path: "source",
        rooms: &["model", "manifest", "disk"],
        crates: &["rustix", "tokio", "tracing"],
        pure: false,
        except: &[],
    },
    Room {
        path: "source/git",
        rooms: &["model", "manifest", "disk", "source"],
        crates: &["rustix", "tokio", "tracing"],
        pure: false,
        except: &[],
    },
    Room {
        path: "store",
        rooms: &["model", "disk"],
        crates: &["tempfile", "tokio", "tracing"],
        pure: false,
        except: &[],
    },
    Room {
        path: "monitor",
        // Generic over the engine, which it asks where files cannot be read.
        rooms: &["model", "engine"],
        crates: &["futures_util", "rustix", "tokio", "tokio_util", "tracing"],
        pure: false,
        except: &[],
    },
    Room {
        path: "metrics",
        rooms: &["model", "store"],
        crates: &["tokio", "tokio_util", "tracing"],
        pure: false,
        except: &[],
    },
    Room { path: "status_file", rooms: &["model", "yaml", "disk"], crates: &[], pure: false, except: &[] },
    Room {
        path: "witness",
        rooms: &["model", "engine", "disk", "store"],
        crates: &["futures_util"],
        pure: false,
        except: &[],
    },
    Room { path: "events", rooms: &["model"], crates: &["tokio", "tracing"], pure: false, except: &[] },
    Room {
        path: "webhook",
        rooms: &["model", "yaml", "manifest", "disk", "events"],
        crates: &["hmac", "secrecy", "sha2", "tokio", "tokio_util", "tracing", "ulid"],
        pure: false,
        except: &[],
    },
    Room { path: "push", rooms: &[], crates: &["hmac", "secrecy", "sha2", "subtle"], pure: true, except: &[] },
    Room { path: "audit", rooms: &["model"], crates: &["tracing"], pure: false, except: &[] },
    Room { path: "tracker", rooms: &["model"], crates: &["tokio"], pure: false, except: &[] },
    Room { path: "telemetry", rooms: &["model", "tracker"], crates: &["rustix"], pure: false, except: &[] },
    Room { path: "supervisor", rooms: &[], crates: &["tokio", "tokio_util", "tracing"], pure: false, except: &[] },
    Room {
        path: "api",
        // What it needs of a controller is a trait of its own: so it knows neither the store nor the engine.
        rooms: &["model", "push"],
        crates: &[
            "futures_util",
            "http_body_util",
            "hyper",
            "hyper_util",
            "rustix",
            "schemars",
            "secrecy",
            "subtle",
            "tokio",
            "tokio_util",
            "tracing",
        ],
        pure: false,
        except: &[],
    },
    Room {
        path: "batch",
        rooms: &["model", "store"],
        crates: &["futures_util", "tokio", "tokio_util", "tracing", "ulid"],
        pure: false,
        except: &[],
    },
    Room {
        path: "controller",
        // Generic over the engine: which one it is, `cli` decides.
        rooms: &[
            "model",
            "manifest",
            "engine",
            "plan",
            "policy",
            "disk",
            "secrets",
            "source",
            "store",
            "status_file",
            "events",
            "audit",
            "tracker",
        ],
        crates: &["futures_util", "tempfile", "tokio", "tokio_util", "tracing", "ulid"],
        pure: false,
        except: &[],
    },
    Room {
        path: "daemon",
        // Fills the traits of the rooms around the controller; generic over the engine.
        rooms: &[
            "model",
            "engine",
            "source",
            "source/git",
            "store",
            "monitor",
            "metrics",
            "status_file",
            "events",
            "push",
            "audit",
            "tracker",
            "supervisor",
            "webhook",
            "telemetry",
            "api",
            "batch",
            "controller",
        ],
        crates: &["futures_util", "secrecy", "tokio", "tokio_util", "tracing", "ulid"],
        pure: false,
        except: &[],
    },
    Room {
        path: "cli",
        rooms: &[
            "model",
            "yaml",
            "manifest",
            "engine",
            "plan",
            "policy",
            "engine/docker",
            "engine/simulated",
            "disk",
            "secrets",
            "source",
            "source/git",
            "push",
            "store",
            "status_file",
            "events",
            "audit",
            "tracker",
            "api",
            "monitor",
            "metrics",
            "webhook",
            "daemon",
            "controller",
            "witness",
        ],
        crates: &["futures_util", "indicatif", "rustix", "schemars", "tempfile", "tokio", "tokio_util", "tracing"],
        pure: false,
        except: &[],
    },
];

/// Crates that every room may name.
const EVERYWHERE: &[&str] = &["jiff", "serde", "serde_json", "thiserror"];

/// Crates that one place alone may name, so that another can replace them there.
const FENCES: &[(&str, &str)] = &[
    ("axum", "src/api/"),
    ("backoff", "src/controller/backoff.rs"),
    ("bollard", "src/engine/docker/"),
    ("clap", "src/cli/"),
    ("clap_complete", "src/cli/"),
    ("clap_mangen", "src/cli/"),
    ("comfy_table", "src/cli/"),
    ("notify", "src/source/"),
    ("ratatui", "src/cli/top/"),
    ("reqwest", "src/webhook/"),
    ("saphyr_parser", "src/yaml/"),
    ("serde_yaml", "src/yaml/"),
    ("sled", "src/store/"),
    ("tower", "src/api/"),
    ("tower_http", "src/api/"),
    ("tracing_subscriber", "src/cli/"),
];

/// What a pure room may not name.
const IMPURE: &[&str] = &[
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "std::env",
    "std::fs",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "ulid::Ulid::generate",
    "ulid::Ulid::new",
];

/// Macros that may stand nowhere.
const UNFINISHED: &[&str] = &["dbg", "todo", "unimplemented"];

/// Macros that write where `cli` alone decides what is written.
const PRINTING: &[&str] = &["eprint", "eprintln", "print", "println"];

/// Lines of a file, without its unit tests.
const LONGEST_FILE: usize = 500;

/// Lines of a function, from `fn` to its closing brace.
const LONGEST_FUNCTION: usize = 70;

/// Crates that the project has decided for.
const FIXED: &[&str] = &[
    "backoff",
    "bollard",
    "notify",
    "schemars",
    "serde_yaml",
    "sled",
    "tokio",
    "tokio_util",
    "tracing",
    "tracing_subscriber",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read_crate() -> Crate {
    Crate::read(root())
}

/// Fails with all violations at once, each on a line that begins with its place.
#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn the_table_has_every_room_once_and_no_cycle() {
    assert_none(&rules::table(&read_crate()));
}

#[test]
fn rooms_name_only_what_the_table_allows() {
    let all = read_crate();
    assert_none(&all.files.iter().flat_map(|file| rules::imports(file, &all)).collect::<Vec<_>>());
}

#[test]
fn files_and_functions_stay_short() {
    assert_none(&read_crate().files.iter().flat_map(rules::lengths).collect::<Vec<_>>());
}

#[test]
fn nothing_is_unfinished_and_only_the_command_line_prints() {
    let folders = ["src", "tests", "benches", "examples"];
    let files = folders.iter().flat_map(|folder| sources::rust_files(root(), folder));
    assert_none(&files.flat_map(|(path, text)| rules::macros(&path, &text)).collect::<Vec<_>>());
}

#[test]
fn every_dependency_has_its_reason_and_is_used() {
    let all = read_crate();
    let used =
        all.files.iter().flat_map(|file| file.mentions.iter()).filter_map(|mention| mention.path.first().cloned());
    let cargo_toml = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml is readable");
    assert_none(&rules::dependencies(&cargo_toml, &used.collect()));
}

/// What the rules say about one file of a crate whose only other module is the folder's.
fn judge(path: &str, text: &str) -> Vec<String> {
    let all = Crate::of(&[(path, text)], &["backoff", "bollard", "tokio", "serde_yaml", "schemars", "tracing", "jiff"]);
    all.files.iter().flat_map(|file| rules::imports(file, &all)).collect()
}

#[test]
fn the_checker_sees_forbidden_rooms_in_every_form() {
    let forms = [
        "use crate::controller::Queue;",
        "use crate::{controller::Queue, model::Name};",
        "use crate::{\n  model::{Name, Uid},\n  controller::{self, Queue},\n};",
        "use crate::controller as driver;",
        "use super::controller::*;",
        "pub use super::{controller};",
        "fn f() { let q = crate::controller::Queue::new(); }",
        "fn f(q: &super::controller::Queue) {}",
        "use crate as wharf; fn f() { wharf::controller::run(); }",
        "mod inner { use super::super::controller::Queue; }",
        "fn f() { info!(\"{}\", crate::controller::NAME); }",
    ];
    for form in forms {
        let found = judge("src/plan/mod.rs", form);
        assert!(
            found.iter().any(|text| text.contains("`plan` may not use the room `controller`")),
            "{form}: {found:?}"
        );
    }
}

#[test]
fn the_checker_is_blind_to_comments_strings_tests_and_what_is_allowed() {
    let fine = [
        "// use crate::controller::Queue;",
        "/* crate::controller::x /* nested */ bollard::Docker */",
        "/// See [`crate::controller::Queue`].\nfn f() {}",
        "const TEXT: &str = \"crate::controller::x \\\" bollard::y\";",
        "const TEXT: &str = r#\"crate::controller::x\" bollard::y\"#;",
        "const C: char = '\"'; fn f<'a>(x: &'a str) -> char { '\\'' }",
        "use crate::model::{Name, Uid};",
        "use crate::engine::{ContainerSpec, Mount};",
        "use super::model::Name;",
        "mod inner { use super::super::model::Name; use super::helper; }",
        "#[cfg(test)]\nmod tests { use super::*; use crate::controller::Queue; use tokio::time; }",
        "fn f() { self.tokio.x(); thing::tokio::x(); }",
    ];
    for text in fine {
        assert_none(&judge("src/plan/mod.rs", text));
    }
}

#[test]
fn the_checker_sees_fenced_and_foreign_crates() {
    let place = "src/controller/worker.rs";
    assert_eq!(
        judge(place, "\nuse bollard::Docker;"),
        ["src/controller/worker.rs:2: the crate `bollard` belongs to src/engine/docker/ alone (FENCES)"]
    );
    assert_eq!(
        judge(place, "fn f() { ::schemars::schema_for!(X); }"),
        [
            "src/controller/worker.rs:1: `controller` may not use the crate `schemars`; it may use: futures_util, tempfile, \
          tokio, tokio_util, tracing, ulid, jiff, serde, serde_json, thiserror (ROOMS)"
        ]
    );
    assert_eq!(judge("src/manifest/mod.rs", "use tokio::fs;").len(), 1);
    assert_eq!(judge("src/engine/docker/send.rs", "use bollard::Docker; use tokio::time;"), [""; 0]);
    assert_eq!(judge("src/controller/backoff.rs", "use backoff::backoff::Backoff;"), [""; 0]);
}

#[test]
fn the_checker_tells_an_own_module_from_a_crate_of_the_same_name() {
    let cargo = ["backoff", "tokio"];
    let backoff = ("src/controller/backoff.rs", "pub struct Delays;");
    let module = ("src/controller/mod.rs", "mod backoff; use backoff::Delays; fn f() -> backoff::Delays {}");
    let sibling = ("src/controller/worker.rs", "use super::backoff; fn f() -> backoff::Delays {}");
    let all = Crate::of(&[backoff, module, sibling], &cargo);
    assert_none(&all.files.iter().flat_map(|file| rules::imports(file, &all)).collect::<Vec<_>>());
}

#[test]
fn the_checker_sees_the_engine_behind_its_data_and_the_world_in_pure_rooms() {
    let trait_in_plan = judge("src/plan/mod.rs", "use crate::engine::{ContainerSpec, Engine};");
    assert_eq!(trait_in_plan, ["src/plan/mod.rs:1: `plan` may not name `engine::Engine` (ROOMS, except)"]);
    let clock = judge("src/plan/mod.rs", "use std::time::{Duration, Instant};\nfn f() { std::fs::read(x); }");
    assert_eq!(clock.len(), 2, "{clock:?}");
    let now = judge("src/model/time.rs", "use jiff::Timestamp; fn f() { Timestamp::now() }");
    assert_eq!(now, ["src/model/time.rs:1: `model` is pure and may not name `jiff::Timestamp::now` (IMPURE)"]);
}

#[test]
fn the_checker_keeps_docker_out_of_the_engine_and_the_controller() {
    assert_eq!(judge("src/engine/mod.rs", "pub mod docker; pub mod simulated;"), [""; 0]);
    for (path, text) in [
        ("src/engine/mod.rs", "pub use crate::engine::docker::Docker;"),
        ("src/controller/mod.rs", "use crate::engine::{Engine, docker::Docker};"),
        ("src/controller/mod.rs", "use crate::engine::simulated::Simulated;"),
    ] {
        assert_eq!(judge(path, text).len(), 1, "{path}: {text}");
    }
}

#[test]
fn the_checker_measures_functions_and_files_without_tests() {
    let body = "    x();\n".repeat(LONGEST_FUNCTION - 2);
    let fits = format!("fn fits(\n) {{\n{}}}\n", &body[..body.len() - 9]);
    assert_none(&rules::lengths(&SourceFile::of("src/plan/a.rs", &fits)));
    let long = format!("// A comment.\nfn long() {{\n    x();\n{body}}}\n");
    assert_eq!(
        rules::lengths(&SourceFile::of("src/plan/a.rs", &long)),
        ["src/plan/a.rs:2: the function `long` has 71 lines; at most 70 (LONGEST_FUNCTION)"]
    );
    let (code, tests) = ("const X: u8 = 1;\n".repeat(LONGEST_FILE), "fn t() {}\n".repeat(100));
    let full = format!("{code}#[cfg(test)]\nmod tests {{\n{tests}}}\n");
    assert_none(&rules::lengths(&SourceFile::of("src/plan/a.rs", &full)));
    let over = format!("{code}// One more.\n");
    assert_eq!(
        rules::lengths(&SourceFile::of("src/plan/a.rs", &over)),
        ["src/plan/a.rs: 501 lines without unit tests; at most 500 (LONGEST_FILE)"]
    );
}

#[test]
fn the_checker_sees_unfinished_and_printing_macros() {
    let text = "fn f() {\n  todo!();\n  println!(\"todo!()\");\n}";
    assert_eq!(
        rules::macros("src/plan/a.rs", text),
        [
            "src/plan/a.rs:2: `todo!` may stand nowhere (UNFINISHED)",
            "src/plan/a.rs:3: `println!` is for src/cli/ and src/main.rs; elsewhere use tracing (PRINTING)"
        ]
    );
    assert_eq!(rules::macros("tests/a.rs", "fn f() { println!(); }"), [""; 0]);
}

#[test]
fn the_checker_wants_a_reason_for_each_dependency() {
    let text = "[dependencies]\n# Reads.\none = \"1\"\ntwo = \"1\"\nthree = \"1\" # Writes.\n# One word: four_four.\nfive = \"1\"\n\
                four-four = \"1\"\n\n[dev-dependencies]\nsix = \"1\"\n";
    let used = ["one", "three", "four_four", "five"].map(str::to_owned).into();
    let found = rules::dependencies(text, &used);
    let about = |name: &str| found.iter().filter(|line| line.contains(&format!("`{name}`"))).count();
    assert_eq!(["one", "two", "three", "four-four", "five", "six"].map(about), [0, 2, 0, 0, 0, 1], "{found:?}");
    assert_eq!(about("tokio"), 1, "a fixed crate that is missing: {found:?}");
}
