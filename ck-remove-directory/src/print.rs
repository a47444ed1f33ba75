//! What the command prints. A line that cannot be written is lost.

use std::io::{self, Write};

/// The name of the command. Every line on standard error starts with it.
const PROGRAM: &str = "ck-remove-directory";

/// Prints one line on standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{PROGRAM}: {line}");
}

/// Prints one line on standard output.
///
/// # Errors
/// What write(2) returns.
pub(crate) fn print_line(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
