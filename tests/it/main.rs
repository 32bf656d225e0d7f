//! treaty from outside: the binary on real folders, and the library against a world that can be looked into.

mod audit;
mod callbacks;
mod carry;
mod cases;
mod confirm;
mod coverage;
mod durable;
mod faults;
mod faulty;
mod golden;
mod journey;
mod language;
mod listen;
mod listen_command;
mod listen_rig;
#[path = "../browser/office.rs"]
mod office;
mod outage;
mod pages;
mod project;
mod properties;
mod reissue;
mod rig;
mod rooms;
mod schema;
mod script;
mod serve;
mod server;
mod signals;
mod state;
mod state_rig;
mod table;
mod truth;
mod vanish;
mod wire;
