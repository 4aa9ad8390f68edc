//! Bytes of a serial line become frames: prefix, suffix, bounds. Push parser; chunked input gives the same frames as whole input.
