//! Suggests similar addresses for one that is unknown.

use crate::address::Address;

/// The known addresses that are most similar to a wanted one.
pub(in crate::cli) struct Suggestions {
    /// In lower case.
    wanted: String,
    /// Edit distances and addresses, nearest first.
    best: Vec<(usize, String)>,
}

/// The most addresses that are suggested.
const LIMIT: usize = 3;

impl Suggestions {
    /// Starts with the text of the wanted address.
    pub(in crate::cli) fn new(wanted: &str) -> Self {
        Self {
            wanted: wanted.to_lowercase(),
            best: Vec::new(),
        }
    }

    /// Keeps a known address if it is similar enough.
    pub(in crate::cli) fn offer(&mut self, address: &Address) {
        let text = address.to_string();
        let most = 1 + text.chars().count() / 4;
        let worst = match self.best.get(LIMIT - 1) {
            Some((worst, _)) => (*worst).min(most + 1),
            None => most + 1,
        };
        // The difference in length is a lower bound of the distance; a character has up to 4 bytes.
        if text.len().abs_diff(self.wanted.len()) >= worst * 4 {
            return;
        }
        let distance = strsim::damerau_levenshtein(&self.wanted, &text.to_lowercase());
        if distance < worst && !self.best.iter().any(|(_, known)| *known == text) {
            let at = self.best.partition_point(|(known, _)| *known <= distance);
            self.best.insert(at, (distance, text));
            self.best.truncate(LIMIT);
        }
    }

    /// The suggestions as a hint about recorded addresses.
    pub(super) fn hint(&self) -> String {
        let all = || t!("treaty state list lists all recorded addresses").into_owned();
        self.similar().unwrap_or_else(all)
    }

    /// The suggestions as a hint; none without similar addresses.
    pub(in crate::cli) fn similar(&self) -> Option<String> {
        let best: Vec<&str> = self.best.iter().map(|(_, text)| text.as_str()).collect();
        (!best.is_empty()).then(|| {
            let addresses = best.join(&t!(", "));
            t!("similar addresses: %{addresses}", addresses = addresses).into_owned()
        })
    }
}
