//! What a forge posts when somebody has pushed: who signed it, and what it asks for. Pure.
//!
//! | forge | proof | event |
//! |---|---|---|
//! | GitHub | `X-Hub-Signature-256: sha256=` and HMAC-SHA256 of the body, in hexadecimal | `X-GitHub-Event` |
//! | Gitea | `X-Gitea-Signature`: the same without `sha256=`; and GitHub's headers | `X-Gitea-Event` |
//! | Forgejo | `X-Forgejo-Signature`, and Gitea's and GitHub's headers | `X-Forgejo-Event` |
//! | GitLab | `X-Gitlab-Token`: the secret itself | `X-Gitlab-Event` |
//!
//! The proof is the authority: nothing else says that a message may be believed. A message of the past that is played again is proven as well, and asks
//! for what every message asks for: that the repository is looked at. What is in force then is what the repository has, never what a message
//! says; so the worst that a replay does is a look, and looks are paced.

mod proof;

use std::fmt;

use secrecy::SecretSlice;
use serde::Deserialize;

use proof::Proof;

/// What a source expects of those who notify it.
#[derive(Clone)]
pub struct Hook {
    secret: SecretSlice<u8>,
    reference: Option<String>,
}

/// The secret is not told.
impl fmt::Debug for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Hook").field("reference", &self.reference).finish_non_exhaustive()
    }
}

/// A message as it came.
#[derive(Debug)]
pub struct Delivery<'a> {
    proof: Option<Proof<'a>>,
    event: &'a str,
    body: &'a [u8],
}

/// What a message that is proven asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Look at the repository.
    Sync,
    /// Nothing: it tells of something else than a push.
    OtherEvent,
    /// Nothing: somebody pushed to another reference than the one that is followed.
    OtherReference,
}

/// Why a message is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disbelief {
    /// Nothing proves who sent it, or not with this secret.
    #[error("the message is not signed with the secret of a source")]
    NotProven,
    /// It is signed, and not what a forge writes.
    #[error("the message is signed and no JSON object with a `ref`")]
    Unreadable,
}

/// What is read of a push. Forges say much more.
#[derive(Deserialize)]
struct Pushed {
    #[serde(rename = "ref")]
    reference: Option<String>,
}

impl Hook {
    /// Messages are proven by this secret, and each push counts.
    pub const fn new(secret: SecretSlice<u8>) -> Self {
        Self { secret, reference: None }
    }

    /// Only pushes to this reference count, in full: `refs/heads/main`.
    #[must_use]
    pub fn following(self, reference: impl Into<String>) -> Self {
        Self { reference: Some(reference.into()), ..self }
    }

    /// What a message asks for. Takes the same time wherever a proof differs from the right one.
    pub fn judge(&self, delivery: &Delivery<'_>) -> Result<Verdict, Disbelief> {
        let proof = delivery.proof.as_ref().ok_or(Disbelief::NotProven)?;
        if !proof.holds(&self.secret, delivery.body) {
            return Err(Disbelief::NotProven);
        }
        if !is_push(delivery.event) {
            return Ok(Verdict::OtherEvent);
        }
        let pushed: Pushed = serde_json::from_slice(delivery.body).map_err(|_| Disbelief::Unreadable)?;
        let is_followed = match (&self.reference, &pushed.reference) {
            (Some(followed), Some(pushed)) => followed == pushed,
            // A look too many does no harm, and one too few would.
            _ => true,
        };
        Ok(if is_followed { Verdict::Sync } else { Verdict::OtherReference })
    }
}

impl<'a> Delivery<'a> {
    /// A message with these headers, each by its name in small letters, and this body. A header that is there twice is as good as none: others
    /// may have looked at the other one.
    pub fn new(header: impl Fn(&str) -> Option<&'a str>, body: &'a [u8]) -> Self {
        let event = EVENTS.iter().find_map(|name| header(name)).unwrap_or_default();
        Self { proof: Proof::find(header), event, body }
    }
}

/// Where forges say what happened. The first one that is there counts; those that send several say the same in each.
const EVENTS: [&str; 4] = ["x-github-event", "x-gitea-event", "x-forgejo-event", "x-gitlab-event"];

/// Tags are pushed, too; GitLab has an event of its own for that.
fn is_push(event: &str) -> bool {
    matches!(event, "push" | "Push Hook" | "Tag Push Hook")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "It is a secret to all";
    const BODY: &[u8] = br#"{"ref":"refs/heads/main","before":"0","commits":[]}"#;
    /// printf '%s' BODY | openssl dgst -sha256 -hmac SECRET
    const MAC: &str = "cc34dc057754939be06d84b4a185fed636c09328c37a7fc6489699e5e6f9895c";

    fn judge(headers: &[(&str, &str)], body: &[u8]) -> Result<Verdict, Disbelief> {
        let hook = Hook::new(SecretSlice::from(SECRET.as_bytes().to_vec())).following("refs/heads/main");
        let header = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
        hook.judge(&Delivery::new(header, body))
    }

    #[test]
    fn each_forge_is_believed_in_its_own_form() {
        let signature = format!("sha256={MAC}");
        for headers in [
            &[("x-hub-signature-256", signature.as_str()), ("x-github-event", "push")][..],
            &[("x-gitea-signature", MAC), ("x-gitea-event", "push")],
            &[("x-forgejo-signature", MAC), ("x-forgejo-event", "push")],
            &[("x-gitea-signature", MAC), ("x-github-event", "push")],
            &[("x-hub-signature-256", signature.as_str()), ("x-gitea-event", "push")],
            &[("x-gitlab-token", SECRET), ("x-gitlab-event", "Push Hook")],
        ] {
            assert_eq!(judge(headers, BODY), Ok(Verdict::Sync), "{headers:?}");
        }
    }

    #[test]
    fn what_is_not_proven_is_not_believed() {
        let (event, upper) = (("x-github-event", "push"), MAC.to_uppercase());
        let (cut, long) = (MAC[..62].to_owned(), format!("{MAC}00"));
        let changed = format!("{}{}", &MAC[..63], if MAC.ends_with('0') { '1' } else { '0' });
        let bare = |value: &str| format!("sha256={value}");
        for (name, value) in [
            ("x-hub-signature-256", MAC.to_owned()),
            ("x-hub-signature-256", bare(&changed)),
            ("x-hub-signature-256", bare(&cut)),
            ("x-hub-signature-256", bare(&long)),
            ("x-hub-signature-256", bare("")),
            ("x-hub-signature-256", bare(&"é".repeat(32))),
            ("x-hub-signature-256", format!("sha1={MAC}")),
            ("x-hub-signature", bare(MAC)),
            ("x-gitea-signature", changed.clone()),
            ("x-gitlab-token", MAC.to_owned()),
            ("x-gitlab-token", SECRET[1..].to_owned()),
            ("x-gitlab-token", String::new()),
        ] {
            assert_eq!(judge(&[event, (name, &value)], BODY), Err(Disbelief::NotProven), "{name}: {value}");
        }
        assert_eq!(judge(&[event], BODY), Err(Disbelief::NotProven));
        assert_eq!(judge(&[event, ("x-gitea-signature", MAC)], b"{}"), Err(Disbelief::NotProven));
        // The same number in other digits.
        assert_eq!(judge(&[event, ("x-gitea-signature", &upper)], BODY), Ok(Verdict::Sync));
        // A proof that does not hold is not made good by another one.
        let both = [event, ("x-hub-signature-256", "sha256=00"), ("x-gitlab-token", SECRET)];
        assert_eq!(judge(&both, BODY), Err(Disbelief::NotProven));
    }

    #[test]
    fn other_events_and_references_ask_for_nothing() {
        let token = ("x-gitlab-token", SECRET);
        for (event, body, expected) in [
            ("ping", "{\"zen\":\"…\"}", Ok(Verdict::OtherEvent)),
            ("ping", "no JSON", Ok(Verdict::OtherEvent)),
            ("issues", "{}", Ok(Verdict::OtherEvent)),
            ("", "{}", Ok(Verdict::OtherEvent)),
            ("push", r#"{"ref":"refs/heads/mainly"}"#, Ok(Verdict::OtherReference)),
            ("push", r#"{"ref":"refs/tags/main"}"#, Ok(Verdict::OtherReference)),
            ("push", r#"{"ref":"main"}"#, Ok(Verdict::OtherReference)),
            ("push", "{}", Ok(Verdict::Sync)),
            ("Tag Push Hook", r#"{"ref":"refs/heads/main"}"#, Ok(Verdict::Sync)),
            ("push", "payload=%7B%7D", Err(Disbelief::Unreadable)),
            ("push", r#"{"ref":7}"#, Err(Disbelief::Unreadable)),
            ("push", "[]", Err(Disbelief::Unreadable)),
        ] {
            assert_eq!(judge(&[token, ("x-github-event", event)], body.as_bytes()), expected, "{event} {body}");
        }
    }

    #[test]
    fn without_a_reference_every_push_counts() {
        let hook = Hook::new(SecretSlice::from(SECRET.as_bytes().to_vec()));
        let header = |name: &str| match name {
            "x-gitlab-token" => Some(SECRET),
            "x-gitlab-event" => Some("Push Hook"),
            _ => None,
        };
        assert_eq!(hook.judge(&Delivery::new(header, br#"{"ref":"refs/tags/v1"}"#)), Ok(Verdict::Sync));
        assert!(!format!("{hook:?} {:?}", Delivery::new(header, b"")).contains("secret"));
    }
}
