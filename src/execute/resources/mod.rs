//! Accounts, seals and templates: created, updated or taken over as the plan says.

mod account;
mod seal;
mod template;
