//! Claims: the users whose runtime directories the broker has made. Each claim is a file `<uid>` that says what the
//! directory is made of.
//!
//! A claim is created as an empty file before the directory is made. Later one write(2) adds its line. A line without a
//! line feed is incomplete, and the claim counts as empty.

use super::runtime_dir::Device;
use crate::state_files::{self, StoreError, error};
use ck_protocol::Uid;
use std::{
    collections::BTreeMap,
    fs::File,
    io::Write,
    os::unix::ffi::OsStrExt,
    path::{Component, Path, PathBuf},
};

/// What a runtime directory is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryKind {
    /// A tmpfs with this device number: `MAJOR:MINOR`.
    Tmpfs(Device),
    /// A plain directory at this path in `.ck-retired`, `NAME/d`, which is mounted in the runtime root. (Without
    /// permission to mount, the plain directory itself is in the runtime root, and the claim has no line.)
    Plain(PathBuf),
}

impl DirectoryKind {
    fn line(&self) -> Vec<u8> {
        let mut line = match self {
            Self::Tmpfs(Device { major, minor }) => format!("{major}:{minor}").into_bytes(),
            Self::Plain(path) => path.as_os_str().as_bytes().to_vec(),
        };
        line.push(b'\n');
        line
    }

    fn parse(line: &str) -> Option<Self> {
        let line = line.strip_suffix('\n')?;
        let Some((major, minor)) = line.split_once(':') else {
            let path = Path::new(line);
            // The path must not lead out of `.ck-retired`.
            let stays =
                !line.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
            return stays.then(|| Self::Plain(path.to_owned()));
        };
        Some(Self::Tmpfs(Device { major: major.parse().ok()?, minor: minor.parse().ok()? }))
    }
}

/// The claims, as they are on disk. Only this broker changes them.
#[derive(Debug)]
pub struct Claims {
    dir: PathBuf,
    held: BTreeMap<Uid, Option<DirectoryKind>>,
}

/// A claim while its directory is being made.
#[derive(Debug)]
pub(crate) struct Claim {
    uid: Uid,
    file: File,
}

impl Claims {
    /// The claims in `dir`.
    ///
    /// # Errors
    /// [`StoreError`] if the directory cannot be read. A claim that cannot be read counts as empty.
    pub fn open(dir: PathBuf) -> Result<Self, StoreError> {
        let uids = state_files::read_users(&dir)?;
        let held = uids.into_iter().map(|uid| (uid, read(&dir.join(uid.to_string())))).collect();
        Ok(Self { dir, held })
    }

    /// The users whose runtime directories the broker has made.
    pub(crate) fn uids(&self) -> Vec<Uid> {
        self.held.keys().copied().collect()
    }

    /// True if the broker has made the runtime directory of the user.
    pub(crate) fn contains(&self, uid: Uid) -> bool {
        self.held.contains_key(&uid)
    }

    /// What the runtime directory of the user is made of. `None` if it is unknown, because the directory was never
    /// finished.
    #[must_use]
    pub fn kind(&self, uid: Uid) -> Option<&DirectoryKind> {
        self.held.get(&uid)?.as_ref()
    }

    /// What the claimed runtime directories are made of, where it is known.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &DirectoryKind> {
        self.held.values().flatten()
    }

    /// Creates the claim of the user, before the runtime directory is made.
    pub(crate) fn make(&mut self, uid: Uid) -> Result<Claim, StoreError> {
        let path = self.path(uid);
        let file = state_files::create(&path).map_err(error("create", &path))?;
        self.held.insert(uid, None);
        Ok(Claim { uid, file })
    }

    /// Adds to the claim what the runtime directory is made of. After an error, only this broker knows it.
    pub(crate) fn set_kind(&mut self, mut claim: Claim, made: DirectoryKind) -> Result<(), StoreError> {
        let path = self.path(claim.uid);
        let written = claim.file.write_all(&made.line()).map_err(error("write", &path));
        // This broker knows it even if the write failed.
        self.held.insert(claim.uid, Some(made));
        written
    }

    /// Removes the claim, because the runtime directory is gone. After an error, the claim remains.
    pub(crate) fn remove(&mut self, uid: Uid) -> Result<(), StoreError> {
        state_files::remove(&self.path(uid))?;
        self.held.remove(&uid);
        Ok(())
    }

    fn path(&self, uid: Uid) -> PathBuf {
        self.dir.join(uid.to_string())
    }
}

fn read(path: &Path) -> Option<DirectoryKind> {
    DirectoryKind::parse(&state_files::read_line(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_claim_is_known_again_whole_or_without_what_it_is() {
        let dir = std::env::temp_dir().join(format!("ck-broker-claims-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let (alice, bob) = (Uid::try_from(2001).unwrap(), Uid::try_from(2002).unwrap());
        for made in
            [DirectoryKind::Tmpfs(Device { major: 0, minor: 271 }), DirectoryKind::Plain("2001-7/d".into())]
        {
            let mut claims = Claims::open(dir.clone()).unwrap();
            let claim = claims.make(alice).unwrap();
            assert_eq!((claims.contains(alice), claims.kind(alice)), (true, None));
            claims.set_kind(claim, made.clone()).unwrap();
            drop(claims.make(bob).unwrap());
            for claims in [claims, Claims::open(dir.clone()).unwrap()] {
                assert_eq!(claims.uids(), [alice, bob]);
                assert_eq!((claims.kind(alice), claims.kind(bob)), (Some(&made), None));
            }
        }
        for cut in ["", "0:2", "0:271", "2001-7", "/etc\n", "../x\n", "\n", "a/../../b\n"] {
            fs::write(dir.join("2001"), cut).unwrap();
            let mut claims = Claims::open(dir.clone()).unwrap();
            assert_eq!((claims.contains(alice), claims.kind(alice)), (true, None), "{cut}");
            claims.remove(bob).unwrap();
            assert_eq!(claims.uids(), [alice]);
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
