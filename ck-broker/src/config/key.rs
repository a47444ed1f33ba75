//! Finds the key that an error concerns, because the parser reports only its position.

/// The key that the line sets, with its table, for example `runtime_dir.size`; or the table that begins there. Lines
/// are counted from 1.
pub(super) fn at(text: &str, line: usize) -> Option<String> {
    let lines: Vec<&str> = text.lines().take(line).map(str::trim).collect();
    let (last, before) = lines.split_last()?;
    if let Some(table) = table(last) {
        return Some(table.to_owned());
    }
    let key = last.split_once('=').map(|(key, _)| key.trim()).filter(|key| is_key(key))?;
    let table = before.iter().rev().find_map(|line| table(line));
    Some(table.map_or_else(|| key.to_owned(), |table| format!("{table}.{key}")))
}

/// The name of the table that begins on the line.
fn table(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix('[')?.split_once(']')?;
    is_key(name).then_some(name)
}

/// True if the text can be a key of TOML: bare, quoted or dotted.
fn is_key(text: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "_-.\"' ".contains(c);
    !text.is_empty() && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_with_its_table() {
        let text = "top = 1\n[a.b] # x\n\n  key = \"[c]\" # = 2\n\"odd key\"=1\n[[x]]\nno\n# [y]\n= 3\nlist = [\n'z',";
        for (line, key) in [
            (1, Some("top")),
            (2, Some("a.b")),
            (3, None),
            (4, Some("a.b.key")),
            (5, Some("a.b.\"odd key\"")),
            (7, None),
            (9, None),
            (10, Some("a.b.list")),
            (11, None),
        ] {
            assert_eq!(at(text, line).as_deref(), key, "line {line}");
        }
        assert_eq!(at("", 1), None);
    }
}
