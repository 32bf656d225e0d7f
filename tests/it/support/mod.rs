//! Projects, servers and rigs that the tests share.

pub(crate) mod faulty_transport;
pub(crate) mod listener;
pub(crate) mod postgres;
pub(crate) mod project;
pub(crate) mod rig;
pub(crate) mod script;
pub(crate) mod serve;
pub(crate) mod state_rig;
pub(crate) mod truth;
pub(crate) mod workbook;
