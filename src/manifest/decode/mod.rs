//! Decodes a YAML tree into types that derive `serde::Deserialize`, without stopping at the first
//! error.
//!
//! - A wrong or missing value is reported at its location, and a placeholder takes its place, which
//!   later checks skip. A declaration without a kind is left out of its
//!   [`NamedMap`](super::NamedMap) or [`List`](super::List).
//! - Scalars are rendered: `var` and `env` can be used everywhere. A field that may depend on the
//!   row has the type [`Value`](super::Value).
//! - `#[serde(rename = "$one")]` on an enum field of a struct: the struct has exactly one of the
//!   enum's variants as a field ([`ONE_OF`]).
//! - `#[serde(rename = "$kind")]` on an enum: the variants are `scalar`, `sequence` and `mapping`,
//!   and the kind of the YAML node selects one ([`BY_KIND`]).

pub(super) mod context;
mod deserializer;
mod error;
mod mapping;
mod placeholder;

use serde::de::DeserializeOwned;

use super::yaml::Node;
use crate::diagnostic::{Diagnostic, Findings, Span};
use crate::expr::Compiler;
use context::{Context, RequiredFields};
use deserializer::NodeDeserializer;
use error::Error;

/// The name of a struct field that holds one variant of an enum, see the module documentation.
pub(super) const ONE_OF: &str = "$one";
/// The name of an enum that is selected by the kind of the node, see the module documentation.
pub(super) const BY_KIND: &str = "$kind";
/// The name of the newtype that receives the source text of a scalar, without rendering it.
pub(super) const SOURCE: &str = "$source";

/// Decodes a node. `label` is its name in messages, `place` its location in them, and
/// `required_fields` returns the required fields of a type. Adds all errors to `findings`.
/// Returns `None` when an error stopped it.
pub(super) fn decode<T: DeserializeOwned>(
    (node, place, label): (&Node, &Span, &str),
    compiler: &Compiler,
    required_fields: RequiredFields,
    findings: &mut Findings,
) -> Option<T> {
    context::enter(Context::new(
        compiler.clone(),
        required_fields,
        node.span.clone(),
    ));
    let decoded = T::deserialize(NodeDeserializer::new(node, place, label.to_owned()));
    let mut context = context::leave();
    if let Err(Error::Message(message)) = &decoded {
        let error = Diagnostic::error(format!("{label}: {message}")).at(place);
        context.findings.push(error);
    }
    findings.extend(context.findings);
    decoded.ok()
}
