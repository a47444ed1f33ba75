//! The manual pages in `packaging/man`: they render, and they say what the programs do. What exists is asked of the
//! programs that `make stage` has built, or read in the source where no program tells it; each name must be in
//! the page, and each in the page must exist. `ck-broker/tests/example.rs` does the same for `broker.toml(5)`, and a test
//! of the module `hooks::environment` for `ck-hooks(7)`. The pages of `ckctl` are generated from its command line.

mod examples;
mod options;
mod pages;
mod protocol;
mod render;
mod tables;
