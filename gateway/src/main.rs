//! The program `tillgate`.

fn main() {}
