//! Executes the planned actions on accounts, seals and templates: create, update, adopt, grant,
//! delete.

mod account;
mod seal;
mod template;
