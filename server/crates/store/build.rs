//! Rebuilds the crate when a migration is added: the compiler itself only notices changes of those it has read.

fn main() {
    println!("cargo:rerun-if-changed=../../../migrations");
}
