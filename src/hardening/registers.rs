//! Vector registers: memory that no allocator wipes.
//!
//! The C library copies memory through them, 64 bytes at a time, and nobody
//! clears them. A worker that copied a piece of a card and went to sleep keeps
//! it there, for a core file or a debugger to read; a thread that is started
//! begins with its parent's. So whoever works on cards clears them each time
//! it hands its thread back.

use super::leave_out::{Part, is_in};
use std::arch::asm;
use std::future::{Future, poll_fn};
use std::pin::pin;

/// Runs a future, and clears the vector registers whenever it waits and when it
/// ends, by a panic too.
pub async fn cleared<F: Future>(work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|context| {
        let _after = ClearOnDrop;
        work.as_mut().poll(context)
    })
    .await
}

struct ClearOnDrop;

impl Drop for ClearOnDrop {
    fn drop(&mut self) {
        if is_in(Part::Registers) {
            clear();
        }
    }
}

/// Zeroes every vector register that the processor has.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[allow(unsafe_code, reason = "registers are reached by assembly only")]
fn clear() {
    // The upper sixteen, by their 128-bit names: a write to those zeroes the
    // rest of a register. Every processor with AVX-512 that is sold has VL.
    if is_x86_feature_detected!("avx512vl") {
        // SAFETY: the processor has the instructions. They write vector
        // registers alone, all of which `clobber_abi` declares as lost.
        unsafe {
            asm!(
                "vpxord xmm16, xmm16, xmm16",
                "vpxord xmm17, xmm17, xmm17",
                "vpxord xmm18, xmm18, xmm18",
                "vpxord xmm19, xmm19, xmm19",
                "vpxord xmm20, xmm20, xmm20",
                "vpxord xmm21, xmm21, xmm21",
                "vpxord xmm22, xmm22, xmm22",
                "vpxord xmm23, xmm23, xmm23",
                "vpxord xmm24, xmm24, xmm24",
                "vpxord xmm25, xmm25, xmm25",
                "vpxord xmm26, xmm26, xmm26",
                "vpxord xmm27, xmm27, xmm27",
                "vpxord xmm28, xmm28, xmm28",
                "vpxord xmm29, xmm29, xmm29",
                "vpxord xmm30, xmm30, xmm30",
                "vpxord xmm31, xmm31, xmm31",
                clobber_abi("sysv64"),
                options(nomem, nostack, preserves_flags),
            );
        }
    }
    if is_x86_feature_detected!("avx") {
        // SAFETY: as above; zeroes registers 0 to 15 in their whole width.
        unsafe { asm!("vzeroall", clobber_abi("sysv64"), options(nomem, nostack, preserves_flags)) };
    } else {
        // SAFETY: as above; SSE is part of the architecture.
        unsafe {
            asm!(
                "pxor xmm0, xmm0",
                "pxor xmm1, xmm1",
                "pxor xmm2, xmm2",
                "pxor xmm3, xmm3",
                "pxor xmm4, xmm4",
                "pxor xmm5, xmm5",
                "pxor xmm6, xmm6",
                "pxor xmm7, xmm7",
                "pxor xmm8, xmm8",
                "pxor xmm9, xmm9",
                "pxor xmm10, xmm10",
                "pxor xmm11, xmm11",
                "pxor xmm12, xmm12",
                "pxor xmm13, xmm13",
                "pxor xmm14, xmm14",
                "pxor xmm15, xmm15",
                clobber_abi("sysv64"),
                options(nomem, nostack, preserves_flags),
            );
        }
    }
}

/// Zeroes every vector register; a write to the lower 128 bits zeroes what SVE has above them.
#[cfg(target_arch = "aarch64")]
#[inline(never)]
#[allow(unsafe_code, reason = "registers are reached by assembly only")]
fn clear() {
    // SAFETY: Advanced SIMD is part of the architecture as Linux requires it.
    // The instructions write vector registers alone, all of which
    // `clobber_abi` declares as lost.
    unsafe {
        asm!(
            "movi v0.2d, #0",
            "movi v1.2d, #0",
            "movi v2.2d, #0",
            "movi v3.2d, #0",
            "movi v4.2d, #0",
            "movi v5.2d, #0",
            "movi v6.2d, #0",
            "movi v7.2d, #0",
            "movi v8.2d, #0",
            "movi v9.2d, #0",
            "movi v10.2d, #0",
            "movi v11.2d, #0",
            "movi v12.2d, #0",
            "movi v13.2d, #0",
            "movi v14.2d, #0",
            "movi v15.2d, #0",
            "movi v16.2d, #0",
            "movi v17.2d, #0",
            "movi v18.2d, #0",
            "movi v19.2d, #0",
            "movi v20.2d, #0",
            "movi v21.2d, #0",
            "movi v22.2d, #0",
            "movi v23.2d, #0",
            "movi v24.2d, #0",
            "movi v25.2d, #0",
            "movi v26.2d, #0",
            "movi v27.2d, #0",
            "movi v28.2d, #0",
            "movi v29.2d, #0",
            "movi v30.2d, #0",
            "movi v31.2d, #0",
            clobber_abi("C"),
            options(nomem, nostack, preserves_flags),
        );
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
#[allow(unsafe_code, reason = "reads registers")]
mod tests {
    use super::*;
    use std::future::ready;
    use std::task::{Context, Waker};

    const FILL: [u8; 16] = *b"4355093000777068";

    #[test]
    fn no_poll_leaves_anything_in_a_register() {
        let mut after = [[0xff_u8; 16]; 3];
        let mut work = pin!(cleared(ready(())));
        let mut context = Context::from_waker(Waker::noop());
        // SAFETY: loads and stores 16 bytes of arrays that are as long; what
        // is loaded is declared as lost.
        unsafe {
            asm!("movdqu xmm0, [{0}]", "movdqu xmm7, [{0}]", "movdqu xmm15, [{0}]",
                in(reg) FILL.as_ptr(), out("xmm0") _, out("xmm7") _, out("xmm15") _);
        }
        let _ = work.as_mut().poll(&mut context);
        // SAFETY: as above.
        unsafe {
            asm!("movdqu [{0}], xmm0", "movdqu [{0} + 16], xmm7", "movdqu [{0} + 32], xmm15",
                in(reg) after.as_mut_ptr());
        }
        assert_eq!(after, [[0; 16]; 3]);
    }

    #[test]
    fn clearing_reaches_the_upper_registers() {
        if !is_x86_feature_detected!("avx512vl") {
            return;
        }
        let mut after = [0xff_u8; 64];
        // SAFETY: the processor has the instructions; 16 bytes are read, 64 written.
        unsafe {
            asm!("vbroadcasti32x4 zmm31, [{0}]", in(reg) FILL.as_ptr(), out("xmm31") _);
            clear();
            asm!("vmovdqu64 [{0}], zmm31", in(reg) after.as_mut_ptr());
        }
        assert_eq!(after, [0; 64]);
    }
}
