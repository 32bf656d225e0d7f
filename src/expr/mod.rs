//! Expressions: scalars of manifests, compiled once and rendered for each row, and fingerprints of
//! the results.
//!
//! - Rendering is strict: undefined and none are errors.
//! - Unknown names and columns are reported before any row is read.
//! - Errors never contain an id number or a mobile number.

mod amount;
mod comparison;
mod compiler;
mod engine;
mod filters;
mod fingerprint;
mod moment;
mod reserved;
mod scalar;
mod scope;
#[cfg(test)]
mod tests;

pub use compiler::{Compiler, has_expression};
pub use filters::mask;
pub use fingerprint::{Fingerprint, Fingerprinter, Salt};
pub use scalar::{EvalError, Expr, Uses};
pub use scope::{Environ, RunTime, Scope, Variables};
