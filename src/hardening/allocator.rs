//! The allocator: what is freed is wiped first.
//!
//! Libraries copy a card into buffers of their own (the TLS records, the read
//! buffer, the parts of a form) and free them as they are. The next owner of
//! that memory may be anybody, and until then it holds the card. Wiping each
//! block as it is freed reaches every copy on the heap, whoever made it
//! (PCI DSS 3.3.1: no sensitive authentication data after authorization).

use super::leave_out::{Part, is_in};
use std::alloc::{GlobalAlloc, Layout};
use std::arch::asm;

/// Wipes each block before `A` gets it back.
///
/// `realloc` is the trait's own: a new block, a copy, and the old block freed
/// and so wiped. `A`'s might move the block and leave the old bytes behind.
pub struct WipingAllocator<A>(pub A);

// SAFETY: every call goes to `A`, which is a `GlobalAlloc`, with the arguments
// that came in, and its answers come back unchanged. The only act of our own,
// in `dealloc`, writes inside the block that is given back.
#[allow(unsafe_code, reason = "an allocator is unsafe by its trait")]
unsafe impl<A: GlobalAlloc> GlobalAlloc for WipingAllocator<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: our caller's promise, a layout of non-zero size, is the one that `A` asks for.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`. `A` may know that fresh pages are zero already.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_in(Part::Allocator) {
            // SAFETY: the caller gives up a live block of `layout.size()` bytes:
            // they are ours to write, and nobody reads them afterwards.
            unsafe { block.write_bytes(0, layout.size()) };
            // Without this the writes could be left out, since nobody reads them.
            // SAFETY: no instruction; it claims to read the block.
            unsafe { asm!("/* {0} */", in(reg) block, options(nostack, preserves_flags, readonly)) };
        }
        // SAFETY: our caller's promise: `block` came from this allocator, which is `A`, with this layout.
        unsafe { self.0.dealloc(block, layout) }
    }
}

#[cfg(test)]
#[allow(unsafe_code, reason = "calls an allocator")]
mod tests {
    use super::*;
    use std::alloc::System;
    use std::sync::Mutex;

    /// Remembers what each block held when it came back.
    struct Observer(Mutex<Vec<Vec<u8>>>);

    // SAFETY: the system's allocator, with a look at blocks that are still live.
    unsafe impl GlobalAlloc for Observer {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            let held = unsafe { std::slice::from_raw_parts(block, layout.size()) }.to_vec();
            self.0.lock().unwrap().push(held);
            unsafe { System.dealloc(block, layout) }
        }
    }

    fn filled(allocator: &WipingAllocator<Observer>, layout: Layout) -> *mut u8 {
        let block = unsafe { allocator.alloc(layout) };
        assert!(!block.is_null());
        unsafe { block.write_bytes(b'4', layout.size()) };
        block
    }

    #[test]
    fn a_block_comes_back_wiped_to_its_last_byte() {
        let allocator = WipingAllocator(Observer(Mutex::default()));
        for size in [1, 7, 16, 4096, 100_003] {
            let layout = Layout::from_size_align(size, 1).unwrap();
            let block = filled(&allocator, layout);
            unsafe { allocator.dealloc(block, layout) };
            assert_eq!(allocator.0.0.lock().unwrap().pop().unwrap(), vec![0; size]);
        }
    }

    #[test]
    fn a_block_that_grows_or_shrinks_leaves_nothing_behind() {
        let allocator = WipingAllocator(Observer(Mutex::default()));
        for (size, new_size) in [(64, 4096), (4096, 64)] {
            let layout = Layout::from_size_align(size, 8).unwrap();
            let moved = unsafe { allocator.realloc(filled(&allocator, layout), layout, new_size) };
            assert_eq!(allocator.0.0.lock().unwrap().pop().unwrap(), vec![0; size]);
            let kept = unsafe { std::slice::from_raw_parts(moved, size.min(new_size)) };
            assert!(kept.iter().all(|&byte| byte == b'4'));
            unsafe { allocator.dealloc(moved, Layout::from_size_align(new_size, 8).unwrap()) };
        }
    }
}
