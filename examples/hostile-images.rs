//! Builds the hostile set as OCI layouts: `hostile-images DIR` makes `DIR/<name>` for each, tag
//! `1`, and prints what is expected of it: name, rule, words, separated by tabs. Those that take
//! gigabytes to unpack are in it; all of it takes some 200 MB on disk.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a demonstration, not the product"
)]

#[expect(dead_code, clippy::indexing_slicing, reason = "shared with the tests")]
#[path = "../tests/support/image.rs"]
mod image;

#[expect(dead_code, clippy::indexing_slicing, reason = "shared with the tests")]
#[path = "../tests/hostile/attacks.rs"]
mod attacks;

fn main() {
    let dir = std::env::args_os().nth(1).unwrap();
    for attack in attacks::small().iter().chain(&attacks::large()) {
        attack.write(&std::path::Path::new(&dir).join(attack.name));
        println!("{}\t{}\t{}", attack.name, attack.rule, attack.words);
    }
}
