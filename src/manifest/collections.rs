//! The maps and lists of manifests. Unusable declarations are left out, so that the others can be
//! checked.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::decode::context;
use super::value::forward_schema;
use crate::diagnostic::Span;

/// A declaration with the name that it has in the manifests.
#[derive(Debug)]
pub struct Named<T> {
    /// The name.
    pub name: String,
    /// The location of the name.
    pub span: Span,
    /// The declaration.
    pub value: T,
}

impl<T> Deref for Named<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Named<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// Declarations by names that the author of the manifest chooses, in their order.
#[derive(Debug)]
pub struct NamedMap<T> {
    /// The usable declarations.
    pub entries: Vec<Named<T>>,
    /// All names with their locations, those of unusable declarations too.
    pub(super) declared: Vec<(String, Span)>,
    /// Whether the map is missing or invalid, which was reported.
    is_placeholder: bool,
}

impl<T> NamedMap<T> {
    /// Returns whether a name is declared, usable or not.
    pub(super) fn declares(&self, name: &str) -> bool {
        self.declared.iter().any(|(declared, _)| declared == name)
    }

    /// Returns whether nothing is declared, usable or not.
    pub(super) fn is_undeclared(&self) -> bool {
        self.declared.is_empty() && !self.is_placeholder
    }
}

impl<T> Default for NamedMap<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            declared: Vec::new(),
            is_placeholder: false,
        }
    }
}

impl<T> Deref for NamedMap<T> {
    type Target = [Named<T>];

    fn deref(&self) -> &[Named<T>] {
        &self.entries
    }
}

impl<'a, T> IntoIterator for &'a NamedMap<T> {
    type Item = &'a Named<T>;
    type IntoIter = std::slice::Iter<'a, Named<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

/// The form of a name. Written without Unicode classes, which some editors do not support.
const NAME: &str = r"^[^\s!-,./:-@\[-\^`{-~]+$";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for NamedMap<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = deserializer.deserialize_map(MapVisitor(PhantomData))?;
        let mut map = Self {
            is_placeholder: entries.is_empty() && context::is_reported(),
            ..Self::default()
        };
        for (name, span, value) in entries {
            let is_allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
            if name.is_empty() || !name.chars().all(is_allowed) {
                context::error(
                    &span,
                    format!("{name} cannot be a name"),
                    "use letters, digits, - and _: the name becomes part of addresses and file names",
                );
            }
            map.declared.push((name.clone(), span.clone()));
            map.entries
                .extend(value.map(|value| Named { name, span, value }));
        }
        Ok(map)
    }
}

impl<T: JsonSchema> JsonSchema for NamedMap<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("NamedMapOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": { "pattern": NAME },
            "additionalProperties": generator.subschema_for::<T>(),
        })
    }
}

/// Values by names that are given elsewhere, such as the form fields of a PDF.
#[derive(Debug)]
pub struct FieldMap<T>(Vec<Named<T>>);

impl<T> Default for FieldMap<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for FieldMap<T> {
    type Target = [Named<T>];

    fn deref(&self) -> &[Named<T>] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for FieldMap<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = deserializer.deserialize_map(MapVisitor(PhantomData))?;
        let valid = entries.into_iter().filter_map(|(name, span, value)| {
            let value = value?;
            Some(Named { name, span, value })
        });
        Ok(Self(valid.collect()))
    }
}

impl<T: JsonSchema> JsonSchema for FieldMap<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("FieldMapOf{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": generator.subschema_for::<T>(),
        })
    }
}

/// Reads names with their locations and values. The value is `None` when it is
/// unusable.
struct MapVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MapVisitor<T> {
    type Value = Vec<(String, Span, Option<T>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            let span = context::span();
            let value = context::usable(|| map.next_value::<T>().ok());
            entries.push((name, span, value));
        }
        Ok(entries)
    }
}

/// A list whose unusable elements are left out.
#[derive(Debug)]
pub struct List<T> {
    elements: Vec<T>,
    /// Whether elements were left out, or the list itself is missing or invalid.
    is_incomplete: bool,
}

forward_schema!(List<T> => Vec<T>, T);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            elements: Vec::new(),
            is_incomplete: false,
        }
    }
}

impl<T> List<T> {
    /// Keeps the elements for which `keep` returns true.
    pub(super) fn retain(&mut self, keep: impl FnMut(&mut T) -> bool) {
        self.elements.retain_mut(keep);
    }

    /// Returns whether nothing is declared, usable or not.
    pub(super) fn is_undeclared(&self) -> bool {
        self.elements.is_empty() && !self.is_incomplete
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.elements
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.elements.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.elements.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
        let mut elements = Vec::new();
        let mut is_incomplete = context::is_reported();
        let mut is_over = false;
        while !is_over {
            let element = context::usable(|| {
                let next = list.next_element::<T>();
                is_over = matches!(next, Ok(None));
                next.ok().flatten()
            });
            is_incomplete |= element.is_none() && !is_over;
            elements.extend(element);
        }
        Ok(List {
            elements,
            is_incomplete,
        })
    }
}
