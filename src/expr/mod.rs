//! Expressions: the scalars of manifests, compiled once, rendered for each row, and the fingerprint of what came out.
//!
//! Rendering is strict: undefined and none are errors, an unknown column is found before any row is read, and no
//! error repeats an id number or a mobile.

mod amount;
mod compared;
mod engine;
mod expr;
mod filters;
mod fingerprint;
mod moment;
mod reserved;
mod scope;

pub use expr::{Compiler, EvalError, Expr, Uses};
pub use filters::mask;
pub use fingerprint::{Fingerprint, Fingerprinter, Salt};
pub use scope::{Environ, RunTime, Scope, Variables};
