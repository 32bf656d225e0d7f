//! The language of messages.

/// Returns whether messages are in Chinese.
pub fn is_chinese() -> bool {
    &*rust_i18n::locale() == "zh"
}
