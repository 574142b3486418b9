//! Emulators of the upstream systems and the demo shop.
