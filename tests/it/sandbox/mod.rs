//! The sandbox against the API document and its clients.

pub(crate) mod apps;
pub(crate) mod callbacks;
pub(crate) mod clients;
pub(crate) mod coverage;
pub(crate) mod document_examples;
mod driver;
pub(crate) mod fault_rules;
pub(crate) mod operations;
mod other_sites;
mod own_program;
pub(crate) mod pages;
pub(crate) mod servers;
mod spellings;
pub(crate) mod stage;
