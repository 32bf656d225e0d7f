//! The masked values of declared accounts: the ledger records them, and a plan shows the old ones.

use serde_json::{Value, json};

use crate::cli::state::{applied, few, forget_ledger};
use crate::support::project::Project;

/// The exported lines of the ledger.
fn exported(project: &Project) -> Vec<Value> {
    let text = project.expect(&["state", "export"], 0).stdout;
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// The recorded fields of the accounts, by `thirdId`.
fn fields(project: &Project) -> serde_json::Map<String, Value> {
    let lines = exported(project).into_iter();
    let accounts = lines.filter(|line| line["resource"]["kind"] == "account");
    let named = accounts.map(|mut line| {
        let account = line["resource"].take();
        let name = account["identity"].as_str().expect("an identity");
        (name.to_owned(), account["fields"].clone())
    });
    named.collect()
}

#[test]
fn records_masked_values_of_declared_accounts_only() {
    let project = applied(3);
    let all = fields(&project);
    let (clerk, acme) = (&all["acme-clerk"], &all["acme"]);
    assert_eq!(clerk["mobile"]["shown"], "135****9999");
    assert_eq!(clerk["name"]["shown"], "陈**");
    assert_eq!(acme["name"]["shown"], "天谷小额贷款有限公司");
    assert_eq!(acme["legalName"]["shown"], "周**");
    // No plan shows these fields, nor the values of the accounts of rows.
    for field in [&clerk["idNo"], &clerk["idType"], &acme["organCode"]] {
        assert!(field.is_string(), "{field}");
    }
    for (name, fields) in all.iter().filter(|(name, _)| !name.starts_with("acme")) {
        let mut fields = fields.as_object().expect("fields").values();
        assert!(fields.all(Value::is_string), "{name}");
    }
    let text = project.expect(&["state", "export"], 0).stdout;
    for value in ["13500009999", "陈晓静", "周明波"] {
        assert!(!text.contains(value), "{value}");
    }
}

#[test]
fn a_saved_plan_has_no_old_values_and_is_applied() {
    let project = applied(1);
    project.replace("manifests/lender.yaml", "13500009999", "13500009990");
    let plan = project.expect(&["plan", "-o", "plan.json"], 0).stdout;
    let change = "~ accounts.clerk  mobile 135****9999 → 135****9990";
    assert!(plan.contains(change), "{plan}");
    assert!(!project.read("plan.json").contains("9999"));
    let shown = project.expect(&["show", "plan.json"], 0).stdout;
    assert!(shown.contains("mobile → 135****9990"), "{shown}");
    project.expect(&["apply", "plan.json"], 0);
    let clerk = &fields(&project)["acme-clerk"];
    assert_eq!(clerk["mobile"]["shown"], "135****9990");
}

#[test]
fn an_excluded_update_leaves_the_recorded_values() {
    let project = applied(1);
    project.replace("manifests/lender.yaml", "13500009999", "13500009990");
    project.expect(&["apply", "--yes", "--exclude", "accounts.clerk"], 0);
    let plan = project.expect(&["plan"], 0).stdout;
    let change = "~ accounts.clerk  mobile 135****9999 → 135****9990";
    assert!(plan.contains(change), "{plan}");
}

#[test]
fn values_of_an_older_ledger_are_not_recorded_until_the_next_apply() {
    let project = applied(1);
    let lines = exported(&project).into_iter().map(|mut line| {
        let fields = line.pointer_mut("/resource/fields");
        let fields = fields.and_then(Value::as_object_mut).into_iter();
        for field in fields.flat_map(|fields| fields.values_mut()) {
            if !field.is_string() {
                *field = field["fingerprint"].take();
            }
        }
        if let Some(format) = line.pointer_mut("/ledger/format") {
            *format = json!(5);
        }
        line.to_string() + "\n"
    });
    project.write("older.jsonl", lines.collect::<String>());
    forget_ledger(&project);
    project.expect(&["state", "import", "older.jsonl", "--yes"], 0);
    project.replace("manifests/lender.yaml", "13500009999", "13500009990");
    let plan = project.expect(&["plan"], 0).stdout;
    let change = "~ accounts.clerk  mobile (not recorded) → 135****9990";
    assert!(plan.contains(change), "{plan}");
    let plan = project.expect(&["plan", "--format", "json"], 0).stdout;
    let plan: Value = serde_json::from_str(&plan).expect("JSON");
    let change = json!({ "field": "mobile", "old": null, "new": "135****9990" });
    assert_eq!(plan["resources"][0]["changes"][0], change);
    // Also of the account that is unchanged.
    project.expect(&["apply", "--yes"], 0);
    let all = fields(&project);
    assert_eq!(all["acme-clerk"]["mobile"]["shown"], "135****9990");
    assert_eq!(all["acme"]["legalName"]["shown"], "周**");
}

#[test]
fn secret_values_are_not_recorded() {
    let project = few(1);
    let secret = "lender: { default: 天谷小额贷款有限公司, secret: true }";
    project.replace("treaty.yaml", "lender: 天谷小额贷款有限公司", secret);
    project.expect(&["apply", "--yes"], 0);
    assert!(fields(&project)["acme"]["name"].is_string());
    // A value that becomes secret later is removed.
    let open = applied(1);
    assert!(fields(&open)["acme"]["name"].is_object());
    open.replace("treaty.yaml", "lender: 天谷小额贷款有限公司", secret);
    open.expect(&["apply", "--yes"], 0);
    assert!(fields(&open)["acme"]["name"].is_string());
}

#[test]
fn forced_updates_show_the_recorded_grant() {
    let project = applied(1);
    let forced = [
        "plan",
        "--format",
        "json",
        "--force-update",
        "accounts.acme",
    ];
    let plan = project.expect(&forced, 0).stdout;
    let plan: Value = serde_json::from_str(&plan).expect("JSON");
    let mut resources = plan["resources"].as_array().expect("resources").iter();
    let acme = resources.find(|own| own["address"] == "accounts.acme");
    let changes = acme.expect("acme")["changes"].as_array().expect("changes");
    assert_eq!(changes.last().expect("a change")["field"], "silentSign");
    for change in changes {
        assert!(change["old"].is_string(), "{change}");
        assert_eq!(change["old"], change["new"], "{change}");
    }
}
