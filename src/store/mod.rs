//! What is kept: a trait of single operations and its backends.
