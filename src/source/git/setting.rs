//! What git is told about the world: nothing of the machine's or a user's configuration, and nothing that runs programs.

use std::ffi::OsString;
use std::path::Path;

use super::address::Transport;
use super::options::{GitOptions, SshAccess, Verify};

/// Prints the token's file as git wants it. The token passes through no argument, no environment and no address: it goes from
/// the file through the shell's own `printf` into a pipe.
const HELPER: &str = r#"!f() { test "$1" = get || exit 0; IFS= read -r token <"$WHARF_TOKEN_FILE" || test -n "$token" || exit 1; printf 'username=%s\npassword=%s\n' "$WHARF_TOKEN_USER" "$token"; }; f"#;

/// In any case.
const ALWAYS: &[&str] = &[
    "protocol.allow=never",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.fsync=all",
    "core.logAllRefUpdates=false",
    "core.commitGraph=false",
    "core.bigFileThreshold=1m",
    "credential.helper=",
    "fetch.fsckObjects=true",
    "fetch.unpackLimit=1",
    "fetch.writeCommitGraph=false",
    "gc.packRefs=false",
    "gc.writeCommitGraph=false",
    "http.followRedirects=false",
    "http.sslVerify=true",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=30",
    "pack.threads=1",
    "submodule.recurse=false",
    // One program each is set where it is needed.
    "gpg.ssh.program=false",
    "gpg.openpgp.program=false",
    "gpg.x509.program=false",
];

/// The arguments before the command.
pub(super) fn configuration(options: &GitOptions) -> Vec<OsString> {
    let mut settings: Vec<OsString> = ALWAYS.iter().map(OsString::from).collect();
    settings.push(format!("protocol.{}.allow=always", protocol(options)).into());
    if options.token.is_some() {
        settings.push(format!("credential.helper={HELPER}").into());
    }
    if let Some(file) = &options.ca_file {
        settings.push(with("http.sslCAInfo=", file));
    }
    match &options.verify {
        Some(Verify::Ssh { allowed_signers }) => {
            settings.push("gpg.ssh.program=ssh-keygen".into());
            settings.push(with("gpg.ssh.allowedSignersFile=", allowed_signers));
        }
        Some(Verify::Gpg { .. }) => settings.push("gpg.openpgp.program=gpg".into()),
        None => {}
    }
    settings.into_iter().flat_map(|setting| ["-c".into(), setting]).collect()
}

/// All that git finds in its environment. `path`: where programs are.
pub(super) fn environment(
    options: &GitOptions,
    repository: &Path,
    home: &Path,
    path: OsString,
) -> Vec<(OsString, OsString)> {
    let fixed = [
        ("LC_ALL", "C"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_SYSTEM", "/dev/null"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_ATTR_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_NO_LAZY_FETCH", "1"),
        ("GIT_NO_REPLACE_OBJECTS", "1"),
        ("GIT_LITERAL_PATHSPECS", "1"),
        ("GIT_OPTIONAL_LOCKS", "0"),
        ("GIT_DEFAULT_HASH", "sha1"),
        ("GIT_DEFAULT_REF_FORMAT", "files"),
        ("GIT_ADVICE", "0"),
    ];
    let mut all: Vec<(OsString, OsString)> = fixed.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let mut add = |name: &str, value: OsString| all.push((name.into(), value));
    add("GIT_ALLOW_PROTOCOL", protocol(options).into());
    add("PATH", path);
    add("HOME", home.into());
    add("GNUPGHOME", home.into());
    add("GIT_DIR", repository.into());
    if let Some(access) = &options.ssh {
        add("GIT_SSH_COMMAND", ssh(access));
        add("GIT_SSH_VARIANT", "ssh".into());
    }
    if let Some(token) = &options.token {
        add("WHARF_TOKEN_USER", token.user.clone().into());
        add("WHARF_TOKEN_FILE", token.file.clone().into());
    }
    all
}

fn protocol(options: &GitOptions) -> &'static str {
    match options.url.transport() {
        Transport::Https => "https",
        Transport::Ssh => "ssh",
        Transport::File => "file",
    }
}

/// The paths have no character that the shell or ssh reads in its own way: the options refuse those.
fn ssh(SshAccess { key, known_hosts }: &SshAccess) -> OsString {
    format!(
        "ssh -F /dev/null -i {} -o UserKnownHostsFile={} -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes \
         -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o ForwardAgent=no -o PermitLocalCommand=no \
         -o UpdateHostKeys=no -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=2 \
         -o PreferredAuthentications=publickey",
        key.display(),
        known_hosts.display()
    )
    .into()
}

/// What gpg reads instead of a user's keyring; `None` when it is not used.
pub(super) fn gpg(options: &GitOptions) -> Option<String> {
    let Some(Verify::Gpg { keyring }) = &options.verify else { return None };
    // Whoever is in the keyring is trusted: there is no other keyring that could say so.
    Some(format!(
        "no-default-keyring\nkeyring {}\ntrust-model always\nno-autostart\nlock-never\nno-auto-check-trustdb\n",
        keyring.display()
    ))
}

fn with(key: &str, path: &Path) -> OsString {
    let mut setting = OsString::from(key);
    setting.push(path);
    setting
}
