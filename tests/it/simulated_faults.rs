//! The table of simulated faults and attacks in `docs/security.md`, with the tests that simulate
//! them. `UPDATE=1 cargo test` writes it.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::support::project::root;

/// A fault or an attack.
struct Fault {
    what: &'static str,
    /// The behaviour without the protection.
    before: &'static str,
    after: &'static str,
    /// The names of the tests that fail without the protection.
    tests: &'static [&'static str],
}

const FAULTS: &[Fault] = &[
    Fault {
        what: "the ledger is missing, or an older copy",
        before: "all contracts are sent again, exit 0",
        after: "refused before the first call, exit 1",
        tests: &[
            "refuses_a_ledger_from_before_the_last_run",
            "refuses_to_start_over_beside_a_marker_or_reports",
        ],
    },
    Fault {
        what: "a killed run loses the `-wal` file",
        before: "its contracts are sent again",
        after: "refused",
        tests: &["refuses_a_ledger_without_its_wal_file"],
    },
    Fault {
        what: "ledger and marker are restored from a backup, or a copy was used elsewhere",
        before: "contracts are sent again",
        after: "refused; reports and exports of it, too",
        tests: &[
            "refuses_a_ledger_without_the_last_process",
            "refuses_a_copy_that_another_process_has_changed",
        ],
    },
    Fault {
        what: "a new ledger beside existing accounts of signers",
        before: "sent without a warning; `audit` finds *exactly once*",
        after: "stated with numbers; refused for more than 10 items in total; `audit` says *unproven*",
        tests: &["refuses_many_items_of_a_new_ledger_beside_existing_accounts"],
    },
    Fault {
        what: "executed, then answered 429 or with a throttle code",
        before: "two tasks for one person, or two seals",
        after: "probed before it is sent again",
        tests: &["probes_a_throttled_call_before_it_is_sent_again"],
    },
    Fault {
        what: "executed, then refused",
        before: "the next run sends it again",
        after: "the next run probes first",
        tests: &[
            "probes_a_refused_call_before_the_next_run_sends_it",
            "does_not_send_again_a_refused_call_whose_flow_has_ended",
        ],
    },
    Fault {
        what: "a response with the id or link of another row",
        before: "people get the links of others, exit 0",
        after: "in doubt; the third one stops the run, exit 4",
        tests: &[
            "responses_with_ids_of_others_are_in_doubt_and_stop_the_run",
            "details_of_another_flow_stop_a_sync",
        ],
    },
    Fault {
        what: "`idexchange` answers one account for everybody",
        before: "that account is changed and asked to sign",
        after: "no plan",
        tests: &["a_plan_with_one_account_for_everybody_is_refused"],
    },
    Fault {
        what: "the sheet is saved during a run or before a report",
        before: "one person's name beside another person's link",
        after: "recorded data without cells, and a warning",
        tests: &[
            "a_sheet_saved_during_the_run_puts_no_name_beside_another_link",
            "a_report_shows_cells_only_of_rows_that_were_sent",
            "the_error_of_a_failed_row_is_not_shown_with_a_changed_row",
        ],
    },
    Fault {
        what: "the account of a row exists already",
        before: "name and mobile are set without a warning",
        after: "listed by plan, prompt and run; `existingAccounts: keep` or `error`",
        tests: &[
            "an_adopted_account_of_a_row_is_listed_by_plan_and_run",
            "a_kept_account_is_never_changed",
            "a_refused_account_fails_its_row_before_anything_is_sent",
        ],
    },
    Fault {
        what: "a manifest reads environment variables",
        before: "any, the app secret included",
        after: "listed ones only, never `TREATY_…`; values are masked",
        tests: &[
            "reads_only_listed_variables_or_those_of_the_command_line",
            "masks_values_of_environment_variables_in_plans_and_logs",
        ],
    },
    Fault {
        what: "the service repeats values of a request in its messages",
        before: "in ledger, logs, reports and export",
        after: "masked by value, in all ways of writing",
        tests: &["masks_values_in_all_ways_of_writing_everywhere"],
    },
    Fault {
        what: "a document password after its use",
        before: "in free pages or in the `-wal` file",
        after: "in no file",
        tests: &["no_file_contains_a_password_after_it_was_sent_or_its_flow_ended"],
    },
    Fault {
        what: "a planted file or link with the name of a temporary file",
        before: "written through",
        after: "random name, created exclusively, mode 0600",
        tests: &["writes_through_no_file_or_link_of_the_folder"],
    },
    Fault {
        what: "`../` in an imported ledger, or a folder replaced by a link",
        before: "written outside of the project",
        after: "refused",
        tests: &["writes_no_document_outside_of_the_project"],
    },
    Fault {
        what: "a merge request changes `endpoint`",
        before: "the app secret goes to that host",
        after: "exit 65 before any call",
        tests: &["sends_no_credentials_to_a_host_that_only_the_project_names"],
    },
    Fault {
        what: "escape sequences, line breaks and bidirectional controls in cells, names and responses",
        before: "reach the terminal, logs and pages",
        after: "escaped in all output",
        tests: &[
            "no_output_contains_text_of_the_service_or_of_sheets_unescaped",
            "only_the_escaping_writers_write_to_the_terminal",
            "keys_account_ids_and_names_with_control_characters_are_refused",
        ],
    },
    Fault {
        what: "a link with another scheme, user, port or host",
        before: "a link in reports and on the terminal",
        after: "text, with a warning",
        tests: &["links_that_are_not_safe_are_text"],
    },
    Fault {
        what: "cells that begin with `＝`, or a line break and `=`",
        before: "evaluated by spreadsheets",
        after: "harmless; read back as they were",
        tests: &[
            "escapes_formulas_but_not_numbers",
            "escaped_cells_round_trip",
        ],
    },
    Fault {
        what: "a foreign page calls the sandbox (DNS rebinding)",
        before: "reads contracts, revokes flows",
        after: "403",
        tests: &["operations_pages_and_files_refuse_other_hosts_and_origins"],
    },
    Fault {
        what: "one row is always answered 429, 5xx or cut off",
        before: "slows the run for minutes, or ends it",
        after: "that row fails, the others take their usual time",
        tests: &["a_row_that_is_never_accepted_fails_alone"],
    },
    Fault {
        what: "one lookup of an account always fails",
        before: "exit 69, nothing sent, every night",
        after: "its row or resource is blocked, the rest is sent",
        tests: &[
            "an_account_that_cannot_be_looked_up_blocks_its_row_only",
            "a_declared_account_that_cannot_be_looked_up_blocks_its_dependents_only",
        ],
    },
    Fault {
        what: "one `Retry-After: 300`",
        before: "holds all calls; SIGTERM waits 300 s, then sends them",
        after: "holds one operation; a stop ends the hold",
        tests: &[
            "a_hold_concerns_one_operation",
            "a_stop_ends_calls_that_are_held_back",
        ],
    },
    Fault {
        what: "more connections than open files",
        before: "minutes of *cannot be reached*",
        after: "the limit is raised, or the concurrency lowered with a note",
        tests: &[
            "a_low_limit_of_open_files_lowers_the_concurrency",
            "recognizes_the_limit_of_open_files",
        ],
    },
    Fault {
        what: "a closed terminal (SIGHUP)",
        before: "killed",
        after: "drains, as with SIGTERM",
        tests: &["drains_or_stops_on_signals_and_completes_in_the_next_run"],
    },
    Fault {
        what: "a pipe or device as a file",
        before: "waits without end, or fills the memory",
        after: "refused with its place",
        tests: &["validate_refuses_pipes_and_devices_without_waiting"],
    },
    Fault {
        what: "an expression of 50,000 sums, and other deep input",
        before: "stack overflow",
        after: "refused with its place",
        tests: &[
            "validate_refuses_deep_expressions",
            "validate_refuses_deep_yaml",
            "deep_pdf_objects_do_not_overflow_the_stack",
        ],
    },
    Fault {
        what: "a flow named `audit` or `CON`, or too long for a file",
        before: "reports collide or cannot be written",
        after: "refused by `validate`",
        tests: &["validate_refuses_names_that_are_no_file_names"],
    },
    Fault {
        what: "a lease of a machine whose clock was a day ahead",
        before: "other machines are locked out for a day",
        after: "expires 30 s after it was first seen",
        tests: &["a_renewal_in_the_future_counts_from_when_it_was_first_seen"],
    },
    Fault {
        what: "hundreds of connections to `listen` that read nothing",
        before: "callbacks are kept out",
        after: "closed after 10 s; bounded per address",
        tests: &[
            "a_client_that_reads_nothing_is_disconnected",
            "connections_of_one_address_wait_and_are_served",
        ],
    },
    Fault {
        what: "a core dump, or another process that reads the memory",
        before: "contains the secret",
        after: "no core file, not dumpable",
        tests: &["raises_open_files_and_writes_no_core_file"],
    },
    Fault {
        what: "a ledger on a read-only disk",
        before: "cannot be opened",
        after: "can be read; changes of a killed run are not ignored",
        tests: &[
            "reads_a_ledger_in_a_read_only_folder_without_side_files",
            "never_ignores_what_a_killed_run_has_left_in_its_log",
        ],
    },
];

const BEGIN: &str = "<!-- faults: begin -->\n";
const END: &str = "<!-- faults: end -->\n";

#[test]
fn the_table_of_simulated_faults_is_up_to_date() {
    let mut sources = String::new();
    for folder in ["src", "tests/it"] {
        read(&root().join(folder), &mut sources);
    }
    for fault in FAULTS {
        for test in fault.tests {
            let is_there = sources.contains(&format!("fn {test}("));
            assert!(is_there, "{}: there is no test {test}", fault.what);
        }
    }
    let path = root().join("docs/security.md");
    let page = fs::read_to_string(&path).expect("read");
    let (head, rest) = page.split_once(BEGIN).expect("a begin");
    let (_, tail) = rest.split_once(END).expect("an end");
    let expected = [head, BEGIN, &table(), END, tail].concat();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &expected).expect("written");
        return;
    }
    assert!(
        page == expected,
        "the table is old: UPDATE=1 cargo test writes it"
    );
}

fn table() -> String {
    let mut text = String::from("| fault | before | after | tests |\n|---|---|---|---|\n");
    for fault in FAULTS {
        let tests: Vec<String> = fault.tests.iter().map(|test| format!("`{test}`")).collect();
        let Fault {
            what,
            before,
            after,
            ..
        } = fault;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {what} | {before} | {after} | {} |",
            tests.join(", ")
        );
    }
    text
}

/// Adds the texts of all Rust files in a folder.
fn read(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            sources.push_str(&fs::read_to_string(&path).expect("read"));
        }
    }
}
