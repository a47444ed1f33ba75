//! Teardown that nothing can fool, stop or slow down: real logouts from directories in which a
//! hostile user has done what users can do.

mod contents;
mod races;
