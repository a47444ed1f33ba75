//! Subscribers, and what they are told of. Runs in a host, as root.
//!
//! - `subscriber stall UID STEP COUNT`: subscribes as UID, UID + STEP and so on, reads nothing, and prints how many
//!   were let in. Once there is `/tmp/read`, each reads until it is told that something is missing, and the
//!   least of that is printed
//! - `subscriber logins UID COUNT`: so many logins without a directory, one after the other; prints the median in
//!   microseconds
//! - `subscriber chat`: subscribes, then asks for something; prints the answer, and whether that was the end
//! - `subscriber push`: subscribes, then pushes a descriptor; prints whether that was taken. If so, it was the end
//! - `subscriber check ROUNDS`: subscribers who come at any moment, some of them slow, during random traffic; what each
//!   of them makes of it must be the same, at every single change, and what `List` says when it is quiet
//! - `subscriber actor SEED STEPS`: some of that traffic

mod check;
mod replay;
mod stalled;
mod traffic;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["stall", uid, step, count] => stalled::stall(number(uid), number(step), number(count)),
        ["logins", uid, count] => traffic::logins(number(uid), number(count)),
        ["chat"] => stalled::chat(),
        ["push"] => stalled::push(),
        ["check", rounds] => check::check(number(rounds)),
        ["actor", seed, steps] => traffic::act(number(seed).into(), number(steps)),
        _ => panic!("usage: see the head of subscriber/main.rs"),
    }
}

fn number(word: &str) -> u32 {
    word.parse().unwrap_or_else(|error| panic!("{word}: {error}"))
}
