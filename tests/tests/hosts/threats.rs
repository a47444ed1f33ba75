//! `docs/THREATS.md` and `docs/KERNEL.md` name the tests that hold what they say: each of them must be there.

use std::path::Path;

const PROJECT: &str = env!("CK_ROOT");

#[test]
fn every_test_that_is_named_exists() {
    let read = |path: &str| std::fs::read_to_string(Path::new(PROJECT).join(path)).expect("the document");
    let text = read("docs/THREATS.md") + &read("docs/KERNEL.md");
    let words = text.split('`').skip(1).step_by(2);
    let named: Vec<(&str, &str)> = words.filter_map(|word| word.split_once(".rs::")).collect();
    assert!(named.len() > 50, "{} are named", named.len());
    for (file, test) in named {
        let path = Path::new(PROJECT).join(format!("{file}.rs"));
        let source =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // A function, or a row of a macro that makes one for each mode.
        let is_there =
            source.contains(&format!("fn {test}() {{")) || source.contains(&format!("    {test}: "));
        assert!(is_there, "no {test} in {file}.rs");
    }
}
