//! Limits of the size and nesting of expressions, checked before they are parsed: the parser and the
//! compiler are recursive, and a deep expression would overflow the stack.

use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

/// The maximum length of a scalar with expressions, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// The maximum depth of an expression: operators, filters and fields count 1, brackets 4. Separate
/// elements of a list count separately.
const MAX_DEPTH: usize = 400;
/// The depth of a bracket.
const BRACKET: usize = 4;
/// The maximum nesting of statements; each `elif` nests one deeper.
const MAX_STATEMENTS: usize = 100;

/// The maximum number of `set` statements. Each one can nest the previous
/// value one level deeper.
const MAX_SETS: usize = 200;

/// The reason why an expression is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooComplex {
    pub(super) message: &'static str,
    pub(super) hint: &'static str,
}

const TOO_LONG: TooComplex = TooComplex {
    message: "the expression is longer than 64 KiB",
    hint: "put the values into columns of the sheet, or a long text into a file",
};
const TOO_DEEP: TooComplex = TooComplex {
    message: "the expression is too deep: it chains or nests more than 400 operators, filters, fields and brackets",
    hint: "split it with {% set %}, or compute the value in a column of the sheet",
};
const TOO_MANY_STATEMENTS: TooComplex = TooComplex {
    message: "the expression nests more than 100 statements, each elif included",
    hint: "look the value up in a mapping instead: {{ {'a': 'b'}[row.x] }}",
};

const TOO_MANY_SETS: TooComplex = TooComplex {
    message: "the text has more than 200 set statements",
    hint: "compute the values in columns of the sheet",
};

/// Checks a single expression, without its braces.
pub(super) fn check_expression(source: &str) -> Result<(), TooComplex> {
    check_length(source)?;
    check(source, true)
}

/// Checks a scalar with expressions.
pub(super) fn check_template(source: &str) -> Result<(), TooComplex> {
    check_length(source)?;
    check(source, false)
}

/// Checks an HTML page, whose length is limited when it is read.
pub(super) fn check_page(source: &str) -> Result<(), TooComplex> {
    check(source, false)
}

fn check_length(source: &str) -> Result<(), TooComplex> {
    if source.len() > MAX_BYTES {
        return Err(TOO_LONG);
    }
    Ok(())
}

fn check(source: &str, is_expression: bool) -> Result<(), TooComplex> {
    let mut depth = Depth::default();
    let mut statements = Statements::default();
    let mut is_statement_start = false;
    // The parser reports what the tokenizer cannot read.
    for (token, _) in tokenize(source, is_expression, SyntaxConfig::default()).map_while(Result::ok)
    {
        if let Token::Ident(name) = token
            && std::mem::take(&mut is_statement_start)
        {
            statements.enter(name);
        }
        is_statement_start = matches!(token, Token::BlockStart);
        match token {
            Token::Assign => statements.is_set = false,
            Token::BlockEnd => statements.end_tag(),
            _ => {}
        }
        depth.add(&token);
        if depth.total > MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        if statements.sets > MAX_SETS {
            return Err(TOO_MANY_SETS);
        }
        if statements.total > MAX_STATEMENTS {
            return Err(TOO_MANY_STATEMENTS);
        }
    }
    Ok(())
}

/// An upper bound of the depth at the current token.
#[derive(Default)]
struct Depth {
    total: usize,
    /// The depth within the current element of each open bracket.
    elements: Vec<usize>,
    current: usize,
}

impl Depth {
    fn add(&mut self, token: &Token<'_>) {
        match token {
            Token::TemplateData(_)
            | Token::VariableStart
            | Token::VariableEnd
            | Token::BlockStart
            | Token::BlockEnd => *self = Self::default(),
            Token::BracketOpen | Token::ParenOpen | Token::BraceOpen => {
                self.count(BRACKET);
                self.elements.push(self.current);
                self.current = 0;
            }
            Token::BracketClose | Token::ParenClose | Token::BraceClose => {
                self.total -= self.current;
                self.current = self.elements.pop().unwrap_or_default();
            }
            // The next element begins.
            Token::Comma => {
                self.total -= self.current;
                self.current = 0;
            }
            Token::Ident("and" | "or" | "not" | "if" | "else" | "is" | "in") => self.count(1),
            Token::Ident(_)
            | Token::Str(_)
            | Token::String(_)
            | Token::Int(_)
            | Token::Int128(_)
            | Token::Float(_)
            | Token::Colon
            | Token::Assign => {}
            _ => self.count(1),
        }
    }

    fn count(&mut self, depth: usize) {
        self.current += depth;
        self.total += depth;
    }
}

/// The open statements, each with the number of its `elif`s.
#[derive(Default)]
struct Statements {
    open: Vec<usize>,
    total: usize,
    /// The number of `set` statements.
    sets: usize,
    /// Whether the current tag is a `set` without an assignment, which has a body.
    is_set: bool,
}

impl Statements {
    fn end_tag(&mut self) {
        if std::mem::take(&mut self.is_set) {
            self.open();
        }
    }

    fn open(&mut self) {
        self.open.push(1);
        self.total += 1;
    }

    fn enter(&mut self, name: &str) {
        match name {
            "else" | "do" | "break" | "continue" => {}
            "elif" => {
                if let Some(last) = self.open.last_mut() {
                    *last += 1;
                    self.total += 1;
                }
            }
            name if name.starts_with("end") => {
                self.total -= self.open.pop().unwrap_or_default();
            }
            "set" => {
                self.is_set = true;
                self.sets += 1;
            }
            _ => self.open(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_too_long_or_too_deep() {
        let chain = |part: &str, times| format!("row.a{}", part.repeat(times));
        for deep in [
            chain(" + 1", 50_000 / 4),
            chain(" | upper", 5_000),
            chain(".b", 5_000),
            chain("[0]", 5_000),
            chain(" if row.b else row.a", 3_000),
            chain(" or row.b", 5_000),
            format!("{}1", "-".repeat(5_000)),
            format!("{}1", "not ".repeat(5_000)),
            format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000)),
            "[".repeat(5_000),
            "{'a':".repeat(5_000),
            "f(1, ".repeat(5_000),
        ] {
            assert_eq!(check_expression(&deep), Err(TOO_DEEP), "{}", &deep[..30]);
            assert_eq!(check_page(&format!("{{{{ {deep} }}}}")), Err(TOO_DEEP));
        }
        assert_eq!(check_expression(&chain(" + 1", 50_000)), Err(TOO_LONG));
        let ifs = "{% if row.a %}".repeat(4_000);
        let sets = "{% if a %}{% set b %}{% endset %}".repeat(150);
        let nested = format!("{{% set a = 1 %}}{}", "{% set a = [a] %}".repeat(2_000));
        assert_eq!(check_template(&nested), Err(TOO_MANY_SETS));
        let elifs = format!("{{% if a %}}{}", "{% elif b %}".repeat(4_000));
        for deep in [
            ifs,
            elifs,
            sets,
            "{% set a %}".repeat(4_000),
            "{% for a in b %}".repeat(4_000),
        ] {
            assert_eq!(check_template(&deep), Err(TOO_MANY_STATEMENTS));
        }
    }

    #[test]
    fn accepts_long_mappings_and_texts() {
        let mapping = format!("{{{}}}[row.a]", "'a': 'b', ".repeat(3_000));
        let tags = "{{ row.a | upper }} {% if row.a %}x{% endif %}".repeat(1_000);
        let sets = "{% set a = 1 %}{% set b %}x{% endset %}".repeat(100);
        let provinces = format!("{{% if a %}}{}{{% endif %}}", "{% elif b %}x".repeat(90));
        assert_eq!(check_expression(&mapping), Ok(()));
        assert_eq!(check_template(&tags), Ok(()));
        assert_eq!(check_template(&sets), Ok(()));
        assert_eq!(check_template(&provinces), Ok(()));
    }
}
