//! Signers of a flow: the calls that add them, their identity, and how far they are.

mod identity;
pub(crate) mod matching;
mod request;
mod status;

pub(crate) use identity::SignerIdentity;
pub(crate) use matching::PlatformTask;
pub(crate) use request::{SignerRequest, signer_identity, signs_at_once};
pub(crate) use status::{SignStates, signers};
