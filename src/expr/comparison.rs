//! Finds comparisons of text with a number in the syntax tree of an expression, before a row is
//! read.
//!
//! A cell is text, and minijinja compares values of different types without an error:
//! `row.金额 > 1000000` is true for every row, and `row.期限 == 36` for none.

use minijinja::machinery::{ast, parse, parse_expr};
use minijinja::syntax::SyntaxConfig;

use super::kind::{Kind, Kinds};

/// A comparison of text with a number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidComparison {
    /// The source of the text operand: `row.金额`.
    pub(super) text: String,
    /// The source of the number operand.
    pub(super) number: String,
    /// The correction: `row.金额 | float > 1000000`.
    pub(super) suggestion: String,
}

/// Returns the first invalid comparison in an expression.
pub(super) fn in_expression(source: &str) -> Option<InvalidComparison> {
    let tree = parse_expr(source).ok()?;
    let mut search = Search::new(source);
    search.expr(&tree);
    search.found
}

/// Returns the first invalid comparison in a template.
pub(super) fn in_template(source: &str) -> Option<InvalidComparison> {
    let tree = parse(source, "scalar", SyntaxConfig::default()).ok()?;
    let mut search = Search::new(source);
    search.stmt(&tree);
    search.found
}

/// Tests that compare two values.
const COMPARISON_TESTS: &[&str] = &[
    "eq",
    "equalto",
    "==",
    "ne",
    "!=",
    "lt",
    "lessthan",
    "<",
    "le",
    "<=",
    "gt",
    "greaterthan",
    ">",
    "ge",
    ">=",
    "in",
];

struct Search<'s> {
    source: &'s str,
    /// The variables that the template assigns.
    variables: Kinds,
    found: Option<InvalidComparison>,
}

impl<'s> Search<'s> {
    fn new(source: &'s str) -> Self {
        Self {
            source,
            variables: Kinds::default(),
            found: None,
        }
    }

    fn stmts(&mut self, all: &[ast::Stmt<'_>]) {
        for stmt in all {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &ast::Stmt<'_>) {
        match stmt {
            ast::Stmt::Template(own) => self.stmts(&own.children),
            ast::Stmt::EmitExpr(own) => self.expr(&own.expr),
            ast::Stmt::ForLoop(own) => {
                self.expr(&own.iter);
                own.filter_expr.iter().for_each(|expr| self.expr(expr));
                self.stmts(&own.body);
                self.stmts(&own.else_body);
            }
            ast::Stmt::IfCond(own) => {
                self.expr(&own.expr);
                self.stmts(&own.true_body);
                self.stmts(&own.false_body);
            }
            ast::Stmt::WithBlock(own) => {
                own.assignments
                    .iter()
                    .for_each(|(target, expr)| self.assign(target, expr));
                self.stmts(&own.body);
            }
            ast::Stmt::Set(own) => self.assign(&own.target, &own.expr),
            ast::Stmt::SetBlock(own) => self.stmts(&own.body),
            ast::Stmt::AutoEscape(own) => self.stmts(&own.body),
            ast::Stmt::FilterBlock(own) => self.stmts(&own.body),
            ast::Stmt::EmitRaw(_) | ast::Stmt::Do(_) => {}
        }
    }

    fn assign(&mut self, target: &ast::Expr<'_>, expr: &ast::Expr<'_>) {
        self.expr(expr);
        let ast::Expr::Var(target) = target else {
            return;
        };
        self.variables.assign(target.id, expr);
    }

    fn exprs(&mut self, all: &[ast::Expr<'_>]) {
        for expr in all {
            self.expr(expr);
        }
    }

    fn args(&mut self, all: &[ast::CallArg<'_>]) {
        for arg in all {
            match arg {
                ast::CallArg::Pos(expr)
                | ast::CallArg::Kwarg(_, expr)
                | ast::CallArg::PosSplat(expr)
                | ast::CallArg::KwargSplat(expr) => self.expr(expr),
            }
        }
    }

    fn expr(&mut self, expr: &ast::Expr<'_>) {
        match expr {
            ast::Expr::Var(_) | ast::Expr::Const(_) => {}
            ast::Expr::Slice(own) => self.expr(&own.expr),
            ast::Expr::UnaryOp(own) => self.expr(&own.expr),
            ast::Expr::BinOp(own) => {
                if is_comparison(own.op) {
                    self.compare(&own.left, &own.right);
                }
                self.expr(&own.left);
                self.expr(&own.right);
            }
            ast::Expr::Compare(own) => {
                let mut left = &own.expr;
                self.expr(left);
                for op in &own.ops {
                    self.compare(left, &op.expr);
                    self.expr(&op.expr);
                    left = &op.expr;
                }
            }
            ast::Expr::IfExpr(own) => {
                self.expr(&own.test_expr);
                self.expr(&own.true_expr);
                own.false_expr.iter().for_each(|expr| self.expr(expr));
            }
            ast::Expr::Filter(own) => {
                own.expr.iter().for_each(|expr| self.expr(expr));
                self.args(&own.args);
            }
            ast::Expr::Test(own) => {
                if let (true, [ast::CallArg::Pos(right)]) =
                    (COMPARISON_TESTS.contains(&own.name), own.args.as_slice())
                {
                    self.compare(&own.expr, right);
                }
                self.expr(&own.expr);
                self.args(&own.args);
            }
            ast::Expr::GetAttr(own) => self.expr(&own.expr),
            ast::Expr::GetItem(own) => {
                self.expr(&own.expr);
                self.expr(&own.subscript_expr);
            }
            ast::Expr::Call(own) => {
                self.expr(&own.expr);
                self.args(&own.args);
            }
            ast::Expr::List(own) => self.exprs(&own.items),
            ast::Expr::Tuple(own) => self.exprs(&own.items),
            ast::Expr::Map(own) => {
                self.exprs(&own.keys);
                self.exprs(&own.values);
            }
        }
    }

    /// Checks a comparison or a membership test.
    fn compare(&mut self, left: &ast::Expr<'_>, right: &ast::Expr<'_>) {
        let (text, number) = match (self.variables.kind(left), self.variables.kind(right)) {
            (Kind::Text, Kind::Number) => (left, right),
            (Kind::Number, Kind::Text) => (right, left),
            (Kind::Text, _) if self.variables.has(Kind::Number, right) => (left, right),
            (Kind::Number, _) if self.variables.has(Kind::Text, right) => (right, left),
            _ => return,
        };
        let [first, last] = [left, right].map(|operand| self.operand_source(operand));
        let operator = self.operator_source(left, right);
        let suggestion = match (std::ptr::eq(text, left), operator.strip_suffix('(')) {
            (true, None) => format!("{first} | float {operator} {last}"),
            (false, None) => format!("{first} {operator} {last} | float"),
            // The right operand of a test is in parentheses.
            (true, Some(function)) => format!("{first} | float {function}({last})"),
            (false, Some(function)) => format!("{first} {function}({last} | float)"),
        };
        // Without quotes, texts of the manifest are numbers.
        let suggestion = match text {
            text if is_constant(text) => {
                let quoted = self.operand_source(text);
                let bare = quoted.replace(['"', '\''], "");
                suggestion.replacen(&format!("{quoted} | float"), &bare, 1)
            }
            ast::Expr::List(_) | ast::Expr::Tuple(_) => match operator.strip_suffix('(') {
                None => format!("{first} | string {operator} {last}"),
                Some(function) => format!("{first} | string {function}({last})"),
            },
            _ => suggestion,
        };
        let [text, number] = [text, number].map(|operand| self.operand_source(operand));
        self.found.get_or_insert(InvalidComparison {
            text,
            number,
            suggestion,
        });
    }

    fn operand_source(&self, expr: &ast::Expr<'_>) -> String {
        let range = start_offset(expr)..expr.span().end_offset as usize;
        let source = self.source.get(range).unwrap_or("…").trim();
        match expr {
            ast::Expr::BinOp(_) | ast::Expr::IfExpr(_) => format!("({source})"),
            _ => source.to_owned(),
        }
    }

    fn operator_source(&self, left: &ast::Expr<'_>, right: &ast::Expr<'_>) -> &'s str {
        let range = left.span().end_offset as usize..start_offset(right);
        self.source.get(range).unwrap_or("==").trim()
    }
}

/// Returns whether an expression is a constant, or a list of constants.
fn is_constant(expr: &ast::Expr<'_>) -> bool {
    match expr {
        ast::Expr::Const(_) => true,
        ast::Expr::List(own) => own.items.iter().all(is_constant),
        ast::Expr::Tuple(own) => own.items.iter().all(is_constant),
        _ => false,
    }
}

/// Returns the byte offset at which an expression starts. In the syntax tree, a filter, a test and
/// an operation start at their own name.
fn start_offset(expr: &ast::Expr<'_>) -> usize {
    let own = expr.span().start_offset as usize;
    let inner = match expr {
        ast::Expr::Filter(filter) => filter.expr.as_ref(),
        ast::Expr::Test(test) => Some(&test.expr),
        ast::Expr::BinOp(operation) => Some(&operation.left),
        ast::Expr::Compare(comparison) => Some(&comparison.expr),
        ast::Expr::GetAttr(field) => Some(&field.expr),
        ast::Expr::GetItem(item) => Some(&item.expr),
        ast::Expr::Slice(slice) => Some(&slice.expr),
        ast::Expr::IfExpr(choice) => Some(&choice.true_expr),
        _ => None,
    };
    inner.map_or(own, |inner| own.min(start_offset(inner)))
}

fn is_comparison(op: ast::BinOpKind) -> bool {
    matches!(
        op,
        ast::BinOpKind::Eq
            | ast::BinOpKind::Ne
            | ast::BinOpKind::Lt
            | ast::BinOpKind::Lte
            | ast::BinOpKind::Gt
            | ast::BinOpKind::Gte
            | ast::BinOpKind::In
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_comparisons_of_text_with_a_number() {
        for (source, text, suggestion) in [
            (
                "row.金额 > 1000000",
                "row.金额",
                "row.金额 | float > 1000000",
            ),
            (
                "row['期 限'] == 36",
                "row['期 限']",
                "row['期 限'] | float == 36",
            ),
            ("36 != row.a", "row.a", "36 != row.a | float"),
            ("row.a and row.b <= -1.5", "row.b", "row.b | float <= -1.5"),
            ("1 < row.a < 5", "row.a", "1 < row.a | float"),
            ("row.a in [12, 36]", "row.a", "row.a | float in [12, 36]"),
            (
                "row.a not in [row.b | int]",
                "row.a",
                "row.a | float not in [row.b | int]",
            ),
            ("row.a is gt(5)", "row.a", "row.a | float is gt(5)"),
            (
                "row.a | trim >= 5",
                "row.a | trim",
                "row.a | trim | float >= 5",
            ),
            (
                "row.a | default(0) > 3",
                "row.a | default(0)",
                "row.a | default(0) | float > 3",
            ),
            (
                "row.a[:4] == 2026",
                "row.a[:4]",
                "row.a[:4] | float == 2026",
            ),
            (
                "var.limit < row.a | float",
                "var.limit",
                "var.limit | float < row.a | float",
            ),
            (
                "row.a | int + 1 == key",
                "key",
                "(row.a | int + 1) == key | float",
            ),
            ("'x' if row.a > 5 else 'y'", "row.a", "row.a | float > 5"),
            (
                "flow.rows <= var.cap",
                "var.cap",
                "flow.rows <= var.cap | float",
            ),
            ("flow.rows <= '2'", "'2'", "flow.rows <= 2"),
            (
                "flow.sum.金额 <= var.cap",
                "var.cap",
                "flow.sum.金额 <= var.cap | float",
            ),
            (
                "flow['sum']['金 额'] > row.a",
                "row.a",
                "flow['sum']['金 额'] > row.a | float",
            ),
            ("row.a | float <= \"1\"", "\"1\"", "row.a | float <= 1"),
            (
                "row.a | int not in [\"1\", '2']",
                "[\"1\", '2']",
                "row.a | int not in [1, 2]",
            ),
            ("flow.rows in ['1']", "['1']", "flow.rows in [1]"),
            (
                "flow.rows is in([row.a])",
                "[row.a]",
                "flow.rows | string is in([row.a])",
            ),
        ] {
            let found = in_expression(source).unwrap_or_else(|| panic!("{source}"));
            assert_eq!(
                (&*found.text, &*found.suggestion),
                (text, suggestion),
                "{source}"
            );
        }
        for source in [
            "a {{ row.a > 5 }}",
            "{% if row.a == 5 %}x{% endif %}",
            "{% set a = row.a %}{% if a == 5 %}x{% endif %}",
            "{% for n in [1] %}{{ row.a == n | int }}{% endfor %}",
        ] {
            assert!(in_template(source).is_some(), "{source}");
        }
    }

    #[test]
    fn accepts_comparisons_of_equal_types() {
        for source in [
            "row.金额 | float > 1000000",
            "row.期限 == '36'",
            "row.date >= '2026-01-01'",
            "row.a == row.b",
            "row.a | length == 18",
            "(row.a | float) * 2 > row.b | int",
            "row.a in ['12', '36']",
            "row.a | int not in [12, 36]",
            "'5' in row.a",
            "row.a is eq('5')",
            "row.name | nosuch > 5",
            "row.a | replace(',', '') | float > 5",
            "flow.rows <= var.cap | float",
            "flow.rows * 2 <= flow.sum.a",
            "row.a ~ '5' == '55'",
        ] {
            assert_eq!(in_expression(source), None, "{source}");
        }
        let assigned_twice = "{% set a = row.a %}{% set a = 5 %}{{ a > 3 }}";
        assert_eq!(in_template(assigned_twice), None);
    }
}
