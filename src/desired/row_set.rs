//! A set of row numbers, a bit for each: a row may be rendered more than once.

/// The number of rows that a warning names.
const SHOWN_ROWS: usize = 3;

/// A set of row numbers.
#[derive(Debug, Default)]
pub(super) struct RowSet(Vec<u64>);

impl RowSet {
    /// Adds a row.
    pub(super) fn add(&mut self, row: u64) {
        let Ok(number) = usize::try_from(row) else {
            return;
        };
        let (word, bit) = (number / 64, number % 64);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << bit;
    }

    fn numbers(&self) -> impl Iterator<Item = usize> {
        let words = self.0.iter().enumerate();
        words.flat_map(|(word, bits)| {
            let set = (0..64).filter(move |bit| bits >> bit & 1 == 1);
            set.map(move |bit| word * 64 + bit)
        })
    }

    /// Returns a message about these rows: the problem, and the rows if there are several.
    pub(super) fn message(&self, problem: String) -> String {
        let count: u32 = self.0.iter().map(|bits| bits.count_ones()).sum();
        if count <= 1 {
            return problem;
        }
        let shown = self.numbers().take(SHOWN_ROWS);
        let shown: Vec<String> = shown.map(|row| row.to_string()).collect();
        let more = if count as usize > SHOWN_ROWS {
            ", …"
        } else {
            ""
        };
        let rows = shown.join(", ") + more;
        t!(
            "%{problem}, in %{count} rows: %{rows}",
            problem = problem,
            count = count,
            rows = rows
        )
        .into_owned()
    }
}
