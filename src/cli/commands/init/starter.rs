//! The starters: small projects that can be applied to the sandbox.

use super::scalars::quoted_if_needed;

/// A small project that can be applied to the sandbox.
pub(super) struct Starter {
    pub(super) name: &'static str,
    /// The key of a text.
    pub(super) description: &'static str,
    /// The paths and contents of the files.
    pub(super) files: &'static [(&'static str, &'static [u8])],
}

/// The starters, each file embedded from `manifests/`; the template is that of `examples/loans`.
pub(super) const STARTERS: &[Starter] = &[
    Starter {
        name: "loan",
        description: t_key!(
            "a sheet of loans becomes contracts: one organization, one seal, one template"
        ),
        files: &[
            (
                "treaty.yaml",
                include_bytes!("../../../../manifests/loan/treaty.yaml"),
            ),
            (
                "loans.csv",
                include_bytes!("../../../../manifests/loan/loans.csv"),
            ),
            (
                "manifests/lender.yaml",
                include_bytes!("../../../../manifests/loan/manifests/lender.yaml"),
            ),
            (
                "manifests/loans.yaml",
                include_bytes!("../../../../manifests/loan/manifests/loans.yaml"),
            ),
            (
                "templates/loan.pdf",
                include_bytes!("../../../../examples/loans/templates/loan.pdf"),
            ),
            (".gitignore", GITIGNORE),
        ],
    },
    Starter {
        name: "organization",
        description: t_key!("an organization, its people and their seals, kept in git"),
        files: &[
            (
                "treaty.yaml",
                include_bytes!("../../../../manifests/organization/treaty.yaml"),
            ),
            (
                "manifests/people.yaml",
                include_bytes!("../../../../manifests/organization/manifests/people.yaml"),
            ),
            (
                "manifests/seals.yaml",
                include_bytes!("../../../../manifests/organization/manifests/seals.yaml"),
            ),
            (".gitignore", GITIGNORE),
        ],
    },
];

/// The content of `.gitignore`: what contains personal data or signing links.
pub(super) const GITIGNORE: &[u8] = b"\
# The ledger, the sandbox, reports and signed contracts contain personal data and signing links.
.treaty/
reports/
signed/
# So do sheets. A table that belongs to the manifests is kept by a line such as !manifests/rates.csv
*.xlsx
*.xlsm
*.csv
*.tsv
";

/// Returns the text of `treaty.yaml` with another name of the project.
pub(super) fn with_project_name(text: &[u8], name: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let line = |line: &str| {
        if line.starts_with("project: ") {
            format!("project: {}\n", quoted_if_needed(name))
        } else {
            line.to_owned()
        }
    };
    let lines = text.split_inclusive('\n').map(line);
    lines.collect::<String>().into_bytes()
}
