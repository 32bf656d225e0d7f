//! Small helpers without a better home.

pub mod atomic_file;
pub mod failpoint;
pub mod http_client;
