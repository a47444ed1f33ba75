//! Tests of the module.

use super::*;

#[test]
fn what_is_not_said_has_its_default() {
    assert_eq!(Configuration::parse("").unwrap(), Configuration::default());
    let some = Configuration::parse("[runtime_dir]\nkind = \"directory\"").unwrap();
    assert_eq!(some.runtime_dir, RuntimeDir { kind: Backing::Directory, ..RuntimeDir::default() });
}

#[test]
fn a_history_is_somewhere_or_nowhere() {
    let place = |text| Configuration::parse(text).unwrap().history.place(Readers::default());
    let default = HistoryPlace {
        file: "/var/log/ck/history.jsonl".into(),
        size: 10 << 20,
        readers: Readers::default(),
    };
    assert_eq!(place(""), Some(default));
    assert_eq!(place("[history]\nfile = \"none\""), None);
    let other = HistoryPlace { file: "/srv/h".into(), size: 1 << 16, readers: Readers::default() };
    assert_eq!(place("[history]\nfile = \"/srv/h\"\nsize = \"64k\""), Some(other));
}

#[test]
fn times_have_a_unit_and_an_end() {
    for (text, millis) in
        [("0s", 0), ("500ms", 500), ("10s", 10_000), ("2min", 120_000), ("24h", MAX_DURATION_MILLIS)]
    {
        assert_eq!(Period::try_from(text.to_owned()).unwrap().0, Duration::from_millis(millis));
    }
    for bad in ["", "s", "10", "10 s", "-1s", "1.5s", "25h", "99999999999999999999h", "10sec"] {
        assert!(Period::try_from(bad.to_owned()).is_err(), "{bad}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, line, word) in [
        ("[runtime_dir]\nkindd = \"tmpfs\"", 2, "kindd"),
        ("\n\nruntime_dir = [", 3, ""),
        ("[runtime_dir]\n\nkind = \"ramfs\"", 3, "ramfs"),
        ("[runtime_dir]\nsize = \"0\"", 2, "runtime_dir.size: `0`"),
        ("[runtime_dir]\ninodes = 0", 2, "0"),
        ("[runtime_dir]\nstop_delay = 10", 2, "string"),
        ("[runtime_dir]\nstop_delay = \"10\"", 2, "10s"),
        ("[history]\nfile = \"history.jsonl\"", 2, "absolute"),
        ("[history]\nfile = \"/\"", 2, "absolute"),
        ("[history]\nsize = \"10%\"", 2, "64k"),
        ("[history]\nsize = \"1k\"", 2, "64k"),
        ("[hook]", 1, "hook"),
        ("[hooks]\nparallel = 0", 2, "1 to 64"),
        ("[hooks]\n\nparallel = 65", 3, "1 to 64"),
        ("[hooks]\nparallel = -1", 2, "-1"),
        ("[hooks]\nsession_dirs = [\"/a\", \"b\"]", 2, "`b`"),
        ("[hooks]\ndeadline = \"15\"", 2, "10s"),
    ] {
        let (found, message) = Configuration::parse(text).unwrap_err();
        assert_eq!(found, line, "{message}");
        assert!(message.contains(word) && !message.contains('\n'), "{message}");
    }
}

#[test]
fn the_default_file_may_be_absent_and_a_named_one_may_not() {
    let absent = Path::new("/nonexistent/broker.toml");
    assert!(Configuration::read(absent, false).is_ok());
    assert!(matches!(Configuration::read(absent, true), Err(ConfigurationError::Read { .. })));
}
