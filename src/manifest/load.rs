//! Loads a [`Project`] from a folder: `treaty.yaml` and the manifests that its patterns match. All
//! files share one namespace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde::de::{DeserializeOwned, IgnoredAny};

use super::account::Account;
use super::check;
use super::collections::{List, Named, NamedMap};
use super::env_list::EnvName;
use super::files::{manifests, read};
use super::flow::Flow;
use super::moves::{Move, Moves};
use super::path::PathBase;
use super::project::{PROJECT_FILE, Project};
use super::project_file::{Environment, Manifest, ProjectFile};
use super::seal::{Seal, Template};
use super::value::StaticText;
use super::variable_values::{Declarations, Resolved};
use super::yaml::{Kind, Node, parse};
use super::{decode, environment, prepare, resolve, schema};
use crate::api::{ALLOW_ENDPOINT, AllowedEndpoints};
use crate::diagnostic::{Diagnostic, Findings, SourceFile, Span};
use crate::expr::{Compiler, Environ, ReadableEnv, UsedVariables, Uses, Variables};
use crate::util::escape::is_unsafe;

impl Project {
    /// Loads the project in `root` for an environment, or for its default environment. Adds errors
    /// and warnings to `findings`. Returns `None` when the settings cannot be determined.
    pub fn load(
        root: &Path,
        environment: Option<&str>,
        environ: &Environ,
        findings: &mut Findings,
    ) -> Option<Self> {
        let errors_before = findings.errors();
        let node = project_node(root, findings)?;
        let mut head = Head::read(&node, environment, environ, findings);
        let compiler = head.compiler();
        let root_node = (&node, &node.span, PROJECT_FILE);
        let file: ProjectFile = decode(root_node, &compiler, findings)?;
        if !matches!(node.kind, Kind::Mapping(_)) {
            return None;
        }
        if file.version.text != "1" && !file.version.is_placeholder {
            let version = &file.version;
            let message = format!(
                "version {} of the manifest language is not supported",
                version.text
            );
            findings.push(
                Diagnostic::error(message)
                    .at(&version.span)
                    .hint("use version: 1, or a newer treaty"),
            );
        }
        let settings = head.selected().and_then(|selected| {
            let declared = selected.decode(&compiler, findings)?;
            let allowed = AllowedEndpoints::parse(environ.get(ALLOW_ENDPOINT).unwrap_or_default());
            let merged = (&declared, &file);
            environment::settings(root, selected.name, merged, &allowed, findings)
        });
        findings.extend(check_name(&file.project, &node));
        let settings_have_errors = findings.errors() > errors_before;
        head.check_others(root, environ, findings);
        findings.extend(std::mem::take(&mut head.variables.findings));
        let mut loader = Loader::new(root, compiler.in_flow());
        loader.check_uses = check::uses(&file.checks).collect();
        let own = Manifest {
            accounts: file.accounts,
            seals: file.seals,
            templates: file.templates,
            flows: file.flows,
            moved: file.moved,
        };
        loader.add(own, root, findings);
        let paths = manifests(root, file.manifests.as_deref(), findings);
        let is_single_file = paths.is_empty();
        for path in paths {
            loader.file(&path, &compiler, findings);
        }
        if loader.declared.is_empty() && findings.errors() == 0 {
            findings.push(nothing_declared(is_single_file));
        }
        let is_incomplete = loader.is_incomplete;
        // The expressions of what has errors may not be known.
        if !is_incomplete && findings.errors() == errors_before {
            findings.extend(head.unused());
        }
        // Names may be declared in a file that cannot be read.
        let moves = if is_incomplete {
            Moves::default()
        } else {
            loader.moves(findings)
        };
        let project = Self {
            root: root.to_owned(),
            name: file.project,
            settings: settings?,
            settings_have_errors,
            accounts: loader.accounts,
            seals: loader.seals,
            templates: loader.templates,
            flows: loader.flows,
            checks: file.checks,
            moves,
            prune: file.prune,
            scope: compiler.scope(),
            variables: head.variables.values.clone(),
            env: head.env.clone(),
            sources: std::iter::once(node.span.file.clone())
                .chain(loader.sources)
                .collect(),
            declared: loader.declared.into_keys().collect(),
            recorded_keys: OnceLock::new(),
        };
        // References may point to declarations of a file that cannot be read.
        if !is_incomplete {
            resolve::check(&project, findings);
        }
        Some(project)
    }
}

/// Decodes a node with its location and name in messages. Adds all errors to `findings`.
fn decode<T: DeserializeOwned>(
    node: (&Node, &Span, &str),
    compiler: &Compiler,
    findings: &mut Findings,
) -> Option<T> {
    decode::decode(node, compiler, schema::required_fields, findings)
}

/// Decodes a field of a mapping, if it is declared and valid.
fn field<T: DeserializeOwned>(
    node: &Node,
    name: &str,
    compiler: &Compiler,
    findings: &mut Findings,
) -> Option<T> {
    let (place, node) = node.field(name)?;
    decode((node, place, name), compiler, findings)
}

/// Parses `treaty.yaml`, which is one document.
fn project_node(root: &Path, findings: &mut Findings) -> Option<Node> {
    let file = read(root, &root.join(PROJECT_FILE), findings)?;
    let mut documents = parse(&file)
        .map_err(|error| findings.push(error))
        .ok()?
        .into_iter();
    let Some(node) = documents.next() else {
        let error = Diagnostic::error("treaty.yaml is empty");
        findings.push(error.hint("create a project with treaty init"));
        return None;
    };
    if let Some(second) = documents.next() {
        findings.push(
            Diagnostic::error("treaty.yaml has more than one document")
                .at(&second.span)
                .hint("remove --- and merge the documents, or move sections to manifests/"),
        );
    }
    Some(node)
}

/// Returns the names of the environments that a project declares; none if `treaty.yaml` cannot be
/// read.
pub fn environment_names(root: &Path) -> Vec<String> {
    let node = project_node(root, &mut Findings::default());
    let declared = node.as_ref().and_then(|node| node.field("environments"));
    let entries = declared.and_then(|(_, node)| node.entries());
    let names = entries
        .into_iter()
        .flatten()
        .map(|(name, ..)| name.to_owned());
    names.collect()
}

/// Returns an error for a project name with control characters: it is shown in reports and metrics.
fn check_name(name: &str, node: &Node) -> Option<Diagnostic> {
    let (_, value) = node.field("project").filter(|_| name.contains(is_unsafe))?;
    let error = Diagnostic::error("the name of the project contains a control character");
    let hint = "remove line breaks, tabs and invisible characters";
    Some(error.at(&value.span).hint(hint))
}

fn nothing_declared(has_no_manifest: bool) -> Diagnostic {
    let error = Diagnostic::error("nothing is declared: no account, seal, template or flow");
    error
        .at(PathBuf::from(PROJECT_FILE))
        .hint(if has_no_manifest {
            "add manifests to manifests/, or check the patterns of manifests: in treaty.yaml"
        } else {
            "the manifests are empty: declare accounts, seals, templates or flows"
        })
}

/// The fields of `treaty.yaml` that are decoded before the others: variables and environments.
struct Head<'n> {
    /// The name of the selected environment.
    environment: Option<String>,
    environments: Vec<EnvironmentNode<'n>>,
    /// The variables of the project.
    declarations: Declarations,
    /// The variables in the selected environment.
    variables: Resolved,
    /// The environment variables that the project lists for all environments.
    shared_env: Vec<String>,
    /// The environment variables that expressions can read in the selected environment.
    env: ReadableEnv,
    /// The variables that expressions use, in any environment.
    used: UsedVariables,
}

impl<'n> Head<'n> {
    /// Reads variables and environments, and selects the environment `chosen` or the default.
    fn read(
        node: &'n Node,
        chosen: Option<&str>,
        environ: &Environ,
        findings: &mut Findings,
    ) -> Self {
        let shared_env = env_list(node, findings);
        let readable = environ.readable(shared_env.iter().map(String::as_str));
        let compiler = Compiler::new(Variables::default(), readable);
        let default: Option<StaticText> = field(node, "defaultEnvironment", &compiler, findings);
        // Decoding checks the names.
        let _: Option<NamedMap<IgnoredAny>> = field(node, "environments", &compiler, findings);
        let declared = node.field("environments").map(|(_, node)| node);
        let environments = declared.and_then(Node::entries).into_iter().flatten();
        let environments: Vec<_> = environments
            .map(|(name, place, node)| EnvironmentNode { name, place, node })
            .collect();
        let default = default.filter(|default| !default.is_placeholder);
        let name = chosen.or(default.as_ref().map(|default| &*default.text));
        let names: Vec<&str> = environments.iter().map(|declared| declared.name).collect();
        let is_known = name.is_some_and(|name| names.contains(&name));
        if !is_known && declared.is_some() {
            let error = match name {
                _ if names.is_empty() => Diagnostic::error("no environment is declared")
                    .hint("environments: { sandbox: { endpoint: sandbox } }"),
                None => Diagnostic::error("no environment is selected").hint(format!(
                    "select one with -e, or set defaultEnvironment: {}",
                    names.join(", ")
                )),
                Some(name) => Diagnostic::error(unknown_environment(name))
                    .hint(format!("treaty.yaml declares {}", names.join(", "))),
            };
            findings.push(match &default {
                Some(default) if chosen.is_none() => error.at(&default.span),
                _ => error,
            });
        }
        let mut head = Self {
            environment: name.filter(|_| is_known).map(str::to_owned),
            environments,
            declarations: Declarations::default(),
            variables: Resolved::default(),
            shared_env,
            env: ReadableEnv::default(),
            used: UsedVariables::default(),
        };
        let selected = head.selected().map(|selected| selected.node);
        head.env = head.readable(selected, environ, findings);
        let compiler = Compiler::new(Variables::default(), head.env.clone());
        let declared = field(node, "variables", &compiler, findings).unwrap_or_default();
        head.declarations = Declarations::new(declared, environ);
        let own = selected.and_then(|node| field(node, "variables", &compiler, findings));
        let own = own.unwrap_or_default();
        head.variables = head.declarations.resolve(&own, environ);
        head
    }

    /// Returns the compiler for the selected environment.
    fn compiler(&self) -> Compiler {
        let Resolved {
            values, missing, ..
        } = &self.variables;
        Compiler::new(values.clone(), self.env.clone())
            .with_missing(missing.clone())
            .with_used(self.used.clone())
    }

    /// Returns warnings of declared variables that no expression uses.
    fn unused(&self) -> impl Iterator<Item = Diagnostic> {
        let declared = self.variables.declared.iter();
        let unused = declared.filter(|(name, _)| !self.used.contains(name));
        unused.map(|(name, span)| {
            let warning = t!("no expression uses the variable %{name}", name = name);
            let hint = t!(
                "use it as var.%{name}, or remove its declaration",
                name = name
            );
            Diagnostic::warning(warning).at(span).hint(hint)
        })
    }

    /// Returns the environment variables that expressions can read in an environment.
    fn readable(
        &self,
        environment: Option<&Node>,
        environ: &Environ,
        findings: &mut Findings,
    ) -> ReadableEnv {
        let own = environment.map(|node| env_list(node, findings));
        let all = self.shared_env.iter().chain(own.iter().flatten());
        environ.readable(all.map(String::as_str))
    }

    /// Returns the selected environment.
    fn selected(&self) -> Option<&EnvironmentNode<'n>> {
        let name = self.environment.as_deref()?;
        let mut all = self.environments.iter();
        all.find(|declared| declared.name == name)
    }

    /// Checks the environments that are not selected. Unset environment variables are ignored.
    fn check_others(&self, root: &Path, environ: &Environ, findings: &mut Findings) {
        for other in &self.environments {
            if self.environment.as_deref() == Some(other.name) {
                continue;
            }
            let env = self.readable(Some(other.node), environ, findings);
            let compiler = Compiler::new(Variables::default(), env.clone()).lenient();
            let own: NamedMap<StaticText> =
                field(other.node, "variables", &compiler, findings).unwrap_or_default();
            findings.extend(self.declarations.check_own(&own, environ));
            let own = self.declarations.resolve(&own, environ);
            let compiler = Compiler::new(own.values, env)
                .lenient()
                .with_used(self.used.clone());
            if let Some(declared) = other.decode(&compiler, findings) {
                environment::check(root, other.name, &declared, findings);
            }
        }
    }
}

/// An environment that is not decoded yet.
struct EnvironmentNode<'n> {
    name: &'n str,
    place: &'n Span,
    node: &'n Node,
}

impl EnvironmentNode<'_> {
    fn decode(&self, compiler: &Compiler, findings: &mut Findings) -> Option<Environment> {
        let label = format!("environments.{}", self.name);
        decode((self.node, self.place, &label), compiler, findings)
    }
}

/// Returns the message for an environment that is not declared.
pub fn unknown_environment(name: &str) -> String {
    t!("there is no environment %{name}", name = name).into_owned()
}

/// Decodes the list `env` of the project or of an environment. Its names are literal.
fn env_list(node: &Node, findings: &mut Findings) -> Vec<String> {
    let compiler = Compiler::new(Variables::default(), ReadableEnv::default());
    let names: Option<List<EnvName>> = field(node, "env", &compiler, findings);
    let names = names.iter().flatten();
    names.map(|EnvName(name)| name.clone()).collect()
}

/// Collects the declarations of all files in one namespace.
struct Loader<'a> {
    root: &'a Path,
    in_flow: Compiler,
    accounts: BTreeMap<String, Named<Account>>,
    seals: BTreeMap<String, Named<Seal>>,
    templates: BTreeMap<String, Named<Template>>,
    flows: BTreeMap<String, Named<Flow>>,
    moved: Vec<Move>,
    /// The location of the first declaration of each name, by section.
    declared: BTreeMap<(&'static str, String), Span>,
    /// The names that the checks of all flows use.
    check_uses: Vec<(Uses, Span)>,
    /// The files that were read.
    sources: Vec<Arc<SourceFile>>,
    /// Whether a file could not be read.
    is_incomplete: bool,
}

impl<'a> Loader<'a> {
    fn new(root: &'a Path, in_flow: Compiler) -> Self {
        Self {
            root,
            in_flow,
            accounts: BTreeMap::new(),
            seals: BTreeMap::new(),
            templates: BTreeMap::new(),
            flows: BTreeMap::new(),
            moved: Vec::new(),
            declared: BTreeMap::new(),
            sources: Vec::new(),
            check_uses: Vec::new(),
            is_incomplete: false,
        }
    }

    /// Loads the documents of a manifest.
    fn file(&mut self, path: &Path, compiler: &Compiler, findings: &mut Findings) {
        let Some(file) = read(self.root, path, findings) else {
            self.is_incomplete = true;
            return;
        };
        self.sources.push(file.clone());
        let documents = match parse(&file) {
            Ok(documents) => documents,
            Err(error) => {
                self.is_incomplete = true;
                return findings.push(error);
            }
        };
        let folder = path.parent().unwrap_or(self.root);
        for node in documents {
            let label = match node.kind {
                Kind::Mapping(_) => "a manifest",
                _ => "the file",
            };
            let root_node = (&node, &node.span, label);
            if let Some(manifest) = decode::<Manifest>(root_node, compiler, findings) {
                self.add(manifest, folder, findings);
            }
        }
    }

    /// Adds the declarations of a document. `folder` is the base of its relative paths.
    fn add(&mut self, manifest: Manifest, folder: &Path, findings: &mut Findings) {
        for account in self.new_entries("accounts", manifest.accounts, findings) {
            self.accounts.insert(account.name.clone(), account);
        }
        for mut seal in self.new_entries("seals", manifest.seals, findings) {
            folder.clone_into(&mut seal.folder);
            self.seals.insert(seal.name.clone(), seal);
        }
        for mut template in self.new_entries("templates", manifest.templates, findings) {
            folder.clone_into(&mut template.folder);
            self.templates.insert(template.name.clone(), template);
        }
        self.moved.extend(manifest.moved);
        let base = PathBase {
            root: self.root,
            folder,
        };
        for mut flow in self.new_entries("flows", manifest.flows, findings) {
            flow.uses.extend(self.check_uses.iter().cloned());
            if prepare::flow(&mut flow, &base, &self.in_flow, findings) {
                self.flows.insert(flow.name.clone(), flow);
            }
        }
    }

    /// Checks the renamed declarations of all files.
    fn moves(&self, findings: &mut Findings) -> Moves {
        let declared = |section: &'static str, name: &str| {
            self.declared.contains_key(&(section, name.to_owned()))
        };
        let names = |section: &'static str| {
            let all = self.declared.keys().filter(|(own, _)| *own == section);
            all.map(|(_, name)| name.clone()).collect()
        };
        Moves::of(&self.moved, &declared, &names, findings)
    }

    /// Returns the entries of a section. Reports names that are already declared and leaves them
    /// out.
    fn new_entries<T>(
        &mut self,
        section: &'static str,
        entries: NamedMap<T>,
        findings: &mut Findings,
    ) -> Vec<Named<T>> {
        let mut duplicates = Vec::new();
        for (name, span) in entries.declared {
            match self.declared.get(&(section, name.clone())) {
                Some(first) => {
                    findings.push(
                        Diagnostic::error(format!("{section}.{name} is declared twice"))
                            .at(&span)
                            .related(first, "first declared here")
                            .hint("rename one of them: all manifests share one namespace"),
                    );
                    duplicates.push(name);
                }
                None => drop(self.declared.insert((section, name), span)),
            }
        }
        let mut new = entries.entries;
        new.retain(|entry| !duplicates.contains(&entry.name));
        new
    }
}
