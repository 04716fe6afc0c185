//! The rules. Each returns its violations as text: the place, what is wrong, and the name of the rule's table.

use std::collections::BTreeSet;

use crate::sources::{Crate, SourceFile};
use crate::{EVERYWHERE, FENCES, FIXED, IMPURE, LONGEST_FILE, LONGEST_FUNCTION, PRINTING, ROOMS, Room, UNFINISHED};

/// The table against itself and against the folders there are.
pub fn table(all: &Crate) -> Vec<String> {
    let mut found = Vec::new();
    for (at, room) in ROOMS.iter().enumerate() {
        let above: Vec<_> = ROOMS[..at].iter().map(|room| room.path).collect();
        for used in room.rooms.iter().filter(|used| !above.contains(used)) {
            found.push(format!("ROOMS: `{}` uses `{used}`, which is not above it", room.path));
        }
        if above.contains(&room.path) {
            found.push(format!("ROOMS: `{}` is there twice", room.path));
        }
        if !all.files.iter().any(|file| file.module.join("/") == room.path) {
            found.push(format!("ROOMS: there is no src/{}/mod.rs", room.path));
        }
    }
    let homeless = all.files.iter().filter(|file| !file.module.is_empty() && room_of(&file.module).is_none());
    found.extend(homeless.map(|file| format!("{}: in no room; add it to ROOMS", file.path)));
    found
}

/// The innermost room that a module or an item is in.
fn room_of(path: &[String]) -> Option<&'static Room> {
    let inside = |room: &&Room| {
        let segments: Vec<_> = room.path.split('/').collect();
        path.len() >= segments.len() && segments.iter().zip(path).all(|(room, own)| room == own)
    };
    ROOMS.iter().filter(inside).max_by_key(|room| room.path.len())
}

/// What a file names against what its room may name. The roots of the library and the program may name anything.
pub fn imports(file: &SourceFile, all: &Crate) -> Vec<String> {
    let Some(room) = room_of(&file.module) else { return Vec::new() };
    let mut found = BTreeSet::new();
    for mention in &file.mentions {
        let violation = match mention.path.split_first() {
            Some((first, rest)) if first == "crate" => own_path(room, rest),
            Some((first, _)) if all.dependencies.contains(first) => foreign_crate(room, &file.path, first),
            _ => None,
        };
        let violation = violation.or_else(|| impurity(room, &mention.path));
        found.extend(violation.map(|text| (mention.line, text)));
    }
    found.into_iter().map(|(line, text)| format!("{}:{line}: {text}", file.path)).collect()
}

fn own_path(room: &Room, path: &[String]) -> Option<String> {
    // The root itself holds nothing but the rooms, so its name alone says nothing yet.
    let first = path.first()?;
    let Some(used) = room_of(path) else {
        return Some(format!("`crate::{first}` is in no room; add it to ROOMS"));
    };
    if used.path != room.path && !room.rooms.contains(&used.path) {
        let allowed = if room.rooms.is_empty() { "none".to_owned() } else { room.rooms.join(", ") };
        return Some(format!("`{}` may not use the room `{}`; it may use: {allowed} (ROOMS)", room.path, used.path));
    }
    let denied = room.except.iter().find(|item| begins_with(path, item))?;
    Some(format!("`{}` may not name `{denied}` (ROOMS, except)", room.path))
}

fn foreign_crate(room: &Room, file: &str, name: &str) -> Option<String> {
    if let Some((_, place)) = FENCES.iter().find(|(fenced, _)| *fenced == name) {
        return (!file.starts_with(place)).then(|| format!("the crate `{name}` belongs to {place} alone (FENCES)"));
    }
    let allowed = [room.crates, EVERYWHERE].concat();
    (!allowed.contains(&name)).then(|| {
        let allowed = allowed.join(", ");
        format!("`{}` may not use the crate `{name}`; it may use: {allowed} (ROOMS)", room.path)
    })
}

fn impurity(room: &Room, path: &[String]) -> Option<String> {
    let denied = IMPURE.iter().filter(|_| room.pure).find(|item| begins_with(path, item))?;
    Some(format!("`{}` is pure and may not name `{denied}` (IMPURE)", room.path))
}

fn begins_with(path: &[String], item: &str) -> bool {
    item.split("::").enumerate().all(|(at, segment)| path.get(at).is_some_and(|own| own == segment))
}

/// Lengths of a file and its functions.
pub fn lengths(file: &SourceFile) -> Vec<String> {
    let long = file.functions.iter().filter(|(_, _, lines)| *lines > LONGEST_FUNCTION);
    let mut found: Vec<_> = long
        .map(|(name, line, lines)| {
            let limit = format!("at most {LONGEST_FUNCTION} (LONGEST_FUNCTION)");
            format!("{}:{line}: the function `{name}` has {lines} lines; {limit}", file.path)
        })
        .collect();
    if file.lines > LONGEST_FILE {
        let limit = format!("at most {LONGEST_FILE} (LONGEST_FILE)");
        found.push(format!("{}: {} lines without unit tests; {limit}", file.path, file.lines));
    }
    found
}

/// Macros that may not stand in the file at `path`.
pub fn macros(path: &str, text: &str) -> Vec<String> {
    let may_print = !path.starts_with("src/") || path.starts_with("src/cli/") || path == "src/main.rs";
    let tokens = crate::tokens::tokens(text);
    let violation = |call: &crate::tokens::Token<'_>| {
        let (line, name) = (call.line, call.text);
        if UNFINISHED.contains(&name) {
            return Some(format!("{path}:{line}: `{name}!` may stand nowhere (UNFINISHED)"));
        }
        let prints = PRINTING.contains(&name) && !may_print;
        let place = "src/cli/ and src/main.rs; elsewhere use tracing (PRINTING)";
        prints.then(|| format!("{path}:{line}: `{name}!` is for {place}"))
    };
    crate::shape::macros(&tokens).iter().filter_map(violation).collect()
}

/// Dependencies without a reason, those that no code names, and fixed crates that are missing.
pub fn dependencies(cargo_toml: &str, used: &BTreeSet<String>) -> Vec<String> {
    let declared = crate::manifest::dependencies(cargo_toml);
    let mut found = Vec::new();
    for dependency in &declared {
        let (line, name) = (dependency.line, &dependency.name);
        if !dependency.explained {
            found.push(format!("Cargo.toml:{line}: `{name}` has no comment that says what it is for"));
        }
        if dependency.normal && !used.contains(&dependency.code_name()) {
            found.push(format!("Cargo.toml:{line}: no code names `{name}`; remove it"));
        }
    }
    let missing = FIXED.iter().filter(|name| !declared.iter().any(|found| found.code_name() == **name));
    found.extend(missing.map(|name| format!("Cargo.toml: the fixed crate `{name}` is missing (FIXED)")));
    found
}
