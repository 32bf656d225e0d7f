//! What `validate` says of one thing that is wrong in the project of `tests/cases/base`.

use crate::project::{Project, Run, root};

/// The project, sound as it is.
fn base() -> Project {
    let project = Project::copy_of(&root().join("tests/cases/base"));
    let template = std::fs::read(root().join("examples/loans/templates/loan.pdf"));
    project.write("templates/loan.pdf", template.expect("the template"));
    project
}

/// With one text of a file in another's place.
fn with(file: &str, from: &str, to: &str) -> Project {
    let project = base();
    project.replace(file, from, to);
    project
}

fn refused(project: &Project, told: &[&str]) -> Run {
    let run = project.expect(&["validate"], 65);
    for text in told {
        assert!(
            run.stderr.contains(text),
            "{text} is not in\n{}",
            run.stderr
        );
    }
    run
}

const LOANS: &str = "manifests/loans.yaml";
const LENDER: &str = "manifests/lender.yaml";
const APPROVED: &str = "row.状态 == '已批准'";

#[test]
fn a_cell_is_not_compared_with_a_number() {
    let project = with(LOANS, APPROVED, "row.期限 == 36");
    let told = [
        "manifests/loans.yaml:10:14",
        "row.期限 is compared with a number, 36",
        "a cell is text: `{{ row.期限 | float == 36 }}`",
    ];
    refused(&project, &told);
    let project = with(
        LOANS,
        "借款合同-{{ key }}",
        "{{ '大' if row.金额 > 5 }}-{{ key }}",
    );
    refused(&project, &["`{{ row.金额 | float > 5 }}`"]);
    let project = with(LOANS, APPROVED, "row.期限 | float == 36");
    project.expect(&["validate"], 0);
}

#[test]
fn a_line_that_is_shown_keeps_id_numbers_and_passwords_to_itself() {
    let project = with(LENDER, "330199199910145052", "330199199910145053");
    let run = refused(&project, &["idNo: \"330***********5053\"\n"]);
    assert!(!run.stderr.contains("330199199910145053"), "{}", run.stderr);
    let mark = run.stderr.lines().find(|line| line.contains('━'));
    let marked = mark.map_or(0, |mark| mark.matches('━').count());
    assert_eq!(
        marked, 20,
        "the mark is as long as the number: {}",
        run.stderr
    );
}
