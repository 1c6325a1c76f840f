//! The report as two exports: `report` writes it and returns its length, `text` returns its address.
#![no_std]

#[cfg(not(feature = "no-std"))]
extern crate std;

use core::cell::UnsafeCell;
use core::fmt;

struct Text(UnsafeCell<([u8; 2048], usize)>);

// SAFETY: no threads.
unsafe impl Sync for Text {}

static TEXT: Text = Text(UnsafeCell::new(([0; 2048], 0)));

struct Writer;

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: no threads, and nobody else writes.
        let (bytes, length) = unsafe { &mut *TEXT.0.get() };
        bytes.get_mut(*length..*length + text.len()).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        *length += text.len();
        Ok(())
    }
}

#[no_mangle]
pub extern "C" fn report() -> usize {
    probe::report(&mut Writer).expect("the report is short");
    // SAFETY: as above.
    unsafe { (*TEXT.0.get()).1 }
}

#[no_mangle]
pub extern "C" fn text() -> *const u8 {
    TEXT.0.get().cast()
}

#[cfg(feature = "no-std")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
