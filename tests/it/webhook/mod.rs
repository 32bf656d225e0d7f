//! Receiving and confirming callbacks.

pub(crate) mod command;
pub(crate) mod confirm;
pub(crate) mod receive;
pub(crate) mod slow_clients;
