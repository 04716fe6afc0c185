//! The signature of a message.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The value of `Wharf-Signature-256`: `sha256=` and HMAC-SHA256 with the secret of `TIMESTAMP.BODY`, in hexadecimal.
///
/// That the time is signed, too, lets a receiver refuse what is old, and so what is played to it again: the scheme of
/// [Stripe](https://docs.stripe.com/webhooks#verify-manually) in the form of
/// [GitHub](https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries). Receivers should compare in constant time.
pub fn signature(secret: &[u8], timestamp: i64, body: &[u8]) -> String {
    // A key of any length is one: https://www.rfc-editor.org/rfc/rfc2104#section-2
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let mut text = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_openssl_says() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 'It is a secret to all'
        let expected = "83ef1dad23481aa2765d95518ffdb9461eeae0dad2f69b1ca4dfae0d8bc9e1a9";
        assert_eq!(signature(b"It is a secret to all", 1_700_000_000, br#"{"a":1}"#), format!("sha256={expected}"));
    }
}
