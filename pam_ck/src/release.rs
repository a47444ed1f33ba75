//! The mark in the file of the module that says of which release it is. what(1) and `ckctl doctor` read it there, without
//! loading the module. The module and ckctl compile this file.

use std::hint::black_box;

/// What what(1) looks for, and our name.
const BEGIN: &str = "@(#)pam_ck ";
/// The longest version, in bytes.
const LONGEST: usize = 64;

/// The mark. It ends with a line feed.
static MARK: &str = concat!("@(#)pam_ck ", env!("CARGO_PKG_VERSION"), "\n");

/// Keeps the mark in the file: the linker leaves out what nothing uses.
pub(crate) fn keep() {
    black_box(MARK);
}

/// The version in the bytes of a module.
pub(crate) fn find(module: &[u8]) -> Option<&str> {
    let begin = module.windows(BEGIN.len()).position(|window| window == BEGIN.as_bytes())?;
    let rest = module.get(begin + BEGIN.len()..)?;
    let version = rest.get(..rest.iter().take(LONGEST).position(|byte| *byte == b'\n')?)?;
    std::str::from_utf8(version).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_found_among_other_bytes() {
        let file = [b"\x7fELF @(#)pam_", MARK.as_bytes(), b"more\0"].concat();
        assert_eq!(find(&file), Some(env!("CARGO_PKG_VERSION")));
        assert_eq!(find(b"@(#)pam_ck 1.0"), None);
        assert_eq!(find(b"@(#)pam_ck \xff\n"), None);
        assert_eq!(find(b""), None);
    }
}
