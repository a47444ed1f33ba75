//! Memory that a file system answers for: the only unsafe code of this crate.
#![allow(unsafe_code, reason = "mmap(2) has no safe form")]

use std::fs::File;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

use rustix::mm::{MapFlags, ProtFlags, mmap};

/// Maps the first `length` bytes of a file for the rest of this process's life. Each first touch of a page asks the file
/// system for it.
pub(crate) fn mapped(file: &File, length: usize) -> &'static mut [MaybeUninit<u8>] {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses a place where nothing is, and what is written there is private to this process.
    let start = unsafe { mmap(null_mut(), length, access, MapFlags::PRIVATE, file, 0) }.expect("mmap");
    // SAFETY: the mapping is `length` bytes long, is never unmapped, nobody else has its address, and bytes that may be
    // uninitialised need no value.
    unsafe { std::slice::from_raw_parts_mut(start.cast(), length) }
}
