//! The directory that holds all runtime directories.

use super::{Backing, Recipe};
use crate::store::PlaceError;
use ck_protocol::{PathText, Text, Uid, limits};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Where retired directories wait for their teardown, within the root.
const RETIRED: &str = ".ck-retired";
/// The longest path of a root, in bytes: with a slash and a uid it fits a [`PathText`].
const LONGEST: usize = limits::PATH - 11;

/// Why no runtime directory can be made in the root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// It could not be made, or others can write it.
    #[error(transparent)]
    Unusable(PlaceError),
    /// Its path could not be resolved.
    #[error("cannot resolve {}: {source}", path.display())]
    Resolve {
        /// The root.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its path cannot be told to a PAM module.
    #[error("{} must be valid UTF-8 of at most {} bytes", .0.display(), LONGEST)]
    Name(PathBuf),
    /// The retired directories could not be listed.
    #[error("cannot list {}: {source}", path.display())]
    List {
        /// The directory of the retired.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The root, and how directories in it are made.
#[derive(Debug)]
pub struct RuntimeRoot {
    path: PathBuf,
    pub(super) recipe: Recipe,
    /// The number of the next retired directory.
    pub(super) retirements: u64,
}

impl RuntimeRoot {
    /// Takes the directory `path` as the root; makes it where it is missing. Returns also what
    /// an earlier broker retired and did not see torn down.
    ///
    /// # Errors
    /// [`RootError`]
    pub fn prepare(path: &Path, recipe: Recipe) -> Result<(Self, Vec<(Uid, PathBuf)>), RootError> {
        crate::store::make(path, 0o755).map_err(RootError::Unusable)?;
        let path =
            path.canonicalize().map_err(|source| RootError::Resolve { path: path.to_owned(), source })?;
        if path.to_str().is_none_or(|text| text.len() > LONGEST) {
            return Err(RootError::Name(path));
        }
        let retired = path.join(RETIRED);
        crate::store::make(&retired, 0o700).map_err(RootError::Unusable)?;
        let found = list(&retired).map_err(|source| RootError::List { path: retired.clone(), source })?;
        let retirements = found.iter().map(|(_, number, _)| number + 1).max().unwrap_or(0);
        let left = found.into_iter().map(|(uid, _, path)| (uid, path)).collect();
        Ok((Self { path, recipe, retirements }, left))
    }

    /// From now on, directories are made by this recipe. Those that there are stay as they are.
    pub fn set_recipe(&mut self, recipe: Recipe) {
        self.recipe = recipe;
    }

    /// The root itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The runtime directory of the uid, whether it exists or not.
    #[must_use]
    pub fn of(&self, uid: Uid) -> PathBuf {
        self.path.join(uid.to_string())
    }

    /// The same, as a PAM module is told it.
    #[must_use]
    pub fn text_of(&self, uid: Uid) -> PathText {
        Text::clipped(&self.of(uid).to_string_lossy())
    }

    /// Whether no directories are made at all.
    #[must_use]
    pub fn makes_none(&self) -> bool {
        self.recipe.backing == Backing::None
    }

    /// A place for what the uid leaves, never given before.
    pub(super) fn retirement(&mut self, uid: Uid) -> PathBuf {
        let number = self.retirements;
        self.retirements += 1;
        self.path.join(RETIRED).join(format!("{uid}-{number}"))
    }
}

/// The retired directories: whose, their number, and where. What is named otherwise is not ours.
fn list(retired: &Path) -> io::Result<Vec<(Uid, u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in retired.read_dir()? {
        let path = entry?.path();
        match path.file_name().and_then(|name| parse(name.to_str()?)) {
            Some((uid, number)) => found.push((uid, number, path)),
            None => log::warn!("{}: not put there by ck-broker, left alone", path.display()),
        }
    }
    found.sort_unstable_by_key(|(_, number, _)| *number);
    Ok(found)
}

fn parse(name: &str) -> Option<(Uid, u64)> {
    let (uid, number) = name.split_once('-')?;
    Some((Uid::try_from(uid.parse::<u32>().ok()?).ok()?, number.parse().ok()?))
}
