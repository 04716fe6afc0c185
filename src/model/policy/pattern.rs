//! Patterns of names, images and paths. Letter case counts, but for the host of a registry, where it means nothing.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use crate::model::reference::ImageReference;
use crate::model::text::textual;

/// A name in which `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

/// Images: a repository in which `*` stands for any characters but `/` and `**` for one or more parts, and perhaps a tag or digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePattern {
    text: String,
    repository: Vec<String>,
    tag: Option<String>,
    digest: Option<String>,
}

/// An absolute path in which `*` stands for any characters but `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    parts: Vec<String>,
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPattern {
    /// Not a pattern of names.
    #[error("`{0}` is not a name or a pattern of names: use one such as `web` or `team-*`")]
    Name(String),
    /// Not a pattern of images.
    #[error(
        "`{0}` is not a pattern of images: use one such as `ghcr.io/acme/**` or `debian:12*`, where `**` stands alone between slashes"
    )]
    Image(String),
    /// Not a pattern of paths.
    #[error("`{0}` is not a pattern of paths: begin with `/`, leave out `.`, `..` and `**`, as in `/home/*/projects`")]
    Path(String),
}

/// Whether `text` is what `pattern` says. Takes time in proportion to both lengths multiplied at most: a star is tried anew from
/// where the last one stood, never from the beginning.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, read));
            at += 1;
        } else if pattern.get(at) == Some(&text[read]) {
            at += 1;
            read += 1;
        } else if let Some((place, begun)) = star {
            star = Some((place, begun + 1));
            at = place + 1;
            read = begun + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Part by part; `**` is one part or more. As with [`matches`], only the last `**` is tried anew.
fn parts_match(pattern: &[String], parts: &[&str]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < parts.len() {
        match pattern.get(at) {
            Some(part) if part == "**" => {
                star = Some((at, read + 1));
                at += 1;
                read += 1;
            }
            Some(part) if matches(part, parts[read]) => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((place, begun)) = star else { return false };
                star = Some((place, begun + 1));
                at = place + 1;
                read = begun + 1;
            }
        }
    }
    at == pattern.len() && read == parts.len()
}

impl Glob {
    /// Whether a name is one of those that are meant.
    pub fn matches(&self, name: &str) -> bool {
        matches(&self.0, name)
    }
}

/// The full repository of an image, registry included, and its tag: `latest` where it has neither tag nor digest.
///
/// Different spellings of one registry are one: letter case, a dot at the end, the usual port and the other names of `docker.io` would else be
/// ways around a pattern.
pub fn repository_and_tag(image: &ImageReference) -> (String, Option<&str>, Option<&str>) {
    let text = image.as_str();
    let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
    let (repository, tag) = split_tag(name);
    (full(repository), tag.or(if digest.is_some() { None } else { Some("latest") }), digest)
}

fn split_tag(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (text, None),
    }
}

/// A repository with its registry, also where it is the usual one.
fn full(repository: &str) -> String {
    let (host, rest) = match repository.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (registry(first), rest),
        _ => ("docker.io".to_owned(), repository),
    };
    let library = if host == "docker.io" && !rest.contains('/') && rest != "**" { "library/" } else { "" };
    format!("{host}/{library}{rest}")
}

fn registry(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host).trim_end_matches('.');
    if ["index.docker.io", "registry-1.docker.io"].contains(&host) { "docker.io".to_owned() } else { host.to_owned() }
}

impl ImagePattern {
    /// Whether an image is surely one of those that are meant: with a digest, its tag says nothing.
    pub fn allows(&self, image: &ImageReference) -> bool {
        let (repository, tag, digest) = repository_and_tag(image);
        self.is_of(&repository)
            && self.digest.as_ref().is_none_or(|wanted| digest.is_some_and(|digest| matches(wanted, digest)))
            && self.tag.as_ref().is_none_or(|wanted| {
                // Where the pattern names the digest too, that is what counts.
                let tells = digest.is_none() || self.digest.is_some();
                tells && tag.is_some_and(|tag| matches(wanted, tag))
            })
    }

    /// Whether an image claims to be one of those that are meant, by its tag or by its digest.
    pub fn denies(&self, image: &ImageReference) -> bool {
        let (repository, tag, digest) = repository_and_tag(image);
        let claims = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| found.is_some_and(|found| matches(wanted, found)))
        };
        self.is_of(&repository) && claims(&self.tag, tag) && claims(&self.digest, digest)
    }

    fn is_of(&self, repository: &str) -> bool {
        parts_match(&self.repository, &repository.split('/').collect::<Vec<_>>())
    }
}

impl PathPattern {
    /// Whether a path is the one that is meant, or below it. Paths are compared part by part: `/srv/a` is not above `/srv/ab`.
    pub fn contains(&self, path: &Path) -> bool {
        let parts = parts_of(path);
        parts.len() >= self.parts.len() && self.begins(&parts)
    }

    /// Whether a path is the very one that is meant.
    pub fn is(&self, path: &Path) -> bool {
        let parts = parts_of(path);
        parts.len() == self.parts.len() && self.begins(&parts)
    }

    fn begins(&self, parts: &[std::borrow::Cow<'_, str>]) -> bool {
        self.parts.iter().zip(parts).all(|(pattern, part)| matches(pattern, part))
    }
}

/// What is not UTF-8 becomes U+FFFD, which no pattern names but a star.
fn parts_of(path: &Path) -> Vec<std::borrow::Cow<'_, str>> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    names.collect()
}

/// A path without `.`, `..` and double slashes, in the way shells show it; `None` when it does not begin at the root.
pub fn tidy(path: &Path) -> Option<PathBuf> {
    if !path.is_absolute() {
        return None;
    }
    let mut tidy = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(part) => tidy.push(part),
            Component::ParentDir => drop(tidy.pop()),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Some(tidy)
}

/// A path for a message: it comes from a manifest, or from a link that anybody could make.
pub fn shown_path(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= 512 && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

impl FromStr for Glob {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_plain(text) && !text.contains('/') {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPattern::Name(text.escape_debug().to_string()))
        }
    }
}

impl FromStr for ImagePattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let (repository, tag) = split_tag(name);
        // `**` as the beginning is every registry; anything else without one is of the usual one.
        let full = if repository.split('/').next() == Some("**") { repository.to_owned() } else { full(repository) };
        let parts: Vec<String> = full.split('/').map(str::to_owned).collect();
        let valid = is_plain(text)
            && !repository.is_empty()
            && parts.iter().all(|part| !part.is_empty() && (part == "**" || !part.contains("**")))
            && parts[1..].iter().all(|part| !part.contains([':', '@']) && !part.contains(char::is_uppercase))
            && tag.is_none_or(|tag| !tag.is_empty())
            && digest.is_none_or(|digest| !digest.is_empty() && !digest.contains(['/', '@']));
        if !valid {
            return Err(InvalidPattern::Image(text.escape_debug().to_string()));
        }
        Ok(Self {
            text: text.to_owned(),
            repository: parts,
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

impl FromStr for PathPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<String> = text.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let strange = |part: &String| part == "." || part == ".." || part.contains("**");
        let plain = text.len() <= 4096 && !text.contains(char::is_control);
        if !text.starts_with('/') || !plain || parts.iter().any(strange) {
            return Err(InvalidPattern::Path(text.escape_debug().to_string()));
        }
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for ImagePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

textual!(Glob, "Glob", "name-pattern", { "type": "string", "minLength": 1 });
textual!(ImagePattern, "ImagePattern", "image-pattern", { "type": "string", "minLength": 1 });
textual!(PathPattern, "PathPattern", "path-pattern", { "type": "string", "pattern": "^/" });

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn stars() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("*ab*ab", "xababyab", true),
            ("team-*", "team-", true),
            ("team-*", "Team-a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        assert!(!matches(&"*a".repeat(200), &"a".repeat(150)));
    }

    #[test]
    fn images_are_compared_in_full() {
        let digested = format!("ghcr.io/acme/dev:1.4@{DIGEST}");
        for (pattern, image, allowed) in [
            ("nginx", "nginx", true),
            ("nginx", "docker.io/library/nginx:1", true),
            ("nginx", "index.docker.io/nginx", true),
            ("nginx", "evil.com/nginx", false),
            ("nginx", "nginx-evil", false),
            ("nginx:1*", "nginx", false),
            ("nginx:latest", "nginx", true),
            ("acme/*", "acme/x", true),
            ("acme/*", "docker.io/acme/x", true),
            ("docker.io/**", "nginx", true),
            ("**", "ghcr.io/a/b/c", true),
            ("ghcr.io/acme/**", "ghcr.io/acme/x/y", true),
            ("ghcr.io/acme/**", "ghcr.io/acme", false),
            ("ghcr.io/acme/**", "ghcr.io/acme-evil/x", false),
            ("ghcr.io/acme/**", "evil.com/ghcr.io/acme/x", false),
            ("ghcr.io/acme/**", "ghcr.io:444/acme/x", false),
            ("ghcr.io/acme/**", "ghcr.io:443/acme/x", true),
            ("ghcr.io/acme/**", "ghcr.io.evil.com/acme/x", false),
            ("ghcr.io/acme/**", "GHCR.IO/acme/x", true),
            ("GHCR.io./acme/**", "ghcr.io/acme/x", true),
            ("ghcr.io/acme/*", "ghcr.io/acme/x/y", false),
            ("ghcr.io/**/x", "ghcr.io/a/b/x", true),
            ("ghcr.io/**/x", "ghcr.io/x", false),
            ("localhost:5000/**", "localhost:5000/a", true),
            ("localhost:5000/**", "localhost/a", false),
            ("ghcr.io/acme/dev", digested.as_str(), true),
            ("ghcr.io/acme/dev:1.4", digested.as_str(), false),
            ("ghcr.io/acme/dev@sha256:*", digested.as_str(), true),
            ("ghcr.io/acme/dev:1.4@sha256:a*", digested.as_str(), true),
            ("ghcr.io/acme/dev:1.4@sha256:b*", digested.as_str(), false),
        ] {
            let (parsed, image): (ImagePattern, ImageReference) =
                (pattern.parse().expect(pattern), image.parse().expect(image));
            assert_eq!(parsed.allows(&image), allowed, "{pattern} {image}");
            assert!(!allowed || parsed.denies(&image), "what surely is one also claims to be: {pattern} {image}");
        }
        let latest: ImagePattern = "**:latest".parse().expect("a pattern");
        for (image, denied) in [("nginx", true), ("a.b/c:latest", true), ("nginx:1", false)] {
            assert_eq!(latest.denies(&image.parse().expect(image)), denied, "{image}");
        }
        assert!(latest.denies(&format!("nginx:latest@{DIGEST}").parse().expect("an image")));
        for bad in ["", "a//b", "ghcr.io**", "a b", "ghcr.io/Acme/x", "nginx:", "nginx@", "/nginx", "a/**b"] {
            assert!(bad.parse::<ImagePattern>().is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_are_compared_part_by_part() {
        for (pattern, path, inside) in [
            ("/srv/a", "/srv/a", true),
            ("/srv/a/", "/srv/a/b", true),
            ("/srv/a", "/srv/ab", false),
            ("/srv/a", "/srv", false),
            ("/home/*/projects", "/home/ann/projects/x", true),
            ("/home/*/projects", "/home/ann/b/projects", false),
            ("/", "/anything", true),
        ] {
            let parsed: PathPattern = pattern.parse().expect(pattern);
            assert_eq!(parsed.contains(Path::new(path)), inside, "{pattern} {path}");
        }
        for bad in ["", "srv", "/srv/../etc", "/srv/**", "/a/./b", "/a\n"] {
            assert!(bad.parse::<PathPattern>().is_err(), "{bad}");
        }
        assert_eq!(tidy(Path::new("/srv//./a/../../etc/")), Some(PathBuf::from("/etc")));
        assert_eq!(tidy(Path::new("/../..")), Some(PathBuf::from("/")));
        assert_eq!(tidy(Path::new("etc")), None);
    }
}
