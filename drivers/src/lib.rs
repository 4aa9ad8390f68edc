//! Devices to readings. In: a port and how to read it. Out: readings and connection states. Never: sales, storage, card numbers in clear.
