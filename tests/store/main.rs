//! The store against what happens to stores: kills, full disks, flipped bytes, newer versions, second owners.

mod basics;
mod damage;
mod disk;
mod events;
mod kills;
mod reading;
mod series;
mod support;
mod writer;

#[path = "../support/small_disk.rs"]
mod small_disk;
#[path = "../support/tell.rs"]
mod tell;
