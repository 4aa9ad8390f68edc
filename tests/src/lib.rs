//! What whole-system tests share: a daemon, a broker, a terminal, a partner, a lane.
