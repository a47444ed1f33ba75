//! Pages, and what stands where in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

pub(crate) const ROOT: &str = env!("CK_ROOT");

/// The text of a file of the repository.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A source file without its tests.
pub(crate) fn source(path: &str) -> String {
    let text = read(path);
    text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned()
}

/// A page.
pub(crate) struct Page {
    /// Such as `ck-broker`.
    pub(crate) name: String,
    /// Such as `8`.
    pub(crate) section: String,
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// All pages, the generated ones as well.
pub(crate) fn all() -> Vec<Page> {
    let entries = |path: &PathBuf| {
        let mut paths: Vec<_> =
            fs::read_dir(path).expect("a directory").map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let folders = entries(&format!("{ROOT}/packaging/man").into());
    let page = |path: PathBuf| {
        let (name, section) = path.file_name()?.to_str()?.rsplit_once('.')?;
        let text = fs::read_to_string(&path).expect("a page");
        Some(Page { name: name.to_owned(), section: section.to_owned(), path: path.clone(), text })
    };
    folders.iter().flat_map(entries).map(|path| page(path).expect("a page's name")).collect()
}

/// The page `name`.
pub(crate) fn page(name: &str) -> Page {
    all().into_iter().find(|page| page.name == name).unwrap_or_else(|| panic!("no page {name}"))
}

impl Page {
    /// The headings of its sections, in order.
    pub(crate) fn headings(&self) -> Vec<String> {
        self.text.lines().filter_map(|line| line.strip_prefix(".SH ")).map(|h| h.replace('"', "")).collect()
    }

    /// The lines of a section, or of a subsection.
    pub(crate) fn part(&self, macro_name: &str, heading: &str) -> Vec<&str> {
        let is_head = |line: &&str| {
            line.strip_prefix(macro_name).is_some_and(|rest| rest.trim().replace('"', "") == heading)
        };
        let lines = self.text.lines().skip_while(|line| !is_head(line)).skip(1);
        let ends = |line: &str| line.starts_with(".SH") || line.starts_with(macro_name);
        let part: Vec<&str> = lines.take_while(|line| !ends(line)).collect();
        assert!(!part.is_empty(), "{}: no {heading}", self.name);
        part
    }

    /// What the entries of a section are about: the lines after `.TP` and `.TQ`, as they are shown.
    pub(crate) fn tags(&self, heading: &str) -> Vec<String> {
        let lines = self.part(".SH", heading);
        let tags = lines.windows(2).filter(|pair| pair[0] == ".TP" || pair[0] == ".TQ");
        tags.map(|pair| shown(pair[1])).collect()
    }
}

/// A line as it is shown, whatever its font.
pub(crate) fn shown(line: &str) -> String {
    let line = unescaped(line);
    let Some((head, rest)) = line.strip_prefix('.').and_then(|line| line.split_once(' ')) else {
        return line;
    };
    if head.len() == 1 {
        return rest.replace('"', "");
    }
    // Words of alternating fonts have nothing between them but what is quoted.
    let parts = rest.split('"').enumerate();
    parts.map(|(n, part)| if n % 2 == 1 { part.to_owned() } else { part.replace(' ', "") }).collect()
}

/// Text without the escapes of roff.
pub(crate) fn unescaped(text: &str) -> String {
    let mut text = text.to_owned();
    for (escape, plain) in
        [("\\-", "-"), ("\\(dq", "\""), ("\\fB", ""), ("\\fI", ""), ("\\fR", ""), ("\\fP", ""), ("\\c", "")]
    {
        text = text.replace(escape, plain);
    }
    text
}

/// The long options that a text names, such as `--json`.
pub(crate) fn long_options(text: &str) -> BTreeSet<String> {
    let ends = |c: char| !c.is_ascii_lowercase() && c != '-';
    let words = text.split("--").skip(1).map(|rest| rest.split(ends).next().unwrap_or_default());
    words.map(|word| word.trim_end_matches('-')).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The words between `before` and the next `after`, wherever that stands.
pub(crate) fn between<'t>(text: &'t str, before: &str, after: char) -> BTreeSet<&'t str> {
    text.split(before).skip(1).filter_map(|rest| rest.split_once(after)).map(|(word, _)| word).collect()
}
