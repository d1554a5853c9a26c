//! Files import each other in one direction: there are no circles of files.
//!
//! A file and those below it (`sled.rs` and `sled/`) are one unit towards each
//! other in one respect: that a file uses what is below it doesn't count, since
//! putting its parts together is its purpose. What is re-exported is looked for
//! where it is defined.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Source, report, sources};

/// Circles that are still to be opened: the files of each, or those above them.
const KNOWN: &[&[&str]] = &[
    &["admin::console::guard", "admin::console::view"],
    &["admin::openapi", "admin::routes"],
    &["admin::providers", "admin::watch"],
    &["cli::api", "cli::remote"],
    &["http::failure", "http::site"],
    &["http::server"],
    &["store::sled"],
];

type Module = Vec<String>;

/// A path as it is written, and what it is called in its file.
struct Named {
    path: Vec<String>,
    name: String,
    /// It is re-exported, not used.
    public: bool,
}

struct Files {
    /// The file's module, and the paths that are named in it.
    named: BTreeMap<Module, Vec<Named>>,
    /// What a file re-exports: under which name, and from where.
    exports: BTreeMap<(Module, String), Vec<String>>,
}

impl Files {
    fn read(root: &Path) -> Self {
        let mut named = BTreeMap::new();
        let all = sources(root);
        let modules: BTreeSet<Module> = all.iter().map(module).collect();
        for source in &all {
            let own = module(source);
            let children: BTreeSet<&str> = modules
                .iter()
                .filter(|m| m.len() == own.len() + 1 && m.starts_with(&own))
                .filter_map(|m| m.last().map(String::as_str))
                .collect();
            named.insert(own, paths(source, &children));
        }
        let mut files = Self {
            named,
            exports: BTreeMap::new(),
        };
        for (own, all) in &files.named {
            for one in all.iter().filter(|one| one.public) {
                if let Some(path) = files.absolute(own, &one.path) {
                    files.exports.insert((own.clone(), one.name.clone()), path);
                }
            }
        }
        files
    }

    /// A path from the crate's root.
    fn absolute(&self, own: &Module, path: &[String]) -> Option<Vec<String>> {
        let mut path = path.to_vec();
        let mut from = own.clone();
        match path.first()?.as_str() {
            "crate" => return Some(path.split_off(1)),
            "self" => {
                path.remove(0);
            }
            "super" => {
                while path.first().is_some_and(|first| first == "super") {
                    path.remove(0);
                    from.pop()?;
                }
            }
            child => {
                let mut below = own.clone();
                below.push(child.to_owned());
                if !self.named.contains_key(&below) {
                    return None;
                }
            }
        }
        from.append(&mut path);
        Some(from)
    }

    /// The file that defines what a path leads to.
    fn definition(&self, path: &[String]) -> Option<Module> {
        let mut path = path.to_vec();
        // Re-exports of re-exports come to an end.
        for _ in 0..8 {
            let length = (0..=path.len())
                .rev()
                .find(|n| self.named.contains_key(&path[..*n]))?;
            let file = path[..length].to_vec();
            let next = path.get(length).cloned().unwrap_or_default();
            match self.exports.get(&(file.clone(), next)) {
                Some(from) => path = [from.as_slice(), &path[length + 1..]].concat(),
                None => return Some(file),
            }
        }
        None
    }

    /// Which files a file uses, without those below it.
    fn uses(&self, own: &Module) -> BTreeSet<Module> {
        self.named[own]
            .iter()
            .filter(|one| !one.public)
            .filter_map(|one| self.definition(&self.absolute(own, &one.path)?))
            .filter(|file| !file.starts_with(own))
            .collect()
    }

    /// Sets of files that use each other, around a corner or not.
    fn circles(&self) -> Vec<BTreeSet<String>> {
        let direct: BTreeMap<&Module, BTreeSet<Module>> =
            self.named.keys().map(|m| (m, self.uses(m))).collect();
        let reach = |from: &Module| {
            let mut seen = BTreeSet::new();
            let mut next = vec![from.clone()];
            while let Some(at) = next.pop() {
                for to in &direct[&at] {
                    if seen.insert(to.clone()) {
                        next.push(to.clone());
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<&Module, BTreeSet<Module>> =
            self.named.keys().map(|m| (m, reach(m))).collect();
        let circles: BTreeSet<BTreeSet<String>> = reached
            .iter()
            .filter(|(own, all)| all.contains(**own))
            .map(|(own, all)| {
                all.iter()
                    .filter(|other| reached[other].contains(*own))
                    .map(|other| other.join("::"))
                    .collect()
            })
            .collect();
        circles.into_iter().collect()
    }
}

fn module(source: &Source) -> Module {
    match source.module.as_str() {
        "lib" | "main" => Vec::new(),
        other => other.split("::").map(str::to_owned).collect(),
    }
}

/// Every path in a file that leads into the crate. Inline modules (tests) are
/// left out.
fn paths(source: &Source, children: &BTreeSet<&str>) -> Vec<Named> {
    let tokens: Vec<&str> = source
        .tokens
        .iter()
        .filter(|token| token.depth == 0)
        .map(|token| token.text.as_str())
        .collect();
    let t = |i: usize| tokens.get(i).copied().unwrap_or_default();
    let separator = |i: usize| t(i) == ":" && t(i + 1) == ":";
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if t(i) == "use" {
            let before = &tokens[i.saturating_sub(6)..i];
            let public = before.last() == Some(&"pub")
                || before.last() == Some(&")") && before.contains(&"pub");
            let mut leaves = Vec::new();
            i = tree(&tokens, i + 1, &[], &mut leaves);
            found.extend(
                leaves
                    .into_iter()
                    .map(|(path, name)| Named { path, name, public }),
            );
            continue;
        }
        let begins = ["crate", "super", "self"].contains(&t(i)) || children.contains(t(i));
        let behind = i > 0 && [":", ".", "$"].contains(&t(i - 1));
        if begins && !behind && separator(i + 1) {
            let mut path = vec![t(i).to_owned()];
            while separator(i + 1) && t(i + 3).starts_with(|c: char| c.is_alphabetic() || c == '_')
            {
                path.push(t(i + 3).to_owned());
                i += 3;
            }
            found.push(Named {
                name: path[path.len() - 1].clone(),
                path,
                public: false,
            });
        }
        i += 1;
    }
    found
}

/// The leaves of a `use` tree that begins at a token; gives where it ends.
fn tree(
    tokens: &[&str],
    mut i: usize,
    above: &[String],
    into: &mut Vec<(Vec<String>, String)>,
) -> usize {
    let t = |i: usize| tokens.get(i).copied().unwrap_or_default();
    let mut path = above.to_vec();
    loop {
        match t(i) {
            "{" => {
                i += 1;
                while t(i) != "}" && !t(i).is_empty() {
                    i = tree(tokens, i, &path, into);
                    if t(i) == "," {
                        i += 1;
                    }
                }
                return i + 1;
            }
            "*" => {
                into.push((path, "*".to_owned()));
                return i + 1;
            }
            ":" => i += 1,
            word => {
                path.push(word.to_owned());
                i += 1;
                if t(i) != ":" {
                    let renamed = t(i) == "as";
                    let name = if renamed { t(i + 1) } else { word };
                    into.push((path, name.to_owned()));
                    return if renamed { i + 2 } else { i };
                }
            }
        }
    }
}

#[test]
fn files_import_in_one_direction() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut broken = Vec::new();
    let mut found = BTreeSet::new();
    for dir in ["src", "mock-idp/src"] {
        for circle in Files::read(&root.join(dir)).circles() {
            let known = KNOWN.iter().find(|known| {
                let within = |file: &String| known.iter().any(|above| file.starts_with(above));
                circle.iter().all(within)
            });
            match known {
                Some(known) => drop(found.insert(*known)),
                None => {
                    let files: Vec<&str> = circle.iter().map(String::as_str).collect();
                    broken.push(format!("{dir}: a circle of {}", files.join(", ")));
                }
            }
        }
    }
    for known in KNOWN.iter().filter(|known| !found.contains(*known)) {
        broken.push(format!(
            "{known:?} is no longer a circle: take it off KNOWN"
        ));
    }
    report(&broken);
}

/// The reader itself, on files that go round.
#[test]
fn circles_are_found_around_corners() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("lib.rs", "pub mod a; pub mod b; pub mod c; pub mod d;");
    // Its own parts, put together: no circle.
    write("a.rs", "mod x; pub use self::x::X; fn f() { x::make() }");
    write("a/x.rs", "use super::A; use crate::b::{self, Y as Z};");
    // Through a re-export, and in an expression.
    write("b.rs", "fn f() { crate::c::g() }");
    write("c.rs", "use crate::a::X;");
    write("d.rs", "use crate::a::X; mod tests { use crate::d::f; }");
    let circles = Files::read(dir.path()).circles();
    let wanted: BTreeSet<String> = ["a::x", "b", "c"].map(str::to_owned).into();
    assert_eq!(circles, [wanted]);
}
