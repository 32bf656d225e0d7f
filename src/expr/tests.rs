//! Compiles and evaluates scalars.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::value::Value;

use super::compiler::Compiler;
use super::environ::{Environ, ReadableEnv, VariableSources};
use super::scalar::Expr;
use crate::diagnostic::{Diagnostic, SourceFile, Span};

fn span() -> Span {
    let file = SourceFile {
        path: "treaty.yaml".into(),
        text: String::new(),
    };
    Span {
        file: Arc::new(file),
        line: 1,
        column: 1,
        bytes: 0..0,
    }
}

fn compiler() -> Compiler {
    let texts = |name: &str, text: &str| Arc::new(BTreeMap::from([(name.to_owned(), text.into())]));
    Compiler::new(texts("lender", "天谷"), env()).in_flow()
}

/// `HOME_TOWN` is listed and set, `NOT_SET` is listed, `SECRET` and `TREATY_APP_SECRET` are set.
fn env() -> ReadableEnv {
    let values = ["HOME_TOWN", "SECRET", "TREATY_APP_SECRET"];
    let values = values.map(|name| (name.to_owned(), "杭州".to_owned()));
    let environ = Environ::new(values.into(), Vec::new(), VariableSources::default());
    environ.readable(["HOME_TOWN", "NOT_SET", "TREATY_APP_SECRET"])
}

fn compile(source: &str) -> Result<Expr, Diagnostic> {
    compiler().compile(source, &span())
}

fn text(source: &str) -> Result<String, String> {
    let expr = compile(source).map_err(|diagnostic| diagnostic.message)?;
    let scope = compiler().scope().with_key("HT-1");
    expr.text(&scope)
        .map(Cow::into_owned)
        .map_err(|error| error.message)
}

#[test]
fn renders_scalars() {
    for (source, expected) in [
        ("plain", "plain"),
        ("{{ var.lender }}", "天谷"),
        ("{{ env.HOME_TOWN }}市", "杭州市"),
        ("合同-{{ key }}", "合同-HT-1"),
        ("{{ 1010.10 | rmb }}", "壹仟零壹拾元壹角"),
        ("{{ key }}{{ key }}", "HT-1HT-1"),
        ("{{ '}}' }}", "}}"),
        ("{% if key %}yes{% endif %}", "yes"),
        (
            "{{ '2026-11-23' | plus('7d') | date('%Y年%m月%d日') }}",
            "2026年11月30日",
        ),
    ] {
        assert_eq!(text(source).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn a_single_expression_keeps_its_type() {
    let expr = compile("{{ key == 'HT-1' }}").expect("compiled");
    let value = expr
        .value(&compiler().scope().with_key("HT-1"))
        .expect("a value");
    assert_eq!(value, Value::from(true));
}

#[test]
fn undefined_and_none_are_errors() {
    for source in [
        "{{ none }}",
        "x{{ none }}",
        "{{ row.missing }}",
        "x{{ row.missing }}",
    ] {
        assert!(text(source).is_err(), "{source}");
    }
}

#[test]
fn finds_the_columns_used() {
    let uses = compile("{{ row.姓名 }}{{ row['客户 编号'] }}")
        .expect("compiled")
        .uses()
        .clone();
    assert_eq!(
        uses.columns,
        BTreeSet::from(["姓名".to_owned(), "客户 编号".to_owned()])
    );
    assert!(
        compile("{{ run.started | plus('7d') | epochMs }}")
            .expect("compiled")
            .uses()
            .run
    );
}

#[test]
fn reads_no_environment_variable_that_is_not_listed() {
    for (source, message) in [
        (
            "{{ env.SECRET }}",
            "the environment variable SECRET is not listed",
        ),
        (
            "{{ env['SECRET'] | default('x') }}",
            "the environment variable SECRET is not listed",
        ),
        (
            "a{{ env.TREATY_APP_SECRET }}",
            "expressions cannot read TREATY_APP_SECRET",
        ),
        (
            "{{ env[\"TREATY_APP_SECRET\"] }}",
            "expressions cannot read TREATY_APP_SECRET",
        ),
        ("{{ env['SEC' ~ 'RET'] }}", "the value is undefined"),
        ("{{ env | attr('SECRET') }}", "the value is undefined"),
        (
            "{{ env[['TREATY_APP', 'SECRET'] | join('_')] }}",
            "the value is undefined",
        ),
        (
            "{{ [env] | map(attribute='SECRET') | first }}",
            "the value is undefined",
        ),
    ] {
        assert_eq!(text(source), Err(message.to_owned()), "{source}");
    }
    for source in [
        "{% set e = env %}{{ e.SECRET }}",
        "{{ env }}x",
        "{{ env | list }}",
        "{{ env | items | join }}",
        "{{ env | dictsort | join }}",
        "{% for name in env %}{{ env[name] }}{% endfor %}",
        "{{ env | string }}x",
        "{{ env | pprint }}x",
        "{% set e = env %}{{ e['TREATY_' ~ 'APP_SECRET'] | default('-') }}",
    ] {
        let shown = text(source).unwrap_or_else(|message| message);
        assert!(!shown.contains("杭州"), "{source}: {shown}");
    }
    assert_eq!(text("{{ env['HOME_' ~ 'TOWN'] }}").as_deref(), Ok("杭州"));
    assert_eq!(
        text("{{ env['NOT_SET'] | default('-') }}").as_deref(),
        Ok("-")
    );
}

#[test]
fn reports_unknown_names_when_compiling() {
    for (source, message) in [
        ("{{ var.lendr }}", "there is no variable lendr"),
        (
            "{{ env.NOT_SET }}",
            "the environment variable NOT_SET is not set",
        ),
        ("{{ contract_no }}", "unknown name contract_no"),
        (
            "{{ row.a | nosuch }}",
            "invalid expression: filter nosuch is unknown",
        ),
        ("{{ run.now }}", "run has no now"),
        (
            "{{ key +",
            "invalid expression: unexpected end of input, expected expression",
        ),
    ] {
        assert_eq!(text(source), Err(message.to_owned()), "{source}");
    }
    let outside =
        Compiler::new(Arc::default(), ReadableEnv::default()).compile("{{ row.a }}", &span());
    assert_eq!(
        outside.expect_err("refused").message,
        "row cannot be used here"
    );
}
