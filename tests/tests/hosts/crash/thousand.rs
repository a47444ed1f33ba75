//! With a thousand sessions of others, which all outlive it.

use super::crash;
use std::time::Duration;

#[test]
fn with_a_thousand_sessions() {
    print!("{}", crash("tmpfs", 1000, "6", Duration::from_secs(300)));
}
