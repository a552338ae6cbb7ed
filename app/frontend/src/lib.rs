//! The browser's entry point: makes the server-rendered page live, and nothing else (everything is in `quorate-app`).

use wasm_bindgen::prelude::wasm_bindgen;

/// Called by the page's script as soon as the wasm is there.
#[wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(quorate_app::App);
    // For scripts and journeys: from now on clicks are handled in the page. Nothing in the product depends on it.
    if let Some(root) = leptos::prelude::document().document_element() {
        let _ = root.set_attribute("data-hydrated", "");
    }
}
