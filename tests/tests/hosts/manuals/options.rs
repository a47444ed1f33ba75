//! Options: of the programs, and of the PAM module.

use std::collections::BTreeSet;
use std::process::Command;

use super::pages::{ROOT, all, between, long_options, page, read, source, unescaped};

/// Options that pages name of programs of others.
const OF_OTHERS: [&str; 1] = ["enable"];
/// The program, where its command line is read, and its page.
const PROGRAMS: [(&str, &str, &str); 2] = [
    ("usr/sbin/ck-broker", "ck-broker/src/arguments.rs", "ck-broker"),
    ("usr/libexec/ck/ck-remove-directory", "ck-remove-directory/src/arguments.rs", "ck-remove-directory"),
];

/// What a program that `make stage` has built prints.
fn run(program: &str, words: &[&str]) -> String {
    let stage = std::env::var("CK_STAGE").unwrap_or_else(|_| format!("{ROOT}/target/stage"));
    let output = Command::new(format!("{stage}/{program}")).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}: run `make stage`"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn owned(words: BTreeSet<&str>) -> BTreeSet<String> {
    words.into_iter().map(str::to_owned).collect()
}

#[test]
fn options_of_programs_are_those_of_their_pages() {
    for (program, parser, name) in PROGRAMS {
        let parser = source(parser);
        assert!(!parser.contains("Short("), "{name}: this test knows no short options");
        let parsed = owned(between(&parser, "Long(\"", '"'));
        assert!(parsed.len() > 5, "{name}: {parsed:?}");
        assert_eq!(long_options(&run(program, &["--help"])), parsed, "{name} --help, and what is parsed");
        let page = page(name);
        assert_eq!(long_options(&page.tags("OPTIONS").join("\n")), parsed, "{name}(8), and what is parsed");
        let synopsis = unescaped(&page.part(".SH", "SYNOPSIS").join("\n"));
        assert_eq!(long_options(&synopsis), parsed, "{name}(8): SYNOPSIS");
    }
}

#[test]
fn options_that_pages_name_anywhere_exist() {
    let mut known: BTreeSet<String> = OF_OTHERS.map(str::to_owned).into();
    known.extend(PROGRAMS.iter().flat_map(|(program, ..)| long_options(&run(program, &["--help"]))));
    let pages = all();
    let (generated, written): (Vec<_>, Vec<_>) =
        pages.iter().partition(|page| page.name.starts_with("ckctl"));
    known.extend(generated.iter().flat_map(|page| long_options(&unescaped(&page.text))));
    for page in written {
        let unknown: Vec<_> = long_options(&unescaped(&page.text)).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{}: nobody knows {unknown:?}", page.name);
    }
}

#[test]
fn options_of_the_module_are_those_of_its_page() {
    let source = source("pam_ck/src/options.rs");
    let (_, parser) = source.split_once("fn read_one(").expect("the parser");
    // What only tests can say.
    let parser = parser.replace("Some((\"fault\"", "");
    let mut options = owned(between(&parser, "Some((\"", '"'));
    options.extend(owned(between(&parser, "argument == \"", '"')));
    assert!(options.contains("strict") && options.contains("timeout"), "{options:?}");
    let names = |tags: Vec<String>| -> BTreeSet<String> {
        tags.iter().map(|tag| tag.split(['=', ' ']).next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(names(page("pam_ck").tags("OPTIONS")), options, "pam_ck(8), and what is parsed");
    // What the module itself says to who writes another.
    let (_, told) = source.split_once("there are ").expect("the message");
    let told = told.split('"').next().unwrap_or_default().split(' ').map(str::to_owned).collect();
    assert_eq!(names(told), options, "the message, and what is parsed");
    let line = read("packaging/pam/pam.d-line");
    let told = line.lines().filter_map(|line| line.strip_prefix("#   ")).map(str::to_owned).collect();
    assert_eq!(names(told), options, "packaging/pam/pam.d-line, and what is parsed");
}

#[test]
fn variables_of_a_login_are_those_of_the_page() {
    let source = source("pam_ck/src/environment.rs") + &source("pam_ck/src/session.rs");
    let named = |head: &'static str| {
        between(&source, &format!("\"{head}"), '"').into_iter().map(move |rest| format!("{head}{rest}"))
    };
    let set = named("XDG_").chain(named("DBUS_"));
    let set = set.filter(|name| !name.contains(' ')).collect::<BTreeSet<_>>();
    assert!(set.len() > 4, "{set:?}");
    assert_eq!(page("pam_ck").tags("ENVIRONMENT").into_iter().collect::<BTreeSet<_>>(), set);
}

#[test]
fn members_of_the_removers_object_are_those_of_its_page() {
    let printed = run(
        "usr/libexec/ck/ck-remove-directory",
        &["--uid=1", "--dest=/run/no-such-directory-of-ck-tests", "--json"],
    );
    let object: serde_json::Value = serde_json::from_str(&printed).expect("an object");
    let members: BTreeSet<String> = object.as_object().expect("an object").keys().cloned().collect();
    let tags: BTreeSet<String> = page("ck-remove-directory").tags("NOTES").into_iter().collect();
    assert_eq!(tags, members);
}
