//! Wraps text at word boundaries to the width of the terminal.

use std::io::IsTerminal;

use unicode_width::UnicodeWidthStr as _;

use super::out;
use super::style::{BOLD_CYAN, RESET};
use crate::util::escape::escaped;

/// The width of the terminal on standard error in columns; none if it is not a terminal.
pub(super) fn width() -> Option<usize> {
    let stderr = std::io::stderr();
    if !stderr.is_terminal() {
        return None;
    }
    columns(&stderr).filter(|columns| *columns > 0)
}

#[cfg(unix)]
fn columns(terminal: &std::io::Stderr) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    Some(usize::from(size.ws_col))
}

#[cfg(not(unix))]
fn columns(_: &std::io::Stderr) -> Option<usize> {
    None
}

/// Wraps text to lines of `width - indent` columns, at least 20. Chinese text is broken between any two
/// characters, but not before a closing punctuation mark. Longer words are not broken.
pub(super) fn wrapped(text: &str, width: Option<usize>, indent: usize) -> String {
    let Some(limit) = width.map(|width| width.saturating_sub(indent).max(20)) else {
        return text.to_owned();
    };
    let mut lines = String::with_capacity(text.len());
    let mut used = 0;
    for (number, word) in text.split(' ').enumerate() {
        for (at, piece) in pieces(word).into_iter().enumerate() {
            let blank = usize::from(number > 0 && at == 0);
            let length: usize = piece.chars().map(columns_of).sum();
            if used > 0 && used + blank + length > limit {
                lines.push('\n');
                used = 0;
            } else if blank > 0 {
                lines.push(' ');
                used += 1;
            }
            lines.push_str(piece);
            used += length;
        }
    }
    lines
}

/// Appends blanks to a text up to a number of columns.
pub(in crate::cli) fn padded(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(text.width());
    format!("{text}{:missing$}", "")
}

/// Prints the hint at the end of a command to standard error, below its label.
pub(in crate::cli) fn print_hint(hint: &str) {
    let label = t!("help");
    let indent = label.width() + 2;
    let hint = wrapped(&escaped(hint), width(), indent);
    for (at, line) in hint.lines().enumerate() {
        match at {
            0 => out::note(format_args!("{BOLD_CYAN}{label}{RESET}: {line}")),
            _ => out::note(format_args!("{:indent$}{line}", "")),
        }
    }
}

/// Returns the parts of a word between which a line can be broken, at least one.
fn pieces(word: &str) -> Vec<&str> {
    let is_wide = |c: char| columns_of(c) == 2;
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut last: Option<char> = None;
    for (at, next) in word.char_indices() {
        let can_break = last.is_some_and(|last| {
            let is_chinese = is_wide(last) || is_wide(next);
            is_chinese && !"（“《".contains(last) && !"，。；：、！？）”》…,.;:)!?".contains(next)
        });
        if can_break {
            pieces.push(&word[start..at]);
            start = at;
        }
        last = Some(next);
    }
    pieces.push(&word[start..]);
    pieces
}

/// The columns of a character: 2 for East Asian characters, else 1.
fn columns_of(character: char) -> usize {
    if u32::from(character) >= 0x1100 { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_word_boundaries() {
        let text = "write it as signed/HT-2026-0001.pdf, or 合同号 合同号 合同号 合同号";
        assert_eq!(wrapped(text, None, 10), text);
        assert_eq!(wrapped(text, Some(200), 10), text);
        let narrow = wrapped(text, Some(33), 13);
        assert_eq!(
            narrow,
            "write it as\nsigned/HT-2026-0001.pdf,\nor 合同号 合同号 合\n同号 合同号"
        );
    }

    #[test]
    fn wraps_chinese_text_between_characters() {
        let text = "请释放磁盘空间，再重新执行 apply；没有发送任何内容";
        assert_eq!(
            wrapped(text, Some(20), 0),
            "请释放磁盘空间，再重\n新执行 apply；没有发\n送任何内容"
        );
        // A punctuation mark stays with the character before it.
        assert_eq!(
            wrapped("一二三四五六七八九十，", Some(20), 0),
            "一二三四五六七八九\n十，"
        );
    }
}
