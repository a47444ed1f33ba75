//! A panic on purpose, in builds with the feature `fault` only.

/// The PAM service for which the module panics.
const SERVICE: &[u8] = b"ck-panic";

/// Panics if `service` is the one for it.
#[expect(clippy::panic, reason = "it is what the feature is for")]
pub(crate) fn strike(service: Option<&[u8]>) {
    if service == Some(SERVICE) {
        panic!("asked for\nby the service name");
    }
}
