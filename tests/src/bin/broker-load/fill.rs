//! As much as the broker gives, and more.

use std::thread::sleep;
use std::time::Duration;

use crate::client::{Client, Login};

/// How long what was given is held, if nobody ends this process.
const HELD: Duration = Duration::from_secs(120);

/// Opens sessions of the uid until one is refused, prints `COUNT REASON`, and holds them.
pub(crate) fn fill(uid: u32) {
    let mut held = Vec::new();
    let refusal = loop {
        match Login::try_open(uid) {
            Ok(login) => held.push(login),
            Err(refusal) => break refusal,
        }
    };
    println!("{} {}", held.len(), refusal.message.as_str());
    sleep(HELD);
}

/// Opens so many sessions of the uid, prints `held`, and holds them.
pub(crate) fn hold(uid: u32, count: u32) {
    let _held: Vec<_> = (0..count).map(|_| Login::open(uid)).collect();
    println!("held");
    sleep(HELD);
}

/// Connects, asks for the whole list, and goes, for ever.
pub(crate) fn flood() {
    println!("begun");
    loop {
        if let Some(admin) = Client::try_admin() {
            admin.ask_for_list();
        }
    }
}
