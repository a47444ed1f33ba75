//! What every target asks of a decoder.

use ck_protocol::{decode, encode};
use peak_alloc::PeakAlloc;
use serde::{Serialize, de::DeserializeOwned};
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
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let value: T = within(limit, || decode(packet, limit)).ok()?;
    let mut buffer = vec![0; limit];
    let again = encode(&value, &mut buffer).expect("what was received can be sent");
    assert_eq!(decode::<T>(again, limit).as_ref(), Ok(&value));
    Some(value)
}
