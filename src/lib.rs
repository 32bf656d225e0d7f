//! treaty reads manifests and spreadsheet rows, compares the desired state with the recorded and
//! the observed state, and executes the difference as rate-limited, journaled calls of the e签宝 API.
//!
//! A module may import only modules above it in this table. `tests/it/architecture.rs` enforces
//! this.
//!
//! | module | responsibility |
//! |---|---|
//! | [`util`] | atomic files, failpoints, the builder of HTTP clients |
//! | [`address`], [`diagnostic`] | typed ids and addresses; errors with location and hint |
//! | [`api`] | the wire protocol as data: operations, requests, responses, error codes, callbacks |
//! | [`sheet`] | CSV and TSV files → rows with file, row and column |
//! | [`expr`] | expressions in manifests: strict evaluation, filters, fingerprints |
//! | [`pdf`] | form fields and their filling, text positions, page rendering |
//! | [`manifest`] | YAML files → a validated project |
//! | [`desired`] | project and rows → the desired state, checked |
//! | [`ledger`] | the recorded state: storage, lease, export |
//! | [`client`] | HTTP: rate limits, retries, circuit breaker, uploads, downloads |
//! | [`plan`] | desired, recorded and observed state → a plan |
//! | [`execute`] | carries out a plan in journaled steps |
//! | [`sync`] | follows sent items: polling, deferred signers, archive, download |
//! | [`repair`] | changes sent items: revoke, reissue a task, adopt, resolve items in doubt, audit |
//! | [`report`] | ledger → CSV, JSON, HTML, `JUnit`, metrics |
//! | [`preview`] | rows → filled PDFs with marks, and a page with their texts, without a request |
//! | [`webhook`] | receives and verifies callbacks, then starts a sync of the flow |
//! | [`sandbox`] | the emulated API |
//! | [`cli`] | arguments, commands, output, exit codes |

#[macro_use]
extern crate rust_i18n;

// The English sentences in the code are the keys of the catalogs. A sentence without a text in the
// catalog of the current language is shown in English.
i18n!("locales");

/// The macro above reads the catalogs itself. Their inclusion rebuilds the library when one changes.
const _: [&str; 11] = [
    include_str!("../locales/api.zh.yml"),
    include_str!("../locales/cli.zh.yml"),
    include_str!("../locales/common.zh.yml"),
    include_str!("../locales/desired.zh.yml"),
    include_str!("../locales/expr.zh.yml"),
    include_str!("../locales/fields.zh.yml"),
    include_str!("../locales/init.zh.yml"),
    include_str!("../locales/ledger.zh.yml"),
    include_str!("../locales/preview.zh.yml"),
    include_str!("../locales/report.zh.yml"),
    include_str!("../locales/sheet.zh.yml"),
];

/// Marks a sentence whose translation is looked up later, with `t!(sentence)`.
macro_rules! t_key {
    ($sentence:literal) => {
        $sentence
    };
}

pub mod address;
pub mod api;
pub mod cli;
pub mod client;
pub mod desired;
pub mod diagnostic;
pub mod execute;
pub mod expr;
pub mod ledger;
pub mod manifest;
pub mod pdf;
pub mod plan;
pub mod preview;
pub mod repair;
pub mod report;
pub mod sandbox;
pub mod sheet;
pub mod sync;
pub mod util;
pub mod webhook;
