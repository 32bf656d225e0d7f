//! The types of scalars.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::json;

use super::decode::{SOURCE, context};
use crate::api::code::{Code, IdType, NoticeType, OrganType, SealType, SignPlatform};
use crate::diagnostic::Span;
use crate::expr::Expr;

/// Gives a type the JSON Schema of another type.
macro_rules! forward_schema {
    ($name:ty => $other:ty $(, $generic:ident)?) => {
        impl$(<$generic: schemars::JsonSchema>)? schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                <$other>::inline_schema()
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                <$other>::schema_name()
            }

            fn schema_id() -> std::borrow::Cow<'static, str> {
                <$other>::schema_id()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <$other>::json_schema(generator)
            }
        }
    };
}
pub(super) use forward_schema;

forward_schema!(Value<T> => T, T);
forward_schema!(Spanned<T> => T, T);
forward_schema!(StaticText => String);

/// A literal or an expression of type `T` that may depend on the row. It is rendered for each row.
pub struct Value<T> {
    expr: Expr,
    kind: PhantomData<T>,
}

impl<T> Deref for Value<T> {
    type Target = Expr;

    fn deref(&self) -> &Expr {
        &self.expr
    }
}

impl<T> fmt::Debug for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

impl<'de, T> Deserialize<'de> for Value<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expr = deserializer.deserialize_newtype_struct(SOURCE, ExprVisitor)?;
        let kind = PhantomData;
        Ok(Self { expr, kind })
    }
}

struct ExprVisitor;

impl Visitor<'_> for ExprVisitor {
    type Value = Expr;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, source: &str) -> Result<Expr, E> {
        Ok(context::compile(source))
    }
}

/// A value that is the same for all rows, with its location.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// The location of the value.
    pub span: Span,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = T::deserialize(deserializer)?;
        let span = context::span();
        Ok(Self { value, span })
    }
}

/// A text that is the same for all rows, with its location.
#[derive(Debug, Clone)]
pub struct StaticText {
    /// The rendered text.
    pub text: String,
    /// The location of the text.
    pub span: Span,
    /// Whether the text is missing or invalid, which was reported.
    pub is_placeholder: bool,
}

impl<'de> Deserialize<'de> for StaticText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, span } = Spanned::deserialize(deserializer)?;
        Ok(Self {
            text: value,
            span,
            is_placeholder: context::is_reported(),
        })
    }
}

/// Implements the schema of API codes: a name, or a number that may be quoted.
macro_rules! code_schema {
    ($($code:ty)*) => {
        $(impl JsonSchema for $code {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                <$code>::CODES.field.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let codes = <$code>::CODES.list;
                let names = codes.iter().map(|(_, name)| json!(name));
                let numbers = codes.iter().map(|(number, _)| json!(number));
                let quoted = codes.iter().map(|(number, _)| json!(number.to_string()));
                json_schema!({ "enum": names.chain(numbers).chain(quoted).collect::<Vec<_>>() })
            }
        })*
    };
}

code_schema! { IdType OrganType SignPlatform NoticeType SealType }

/// Decodes a text of a certain form. Reports an error with `hint` and returns `placeholder` when
/// `parse` returns `None`.
pub(super) fn parsed<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    hint: &str,
    placeholder: T,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(parse(&text).unwrap_or_else(|| {
        context::refuse(&text, hint);
        placeholder
    }))
}
