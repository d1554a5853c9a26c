//! The kept corpus of `tests/fuzz`, replayed: what a fuzzer found once, and what
//! it begins with. `.ci/fuzz` looks for more.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "fuzz/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::path::Path;

fn names(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            path.file_stem().unwrap().to_str().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn the_corpus_of_every_target_runs_through() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("tests/fuzz");
    let all: BTreeSet<_> = targets::ALL
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_eq!(names(&folder.join("fuzz_targets")), all);
    assert_eq!(names(&folder.join("corpus")), all);
    for (name, target) in targets::ALL {
        let mut count = 0;
        let own = folder.join("corpus").join(name);
        let elsewhere = targets::elsewhere(name).map(|at| root.join(at));
        for from in [own].into_iter().chain(elsewhere) {
            for entry in std::fs::read_dir(from).unwrap() {
                let path = entry.unwrap().path();
                println!("{}", path.display());
                target(&std::fs::read(path).unwrap());
                count += 1;
            }
        }
        assert!(count >= 5, "{name} has a corpus of {count}");
    }
}
