//! Where the reference data lies that is not part of the repository.

use std::path::{Path, PathBuf};

/// The folder `shared/` beside the checkout (or beside its parent), or where `MOTIONLENS_SHARED` points. `None`,
/// with a message, where there is none: the test that asked then has nothing to compare with.
pub fn shared_dir() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("MOTIONLENS_SHARED").map(PathBuf::from);
    let places = named.into_iter().chain(["../shared", "../../shared"].map(|p| root.join(p)));
    let found = places.into_iter().find(|p| p.join("fixtures").is_dir());
    if found.is_none() {
        eprintln!("skipped: no shared/ folder beside {} and MOTIONLENS_SHARED is not set", root.display());
    }
    found
}
