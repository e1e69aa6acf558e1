//! Documents name tests that exist.

use std::{fs, path::Path};

#[test]
fn every_test_that_the_table_of_bad_input_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(root.join("docs/bad_input.md")).unwrap();
    // A link such as [`name`](../path).
    let mut named = 0;
    for link in text.split("[`").skip(1) {
        let (name, rest) = link.split_once("`](../").unwrap();
        let path = rest.split_once(')').unwrap().0;
        let source = fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let keyword = if path.ends_with(".sol") { "function" } else { "fn" };
        assert!(source.contains(&format!("{keyword} {name}(")), "no test {name} in {path}");
        named += 1;
    }
    assert!(named > 100, "only {named} tests are named");
}
