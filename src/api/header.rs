//! Headers of requests.

use axum::http::{HeaderMap, HeaderName};

/// The value of a header that is there once. Of two, others may have looked at the other one.
pub fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}
