//! The hub's cache on this machine: what of it is a model, and whether its files are what their names say.

use super::id::Commit;
use super::info::{Digest, PlanFile};
use super::{Hub, HubError, HubId, HubModel};
use crate::model::folder::{self, CARD, CONFIG, HEAD_WEIGHTS, PREPROCESSOR, TOKENIZER, WEIGHTS};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The name, beside those of branches, of the commit that `look` took from the converter's pull request because the branch has no
/// safetensors.
pub(super) const CONVERTED: &str = "converted-to-safetensors";

/// A model folder of the cache.
#[derive(Clone, Debug, PartialEq)]
pub struct Cached {
    pub id: HubId,
    /// The commit that would be used, where all of its files are there.
    pub model: Option<HubModel>,
    /// Bytes on disk.
    pub bytes: u64,
}

/// What became of a file that was checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// Its content has the digest that it is named by, in hex.
    Right { what: &'static str, digest: String },
    /// It has another.
    Wrong { what: &'static str, found: String, expected: String, path: PathBuf },
    /// Whoever filled the cache did not name it by a digest.
    Unknown,
}

impl Hub {
    /// A model in the cache with all of its files. Nothing is fetched, and no digest computed.
    pub fn find(&self, id: &HubId) -> Option<HubModel> {
        let folder = self.cache.join(id.folder());
        let of = |commit: Commit| {
            let files = folder.join("snapshots").join(commit.as_str());
            is_complete(&files).then(|| HubModel { id: id.clone(), commit, folder: files })
        };
        let by_ref = |name: &Path| of(read_commit(&folder.join("refs").join(name))?);
        match id.revision() {
            Some(revision) => revision.parse().ok().and_then(of).or_else(|| by_ref(Path::new(revision))),
            // Any other pull request may be anybody's, and has to be named.
            None => by_ref(Path::new("main")).or_else(|| by_ref(Path::new(CONVERTED))),
        }
    }

    /// The CLIP models of the cache, whole or in part, by name. Those that are something else are left out.
    pub fn cached(&self) -> Vec<Cached> {
        let mut list: Vec<Cached> = Vec::new();
        for id in names(&self.cache).iter().filter_map(|name| HubId::of_folder(name)) {
            let folder = self.cache.join(id.folder());
            let model = self.find(&id);
            if model.is_none() {
                // Fetched at a commit, which has to be named to be used.
                let commits = names(&folder.join("snapshots"));
                let at = commits.iter().filter_map(|c| self.find(&id.at(&c.parse().ok()?)));
                let whole: Vec<HubModel> = at.filter(|m| is_clip(&m.folder)).collect();
                if !whole.is_empty() {
                    let bytes = |m: &HubModel| {
                        files_of(&m.folder)
                            .iter()
                            .filter_map(|f| fs::metadata(m.folder.join(f)).ok())
                            .map(|m| m.len())
                            .sum()
                    };
                    list.extend(whole.into_iter().map(|m| Cached {
                        id: m.id.clone(),
                        bytes: bytes(&m),
                        model: Some(m),
                    }));
                    continue;
                }
            }
            let known = super::KNOWN.iter().any(|(name, _)| *name == id.repo());
            if model.as_ref().is_some_and(|m| is_clip(&m.folder)) || model.is_none() && known {
                let blobs = names(&folder.join("blobs"));
                let size =
                    |name: &String| fs::metadata(folder.join("blobs").join(name)).map_or(0, |m| m.len());
                let bytes = blobs.iter().map(size).sum();
                list.push(Cached { id, model, bytes });
            }
        }
        list.sort_by(|a, b| a.id.cmp(&b.id));
        list
    }

    /// Compares the files of a model with the digests that they are named by. `done` hears of bytes that have been read.
    ///
    /// # Errors
    /// A file cannot be read, or it was cancelled.
    pub fn verify(
        &self,
        model: &HubModel,
        cancelled: &dyn Fn() -> bool,
        done: &mut dyn FnMut(u64),
    ) -> Result<Vec<(String, Check)>, HubError> {
        let mut checks = Vec::new();
        for name in files_of(&model.folder) {
            let path = model.folder.join(&name);
            let fail = |e: io::Error| HubError::Io { path: path.clone(), reason: e.to_string() };
            let real = path.canonicalize().map_err(fail)?;
            let named = real.file_name().and_then(|n| Digest::named(n.to_str()?));
            let check = match named {
                None => Check::Unknown,
                Some(expected) => {
                    let mut hasher = Hasher::of(&expected, fs::metadata(&real).map_err(fail)?.len());
                    if !hasher.file(&real, cancelled, done).map_err(fail)? {
                        return Err(HubError::Cancelled);
                    }
                    let (what, found) = (expected.kind(), hasher.hex());
                    match found == expected.hex() {
                        true => Check::Right { what, digest: found },
                        false => {
                            Check::Wrong { what, found, expected: expected.hex().to_owned(), path: real }
                        }
                    }
                }
            };
            checks.push((name, check));
        }
        Ok(checks)
    }
}

/// Names of the files of a model folder that are read.
pub(super) fn files_of(files: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        [CONFIG, TOKENIZER, PREPROCESSOR, CARD, WEIGHTS, HEAD_WEIGHTS].map(str::to_owned).into();
    if !files.join(WEIGHTS).exists() {
        names.push(folder::INDEX.to_owned());
        names.extend(folder::shards(files).unwrap_or_default());
    }
    // A link that leads nowhere is a file that is missing, and not one that the model does without.
    names.retain(|name| files.join(name).symlink_metadata().is_ok());
    names
}

fn is_complete(files: &Path) -> bool {
    let has = |name: &str| files.join(name).is_file();
    let weights = || has(WEIGHTS) || folder::shards(files).is_ok_and(|shards| shards.iter().all(|s| has(s)));
    let broken = |name: &str| !has(name) && files.join(name).symlink_metadata().is_ok();
    has(CONFIG) && has(TOKENIZER) && !broken(PREPROCESSOR) && has(CARD) == has(HEAD_WEIGHTS) && weights()
}

/// Whether `config.json` of a folder is of a CLIP of the layout.
fn is_clip(files: &Path) -> bool {
    let config = crate::files::read_whole(&files.join(CONFIG)).ok();
    config
        .and_then(|c| serde_json::from_slice::<crate::model::config::ConfigFile>(&c).ok())
        .is_some_and(|c| c.check().is_ok())
}

fn read_commit(path: &Path) -> Option<Commit> {
    let mut text = String::new();
    File::open(path).ok()?.take(64).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Names in a folder, as far as they are text; none where it cannot be read.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().into_string().ok()).collect()
}

/// Where a file's content is kept.
pub(super) fn blob(folder: &Path, file: &PlanFile) -> PathBuf {
    folder.join("blobs").join(file.digest.hex())
}

/// Where it is kept while it is not whole.
pub(super) fn incomplete(folder: &Path, file: &PlanFile) -> PathBuf {
    folder.join("blobs").join(format!("{}.incomplete", file.digest.hex()))
}

/// Bytes of a file that are in the cache already.
pub(super) fn there(folder: &Path, file: &PlanFile) -> u64 {
    let bytes = |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|m| m.len());
    match bytes(&blob(folder, file)) {
        Some(size) if size == file.size => size,
        _ => bytes(&incomplete(folder, file)).filter(|size| *size <= file.size).unwrap_or(0),
    }
}

/// A digest that is being computed.
pub(super) enum Hasher {
    Sha256(Sha256),
    Sha1(Sha1),
}

impl Hasher {
    /// For a file of that many bytes.
    pub fn of(digest: &Digest, size: u64) -> Self {
        match digest {
            Digest::Sha256(_) => Self::Sha256(Sha256::new()),
            Digest::GitSha1(_) => Self::Sha1(Sha1::new().chain_update(format!("blob {size}\0"))),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(h) => h.update(bytes),
            Self::Sha1(h) => h.update(bytes),
        }
    }

    /// A whole file; `false`: it was cancelled.
    pub fn file(
        &mut self,
        path: &Path,
        cancelled: &dyn Fn() -> bool,
        done: &mut dyn FnMut(u64),
    ) -> io::Result<bool> {
        let mut file = File::open(path)?;
        let mut piece = vec![0; 1 << 20];
        loop {
            if cancelled() {
                return Ok(false);
            }
            match file.read(&mut piece)? {
                0 => return Ok(true),
                n => {
                    self.update(&piece[..n]);
                    done(n as u64);
                }
            }
        }
    }

    pub fn hex(self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect();
        match self {
            Self::Sha256(h) => hex(&h.finalize()),
            Self::Sha1(h) => hex(&h.finalize()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_sha256sum_and_git() {
        let digest = |digest: Digest| {
            let mut hasher = Hasher::of(&digest, 6);
            hasher.update(b"hel");
            hasher.update(b"lo\n");
            hasher.hex()
        };
        // `echo hello | sha256sum` and `echo hello | git hash-object --stdin`
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(digest(Digest::Sha256(String::new())), sha256);
        assert_eq!(digest(Digest::GitSha1(String::new())), "ce013625030ba8dba906f756967f9e9ca394464a");
    }
}
