//! The rooms and their walls: a layer imports only what stands above it, and some never meet at all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::project::root;

/// The layers, as `lib.rs` lists them.
const ORDER: [&str; 19] = [
    "id",
    "diagnostic",
    "http_client",
    "crash",
    "whole",
    "api",
    "sheet",
    "render",
    "pdf",
    "manifest",
    "desired",
    "plan",
    "ledger",
    "client",
    "apply",
    "report",
    "listen",
    "sandbox",
    "cli",
];

/// What a room must not know although it stands above.
const STRANGERS: [(&str, &[&str]); 9] = [
    ("sheet", &["api"]),
    ("pdf", &["id", "api", "sheet", "render"]),
    ("plan", &["sheet", "pdf"]),
    ("ledger", &["manifest", "sheet", "desired"]),
    (
        "client",
        &["manifest", "desired", "plan", "ledger", "render", "sheet"],
    ),
    ("apply", &["sheet", "pdf"]),
    ("report", &["client", "apply"]),
    ("listen", &["manifest", "desired", "sheet", "pdf", "report"]),
    (
        "sandbox",
        &[
            "manifest", "desired", "plan", "ledger", "client", "apply", "report", "render",
            "sheet", "listen",
        ],
    ),
];

#[test]
fn imports_point_upwards_only() {
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    read(&root().join("src"), None, &mut imports);
    let place = |room: &str| ORDER.iter().position(|known| *known == room);
    for (room, others) in &imports {
        let own = place(room).unwrap_or_else(|| panic!("the room {room} is not on the map"));
        let strangers = STRANGERS
            .iter()
            .find(|(name, _)| name == room)
            .map_or(&[][..], |(_, list)| list);
        for other in others.iter().filter(|other| *other != room) {
            let above = place(other)
                .unwrap_or_else(|| panic!("{room} imports {other}, which is not on the map"));
            assert!(
                above < own,
                "{room} must not import {other}, which stands below it"
            );
            assert!(
                !strangers.contains(&other.as_str()),
                "{room} must not know {other}"
            );
        }
    }
    assert_eq!(imports.len(), ORDER.len());
}

fn read(folder: &Path, room: Option<&str>, imports: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_str()
            .expect("text")
            .to_owned();
        if room.is_none() && (name == "main" || name == "lib") {
            continue;
        }
        let room = room.unwrap_or(&name);
        if path.is_dir() {
            read(&path, Some(room), imports);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        // What tests use does not count.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let own = imports.entry(room.to_owned()).or_default();
        let code: Vec<&str> = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        let code = code.join("\n");
        for rest in code.split("crate::").skip(1) {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            own.insert(rest[..end].to_owned());
        }
    }
}
