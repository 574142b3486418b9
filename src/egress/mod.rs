//! The way out: names, the address guard, TLS and HTTP/1.1 toward other systems.
