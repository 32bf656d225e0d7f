//! Executes the planned actions on accounts, seals and templates: create, update, adopt, grant,
//! delete.

mod account;
mod apply;
mod row_account;
mod seal;
mod template;
