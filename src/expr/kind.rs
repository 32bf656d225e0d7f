//! The types of expressions, as far as they are known without a row.

use minijinja::machinery::ast;
use minijinja::value::{Value, ValueKind};

/// The type of an expression, as far as it is known without a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A cell, or another value that is always text.
    Text,
    Number,
    Unknown,
}

/// Filters that return text for every input.
const TEXT_FILTERS: &[&str] = &[
    "capitalize",
    "date",
    "digits",
    "escape",
    "e",
    "format",
    "join",
    "lower",
    "mask",
    "money",
    "plus",
    "replace",
    "rmb",
    "safe",
    "string",
    "title",
    "trim",
    "upper",
];

/// Filters that return numbers.
const NUMBER_FILTERS: &[&str] = &[
    "abs", "count", "epochMs", "float", "int", "length", "round", "sum",
];

/// The types of the variables that a template assigns.
#[derive(Default)]
pub(super) struct Kinds(Vec<(String, Kind)>);

impl Kinds {
    /// Records the assignment of an expression to a variable.
    pub(super) fn assign(&mut self, name: &str, expr: &ast::Expr<'_>) {
        let kind = self.kind(expr);
        match self.0.iter_mut().find(|(known, _)| known == name) {
            // Assigned with different types: the current one is not known here.
            Some((_, known)) if *known != kind => *known = Kind::Unknown,
            Some(_) => {}
            None => self.0.push((name.to_owned(), kind)),
        }
    }

    /// Returns whether a list has an element of a kind.
    pub(super) fn has(&self, kind: Kind, list: &ast::Expr<'_>) -> bool {
        let has = |all: &[ast::Expr<'_>]| all.iter().any(|item| self.kind(item) == kind);
        match list {
            ast::Expr::List(own) => has(&own.items),
            ast::Expr::Tuple(own) => has(&own.items),
            ast::Expr::Const(own) if own.value.kind() == ValueKind::Seq => own
                .value
                .try_iter()
                .is_ok_and(|mut items| items.any(|item| value_kind(&item) == kind)),
            _ => false,
        }
    }

    /// Returns the type of an expression.
    pub(super) fn kind(&self, expr: &ast::Expr<'_>) -> Kind {
        match expr {
            ast::Expr::Var(own) if own.id == "key" => Kind::Text,
            ast::Expr::Var(own) => {
                let variable = self.0.iter().find(|(name, _)| name == own.id);
                variable.map_or(Kind::Unknown, |(_, kind)| *kind)
            }
            ast::Expr::Const(own) => value_kind(&own.value),
            ast::Expr::Slice(own) => self.text_or_unknown(&own.expr),
            ast::Expr::UnaryOp(own) => match own.op {
                ast::UnaryOpKind::Neg => Kind::Number,
                ast::UnaryOpKind::Not => Kind::Unknown,
            },
            ast::Expr::BinOp(own) => self.operation_kind(own),
            ast::Expr::IfExpr(own) => match &own.false_expr {
                Some(other) => self.common_kind(&own.true_expr, other),
                None => Kind::Unknown,
            },
            ast::Expr::Filter(own) if TEXT_FILTERS.contains(&own.name) => Kind::Text,
            ast::Expr::Filter(own) if NUMBER_FILTERS.contains(&own.name) => Kind::Number,
            ast::Expr::Filter(own) if matches!(own.name, "default" | "d") => own
                .expr
                .as_ref()
                .map_or(Kind::Unknown, |expr| self.text_or_unknown(expr)),
            ast::Expr::GetAttr(own) => self.field_kind(&own.expr),
            ast::Expr::GetItem(own) => self.field_kind(&own.expr),
            _ => Kind::Unknown,
        }
    }

    fn operation_kind(&self, own: &ast::BinOp<'_>) -> Kind {
        match own.op {
            ast::BinOpKind::Concat => Kind::Text,
            // `+` concatenates texts and adds numbers; `and` and `or` return one of the operands.
            ast::BinOpKind::Add | ast::BinOpKind::ScAnd | ast::BinOpKind::ScOr => {
                self.common_kind(&own.left, &own.right)
            }
            ast::BinOpKind::Sub
            | ast::BinOpKind::Mul
            | ast::BinOpKind::Div
            | ast::BinOpKind::FloorDiv
            | ast::BinOpKind::Rem
            | ast::BinOpKind::Pow => Kind::Number,
            _ => Kind::Unknown,
        }
    }

    fn common_kind(&self, one: &ast::Expr<'_>, other: &ast::Expr<'_>) -> Kind {
        let kind = self.kind(one);
        if kind == self.kind(other) {
            kind
        } else {
            Kind::Unknown
        }
    }

    /// The type of a cell, a variable, a total or a part of a text.
    fn field_kind(&self, object: &ast::Expr<'_>) -> Kind {
        match object {
            // `flow.rows`, and the columns of `flow.sum`.
            ast::Expr::Var(own) if own.id == "flow" => Kind::Number,
            other if is_sums(other) => Kind::Number,
            ast::Expr::Var(own) if matches!(own.id, "row" | "var" | "env" | "run") => Kind::Text,
            other => self.text_or_unknown(other),
        }
    }

    fn text_or_unknown(&self, expr: &ast::Expr<'_>) -> Kind {
        match self.kind(expr) {
            Kind::Text => Kind::Text,
            _ => Kind::Unknown,
        }
    }
}

fn value_kind(value: &Value) -> Kind {
    match value.kind() {
        ValueKind::Number => Kind::Number,
        ValueKind::String => Kind::Text,
        _ => Kind::Unknown,
    }
}

/// Returns whether an expression is `flow.sum`.
fn is_sums(expr: &ast::Expr<'_>) -> bool {
    let is_flow = |expr: &ast::Expr<'_>| matches!(expr, ast::Expr::Var(own) if own.id == "flow");
    match expr {
        ast::Expr::GetAttr(own) => own.name == "sum" && is_flow(&own.expr),
        ast::Expr::GetItem(own) => {
            let is_sum = |name: &ast::Expr<'_>| matches!(name, ast::Expr::Const(own) if own.value.as_str() == Some("sum"));
            is_sum(&own.subscript_expr) && is_flow(&own.expr)
        }
        _ => false,
    }
}
