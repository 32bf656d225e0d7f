//! A guessed flow: the columns of a sheet that fill the form fields of a PDF and the signer's account.

use super::column::Column;

/// A guess, and the reason to check it, if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guess<T> {
    pub(super) value: T,
    pub(super) doubt: Option<String>,
}

impl<T> Guess<T> {
    pub(super) fn sure(value: T) -> Self {
        Self { value, doubt: None }
    }

    pub(super) fn unsure(value: T, doubt: impl Into<String>) -> Self {
        let doubt = Some(doubt.into());
        Self { value, doubt }
    }
}

/// The source of the text of a form field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A column, by its index.
    Column(usize, Filter),
    /// The name of the organization.
    Lender,
}

/// The filter between a cell and a form field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    Plain,
    Money,
    Rmb,
    Date,
}

/// The columns of the signer's account, by index.
#[derive(Debug, Default)]
pub(super) struct SignerColumns {
    pub(super) name: Option<Guess<usize>>,
    pub(super) id_no: Option<Guess<usize>>,
    pub(super) mobile: Option<Guess<usize>>,
    pub(super) email: Option<Guess<usize>>,
    pub(super) third_id: Option<Guess<usize>>,
}

/// A guessed flow.
#[derive(Debug)]
pub(super) struct Draft {
    /// The column of the key; absent if no column is different in each row.
    pub(super) key: Option<Guess<usize>>,
    pub(super) signer: SignerColumns,
    /// Whether the organization adds its seal.
    pub(super) has_seal: bool,
    /// The column that selects rows, and its value.
    pub(super) filter: Option<(usize, String)>,
    /// The names of the form fields with what fills them.
    pub(super) fields: Vec<(String, Option<Guess<Source>>)>,
}

/// Returns the columns that nothing reads.
pub(super) fn unused<'c>(draft: &Draft, columns: &'c [Column]) -> Vec<&'c str> {
    let signer = &draft.signer;
    let account = [
        &signer.name,
        &signer.id_no,
        &signer.mobile,
        &signer.email,
        &signer.third_id,
    ];
    let account = account.into_iter().flatten().chain(&draft.key);
    let mut used: Vec<usize> = account.map(|guess| guess.value).collect();
    used.extend(draft.filter.as_ref().map(|(column, _)| *column));
    for (_, source) in &draft.fields {
        if let Some(Source::Column(column, _)) = source.as_ref().map(|guess| guess.value) {
            used.push(column);
        }
    }
    let unused = columns
        .iter()
        .enumerate()
        .filter(|(at, _)| !used.contains(at));
    unused.map(|(_, column)| column.name.as_str()).collect()
}
