//! The only door a card enters by: the bounded multipart reader.
