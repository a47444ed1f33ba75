//! The session stack of a service: its rules and those of the files that it includes, in the order of libpam. Pure: a
//! function reads the files.

use super::pam_file::{Action, Actions, Content, Control, Kind, Line, Rule, lines};
use std::{collections::BTreeSet, fmt};

/// How deep files include files: `PAM_SUBSTACK_MAX_LEVEL` of libpam.
const MAX_DEPTH: usize = 16;
/// How many files are read for a service. A file that includes itself twice would otherwise be read 2^16 times.
const MAX_FILES: usize = 128;
/// How many rules a stack has at most.
const MAX_STEPS: usize = 2048;

/// The text of a file.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// Its path.
    pub(super) path: String,
    pub(super) text: Vec<u8>,
}

/// Why a file was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// There is no such file.
    Missing,
    /// Only other users may read it.
    Forbidden,
    /// It is no file, or the disk failed.
    Failed(String),
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) number: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, into: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(into, "{}:{}", self.path, self.number)
    }
}

/// A module in the stack, or the place where a substack begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) place: Place,
    /// How many substacks it is in.
    level: usize,
    /// As it is written: a path, or a name in the directory of modules. Of a substack, its file.
    pub(super) module: String,
    /// Of a module that is missing, nothing is logged.
    pub(super) is_quiet: bool,
    /// Absent for the beginning of a substack.
    pub(super) actions: Option<Actions>,
    pub(super) options: Vec<String>,
}

impl Step {
    /// Whether it calls the module with this file name.
    pub(super) fn is_of(&self, name: &str) -> bool {
        self.actions.is_some() && self.module.rsplit('/').next() == Some(name)
    }
}

/// Why libpam does not get a whole stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Bad { place: Place, why: &'static str },
    Unread { file: String, by: Option<Place>, why: Unread },
    TooDeep(Place),
    TooLong(Place),
}

impl fmt::Display for Fault {
    fn fmt(&self, into: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad { place, why } => write!(into, "{place} is no rule of PAM: {why}"),
            Self::Unread { file, by, why } => {
                match by {
                    Some(place) => write!(into, "{place} includes {file}, ")?,
                    None => write!(into, "{file}, ")?,
                }
                match why {
                    Unread::Missing => write!(into, "which is not there"),
                    Unread::Forbidden => write!(into, "which only root can read"),
                    Unread::Failed(error) => write!(into, "which cannot be read: {error}"),
                }
            }
            Self::TooDeep(place) => {
                write!(into, "{place} includes files {MAX_DEPTH} levels deep: they include each other")
            }
            Self::TooLong(place) => {
                write!(into, "{place}: the rules do not end: the files include each other")
            }
        }
    }
}

/// A session stack.
#[derive(Clone, Debug, Default)]
pub(super) struct Stack {
    pub(super) steps: Vec<Step>,
    pub(super) faults: Vec<Fault>,
    /// The rules of other kinds that name modules, in the files that were read.
    pub(super) others: Vec<(Place, Kind, String)>,
    files: usize,
}

/// Reads files by their name in the directories of services, or by their path.
pub(super) type Reader<'r> = dyn Fn(&str) -> Result<Source, Unread> + 'r;

impl Stack {
    /// The session stack of the file of `service`. If the file is not there, or says nothing of sessions, it is that of the
    /// service `other`: pam.d(5).
    pub(super) fn of(service: &str, read: &Reader<'_>) -> Self {
        let own = Self::of_file(service, read);
        if !own.steps.is_empty() || own.faults.iter().any(|fault| !fault.is_missing(service)) {
            return own;
        }
        let other = Self::of_file("other", read);
        if other.steps.is_empty() { own } else { Self { others: own.others, ..other } }
    }

    fn of_file(service: &str, read: &Reader<'_>) -> Self {
        let mut stack = Self::default();
        stack.include(service, None, Way { level: 0, depth: 0, sessions_only: false }, read);
        // The same file can be included several times, and would repeat its faults.
        let mut seen = BTreeSet::new();
        stack.faults.retain(|fault| seen.insert(fault.to_string()));
        stack
    }

    /// Appends the rules of a file. `by` is the line that includes it.
    fn include(&mut self, file: &str, by: Option<&Place>, way: Way, read: &Reader<'_>) {
        self.files += 1;
        let here = || by.cloned().unwrap_or_else(|| Place { path: file.to_owned(), number: 1 });
        if way.depth > MAX_DEPTH {
            return self.faults.push(Fault::TooDeep(here()));
        }
        if self.files > MAX_FILES || self.steps.len() > MAX_STEPS {
            return self.faults.push(Fault::TooLong(here()));
        }
        let source = match read(file) {
            Ok(source) => source,
            Err(why) => {
                return self.faults.push(Fault::Unread { file: file.to_owned(), by: by.cloned(), why });
            }
        };
        for Line { number, content } in lines(&source.text) {
            let place = Place { path: source.path.clone(), number };
            match content {
                Content::Bad(why) => self.faults.push(Fault::Bad { place, why }),
                Content::IncludeAll(file) => self.include(&file, Some(&place), way.deeper(0), read),
                Content::Rule(rule) => self.add(rule, place, way, read),
            }
        }
    }

    fn add(&mut self, rule: Rule, place: Place, way: Way, read: &Reader<'_>) {
        let Rule { kind, is_quiet, control, target, options } = rule;
        if kind != Kind::Session {
            // An include of another kind brings rules of that kind alone.
            if matches!(control, Control::Actions(_)) && !way.sessions_only {
                self.others.push((place, kind, target));
            }
            return;
        }
        let step = |module: String, actions| Step {
            place: place.clone(),
            level: way.level,
            module,
            is_quiet,
            actions,
            options,
        };
        let sessions = |levels| Way { sessions_only: true, ..way.deeper(levels) };
        match control {
            Control::Include => self.include(&target, Some(&place), sessions(0), read),
            Control::Substack => {
                let begin = step(target.clone(), None);
                self.steps.push(begin);
                self.include(&target, Some(&place), sessions(1), read);
            }
            Control::Actions(actions) => {
                let step = step(target, Some(actions));
                self.steps.push(step);
            }
        }
    }

    /// The step that can keep the module at `index` from being called in a login that goes on.
    pub(super) fn skipped_by(&self, index: usize) -> Option<&Step> {
        self.steps
            .iter()
            .take(index)
            .enumerate()
            .find(|(at, step)| self.can_skip(*at, step, index))
            .map(|(_, step)| step)
    }

    fn can_skip(&self, at: usize, step: &Step, index: usize) -> bool {
        let between = self.steps.get(at + 1..=index).unwrap_or_default();
        step.actions.iter().flat_map(Actions::all).any(|action| match action {
            // It ends the substack that the step is in, or all.
            Action::Done => between.iter().all(|later| later.level >= step.level),
            Action::Jump(count) => self.last_skipped(at, step.level, count) >= index,
            Action::Next | Action::Bad | Action::Die => false,
        })
    }

    /// The last step that a jump over `count` steps skips. A substack counts as one.
    fn last_skipped(&self, from: usize, level: usize, count: usize) -> usize {
        let level_of = |at: usize| self.steps.get(at).map(|step| step.level);
        let mut at = from;
        for _ in 0..count.min(self.steps.len()) {
            if level_of(at + 1).is_none_or(|next| next < level) {
                break;
            }
            at += 1;
            while level_of(at + 1).is_some_and(|next| next > level) {
                at += 1;
            }
        }
        at
    }
}

impl Fault {
    /// Whether the file of the service itself is missing.
    fn is_missing(&self, service: &str) -> bool {
        matches!(self, Self::Unread { file, by: None, why: Unread::Missing } if file == service)
    }

    /// Whether only root could tell more.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Unread { why: Unread::Forbidden, .. })
    }
}

/// How a file was reached.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// How many substacks it is in.
    level: usize,
    /// How many files include it, one in another.
    depth: usize,
    /// Whether only its rules for sessions count.
    sessions_only: bool,
}

impl Way {
    fn deeper(self, levels: usize) -> Self {
        Self { level: self.level + levels, depth: self.depth + 1, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stack(files: &[(&str, &str)]) -> Stack {
        Stack::of(files[0].0, &|name| {
            let found = files.iter().find(|(file, _)| *file == name).ok_or(Unread::Missing)?;
            Ok(Source { path: format!("/etc/pam.d/{name}"), text: found.1.as_bytes().to_vec() })
        })
    }

    fn modules(stack: &Stack) -> Vec<&str> {
        stack.steps.iter().map(|step| step.module.as_str()).collect()
    }

    /// What can skip ours.
    fn skipped_by(files: &[(&str, &str)]) -> Option<String> {
        let stack = stack(files);
        assert_eq!(stack.faults, []);
        let ours = stack.steps.iter().position(|step| step.is_of("pam_ck.so")).expect("ours");
        stack.skipped_by(ours).map(|step| step.place.to_string())
    }

    #[test]
    fn included_rules_stand_where_they_are_included() {
        let files = [
            ("su-l", "auth include su\nsession optional a.so\nsession include su\nsession optional z.so"),
            ("su", "session optional b.so\n@include common\nauth required pam_ck.so"),
            ("common", "session optional /x/pam_ck.so\nauth required d.so"),
        ];
        let stack = stack(&files);
        assert_eq!(
            (modules(&stack), &stack.faults[..]),
            (vec!["a.so", "b.so", "/x/pam_ck.so", "z.so"], &[][..])
        );
        assert_eq!(stack.steps[2].place.to_string(), "/etc/pam.d/common:1");
        assert!(stack.others.is_empty(), "an include of sessions brings nothing else");
    }

    #[test]
    fn a_service_without_sessions_has_those_of_other() {
        let other = ("other", "session optional o.so");
        assert_eq!(modules(&stack(&[("sshd", "auth required a.so"), other])), ["o.so"]);
        let missing = Stack::of("sshd", &|_| Err(Unread::Missing));
        assert_eq!(missing.faults[0].to_string(), "sshd, which is not there");
        // A fault is no silence.
        assert!(modules(&stack(&[("sshd", "nonsense"), other])).is_empty());
    }

    #[test]
    fn a_module_can_be_skipped() {
        let ours = "session optional pam_ck.so\n";
        let before = |line: &str| skipped_by(&[("s", &format!("{line}\n{ours}"))]);
        let first = Some("/etc/pam.d/s:1".to_owned());
        assert_eq!(before("session sufficient a.so"), first);
        assert_eq!(before("session [success=done default=ignore] a.so"), first);
        assert_eq!(before("session [default=1] a.so"), first);
        assert_eq!(before("session [default=1] a.so\nsession requisite b.so"), None);
        assert_eq!(before("session requisite a.so\nsession required b.so"), None);
        assert_eq!(before("session [default=7] a.so\nsession optional b.so"), first);
    }

    #[test]
    fn what_ends_a_substack_does_not_end_the_stack() {
        let sub = ("sub", "session sufficient a.so\nsession optional b.so");
        let with = |line: &str| skipped_by(&[("s", &format!("{line}\nsession optional pam_ck.so")), sub]);
        assert_eq!(with("session substack sub"), None);
        assert_eq!(with("session include sub").as_deref(), Some("/etc/pam.d/sub:1"));
        // A substack counts as one module.
        let jump = "session [default=1] j.so\nsession substack sub";
        assert_eq!(with(jump), None);
        let inside = ("sub", "session sufficient a.so\nsession optional pam_ck.so");
        assert_eq!(
            skipped_by(&[("s", "session substack sub\nsession optional z.so"), inside]).as_deref(),
            Some("/etc/pam.d/sub:1")
        );
    }

    /// The shape of Fedora's files: jumps over what follows directly, which skip nothing else.
    #[test]
    fn a_jump_over_the_next_module_does_not_skip_ours() {
        let files = [
            (
                "sshd",
                "session required a.so close\nsession include auth\nsession include post\nsession optional pam_ck.so",
            ),
            (
                "auth",
                "-session optional b.so\nsession [success=1 default=ignore] c.so\nsession required d.so",
            ),
            (
                "post",
                "session [success=1 default=ignore] e.so\nsession [default=1] f.so\nsession optional g.so",
            ),
        ];
        assert_eq!(skipped_by(&files), None);
    }

    #[test]
    fn files_that_include_each_other_come_to_an_end() {
        let two = [("a", "session include b\nsession include b"), ("b", "@include a\n@include a")];
        let stack = stack(&two);
        assert!(!stack.faults.is_empty() && stack.faults.len() < 300, "{}", stack.faults.len());
        assert!(stack.faults[0].to_string().contains("they include each other"), "{}", stack.faults[0]);
    }

    proptest! {
        #[test]
        fn no_files_are_too_strange(files in proptest::collection::vec(
            "((session|auth|@include) (include|substack|optional|\\[default=[0-9]{1,3}\\]|sufficient|[abc]) ([abc]|pam_ck.so)\n){0,6}", 3,
        )) {
            let stack = Stack::of("a", &|name| {
                let index = ["a", "b", "c"].iter().position(|known| *known == name).ok_or(Unread::Missing)?;
                Ok(Source { path: name.to_owned(), text: files[index].clone().into_bytes() })
            });
            for index in 0..stack.steps.len().min(64) {
                stack.skipped_by(index);
            }
        }
    }
}
