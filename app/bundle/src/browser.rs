//! The browser half: wasm-bindgen as a library, so that its version is the one of Cargo.lock and nothing is downloaded.
//!
//! Elsewhere: the page's script that loads these two files by name is leptos' `HydrationScripts`.

use crate::NAME;
use crate::assets::Asset;
use anyhow::{Context, Result, ensure};
use std::{collections::HashSet, path::Path};
use walrus::{
    FunctionBuilder, FunctionId, FunctionKind, Module,
    ir::{Visitor, dfs_in_order},
};
use wasm_bindgen_cli_support::Bindgen;

/// Parts of the names of functions that nothing calls, a twentieth of the whole. The first stays in because each boxed view
/// points to its own; it is for pages that hydrate bit by bit (`mount::hydrate_lazy`). The second is exported for server
/// functions that stream. This site has neither. Should one be called all the same, the page stops with "unreachable",
/// which every browser journey would see.
const NEVER_CALLED: [&str; 2] = ["hydrate_async", "intounderlying"];

/// Binds the compiled wasm and returns the JavaScript module, the wasm and the snippets it imports.
///
/// # Errors
/// The wasm is missing (not built yet) or was made with another version of wasm-bindgen.
pub fn bindings(wasm: &Path) -> Result<Vec<Asset>> {
    ensure!(wasm.exists(), "{} is missing: build quorate-frontend for wasm32-unknown-unknown first", wasm.display());
    let mut output = Bindgen::new()
        .input_bytes(NAME, without_never_called(wasm)?)
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

/// The compiled wasm, with an empty body for each function that nothing calls.
fn without_never_called(wasm: &Path) -> Result<Vec<u8>> {
    let mut module = Module::from_file(wasm).with_context(|| format!("reading {}", wasm.display()))?;
    let named = |id: &FunctionId| {
        let name = module.funcs.get(*id).name.as_deref().unwrap_or_default();
        // wasm-bindgen runs the descriptions of exports to learn their types.
        !name.contains("describe") && NEVER_CALLED.iter().any(|part| name.contains(part))
    };
    let mut dead: HashSet<FunctionId> = module.funcs.iter_local().map(|(id, _)| id).filter(named).collect();
    // The compiler merges functions of one body and keeps one name for both: what living code calls is alive.
    loop {
        let mut called = Called::default();
        for (_, function) in module.funcs.iter_local().filter(|(id, _)| !dead.contains(id)) {
            dfs_in_order(&mut called, function, function.entry_block());
        }
        let before = dead.len();
        dead.retain(|id| !called.0.contains(id));
        if dead.len() == before {
            break;
        }
    }
    // Without names there is nothing to find, and the page is larger than it need be.
    ensure!(!dead.is_empty(), "{} has no function names: was it stripped?", wasm.display());
    for id in dead {
        let (params, results) = module.types.params_results(module.funcs.get(id).ty());
        let (params, results) = (params.to_vec(), results.to_vec());
        let arguments = params.iter().map(|kind| module.locals.add(*kind)).collect();
        let mut empty = FunctionBuilder::new(&mut module.types, &params, &results);
        empty.func_body().unreachable();
        module.funcs.get_mut(id).kind = FunctionKind::Local(empty.local_func(arguments));
    }
    Ok(module.emit_wasm())
}

/// Which functions some code calls or takes a reference to.
#[derive(Default)]
struct Called(HashSet<FunctionId>);

impl Visitor<'_> for Called {
    fn visit_function_id(&mut self, id: &FunctionId) {
        self.0.insert(*id);
    }
}

/// The generated module is indented at random and by far; the browser does not need it.
fn without_indentation(js: &str) -> String {
    js.lines().map(str::trim).filter(|line| !line.is_empty()).flat_map(|line| [line, "\n"]).collect()
}
