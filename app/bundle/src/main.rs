//! Makes `target/site`, the folder that the server embeds, out of the compiled browser half, the styles and `public/`.
//!
//! Usage: `quorate-bundle [--wasm FILE] [--site DIR]`, started in the checkout's top folder; `make build` runs it after the wasm build.
//! Invariant: after a successful run the site folder holds exactly the assets of this run, each whole (written beside, then renamed)
//! and each with a `.br` and `.gz` that belong to it where compression pays. A part whose inputs did not change is not made again.
//! Elsewhere: compiling to wasm (Makefile), embedding and content hashes as ETag (server).

mod assets;
mod browser;
mod stamp;
mod style;

use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::time::Instant;

/// Name of the JavaScript, wasm and CSS files; the server is compiled with the same `LEPTOS_OUTPUT_NAME`.
const NAME: &str = "quorate";

/// Where inputs are read from and the site is written to.
struct Paths {
    wasm: PathBuf,
    style: PathBuf,
    public: PathBuf,
    site: PathBuf,
}

fn main() -> Result<()> {
    let started = Instant::now();
    let paths = parse(std::env::args().skip(1))?;
    let mut site = assets::Site::open(&paths.site)?;

    site.part("browser", &[&paths.wasm], || browser::bindings(&paths.wasm))?;
    site.part("style", &[parent(&paths.style)], || style::compile(&paths.style))?;
    site.part("public", &[&paths.public], || assets::read_folder(&paths.public))?;

    site.finish(started)
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Paths> {
    let mut paths = Paths {
        wasm: "target/wasm32-unknown-unknown/wasm-release/quorate_frontend.wasm".into(),
        style: "style/main.scss".into(),
        public: "public".into(),
        site: "target/site".into(),
    };
    while let Some(arg) = args.next() {
        let value = args.next().with_context(|| format!("{arg} wants a path"))?;
        match arg.as_str() {
            "--wasm" => paths.wasm = value.into(),
            "--site" => paths.site = value.into(),
            _ => bail!("unknown argument {arg}; known are --wasm FILE and --site DIR"),
        }
    }
    if !paths.style.exists() {
        bail!("{} is not here: start this in the checkout's top folder", paths.style.display());
    }
    Ok(paths)
}

fn parent(file: &std::path::Path) -> &std::path::Path {
    file.parent().unwrap_or(file)
}
