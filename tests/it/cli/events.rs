//! The screens of the pages about events. A screen after `<!-- case: NAME -->` is part of the expected
//! output of the scenario NAME.

use super::cases::steady;
use crate::support::project::root;

#[test]
fn screens_of_the_events_pages_are_those_of_scenarios() {
    for page in ["docs/events.md", "docs/zh/events.md"] {
        let text = std::fs::read_to_string(root().join(page)).expect(page);
        let screens: Vec<(&str, &str)> = text
            .split("<!-- case: ")
            .skip(1)
            .map(|part| {
                let (case, rest) = part.split_once(" -->").expect("the name of a case");
                let screen = rest.split("```").nth(1).expect("a screen");
                (
                    case,
                    screen.strip_prefix("text\n").expect("a block of text"),
                )
            })
            .collect();
        assert!(screens.len() >= 3, "{page} has screens");
        for (case, screen) in screens {
            let expected = root().join("tests/cases").join(case).join("expected.txt");
            let expected = std::fs::read_to_string(expected).expect(case);
            // Where standard error is no terminal, lines of progress have a time and a level.
            let is_printed = |line: &str| {
                expected.lines().any(|printed| {
                    let words = printed
                        .strip_prefix("TIME ")
                        .and_then(|rest| rest.split_once(' '));
                    printed == line || words.is_some_and(|(_, words)| words.trim_start() == line)
                })
            };
            for line in steady(screen).lines() {
                let is_command = line.starts_with("$ ") || line.is_empty();
                assert!(
                    is_command || is_printed(line),
                    "{page}: {case} does not print: {line}"
                );
            }
        }
    }
}
