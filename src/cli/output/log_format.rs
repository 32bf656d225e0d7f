//! Formats tracing events as lines: an RFC 3339 timestamp, a level, a message, the event's fields
//! and those of the enclosing spans. A line is text, or one flat JSON object. Control and
//! bidirectional characters are escaped in both, values of environment variables masked.

use std::borrow::Cow;
use std::fmt::{self, Debug, Write};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::env_values;
use super::style::{BOLD_RED, DIM, GREEN, RESET, Style, YELLOW, plain};
use crate::api::time;
use crate::util::escape::{escaped, is_unsafe, write_json_escape};

/// The field that holds the text of an event.
const MESSAGE: &str = "message";

/// The value of a field. Numbers stay numbers.
enum Value {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
}

/// The fields of a span or an event, in the order in which they were recorded.
#[derive(Default)]
struct Fields {
    message: String,
    all: Vec<(&'static str, Value)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        let name = field.name();
        match self.all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.all.push((name, value)),
        }
    }

    fn put_text(&mut self, field: &Field, text: String) {
        let text = plain(text);
        let text = match env_values::masked(&text) {
            Cow::Owned(masked) => masked,
            Cow::Borrowed(_) => text,
        };
        if field.name() == MESSAGE {
            self.message = text;
        } else {
            self.put(field, Value::Text(text));
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put_text(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_text(field, value.to_owned());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::Signed(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::Unsigned(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::Float(value));
    }
}

/// Stores the fields of each span, for the lines that are written inside it.
pub(in crate::cli) struct SpanFields;

impl<S> Layer<S> for SpanFields
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }
}

/// Formats no span fields: [`SpanFields`] stores them for all formats.
pub(in crate::cli) struct NoFields;

impl<'writer> FormatFields<'writer> for NoFields {
    fn format_fields<R: RecordFields>(&self, _: Writer<'writer>, _: R) -> fmt::Result {
        Ok(())
    }
}

/// The format of a line.
#[derive(Clone, Copy)]
pub(in crate::cli) enum LineFormat {
    /// `timestamp LEVEL target: message name=value …`, with styles; for standard error only.
    Text,
    /// One flat object.
    Json,
}

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut own = Fields::default();
        event.record(&mut own);
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        self.begin(&mut writer, level, target, &own.message)?;
        let mut written = Vec::new();
        let mut write = |fields: &Fields| -> fmt::Result {
            for (name, value) in &fields.all {
                // The innermost value of a name wins.
                if !written.contains(name) {
                    written.push(*name);
                    self.field(&mut writer, name, value)?;
                }
            }
            Ok(())
        };
        write(&own)?;
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                write(fields)?;
            }
        }
        writer.write_str(match self {
            Self::Text => "\n",
            Self::Json => "}\n",
        })
    }
}

impl LineFormat {
    fn begin(self, out: &mut dyn Write, level: Level, target: &str, message: &str) -> fmt::Result {
        let now = time::rfc3339(Timestamp::now());
        match self {
            Self::Text => {
                let colour = colour(level);
                write!(
                    out,
                    "{now} {colour}{level:<5}{RESET} {DIM}{target}{RESET}: "
                )?;
                out.write_str(&escaped(message))
            }
            Self::Json => {
                let level = level.as_str().to_ascii_lowercase();
                write!(
                    out,
                    r#"{{"timestamp":"{now}","level":"{level}","target":"{target}","message":"#
                )?;
                json_text(out, message)
            }
        }
    }

    fn field(self, out: &mut dyn Write, name: &str, value: &Value) -> fmt::Result {
        match self {
            Self::Text => write!(out, " {DIM}{name}={RESET}")?,
            Self::Json => write!(out, r#","{name}":"#)?,
        }
        match (self, value) {
            (_, Value::Bool(value)) => write!(out, "{value}"),
            (_, Value::Signed(value)) => write!(out, "{value}"),
            (_, Value::Unsigned(value)) => write!(out, "{value}"),
            (_, Value::Float(value)) if value.is_finite() => write!(out, "{value}"),
            (_, Value::Float(_)) => out.write_str("null"),
            (Self::Text, Value::Text(text)) => quoted(out, text),
            (Self::Json, Value::Text(text)) => json_text(out, text),
        }
    }
}

fn colour(level: Level) -> Style {
    match level {
        Level::ERROR => BOLD_RED,
        Level::WARN => YELLOW,
        Level::INFO => GREEN,
        _ => DIM,
    }
}

/// Prefixes a line of the progress display with the timestamp and level of a log line.
pub(in crate::cli) fn stamped(level: Level, text: &str) -> String {
    format!("{} {level:<5} {text}", time::rfc3339(Timestamp::now()))
}

/// Writes a value of a text line, in quotes if it is empty or contains whitespace, `=` or a leading
/// quote.
fn quoted(out: &mut dyn Write, text: &str) -> fmt::Result {
    let is_plain = |character: char| !character.is_whitespace() && character != '=';
    if !text.is_empty() && !text.starts_with('"') && text.chars().all(is_plain) {
        return out.write_str(&escaped(text));
    }
    out.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            character if is_unsafe(character) => write!(out, "{}", character.escape_default())?,
            character => out.write_char(character)?,
        }
    }
    out.write_char('"')
}

fn json_text(out: &mut dyn Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            character if is_unsafe(character) => {
                write_json_escape(out, character)?;
            }
            character => out.write_char(character)?,
        }
    }
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_line_breaks_terminal_escapes_and_bidi_characters() {
        let foreign = "a\nb\u{1b}[31m\u{202e}c\u{9b}\"\\ 张";
        let mut json = String::new();
        json_text(&mut json, foreign).expect("written");
        assert_eq!(json, r#""a\nb\u001b[31m\u202ec\u009b\"\\ 张""#);
        let parsed: String = serde_json::from_str(&json).expect("JSON");
        assert_eq!(parsed, foreign);
        assert_eq!(escaped(foreign), r#"a\nb\u{1b}[31m\u{202e}c\u{9b}"\ 张"#);
        let mut text = String::new();
        quoted(&mut text, foreign).expect("written");
        assert_eq!(text, r#""a\nb\u{1b}[31m\u{202e}c\u{9b}\"\\ 张""#);
    }

    #[test]
    fn writes_addresses_without_quotes() {
        let mut text = String::new();
        quoted(&mut text, r#"flows.loans["HT-1"]"#).expect("written");
        assert_eq!(text, r#"flows.loans["HT-1"]"#);
    }
}
