//! Wraps text at word boundaries to the width of the terminal.

use std::io::IsTerminal;

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

/// Wraps text to lines of `width - indent` columns, at least 20. Longer words are not broken.
pub(super) fn wrapped(text: &str, width: Option<usize>, indent: usize) -> String {
    let Some(limit) = width.map(|width| width.saturating_sub(indent).max(20)) else {
        return text.to_owned();
    };
    let mut lines = String::with_capacity(text.len());
    let mut used = 0;
    for word in text.split(' ') {
        let length: usize = word.chars().map(columns_of).sum();
        if used > 0 && used + 1 + length > limit {
            lines.push('\n');
            used = 0;
        } else if !lines.is_empty() {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
    }
    lines
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
            "write it as\nsigned/HT-2026-0001.pdf,\nor 合同号 合同号\n合同号 合同号"
        );
        assert_eq!(narrow.replace('\n', " "), text);
    }
}
