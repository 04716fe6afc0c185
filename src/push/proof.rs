//! What proves that a message comes from somebody who has the secret.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// What a message has as a proof.
pub(super) enum Proof<'a> {
    /// HMAC-SHA256 of the body in hexadecimal digits; `None`: what stands there is none.
    Signature(Option<[u8; 32]>),
    /// The secret itself.
    Token(&'a str),
}

/// A token is the secret.
impl fmt::Debug for Proof<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Signature(_) => "Signature",
            Self::Token(_) => "Token",
        })
    }
}

impl<'a> Proof<'a> {
    /// The proof among headers. The first one that is there counts, whether or not it holds.
    pub(super) fn find(header: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let github = || header("x-hub-signature-256").map(|text| Self::signature(text.strip_prefix("sha256=")));
        let gitea = || header("x-gitea-signature").or_else(|| header("x-forgejo-signature"));
        let gitlab = || header("x-gitlab-token").map(Self::Token);
        github().or_else(|| gitea().map(|text| Self::signature(Some(text)))).or_else(gitlab)
    }

    fn signature(text: Option<&str>) -> Self {
        Self::Signature(text.and_then(digits))
    }

    /// Whether it is one with this secret.
    pub(super) fn holds(&self, secret: &SecretSlice<u8>, body: &[u8]) -> bool {
        let secret = secret.expose_secret();
        match self {
            Self::Token(token) => token.as_bytes().ct_eq(secret).into(),
            Self::Signature(signature) => {
                // A key of any length is one: https://www.rfc-editor.org/rfc/rfc2104#section-2
                let (Some(signature), Ok(mut mac)) = (signature, Hmac::<Sha256>::new_from_slice(secret)) else {
                    return false;
                };
                mac.update(body);
                mac.verify_slice(signature).is_ok()
            }
        }
    }
}

/// 32 bytes from 64 hexadecimal digits.
fn digits(text: &str) -> Option<[u8; 32]> {
    let text = text.as_bytes();
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(0)? << 4 | digit(1)?;
    }
    Some(bytes)
}
