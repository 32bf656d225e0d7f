//! A made-up run with every status, shared texts, Chinese words and hostile keys.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use treaty::api::time;
use treaty::ledger::Failure;
use treaty::report::{CallCount, Counts, HtmlReport, PageItem, PageSigner, Status, Summary};

/// A key that attempts to inject a script.
pub(crate) const HOSTILE: &str =
    "</script><img src=x onerror=\"document.title='hit'\">\u{2028}=1+1";
/// 2026-11-24 10:09:22 in Shanghai.
const BEGUN: i64 = 1_795_486_162;

/// Writes the report page of a run with a number of items, and the tables that it links to.
pub(crate) fn write(folder: &Path, items: u64) {
    let mut page = HtmlReport::new(folder, folder);
    let mut run = summary();
    for flow in ["consumer-loans", "借款担保合同"] {
        std::fs::write(folder.join(format!("{flow}.csv")), "").expect("written");
    }
    std::fs::write(folder.join("consumer-loans.failed.csv"), "").expect("written");
    for n in 0..items {
        // Three out of four items are loans.
        let loans = n < items * 3 / 4;
        let flow = if loans {
            "consumer-loans"
        } else {
            "借款担保合同"
        };
        let status = status(n, loans);
        let counts: &mut Counts = run.items.entry(flow.to_owned()).or_default();
        *counts.entry(status).or_default() += 1;
        see(&mut page, n, flow, status);
    }
    page.write(folder, &run).expect("written");
}

fn status(n: u64, loans: bool) -> Status {
    match n % 97 {
        3 | 41 if loans => Status::Failed,
        7 if n.is_multiple_of(5) => Status::InDoubt,
        11 => Status::Rejected,
        13 if loans => Status::Expired,
        17 if n.is_multiple_of(2) => Status::Revoked,
        19 => Status::Excluded,
        23..=25 => Status::Unchanged,
        30..=39 => Status::Sent,
        60.. => Status::Waiting,
        _ => Status::Archived,
    }
}

fn failure(n: u64, status: Status) -> Option<Failure> {
    let (code, message, hint) = match status {
        Status::Failed => match n % 7 {
            0..3 => (Some(1_435_002), format!("account/create/person: 参数错误: 证件号码 {n} 校验失败"), "correct the id number in the sheet"),
            3 | 4 => (None, format!("mobile: '1350000{n}' is no mobile number of eleven digits"), "correct the cell; a leading 0 is lost when a spreadsheet takes it for a number"),
            5 => (Some(1_436_004), "sign/contract/addSignTask: 签署者账户不存在".to_owned(), "was the account deleted on the service's own pages? apply again makes it anew"),
            _ => (None, "not started: the run ended earlier".to_owned(), "apply again"),
        },
        Status::InDoubt => (None, "it is unknown whether sign/contract/addSignTask took effect: no answer came within 30 s".to_owned(), "look at the flow on the service's own pages, then treaty state settle"),
        Status::Rejected => (None, format!("borrower refused: {}", ["金额不对", "不想借了"][usize::from(n.is_multiple_of(3))]), "talk to them; sent anew with state forget"),
        Status::Expired => (None, "its time ran out on 2026-11-30".to_owned(), ""),
        _ => return None,
    };
    Some(Failure {
        code,
        message,
        hint: hint.to_owned(),
    })
}

fn see(page: &mut HtmlReport, n: u64, flow: &str, status: Status) {
    let begun = Timestamp::from_second(BEGUN).expect("a moment");
    let after = |seconds: u64| {
        let seconds = i64::try_from(seconds).expect("soon");
        begun.checked_add(SignedDuration::from_secs(seconds)).ok()
    };
    let never = matches!(status, Status::Failed | Status::Excluded);
    let over = matches!(
        status,
        Status::Archived | Status::Rejected | Status::Revoked | Status::Expired
    );
    let sent_at = after(20 + n / 3).filter(|_| !never);
    let ended_at = after(140 + n / 3 + (n * 7919) % 600).filter(|_| over);
    let failure = failure(n, status);
    let key = if n == 5 {
        HOSTILE.to_owned()
    } else {
        format!("HT-2026-{:06}", n + 1)
    };
    let url = format!(
        "https://sign.example/s/{:016x}",
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    );
    let flow_id = if never {
        String::new()
    } else {
        format!("{:024x}", n.wrapping_mul(0x00c0_ffee_1234_5677))
    };
    let ended = ended_at.map(time::text).unwrap_or_default();
    let (borrower, lender) = match status {
        Status::Archived => ("signed", "signed"),
        Status::Waiting | Status::Sent | Status::Unchanged => ("waiting", ""),
        Status::Rejected => ("rejected", ""),
        Status::Expired | Status::Revoked => ("ended", ""),
        Status::InDoubt => ("in_doubt", ""),
        _ => ("", ""),
    };
    let signer = |name, status, sign_url| PageSigner {
        name,
        status,
        sign_url,
        time: if status == "signed" { &ended } else { "" },
    };
    let signers = [
        signer("borrower", borrower, &url[..]),
        signer("出借人", lender, ""),
    ];
    let file = format!("signed/{key}.pdf");
    let files = if status == Status::Archived {
        &[&file[..]][..]
    } else {
        &[]
    };
    page.add(&PageItem {
        flow,
        key: &key,
        row: Some(n + 2),
        status,
        is_unused: false,
        failure: failure.as_ref(),
        flow_id: &flow_id,
        sent_at,
        ended_at,
        signers: &signers,
        files,
    });
}

fn summary() -> Summary {
    let calls = [
        ("account/create/person", 1984, 22, 6, 180_544, 2113),
        ("account/idexchange", 2000, 3, 3, 96_000, 901),
        ("doc/createbyfilekey", 1962, 0, 0, 251_136, 1480),
        ("sign/contract/addProcess", 1962, 4, 4, 329_616, 3022),
        ("sign/contract/addSignTask", 3921, 9, 2, 784_200, 30_000),
        ("sign/contract/detail", 4210, 1, 1, 282_070, 1210),
    ];
    Summary {
        run: "2026-11-24T10-09-22".to_owned(),
        project: "consumer-lending".to_owned(),
        environment: "production".to_owned(),
        endpoint: "https://openapi.tsign.example/".to_owned(),
        treaty: "0.1.0".to_owned(),
        reported: None,
        started: "2026-11-24 10:09:22".to_owned(),
        ended: Some("2026-11-24 10:32:40".to_owned()),
        seconds: 1398.0,
        exit_code: Some(4),
        stopped: Some("more than 30 items failed".to_owned()),
        items: std::collections::BTreeMap::new(),
        planned: 2000,
        unused_rows: 0,
        failed_tables: std::collections::BTreeMap::new(),
        failed_rows: Vec::new(),
        resource_failures: [(
            "seals.branch-seal".to_owned(),
            "seal/create: 印章图片不合法".to_owned(),
        )]
        .into(),
        existing_accounts: None,
        calls: calls
            .into_iter()
            .map(
                |(op, attempts, failed, repeated, milliseconds, slowest_milliseconds)| {
                    let count = CallCount {
                        attempts,
                        failed,
                        repeated,
                        milliseconds,
                        slowest_milliseconds,
                    };
                    (op.to_owned(), count)
                },
            )
            .collect(),
        calls_total: 16_039,
        rate: 11.47,
        rate_limit: Some(40.0),
        ledger: None,
    }
}
