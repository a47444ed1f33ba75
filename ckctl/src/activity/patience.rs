//! Look-ups that somebody could hold up.
//!
//! The kernel reads a command line out of the memory of its process, whose locks the user of the process can hold. So a thread does
//! that, and nobody waits for it for long.

use std::{
    iter,
    sync::{
        Arc,
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

/// How long one look-up may take. Usually, it takes microseconds.
const LIMIT: Duration = Duration::from_secs(1);
/// How many look-ups may be given up. Each leaves a thread behind, which ends with the program.
const GIVEN_UP: usize = 4;

/// The results of `look` for 0 to `count`. `None` stands for the result of a look-up that takes longer than a second. After
/// four of these, no more is looked up.
pub(super) fn each<T: Send + 'static>(
    count: usize,
    look: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<Option<T>> {
    each_within(LIMIT, count, look)
}

fn each_within<T: Send + 'static>(
    limit: Duration,
    count: usize,
    look: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<Option<T>> {
    let (look, mut results) = (Arc::new(look), Vec::with_capacity(count));
    for _ in 0..GIVEN_UP {
        let found = start(results.len(), count, Arc::clone(&look));
        results.extend(iter::from_fn(|| found.recv_timeout(limit).ok()).map(Some));
        if results.len() >= count {
            break;
        }
        results.push(None);
    }
    results.resize_with(count, || None);
    results
}

/// Looks up `from` to `count` in a thread of its own. If there can be none, nothing comes.
fn start<T: Send + 'static>(
    from: usize,
    count: usize,
    look: Arc<impl Fn(usize) -> T + Send + Sync + 'static>,
) -> Receiver<T> {
    let (found, results) = channel();
    // Nobody receives any more what comes too late.
    let search = move || (from..count).map(|at| look(at)).try_for_each(|result| found.send(result));
    let _ = thread::Builder::new().name("ckctl-look".to_owned()).spawn(move || drop(search()));
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each_but(held: &'static [usize]) -> Vec<Option<usize>> {
        each_within(Duration::from_millis(300), 7, move |at| {
            if held.contains(&at) {
                thread::park();
            }
            at
        })
    }

    #[test]
    fn a_look_up_that_is_held_costs_its_own_result_alone() {
        assert_eq!(each_but(&[]), (0..7).map(Some).collect::<Vec<_>>());
        let found = each_but(&[0, 3]);
        assert_eq!(found, [None, Some(1), Some(2), None, Some(4), Some(5), Some(6)]);
    }

    #[test]
    fn after_four_of_them_no_more_is_looked_up() {
        assert_eq!(each_but(&[1, 2, 3, 4]), [Some(0), None, None, None, None, None, None]);
    }
}
