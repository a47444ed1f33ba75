//! What is in a directory, to be compared with what is there later.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Everything in a tree by path: mode, owner, and content of files or target of links.
pub(crate) type Tree = BTreeMap<PathBuf, (u32, u32, Vec<u8>)>;

/// Reads all that is in `top`, links not followed, and `top` itself.
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

/// Makes a tree of `uid`'s at `top`: directories in each other, and files in each.
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
