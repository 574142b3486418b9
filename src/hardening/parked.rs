//! A thread that sleeps with something in a vector register: what the residue
//! search must be able to find, as a copy routine leaves it behind.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// As many bytes as are parked.
pub const PARKED_BYTES: usize = 32;

/// Moves the bytes into the highest vector register (its lower half alone holds
/// 16 of them where there is no AVX), wipes them, and sleeps in `read(2)` on
/// `until` until something comes or the other end closes.
///
/// # Errors
/// Another architecture than `x86_64`.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "no safe code says what a register holds during a system call")]
pub fn park_in_vector_register(bytes: &mut [u8; PARKED_BYTES], until: BorrowedFd<'_>) -> io::Result<()> {
    use std::arch::asm;
    let mut heard = [0_u8; 1];
    let fd = i64::from(until.as_raw_fd());
    if std::arch::is_x86_feature_detected!("avx") {
        // SAFETY: reads and then writes the 32 bytes of an exclusive borrow.
        // read(2) writes at most the one byte of `heard`, on a descriptor that
        // is borrowed for the whole call, and is interrupted without effect.
        // What the kernel overwrites (rax, rcx, r11) and ymm15 are declared;
        // VEX-coded `vpxor` leaves all of the register zero.
        unsafe {
            asm!(
                "vmovdqu ymm15, [{source}]",
                "mov qword ptr [{source}], 0",
                "mov qword ptr [{source} + 8], 0",
                "mov qword ptr [{source} + 16], 0",
                "mov qword ptr [{source} + 24], 0",
                "syscall",
                "vpxor xmm15, xmm15, xmm15",
                source = in(reg) bytes.as_mut_ptr(),
                inlateout("rax") libc::SYS_read => _,
                in("rdi") fd, in("rsi") heard.as_mut_ptr(), in("rdx") 1_u64,
                out("rcx") _, out("r11") _, out("xmm15") _,
                options(nostack),
            );
        }
    } else {
        // SAFETY: as above, with the first 16 bytes in xmm15.
        unsafe {
            asm!(
                "movdqu xmm15, [{source}]",
                "mov qword ptr [{source}], 0",
                "mov qword ptr [{source} + 8], 0",
                "syscall",
                "pxor xmm15, xmm15",
                source = in(reg) bytes.as_mut_ptr(),
                inlateout("rax") libc::SYS_read => _,
                in("rdi") fd, in("rsi") heard.as_mut_ptr(), in("rdx") 1_u64,
                out("rcx") _, out("r11") _, out("xmm15") _,
                options(nostack),
            );
        }
    }
    Ok(())
}

/// As above.
///
/// # Errors
/// Always: only the registers of `x86_64` are known.
#[cfg(not(target_arch = "x86_64"))]
pub fn park_in_vector_register(_: &mut [u8; PARKED_BYTES], _: BorrowedFd<'_>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
