//! tmp
pub mod api;
pub mod diagnostic;
pub mod id;
pub mod sheet;
