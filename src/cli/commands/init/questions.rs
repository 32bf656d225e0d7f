//! Asks about the guesses of a draft. An empty answer takes the guess.

use super::column::Column;
use super::draft::{Draft, Guess, Source};
use super::field::filter_of;
use super::meaning::meaning;
use crate::cli::exit::CliError;
use crate::cli::output::{out, prompt};

/// Asks which column is the key, who signs, and about every guess that is unsure.
pub(super) fn ask(draft: &mut Draft, columns: &[Column]) -> Result<(), CliError> {
    out::note(t!(
        "Enter takes the answer in brackets. The columns of the sheet:"
    ));
    for (column, number) in columns.iter().zip(1..) {
        out::note(format_args!("{number:4}  {}", column.name));
    }
    let key = draft.key.as_ref().map(|guess| guess.value);
    let question = t!("Key of a contract (different in each row, the same in every run)");
    draft.key = required(&question, key, columns)?;
    draft.has_seal = seal()?;
    let signer = &mut draft.signer;
    for (guess, question) in [
        (&mut signer.name, t!("Name of the person that signs")),
        (&mut signer.id_no, t!("Id number of the person")),
    ] {
        if guess.as_ref().is_none_or(|guess| guess.doubt.is_some()) {
            *guess = required(&question, guess.as_ref().map(|guess| guess.value), columns)?;
        }
    }
    for (guess, question) in [
        (&mut signer.mobile, t!("Mobile number of the person")),
        (
            &mut signer.third_id,
            t!("Number of the person in your own system"),
        ),
    ] {
        if guess.as_ref().is_none_or(|guess| guess.doubt.is_some()) {
            *guess = optional(&question, guess.as_ref().map(|guess| guess.value), columns)?;
        }
    }
    for (field, source) in &mut draft.fields {
        let guessed = match source.as_ref().map(|guess| (guess.value, &guess.doubt)) {
            Some((_, None)) => continue,
            Some((Source::Column(column, _), _)) => Some(column),
            _ => None,
        };
        let question = t!("Form field %{field}", field = field);
        let chosen = optional(&question, guessed, columns)?;
        *source = chosen.map(|chosen| {
            let filter = filter_of(&columns[chosen.value], meaning(field));
            Guess::sure(Source::Column(chosen.value, filter))
        });
    }
    Ok(())
}

fn seal() -> Result<bool, CliError> {
    out::note(t!(
        "Who signs? 1: your organization by its seal, then the person of the row; 2: only the person"
    ));
    loop {
        match prompt::answer(&t!("Signers [1]: "))?.as_str() {
            "" | "1" => return Ok(true),
            "2" => return Ok(false),
            _ => out::note(t!("enter 1 or 2")),
        }
    }
}

fn required(
    question: &str,
    guessed: Option<usize>,
    columns: &[Column],
) -> Result<Option<Guess<usize>>, CliError> {
    loop {
        let chosen = choose(question, guessed, columns)?;
        if chosen.is_some() {
            return Ok(chosen.map(Guess::sure));
        }
        out::note(t!("a column is required; to stop, press Ctrl-C"));
    }
}

fn optional(
    question: &str,
    guessed: Option<usize>,
    columns: &[Column],
) -> Result<Option<Guess<usize>>, CliError> {
    let question = t!("%{question}, - for none", question = question);
    Ok(choose(&question, guessed, columns)?.map(Guess::sure))
}

/// Asks for a column by its number or its name.
fn choose(
    question: &str,
    guessed: Option<usize>,
    columns: &[Column],
) -> Result<Option<usize>, CliError> {
    let default = guessed.map_or("-".to_owned(), |at| {
        format!("{} {}", at + 1, columns[at].name)
    });
    loop {
        let answer = prompt::answer(&t!(
            "%{question} [%{default}]: ",
            question = question,
            default = default
        ))?;
        let number = answer
            .parse::<usize>()
            .ok()
            .filter(|number| (1..=columns.len()).contains(number));
        let named = columns
            .iter()
            .position(|column| column.name.trim() == answer);
        match answer.as_str() {
            "" => return Ok(guessed),
            "-" => return Ok(None),
            _ => match named.or(number.map(|number| number - 1)) {
                Some(chosen) => return Ok(Some(chosen)),
                None => out::note(t!("enter the number or the name of a column")),
            },
        }
    }
}
