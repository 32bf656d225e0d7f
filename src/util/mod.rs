//! Small helpers that belong to no other module.

pub mod atomic_file;
pub mod confine;
pub mod escape;
pub mod failpoint;
pub mod http_client;
pub mod input_file;
pub mod language;
pub mod link;
pub mod postgres_address;
pub mod private_file;
