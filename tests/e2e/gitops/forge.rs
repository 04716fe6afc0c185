//! What a forge posts when somebody has pushed, in the form of GitHub.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::stage::{SOURCE, Stage};
use crate::world::eventually;

/// What the forge and the controller know.
const SECRET: &str = "canary-of-the-forge";

/// Somebody who posts to the controller's API.
pub struct Forge {
    port: u16,
}

impl Forge {
    /// Lets the controller follow the repository by messages alone, and listen for them.
    pub fn of(stage: &Stage) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("bound").port();
        for (name, content) in [("hook", SECRET), ("api-token", "nobody-needs-this-one-to-push")] {
            let file = stage.world.beside_source(name);
            fs::write(&file, content).expect("written");
            fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).expect("set");
        }
        let item = stage.item("1h", "webhook: {secretFile: hook}");
        let listen = format!("listen: {{address: '127.0.0.1:{port}', tokenFile: api-token}}");
        stage.world.configure(&format!("  {listen}\n  sources: [{item}]\n"));
        Self { port }
    }

    /// Says that somebody pushed, signed with the secret.
    pub fn tells(&self) -> u16 {
        self.tells_with(SECRET)
    }

    /// Says that somebody pushed, signed with any secret; returns what is answered.
    pub fn tells_with(&self, secret: &str) -> u16 {
        let body = r#"{"ref":"refs/heads/main"}"#;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key is one");
        mac.update(body.as_bytes());
        let signature =
            mac.finalize().into_bytes().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let message = format!(
            "POST /v1/sources/{SOURCE}/push HTTP/1.1\r\nHost: wharf.example\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nX-GitHub-Event: push\r\n\
             X-Hub-Signature-256: sha256={signature}\r\n\r\n{body}",
            body.len()
        );
        let mut connection = eventually("the API listens", || TcpStream::connect(("127.0.0.1", self.port)).ok());
        connection.write_all(message.as_bytes()).expect("sent");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("answered");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.unwrap_or_else(|| panic!("no answer of HTTP: {answer}"))
    }
}
