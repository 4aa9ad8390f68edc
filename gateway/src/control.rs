//! The control socket: how commands talk to the running daemon, or work on its data while it is stopped.
