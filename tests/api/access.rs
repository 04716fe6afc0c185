//! Who is let in over loopback.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use tokio::net::TcpStream;
use wharf::api::{Listeners, ServeError, Server, Token, TokenError};

use crate::rig::{Rig, TOKEN};

#[tokio::test]
async fn loopback_asks_for_the_token_on_every_path_but_one() {
    let rig = Rig::start().await;
    let [host, token] = rig.passport();
    let wrong = format!("Bearer {}", TOKEN.replace('c', "k"));
    for (headers, status) in [
        (vec![(host.0, host.1.as_str()), (token.0, &token.1)], 200),
        (vec![(host.0, host.1.as_str())], 401),
        (vec![(host.0, host.1.as_str()), (token.0, &wrong)], 401),
        (vec![(host.0, host.1.as_str()), (token.0, TOKEN)], 401),
    ] {
        for path in ["/v1/workspaces", "/metrics", "/readyz", "/openapi.json"] {
            let answer = rig.ask_tcp("GET", path, &headers).await;
            assert_eq!(answer.status, status, "{path} {headers:?}");
            if status == 401 {
                answer.problem();
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
                assert!(!String::from_utf8_lossy(&answer.body).contains(TOKEN));
            }
        }
    }
    // Nobody without a token learns which paths there are.
    assert_eq!(rig.ask_tcp("GET", "/nowhere", &[(host.0, &host.1)]).await.status, 401);
    assert_eq!(rig.ask_tcp("GET", "/livez", &[(host.0, &host.1)]).await.status, 200);
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let rig = Rig::start().await;
    let [host, token] = rig.passport();
    let port = rig.address.port();
    let rebound = format!("evil.example:{port}");
    let own = format!("http://localhost:{port}");
    for (host, origin, status) in [
        (host.1.as_str(), None, 202),
        (host.1.as_str(), Some(own.as_str()), 202),
        (host.1.as_str(), Some("https://evil.example"), 403),
        (host.1.as_str(), Some("null"), 403),
        (rebound.as_str(), None, 403),
        ("localhost", None, 403),
    ] {
        let mut headers = vec![("Host", host), (token.0, token.1.as_str())];
        headers.extend(origin.map(|origin| ("Origin", origin)));
        let answer = rig.ask_tcp("POST", "/v1/workspaces/ws-000/stop", &headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
        let asked = rig.script.take_asked();
        assert_eq!(asked.len(), usize::from(status == 202), "{headers:?}: {asked:?}");
    }
    let no_host = rig.ask_tcp("GET", "/v1/workspaces", &[(token.0, &token.1)]).await;
    assert_eq!((no_host.status, &no_host.problem()["type"]), (403, &json!("urn:wharf:problem:forbidden")));
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let token = Token::new(TOKEN).expect("fit");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let tcp = Some((address.parse().expect("an address"), token.clone()));
        let refused = Server::bind(Listeners { tcp, ..Listeners::default() }).await.expect_err(address);
        assert!(matches!(refused, ServeError::NotLoopback { .. }), "{refused}");
        assert!(refused.to_string().contains("127.0.0.1:PORT"), "{refused}");
    }
    let rig = Rig::start().await;
    let tcp = Some((rig.address, token));
    let refused = Server::bind(Listeners { tcp, ..Listeners::default() }).await.expect_err("the port is taken");
    assert!(refused.to_string().contains("Use another port"), "{refused}");
    assert!(TcpStream::connect(rig.address).await.is_ok());
}

#[test]
fn a_token_file_is_ours_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    let write = |text: &str, mode: u32| {
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("mode set");
        Token::from_file(&path)
    };
    for mode in [0o600, 0o400] {
        assert!(write("0123456789abcdef\n", mode).is_ok(), "{mode:o}");
        std::fs::remove_file(&path).expect("removed");
    }
    for mode in [0o640, 0o604, 0o620, 0o666] {
        let refused = write("0123456789abcdef\n", mode).expect_err("others may read it");
        assert!(matches!(refused, TokenError::Mode { .. }) && refused.to_string().contains("chmod 600"), "{refused}");
    }
    for text in ["", "short", "0123456789\nabcdef012345"] {
        let refused = write(text, 0o600).expect_err("unfit");
        assert!(matches!(refused, TokenError::Unfit { .. }), "{refused}");
        assert!(text.is_empty() || !refused.to_string().contains(text), "{refused}");
    }
    let missing = Token::from_file(&directory.path().join("none")).expect_err("missing");
    assert!(missing.to_string().starts_with("the token file ") && std::error::Error::source(&missing).is_some());
}
