//! The files of a plan, fetched: each goes on where it broke off, is compared with the digest that the hub says, and only then
//! becomes part of the cache.

use super::cache::{CONVERTED, Hasher, blob, incomplete};
use super::http::{Head, Tries, Trouble, shown};
use super::info::{Plan, PlanFile};
use super::{Hub, HubError, HubModel};
use crate::files::write_atomic;
use crate::model::config::ConfigFile;
use crate::model::folder::{self, CONFIG, INDEX};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is being done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// What is there already is compared with its digest.
    Checking,
    Fetching,
    /// Another program fetches the same file.
    Waiting,
}

/// How far a fetch is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress<'a> {
    pub stage: Stage,
    pub file: &'a str,
    /// Bytes of all files.
    pub done: u64,
    pub total: u64,
}

/// A transfer that brings this much has not failed.
const MUCH: u64 = 1 << 20;

/// What everything that is done to one file shares.
struct Job<'a> {
    hub: &'a Hub,
    plan: &'a Plan,
    file: &'a PlanFile,
    /// Bytes of the files before it.
    before: u64,
    cancelled: &'a dyn Fn() -> bool,
    told: &'a mut dyn FnMut(Progress<'_>),
}

impl Hub {
    /// Fetches what is missing of a plan.
    ///
    /// # Errors
    /// There is no room, the network or the disk fails, a file is not what the hub says, or it was cancelled. What has come of a
    /// file is kept, unless it is wrong.
    pub fn fetch(
        &self,
        plan: &Plan,
        cancelled: &dyn Fn() -> bool,
        told: &mut dyn FnMut(Progress<'_>),
    ) -> Result<HubModel, HubError> {
        plan.fits()?;
        let files = plan.folder.join("snapshots").join(plan.commit.as_str());
        for folder in [&plan.folder.join("blobs"), &files] {
            fs::create_dir_all(folder).map_err(io_error(folder))?;
        }
        let mut before = 0;
        for file in &plan.files {
            let mut job = Job { hub: self, plan, file, before, cancelled, told: &mut *told };
            job.run(&files)?;
            self.look_into(plan, file, &files)?;
            before += file.size;
        }
        // Last, so that what it pointed to before is in use until the new one is whole.
        let refs = plan.folder.join("refs");
        let converted = plan.id.revision().is_none() && plan.note.is_some();
        let of_commit = (plan.revision != plan.commit.as_str()).then_some(plan.revision.as_str());
        for name in of_commit.into_iter().chain(converted.then_some(CONVERTED)) {
            let name = refs.join(name);
            let parent = name.parent().unwrap_or(&plan.folder);
            fs::create_dir_all(parent).map_err(io_error(parent))?;
            not_a_link(&name)?;
            write_atomic(&name, plan.commit.as_str().as_bytes()).map_err(io_error(&name))?;
        }
        Ok(HubModel { id: plan.id.clone(), commit: plan.commit.clone(), folder: files })
    }

    /// Small files say whether the large ones are worth fetching.
    fn look_into(&self, plan: &Plan, file: &PlanFile, files: &Path) -> Result<(), HubError> {
        let refuse = |reason| HubError::NotClip { id: plan.id.clone(), reason };
        let path = files.join(&file.name);
        if file.name == CONFIG {
            let bytes = crate::files::read_whole(&path).map_err(io_error(&path))?;
            let config: ConfigFile = serde_json::from_slice(&bytes)
                .map_err(|e| refuse(format!("its {CONFIG} cannot be read: {}", shown(&e.to_string()))))?;
            config.check().map_err(refuse)?;
        } else if file.name == INDEX {
            let shards =
                folder::shards(files).map_err(|reason| refuse(format!("its {INDEX}: {}", shown(&reason))))?;
            if let Some(none) = shards.iter().find(|s| plan.files.iter().all(|f| f.name != **s)) {
                return Err(refuse(format!("its {INDEX} names {}, which it does not have", shown(none))));
            }
        }
        Ok(())
    }
}

impl Job<'_> {
    fn tell(&mut self, stage: Stage, done: u64) {
        let total = self.plan.size();
        (self.told)(Progress { stage, file: &self.file.name, done: self.before + done, total });
    }

    /// Fetches the file where it is not there, and puts it among the `files` of its commit.
    fn run(&mut self, files: &Path) -> Result<(), HubError> {
        // Other programs of the hub hold the same lock.
        let _lock = self.lock()?;
        self.bring()?;
        link(self.plan, self.file, files)
    }

    fn bring(&mut self) -> Result<(), HubError> {
        let (blob, part) = (blob(&self.plan.folder, self.file), incomplete(&self.plan.folder, self.file));
        not_a_link(&part)?;
        if fs::metadata(&blob).is_ok_and(|m| m.len() == self.file.size) && self.has_digest(&blob)? {
            return Ok(());
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&part).map_err(io_error(&part))?;
        let (mut hasher, mut have) = self.so_far(&mut file, &part)?;
        let url = format!(
            "{}/{}/resolve/{}/{}",
            self.hub.endpoint,
            self.plan.id.repo(),
            self.plan.commit.as_str(),
            self.file.name
        );
        let mut tries = Tries::new(self.hub);
        while have < self.file.size {
            let had = have;
            let broke = self.transfer(&url, &part, &mut file, (&mut hasher, &mut have));
            if have >= had.saturating_add(MUCH) {
                tries.refresh();
            }
            match broke {
                Ok(()) => {}
                Err(Trouble::Passing(why, after)) => tries.again(why, after, self.cancelled)?,
                Err(Trouble::Final(error)) => return Err(error),
            }
        }
        file.sync_all().map_err(io_error(&part))?;
        drop(file);
        let found = hasher.hex();
        if found != self.file.digest.hex() {
            fs::remove_file(&part).map_err(io_error(&part))?;
            return Err(self.wrong(self.file.digest.kind(), found, self.file.digest.hex().to_owned()));
        }
        fs::rename(&part, &blob).map_err(io_error(&blob))
    }

    fn lock(&mut self) -> Result<File, HubError> {
        let folder = self.plan.folder.with_file_name(".locks").join(self.plan.id.folder());
        fs::create_dir_all(&folder).map_err(io_error(&folder))?;
        let path = folder.join(format!("{}.lock", self.file.digest.hex()));
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(io_error(&path))?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                // A disk that knows no locks: there is nobody who could hold one.
                Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => return Ok(lock),
                Err(TryLockError::Error(e)) => return Err(io_error(&path)(e)),
                Err(TryLockError::WouldBlock) => self.tell(Stage::Waiting, 0),
            }
            if (self.cancelled)() {
                return Err(HubError::Cancelled);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Whether a whole file is what it is named by; one that is not is removed.
    fn has_digest(&mut self, blob: &Path) -> Result<bool, HubError> {
        let mut hasher = Hasher::of(&self.file.digest, self.file.size);
        self.read_into(&mut hasher, blob)?;
        let right = hasher.hex() == self.file.digest.hex();
        if !right {
            fs::remove_file(blob).map_err(io_error(blob))?;
        }
        Ok(right)
    }

    /// What has come of a file before.
    fn so_far(&mut self, file: &mut File, part: &Path) -> Result<(Hasher, u64), HubError> {
        let mut hasher = Hasher::of(&self.file.digest, self.file.size);
        let mut have = file.metadata().map_err(io_error(part))?.len();
        if have > self.file.size {
            file.set_len(0).map_err(io_error(part))?;
            have = 0;
        }
        if have > 0 {
            self.read_into(&mut hasher, part)?;
        }
        Ok((hasher, have))
    }

    fn read_into(&mut self, hasher: &mut Hasher, path: &Path) -> Result<(), HubError> {
        let (mut read, cancelled) = (0, self.cancelled);
        let whole = hasher.file(path, cancelled, &mut |n| {
            read += n;
            self.tell(Stage::Checking, read);
        });
        match whole.map_err(io_error(path))? {
            true => Ok(()),
            false => Err(HubError::Cancelled),
        }
    }

    /// One transfer, from what there is to the end or to where it breaks.
    fn transfer(
        &mut self,
        url: &str,
        part: &Path,
        file: &mut File,
        (hasher, have): (&mut Hasher, &mut u64),
    ) -> Result<(), Trouble> {
        let (hub, id, cancelled) = (self.hub, &self.plan.id, self.cancelled);
        let what = format!("{} of {id}", self.file.name);
        self.tell(Stage::Fetching, *have);
        let answer = hub.ask(url, *have);
        let broken = |b| hub.broken(id, url, b);
        let head = answer.head(cancelled).map_err(broken)?;
        if head.status == 416 {
            // Nothing can be gone on with; the next try begins anew.
            self.begin_anew(part, file, (hasher, have))?;
            let reason = "it does not go on where it broke off".to_owned();
            return Err(Trouble::Passing(HubError::Answer { what, reason }, None));
        }
        hub.judge(id, &what, &head)?;
        self.agree(&head)?;
        let wrong = |reason: String| Trouble::Final(HubError::Answer { what: what.clone(), reason });
        if *have > 0 && head.status != 206 {
            // A page of something on the way is no reason to throw away what has come.
            if let Some(length) = head.length.filter(|length| *length != self.file.size) {
                return Err(wrong(format!("it has {length} bytes, and not {}", self.file.size)));
            }
            self.begin_anew(part, file, (hasher, have))?;
        }
        let rest = self.file.size - *have;
        if let Some((from, size)) = head.range.filter(|_| head.status == 206)
            && (from, size) != (*have, self.file.size)
        {
            return Err(wrong(format!(
                "it gives bytes from {from} of {size}, asked for from {have} of {}",
                self.file.size
            )));
        }
        if let Some(length) = head.length.filter(|length| *length != rest) {
            return Err(wrong(format!("it has {length} bytes, and {rest} are to come")));
        }
        while let Some(piece) = answer.piece(cancelled).map_err(broken)? {
            if piece.len() as u64 > self.file.size - *have {
                return Err(wrong(format!("it goes on after its {} bytes", self.file.size)));
            }
            file.write_all(&piece).map_err(|e| Trouble::Final(io_error(part)(e)))?;
            hasher.update(&piece);
            *have += piece.len() as u64;
            self.tell(Stage::Fetching, *have);
        }
        match *have < self.file.size {
            true => Err(broken(super::http::Broken::Connection(format!(
                "{have} of {} bytes came",
                self.file.size
            )))),
            false => Ok(()),
        }
    }

    fn begin_anew(
        &self,
        part: &Path,
        file: &mut File,
        (hasher, have): (&mut Hasher, &mut u64),
    ) -> Result<(), HubError> {
        file.set_len(0).map_err(io_error(part))?;
        (*hasher, *have) = (Hasher::of(&self.file.digest, self.file.size), 0);
        Ok(())
    }

    /// What the hub says with a file has to be what it said of it before.
    fn agree(&self, head: &Head) -> Result<(), HubError> {
        let expected = self.file.digest.hex();
        if let Some(etag) = head.etag.as_ref().filter(|etag| *etag != expected) {
            return Err(self.wrong("the digest", shown(etag), expected.to_owned()));
        }
        if let Some(size) = head.size.filter(|size| *size != self.file.size) {
            return Err(self.wrong("the size", size.to_string(), self.file.size.to_string()));
        }
        let asked = self.plan.commit.as_str();
        match head.commit.as_ref().filter(|commit| *commit != asked) {
            Some(commit) => Err(self.wrong("the commit", shown(commit), asked.to_owned())),
            None => Ok(()),
        }
    }

    fn wrong(&self, what: &'static str, found: String, expected: String) -> HubError {
        let said = format!("{what} {found}, but the hub says {expected}");
        HubError::Digest { id: self.plan.id.clone(), file: self.file.name.clone(), said }
    }
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> HubError {
    let path: PathBuf = path.to_owned();
    move |e| HubError::Io { path: path.clone(), reason: e.to_string() }
}

/// What is written here is a file of the cache, whatever somebody else has put in its place.
fn not_a_link(path: &Path) -> Result<(), HubError> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => fs::remove_file(path).map_err(io_error(path)),
        _ => Ok(()),
    }
}

/// Puts a file of the cache into its commit. Under its lock, and in one step: another program may do the same.
fn link(plan: &Plan, file: &PlanFile, files: &Path) -> Result<(), HubError> {
    let (blob, path) = (blob(&plan.folder, file), files.join(&file.name));
    let already = path.canonicalize().is_ok_and(|to| blob.canonicalize().is_ok_and(|blob| blob == to));
    if already {
        return Ok(());
    }
    let new = files.join(format!(".{}.{}", file.name, std::process::id()));
    let _ = fs::remove_file(&new);
    #[cfg(unix)]
    let linked = std::os::unix::fs::symlink(Path::new("../../blobs").join(file.digest.hex()), &new);
    // Links need rights there that most people do not have; a second name does not.
    #[cfg(not(unix))]
    let linked = fs::hard_link(&blob, &new);
    // A disk that knows no links.
    linked.or_else(|_| fs::copy(&blob, &new).map(|_| ())).map_err(io_error(&new))?;
    fs::rename(&new, &path).map_err(io_error(&path))
}
