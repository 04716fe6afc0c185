//! Wharf keeps container workspaces as their manifests declare them, on a plain Docker engine.

pub mod cli;
pub mod controller;
pub mod engine;
pub mod manifest;
pub mod model;
pub mod plan;
pub mod source;
pub mod status_file;
pub mod store;
pub mod yaml;
