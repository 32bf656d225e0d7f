//! The list of environment variables that expressions can read.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::decode::context;
use crate::expr::{is_env_name, is_reserved};

/// The name of an environment variable.
#[derive(Debug, JsonSchema)]
#[schemars(inline, transparent)]
pub(super) struct EnvName(
    #[schemars(regex(pattern = r"[A-Za-z_][A-Za-z0-9_]*"))] pub(super) String,
);

impl<'de> Deserialize<'de> for EnvName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if is_reserved(&name) {
            let hint =
                "variables that begin with TREATY_ are treaty's own; no manifest can read them";
            context::refuse(&name, hint);
        } else if !is_env_name(&name) {
            context::refuse(
                &name,
                "list names of environment variables, such as CLERK_ID_NO",
            );
        }
        Ok(Self(name))
    }
}
