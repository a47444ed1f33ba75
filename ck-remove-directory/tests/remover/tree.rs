//! The contents of a tree, for a comparison with its later contents.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Everything in a tree, by path: mode, owner, and the content of a file or the target of a link.
pub(crate) type Tree = BTreeMap<PathBuf, (u32, u32, Vec<u8>)>;

/// Reads `top` and everything in it, without following links.
pub(crate) fn read(top: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut ahead = vec![top.to_owned()];
    while let Some(path) = ahead.pop() {
        let found = fs::symlink_metadata(&path).unwrap();
        let content = if found.is_dir() {
            ahead.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else if found.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path).unwrap()
        };
        tree.insert(path.strip_prefix(top).unwrap().to_owned(), (found.mode(), found.uid(), content));
    }
    tree
}

/// Makes a tree at `top` that belongs to `uid`: nested directories with files in each.
pub(crate) fn plant(top: &Path, uid: u32) {
    for directory in ["", "a", "a/b", "c"] {
        let directory = top.join(directory);
        fs::create_dir_all(&directory).unwrap();
        own(&directory, uid);
        for number in 0..5 {
            let file = directory.join(format!("file{number}"));
            fs::write(&file, format!("{number} of {uid}")).unwrap();
            own(&file, uid);
        }
    }
}

pub(crate) fn own(path: &Path, uid: u32) {
    std::os::unix::fs::chown(path, Some(uid), Some(uid)).unwrap();
}
