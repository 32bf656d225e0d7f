//! The language of messages.

use clap::ValueEnum;

/// The language of messages, reports and pages. Names for programs do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Language {
    /// English
    En,
    /// 中文
    Zh,
}

impl Language {
    /// Returns the language of the environment: of the first variable that is set and not empty.
    /// `variable` reads a variable.
    pub(in crate::cli) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&str| variable(name).filter(|value| !value.is_empty());
        match ["TREATY_LANG", "LC_ALL", "LANG"].iter().find_map(set) {
            Some(value) if value.to_ascii_lowercase().starts_with("zh") => Self::Zh,
            _ => Self::En,
        }
    }

    /// Sets the language of the process.
    pub(in crate::cli) fn write_global(self) {
        rust_i18n::set_locale(match self {
            Self::En => "en",
            Self::Zh => "zh",
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_of_the_environment_decides() {
        let language = |set: &[(&str, &str)]| {
            Language::of_environment(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        for (set, expected) in [
            (&[][..], Language::En),
            (&[("LANG", "zh_CN.UTF-8")], Language::Zh),
            (&[("LANG", "de_DE.UTF-8")], Language::En),
            (&[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")], Language::En),
            (&[("LC_ALL", ""), ("LANG", "zh_CN.UTF-8")], Language::Zh),
            (&[("TREATY_LANG", "zh"), ("LC_ALL", "C")], Language::Zh),
            (&[("TREATY_LANG", "en"), ("LANG", "ZH_TW")], Language::En),
        ] {
            assert_eq!(language(set), expected, "{set:?}");
        }
    }
}
