//! tmp
pub mod api;
pub mod apply;
pub mod client;
pub mod desired;
pub mod diagnostic;
pub mod id;
pub mod ledger;
pub mod manifest;
pub mod pdf;
pub mod plan;
pub mod render;
pub mod sandbox;
pub mod sheet;
