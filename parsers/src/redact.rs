//! Cuts card numbers and track data out of inputs before anything stores or shows them.
