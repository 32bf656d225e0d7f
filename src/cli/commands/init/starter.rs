//! The starters: small projects that can be applied to the sandbox.

/// A small project that can be applied to the sandbox.
pub(super) struct Starter {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    /// The paths and contents of the files.
    pub(super) files: &'static [(&'static str, &'static [u8])],
}

/// The starters, each file embedded from `manifests/`; the template is that of `examples/loans`.
pub(super) const STARTERS: &[Starter] = &[
    Starter {
        name: "loan",
        description: "a sheet of loans becomes contracts: one organization, one seal, one template",
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
        description: "an organization, its people and their seals, kept in git",
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

/// The content of `.gitignore`: the ledger and the reports contain signing links.
pub(super) const GITIGNORE: &[u8] = b".treaty/\nreports/\n";
