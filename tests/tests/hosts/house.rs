//! The structure of the sources, as far as their text shows it: docs/ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The sources of what is shipped.
const SHIPPED: [&str; 6] =
    ["ck-broker/src", "ck-core/src", "ck-protocol/src", "ck-remove-directory/src", "ckctl/src", "pam_ck/src"];
/// The calls that start a process.
const STARTS: [&str; 5] = ["Command::new(", "posix_spawn(", "posix_spawnp(", "fork(", "execv"];
/// The files that do it. The remover forks itself, and executes no program.
const STARTERS: [&str; 3] =
    ["ck-broker/src/sys/spawn.rs", "ck-remove-directory/src/sys.rs", "ckctl/src/doctor/program.rs"];

/// The crates whose modules have no circle.
const LAYERED: [&str; 5] = ["ck-core", "ck-protocol", "ck-remove-directory", "ckctl", "pam_ck"];
/// The name of the root of a crate among its modules.
const ROOT: &str = "lib";

/// For each module of a crate, the modules that it uses. A module is a file or a folder directly in `src`.
type Graph = BTreeMap<String, BTreeSet<String>>;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CK_ROOT")).join(path)
}

/// Every Rust file of what is shipped, by its path in the project, and its text without the tests in it.
fn sources() -> Vec<(String, String)> {
    let mut waiting: Vec<String> = SHIPPED.map(str::to_owned).to_vec();
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        for entry in fs::read_dir(project(&path)).expect("a folder of the project") {
            let entry = entry.expect("an entry");
            let inner = format!("{path}/{}", entry.file_name().to_str().expect("UTF-8"));
            if entry.file_type().expect("a type").is_dir() {
                waiting.push(inner);
            } else if inner.ends_with(".rs") && !inner.ends_with("tests.rs") {
                let text = fs::read_to_string(entry.path()).expect("a source");
                let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                found.push((inner, product.to_owned()));
            }
        }
    }
    assert!(found.len() > 100, "only {} sources", found.len());
    found
}

/// Cargo's own variable stays what it was when the checkout is moved with its target/, and names files that are gone.
#[test]
fn tests_find_their_files_by_the_variable_that_follows_a_moved_checkout() {
    let own = concat!("env!(\"CARGO_MANIFEST", "_DIR\")");
    let mut waiting: Vec<PathBuf> =
        fs::read_dir(project("")).expect("the project").map(|entry| entry.expect("it").path()).collect();
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        if path.is_dir() && !["target", ".git"].iter().any(|name| path.ends_with(name)) {
            waiting
                .extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            seen += 1;
            let text = fs::read_to_string(&path).expect("a source");
            assert!(!text.contains(own), "{}: use env!(\"CK_ROOT\")", path.display());
        }
    }
    assert!(seen > 300, "only {seen} sources");
}

#[test]
fn programs_are_started_in_one_place() {
    let starts = |text: &str| {
        let mut code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.any(|line| STARTS.iter().any(|call| line.contains(call)))
    };
    let mut starters: Vec<String> =
        sources().into_iter().filter(|(_, text)| starts(text)).map(|(path, _)| path).collect();
    starters.sort();
    assert_eq!(starters, STARTERS);
}

#[test]
fn the_modules_of_a_crate_have_no_circle() {
    let circles: Vec<String> = LAYERED
        .iter()
        .filter_map(|name| Some(format!("{name}: {}", circle(&graph(name))?.join(" -> "))))
        .collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

/// The broker's modules from the top: each uses only those below it, and modules on one line do not use each other. So no
/// component uses another.
const BROKER: [&[&str]; 14] = [
    &["start"],
    &["arguments"],
    &["broker"],
    &["api"],
    &["compat", "console", "directories", "history", "hooks", "net", "sessions", "running"],
    &["component"],
    &["limits"],
    &["config"],
    &["places", "other_manager", "privileges", "supervisor"],
    &["state_files", "process"],
    &["log_sink"],
    &["sys"],
    &["poll", "pin", "lookup", "poller"],
    &["any_text"],
];

#[test]
fn the_modules_of_the_broker_use_only_those_below() {
    let level = |module: &str| BROKER.iter().position(|line| line.contains(&module));
    let mut wrong = Vec::new();
    for (module, uses) in graph("ck-broker") {
        if [ROOT, "main"].contains(&module.as_str()) {
            continue;
        }
        let own = level(&module).unwrap_or_else(|| panic!("{module}: in no layer"));
        for used in uses.iter().filter(|used| *used != ROOT) {
            let theirs = level(used).unwrap_or_else(|| panic!("{used}: in no layer"));
            if theirs <= own {
                wrong.push(format!("{module} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The longest that a file may be, in lines, unless it is among [`LONG`].
const LONGEST: usize = 350;
/// Files that are longer, each with its reason.
const LONG: [(&str, &str); 1] =
    [("ckctl/src/client.rs", "the broker's tests compile it by its path, so it is one file without parts")];

#[test]
fn no_file_is_long_without_a_reason() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|(path, text)| text.lines().count() > LONGEST && !LONG.iter().any(|(known, _)| known == path))
        .map(|(path, text)| format!("{path}: {}", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

/// Whoever reads the struct that owns the loop sees the whole program.
#[test]
fn the_broker_has_a_dozen_fields_at_most() {
    let source = fs::read_to_string(project("ck-broker/src/broker/mod.rs")).expect("the broker");
    let (_, from) = source.split_once("pub(crate) struct Broker {\n").expect("the struct");
    let (fields, _) = from.split_once("\n}").expect("its end");
    let count = fields.lines().filter(|line| !line.trim_start().starts_with("//")).count();
    assert!((5..=12).contains(&count), "{count} fields");
}

#[test]
fn a_circle_is_found() {
    let graph = |edges: &[(&str, &str)]| -> Graph {
        let mut graph = Graph::new();
        for (from, to) in edges {
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph
    };
    assert_eq!(circle(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])), None);
    let found = circle(&graph(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")]));
    assert_eq!(found.expect("a circle").join(" "), "b c d b");
    assert_eq!(first_names("{a, b::{c, d}, e::{self, f}}; {g}"), ["a", "b", "e"]);
    assert_eq!(first_names("a::b; c"), ["a"]);
}

/// The graph of a crate, without test modules. It has the uses of modules through `crate::` and `super::`.
fn graph(name: &str) -> Graph {
    let folder = format!("{name}/src/");
    let files: Vec<(Vec<String>, String)> = sources()
        .into_iter()
        .filter_map(|(path, text)| Some((module_path(path.strip_prefix(&folder)?), without_comments(&text))))
        .collect();
    let root = &files.iter().find(|(path, _)| path.is_empty()).expect("lib.rs").1;
    let of_tests = modules_of_tests(root);
    let modules: BTreeSet<String> = files
        .iter()
        .filter_map(|(path, _)| path.first())
        .filter(|module| !of_tests.contains(*module))
        .cloned()
        .collect();
    let exported = exported(root, &modules);
    let mut graph = Graph::from([(ROOT.to_owned(), modules.clone())]);
    for (path, text) in files {
        let Some(module) = path.first().filter(|module| modules.contains(*module)) else { continue };
        let uses = used_names(&text, path.len()).into_iter().map(|used| match exported.get(&used) {
            _ if modules.contains(&used) => used,
            Some(owner) => owner.clone(),
            None => ROOT.to_owned(),
        });
        graph.entry(module.clone()).or_default().extend(uses.filter(|used| used != module));
    }
    graph
}

/// The module path of the file at `path` in `src`. It is empty for lib.rs.
fn module_path(path: &str) -> Vec<String> {
    let path = path.trim_end_matches(".rs");
    path.split('/').filter(|name| !matches!(*name, "mod" | "lib")).map(str::to_owned).collect()
}

fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).flat_map(|line| [line, "\n"]).collect()
}

/// The modules that lib.rs declares for tests only.
fn modules_of_tests(root: &str) -> BTreeSet<String> {
    let declarations = root.split("#[cfg(test)]\n").skip(1).filter_map(|rest| rest.strip_prefix("mod "));
    declarations.filter_map(|rest| Some(rest.split_once(';')?.0.to_owned())).collect()
}

/// The names that lib.rs imports or exports, each with its module. Other modules can use them as `crate::NAME`.
fn exported(root: &str, modules: &BTreeSet<String>) -> BTreeMap<String, String> {
    let statements =
        root.split(';').filter_map(|statement| statement.split_once("use ")).map(|(_, used)| used);
    let of_modules =
        statements.filter_map(|used| used.split_once("::")).filter(|(module, _)| modules.contains(*module));
    of_modules
        .flat_map(|(module, rest)| identifiers(rest).map(|name| (name.to_owned(), module.to_owned())))
        .collect()
}

/// The names in the root of the crate that a file uses. `depth` is the length of the module path of the file, and so the
/// number of `super::` that lead to the root.
fn used_names(text: &str, depth: usize) -> Vec<String> {
    let from_root = |prefix: &str| -> Vec<String> {
        let uses = text.match_indices(prefix).filter(|(at, _)| !text[..*at].ends_with(is_of_identifier));
        let rests =
            uses.map(|(at, _)| &text[at + prefix.len()..]).filter(|rest| !rest.starts_with("super::"));
        rests.flat_map(first_names).map(str::to_owned).collect()
    };
    [from_root("crate::"), from_root(&"super::".repeat(depth))].concat()
}

/// The first name of the path at the beginning of `text`, or of each path in braces there.
fn first_names(text: &str) -> Vec<&str> {
    let Some(group) = text.strip_prefix('{') else { return identifiers(text).next().into_iter().collect() };
    let (mut depth, mut start, mut paths) = (0, 0, Vec::new());
    for (at, character) in group.char_indices() {
        match character {
            ',' | '}' if depth == 0 => {
                paths.push(&group[start..at]);
                start = at + 1;
                if character == '}' {
                    break;
                }
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    paths.into_iter().filter_map(|path| identifiers(path).next()).collect()
}

fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character| !is_of_identifier(character)).filter(|word| !word.is_empty())
}

fn is_of_identifier(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// A circle in the graph, from a module back to itself.
fn circle(graph: &Graph) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    graph.keys().find_map(|module| circle_from(graph, module, &mut Vec::new(), &mut done))
}

/// A circle that is reachable from `module`. The modules in `way` lead to `module`. Those in `done` reach no circle.
fn circle_from(
    graph: &Graph,
    module: &str,
    way: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(start) = way.iter().position(|passed| passed == module) {
        return Some(way[start..].iter().cloned().chain([module.to_owned()]).collect());
    }
    if done.contains(module) {
        return None;
    }
    way.push(module.to_owned());
    let used = graph.get(module).into_iter().flatten();
    let found = used.into_iter().find_map(|used| circle_from(graph, used, way, done));
    way.pop();
    done.insert(module.to_owned());
    found
}

/// Whether an `&&` in the line is outside of all parentheses.
fn joins(line: &str) -> bool {
    let count = |text: &str, c: char| text.matches(c).count();
    line.match_indices(" && ").any(|(at, _)| count(&line[..at], '(') == count(&line[..at], ')'))
}

/// Debian's own Rust, which the README promises to be enough, has no `let` within a longer condition (Rust 1.88). Only `make
/// msrv` compiles with it.
#[test]
fn no_condition_is_newer_than_the_oldest_rust() {
    let mut newer = Vec::new();
    for (path, text) in sources() {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (number, pair) in lines.windows(2).enumerate() {
            let begins =
                ["if let ", "while let ", "} else if let "].iter().any(|word| pair[0].starts_with(word));
            let goes_on = joins(pair[0]) || pair[1].starts_with("&& ") && !pair[0].ends_with('{');
            if !pair[0].starts_with("//") && (pair[0].contains("&& let ") || (begins && goes_on)) {
                newer.push(format!("{path}:{}", number + 1));
            }
        }
    }
    assert!(newer.is_empty(), "{newer:#?}");
}
