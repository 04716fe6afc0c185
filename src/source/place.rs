//! Places that manifests come from, and several of them as one source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Reading, Snapshot, SourceFile};
use crate::model::Name;
use crate::model::source::SourceKind;

/// A place that manifests come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it is called. Where there are several, paths of manifests begin with the name of their place. `None`: it is the only one,
    /// and nobody named it.
    pub name: Option<Name>,
    /// What it is.
    pub kind: SourceKind,
    /// What relative paths in its manifests begin at, absolute: a directory itself, or what a repository was given.
    pub base: PathBuf,
}

/// All places of a controller in the order of precedence: of two that declare one name, the first has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places(Vec<Place>);

/// The readings of several places as one.
#[derive(Debug)]
pub struct Combined {
    parts: Vec<(Option<Name>, Option<Reading>)>,
}

impl Place {
    /// A directory without a name, as the only place.
    pub fn directory(base: PathBuf) -> Self {
        Self { name: None, kind: SourceKind::Directory, base }
    }
}

impl Places {
    /// Some places, in order of precedence. Several need names that differ.
    pub fn new(places: Vec<Place>) -> Self {
        Self(places)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Place> {
        self.0.iter()
    }

    /// Which place a manifest is from, by its path: its precedence (0 goes first), and itself. `None`: it is from none of them.
    pub fn of(&self, manifest: &str) -> Option<(usize, &Place)> {
        if let [only] = self.0.as_slice() {
            return Some((0, only));
        }
        let first = manifest.split_once('/').map(|(first, _)| first);
        self.0.iter().enumerate().find(|(_, place)| first.is_some() && place.name.as_ref().map(Name::as_str) == first)
    }

    /// A manifest's path within its place.
    pub fn within<'a>(&self, manifest: &'a str) -> &'a str {
        match (self.0.as_slice(), manifest.split_once('/')) {
            ([_], _) | (_, None) => manifest,
            (_, Some((_, rest))) => rest,
        }
    }

    /// What relative paths of a manifest begin at.
    pub fn directory_of(&self, manifest: &str) -> PathBuf {
        let base = self.of(manifest).map_or(Path::new("/"), |(_, place)| place.base.as_path());
        let path = base.join(self.within(manifest));
        path.parent().unwrap_or(base).to_owned()
    }

    /// Nothing has been read of them yet.
    pub fn combined(&self) -> Combined {
        Combined { parts: self.0.iter().map(|place| (place.name.clone(), None)).collect() }
    }
}

impl Combined {
    /// Takes the reading of one place, by its precedence. Returns what all of them say now; nothing before each has been looked at
    /// once, or what is first would come too late to have its names.
    pub fn take(&mut self, which: usize, reading: Reading) -> Option<Reading> {
        if let Some((_, part)) = self.parts.get_mut(which) {
            *part = Some(reading);
        }
        if let [(_, only)] = self.parts.as_slice() {
            return only.clone();
        }
        let mut snapshot = Snapshot::default();
        for (name, reading) in &self.parts {
            add(&mut snapshot, name.as_ref()?, reading.as_ref()?);
        }
        let is_lost = !self.parts.is_empty() && snapshot.lost.len() == self.parts.len();
        Some(if is_lost { Reading::Lost(told(&snapshot.lost)) } else { Reading::Complete(snapshot) })
    }
}

fn add(snapshot: &mut Snapshot, name: &Name, reading: &Reading) {
    match reading {
        Reading::Complete(part) => {
            let with_name = |(path, file): (&String, &SourceFile)| (format!("{name}/{path}"), file.clone());
            snapshot.files.extend(part.files.iter().map(with_name));
        }
        Reading::Lost(why) => drop(snapshot.lost.insert(name.clone(), why.clone())),
    }
}

fn told(lost: &BTreeMap<Name, String>) -> String {
    let lines: Vec<String> = lost.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn places(names: &[&str]) -> Places {
        let place = |text: &&str| Place {
            name: Some(name(text)),
            kind: SourceKind::Directory,
            base: Path::new("/srv").join(text),
        };
        Places::new(names.iter().map(place).collect())
    }

    fn files(paths: &[&str]) -> Reading {
        let file = || SourceFile::Unreadable("a test".to_owned());
        let files = paths.iter().map(|path| ((*path).to_owned(), file())).collect();
        Reading::Complete(Snapshot { files, ..Snapshot::default() })
    }

    #[test]
    fn a_single_place_is_read_as_it_is() {
        let places = Places::new(vec![Place::directory("/srv".into())]);
        assert_eq!(places.combined().take(0, files(&["a/b.yaml"])), Some(files(&["a/b.yaml"])));
        assert_eq!(places.within("a/b.yaml"), "a/b.yaml");
        assert_eq!(places.directory_of("a/b.yaml"), Path::new("/srv/a"));
    }

    #[test]
    fn paths_of_several_begin_with_their_names() {
        let places = places(&["one", "two"]);
        let mut combined = places.combined();
        assert_eq!(combined.take(1, files(&["a.yaml"])), None, "the first has not been looked at");
        let all = combined.take(0, files(&["a.yaml", "b/c.yaml"]));
        assert_eq!(all, Some(files(&["one/a.yaml", "one/b/c.yaml", "two/a.yaml"])));
        assert_eq!(places.of("two/a.yaml").map(|(rank, _)| rank), Some(1));
        assert_eq!(places.of("three/a.yaml"), None);
        assert_eq!(places.of("a.yaml"), None);
        assert_eq!(places.directory_of("one/b/c.yaml"), Path::new("/srv/one/b"));
    }

    #[test]
    fn one_that_is_lost_takes_no_other_with_it() {
        let mut combined = places(&["one", "two"]).combined();
        combined.take(0, files(&["a.yaml"]));
        let Some(Reading::Complete(snapshot)) = combined.take(1, Reading::Lost("away".to_owned())) else {
            panic!("lost altogether")
        };
        assert_eq!(snapshot.files.keys().collect::<Vec<_>>(), ["one/a.yaml"]);
        assert_eq!(snapshot.lost, BTreeMap::from([(name("two"), "away".to_owned())]));
        let all = combined.take(0, Reading::Lost("gone".to_owned()));
        assert_eq!(all, Some(Reading::Lost("one: gone; two: away".to_owned())));
    }
}
