//! Sessions: ids, states, proofs. Pure.
