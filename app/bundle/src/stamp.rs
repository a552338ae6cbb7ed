//! Knows whether a part's inputs changed since it was made: one SHA-256 a part, kept beside the site folder.
//!
//! The fingerprint covers names and bytes of all input files and this program itself, so a new bundler makes everything again.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The fingerprints of the last run and, per part, the files that it made.
pub struct Stamps {
    file: PathBuf,
    last: BTreeMap<String, (String, Vec<String>)>,
    now: BTreeMap<String, (String, Vec<String>)>,
}

impl Stamps {
    /// Reads the stamps of the last run; an unreadable or absent file counts as "nothing made yet".
    pub fn read(file: PathBuf) -> Self {
        let mut last = BTreeMap::new();
        for line in fs::read_to_string(&file).unwrap_or_default().lines() {
            let mut words = line.split('\t').map(str::to_owned);
            if let (Some(part), Some(print)) = (words.next(), words.next()) {
                last.insert(part, (print, words.collect()));
            }
        }
        Self { file, last, now: BTreeMap::new() }
    }

    /// The files that the last run made for this part, if it had the same inputs.
    pub fn made(&self, part: &str, print: &str) -> Option<&[String]> {
        self.last.get(part).filter(|(last, _)| last == print).map(|(_, files)| files.as_slice())
    }

    /// Notes what this run has for a part.
    pub fn note(&mut self, part: &str, print: String, files: Vec<String>) {
        self.now.insert(part.to_owned(), (print, files));
    }

    /// Saves the stamps; called last, so that an interrupted run is made again.
    pub fn save(&self) -> Result<()> {
        let text: String = (self.now.iter())
            .map(|(part, (print, files))| format!("{part}\t{print}\t{}\n", files.join("\t")))
            .collect();
        fs::write(&self.file, text).with_context(|| format!("writing {}", self.file.display()))
    }
}

/// The fingerprint of files and folders (with everything below them) and of this program.
pub fn fingerprint(inputs: &[&Path]) -> Result<String> {
    let mut hash = Sha256::new();
    let program = std::env::current_exe()?;
    hash_file(&mut hash, &program)?;
    for input in inputs {
        for file in files_below(input)? {
            hash_file(&mut hash, &file)?;
        }
    }
    Ok(hex::encode(hash.finalize()))
}

/// All files at or below a path, in a stable order.
pub fn files_below(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(if path.exists() { vec![path.to_owned()] } else { Vec::new() });
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).with_context(|| format!("reading {}", path.display()))? {
        found.extend(files_below(&entry?.path())?);
    }
    found.sort();
    Ok(found)
}

fn hash_file(hash: &mut Sha256, file: &Path) -> Result<()> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    hash.update(file.to_string_lossy().as_bytes());
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(&bytes);
    Ok(())
}
