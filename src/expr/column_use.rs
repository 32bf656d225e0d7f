//! Finds the uses of columns in the syntax tree of an expression: the filters that read a cell, the
//! values that it is compared with, and whether it may be empty.

use std::collections::BTreeSet;

use minijinja::machinery::{ast, parse, parse_expr};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};

use super::compiler::{has_expression, whole_expression};
use super::scalar::Expr;

/// A use of a column in an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnUse {
    /// The name of the column.
    pub column: String,
    /// The filters that are applied to the cell, with their first argument if it is a text.
    pub filters: Vec<(String, Option<String>)>,
    /// Whether the value of the expression is the filtered cell.
    pub is_whole: bool,
    /// Whether an empty cell is replaced or tested before it is used.
    pub is_optional: bool,
    /// The texts that the cell is compared with.
    pub values: Vec<String>,
    /// Whether any other text is an error: the cell selects a value of a map.
    pub is_fixed: bool,
}

/// Returns the uses of the columns that an expression names, in order.
pub fn column_uses(expr: &Expr) -> Vec<ColumnUse> {
    in_source(expr.source())
}

fn in_source(source: &str) -> Vec<ColumnUse> {
    let mut search = Search::default();
    if let Some(inner) = whole_expression(source) {
        if let Ok(tree) = parse_expr(inner) {
            search.expr(&tree, &Context::default());
        }
    } else if has_expression(source)
        && let Ok(tree) = parse(source, "scalar", SyntaxConfig::default())
    {
        let context = Context {
            is_part: true,
            ..Context::default()
        };
        search.stmt(&tree, &context);
    }
    search.uses
}

/// The surroundings of an expression.
#[derive(Default, Clone)]
struct Context {
    /// The filters that are applied to the expression, from the inside.
    filters: Vec<(String, Option<String>)>,
    /// Whether the expression is only a part of the value.
    is_part: bool,
    is_optional: bool,
    /// The columns that are not empty here.
    tested: BTreeSet<String>,
}

impl Context {
    /// Returns the surroundings of an operand.
    fn part(&self) -> Self {
        Self {
            filters: Vec::new(),
            is_part: true,
            ..self.clone()
        }
    }
}

#[derive(Default)]
struct Search {
    uses: Vec<ColumnUse>,
}

impl Search {
    fn stmts(&mut self, all: &[ast::Stmt<'_>], context: &Context) {
        for stmt in all {
            self.stmt(stmt, context);
        }
    }

    fn stmt(&mut self, stmt: &ast::Stmt<'_>, context: &Context) {
        match stmt {
            ast::Stmt::Template(own) => self.stmts(&own.children, context),
            ast::Stmt::EmitExpr(own) => self.expr(&own.expr, context),
            ast::Stmt::ForLoop(own) => {
                self.expr(&own.iter, &context.part());
                if let Some(condition) = &own.filter_expr {
                    self.expr(condition, &context.part());
                }
                self.stmts(&own.body, context);
                self.stmts(&own.else_body, context);
            }
            ast::Stmt::IfCond(own) => {
                let tested = self.test(&own.expr, true, context);
                self.stmts(&own.true_body, &tested);
                self.stmts(&own.false_body, context);
            }
            ast::Stmt::WithBlock(own) => {
                for (_, value) in &own.assignments {
                    self.expr(value, &context.part());
                }
                self.stmts(&own.body, context);
            }
            ast::Stmt::Set(own) => self.expr(&own.expr, &context.part()),
            ast::Stmt::SetBlock(own) => self.stmts(&own.body, context),
            ast::Stmt::AutoEscape(own) => self.stmts(&own.body, context),
            ast::Stmt::FilterBlock(own) => self.stmts(&own.body, context),
            ast::Stmt::EmitRaw(_) | ast::Stmt::Do(_) => {}
        }
    }

    fn exprs(&mut self, all: &[ast::Expr<'_>], context: &Context) {
        for expr in all {
            self.expr(expr, context);
        }
    }

    fn args(&mut self, all: &[ast::CallArg<'_>], context: &Context) {
        for arg in all {
            match arg {
                ast::CallArg::Pos(expr)
                | ast::CallArg::Kwarg(_, expr)
                | ast::CallArg::PosSplat(expr)
                | ast::CallArg::KwargSplat(expr) => self.expr(expr, context),
            }
        }
    }

    fn expr(&mut self, expr: &ast::Expr<'_>, context: &Context) {
        if let Some(column) = column(expr) {
            self.uses.push(ColumnUse {
                is_optional: context.is_optional || context.tested.contains(&column),
                column,
                filters: context.filters.clone(),
                is_whole: !context.is_part,
                values: Vec::new(),
                is_fixed: false,
            });
            return;
        }
        let part = || context.part();
        match expr {
            ast::Expr::Var(_) | ast::Expr::Const(_) => {}
            ast::Expr::Filter(own) => {
                self.args(&own.args, &part());
                let mut inner = context.clone();
                let first = own.args.iter().find_map(|arg| match arg {
                    ast::CallArg::Pos(arg) => arg.as_const()?.as_str().map(str::to_owned),
                    _ => None,
                });
                inner.filters.insert(0, (own.name.to_owned(), first));
                inner.is_optional |= matches!(own.name, "default" | "d");
                if let Some(filtered) = &own.expr {
                    self.expr(filtered, &inner);
                }
            }
            ast::Expr::BinOp(own) => match own.op {
                ast::BinOpKind::ScOr => {
                    let optional = Context {
                        is_optional: true,
                        ..context.clone()
                    };
                    self.expr(&own.left, &optional);
                    self.expr(&own.right, context);
                }
                ast::BinOpKind::ScAnd => {
                    let tested = self.test(&own.left, false, context);
                    self.expr(&own.right, &tested);
                }
                ast::BinOpKind::Eq | ast::BinOpKind::In => {
                    self.compare(&own.left, &own.right, context);
                }
                _ => {
                    self.expr(&own.left, &part());
                    self.expr(&own.right, &part());
                }
            },
            ast::Expr::Compare(own) => match own.ops.as_slice() {
                [only] if matches!(only.op, ast::CompareOpKind::Eq | ast::CompareOpKind::In) => {
                    self.compare(&own.expr, &only.expr, context);
                }
                ops => {
                    self.expr(&own.expr, &part());
                    for op in ops {
                        self.expr(&op.expr, &part());
                    }
                }
            },
            ast::Expr::IfExpr(own) => {
                let tested = self.test(&own.test_expr, true, context);
                self.expr(&own.true_expr, &tested);
                if let Some(other) = &own.false_expr {
                    self.expr(other, context);
                }
            }
            ast::Expr::GetItem(own) => {
                self.expr(&own.expr, &part());
                let start = self.uses.len();
                self.expr(&own.subscript_expr, &part());
                let map = own
                    .expr
                    .as_const()
                    .filter(|value| value.kind() == ValueKind::Map);
                if let Some(map) = map {
                    let keys = texts(&map);
                    for found in &mut self.uses[start..] {
                        found.values.clone_from(&keys);
                        found.is_fixed = true;
                    }
                }
            }
            ast::Expr::Slice(own) => self.expr(&own.expr, &part()),
            ast::Expr::UnaryOp(own) => self.expr(&own.expr, &part()),
            ast::Expr::Test(own) => {
                self.expr(&own.expr, &part());
                self.args(&own.args, &part());
            }
            ast::Expr::GetAttr(own) => self.expr(&own.expr, &part()),
            ast::Expr::Call(own) => {
                self.expr(&own.expr, &part());
                self.args(&own.args, &part());
            }
            ast::Expr::List(own) => self.exprs(&own.items, &part()),
            ast::Expr::Tuple(own) => self.exprs(&own.items, &part()),
            ast::Expr::Map(own) => {
                self.exprs(&own.keys, &part());
                self.exprs(&own.values, &part());
            }
        }
    }

    /// Adds the uses in a condition. Returns the surroundings of what it guards.
    fn test(&mut self, condition: &ast::Expr<'_>, is_optional: bool, context: &Context) -> Context {
        let start = self.uses.len();
        let mut part = context.part();
        part.is_optional |= is_optional;
        self.expr(condition, &part);
        let columns = self.uses[start..].iter().map(|found| found.column.clone());
        let mut guarded = context.clone();
        guarded.tested.extend(columns);
        guarded
    }

    /// Adds the uses in a comparison with a text, or with a list of texts.
    fn compare(&mut self, left: &ast::Expr<'_>, right: &ast::Expr<'_>, context: &Context) {
        for (operand, other) in [(left, right), (right, left)] {
            let start = self.uses.len();
            self.expr(operand, &context.part());
            let values = other.as_const().map_or(Vec::new(), |value| texts(&value));
            for found in &mut self.uses[start..] {
                found.values.clone_from(&values);
            }
        }
    }
}

/// Returns the column that an expression reads: `row.金额` or `row['客户 编号']`.
fn column(expr: &ast::Expr<'_>) -> Option<String> {
    let is_row = |expr: &ast::Expr<'_>| matches!(expr, ast::Expr::Var(own) if own.id == "row");
    match expr {
        ast::Expr::GetAttr(own) if is_row(&own.expr) => Some(own.name.to_owned()),
        ast::Expr::GetItem(own) if is_row(&own.expr) => {
            own.subscript_expr.as_const()?.as_str().map(str::to_owned)
        }
        _ => None,
    }
}

/// Returns a text, or the texts in a list or the keys of a map.
fn texts(value: &Value) -> Vec<String> {
    if let Some(text) = value.as_str() {
        return vec![text.to_owned()];
    }
    let items = value.try_iter().into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Describes uses: `a` required, `a?` optional, `=a` the whole value, with filters and values.
    fn described(source: &str) -> String {
        let uses = in_source(source).into_iter().map(|found| {
            let whole = if found.is_whole { "=" } else { "" };
            let optional = if found.is_optional { "?" } else { "" };
            let filters = found.filters.iter();
            let filters: Vec<String> = filters.map(|(name, _)| format!("|{name}")).collect();
            let filters = filters.concat();
            let fixed = if found.is_fixed { "!" } else { "" };
            let values = found.values.join(",");
            let values = if values.is_empty() {
                values
            } else {
                format!("[{values}]{fixed}")
            };
            format!("{whole}{}{optional}{filters}{values}", found.column)
        });
        uses.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn finds_the_uses_of_columns() {
        for (source, expected) in [
            ("text", ""),
            ("{{ row.a }}", "=a"),
            ("{{ row['a b'] | trim | upper }}", "=a b|trim|upper"),
            ("{{ row.a | default('x', true) }}", "=a?|default"),
            ("{{ row.a or '' }}", "=a?"),
            ("{{ row.a or row.b }}", "=a? =b"),
            ("{{ row.a | money if row.a else '' }}", "a? =a?|money"),
            ("{{ row.a if row.b else row.c }}", "b? =a =c"),
            ("{{ row.a }}-{{ row.b | digits }}", "a b|digits"),
            ("{% if row.a %}{{ row.a }}{% endif %}", "a? a?"),
            ("{{ (row.a | digits)[-11:] }}", "a|digits"),
            ("{{ row.a == '已批准' }}", "a[已批准]"),
            ("{{ row.a in ['x', 'y'] and row.b != 'z' }}", "a[x,y] b"),
            ("{{ {'x': 1, 'y': 2}[row.a] }}", "a[x,y]!"),
            ("{{ row.a.split(';') | length }}", "a"),
            ("{{ row.a ~ row.b }}", "a b"),
        ] {
            assert_eq!(described(source), expected, "{source}");
        }
        let date = in_source("{{ row.a | date('%Y年') }}");
        assert_eq!(
            date[0].filters,
            [("date".to_owned(), Some("%Y年".to_owned()))]
        );
    }
}
