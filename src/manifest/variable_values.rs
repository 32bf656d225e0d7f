//! Determines the values of variables. From the lowest precedence to the highest: `default`, the
//! environment of the project, `TREATY_VAR_NAME`, `--var-file` in their order, `--var`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use minijinja::Value;

use super::collections::{Named, NamedMap};
use super::value::StaticText;
use super::variable::{Variable, VariableDeclaration, VariableType};
use super::variable_file::{is_readable_by_others, read};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::expr::{Environ, Variables};

/// The prefix of environment variables with values of variables.
const PREFIX: &str = "TREATY_VAR_";

/// The shortest secret that can be masked, in bytes.
const SHORTEST_SECRET: usize = 6;

/// The variables of a project before an environment is applied.
#[derive(Debug, Default)]
pub(super) struct Declarations {
    declared: BTreeMap<String, Declared>,
    given: Vec<Given>,
    /// Errors and warnings about given values.
    findings: Vec<Diagnostic>,
}

#[derive(Debug, Clone)]
struct Declared {
    span: Span,
    kind: VariableType,
    is_required: bool,
    is_secret: bool,
    value: Option<(String, Origin)>,
}

/// A value from outside of the project.
#[derive(Debug)]
struct Given {
    name: String,
    text: String,
    origin: Origin,
}

/// The source of a value.
#[derive(Debug, Clone)]
enum Origin {
    Manifest(Span),
    Environ(String),
    File(Span, PathBuf),
    Option,
}

/// The variables of an environment.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// The values by name.
    pub(super) values: Variables,
    /// The declared variables without a value, and whether that was reported.
    pub(super) missing: Arc<BTreeMap<String, bool>>,
    /// The locations of the declarations.
    pub(super) declared: BTreeMap<String, Span>,
    pub(super) findings: Vec<Diagnostic>,
}

impl Declarations {
    /// Collects the declarations of the project, and the values of the command line.
    pub(super) fn new(declared: NamedMap<Variable>, environ: &Environ) -> Self {
        let mut all = Self::default();
        for variable in declared.entries {
            let own = match variable.value {
                Variable::Value(text) => VariableDeclaration {
                    default: Some(text),
                    ..VariableDeclaration::default()
                },
                Variable::Declared(own) => own,
            };
            if own.required
                && let Some(default) = &own.default
            {
                let error = format!(
                    "the variable {} is required and has a default",
                    variable.name
                );
                let error = Diagnostic::error(error).at(&default.span);
                all.findings.push(error.hint("remove required or default"));
            }
            let value = own.default.filter(|text| !text.is_placeholder);
            let declared = Declared {
                span: variable.span,
                kind: own.kind,
                is_required: own.required,
                is_secret: own.secret,
                value: value.map(|text| (text.text, Origin::Manifest(text.span))),
            };
            all.declared.insert(variable.name, declared);
        }
        all.give(environ);
        all
    }

    /// Collects values from outside of the project, in ascending precedence.
    fn give(&mut self, environ: &Environ) {
        for (name, value) in environ.with_prefix(PREFIX) {
            self.given.push(Given {
                name: name[PREFIX.len()..].to_owned(),
                text: value.to_owned(),
                origin: Origin::Environ(name.to_owned()),
            });
        }
        for path in &environ.sources().files {
            match read(path) {
                Ok(variables) => {
                    self.given
                        .extend(variables.into_iter().map(|(name, span, text)| {
                            let origin = Origin::File(span, path.clone());
                            Given { name, text, origin }
                        }));
                }
                Err(error) => self.findings.push(error),
            }
        }
        let options = environ.sources().values.iter();
        self.given.extend(options.map(|(name, text)| Given {
            name: name.clone(),
            text: text.clone(),
            origin: Origin::Option,
        }));
    }

    /// Determines the values in an environment that declares `own` values.
    pub(super) fn resolve(&self, own: &NamedMap<StaticText>, environ: &Environ) -> Resolved {
        let mut findings = self.findings.clone();
        let mut declared = self.declared_with(own);
        for given in &self.given {
            match declared.get_mut(&given.name) {
                Some(declared) => {
                    findings.extend(exposed(&given.name, declared, &given.origin));
                    declared.value = Some((given.text.clone(), given.origin.clone()));
                }
                None => findings.push(undeclared(given, declared.keys())),
            }
        }
        let spans = declared.iter();
        let spans = spans.map(|(name, own)| (name.clone(), own.span.clone()));
        let spans = spans.collect();
        let mut values = BTreeMap::new();
        let mut missing = BTreeMap::new();
        for (name, declared) in declared {
            findings.extend(declared.short_secret(&name));
            match declared.checked(&name, environ) {
                Ok(Some(value)) => drop(values.insert(name, value)),
                Ok(None) => drop(missing.insert(name, false)),
                Err(error) => {
                    findings.push(error);
                    missing.insert(name, true);
                }
            }
        }
        Resolved {
            values: Arc::new(values),
            missing: Arc::new(missing),
            declared: spans,
            findings,
        }
    }

    /// Returns the findings about the values that an environment declares which is not selected. Values
    /// from outside of the project, and required ones that are missing, concern the selected one only.
    pub(super) fn check_own(
        &self,
        own: &NamedMap<StaticText>,
        environ: &Environ,
    ) -> Vec<Diagnostic> {
        let declared = self.declared_with(own);
        let mut findings = Vec::new();
        for Named { name, .. } in &own.entries {
            if let Some(declared) = declared.get(name) {
                findings.extend(declared.short_secret(name));
                findings.extend(declared.checked(name, environ).err());
            }
        }
        findings
    }

    /// Returns the declarations with the values of an environment.
    fn declared_with(&self, own: &NamedMap<StaticText>) -> BTreeMap<String, Declared> {
        let mut declared = self.declared.clone();
        let own = own.entries.iter();
        for variable in own.filter(|own| !own.value.is_placeholder) {
            let entry = declared.entry(variable.name.clone());
            let entry = entry.or_insert_with(|| Declared {
                span: variable.span.clone(),
                kind: VariableType::default(),
                is_required: false,
                is_secret: false,
                value: None,
            });
            let StaticText { text, span, .. } = &variable.value;
            entry.value = Some((text.clone(), Origin::Manifest(span.clone())));
        }
        declared
    }
}

impl Declared {
    /// Returns the value, or none if the variable has none and needs none. Masks secrets.
    fn checked(&self, name: &str, environ: &Environ) -> Result<Option<Value>, Diagnostic> {
        let value = self.value.as_ref();
        if self.is_secret
            && let Some((text, _)) = value
        {
            environ.expose(text);
        }
        if self.is_required && value.is_none_or(|(text, _)| text.trim().is_empty()) {
            let message = format!("the variable {name} is required and has no value");
            return Err(Diagnostic::error(message).at(&self.span).hint(format!(
                "pass --var {name}=…, set {PREFIX}{name}, or pass a file with --var-file"
            )));
        }
        let Some((text, origin)) = value else {
            return Ok(None);
        };
        let Some(form) = self.kind.mismatch(text) else {
            return Ok(Some(self.kind.value(text)));
        };
        let shown = if self.is_secret { "this value" } else { text };
        let shown = if shown.is_empty() { "empty" } else { shown };
        let error = format!("the variable {name} cannot be {shown}{}", origin.suffix());
        let error = Diagnostic::error(error).hint(form);
        let (at, related) = match origin {
            Origin::Manifest(span) => return Err(error.at(span)),
            Origin::File(span, _) => (span, Some(&self.span)),
            Origin::Environ(_) | Origin::Option => (&self.span, None),
        };
        let error = error.at(at);
        Err(match related {
            Some(span) => error.related(span, "declared here"),
            None => error,
        })
    }

    /// Warns of a secret that is too short to be masked.
    fn short_secret(&self, name: &str) -> Option<Diagnostic> {
        let (text, _) = self.value.as_ref().filter(|_| self.is_secret)?;
        let is_short = text.trim().len() < SHORTEST_SECRET;
        is_short.then(|| {
            let message = format!("the secret variable {name} is too short to be masked in output");
            Diagnostic::warning(message)
                .at(&self.span)
                .hint(format!("use a value of at least {SHORTEST_SECRET} bytes"))
        })
    }
}

impl Origin {
    fn suffix(&self) -> String {
        match self {
            Self::Manifest(_) | Self::File(..) => String::new(),
            Self::Environ(name) => format!(" ({name})"),
            Self::Option => " (--var)".to_owned(),
        }
    }
}

/// Reports a value for a variable that is not declared. The environment of the process may be meant
/// for several projects.
fn undeclared<'a>(given: &Given, declared: impl Iterator<Item = &'a String>) -> Diagnostic {
    let name = &given.name;
    let message = format!("no variable {name} is declared{}", given.origin.suffix());
    let hint = match did_you_mean(name, declared.map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => "declare it under variables in treaty.yaml".to_owned(),
    };
    match &given.origin {
        Origin::Environ(_) => Diagnostic::warning(message).hint(hint),
        Origin::File(span, _) => Diagnostic::error(message).at(span).hint(hint),
        _ => Diagnostic::error(message).hint(hint),
    }
}

/// Reports a secret that other users of the machine can read.
fn exposed(name: &str, declared: &Declared, origin: &Origin) -> Option<Diagnostic> {
    if !declared.is_secret {
        return None;
    }
    match origin {
        Origin::File(span, path) if is_readable_by_others(path) => {
            let message = format!(
                "other users can read {}, which has the secret variable {name}",
                path.display()
            );
            let hint = format!("run: chmod 600 {}", path.display());
            Some(Diagnostic::error(message).at(span).hint(hint))
        }
        Origin::Option => {
            let message = format!(
                "the secret variable {name} is on the command line, which other users can see"
            );
            Some(Diagnostic::warning(message).hint(format!(
                "set {PREFIX}{name}, or pass a file with --var-file"
            )))
        }
        _ => None,
    }
}
