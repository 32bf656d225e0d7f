//! Reading the fields of a mapping one by one, so that all that is wrong in a file is found at once.

use std::str::FromStr;

use super::yaml::{Kind, Node, QUOTE_IT};
use crate::diagnostic::{Diagnostic, Findings, Span, did_you_mean};
use crate::expr::{Compiler, Expr};

/// The state of decoding: the compiler of expressions and the findings so far.
pub(super) struct Decoder<'a> {
    pub(super) findings: &'a mut Findings,
    pub(super) compiler: Compiler,
}

/// A text that is the same for all rows, with its place.
#[derive(Debug, Clone)]
pub struct StaticText {
    /// The text, its expressions rendered.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// The fields of a mapping that have not been read yet.
pub(super) struct Fields<'n> {
    what: String,
    span: Span,
    entries: Vec<(&'n str, &'n Span, &'n Node)>,
    known: Vec<&'static str>,
}

impl Decoder<'_> {
    pub(super) fn error(
        &mut self,
        span: &Span,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.findings
            .push(Diagnostic::error(message).at(span).hint(hint));
    }

    /// A mapping whose fields are known by name.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, what: &str) -> Option<Fields<'n>> {
        Some(Fields {
            what: what.to_owned(),
            span: node.span.clone(),
            entries: self.entries(node, what)?,
            known: Vec::new(),
        })
    }

    /// A mapping from names that people chose.
    pub(super) fn named<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
    ) -> Vec<(&'n str, &'n Span, &'n Node)> {
        let entries = self.entries(node, what).unwrap_or_default();
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        for (name, span, _) in &entries {
            if name.is_empty() || !name.chars().all(allowed) {
                self.error(
                    span,
                    format!("{name} cannot be a name"),
                    "names consist of letters, digits, - and _: they stand in addresses and file names",
                );
            }
        }
        entries
    }

    fn entries<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
    ) -> Option<Vec<(&'n str, &'n Span, &'n Node)>> {
        let Kind::Mapping(pairs) = &node.kind else {
            self.wrong_kind(node, &format!("{what} must be a mapping"));
            return None;
        };
        let mut entries: Vec<(&str, &Span, &Node)> = Vec::new();
        for (key, value) in pairs {
            let Kind::Scalar(name) = &key.kind else {
                self.error(&key.span, "a field's name must be plain text", QUOTE_IT);
                continue;
            };
            if let Some((_, first, _)) = entries.iter().find(|(known, _, _)| known == name) {
                let twice = Diagnostic::error(format!("{name} stands here twice"))
                    .at(&key.span)
                    .related(*first, "first here")
                    .hint("keep one of them");
                self.findings.push(twice);
                continue;
            }
            entries.push((name, &key.span, value));
        }
        Some(entries)
    }

    /// A sequence; one node alone is refused, since it would hide what a list is.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        if let Kind::Sequence(nodes) = &node.kind {
            return nodes;
        }
        self.wrong_kind(node, &format!("{what} must be a list: [ … ]"));
        &[]
    }

    fn wrong_kind(&mut self, node: &Node, message: &str) {
        let given = match &node.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a text",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a mapping",
        };
        let unquoted = matches!(&node.kind, Kind::Mapping(pairs)
            if matches!(pairs.as_slice(), [(Node { kind: Kind::Mapping(_), .. }, _)]));
        let hint = if unquoted {
            QUOTE_IT.to_owned()
        } else {
            format!("this is {given}")
        };
        self.error(&node.span, message, hint);
    }

    /// A scalar, compiled.
    pub(super) fn expr(&mut self, node: &Node, what: &str) -> Option<Expr> {
        let Kind::Scalar(text) = &node.kind else {
            self.wrong_kind(node, &format!("{what} must be a text"));
            return None;
        };
        let compiled = self.compiler.compile(text, &node.span);
        compiled
            .map_err(|diagnostic| self.findings.push(diagnostic))
            .ok()
    }

    /// A scalar that is the same for all rows, rendered.
    pub(super) fn settled(&mut self, node: &Node, what: &str) -> Option<StaticText> {
        let expr = self.expr(node, what)?;
        let uses = expr.uses();
        if uses.row || uses.key || uses.run {
            self.error(
                expr.span(),
                format!("{what} must be the same for all rows"),
                "only var and env can be named here",
            );
            return None;
        }
        if uses.unset {
            return None;
        }
        match expr.text(&self.compiler.scope()) {
            Ok(text) => Some(StaticText {
                text: text.into_owned(),
                span: expr.span().clone(),
            }),
            Err(error) => {
                self.error(
                    expr.span(),
                    format!("{what}: {}", error.message),
                    error.hint.unwrap_or_default(),
                );
                None
            }
        }
    }

    /// A settled text of a form that Rust can read.
    pub(super) fn parsed<T: FromStr>(&mut self, node: &Node, what: &str, form: &str) -> Option<T> {
        let settled = self.settled(node, what)?;
        let parsed = settled.text.parse().ok();
        if parsed.is_none() {
            self.error(
                &settled.span,
                format!("{what} cannot be {}", settled.text),
                format!("it is written {form}"),
            );
        }
        parsed
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let settled = self.settled(node, what)?;
        let found = choices
            .iter()
            .find(|(name, _)| *name == settled.text)
            .map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            self.error(
                &settled.span,
                format!("{what} cannot be {}", settled.text),
                format!("it is one of {}", names.join(", ")),
            );
        }
        found
    }

    pub(super) fn flag(&mut self, node: &Node, what: &str) -> Option<bool> {
        self.choice(node, what, &[("true", true), ("false", false)])
    }
}

impl<'n> Fields<'n> {
    /// A field that may be absent.
    pub(super) fn optional(&mut self, name: &'static str) -> Option<&'n Node> {
        self.known.push(name);
        let at = self
            .entries
            .iter()
            .position(|(entry, _, _)| *entry == name)?;
        Some(self.entries.swap_remove(at).2)
    }

    /// A field that must be there.
    pub(super) fn required(
        &mut self,
        decoder: &mut Decoder<'_>,
        name: &'static str,
    ) -> Option<&'n Node> {
        let node = self.optional(name);
        if node.is_none() {
            decoder.error(
                &self.span,
                format!("{} needs {name}", self.what),
                format!("add {name}: …"),
            );
        }
        node
    }

    /// A required scalar.
    pub(super) fn expr(&mut self, decoder: &mut Decoder<'_>, name: &'static str) -> Option<Expr> {
        let node = self.required(decoder, name)?;
        decoder.expr(node, name)
    }

    /// A scalar that may be absent.
    pub(super) fn optional_expr(
        &mut self,
        decoder: &mut Decoder<'_>,
        name: &'static str,
    ) -> Option<Expr> {
        let node = self.optional(name)?;
        decoder.expr(node, name)
    }

    /// A required scalar that is the same for all rows.
    pub(super) fn settled(
        &mut self,
        decoder: &mut Decoder<'_>,
        name: &'static str,
    ) -> Option<StaticText> {
        let node = self.required(decoder, name)?;
        decoder.settled(node, name)
    }

    /// The same, where it may be absent.
    pub(super) fn optional_settled(
        &mut self,
        decoder: &mut Decoder<'_>,
        name: &'static str,
    ) -> Option<StaticText> {
        let node = self.optional(name)?;
        decoder.settled(node, name)
    }

    /// A list of scalars; empty when absent.
    pub(super) fn exprs(&mut self, decoder: &mut Decoder<'_>, name: &'static str) -> Vec<Expr> {
        let Some(node) = self.optional(name) else {
            return Vec::new();
        };
        decoder
            .list(node, name)
            .iter()
            .filter_map(|node| decoder.expr(node, name))
            .collect()
    }

    /// Where the mapping stands.
    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// All that is there, where any name may be.
    pub(super) fn into_entries(self) -> Vec<(&'n str, &'n Span, &'n Node)> {
        self.entries
    }

    /// Reports what nobody has read.
    pub(super) fn finish(self, decoder: &mut Decoder<'_>) {
        for (name, span, _) in &self.entries {
            let hint = match did_you_mean(name, self.known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("{} has {}", self.what, self.known.join(", ")),
            };
            decoder.error(span, format!("{} has no field {name}", self.what), hint);
        }
        #[cfg(test)]
        super::schema::tie::record(&self.what, &self.known);
    }
}
