//! Brings a virtual terminal to the foreground. See the library for how.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    ck_switch_vt::main()
}
