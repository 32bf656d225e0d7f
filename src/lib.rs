//! treaty turns files that say what should be into the fewest safe calls that make it so, and a report that proves it.
//!
//! Data flows one way, and a folder is a layer that imports only what stands above it here:
//!
//! | room | holds |
//! |---|---|
//! | [`id`], [`diagnostic`] | typed ids and addresses; what is wrong, where, and what to do |
//! | [`crash`], [`whole`] | where tests cut a run off; files that appear whole or not at all |
//! | [`http_client`] | the builder of every HTTP client |
//! | [`api`] | the wire as data: the table of operations, requests and answers, error codes, callbacks |
//! | [`sheet`] | CSV and TSV → rows that know where they stand |
//! | [`render`] | expressions: strict, compiled once; filters; fingerprints |
//! | [`pdf`] | forms and their filling; words, pictures and seals on pages |
//! | [`manifest`] | files → a validated project |
//! | [`desired`] | project and rows → what should be, checked |
//! | [`plan`] | desired, recorded, observed → what is to be done; pure |
//! | [`ledger`] | what has been done |
//! | [`client`] | calls to the API: HTTP, rate limits, retries, uploads |
//! | [`apply`] | the plan, carried out in durable steps |
//! | [`report`] | a run → CSV, JSON, HTML, `JUnit`, metrics |
//! | [`listen`] | callbacks, received and confirmed |
//! | [`sandbox`] | the emulated API |
//! | [`cli`] | arguments, commands, progress, exit codes |
//!
//! A test holds every `use crate::` against this order.

pub mod address;
pub mod api;
pub mod cli;
pub mod client;
pub mod desired;
pub mod diagnostic;
pub mod execute;
pub mod expr;
pub mod ledger;
pub mod manifest;
pub mod pdf;
pub mod plan;
pub mod repair;
pub mod report;
pub mod sandbox;
pub mod sheet;
pub mod sync;
pub mod util;
pub mod webhook;
