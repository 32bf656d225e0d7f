//! Scenario tests, grouped by concern.

mod architecture;
mod cli;
mod durability;
mod execution;
#[path = "../browser/office.rs"]
mod office;
mod report;
mod sandbox;
mod simulated_faults;
mod support;
mod translations;
mod webhook;
