//! What every target asks of a decoder.

use ck_protocol::{Framed, PROTOCOL};
use peak_alloc::PeakAlloc;
use std::fmt::Debug;

/// Counts what Rust code takes. libFuzzer itself, being C++, is not in it.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Does `work`, which may take `limit` bytes of memory and no more.
pub fn within<T>(limit: usize, work: impl FnOnce() -> T) -> T {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let done = work();
    let taken = MEMORY.peak_usage().saturating_sub(before);
    assert!(taken <= limit, "took {taken} bytes of memory, more than {limit}");
    done
}

/// Decodes `packet`, which may take as much memory as the largest packet has bytes. What decodes also
/// fits the limit when it is sent on, and is then read as the same value.
pub fn decode_and_back<T>(packet: &[u8], limit: usize) -> Option<T>
where
    T: Framed + Clone + PartialEq + Debug,
{
    let (version, value) = within(limit, || PROTOCOL.decode::<T>(packet, limit)).ok()?;
    let mut buffer = vec![0; limit];
    for spoken in PROTOCOL.versions() {
        let again =
            spoken.encode(&value, &mut buffer).expect("what was received can be sent, in any version");
        let again = PROTOCOL.decode::<T>(again, limit).expect("what was sent can be received");
        // What one version has no word for may be another value in it.
        assert!(spoken != version || again == (version, value.clone()), "{value:?} is read as {again:?}");
    }
    Some(value)
}
