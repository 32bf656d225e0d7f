//! Signers of a flow: the calls that add them, their identity, and how far they are.

mod identity;
pub(crate) mod matching;
mod request;
mod status;

pub(crate) use identity::Who;
pub(crate) use matching::Beside;
pub(crate) use request::{Ask, Signs, signs_at_once, whose};
pub(crate) use status::{SignStates, signers};
