//! Helpers that several test programs share: a small image, clean-up on a real engine, and a proxy in front of it.

#![allow(dead_code, reason = "each test program uses its own part")]

pub mod proxy;
pub mod real;
