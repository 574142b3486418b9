//! Whose fault an error is, and what each party is told.
