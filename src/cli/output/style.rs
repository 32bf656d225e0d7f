//! The styles of text on a terminal. They are part of texts as markers that foreign text cannot
//! contain, because it does not know the random number in them. [`out`](super::out) replaces the
//! markers after it has escaped everything else.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use indicatif::ProgressBar;

use crate::util::escape::escaped_except;

/// A style, which applies until [`RESET`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Style {
    /// The letter in the marker.
    letter: char,
    /// The parameters of the escape sequence.
    code: &'static str,
}

pub(in crate::cli) const RESET: Style = style('a', "0");
pub(in crate::cli) const BOLD: Style = style('b', "1");
pub(in crate::cli) const DIM: Style = style('c', "2");
pub(in crate::cli) const RED: Style = style('d', "31");
pub(in crate::cli) const GREEN: Style = style('e', "32");
pub(in crate::cli) const YELLOW: Style = style('f', "33");
pub(in crate::cli) const BOLD_RED: Style = style('g', "1;31");
pub(in crate::cli) const BOLD_YELLOW: Style = style('h', "1;33");
pub(in crate::cli) const BOLD_CYAN: Style = style('i', "1;36");

const ALL: [Style; 9] = [
    RESET,
    BOLD,
    DIM,
    RED,
    GREEN,
    YELLOW,
    BOLD_RED,
    BOLD_YELLOW,
    BOLD_CYAN,
];

/// The character before the number in a marker. It is escaped in foreign text.
const MARK: char = '\u{fdd0}';

/// The start of all markers of this process.
static PREFIX: LazyLock<String> = LazyLock::new(|| {
    let random = RandomState::new().hash_one(());
    format!("{MARK}{random:016x}")
});

const fn style(letter: char, code: &'static str) -> Style {
    Style { letter, code }
}

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", *PREFIX, self.letter)
    }
}

/// Returns the escape sequence of a style.
fn sequence(style: Style) -> String {
    format!("\u{1b}[{}m", style.code)
}

/// Escapes all unsafe characters except tabs, and replaces markers by escape sequences.
pub(super) fn rendered(text: &str) -> String {
    replaced(text, &|style| sequence(style))
}

/// Removes the markers.
pub(super) fn plain(text: String) -> String {
    if text.contains(MARK) {
        without_markers(&text)
    } else {
        text
    }
}

fn without_markers(text: &str) -> String {
    let mut parts = text.split(&**PREFIX);
    let mut out = parts.next().unwrap_or_default().to_owned();
    out.extend(parts.map(|part| part.get(1..).unwrap_or_default()));
    out
}

fn replaced(text: &str, replacement: &dyn Fn(Style) -> String) -> String {
    let mut parts = text.split(&**PREFIX);
    let mut out = escaped_except(parts.next().unwrap_or_default(), &['\t']).into_owned();
    for part in parts {
        let mut letters = part.chars();
        let style = letters.next().and_then(|letter| {
            let mut all = ALL.into_iter();
            all.find(|style| style.letter == letter)
        });
        out.extend(style.map(replacement));
        out.push_str(&escaped_except(letters.as_str(), &['\t']));
    }
    out
}

/// Removes what a library has not escaped from a text that it has laid out and colored: all control
/// characters but line breaks, tabs and escape sequences of colors.
pub(super) fn laid_out(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split("\u{1b}[");
    let kept = ['\n', '\t'];
    out.push_str(&escaped_except(parts.next().unwrap_or_default(), &kept));
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != ';');
        let (code, rest) = part.split_at(end.unwrap_or(part.len()));
        match rest.strip_prefix('m') {
            Some(rest) => {
                out.extend(["\u{1b}[", code, "m"]);
                out.push_str(&escaped_except(rest, &kept));
            }
            None => {
                out.push_str("\\u{1b}[");
                out.push_str(&escaped_except(part, &kept));
            }
        }
    }
    out
}

/// Sets the message of a progress bar to a text in a style. The bar is not written through
/// [`out`](super::out).
pub(super) fn set_message(bar: &ProgressBar, style: Style, text: &str) {
    let text = escaped_except(text, &[]);
    bar.set_message(match &*text {
        "" => String::new(),
        text => format!("  {}{text}{}", sequence(style), sequence(RESET)),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_styles_become_escape_sequences() {
        let foreign = "a\n\u{1b}[2J\u{fdd0}0000000000000000b\u{9b}1m";
        let text = format!("{BOLD}{foreign}{RESET}\t{DIM}b");
        let expected =
            "\u{1b}[1ma\\n\\u{1b}[2J\\u{fdd0}0000000000000000b\\u{9b}1m\u{1b}[0m\t\u{1b}[2mb";
        assert_eq!(rendered(&text), expected);
        assert_eq!(plain(text), format!("{foreign}\tb"));
        assert_eq!(plain("a\n".to_owned()), "a\n");
    }

    #[test]
    fn keeps_colors_and_lines_of_laid_out_text() {
        let text = "\u{1b}[1m\u{1b}[38;5;9merror\u{1b}[0m: a\n\tb";
        assert_eq!(laid_out(text), text);
        assert_eq!(
            laid_out("\u{1b}[2J\u{1b}]0;x\u{7}\u{1b}[1\u{9b}m\r"),
            "\\u{1b}[2J\\u{1b}]0;x\\u{7}\\u{1b}[1\\u{9b}m\\r"
        );
    }
}
