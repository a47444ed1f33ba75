//! The login-session broker. See the library for what it is made of.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    ck_broker::start::main()
}
