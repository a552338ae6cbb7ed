//! The browser half: wasm-bindgen as a library, so that its version is the one of Cargo.lock and nothing is downloaded.
//!
//! Elsewhere: the page's script that loads these two files by name is leptos' `HydrationScripts`.

use crate::NAME;
use crate::assets::Asset;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use wasm_bindgen_cli_support::Bindgen;

/// Binds the compiled wasm and returns the JavaScript module, the wasm and the snippets it imports.
///
/// # Errors
/// The wasm is missing (not built yet) or was made with another version of wasm-bindgen.
pub fn bindings(wasm: &Path) -> Result<Vec<Asset>> {
    ensure!(wasm.exists(), "{} is missing: build quorate-frontend for wasm32-unknown-unknown first", wasm.display());
    let mut output = Bindgen::new()
        .input_path(wasm)
        .out_name(NAME)
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        // HydrationScripts passes the wasm's path, so the guessed default would be dead code.
        .omit_default_module_path(true)
        .generate_output()
        .with_context(|| format!("binding {}", wasm.display()))?;

    let mut assets = vec![
        Asset::new(format!("pkg/{NAME}.js"), without_indentation(output.js()).into_bytes()),
        Asset::new(format!("pkg/{NAME}.wasm"), output.wasm_mut().emit_wasm()),
    ];
    for (package, texts) in output.snippets() {
        for (index, text) in texts.iter().enumerate() {
            assets.push(Asset::new(format!("pkg/snippets/{package}/inline{index}.js"), text.clone().into_bytes()));
        }
    }
    for (path, text) in output.local_modules() {
        assets.push(Asset::new(format!("pkg/snippets/{path}"), text.clone().into_bytes()));
    }
    Ok(assets)
}

/// The generated module is indented at random and by far; the browser does not need it.
fn without_indentation(js: &str) -> String {
    js.lines().map(str::trim).filter(|line| !line.is_empty()).flat_map(|line| [line, "\n"]).collect()
}
