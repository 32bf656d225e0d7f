//! Long lines on narrow screens: broken where words end, and not within them.

use std::io::IsTerminal;

/// How wide the screen is on which messages are read; none where nobody knows, or nobody reads.
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

/// The text in lines of this width, of which `taken` is not free. A word that is longer than a line stays whole.
pub(super) fn wrapped(text: &str, width: Option<usize>, taken: usize) -> String {
    let Some(room) = width.map(|width| width.saturating_sub(taken).max(20)) else {
        return text.to_owned();
    };
    let mut lines = String::with_capacity(text.len());
    let mut used = 0;
    for word in text.split(' ') {
        let length: usize = word.chars().map(cells).sum();
        if used > 0 && used + 1 + length > room {
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

/// Chinese characters, and what goes with them, are twice as wide as others.
fn cells(character: char) -> usize {
    if u32::from(character) >= 0x1100 { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_words_do() {
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
