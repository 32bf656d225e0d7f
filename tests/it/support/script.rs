//! A random scenario as plain data: flows, sheets, existing accounts, actions and faults; and the
//! project that it uses.

use std::fmt::Write;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use treaty::sandbox::{Faults, Rule};

use crate::support::project::{Project, root};
use crate::support::rig::Fault;

/// The maximum number of rows of a sheet.
pub(crate) const ROWS: usize = 6;

/// A scenario.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// One to three flows.
    pub(crate) flows: Vec<FlowSpec>,
    /// Customers with existing accounts.
    pub(crate) existing: Vec<usize>,
    /// The actions, in this order. Afterwards the test applies and syncs until nothing changes.
    pub(crate) acts: Vec<Act>,
    /// The faults: kind, operation, and number of the call.
    pub(crate) faults: Vec<(Fault, &'static str, u64)>,
    /// The maximum number of items in progress; one makes failures easier to read.
    pub(crate) window: usize,
}

/// A flow and its initial sheet.
#[derive(Debug, Clone)]
pub(crate) struct FlowSpec {
    pub(crate) several: bool,
    /// Indexes into [`SIGNERS`], each with one bit for every earlier signer that must sign first.
    pub(crate) signers: Vec<(usize, u8)>,
    pub(crate) archive: bool,
    pub(crate) keep: bool,
    /// The text of each row, if the row exists.
    pub(crate) rows: Vec<Option<u8>>,
}

/// An action of a scenario.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Apply,
    Sync,
    /// All pending signers sign.
    SignAll,
    /// One pending signer signs.
    Sign(Index),
    /// One pending signer refuses.
    Refuse(Index),
    /// A row of a flow's sheet is added, changed or removed.
    Row(Index, usize, Option<u8>),
}

/// Signers, and whether a person is asked. Some share a person in different roles, which manifests
/// allow.
const SIGNERS: [(&str, bool); 8] = [
    ("platform: { POSITIONS }", false),
    (
        "user: { account: acme, seal: contract-seal, POSITIONS }",
        false,
    ),
    ("person: { account: customer }", true),
    ("person: { account: clerk }", true),
    ("organization: { account: clerk, organization: acme }", true),
    (
        "organization: { account: customer, organization: acme }",
        true,
    ),
    (
        "personAndOrganization: { account: witness, organization: acme }",
        true,
    ),
    (
        "personAndOrganization: { account: customer, organization: acme }",
        true,
    ),
];

/// Leaves out signers that are the same account in the same role as an earlier one: manifests do
/// not allow them.
fn distinct(signers: Vec<(usize, u8)>) -> Vec<(usize, u8)> {
    // `personAndOrganization` of the customer is in the roles of both other kinds.
    let is_same = |one: usize, other: usize| {
        one == other || matches!((one.min(other), one.max(other)), (2 | 5, 7))
    };
    let mut distinct: Vec<(usize, u8)> = Vec::new();
    for signer in signers {
        if !distinct.iter().any(|(kind, _)| is_same(*kind, signer.0)) {
            distinct.push(signer);
        }
    }
    distinct
}

/// Names of signers, in order.
pub(crate) const NAMES: [&str; 3] = ["first", "second", "third"];

const OPERATIONS: [&str; 21] = [
    "account/create/person",
    "account/idexchange",
    "account/platform/silentsign",
    "seal/create/organize",
    "file/uploadurl",
    "upload",
    "doc/createbyfilekey",
    "sign/contract/addProcess",
    "sign/contract/platformSignTask",
    "sign/contract/userSignTask",
    "sign/contract/handPersonSignTask",
    "sign/contract/handOrgSignTask",
    "sign/contract/handSignTask",
    "sign/contract/detail",
    "sign/contract/undoTask",
    "sign/contract/archiveProcess",
    "sign/contracts/addProcess",
    "sign/contracts/handPersonSignTask",
    "sign/contracts/handOrgSignTask",
    "sign/contracts/userSignTask",
    "sign/contracts/detail",
];

const FAULTS: [Fault; 12] = [
    Fault::LostAfter,
    Fault::LostBefore,
    Fault::WorkLate(Duration::from_secs(3)),
    Fault::AnswerLate(Duration::from_secs(40)),
    Fault::Slow(Duration::from_secs(10)),
    Fault::Throttled {
        retry_after: Some(1),
    },
    Fault::Status(503),
    Fault::StatusAfter(502),
    Fault::Garbage,
    Fault::Fieldless,
    Fault::Truncated,
    Fault::Refused(Duration::from_secs(1)),
];

/// Returns a strategy for scenarios.
pub(crate) fn any_script() -> impl Strategy<Value = Script> {
    let fault = (
        proptest::sample::select(FAULTS.to_vec()),
        proptest::sample::select(OPERATIONS.to_vec()),
        1..5u64,
    );
    (
        vec(any_flow(), 1..=3),
        vec(0..ROWS, 0..3),
        vec(any_act(), 0..12),
        vec(fault, 0..8),
        proptest::sample::select(vec![1, 4]),
    )
        .prop_map(|(flows, existing, acts, faults, window)| Script {
            flows,
            existing,
            acts,
            faults,
            window,
        })
}

fn any_flow() -> impl Strategy<Value = FlowSpec> {
    let places: Vec<usize> = (0..SIGNERS.len()).collect();
    (
        any::<bool>(),
        subsequence(places, 1..=NAMES.len()).prop_shuffle(),
        vec(0..4u8, NAMES.len()),
        any::<bool>(),
        any::<bool>(),
        vec(proptest::option::weighted(0.5, 0..3u8), ROWS),
    )
        .prop_map(|(several, signers, after, archive, keep, mut rows)| {
            // A sheet without rows is invalid.
            rows[0] = rows[0].or(Some(0));
            FlowSpec {
                several,
                signers: distinct(signers.into_iter().zip(after).collect()),
                archive,
                keep,
                rows,
            }
        })
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Apply),
        2 => Just(Act::Sync),
        1 => Just(Act::SignAll),
        2 => any::<Index>().prop_map(Act::Sign),
        1 => any::<Index>().prop_map(Act::Refuse),
        3 => (any::<Index>(), 1..ROWS, proptest::option::weighted(0.8, 0..3u8))
            .prop_map(|(flow, row, text)| Act::Row(flow, row, text)),
    ]
}

impl Script {
    /// Returns the faults as rules of the transport.
    pub(crate) fn faults(&self) -> Faults {
        let rules = self.faults.iter();
        let rules = rules.map(|(fault, path, nth)| Rule::always(*fault).of(path).nth(*nth));
        Faults {
            seed: 0,
            rules: rules.collect(),
        }
    }

    /// Returns the project with the initial sheets.
    pub(crate) fn project(&self) -> Project {
        let project = Project::loans();
        project.write(
            "paper.pdf",
            std::fs::read(root().join("examples/tenancy/annexes/rules.pdf")).expect("a PDF"),
        );
        let witness = "accounts:\n  witness: { person: { thirdId: witness, name: 何思远, idType: resident-id, idNo: \"330199198506151368\" } }";
        project.replace("manifests/lender.yaml", "accounts:", witness);
        let mut text = "flows:\n".to_owned();
        for (number, flow) in self.flows.iter().enumerate() {
            text += &flow.manifest(number);
            flow.write_sheet(&project, number);
        }
        project.write("manifests/loans.yaml", text);
        project
    }
}

impl FlowSpec {
    /// Returns the keys of the existing rows.
    pub(crate) fn keys(&self, number: usize) -> Vec<String> {
        let there = self
            .rows
            .iter()
            .enumerate()
            .filter(|(_, text)| text.is_some());
        there.map(|(row, _)| key(number, row)).collect()
    }

    pub(crate) fn names(&self) -> &'static [&'static str] {
        &NAMES[..self.signers.len()]
    }

    /// Writes the current sheet.
    pub(crate) fn write_sheet(&self, project: &Project, number: usize) {
        let mut sheet = "key,customer,name,id,text\n".to_owned();
        for (row, text) in self.rows.iter().enumerate() {
            if let Some(text) = text {
                let (name, id) = PEOPLE[row];
                let key = key(number, row);
                writeln!(sheet, "{key},C{row},{name},{id},说法{text}").expect("text");
            }
        }
        project.write(&format!("f{number}.csv"), sheet);
    }

    fn manifest(&self, number: usize) -> String {
        let mut text = format!(
            "  f{number}:\n    rows: {{ file: ../f{number}.csv, key: \"{{{{ row.key }}}}\" }}\n\
             \x20   accounts: {{ customer: {{ person: {{ thirdId: \"{{{{ row.customer }}}}\", name: \"{{{{ row.name }}}}\", idType: resident-id, idNo: \"{{{{ row.id }}}}\" }} }} }}\n\
             \x20   onChange: {}\n    documents:\n      one: {{ file: ../paper.pdf, name: \"合同-{{{{ key }}}}\" }}\n",
            if self.keep { "keep" } else { "error" },
        );
        if self.several {
            text += "      two: { file: ../paper.pdf, name: 附件 }\n";
        }
        text += "    process: { businessScene: \"签署{{ row.text }}\" }\n    signers:\n";
        for (place, (signer, after)) in self.signers.iter().enumerate() {
            let position = "[{ page: \"1\", posX: 100, posY: 100 }]";
            let positions = if self.several {
                format!("positions: {{ one: {position} }}")
            } else {
                format!("positions: {position}")
            };
            let kind = SIGNERS[*signer].0.replace("POSITIONS", &positions);
            let before = (0..place).filter(|bit| after & (1 << bit) != 0);
            let before: Vec<&str> = before.map(|bit| NAMES[bit]).collect();
            let after = if before.is_empty() {
                String::new()
            } else {
                format!(", after: [{}]", before.join(", "))
            };
            writeln!(text, "      {}: {{ {kind}{after} }}", NAMES[place]).expect("text");
        }
        if self.archive {
            text += "    finish: { archive: true }\n";
        }
        text
    }
}

fn key(flow: usize, row: usize) -> String {
    format!("F{flow}-R{row}")
}

/// The customers: made up, with valid id numbers.
pub(crate) const PEOPLE: [(&str, &str); ROWS] = [
    ("沈晨怡", "33019919860724191X"),
    ("郭丽", "330199198308223359"),
    ("周雨桐", "330199197801031110"),
    ("黄子轩", "330199198103071240"),
    ("徐静怡", "330199198405111375"),
    ("孙浩然", "330199198707151508"),
];
