//! The layers of `src/`: a module imports only modules above it, and the imports between files of
//! one module have no cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::support::project::root;

/// The modules in the order of `lib.rs`: each module may import those before it.
const ORDER: [&str; 19] = [
    "util",
    "address",
    "diagnostic",
    "api",
    "sheet",
    "expr",
    "pdf",
    "manifest",
    "desired",
    "ledger",
    "client",
    "plan",
    "execute",
    "sync",
    "repair",
    "report",
    "preview",
    "webhook",
    "sandbox",
];

/// Modules that must not be imported although they are above.
const FORBIDDEN: [(&str, &[&str]); 10] = [
    ("api", &["util"]),
    ("sheet", &["api", "address"]),
    ("pdf", &["address", "api", "sheet", "expr"]),
    ("ledger", &["manifest", "sheet", "desired", "pdf"]),
    (
        "client",
        &["manifest", "desired", "ledger", "expr", "sheet", "pdf"],
    ),
    ("plan", &["sheet", "pdf"]),
    ("report", &["client", "execute", "sync", "repair"]),
    (
        "preview",
        &["ledger", "client", "plan", "execute", "sync", "repair"],
    ),
    (
        "webhook",
        &["manifest", "desired", "sheet", "pdf", "report", "repair"],
    ),
    (
        "sandbox",
        &[
            "manifest", "desired", "ledger", "client", "plan", "execute", "sync", "repair",
            "report", "preview", "webhook", "expr", "sheet",
        ],
    ),
];

/// The imports of a source file.
struct Source {
    /// The modules and items that the code names, as paths from the crate's root.
    imports: BTreeSet<Vec<String>>,
    /// The items that the file re-exports from its children, with their original paths.
    reexports: BTreeMap<String, Vec<String>>,
}

#[test]
fn a_module_imports_only_modules_above_it() {
    let mut wrong = Vec::new();
    for (path, source) in sources() {
        let module = path[0].as_str();
        if module == "cli" {
            continue;
        }
        let position = |name: &str| ORDER.iter().position(|known| *known == name);
        let own = position(module).unwrap_or_else(|| panic!("{module} has no place in ORDER"));
        let forbidden = FORBIDDEN.iter().find(|(name, _)| *name == module);
        let forbidden = forbidden.map_or(&[][..], |(_, names)| names);
        for import in source.imports {
            let other = import[0].as_str();
            let is_below = position(other).is_none_or(|other| other > own);
            if other != module && (is_below || forbidden.contains(&other)) {
                wrong.push(format!("{} imports {}", path.join("::"), import.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn imports_within_a_module_have_no_cycles() {
    let sources = sources();
    let mut graph: BTreeMap<&[String], BTreeSet<&[String]>> = BTreeMap::new();
    for (path, source) in &sources {
        let files = source
            .imports
            .iter()
            .filter_map(|path| file(&sources, path));
        let own = files.filter(|file| *file != path.as_slice() && file[0] == path[0]);
        graph.insert(path, own.collect());
    }
    // Removes files without remaining imports until only cycles, and files that import them, are
    // left.
    while let Some(leaf) = leaf(&graph) {
        graph.remove(leaf);
        for imports in graph.values_mut() {
            imports.remove(leaf);
        }
    }
    while let Some(unused) = unused(&graph) {
        graph.remove(unused);
    }
    let circles: Vec<String> = graph
        .iter()
        .map(|(path, imports)| {
            let imports: Vec<String> = imports.iter().map(|path| path.join("::")).collect();
            format!("{} imports {}", path.join("::"), imports.join(", "))
        })
        .collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

/// Foreign text is escaped where it is written, so nothing is written past `out.rs`.
#[test]
fn only_the_escaping_writers_write_to_the_terminal() {
    // The last one is a file of tests.
    const WRITERS: [&str; 3] = [
        "cli/output/out.rs",
        "cli/output/style.rs",
        "ledger/suite.rs",
    ];
    const FORBIDDEN: [&str; 9] = [
        "println!",
        "print!(",
        "anstream::",
        "\\u{1b}",
        "\\x1b",
        "stdout()",
        "stderr()",
        ".print()",
        "ProgressBar::println",
    ];
    // Reads the size of the terminal, or draws the bar, whose texts `style.rs` escapes.
    const ALLOWED: [&str; 5] = [
        "anstream::ColorChoice",
        "use_stderr()",
        "stdout().is_terminal()",
        "stderr().is_terminal()",
        "ProgressDrawTarget::stderr()",
    ];
    let mut wrong = Vec::new();
    let source = root().join("src");
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path
                .strip_prefix(&source)
                .expect("below")
                .display()
                .to_string();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let is_code = path.extension().is_some_and(|ending| ending == "rs");
            if !is_code || name == "cli/output/wrap.rs" || WRITERS.contains(&&*name) {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a file");
            let code = text.split("#[cfg(test)]\nmod ").next().expect("code");
            for line in code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
            {
                let bare = ALLOWED
                    .iter()
                    .fold(line.to_owned(), |line, known| line.replace(known, ""));
                if FORBIDDEN.iter().any(|word| bare.contains(word)) {
                    wrong.push(format!("{name}: {}", line.trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

type Graph<'a> = BTreeMap<&'a [String], BTreeSet<&'a [String]>>;

fn leaf<'a>(graph: &Graph<'a>) -> Option<&'a [String]> {
    let mut files = graph.iter();
    files
        .find(|(_, imports)| imports.is_empty())
        .map(|(path, _)| *path)
}

fn unused<'a>(graph: &Graph<'a>) -> Option<&'a [String]> {
    let is_used = |path: &&[String]| graph.values().any(|imports| imports.contains(path));
    graph.keys().find(|path| !is_used(path)).copied()
}

/// Returns the file that an imported path refers to. Re-exports are followed to the defining file.
fn file<'a>(sources: &'a BTreeMap<Vec<String>, Source>, path: &[String]) -> Option<&'a [String]> {
    let mut prefixes = (1..=path.len()).rev();
    let (module, source) = prefixes.find_map(|length| sources.get_key_value(&path[..length]))?;
    let item = path.get(module.len());
    match item.and_then(|item| source.reexports.get(item)) {
        Some(target) if target != path => file(sources, target),
        _ => Some(module),
    }
}

fn sources() -> BTreeMap<Vec<String>, Source> {
    let mut sources = BTreeMap::new();
    read(&root().join("src"), &[], &mut sources);
    sources
}

fn read(folder: &Path, module: &[String], sources: &mut BTreeMap<Vec<String>, Source>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str());
        let name = name.expect("a name").to_owned();
        let is_root = module.is_empty() && (name == "main" || name == "lib");
        let is_code = path
            .extension()
            .is_some_and(|ending| ending == "rs" && name != "tests");
        let mut own = module.to_vec();
        if name != "mod" {
            own.push(name);
        }
        if path.is_dir() {
            read(&path, &own, sources);
        } else if is_code && !is_root {
            let text = std::fs::read_to_string(&path).expect("a file");
            let is_folder = path.ends_with("mod.rs");
            sources.insert(own.clone(), source(&text, &own, is_folder));
        }
    }
}

fn source(text: &str, path: &[String], is_folder: bool) -> Source {
    let code = without_tests(&without_text(text));
    let parent = if is_folder {
        path
    } else {
        &path[..path.len() - 1]
    };
    let mut source = Source {
        imports: BTreeSet::new(),
        reexports: BTreeMap::new(),
    };
    for statement in code.split_inclusive(';') {
        // A re-export is not an import of the folder's own code.
        let reexport = statement
            .rfind("pub use ")
            .or_else(|| statement.rfind("pub(crate) use "))
            .or_else(|| statement.rfind("pub(super) use "))
            .filter(|_| is_folder);
        if let Some(start) = reexport {
            let (_, tree) = statement[start..].split_once("use ").expect("found above");
            for names in paths(tree) {
                let (first, rest) = names.split_first().expect("a name");
                let mut target = match first.as_str() {
                    "crate" => Vec::new(),
                    "self" => path.to_vec(),
                    _ => [path, std::slice::from_ref(first)].concat(),
                };
                target.extend_from_slice(rest);
                let item = target.last().expect("a name").clone();
                source.reexports.insert(item, target);
            }
            continue;
        }
        for (start, keyword) in ["crate::", "super::"]
            .iter()
            .flat_map(|word| statement.match_indices(word))
        {
            let before = statement[..start].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let base = match keyword {
                "crate::" => &[][..],
                _ if is_folder => &path[..path.len() - 1],
                _ => parent,
            };
            for names in paths(&statement[start + keyword.len()..]) {
                let mut base = base.to_vec();
                for name in names {
                    match name.as_str() {
                        "super" => drop(base.pop()),
                        "self" | "*" => {}
                        _ => base.push(name),
                    }
                }
                if !base.is_empty() {
                    source.imports.insert(base);
                }
            }
        }
    }
    source
}

/// Returns the paths of the use tree at the start of a text: `a::{b, c::D}` gives `a::b` and
/// `a::c::D`.
fn paths(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*')
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        let Some(group) = text.strip_prefix('{') else {
            return Vec::new();
        };
        return members(group).into_iter().flat_map(paths).collect();
    }
    let below = match rest.strip_prefix("::") {
        Some(rest) => paths(rest),
        None => Vec::new(),
    };
    if below.is_empty() {
        return vec![vec![name.to_owned()]];
    }
    let own = |path: Vec<String>| [vec![name.to_owned()], path].concat();
    below.into_iter().map(own).collect()
}

/// Returns the members of a group up to its closing brace.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members
}

/// Returns the code without comments and without the contents of strings.
fn without_text(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let mut quoted = line.split('"');
        let first = quoted.next().unwrap_or_default();
        let line = if first.contains("//") || line.trim_start().starts_with("//") {
            first.split("//").next().unwrap_or_default()
        } else {
            line
        };
        code.push_str(line);
        code.push('\n');
    }
    code
}

/// Returns the code without items that only tests use.
fn without_tests(code: &str) -> String {
    let mut parts = code.split("#[cfg(test)]");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let semicolon = part.find(';').unwrap_or(part.len());
        let brace = part.find('{').unwrap_or(part.len());
        if semicolon < brace {
            kept.push_str(&part[semicolon + 1..]);
            continue;
        }
        // rustfmt puts the closing brace of an item at the item's indentation.
        let indent = part.trim_start_matches('\n');
        let indent = &indent[..indent.len() - indent.trim_start().len()];
        let close = format!("\n{indent}}}");
        let end = part.find(&close).map_or(part.len(), |at| at + close.len());
        kept.push_str(&part[end..]);
    }
    kept
}

#[test]
fn use_trees_are_parsed() {
    let read = |text| {
        let paths = paths(text).into_iter();
        paths.map(|path| path.join("::")).collect::<Vec<_>>()
    };
    assert_eq!(read("a::B;"), ["a::B"]);
    assert_eq!(
        read("a::{self, b::{C, D}, E as F}"),
        ["a::self", "a::b::C", "a::b::D", "a::E"]
    );
    assert_eq!(read("a::b(c)"), ["a::b"]);
    let code = "use a;\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nuse c;\n#[cfg(test)]\nuse d;\nfn e() {}\n";
    assert_eq!(without_tests(code), "use a;\n\nuse c;\n\nfn e() {}\n");
}
