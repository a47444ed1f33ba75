//! Removes a user's runtime directory; the library does the work.

fn main() -> std::process::ExitCode {
    ck_remove_directory::run(std::env::args_os().skip(1))
}
