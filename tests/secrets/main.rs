//! No secret is ever shown: the real program, on the real engine, with a distinctive text in every place where people put
//! secrets, and a search through everything that it then writes.
//!
//! [`places::PLACES`] is the list of the places: how a secret gets in, and what the manifest then is. What is searched, and for
//! which forms of a secret, is in [`search`].

mod answers;
mod places;
mod program;
mod search;
mod values;

#[path = "../support/mod.rs"]
mod support;

use support::{manifest, world};
