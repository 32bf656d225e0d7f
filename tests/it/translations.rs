//! The catalogs in `locales/` hold a text for every marked sentence in `src/`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::support::project::root;

/// A sentence that the code marks with `t!` or `t_key!`.
struct Sentence {
    text: String,
    /// The file, relative to the root.
    file: String,
    /// The names of the values that `t!` fills in; `None` for `t_key!`, whose values are unknown.
    values: Option<BTreeSet<String>>,
}

#[test]
fn every_sentence_has_a_chinese_text() {
    let catalog = catalog();
    let sentences = sentences();
    assert!(sentences.len() > 20, "the sentences are found");
    let missing: BTreeSet<String> = sentences
        .iter()
        .filter(|sentence| !catalog.contains_key(&sentence.text))
        .map(|sentence| format!("{}: {:?}", sentence.file, sentence.text))
        .collect();
    assert!(
        missing.is_empty(),
        "without a Chinese text:\n{}",
        lines(missing)
    );
}

#[test]
fn every_chinese_text_is_used() {
    let used: BTreeSet<String> = sentences().into_iter().map(|known| known.text).collect();
    let code: String = files(&root().join("src"), ".rs")
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a file"))
        .collect();
    // The names of fields are looked up without a mark.
    let is_field = |key: &str| fields().contains_key(key) && code.contains(&format!("\"{key}\""));
    let catalog = catalog();
    let unused = catalog
        .keys()
        .filter(|key| !used.contains(*key) && !is_field(key));
    let unused: Vec<String> = unused.map(|key| format!("{key:?}")).collect();
    assert!(unused.is_empty(), "not in src/:\n{}", lines(unused));
}

#[test]
fn placeholders_are_the_same_in_both_languages() {
    let mut wrong = Vec::new();
    for (english, chinese) in catalog() {
        if placeholders(&english) != placeholders(&chinese) {
            wrong.push(format!("{english:?}: {chinese:?}"));
        }
    }
    for sentence in sentences() {
        let needed = placeholders(&sentence.text);
        if sentence.values.is_some_and(|values| values != needed) {
            wrong.push(format!(
                "{}: {:?} has other values than placeholders",
                sentence.file, sentence.text
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", lines(wrong));
}

fn lines(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().collect::<Vec<_>>().join("\n")
}

/// Returns all Chinese texts by their English sentence. A sentence is in one catalog only, and the
/// library rebuilds when a catalog changes.
fn catalog() -> BTreeMap<String, String> {
    let library = std::fs::read_to_string(root().join("src/lib.rs")).expect("the library");
    let mut all = BTreeMap::new();
    for path in files(&root().join("locales"), ".zh.yml") {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name");
        assert!(
            library.contains(&format!("include_str!(\"../locales/{name}\")")),
            "src/lib.rs does not include {name}"
        );
        for (english, chinese) in texts(&path) {
            assert!(
                all.insert(english.clone(), chinese).is_none(),
                "{name} repeats {english:?}"
            );
        }
    }
    all
}

/// Returns the names of API fields.
fn fields() -> BTreeMap<String, String> {
    texts(&root().join("locales/fields.zh.yml"))
}

fn texts(catalog: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(catalog).expect("a catalog");
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", catalog.display()))
}

/// Returns the marked sentences of the code.
fn sentences() -> Vec<Sentence> {
    let source = root().join("src");
    let mut found = Vec::new();
    for path in files(&source, ".rs") {
        let text = std::fs::read_to_string(&path).expect("a file");
        let tokens: TokenStream = text
            .parse()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file = path.strip_prefix(root()).expect("below").display();
        collect(tokens, &file.to_string(), &mut found);
    }
    found.extend(sentences_of_pages());
    found
}

/// Returns the sentences that templates and scripts of pages pass to their function `t`.
fn sentences_of_pages() -> Vec<Sentence> {
    let source = root().join("src");
    let pages = files(&source, ".html")
        .into_iter()
        .chain(files(&source, ".js"));
    let mut found = Vec::new();
    for path in pages {
        let text = std::fs::read_to_string(&path).expect("a file");
        let file = path
            .strip_prefix(root())
            .expect("below")
            .display()
            .to_string();
        for part in text.split("t(\"").skip(1) {
            let text = part.split('"').next().unwrap_or_default().to_owned();
            found.push(Sentence {
                text,
                file: file.clone(),
                values: None,
            });
        }
    }
    found
}

fn collect(tokens: TokenStream, file: &str, found: &mut Vec<Sentence>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            continue;
        };
        let is_mark = |name: &str| {
            at >= 2
                && tokens[at - 1].to_string() == "!"
                && tokens[at - 2].to_string() == name
                && group.delimiter() == Delimiter::Parenthesis
        };
        if is_mark("t") || is_mark("t_key") {
            let mut parts = group.stream().into_iter();
            if let Some(TokenTree::Literal(literal)) = parts.next() {
                let text = syn::parse_str::<syn::LitStr>(&literal.to_string());
                found.push(Sentence {
                    text: text.expect("a string").value(),
                    file: file.to_owned(),
                    values: is_mark("t").then(|| names(parts)),
                });
            }
        }
        collect(group.stream(), file, found);
    }
}

/// Returns the names of the values: the first identifier after each comma.
fn names(tokens: impl Iterator<Item = TokenTree>) -> BTreeSet<String> {
    let tokens: Vec<TokenTree> = tokens.collect();
    let mut names = BTreeSet::new();
    for triple in tokens.windows(3) {
        if let [comma, TokenTree::Ident(name), equals] = triple
            && comma.to_string() == ","
            && equals.to_string() == "="
        {
            names.insert(name.to_string());
        }
    }
    names
}

/// Returns the names in `%{name}`.
fn placeholders(text: &str) -> BTreeSet<String> {
    let parts = text.split("%{").skip(1);
    let names = parts.filter_map(|part| part.split_once('}'));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// Returns the files below a folder whose names end with `ending`.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}
