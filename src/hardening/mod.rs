//! What protects secrets and the process.
