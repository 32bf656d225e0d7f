//! The names of values in messages.

use std::borrow::Cow;

use crate::util::language::is_chinese;

/// Returns the name of a value for messages. In Chinese it is the column, because the owners of a
/// sheet do not know the fields of the API; of a value without a single column, the Chinese name of
/// its field.
pub(super) fn label<'a>(field: &'a str, column: Option<&'a str>) -> Cow<'a, str> {
    match column {
        Some(column) if is_chinese() => Cow::Borrowed(column),
        _ => t!(field),
    }
}
