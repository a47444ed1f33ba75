//! How much there may be of something.

/// A limit in all, and one for each user, so that no user takes what others need.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// In all.
    pub all: usize,
    /// Of one user.
    pub per_user: usize,
}

impl Limit {
    /// No limit.
    pub const NONE: Self = Self { all: usize::MAX, per_user: usize::MAX };
}
