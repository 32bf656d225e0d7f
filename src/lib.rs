//! tmp
pub mod api;
pub mod desired;
pub mod diagnostic;
pub mod id;
pub mod ledger;
pub mod manifest;
pub mod pdf;
pub mod plan;
pub mod render;
pub mod sheet;
