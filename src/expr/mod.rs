//! Expressions: scalars of manifests, compiled once and rendered for each row, and fingerprints of
//! the results.
//!
//! - Rendering is strict: undefined and none are errors.
//! - Unknown names and columns are reported before any row is read.
//! - Environment variables are readable only if they are listed; those of treaty never are.
//! - Errors never contain an id number or a mobile number.

mod amount;
mod column_use;
mod comparison;
mod compiler;
mod complexity;
mod decimal;
mod engine;
mod environ;
mod filters;
mod fingerprint;
mod kind;
mod moment;
mod reserved;
mod scalar;
mod scope;
mod short_fingerprint;
#[cfg(test)]
mod tests;
mod totals;
mod used_variables;

pub use amount::is_amount;
pub use column_use::{ColumnUse, column_uses};
pub use compiler::{Compiler, has_expression};
pub use decimal::is_plain_number;
pub use environ::{Environ, ReadableEnv, VariableSources, is_env_name, is_reserved};
pub use filters::mask;
pub use fingerprint::{Fingerprint, Fingerprinter, Salt};
pub use moment::is_date;
pub use scalar::{EvalError, Expr, Uses};
pub use scope::{RunTime, Scope, Variables};
pub use short_fingerprint::ShortFingerprint;
pub use totals::{Totals, is_summand};
pub use used_variables::UsedVariables;
