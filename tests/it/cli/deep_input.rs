//! Deep and long input is refused with its location. It never overflows the stack.

use crate::support::project::{Project, Run};

/// Deep enough to overflow any stack, if it is followed recursively.
const DEEP: usize = 100_000;

fn nested(open: &str, close: &str) -> String {
    format!("{}{}", open.repeat(DEEP), close.repeat(DEEP))
}

#[test]
fn validate_refuses_deep_expressions() {
    let field = "businessScene: 借款合同签署";
    for text in [
        format!("{{{{ 1{} }}}}", " + 1".repeat(DEEP / 2)),
        format!("{{{{ 1{} }}}}", "+1".repeat(DEEP / 4)),
        format!("{{{{ row.姓名{} }}}}", "|e".repeat(20_000)),
        format!("{{{{ {} }}}}", "(".repeat(60_000)),
        format!("a {}", "{% if 1 %}".repeat(6_000)),
    ] {
        let project = Project::loans();
        let scene = format!("businessScene: \"{text}\"");
        project.replace("manifests/loans.yaml", field, &scene);
        let run = project.expect(&["validate"], 65);
        assert!(
            run.stderr.contains("manifests/loans.yaml:"),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains("the expression "), "{}", run.stderr);
        assert!(run.stderr.contains("help: "), "{}", run.stderr);
    }
}

/// A value that an expression nests while it is evaluated.
#[test]
fn deep_values_of_an_expression_do_not_overflow_the_stack() {
    let project = Project::loans();
    let text = "{% set ns = namespace(v=[]) %}{% for i in range(90000) %}{% set ns.v = [ns.v] %}{% endfor %}{{ ns.v }}";
    let scene = format!("businessScene: \"{text}\"");
    project.replace(
        "manifests/loans.yaml",
        "businessScene: 借款合同签署",
        &scene,
    );
    project.expect(&["validate"], 65);
}

#[test]
fn validate_refuses_deep_yaml() {
    for text in [
        nested("[", "]"),
        nested("{a: ", "}"),
        "- ".repeat(DEEP),
        "a:\n".to_owned()
            + &(1..2_000)
                .map(|n| " ".repeat(n) + "a:\n")
                .collect::<String>(),
    ] {
        let project = Project::loans();
        project.write("manifests/loans.yaml", format!("flows: {text}\n"));
        let run = project.expect(&["validate"], 65);
        assert!(
            run.stderr.contains("manifests/loans.yaml:"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn deep_json_of_a_file_is_refused() {
    let project = Project::loans();
    project.write("deep.jsonl", nested("{\"a\":", "}"));
    let run = project.expect(&["state", "import", "deep.jsonl", "--yes"], 65);
    assert!(run.stderr.contains("deep.jsonl"), "{}", run.stderr);
}

/// A PDF whose catalog has this entry, and whose page has this content.
fn pdf(entry: &str, page: &str) -> Vec<u8> {
    let objects = [
        format!("<</Type/Catalog/Pages 2 0 R{entry}>>"),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]{page}>>"),
    ];
    let mut text = "%PDF-1.4\n".to_owned();
    let mut offsets = Vec::new();
    for (number, object) in (1..).zip(&objects) {
        offsets.push(text.len());
        text.push_str(&[&number.to_string(), " 0 obj\n", object, "\nendobj\n"].concat());
    }
    let start = text.len();
    text += "xref\n0 4\n0000000000 65535 f \n";
    for offset in offsets {
        text += format!("{offset:010} 00000 n \n").as_str();
    }
    let trailer = format!("trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n");
    (text + &trailer).into_bytes()
}

/// Asserts that `validate` ends, whether it refuses the project or not.
fn assert_ends(project: &Project) {
    let output = project.command(&["validate"]).output();
    let run = Run::from(output.expect("treaty runs"));
    assert!([0, 65].contains(&run.code), "{}: {}", run.code, run.stderr);
}

#[test]
fn deep_pdf_objects_do_not_overflow_the_stack() {
    let deep = nested("[", "]");
    for bytes in [
        pdf(&format!("/AcroForm<</Fields{deep}>>"), ""),
        pdf(&format!("/AcroForm{}", nested("<</A", ">>")), ""),
        pdf("", &format!("/Annots{deep}")),
        pdf("", &format!("/Resources{}", nested("<</Font", ">>"))),
        pdf("/AcroForm<</Fields[1 0 R]>>/Kids[1 0 R]", ""),
    ] {
        let project = Project::loans();
        project.write("templates/loan.pdf", bytes);
        assert_ends(&project);
    }
}

#[test]
fn deep_html_does_not_overflow_the_stack() {
    let project = Project::loans();
    project.write("page.html", nested("<div><ul><li>", "</li></ul></div>"));
    project.replace(
        "manifests/loans.yaml",
        "template: loan",
        "file: ../page.html",
    );
    assert_ends(&project);
}

#[test]
fn validate_refuses_names_that_are_no_file_names() {
    let long = "流程".repeat(50);
    for name in ["audit", "RUN", "CON", "com1", &long] {
        let project = Project::loans();
        project.replace(
            "manifests/loans.yaml",
            "  loans:\n",
            &format!("  {name}:\n"),
        );
        let run = project.expect(&["validate"], 65);
        assert!(
            run.stderr.contains("manifests/loans.yaml:7"),
            "{}",
            run.stderr
        );
        assert!(
            run.stderr.contains("the report of a flow is NAME.csv"),
            "{}",
            run.stderr
        );
    }
    let project = Project::loans();
    let flow = project.read("manifests/loans.yaml");
    let (_, flow) = flow.split_once("flows:\n").expect("a flow");
    project.write(
        "manifests/other.yaml",
        format!("flows:\n{}", flow.replace("  loans:\n", "  Loans:\n")),
    );
    let run = project.expect(&["validate"], 65);
    assert!(run.stderr.contains("differ only in case"), "{}", run.stderr);
}
