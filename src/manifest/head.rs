//! Decodes the head of `treaty.yaml`: version, project, manifests, variables and the selected
//! environment.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::decode::{Decoder, Fields};
use super::environment;
use super::yaml::{Kind, Node};
use crate::diagnostic::{Diagnostic, Span};
use crate::expr::{Compiler, Environ, Variables};

/// The default of `manifests` in `treaty.yaml`.
pub(super) const DEFAULT_MANIFESTS: &str = "manifests/*.yaml";

/// The values that must be known before other fields are rendered.
#[derive(Default)]
pub(super) struct Head<'n> {
    pub(super) project: String,
    pub(super) manifests: Vec<(String, Span)>,
    pub(super) environment: Option<(String, &'n Node)>,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) others: Vec<OtherEnvironment<'n>>,
}

/// An environment that is not selected. It is validated like the selected one.
pub(super) struct OtherEnvironment<'n> {
    name: String,
    node: &'n Node,
    /// The variables of the project.
    variables: BTreeMap<String, String>,
}

impl OtherEnvironment<'_> {
    /// Validates the environment. Unset environment variables are ignored.
    pub(super) fn check(mut self, decoder: &mut Decoder<'_>, root: &Path, environ: &Environ) {
        let mut decoder = Decoder {
            compiler: Compiler::new(Variables::default(), environ.clone()).lenient(),
            findings: decoder.findings,
        };
        if let Some(node) = own_variables(self.node) {
            variables(&mut decoder, node, &mut self.variables);
        }
        let mut decoder = Decoder {
            compiler: Compiler::new(Arc::new(self.variables), environ.clone()).lenient(),
            findings: decoder.findings,
        };
        if let Some(environment) = environment::environment(&mut decoder, self.node) {
            environment::check(&mut decoder, root, &self.name, &environment);
        }
    }
}

impl<'n> Head<'n> {
    /// Decodes the head and selects the environment `chosen`, or the project's default.
    pub(super) fn decode(
        &mut self,
        decoder: &mut Decoder<'_>,
        fields: &mut Fields<'n>,
        chosen: Option<&str>,
    ) {
        if let Some(version) = fields.settled(decoder, "version")
            && version.text != "1"
        {
            decoder.error(
                &version.span,
                format!(
                    "version {} of the manifest language is not supported",
                    version.text
                ),
                "use version: 1, or a newer treaty",
            );
        }
        self.project = fields
            .settled(decoder, "project")
            .map(|name| name.text)
            .unwrap_or_default();
        if let Some(node) = fields.optional("manifests") {
            let nodes = decoder.list(node, "manifests").iter();
            let patterns = nodes.filter_map(|node| decoder.settled(node, "a pattern"));
            self.manifests
                .extend(patterns.map(|pattern| (pattern.text, pattern.span)));
        } else {
            self.manifests
                .push((DEFAULT_MANIFESTS.to_owned(), fields.span().clone()));
        }
        if let Some(node) = fields.optional("variables") {
            variables(decoder, node, &mut self.variables);
        }
        let default = fields.optional_settled(decoder, "defaultEnvironment");
        let environments = fields.required(decoder, "environments");
        let environments = environments
            .map(|node| decoder.named(node, "environments"))
            .unwrap_or_default();
        let name = chosen.or(default.as_ref().map(|default| default.text.as_str()));
        let others = environments
            .iter()
            .filter(|(known, _, _)| name != Some(known));
        self.others = others
            .map(|(name, _, node)| OtherEnvironment {
                name: (*name).to_owned(),
                node,
                variables: self.variables.clone(),
            })
            .collect();
        let Some(name) = name else {
            let all: Vec<&str> = environments.iter().map(|(name, _, _)| *name).collect();
            decoder.findings.push(
                Diagnostic::error("no environment is selected").hint(format!(
                    "select one with -e, or set defaultEnvironment: {}",
                    all.join(", ")
                )),
            );
            return;
        };
        let Some((_, _, node)) = environments.iter().find(|(known, _, _)| *known == name) else {
            let all: Vec<&str> = environments.iter().map(|(name, _, _)| *name).collect();
            let unknown = Diagnostic::error(unknown_environment(name));
            let unknown = unknown.hint(format!("treaty.yaml declares {}", all.join(", ")));
            decoder
                .findings
                .push(match default.filter(|_| chosen.is_none()) {
                    Some(default) => unknown.at(default.span),
                    None => unknown,
                });
            return;
        };
        if let Some(node) = own_variables(node) {
            variables(decoder, node, &mut self.variables);
        }
        self.environment = Some((name.to_owned(), node));
    }
}

/// Returns the message for an environment that is not declared.
pub fn unknown_environment(name: &str) -> String {
    format!("there is no environment {name}")
}

/// Returns the `variables` node of an environment.
fn own_variables(environment: &Node) -> Option<&Node> {
    let Kind::Mapping(pairs) = &environment.kind else {
        return None;
    };
    let is_variables = |key: &Node| matches!(&key.kind, Kind::Scalar(name) if name == "variables");
    let entry = pairs.iter().find(|(key, _)| is_variables(key));
    entry.map(|(_, node)| node)
}

/// Decodes variables and adds them to `all`.
fn variables(decoder: &mut Decoder<'_>, node: &Node, all: &mut BTreeMap<String, String>) {
    for (name, _, node) in decoder.named(node, "variables") {
        if let Some(value) = decoder.settled(node, name) {
            all.insert(name.to_owned(), value.text);
        }
    }
}
