//! Who may ask over loopback: who has the token, and is no page of another site; and whoever signs each message.
//!
//! Every user and every browser on the machine reaches a loopback address. The token keeps out users; the check of `Host` keeps out
//! pages whose name was made to point here (DNS rebinding), and that of `Origin` other pages.

use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::{Request, header};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::header::one;
use super::problem::{Kind, Refused};
use super::table::Route;

/// What who asks over loopback has to know. Never shown.
#[derive(Clone, Debug)]
pub struct Token(SecretString);

/// Why a file does not give a [`Token`].
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read.
    #[error("the token file {} cannot be read", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Others may read or change it.
    #[error(
        "the token file {} has mode {mode:04o}: others may read or change it; make it yours alone with `chmod 600`",
        path.display()
    )]
    Mode {
        /// Which.
        path: PathBuf,
        /// The permission bits.
        mode: u32,
    },
    /// It is somebody else's.
    #[error("the token file {} belongs to the user {owner}, who could change it: make it yours with `chown`", path.display())]
    Owner {
        /// Which.
        path: PathBuf,
        /// The owner's user id.
        owner: u32,
    },
    /// There is no fit token in it.
    #[error(
        "the token file {} has no fit token: it has one line of {LEAST} to {MOST} visible ASCII characters, such as \
         `head -c 32 /dev/urandom | base64` makes",
        path.display()
    )]
    Unfit {
        /// Which.
        path: PathBuf,
    },
}

/// Fewer could be guessed.
const LEAST: usize = 16;
/// More would not fit a header well.
const MOST: usize = 1024;

impl Token {
    /// Reads a token from a file that is ours or root's, and that nobody else may read.
    pub fn from_file(path: &Path) -> Result<Self, TokenError> {
        let failed = |source| TokenError::Io { path: path.into(), source };
        // What is open is what is looked at: the name could lead elsewhere a moment later.
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.mode() & 0o077 != 0 {
            return Err(TokenError::Mode { path: path.into(), mode: metadata.mode() & 0o7777 });
        }
        if metadata.uid() != 0 && metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(TokenError::Owner { path: path.into(), owner: metadata.uid() });
        }
        let mut bytes = Vec::new();
        file.take(2 * MOST as u64).read_to_end(&mut bytes).map_err(failed)?;
        Self::new(&String::from_utf8_lossy(&bytes)).ok_or_else(|| TokenError::Unfit { path: path.into() })
    }

    /// A text as a token, blanks around it aside; `None` when it is too short, too long, or no visible ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let fit = (LEAST..=MOST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fit.then(|| Self(text.into()))
    }

    /// Takes the same time wherever the two differ.
    fn is(&self, presented: &str) -> bool {
        self.0.expose_secret().as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

/// What is asked of who comes over loopback.
pub struct Guard {
    token: Token,
    routes: &'static [Route],
    /// The forms of `Host` that mean us.
    hosts: [String; 3],
}

impl Guard {
    /// Of a listener at this address, which answers on these routes.
    pub fn new(token: Token, address: SocketAddr, routes: &'static [Route]) -> Self {
        let port = address.port();
        Self { token, routes, hosts: ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{port}")) }
    }

    /// Why a request is not let in; `None` when it is.
    pub fn refusal(&self, request: &Request<Body>) -> Option<Refused> {
        let headers = request.headers();
        let path = request.uri().path();
        if self.routes.iter().any(|route| route.signed && route.is_for(request.method().as_str(), path)) {
            return None;
        }
        if let Some(refused) = self.foreign(request) {
            return Some(refused);
        }
        let open = self.routes.iter().any(|route| route.open && route.path == path);
        let credentials = one(headers, &header::AUTHORIZATION).and_then(|value| value.split_once(' '));
        let known = credentials
            .is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("Bearer") && self.token.is(token.trim_ascii()));
        let help = "send `Authorization: Bearer` and the text of the controller's token file, or use its unix socket";
        (!open && !known).then(|| Kind::Unauthorized.problem("the token is missing or another one", help))
    }

    fn foreign(&self, request: &Request<Body>) -> Option<Refused> {
        let headers = request.headers();
        let ours = |host: &str| self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host));
        let help = format!("ask for {}", self.hosts.join(", "));
        // A request line with an address of its own counts more than `Host`, so both have to mean us.
        let elsewhere = request.uri().authority().is_some_and(|authority| !ours(authority.as_str()));
        if elsewhere || !one(headers, &header::HOST).is_some_and(ours) {
            return Some(Kind::Forbidden.problem("the request is for another host: `Host` is not this address", help));
        }
        let origin_is_ours = || one(headers, &header::ORIGIN)?.strip_prefix("http://").map(ours);
        if headers.contains_key(header::ORIGIN) && !origin_is_ours().unwrap_or_default() {
            return Some(Kind::Forbidden.problem("the request comes from a page of another site (`Origin`)", help));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::routes::ROUTES;

    #[test]
    fn tokens_are_long_and_visible() {
        assert!(Token::new("0123456789abcdef\n").is_some());
        for unfit in ["", "0123456789abcde", "0123456789 abcdef", "0123456789abcdef\u{e9}", &"x".repeat(1025)] {
            assert!(Token::new(unfit).is_none(), "{unfit}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = Token::new("0123456789abcdef").expect("fit");
        assert!(!format!("{token:?}").contains("0123456789abcdef"));
    }

    #[test]
    fn only_requests_for_this_address_with_the_token_are_let_in() {
        let guard = Guard::new(Token::new("0123456789abcdef").expect("fit"), ([127, 0, 0, 1], 8080).into(), &ROUTES);
        let status = |path: &str, headers: &[(&str, &str)]| {
            let mut request = Request::builder().uri(path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let refused = guard.refusal(&request.body(Body::empty()).expect("a request"));
            refused.map(|refused| axum::response::IntoResponse::into_response(refused).status().as_u16())
        };
        let token = ("Authorization", "bearer 0123456789abcdef");
        let host = ("Host", "localhost:8080");
        for (path, headers, expected) in [
            ("/v1/summary", &[host, token][..], None),
            ("/v1/summary", &[("Host", "[::1]:8080"), token], None),
            ("http://127.0.0.1:8080/v1/summary", &[host, token], None),
            ("/v1/summary", &[host, token, ("Origin", "http://127.0.0.1:8080")], None),
            ("/livez", &[host], None),
            ("/livez", &[("Host", "evil.example:8080")], Some(403)),
            ("/v1/summary", &[host], Some(401)),
            ("/v1/summary", &[host, ("Authorization", "Bearer 0123456789abcdeF")], Some(401)),
            ("/v1/summary", &[host, ("Authorization", "Basic 0123456789abcdef")], Some(401)),
            ("/v1/summary", &[host, token, token], Some(401)),
            ("/v1/summary", &[token], Some(403)),
            ("/v1/summary", &[("Host", "localhost"), token], Some(403)),
            ("/v1/summary", &[("Host", "localhost:8081"), token], Some(403)),
            ("/v1/summary", &[host, ("Host", "evil.example"), token], Some(403)),
            ("http://evil.example/v1/summary", &[host, token], Some(403)),
            ("/v1/summary", &[host, token, ("Origin", "null")], Some(403)),
            ("/v1/summary", &[host, token, ("Origin", "https://evil.example")], Some(403)),
            ("/v1/summary", &[host, token, ("Origin", "http://localhost:3000")], Some(403)),
        ] {
            assert_eq!(status(path, headers), expected, "{path} {headers:?}");
        }
    }
}
