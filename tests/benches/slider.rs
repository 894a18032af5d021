//! How long the page takes to follow its slider, in a real browser: allocation, graph and table, until all is laid out.

fn main() {}
