//! The styles: `style/main.scss` and what it uses, compiled into one compressed CSS file.

use crate::NAME;
use crate::assets::Asset;
use anyhow::Result;
use grass::{Options, OutputStyle};
use std::path::Path;

/// Compiles the stylesheet.
///
/// # Errors
/// A mistake in the SCSS, with file, line and what was expected.
pub fn compile(main: &Path) -> Result<Vec<Asset>> {
    let css = grass::from_path(main, &Options::default().style(OutputStyle::Compressed))
        .map_err(|e| anyhow::anyhow!("{e}"))?;
    Ok(vec![Asset::new(format!("pkg/{NAME}.css"), css.into_bytes())])
}
