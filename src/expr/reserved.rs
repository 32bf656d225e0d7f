//! Finds templates that assign to a reserved name.

use minijinja::machinery::{ast, parse};
use minijinja::syntax::SyntaxConfig;

/// The names that treaty defines for expressions.
const RESERVED: [&str; 6] = ["row", "key", "run", "var", "env", "flow"];

/// Returns the first reserved name that a template assigns with `set`, `with` or `for`.
pub(super) fn assigned_name(source: &str) -> Option<&'static str> {
    let tree = parse(source, "scalar", SyntaxConfig::default()).ok()?;
    find_in_statement(&tree)
}

fn find_in_statements(all: &[ast::Stmt<'_>]) -> Option<&'static str> {
    all.iter().find_map(find_in_statement)
}

fn find_in_statement(statement: &ast::Stmt<'_>) -> Option<&'static str> {
    match statement {
        ast::Stmt::Template(own) => find_in_statements(&own.children),
        ast::Stmt::ForLoop(own) => target(&own.target)
            .or_else(|| find_in_statements(&own.body))
            .or_else(|| find_in_statements(&own.else_body)),
        ast::Stmt::IfCond(own) => {
            find_in_statements(&own.true_body).or_else(|| find_in_statements(&own.false_body))
        }
        ast::Stmt::WithBlock(own) => {
            let mut targets = own.assignments.iter();
            let own_target = targets.find_map(|(name, _)| target(name));
            own_target.or_else(|| find_in_statements(&own.body))
        }
        ast::Stmt::Set(own) => target(&own.target),
        ast::Stmt::SetBlock(own) => target(&own.target).or_else(|| find_in_statements(&own.body)),
        ast::Stmt::AutoEscape(own) => find_in_statements(&own.body),
        ast::Stmt::FilterBlock(own) => find_in_statements(&own.body),
        ast::Stmt::EmitExpr(_) | ast::Stmt::EmitRaw(_) | ast::Stmt::Do(_) => None,
    }
}

fn target(name: &ast::Expr<'_>) -> Option<&'static str> {
    match name {
        ast::Expr::Var(own) => RESERVED.into_iter().find(|name| *name == own.id),
        ast::Expr::List(own) => own.items.iter().find_map(target),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_reserved_names_in_all_assignments() {
        for (source, expected) in [
            ("{% set run = run.date %}{{ run }}", Some("run")),
            ("{% set env = env %}{{ env.CITY }}", Some("env")),
            ("{% with row = 1 %}{{ row }}{% endwith %}", Some("row")),
            (
                "{% for a, key in [[1, 2]] %}{{ key }}{% endfor %}",
                Some("key"),
            ),
            ("{% if true %}{% set var = 1 %}{% endif %}", Some("var")),
            ("{% set env %}x{% endset %}", Some("env")),
            ("{% set city = env.CITY %}{{ city }}{{ row.run }}", None),
            ("{{ row.a }}", None),
        ] {
            assert_eq!(assigned_name(source), expected, "{source}");
        }
    }
}
