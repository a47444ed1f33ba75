//! Texts for property tests.

use proptest::{char::range, collection::vec, prelude::*};

/// Any text, often with characters that have to be escaped.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    let one = prop_oneof![any::<char>(), range('\0', '\u{a0}'), range('\u{2000}', '\u{2070}')];
    vec(one, 0..80).prop_map(|text| text.into_iter().collect())
}
