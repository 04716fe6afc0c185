//! Where people put secrets, on purpose or by mistake.

use super::search::canary;

/// How a secret gets into a workspace.
pub struct Place {
    /// The workspace's name, and the file's.
    pub name: &'static str,
    /// Lines of its spec. `{SECRET}` stands for the secret.
    pub lines: &'static str,
    /// The file `secrets/NAME` that `valueFrom` names, if there is one.
    pub file: Option<&'static [u8]>,
    /// The file of the controller's directory of secrets, `NAME` and this end, if there is one.
    pub kept: Option<(&'static str, &'static [u8])>,
    /// What then is.
    pub outcome: Outcome,
}

/// What becomes of a manifest, or of its workspace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The container runs, and has the secret.
    Runs,
    /// The manifest is refused.
    Refused,
    /// The manifest is valid, and the container cannot be created or started.
    Fails,
}

use Outcome::{Fails, Refused, Runs};

impl Place {
    /// The secret.
    pub fn secret(&self) -> String {
        canary(self.name)
    }

    /// A text of this place with its secret in it.
    pub fn filled(&self, text: &str) -> String {
        text.replace("{SECRET}", &self.secret()).replace("{NAME}", self.name)
    }
}

const fn place(name: &'static str, lines: &'static str, outcome: Outcome) -> Place {
    Place { name, lines, file: None, kept: None, outcome }
}

const fn with_file(name: &'static str, file: &'static [u8], outcome: Outcome) -> Place {
    let lines = "env: [{name: TOKEN, valueFrom: {file: 'secrets/{NAME}'}}]";
    Place { name, lines, file: Some(file), kept: None, outcome }
}

/// A variable, and a file in the container, that are a secret of the controller's.
const VARIABLE: &str = "env: [{name: TOKEN, valueFrom: {secretRef: {name: '{NAME}'}}}]";
const VOLUME: &str = "volumes: [{secret: {name: '{NAME}'}, mountPath: /run/secret}]";

const fn kept(
    name: &'static str,
    lines: &'static str,
    end: &'static str,
    file: &'static [u8],
    outcome: Outcome,
) -> Place {
    Place { name, lines, file: None, kept: Some((end, file)), outcome }
}

pub const PLACES: &[Place] = &[
    // Where they belong.
    with_file("file", b"{SECRET}\n", Runs),
    with_file("file-lines", b"-----BEGIN KEY-----\n{SECRET}\n\"'\\\n", Runs),
    place("value", "env: [{name: TOKEN, value: '{SECRET}'}]", Runs),
    kept("kept", VARIABLE, "", b"{SECRET}\n", Runs),
    kept("kept-volume", VOLUME, "", b"{SECRET}\n", Runs),
    // A secret that cannot be a value, or cannot be read.
    kept("kept-latin", VARIABLE, "", b"{SECRET} \xe9\n", Fails),
    kept("kept-large", VOLUME, "", &LARGE, Fails),
    kept("kept-plain", VARIABLE, ".age", b"{SECRET}\n", Fails),
    kept("kept-sops", VARIABLE, ".sops.yaml", b"password: {SECRET}\n", Fails),
    place("kept-key", "env: [{name: TOKEN, valueFrom: {secretRef: {name: db, key: 'is {SECRET}'}}}]", Refused),
    place("kept-mode", "volumes: [{secret: {name: db, mode: ['{SECRET}']}, mountPath: /run/secret}]", Refused),
    // A file that cannot be a value.
    with_file("file-latin", b"{SECRET} \xe9\n", Fails),
    with_file("file-nul", b"{SECRET}\0\n", Fails),
    with_file("file-large", &LARGE, Fails),
    // Beside an error, or taken for something else.
    place("syntax-tab", "env:\n\t- {name: TOKEN, value: '{SECRET}'}", Refused),
    place("syntax-quote", "env: [{name: TOKEN, value: '{SECRET}}]", Refused),
    place("syntax-colon", "env:\n  - name: TOKEN\n    value: {SECRET}: x: y", Refused),
    place("syntax-indent", "env:\n    - name: TOKEN\n   value: {SECRET}", Refused),
    place("syntax-at", "env: [{name: TOKEN, value: @{SECRET}}]", Refused),
    place("syntax-percent", "env: [{name: TOKEN, value: %{SECRET}}]", Refused),
    place("syntax-alias", "env: [{name: TOKEN, value: *{SECRET}}]", Refused),
    place("syntax-tag", "env: [{name: TOKEN, value: !{SECRET} x}]", Refused),
    place("syntax-escape", "env: [{name: TOKEN, value: \"\\q{SECRET}\"}]", Refused),
    place("syntax-control", "env: [{name: TOKEN, value: \"\u{1b}{SECRET}\"}]", Refused),
    place("syntax-directive", "env: []\n---\n%{SECRET} x", Refused),
    place("type-list", "env: [{name: TOKEN, value: [{SECRET}]}]", Refused),
    place("type-mapping", "env: [{name: TOKEN, value: {x: {SECRET}}}]", Refused),
    place("type-pairs", "env: {TOKEN: {SECRET}}", Refused),
    place("type-words", "env: ['TOKEN={SECRET}']", Refused),
    place("type-text", "env: 'TOKEN={SECRET}'", Refused),
    place("name-pair", "env: [{name: 'TOKEN={SECRET}', value: x}]", Refused),
    place("name-nul", "env: [{name: TOKEN, value: \"{SECRET}\\0\"}]", Refused),
    place("unknown-field", "env: [{name: TOKEN, valeu: {SECRET}}]", Refused),
    place("unknown-colon", "env: [{name: TOKEN, 'value:{SECRET}'}]", Refused),
    place("unknown-equals", "env: []\n  TOKEN={SECRET}: x", Refused),
    place("both", "env: [{name: TOKEN, value: '{SECRET}', valueFrom: {file: x}}]", Refused),
    place("twice", "env: [{name: TOKEN, value: '{SECRET}'}, {name: TOKEN, value: '{SECRET}'}]", Refused),
    place("beside", "env: [{name: TOKEN, value: '{SECRET}'}]\n  resources: {cpu: many}", Refused),
    place("image-login", "image: 'user:{SECRET}@registry.invalid/x:1'", Refused),
    place("user", "user: ['{SECRET}']", Refused),
    place("health", "healthCheck: {command: [login, '{SECRET}'], interval: never}", Refused),
    place("args", "args: ['--token', {token: '{SECRET}'}]", Refused),
    // Beside what the engine refuses.
    place("engine", "env: [{name: TOKEN, value: '{SECRET}'}]\n  command: [/no/such/program]", Fails),
    place("user-unknown", "env: [{name: TOKEN, value: '{SECRET}'}]\n  user: nobody-knows", Fails),
    place("runtime", "env: [{name: TOKEN, value: '{SECRET}'}]\n  security: {runtime: no-such-runtime}", Fails),
];

/// More than a variable may hold, with the secret in front.
static LARGE: [u8; 200_000] = {
    let (secret, mut bytes, mut at) = (b"{SECRET}", [b'x'; 200_000], 0);
    while at < secret.len() {
        bytes[at] = secret[at];
        at += 1;
    }
    bytes
};
