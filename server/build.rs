//! Has the binary built anew when the site was: new files in an embedded directory are not seen otherwise. The empty
//! directory is made because a watched path that is missing would mean building anew every time.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../target/site");
    let _ = std::fs::create_dir_all("../target/site");
}
