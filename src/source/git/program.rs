//! The copy of a repository, kept by the `git` program.

mod push;

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::error::{OpenError, SyncError};
use super::listing::{self, Entry};
use super::options::{GitOptions, Reference};
use super::place::Place;
use super::port::{Blob, Commit, Git, Which};
use super::run::{Call, Outcome, run};
use super::setting;
use super::words;
use crate::disk::{self, offload};
use crate::model::hash::Fingerprint;

/// So many packs are made into one. Each changed sync brings one.
const PACKS: usize = 16;
/// Bytes of a commit: of its message, mostly.
const COMMIT: u64 = 1 << 20;
/// Bytes that short answers have at most.
const SHORT: u64 = 1 << 20;
/// What a token is cut off at when it is looked for in git's words.
const TOKEN: u64 = 4096;

/// The `git` program and the directory that it works in.
#[derive(Debug)]
pub struct Program {
    options: GitOptions,
    place: Arc<Place>,
    configuration: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    /// Held while the copy is cleaned or changed. Cleaning goes on when whoever asked for it was ended, and would take the
    /// temporary files of the next run for leftovers.
    quiet: Arc<Mutex<()>>,
    /// Where the two commits are: another address or branch begins with none.
    namespace: String,
}

/// How a run failed.
enum Failed {
    With(Vec<u8>),
    TooMuch,
}

impl Program {
    /// Takes possession of the state directory, and makes an empty copy when there is none.
    pub async fn open(options: GitOptions) -> Result<Self, OpenError> {
        let root = options.state.clone();
        let place = offload(&disk::host(), move || Place::claim(&root)).await.map_err(SyncError::from)??;
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
        let namespace =
            Fingerprint::of_bytes(format!("{}\n{}", options.url, options.reference.remote_name()).as_bytes());
        let program = Self {
            configuration: setting::configuration(&options),
            environment: setting::environment(&options, &place.repository(), &place.home(), path),
            namespace: format!("refs/wharf/{namespace}"),
            place: Arc::new(place),
            quiet: Arc::default(),
            options,
        };
        program.prepare_gpg().map_err(disk_error("write", program.place.home()))?;
        if !program.place.repository().exists() {
            program.init().await?;
        }
        Ok(program)
    }

    fn prepare_gpg(&self) -> io::Result<()> {
        match setting::gpg(&self.options) {
            Some(text) => std::fs::write(self.place.home().join("gpg.conf"), text),
            None => Ok(()),
        }
    }

    /// An empty copy: whole or not at all.
    async fn init(&self) -> Result<(), SyncError> {
        let new = self.place.new_repository().map_err(disk_error("make", self.place.repository()))?;
        let mut environment = self.environment.clone();
        environment.push(("GIT_DIR".into(), new.clone().into()));
        let arguments = self.arguments(&["init", "--quiet", "--bare", "--template="]);
        let call =
            Call { arguments, environment: &environment, input: None, most: SHORT, largest: self.options.limits.bytes };
        self.call(call).await?.map_err(|failed| self.copy_failed("make a repository", failed))?;
        std::fs::rename(&new, self.place.repository()).map_err(disk_error("make", self.place.repository()))
    }

    fn name(&self, which: Which) -> String {
        match which {
            Which::Candidate => format!("{}/candidate", self.namespace),
            Which::Good => format!("{}/good", self.namespace),
        }
    }

    fn arguments(&self, command: &[&str]) -> Vec<OsString> {
        self.configuration.iter().cloned().chain(command.iter().map(OsString::from)).collect()
    }

    /// A run that changes the copy.
    async fn change(&self, command: &[&str], largest: u64) -> Result<Result<Vec<u8>, Failed>, SyncError> {
        let _quiet = self.quiet.lock().await;
        let arguments = self.arguments(command);
        self.call(Call { arguments, environment: &self.environment, input: None, most: SHORT, largest }).await
    }

    /// A run that only reads it.
    async fn ask(&self, command: &[&str], input: Vec<u8>, most: u64) -> Result<Result<Vec<u8>, Failed>, SyncError> {
        let arguments = self.arguments(command);
        let largest = self.options.limits.bytes;
        self.call(Call { arguments, environment: &self.environment, input: Some(input), most, largest }).await
    }

    async fn call(&self, call: Call<'_>) -> Result<Result<Vec<u8>, Failed>, SyncError> {
        if call.input.is_none() {
            self.place.forget_run().map_err(disk_error("write", self.place.running()))?;
        }
        let outcome = run(call, &self.place.work, &self.place.running()).await.map_err(SyncError::Program)?;
        Ok(match outcome {
            Outcome::Fine(output) => Ok(output),
            Outcome::Failed(said) if is_missing(&said) => {
                return Err(SyncError::Program(io::Error::from(io::ErrorKind::NotFound)));
            }
            Outcome::Failed(said) => Err(Failed::With(said)),
            Outcome::TooMuch => Err(Failed::TooMuch),
        })
    }

    /// git's words for who reads the error. A server that repeats the token it was given is not to make it known.
    fn shown(&self, said: &[u8]) -> String {
        let token = self.options.token.as_ref().and_then(|token| {
            let mut text = String::new();
            std::fs::File::open(&token.file).ok()?.take(TOKEN).read_to_string(&mut text).ok()?;
            Some(text.lines().next().unwrap_or_default().trim().to_owned())
        });
        words::shown(said, &token.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn copy_failed(&self, operation: &'static str, failed: Failed) -> SyncError {
        let said_by_git = match failed {
            Failed::With(said) => self.shown(&said),
            Failed::TooMuch => "it printed more than it should".to_owned(),
        };
        SyncError::Copy { operation, said_by_git }
    }

    fn fetch_failed(&self, failed: Failed) -> SyncError {
        let (refusal, said_by_git) = match failed {
            Failed::With(said) => (words::meaning(&said), self.shown(&said)),
            Failed::TooMuch => (super::error::Refusal::Other, "it printed more than it should".to_owned()),
        };
        let (address, reference) = (self.options.url.to_string(), self.options.reference.to_string());
        SyncError::Fetch { address, reference, refusal, said_by_git }
    }

    /// The tree at the subpath of a commit.
    async fn subtree(&self, commit: &Commit) -> Result<String, SyncError> {
        let subpath = self.options.subpath.as_str();
        if subpath.is_empty() {
            return Ok(format!("{}^{{tree}}", commit.id()));
        }
        let command = ["ls-tree", "-z", "--full-tree", commit.id(), "--", subpath];
        let line = self.ask(&command, Vec::new(), SHORT).await?;
        let line = line.map_err(|failed| self.copy_failed("look for the subpath", failed))?;
        let wrong = |what| SyncError::Subpath { subpath: subpath.to_owned(), what, commit: commit.id().to_owned() };
        match listing::id_of(&line) {
            None => Err(wrong("does not exist")),
            Some(_) if !line.starts_with(b"040000") => Err(wrong("is not a directory")),
            Some(id) => Ok(id),
        }
    }

    async fn is_whole(&self) -> Result<bool, SyncError> {
        let command = ["fsck", "--full", "--no-dangling", "--no-progress"];
        Ok(self.ask(&command, Vec::new(), SHORT).await?.is_ok())
    }

    /// Other commits than ours are of an address or branch that was followed before.
    fn forget_others(&self) -> io::Result<()> {
        let folder = self.place.repository().join("refs/wharf");
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
        for entry in entries {
            let entry = entry?;
            if !self.namespace.ends_with(entry.file_name().to_string_lossy().as_ref()) {
                std::fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

impl Git for Program {
    async fn tidy(&self) -> Result<(), SyncError> {
        let place = Arc::clone(&self.place);
        let quiet = Arc::clone(&self.quiet).lock_owned().await;
        let clean = move || {
            let packs = place.remove_leftovers().and_then(|()| place.packs());
            drop(quiet);
            packs
        };
        let packs = offload(&disk::host(), clean).await?;
        let (packs, bytes) = packs.map_err(disk_error("clean", self.place.repository()))?;
        let most = self.options.limits.bytes.saturating_mul(2);
        if packs < PACKS && bytes < most {
            return Ok(());
        }
        self.forget_others().map_err(disk_error("clean", self.place.repository()))?;
        let pruned = self.change(&["gc", "--quiet", "--prune=now"], most).await?;
        pruned.map(drop).map_err(|failed| self.copy_failed("remove what is no longer needed", failed))
    }

    async fn fetch(&self) -> Result<(), SyncError> {
        let refspec = format!("+{}:{}", self.options.reference.remote_name(), self.name(Which::Candidate));
        let command = [
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--no-recurse-submodules",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-show-forced-updates",
            "--",
            self.options.url.as_str(),
            &refspec,
        ];
        let fetched = self.change(&command, self.options.limits.bytes).await?;
        fetched.map(drop).map_err(|failed| self.fetch_failed(failed))
    }

    async fn commit(&self, which: Which) -> Result<Option<Commit>, SyncError> {
        let name = self.name(which);
        if !self.place.repository().join(&name).exists() {
            return Ok(None);
        }
        let damaged = || SyncError::Copy { operation: "read a commit", said_by_git: String::new() };
        let input = format!("{name}^{{commit}}\n").into_bytes();
        match self.ask(&["cat-file", "--batch"], input, COMMIT).await? {
            Ok(output) => {
                let (id, content, _) = listing::object(&output).ok_or_else(damaged)?;
                listing::commit(id, content).ok_or_else(damaged).map(Some)
            }
            Err(Failed::TooMuch) => {
                Err(SyncError::Limit { what: "the bytes of the commit's message", limit: format!("{COMMIT} bytes") })
            }
            Err(failed) => Err(self.copy_failed("read a commit", failed)),
        }
    }

    async fn verify(&self, which: Which, commit: &Commit) -> Result<(), SyncError> {
        if self.options.verify.is_none() {
            return Ok(());
        }
        if matches!(self.options.reference, Reference::Tag(_)) {
            // A tag without a signature of its own, or that is none but a name, may be of a signed commit.
            let signed = self.ask(&["verify-tag", &self.name(which)], Vec::new(), SHORT).await?;
            if signed.is_ok() {
                return Ok(());
            }
        }
        let signed = self.ask(&["verify-commit", commit.id()], Vec::new(), SHORT).await?;
        signed.map(drop).map_err(|failed| {
            let said_by_git = match failed {
                Failed::With(said) => self.shown(&said),
                Failed::TooMuch => String::new(),
            };
            SyncError::Unverified { commit: commit.id().to_owned(), said_by_git }
        })
    }

    async fn entries(&self, commit: &Commit) -> Result<Vec<Entry>, SyncError> {
        let tree = self.subtree(commit).await?;
        let most = self.options.limits.bytes;
        let output = self.ask(&["ls-tree", "-r", "-z", "-l", "--full-tree", &tree], Vec::new(), most).await?;
        let output = output.map_err(|failed| match failed {
            Failed::TooMuch => SyncError::Limit { what: "the bytes of all file names", limit: format!("{most} bytes") },
            failed @ Failed::With(_) => self.copy_failed("list the files", failed),
        })?;
        let malformed = || SyncError::Copy { operation: "list the files", said_by_git: String::new() };
        listing::entries(&output).ok_or_else(malformed)
    }

    async fn files(&self, commit: &Commit, paths: &[String]) -> Result<Vec<String>, SyncError> {
        let mut command = vec!["ls-tree", "-z", "-l", "--full-tree", commit.id(), "--"];
        command.extend(paths.iter().map(String::as_str));
        let output = self.ask(&command, Vec::new(), SHORT).await?;
        let output = output.map_err(|failed| self.copy_failed("look where links lead", failed))?;
        let entries = listing::entries(&output).unwrap_or_default();
        let files = entries.into_iter().filter(|entry| matches!(entry.kind, listing::EntryKind::File(_)));
        Ok(files.filter_map(|entry| String::from_utf8(entry.path).ok()).collect())
    }

    async fn blobs(&self, blobs: &[Blob]) -> Result<Vec<Vec<u8>>, SyncError> {
        if blobs.is_empty() {
            return Ok(Vec::new());
        }
        let input = blobs.iter().fold(String::new(), |input, blob| input + &blob.id + "\n").into_bytes();
        // An ID, a type, a size and two line feeds around each.
        let most = blobs.iter().map(|blob| blob.bytes + 80).sum();
        let output = self.ask(&["cat-file", "--batch", "--buffer"], input, most).await?;
        let output = output.map_err(|failed| self.copy_failed("read the manifests", failed))?;
        let missing = || SyncError::Copy { operation: "read the manifests", said_by_git: String::new() };
        listing::blobs(&output, blobs).ok_or_else(missing)
    }

    async fn accept(&self) -> Result<(), SyncError> {
        let (good, candidate) = (self.name(Which::Good), self.name(Which::Candidate));
        let accepted = self.change(&["update-ref", "--no-deref", &good, &candidate], self.options.limits.bytes).await?;
        accepted.map(drop).map_err(|failed| self.copy_failed("note the new commit", failed))
    }

    async fn renew(&self) -> Result<bool, SyncError> {
        if self.is_whole().await? {
            return Ok(false);
        }
        self.place.set_aside().map_err(disk_error("set aside", self.place.repository()))?;
        self.init().await?;
        Ok(true)
    }
}

/// The shell's words when there is no such program.
fn is_missing(said: &[u8]) -> bool {
    let said = String::from_utf8_lossy(said);
    said.starts_with("sh:") && said.contains("git") && said.contains("not found")
}

fn disk_error(operation: &'static str, path: PathBuf) -> impl FnOnce(io::Error) -> SyncError {
    move |source| SyncError::Disk { operation, path, source }
}
