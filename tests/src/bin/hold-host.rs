//! Holds a plain host, says its name, process 1 and state directory, and waits: a driver for the tests to kill.

use ck_tests::{Host, Options};

fn main() {
    let host = Host::up(Options::default());
    println!("{} {} {}", host.name(), host.first_process(), host.state().display());
    loop {
        std::thread::park();
    }
}
