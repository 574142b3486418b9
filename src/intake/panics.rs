//! A panic with a card in hand, for the residue tests:
//! `vezne serve --danger-panic-on-card`, in builds with the emulator only.

use crate::card::Card;
use std::sync::atomic::{AtomicBool, Ordering};

/// The code that makes the handler panic, and the one for the task that forwards.
const IN_HANDLER: &[u8] = b"000";
const IN_TASK: &[u8] = b"001";

static ON: AtomicBool = AtomicBool::new(false);

/// From now on cards with the codes 000 and 001 make whoever holds them panic.
pub fn panic_on_card() {
    ON.store(true, Ordering::Relaxed);
}

pub(super) fn in_handler(card: &Card) {
    panic_at(card, IN_HANDLER);
}

pub(super) fn in_task(card: &Card) {
    panic_at(card, IN_TASK);
}

#[allow(clippy::panic, reason = "its purpose")]
fn panic_at(card: &Card, code: &[u8]) {
    assert!(!ON.load(Ordering::Relaxed) || card.cvv().expose_digits() != code, "asked for by --danger-panic-on-card");
}
