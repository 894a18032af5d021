//! The example goes its whole way.

#[path = "../examples/whole_way.rs"]
mod whole_way;

#[test]
fn the_whole_way_is_gone_to_its_end() {
    whole_way::main().unwrap();
}
