//! The site folder: writes assets with their compressed twins, removes what no run made, prints the sizes.
//!
//! Invariant: a file of the site is replaced by rename, never written in place; a console that reads the folder sees old or new.

use crate::stamp::{Stamps, files_below, fingerprint};
use anyhow::{Context, Result, ensure};
use brotli::enc::{BrotliEncoderParams, backward_references::BrotliEncoderMode};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Endings whose content is compressed already.
const PACKED: [&str; 5] = ["png", "jpg", "ico", "woff2", "webp"];

/// One file of the site: its path below the site folder and its bytes.
pub struct Asset {
    path: String,
    bytes: Vec<u8>,
}

impl Asset {
    /// An asset at a path relative to the site folder, with `/` between folders.
    pub fn new(path: String, bytes: Vec<u8>) -> Self {
        Self { path, bytes }
    }
}

/// The site folder during one run.
pub struct Site {
    root: PathBuf,
    stamps: Stamps,
    files: BTreeSet<String>,
}

impl Site {
    /// Opens (and creates) the folder and reads what the last run made.
    pub fn open(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).with_context(|| format!("creating {}", root.display()))?;
        let stamps = Stamps::read(root.with_extension("stamps"));
        Ok(Self { root: root.to_owned(), stamps, files: BTreeSet::new() })
    }

    /// Makes one part of the site, or keeps it when its inputs are the ones of the last run and its files are still there.
    pub fn part(&mut self, name: &str, inputs: &[&Path], make: impl FnOnce() -> Result<Vec<Asset>>) -> Result<()> {
        let print = fingerprint(inputs)?;
        let kept = self.stamps.made(name, &print).filter(|files| files.iter().all(|f| self.root.join(f).exists()));
        let files = match kept {
            Some(files) => files.to_vec(),
            None => self.write_all(make()?)?,
        };
        for file in &files {
            ensure!(self.files.insert(file.clone()), "{file} is made by two parts of the site");
        }
        self.stamps.note(name, print, files);
        Ok(())
    }

    fn write_all(&self, assets: Vec<Asset>) -> Result<Vec<String>> {
        let mut files = Vec::new();
        for asset in assets {
            let packed = asset.path.rsplit('.').next().is_some_and(|ending| PACKED.contains(&ending));
            let twins =
                if packed { Vec::new() } else { vec![("br", brotli(&asset.bytes)?), ("gz", gzip(&asset.bytes)?)] };
            for (ending, bytes) in twins {
                // A twin that saves nothing would only cost the embedded binary.
                if bytes.len() < asset.bytes.len() {
                    let path = format!("{}.{ending}", asset.path);
                    self.write(&path, &bytes)?;
                    files.push(path);
                }
            }
            self.write(&asset.path, &asset.bytes)?;
            files.push(asset.path);
        }
        Ok(files)
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let target = self.root.join(path);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        let beside = self.root.join(format!("{path}.part"));
        fs::write(&beside, bytes)
            .and_then(|()| fs::rename(&beside, &target))
            .with_context(|| format!("writing {}", target.display()))
    }

    /// Removes files that no part made, saves the stamps and prints one line a file.
    pub fn finish(self, started: Instant) -> Result<()> {
        for file in files_below(&self.root)? {
            let path = file.strip_prefix(&self.root)?.to_string_lossy().into_owned();
            if !self.files.contains(&path) {
                fs::remove_file(&file).with_context(|| format!("removing {}", file.display()))?;
            }
        }
        self.stamps.save()?;
        for path in self.files.iter().filter(|path| !path.ends_with(".br") && !path.ends_with(".gz")) {
            let size =
                |ending: &str| fs::metadata(self.root.join(format!("{path}{ending}"))).map(|meta| meta.len()).ok();
            println!("{path:<24} {:>9} raw {:>9} br", kib(size("")), kib(size(".br")));
        }
        println!("site in {} made in {:.1} s", self.root.display(), started.elapsed().as_secs_f32());
        Ok(())
    }
}

/// All files of a folder as assets, with their paths below it; hidden files are left out.
pub fn read_folder(folder: &Path) -> Result<Vec<Asset>> {
    let mut assets = Vec::new();
    for file in files_below(folder)? {
        let path = file.strip_prefix(folder)?.to_string_lossy().into_owned();
        if !path.split('/').any(|name| name.starts_with('.')) {
            let bytes = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            assets.push(Asset::new(path, bytes));
        }
    }
    Ok(assets)
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    // Found by trying them on the wasm: smaller blocks and the model for binary files save 2 KB of 300.
    let params = BrotliEncoderParams {
        quality: 11,
        lgwin: 22,
        lgblock: 16,
        mode: BrotliEncoderMode::BROTLI_MODE_FONT,
        size_hint: bytes.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &bytes[..], &mut packed, &params).context("compressing")?;
    Ok(packed)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes)?;
    Ok(packer.finish()?)
}

fn kib(size: Option<u64>) -> String {
    match size {
        Some(bytes) => format!("{}.{} KiB", bytes / 1024, bytes % 1024 * 10 / 1024),
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(root: &Path) -> Site {
        Site::open(root).expect("opens")
    }

    #[test]
    fn a_part_with_the_same_inputs_is_kept_and_strangers_are_removed() {
        let dir = tempfile::tempdir().expect("temp dir");
        let input = dir.path().join("in.txt");
        let root = dir.path().join("site");
        fs::write(&input, "one").expect("writes");
        let text = || Ok(vec![Asset::new("pkg/a.txt".to_owned(), vec![b'a'; 4000])]);

        let mut first = site(&root);
        first.part("text", &[&input], text).expect("made");
        first.finish(Instant::now()).expect("finished");
        assert!(root.join("pkg/a.txt.br").exists() && root.join("pkg/a.txt.gz").exists());

        fs::write(root.join("pkg/old.js"), "left over").expect("writes");
        let mut second = site(&root);
        second.part("text", &[&input], || anyhow::bail!("made again without need")).expect("kept");
        second.finish(Instant::now()).expect("finished");
        assert!(root.join("pkg/a.txt").exists() && !root.join("pkg/old.js").exists());

        fs::write(&input, "two").expect("writes");
        let mut third = site(&root);
        assert!(third.part("text", &[&input], || anyhow::bail!("made again")).is_err());
    }

    #[test]
    fn compressed_twins_unpack_to_the_original() {
        let text = b"quorum ".repeat(500);
        let mut plain = Vec::new();
        brotli::BrotliDecompress(&mut &brotli(&text).expect("packs")[..], &mut plain).expect("unpacks");
        assert_eq!(plain, text);
        let mut plain = Vec::new();
        let packed = gzip(&text).expect("packs");
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut plain).expect("unpacks");
        assert_eq!(plain, text);
    }
}
