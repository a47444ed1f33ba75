//! Whose runtime directories are ours: `<uid>` each, and in it the device number of the tmpfs, if it is one.
//!
//! A claim is made as an empty file, before the directory is; the line comes into it by one write(2). One without its
//! line feed was not written to the end, and says no more than an empty one.

use super::{StoreError, error, records};
use crate::runtime_dir::Device;
use ck_protocol::Uid;
use std::{
    collections::BTreeMap,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

/// The claims, as they are on disk: nobody but the one broker changes them.
#[derive(Debug)]
pub(super) struct Claims {
    dir: PathBuf,
    held: BTreeMap<Uid, Option<Device>>,
}

/// A claim whose directory is being made.
#[derive(Debug)]
pub struct Claim {
    uid: Uid,
    file: File,
}

impl Claims {
    /// Those in `dir`.
    pub(super) fn open(dir: PathBuf) -> Result<Self, StoreError> {
        let uids = records::read_users(&dir)?;
        let held = uids.into_iter().map(|uid| (uid, read(&dir.join(uid.to_string())))).collect();
        Ok(Self { dir, held })
    }

    pub(super) fn uids(&self) -> Vec<Uid> {
        self.held.keys().copied().collect()
    }

    pub(super) fn hold(&self, uid: Uid) -> bool {
        self.held.contains_key(&uid)
    }

    pub(super) fn device(&self, uid: Uid) -> Option<Device> {
        self.held.get(&uid).copied().flatten()
    }

    pub(super) fn make(&mut self, uid: Uid) -> Result<Claim, StoreError> {
        let path = self.path(uid);
        let file = records::create(&path).map_err(error("create", &path))?;
        self.held.insert(uid, None);
        Ok(Claim { uid, file })
    }

    pub(super) fn note_device(&mut self, mut claim: Claim, device: Device) -> Result<(), StoreError> {
        let Device { major, minor } = device;
        let path = self.path(claim.uid);
        let line = format!("{major}:{minor}\n");
        claim.file.write_all(line.as_bytes()).map_err(error("write", &path))?;
        self.held.insert(claim.uid, Some(device));
        Ok(())
    }

    pub(super) fn remove(&mut self, uid: Uid) -> Result<(), StoreError> {
        records::remove(&self.path(uid))?;
        self.held.remove(&uid);
        Ok(())
    }

    fn path(&self, uid: Uid) -> PathBuf {
        self.dir.join(uid.to_string())
    }
}

fn read(path: &Path) -> Option<Device> {
    let line = records::read_line(path)?;
    let (major, minor) = line.strip_suffix('\n')?.split_once(':')?;
    Some(Device { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_claim_is_known_again_whole_or_without_its_device() {
        let dir = std::env::temp_dir().join(format!("ck-broker-claims-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let (alice, bob) = (Uid::try_from(2001).unwrap(), Uid::try_from(2002).unwrap());
        let device = Device { major: 0, minor: 271 };
        let mut claims = Claims::open(dir.clone()).unwrap();
        let claim = claims.make(alice).unwrap();
        assert_eq!((claims.hold(alice), claims.device(alice)), (true, None));
        claims.note_device(claim, device).unwrap();
        drop(claims.make(bob).unwrap());
        for claims in [claims, Claims::open(dir.clone()).unwrap()] {
            assert_eq!(claims.uids(), [alice, bob]);
            assert_eq!((claims.device(alice), claims.device(bob)), (Some(device), None));
        }
        for cut in ["", "0:2", "0:271"] {
            fs::write(dir.join("2001"), cut).unwrap();
            let mut claims = Claims::open(dir.clone()).unwrap();
            assert_eq!((claims.hold(alice), claims.device(alice)), (true, None), "{cut}");
            claims.remove(bob).unwrap();
            assert_eq!(claims.uids(), [alice]);
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
