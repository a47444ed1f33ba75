//! Names and paths as text that a terminal can show.

/// The longest path that is shown in full, in bytes before escaping.
const MAX_SHOWN_PATH: usize = 4096;

/// Escapes the bytes of a name into one line of text that a terminal shows and does not obey.
///
/// Printable UTF-8 stays as it is. Everything else, and the backslash, becomes `\n`, `\u{1b}`, `\xff` and the like.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\'' | '"' => text.push(character),
                _ => text.extend(character.escape_debug()),
            }
        }
        text.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    text
}

/// Escapes a path of any length. Of a very long path, only both ends are shown.
pub(crate) fn escape_shortened(path: &[u8]) -> String {
    if path.len() <= MAX_SHOWN_PATH {
        return escape(path);
    }
    let (head, _) = path.split_at(MAX_SHOWN_PATH / 2);
    let (_, tail) = path.split_at(path.len() - MAX_SHOWN_PATH / 2);
    format!("{} [...] {}", escape(head), escape(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_and_not_obeyed() {
        assert_eq!(escape(b"/run/user/2001/a b"), "/run/user/2001/a b");
        assert_eq!(escape("/目录/it's".as_bytes()), "/目录/it's");
        assert_eq!(escape(b"a\nb\x1b[31m\xff\\"), r"a\nb\u{1b}[31m\xff\\");
        assert_eq!(escape("\u{202e}gnp".as_bytes()), r"\u{202e}gnp", "text direction is not obeyed either");
    }

    #[test]
    fn a_long_path_keeps_both_ends() {
        let path = [b"/top/".as_slice(), &b"x".repeat(100_000), b"/end"].concat();
        let text = escape_shortened(&path);
        assert!(text.starts_with("/top/x") && text.ends_with("x/end") && text.contains(" [...] "));
        assert!(text.len() < MAX_SHOWN_PATH + 20);
    }
}
