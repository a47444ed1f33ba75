//! The administrator's command. See the library for what it is made of.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    ckctl::run::main()
}
