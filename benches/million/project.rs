//! The example project with a generated sheet and the endpoint of the benchmark service.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A project in a temporary folder.
pub(crate) struct Project {
    folder: TempDir,
}

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/loans");

impl Project {
    /// Creates a project with the manifests of the example and a number of rows.
    pub(crate) fn new(rows: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in [
            "manifests/lender.yaml",
            "manifests/loans.yaml",
            "templates/loan.pdf",
        ] {
            let to = folder.path().join(name);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            std::fs::copy(format!("{EXAMPLE}/{name}"), to).expect("copied");
        }
        let project = Self { folder };
        project.settings("http://127.0.0.1:9", "{ rate: none, concurrency: 64 }");
        project.sheet(rows);
        project
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the folder of the newest reports.
    pub(crate) fn reports(&self) -> PathBuf {
        let folders = std::fs::read_dir(self.root().join("reports")).expect("reports");
        let names = folders.map(|folder| folder.expect("a folder").path());
        let runs = names.filter(|path| path.is_dir() && !path.ends_with("latest"));
        runs.max().expect("a run")
    }

    /// Writes `treaty.yaml`.
    pub(crate) fn settings(&self, endpoint: &str, limits: &str) {
        let text = format!(
            "version: 1\nproject: bench\ndefaultEnvironment: bench\nenvironments:\n  bench: {{ endpoint: \"{endpoint}\" }}\n\
             variables: {{ lender: 天谷小额贷款有限公司 }}\nlimits: {limits}\n"
        );
        std::fs::write(self.root().join("treaty.yaml"), text).expect("written");
    }

    /// Writes the sheet.
    pub(crate) fn sheet(&self, rows: u32) {
        let file = std::fs::File::create(self.root().join("loans.csv")).expect("a file");
        let mut file = BufWriter::new(file);
        let head = "合同号,客户号,姓名,身份证号,手机号,金额,年利率,期限,起息日,账号尾号,状态\n";
        file.write_all(head.as_bytes()).expect("written");
        let mut line = String::new();
        for row in 0..rows {
            line.clear();
            let (amount, tail) = (10_000 + row % 90_000, row % 10_000);
            writeln!(
                line,
                "HT-{row:07},C{row:07},沈晨怡,{},135{row:08},{amount}.{:02},4.35,36,2026/11/{},{tail:04},已批准",
                resident_id(row),
                row % 100,
                1 + row % 28,
            )
            .expect("a string");
            file.write_all(line.as_bytes()).expect("written");
        }
        file.flush().expect("written");
    }
}

/// Returns a resident id with a correct check digit (GB 11643), different for each row.
fn resident_id(row: u32) -> String {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let (day, sequence) = (row / 1000, row % 1000);
    let (year, month, day) = (1960 + day / 336, 1 + day / 28 % 12, 1 + day % 28);
    let number = format!("330199{year}{month:02}{day:02}{sequence:03}");
    let digits = number.chars().filter_map(|digit| digit.to_digit(10));
    let sum: u32 = digits
        .zip(WEIGHTS)
        .map(|(digit, weight)| digit * weight)
        .sum();
    number + &"10X98765432"[(sum % 11) as usize..=(sum % 11) as usize]
}
