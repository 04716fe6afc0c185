//! Asking for a look at a source, and accounting for what was asked for.

use std::sync::LazyLock;

use secrecy::SecretSlice;

use super::office::Office;
use crate::api::{self, Refusal, Requested, SourceAsked};
use crate::audit::{Deed, Outcome, What};
use crate::push::{Delivery, Disbelief, Hook, Verdict};

/// What a message is judged by where nothing is expected: that takes as long as it does elsewhere, and no message passes, for nobody knows the secret.
static NOBODY: LazyLock<Hook> = LazyLock::new(|| {
    let halves = [ulid::Ulid::generate(), ulid::Ulid::generate(), ulid::Ulid::generate()];
    Hook::new(SecretSlice::from(halves.map(|half| half.to_string()).concat().into_bytes()))
});

impl Office {
    pub(super) fn sync_source(&self, name: &str) -> Result<SourceAsked, Refusal> {
        let sources = self.tracker.sources();
        if sources.ask(name) {
            return Ok(asked(name, "the source is looked at now"));
        }
        let all = sources.list();
        Err(Refusal::no_source(name, all.iter().map(|source| source.name.as_str())))
    }

    pub(super) fn pushed(&self, name: &str, delivery: &Delivery<'_>) -> Result<SourceAsked, Disbelief> {
        let verdict = self.hooks.get(name).unwrap_or(&NOBODY).judge(delivery)?;
        Ok(match verdict {
            Verdict::Sync if self.tracker.sources().ask(name) => asked(name, "the source is looked at now"),
            Verdict::Sync => return Err(Disbelief::NotProven),
            Verdict::OtherEvent => asked(name, "nothing: only pushes count here"),
            Verdict::OtherReference => asked(name, "nothing: the source follows another branch or tag"),
        })
    }

    pub(super) fn requested(&self, request: &Requested<'_>) {
        let (outcome, reason) = match request.outcome {
            api::Outcome::Accepted => (Outcome::Accepted, None),
            api::Outcome::Refused(why) => (Outcome::Refused, Some(why)),
            api::Outcome::Abandoned => (Outcome::Abandoned, None),
        };
        let deed = Deed::new(request.caller.to_string(), What::Request, request.operation, outcome);
        let deed = deed.about_named(request.workspace).of_source(request.source.map(str::to_owned));
        self.audit_log.tell(deed.because(reason.or(request.detail).unwrap_or_default()));
    }
}

fn asked(name: &str, message: &str) -> SourceAsked {
    SourceAsked { source: name.to_owned(), message: message.to_owned() }
}
