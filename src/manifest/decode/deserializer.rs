//! Deserializes a YAML node. Reports errors and goes on with placeholders.

use std::str::FromStr;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor, value::StrDeserializer,
};
use serde::forward_to_deserialize_any;

use super::context;
use super::error::Error;
use super::mapping::{Entry, FieldValue, OneOf, entries, fields};
use super::placeholder::Placeholder;
use crate::diagnostic::{Diagnostic, Span};
use crate::manifest::characters;
use crate::manifest::yaml::{Kind, Node, QUOTE_IT};

/// Deserializes a node.
pub(super) struct NodeDeserializer<'n> {
    node: &'n Node,
    /// The location for errors about the whole value: of its name, if it has one.
    place: &'n Span,
    /// The name of the value in messages.
    label: String,
}

impl<'n> NodeDeserializer<'n> {
    pub(super) fn new(node: &'n Node, place: &'n Span, label: String) -> Self {
        Self { node, place, label }
    }

    /// Sets the location and the name for errors.
    fn begin(&self) {
        context::begin(&self.node.span, &self.label);
    }

    /// Reports that the node is not of the expected kind.
    fn wrong_kind(&self, expected: &str) {
        let given = match &self.node.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a text",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a mapping",
        };
        let is_unquoted_expression = matches!(&self.node.kind, Kind::Mapping(pairs)
            if matches!(pairs.as_slice(), [(Node { kind: Kind::Mapping(_), .. }, _)]));
        let hint = match &self.node.kind {
            _ if is_unquoted_expression => QUOTE_IT.to_owned(),
            // `name：value` is a text for YAML.
            Kind::Scalar(text) => characters::hint(text).unwrap_or("this is a text".to_owned()),
            _ => format!("this is {given}"),
        };
        let message = format!("{} must be {expected}", self.label);
        context::replace(Diagnostic::error(message).at(&self.node.span).hint(hint));
    }

    /// Returns the source text of a scalar. Reports other kinds of nodes.
    fn source(&self) -> Option<&'n str> {
        self.begin();
        if let Kind::Scalar(text) = &self.node.kind {
            return Some(text);
        }
        self.wrong_kind("a text");
        None
    }

    /// Returns the rendered text of a scalar, which must be the same for all rows.
    fn text(&self) -> Option<String> {
        context::render(self.source()?)
    }

    /// Returns the parsed text of a scalar.
    fn parsed<T: FromStr>(&self, expected: &str) -> Option<T> {
        let text = self.text()?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            context::refuse(&text, expected);
        }
        parsed
    }
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text() {
            Some(text) => visitor.visit_string(text),
            None => Placeholder.deserialize_any(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.parsed("it is one of true, false") {
            Some(flag) => visitor.visit_bool(flag),
            None => Placeholder.deserialize_bool(visitor),
        }
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.parsed("it is a whole number") {
            Some(number) => visitor.visit_i64(number),
            None => Placeholder.deserialize_i64(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name != super::SOURCE {
            return visitor.visit_newtype_struct(self);
        }
        visitor.visit_str(self.source().unwrap_or_default())
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.begin();
        let Kind::Sequence(nodes) = &self.node.kind else {
            self.wrong_kind("a list: [ … ]");
            return Placeholder.deserialize_seq(visitor);
        };
        visitor.visit_seq(Elements {
            label: self.label,
            nodes: nodes.iter().enumerate(),
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.begin();
        let Kind::Mapping(pairs) = &self.node.kind else {
            self.wrong_kind("a mapping");
            return Placeholder.deserialize_map(visitor);
        };
        visitor.visit_map(Entries {
            label: self.label,
            rest: entries(pairs).into_iter(),
            value: None,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.begin();
        let Kind::Mapping(pairs) = &self.node.kind else {
            self.wrong_kind("a mapping");
            return Placeholder.deserialize_struct(name, known, visitor);
        };
        let fields = fields(entries(pairs), (name, known), &self.label, self.place);
        visitor.visit_map(Fields {
            rest: fields.into_iter(),
            value: None,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.begin();
        if name == super::BY_KIND {
            let kind = kind_name(&self.node.kind);
            let Some(variant) = variants.iter().find(|variant| **variant == kind) else {
                let expected: Vec<&str> = variants.iter().map(|kind| kind_text(kind)).collect();
                self.wrong_kind(&expected.join(" or "));
                return Placeholder.deserialize_enum(name, variants, visitor);
            };
            let content = Some(self);
            return visitor.visit_enum(Variant { variant, content });
        }
        let Some(text) = self.text() else {
            return Placeholder.deserialize_enum(name, variants, visitor);
        };
        let Some(variant) = variants.iter().find(|variant| **variant == text) else {
            context::refuse(&text, format!("it is one of {}", variants.join(", ")));
            return Placeholder.deserialize_enum(name, variants, visitor);
        };
        visitor.visit_enum(Variant {
            variant,
            content: None,
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        tuple tuple_struct identifier
    }
}

/// Returns the variant of an enum that is selected by the kind of the node.
fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Scalar(_) => "scalar",
        Kind::Sequence(_) => "sequence",
        Kind::Mapping(_) => "mapping",
    }
}

fn kind_text(kind: &str) -> &str {
    match kind {
        "scalar" => "a text",
        "sequence" => "a list",
        _ => "a mapping",
    }
}

impl<'de> Deserializer<'de> for OneOf<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("only an enum has variants"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Some(entry) = self.choose(variants) else {
            return Placeholder.deserialize_enum(name, variants, visitor);
        };
        let variant = entry.name;
        let content = Some(NodeDeserializer::new(
            entry.node,
            entry.span,
            variant.to_owned(),
        ));
        visitor.visit_enum(Variant { variant, content })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// Reports an error that stops a value, unless it was reported.
fn reported<T>(result: Result<T, Error>, place: &Span, label: &str) -> Result<T, Error> {
    result.map_err(|error| {
        if let Error::Message(message) = &error {
            context::begin(place, label);
            let error = Diagnostic::error(format!("{label}: {message}"));
            context::replace(error.at(place));
        }
        Error::Reported
    })
}

/// The elements of a list.
struct Elements<'n> {
    label: String,
    nodes: std::iter::Enumerate<std::slice::Iter<'n, Node>>,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some((at, node)) = self.nodes.next() else {
            return Ok(None);
        };
        let label = format!("{}[{at}]", self.label);
        let element = NodeDeserializer::new(node, &node.span, label.clone());
        reported(seed.deserialize(element), &node.span, &label).map(Some)
    }
}

/// The entries of a map.
struct Entries<'n> {
    label: String,
    rest: std::vec::IntoIter<Entry<'n>>,
    value: Option<Entry<'n>>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(entry) = self.rest.next() else {
            return Ok(None);
        };
        context::begin(entry.span, &self.label);
        let name: StrDeserializer<'_, Error> = entry.name.into_deserializer();
        let key = reported(seed.deserialize(name), entry.span, &self.label);
        self.value = Some(entry);
        key.map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let entry = self.value.take().expect("a key was read");
        let label = format!("{}.{}", self.label, entry.name);
        let value = NodeDeserializer::new(entry.node, entry.span, label.clone());
        reported(seed.deserialize(value), entry.span, &label)
    }
}

/// The fields of a struct.
struct Fields<'n> {
    rest: std::vec::IntoIter<(&'static str, FieldValue<'n>)>,
    value: Option<FieldValue<'n>>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some(value);
        let name: StrDeserializer<'_, Error> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        match self.value.take().expect("a key was read") {
            FieldValue::Declared(entry) => {
                let label = entry.name.to_owned();
                let value = NodeDeserializer::new(entry.node, entry.span, label);
                reported(seed.deserialize(value), &entry.node.span, entry.name)
            }
            FieldValue::OneOf(one_of) => seed.deserialize(one_of),
            FieldValue::Missing(place) => {
                context::begin_placeholder(place);
                seed.deserialize(Placeholder)
            }
        }
    }
}

/// A variant of an enum, with its content if it has any.
struct Variant<'v, 'n> {
    variant: &'v str,
    content: Option<NodeDeserializer<'n>>,
}

impl<'de, 'n> EnumAccess<'de> for Variant<'_, 'n> {
    type Error = Error;
    type Variant = Content<'n>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content<'n>), Error> {
        let name: StrDeserializer<'_, Error> = self.variant.into_deserializer();
        Ok((seed.deserialize(name)?, Content(self.content)))
    }
}

/// The content of a variant.
struct Content<'n>(Option<NodeDeserializer<'n>>);

impl<'de> VariantAccess<'de> for Content<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        match self.0 {
            Some(content) => seed.deserialize(content),
            None => seed.deserialize(Placeholder),
        }
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("manifests have no tuples"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Some(content) => content.deserialize_struct("", fields, visitor),
            None => Placeholder.deserialize_struct("", fields, visitor),
        }
    }
}
