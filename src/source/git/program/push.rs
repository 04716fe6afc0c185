//! Making a commit without a checkout, and pushing it.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::{COMMIT, Failed, Program, SHORT};
use crate::source::git::error::{PublishError, Rejection, SyncError};
use crate::source::git::options::is_object_id;
use crate::source::git::port::Which;
use crate::source::git::publish::{AUTHOR, Publication};
use crate::source::git::words;

/// A commit that was made and not pushed.
#[derive(Debug)]
pub(in crate::source::git) struct Made {
    /// Its ID.
    pub(in crate::source::git) commit: String,
    /// Whether it has the same files as the candidate.
    pub(in crate::source::git) is_same: bool,
}

/// What a remote has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::source::git) struct Remote {
    /// The commit of the branch; `None` where there is no such branch.
    pub(in crate::source::git) tip: Option<String>,
    /// Whether the branch is the remote's own.
    pub(in crate::source::git) is_default: bool,
}

impl Program {
    /// Asks the remote about a branch.
    pub(in crate::source::git) async fn remote(&self, branch: &str) -> Result<Remote, SyncError> {
        let name = reference(branch);
        let command = ["ls-remote", "--quiet", "--symref", "--", self.options.url.as_str(), "HEAD", &name];
        let listed = self.ask(&command, Vec::new(), SHORT).await?;
        Ok(remote(&String::from_utf8_lossy(&listed.map_err(|failed| self.fetch_failed(failed))?), &name))
    }

    /// Makes a commit of exactly these files, with the candidate as its parent where there is a `parent`. `seconds`: when, since 1970.
    pub(in crate::source::git) async fn make(
        &self,
        publication: &Publication,
        parent: Option<&str>,
        seconds: i64,
    ) -> Result<Made, SyncError> {
        let made = self.made();
        let stream = stream(&made, publication, parent, seconds);
        self.import(stream).await?.map_err(|failed| self.copy_failed("make a commit", failed))?;
        let trees = [format!("{made}^{{commit}}"), format!("{made}^{{tree}}")];
        let candidate = parent.map(|_| format!("{}^{{tree}}", self.name(Which::Candidate)));
        let command: Vec<&str> =
            ["rev-parse"].into_iter().chain(trees.iter().chain(&candidate).map(String::as_str)).collect();
        let printed = self.ask(&command, Vec::new(), COMMIT).await?;
        let printed = printed.map_err(|failed| self.copy_failed("find the commit that was made", failed))?;
        let printed = String::from_utf8_lossy(&printed);
        let missing = || SyncError::Copy { operation: "find the commit that was made", said_by_git: String::new() };
        let mut lines = printed.lines();
        let commit = lines.next().filter(|id| is_object_id(id)).ok_or_else(missing)?.to_owned();
        let (tree, former) = (lines.next(), lines.next());
        Ok(Made { commit, is_same: former.is_some() && tree == former })
    }

    /// Puts a commit onto a branch of the remote that is at `expected`, or nowhere.
    pub(in crate::source::git) async fn push(
        &self,
        branch: &str,
        commit: &str,
        expected: Option<&str>,
    ) -> Result<(), PublishError> {
        let name = reference(branch);
        let lease = format!("--force-with-lease={name}:{}", expected.unwrap_or_default());
        let refspec = format!("{commit}:{name}");
        let command = [
            "push",
            "--quiet",
            "--no-signed",
            "--no-follow-tags",
            "--no-verify",
            &lease,
            "--",
            self.options.url.as_str(),
            &refspec,
        ];
        let pushed = self.change(&command, self.options.limits.bytes).await?;
        pushed.map(drop).map_err(|failed| {
            let (rejection, said_by_git) = match failed {
                Failed::With(said) => (words::rejection(&said), self.shown(&said)),
                Failed::TooMuch => (Rejection::Rule, "it printed more than it should".to_owned()),
            };
            let (address, branch) = (self.options.url.to_string(), branch.to_owned());
            PublishError::Push { address, branch, rejection, said_by_git }
        })
    }

    fn made(&self) -> String {
        format!("{}/made", self.namespace)
    }

    /// It changes the copy without its lock, which would have to be its input. When wharf is killed it finds its input without an
    /// end, and makes nothing.
    async fn import(&self, stream: Vec<u8>) -> Result<Result<Vec<u8>, Failed>, SyncError> {
        let _quiet = self.quiet.lock().await;
        // A pack for each, so that what is no longer needed is counted and removed.
        let mut arguments: Vec<OsString> = vec!["-c".into(), "fastimport.unpackLimit=1".into()];
        arguments.extend(self.arguments(&["fast-import", "--quiet", "--done", "--force"]));
        let (environment, largest) = (&self.environment, self.options.limits.bytes);
        self.call(super::Call { arguments, environment, input: Some(stream), most: SHORT, largest }).await
    }
}

fn reference(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

/// What `ls-remote --symref` prints. A server that does not say where its HEAD leads has told it by the commit.
fn remote(printed: &str, name: &str) -> Remote {
    let of = |name: &str| {
        let lines = printed.lines().filter_map(|line| line.split_once('\t'));
        lines.filter(|(id, its)| *its == name && is_object_id(id)).map(|(id, _)| id.to_owned()).next()
    };
    let leads_to = printed.lines().find_map(|line| line.strip_prefix("ref: ")?.strip_suffix("\tHEAD"));
    let (tip, head) = (of(name), of("HEAD"));
    let is_default = leads_to.map_or(head.is_some() && head == tip, |it| it == name);
    Remote { tip, is_default }
}

/// What `fast-import` reads.
fn stream(made: &str, publication: &Publication, parent: Option<&str>, seconds: i64) -> Vec<u8> {
    let Publication { files, message } = publication;
    let mut stream = format!("commit {made}\ncommitter {AUTHOR} {seconds} +0000\n").into_bytes();
    data(&mut stream, message.as_bytes());
    if let Some(parent) = parent {
        stream.extend_from_slice(format!("from {parent}\n").as_bytes());
    }
    stream.extend_from_slice(b"deleteall\n");
    add(&mut stream, files);
    stream.extend_from_slice(b"done\n");
    stream
}

fn add(stream: &mut Vec<u8>, files: &BTreeMap<String, Vec<u8>>) {
    for (path, content) in files {
        let quoted = path.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        stream.extend_from_slice(format!("M 100644 inline \"{quoted}\"\n").as_bytes());
        data(stream, content);
    }
}

fn data(stream: &mut Vec<u8>, content: &[u8]) {
    stream.extend_from_slice(format!("data {}\n", content.len()).as_bytes());
    stream.extend_from_slice(content);
    stream.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234567890123456789012345678901234567890";

    #[test]
    fn the_default_branch_is_known_by_its_name_or_else_by_its_commit() {
        let tip = || Some(ID.to_owned());
        let with_name = format!("ref: refs/heads/main\tHEAD\n{ID}\tHEAD\n{ID}\trefs/heads/status\n");
        assert_eq!(remote(&with_name, "refs/heads/status"), Remote { tip: tip(), is_default: false });
        assert_eq!(remote(&with_name, "refs/heads/main"), Remote { tip: None, is_default: true });
        let without = format!("{ID}\tHEAD\n{ID}\trefs/heads/x/refs/heads/status\n{ID}\trefs/heads/main\n");
        assert_eq!(remote(&without, "refs/heads/main"), Remote { tip: tip(), is_default: true });
        assert_eq!(remote(&without, "refs/heads/status"), Remote::default());
    }
}
