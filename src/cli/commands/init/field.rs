//! Matches a form field with a column: by name, by meaning, or by values.

use super::column::{Column, Kind};
use super::draft::{Filter, Guess, Source};
use super::meaning::{DATES, MONEY, Named, fold, meaning};
use super::names::Meaning;

/// Returns the filter for the values of a column in a form field.
pub(super) fn filter_of(column: &Column, field: Option<Named>) -> Filter {
    let own = meaning(&column.name);
    let is = |meanings: &[Meaning]| {
        let both = [field, own].into_iter().flatten();
        both.into_iter()
            .any(|named| meanings.contains(&named.meaning))
    };
    let is_capital = field.is_some_and(|field| field.is_capital);
    match column.kind() {
        Kind::Number if is_capital => Filter::Rmb,
        Kind::Number if is(MONEY) => Filter::Money,
        Kind::Number
            if is(DATES)
                && !column
                    .any(|value| !value.trim().is_empty() && !crate::expr::is_date(value)) =>
        {
            Filter::Date
        }
        Kind::Date => Filter::Date,
        _ => Filter::Plain,
    }
}

/// Returns the meaning of a column: by its name, otherwise by its values.
pub(super) fn column_meaning(column: &Column) -> Option<Named> {
    let by_values = |meaning| Named {
        meaning,
        is_sure: false,
        is_capital: false,
    };
    meaning(&column.name).or_else(|| match column.kind() {
        Kind::ResidentId => Some(by_values(Meaning::IdNo)),
        Kind::Mobile => Some(by_values(Meaning::Mobile)),
        _ => None,
    })
}

/// Returns the column with a meaning. If there are several, the first one whose name is sure.
pub(super) fn with_meaning(
    wanted: Meaning,
    is_sure: bool,
    columns: &[Column],
    named: &[Option<Named>],
) -> Option<Guess<usize>> {
    let found = named.iter().enumerate().filter_map(|(at, named)| {
        let named = named.filter(|named| named.meaning == wanted && !named.is_capital)?;
        Some((at, named.is_sure))
    });
    let mut found: Vec<(usize, bool)> = found.collect();
    found.sort_by_key(|(_, is_sure)| !is_sure);
    let (best, others) = found.split_first()?;
    let name = &columns[best.0].name;
    // A column that is known by its values alone, such as that of a guarantor, is no rival of a name.
    let rivals = others
        .iter()
        .filter(|other| other.1 == best.1 || meaning(&columns[other.0].name).is_some());
    let rivals: Vec<&str> = rivals.map(|other| columns[other.0].name.as_str()).collect();
    Some(if !rivals.is_empty() {
        Guess::unsure(
            best.0,
            t!(
                "%{name}, or %{others}?",
                name = name,
                others = rivals.join(&t!(", "))
            ),
        )
    } else if best.1 && is_sure {
        Guess::sure(best.0)
    } else {
        Guess::unsure(best.0, t!("is it %{name}?", name = name))
    })
}

/// Guesses what fills a form field.
pub(super) fn field_source(
    field: &str,
    columns: &[Column],
    named: &[Option<Named>],
) -> Option<Guess<Source>> {
    let wanted = meaning(field);
    let filled = |guess: Guess<usize>| Guess {
        value: Source::Column(guess.value, filter_of(&columns[guess.value], wanted)),
        doubt: guess.doubt,
    };
    let folded = fold(field);
    let mut equal = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| fold(&column.name) == folded);
    if let Some((at, column)) = equal.next() {
        return Some(filled(match equal.next() {
            None => Guess::sure(at),
            Some((_, other)) => Guess::unsure(
                at,
                t!(
                    "%{name}, or %{others}?",
                    name = column.name,
                    others = other.name
                ),
            ),
        }));
    }
    let wanted = wanted?;
    if wanted.meaning == Meaning::Lender {
        return Some(Guess::sure(Source::Lender));
    }
    let found = with_meaning(wanted.meaning, wanted.is_sure, columns, named).or_else(|| {
        // The only amount or date whose name means nothing else.
        let kind = match wanted.meaning {
            meaning if MONEY.contains(&meaning) => Kind::Number,
            meaning if DATES.contains(&meaning) => Kind::Date,
            _ => return None,
        };
        let is_free = |at: usize| named[at].is_none() && columns[at].kind() == kind;
        let mut free = (0..columns.len()).filter(|at| is_free(*at));
        let only = free.next().filter(|_| free.next().is_none())?;
        Some(Guess::unsure(
            only,
            t!(
                "guessed by the values of %{name}",
                name = columns[only].name
            ),
        ))
    })?;
    let guess = filled(found);
    let is_text = matches!(guess.value, Source::Column(_, Filter::Plain));
    if wanted.is_capital && is_text && guess.doubt.is_none() {
        let doubt = t!("its values are no amounts").into_owned();
        return Some(Guess {
            doubt: Some(doubt),
            ..guess
        });
    }
    Some(guess)
}
