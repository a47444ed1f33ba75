//! Reads one file of /etc/pam.d: pam.d(5). Pure: text in, lines out.
//!
//! Where the manual page says nothing, this does what libpam does. A test on hosts compares it with Linux-PAM 1.5.2 and 1.7.0.

/// The longest file that is read, in bytes. Real ones have a few thousand.
pub(super) const MAX_FILE: usize = 256 * 1024;

/// What modules return, by the names of pam.d(5).
const CODES: [&str; 33] = [
    "default",
    "success",
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
];

/// What a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Auth,
    Account,
    Password,
    Session,
}

impl Kind {
    const ALL: [(&'static str, Self); 4] = [
        ("auth", Self::Auth),
        ("account", Self::Account),
        ("password", Self::Password),
        ("session", Self::Session),
    ];

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, kind)| kind)
    }

    /// The word in the file.
    pub(super) fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// What happens after a module has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing, or the result counts, and the next module is called.
    Next,
    /// The stack fails at its end.
    Bad,
    /// The stack fails at once.
    Die,
    /// The stack, or the substack, succeeds at once.
    Done,
    /// So many modules are skipped.
    Jump(usize),
}

/// What happens by the code that a module returns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Actions(Vec<(String, Action)>);

impl Actions {
    /// What happens after `code`, such as `session_err`.
    pub(super) fn after(&self, code: &str) -> Action {
        let of = |code: &str| self.0.iter().rev().find(|(name, _)| name == code).map(|(_, action)| *action);
        of(code).or_else(|| of("default")).unwrap_or(Action::Next)
    }

    /// Everything that can happen.
    pub(super) fn all(&self) -> impl Iterator<Item = Action> {
        self.0.iter().map(|(_, action)| *action)
    }
}

/// The second word of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Control {
    Include,
    Substack,
    Actions(Actions),
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) kind: Kind,
    /// With a `-` before the kind: a module that is missing is not even logged.
    pub(super) is_quiet: bool,
    pub(super) control: Control,
    /// The module, or the file that is included.
    pub(super) target: String,
    pub(super) options: Vec<String>,
}

/// What stands on a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Rule(Rule),
    /// `@include FILE`: the lines of another file, of every kind.
    IncludeAll(String),
    /// libpam does not understand it, and lets the service fail. This is why.
    Bad(&'static str),
}

/// A line, and its number from 1 on. Of a line that is continued, the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) content: Content,
}

/// The lines of a file that say something.
pub(super) fn lines(text: &[u8]) -> Vec<Line> {
    let text = String::from_utf8_lossy(text.get(..MAX_FILE).unwrap_or(text)).into_owned();
    let (mut lines, mut begun): (Vec<Line>, Option<(usize, String)>) = (Vec::new(), None);
    for (index, physical) in text.split('\n').enumerate() {
        let (number, mut line) = begun.take().unwrap_or((index + 1, String::new()));
        let (said, is_cut) = match physical.split_once(['#', '\0']) {
            Some((said, _)) => (said.trim(), true),
            None => (physical.trim(), false),
        };
        match said.strip_suffix('\\') {
            Some(part) if !is_cut => {
                line.extend([part, " "]);
                begun = Some((number, line));
            }
            _ => {
                line += said;
                lines.extend(content(&line).map(|content| Line { number, content }));
            }
        }
    }
    let unfinished = Content::Bad("the file ends before the line does");
    lines.extend(begun.map(|(number, _)| Line { number, content: unfinished }));
    lines
}

fn content(line: &str) -> Option<Content> {
    let mut words = words(line).into_iter();
    let first = words.next()?;
    if first == "@include" {
        return Some(words.next().map_or(Content::Bad("@include names no file"), Content::IncludeAll));
    }
    let (is_quiet, word) = first.strip_prefix('-').map_or((false, first.as_str()), |word| (true, word));
    let Some(kind) = Kind::of(word) else {
        return Some(Content::Bad("it begins with none of auth, account, password, session"));
    };
    let Some(control) = words.next().and_then(|word| control(&word)) else {
        return Some(Content::Bad("its second word is no control value"));
    };
    let Some(target) = words.next() else { return Some(Content::Bad("it names no module")) };
    Some(Content::Rule(Rule { kind, is_quiet, control, target, options: words.collect() }))
}

/// The words of a line. What is in brackets is one word, in which `\]` is a bracket. The brackets of the control value
/// stay, so that it is known by them.
fn words(line: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = match rest.strip_prefix('[') {
            Some(inside) => {
                let (word, after) = bracketed(inside);
                (if found.len() == 1 { format!("[{word}]") } else { word }, after)
            }
            None => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                (word.to_owned(), after)
            }
        };
        found.push(word);
        rest = after.trim_start();
    }
    found
}

/// Splits after the first bracket that closes.
fn bracketed(text: &str) -> (String, &str) {
    let (mut word, mut characters) = (String::new(), text.char_indices().peekable());
    while let Some((at, character)) = characters.next() {
        match character {
            ']' => return (word, text.get(at + 1..).unwrap_or_default()),
            '\\' if characters.peek().is_some_and(|(_, next)| *next == ']') => {
                characters.next();
                word.push(']');
            }
            character => word.push(character),
        }
    }
    (word, "")
}

fn control(word: &str) -> Option<Control> {
    let written = match word.to_ascii_lowercase().as_str() {
        "include" => return Some(Control::Include),
        "substack" => return Some(Control::Substack),
        // pam.d(5) explains the words by these lists.
        "required" => "success=ok new_authtok_reqd=ok ignore=ignore default=bad".to_owned(),
        "requisite" => "success=ok new_authtok_reqd=ok ignore=ignore default=die".to_owned(),
        "sufficient" => "success=done new_authtok_reqd=done default=ignore".to_owned(),
        "optional" => "success=ok new_authtok_reqd=ok default=ignore".to_owned(),
        word => word.strip_prefix('[')?.strip_suffix(']')?.to_owned(),
    };
    // There may be blanks around the signs.
    let spaced = written.replace('=', " = ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let pairs = words.chunks(3).map(|pair| match pair {
        [code, "=", action] if CODES.contains(code) => Some(((*code).to_owned(), action_of(action)?)),
        _ => None,
    });
    Some(Control::Actions(Actions(pairs.collect::<Option<_>>()?)))
}

fn action_of(word: &str) -> Option<Action> {
    Some(match word {
        "ignore" | "ok" | "reset" => Action::Next,
        "bad" => Action::Bad,
        "die" => Action::Die,
        "done" => Action::Done,
        number => Action::Jump(number.parse().ok().filter(|number| *number > 0)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(text: &str) -> Content {
        let mut lines = lines(text.as_bytes());
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0).content
    }

    fn rule(text: &str) -> Rule {
        match one(text) {
            Content::Rule(rule) => rule,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn actions(text: &str) -> Actions {
        match rule(text).control {
            Control::Actions(actions) => actions,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_rule_has_a_kind_a_control_value_a_module_and_options() {
        let rule = rule("-Session\toptional  /lib/security/pam_ck.so debug [two words \\] more] # a comment");
        assert_eq!((rule.kind, rule.is_quiet), (Kind::Session, true));
        assert_eq!(rule.target, "/lib/security/pam_ck.so");
        assert_eq!(rule.options, ["debug", "two words ] more"]);
    }

    #[test]
    fn control_values_are_lists_of_actions() {
        let selinux = actions(
            "session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_selinux.so close",
        );
        assert_eq!(selinux.after("success"), Action::Next);
        assert_eq!(
            (selinux.after("module_unknown"), selinux.after("session_err")),
            (Action::Next, Action::Bad)
        );
        assert_eq!(actions("session [default=1] pam_permit.so").after("success"), Action::Jump(1));
        assert_eq!(actions("session sufficient a.so").after("success"), Action::Done);
        assert_eq!(actions("session REQUISITE a.so").after("session_err"), Action::Die);
        assert_eq!(actions("session optional a.so").after("module_unknown"), Action::Next);
        assert_eq!(rule("session include su").control, Control::Include);
    }

    #[test]
    fn blanks_may_stand_around_the_signs() {
        assert_eq!(actions("session [ success = 2 default = die ] a.so").after("success"), Action::Jump(2));
    }

    #[test]
    fn comments_and_continuations() {
        let text =
            b"# all \\\n\nsession \\\n  optional \\  \n pam_ck.so\n@include common-session \nauth include su";
        let found: Vec<usize> = lines(text).iter().map(|line| line.number).collect();
        assert_eq!(found, [3, 6, 7]);
        assert_eq!(one("@include common-session # x"), Content::IncludeAll("common-session".to_owned()));
    }

    #[test]
    fn what_libpam_does_not_understand_is_bad() {
        for text in [
            "sessions optional a.so",
            "session maybe a.so",
            "session optional",
            "session",
            "@include",
            "session [success=maybe] a.so",
            "session [success] a.so",
            "session [success=0] a.so",
            "session [nocode=ok] a.so",
            "session optional a.so \\",
            "session [ a.so",
            "\u{1}\u{2}",
        ] {
            assert!(matches!(one(text), Content::Bad(_)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            let found = lines(&text);
            prop_assert!(found.len() <= text.len());
        }

        #[test]
        fn nor_are_words_of_pam(words in proptest::collection::vec("(session|-auth|@include|\\[|\\]|\\\\|\n| |#|[a-z]{1,3}=[0-9]{1,20}|include|\\PC)", 0..60)) {
            lines(words.concat().as_bytes());
        }
    }
}
