//! Small helpers that belong to no other module.

pub mod atomic_file;
pub mod failpoint;
pub mod http_client;
