//! A hub on loopback: the answers of the real one's addresses that the program asks for, and a second address that files come from,
//! as the hub's storage does. It can be told to answer badly.
#![allow(dead_code, reason = "not every test that shares it uses all of it")]

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub const PULL: &str = "89abcdef0123456789abcdef0123456789abcdef";
pub const ID: &str = "someone/tiny-clip";
/// Another name of the same.
pub const STOCK: &str = "openai/clip-vit-base-patch32";

/// How what is asked of it goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A file's transfer is cut after so many bytes, so many times.
    Cut { after: usize, times: u32 },
    /// The first byte of large files is another.
    Altered,
    /// Large files are said to be longer than they are, and then broken off.
    LongLength,
    /// Large files come without length and do not end.
    Endless,
    /// The bytes of a file come from its beginning, whatever is asked for.
    NoRanges,
    /// A page of something on the way, in place of a file.
    Page,
    /// Answers with a range say another one.
    OtherRange,
    /// This status so many times, to questions (true) or for large files.
    Status { code: u16, times: u32, questions: bool },
    /// The head of a redirection says another digest.
    OtherEtag,
    /// Large files come to a halt after this many bytes, and nothing follows.
    Halt { after: usize },
    /// Redirections lead in a circle.
    Circle,
    /// This in place of what it says of a model.
    Info(Vec<u8>),
    /// An answer to a question that does not end.
    EndlessInfo,
    /// Large files come slowly: so many bytes every 20 ms.
    Slow { bytes: usize },
}

/// One question that came.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub path: String,
    pub range: Option<String>,
    pub token: Option<String>,
    /// It came to the storage, not to the hub.
    pub storage: bool,
}

struct State {
    /// Files of each commit.
    commits: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// Branches and pull requests.
    refs: BTreeMap<String, String>,
    licence: Option<&'static str>,
    /// Only with a token.
    gated: bool,
    fault: Option<Fault>,
    asked: Vec<Asked>,
}

pub struct HubServer {
    pub endpoint: String,
    state: Arc<Mutex<State>>,
    closed: Arc<AtomicBool>,
    addresses: [std::net::SocketAddr; 2],
}

/// The embedded model's CLIP, as the files of a repository.
pub fn tiny_clip() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/model");
    let read = |file: &str| (file.to_owned(), std::fs::read(folder.join(file)).unwrap());
    let mut files: BTreeMap<_, _> =
        ["config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"].map(read).into();
    files.insert("README.md".to_owned(), b"nobody needs it".to_vec());
    files
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

pub fn git_sha1(bytes: &[u8]) -> String {
    let digest = Sha1::new().chain_update(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize();
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

pub fn is_large(file: &str) -> bool {
    [".safetensors", ".bin"].iter().any(|end| file.ends_with(end))
}

impl HubServer {
    /// A hub with one model, [`ID`].
    pub fn start(files: BTreeMap<String, Vec<u8>>) -> Self {
        let state = Arc::new(Mutex::new(State {
            commits: [(COMMIT.to_owned(), files)].into(),
            refs: [("main".to_owned(), COMMIT.to_owned())].into(),
            licence: Some("mit"),
            gated: false,
            fault: None,
            asked: Vec::new(),
        }));
        let closed = Arc::new(AtomicBool::new(false));
        let [hub, storage] = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let addresses = [&hub, &storage].map(|l| l.local_addr().unwrap());
        for (listener, is_storage) in [(hub, false), (storage, true)] {
            let (state, closed) = (state.clone(), closed.clone());
            let storage = format!("http://{}", addresses[1]);
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if closed.load(Ordering::Relaxed) {
                        return;
                    }
                    let (state, storage, closed) = (state.clone(), storage.clone(), closed.clone());
                    std::thread::spawn(move || {
                        // Whoever asked may go away at any moment.
                        let _ = stream.and_then(|s| serve(s, &state, is_storage, &storage, &closed));
                    });
                }
            });
        }
        Self { endpoint: format!("http://{}", addresses[0]), state, closed, addresses }
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap())
    }

    pub fn fault(&self, fault: impl Into<Option<Fault>>) {
        self.with(|s| s.fault = fault.into());
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.with(|s| s.asked.clone())
    }

    pub fn forget(&self) {
        self.with(|s| s.asked.clear());
    }

    pub fn licence(&self, licence: Option<&'static str>) {
        self.with(|s| s.licence = licence);
    }

    pub fn gate(&self) {
        self.with(|s| s.gated = true);
    }

    /// The converter's pull request, with these files.
    pub fn convert(&self, files: BTreeMap<String, Vec<u8>>) {
        self.with(|s| {
            s.commits.insert(PULL.to_owned(), files);
            s.refs.insert("refs/pr/7".to_owned(), PULL.to_owned());
        });
    }

    /// What the hub says of the model.
    pub fn info(&self) -> Value {
        self.with(|s| info(s, COMMIT))
    }

    /// Variables for the program, with this folder as the cache.
    pub fn variables(&self, cache: &Path) -> Vec<(&'static str, String)> {
        vec![
            ("HF_ENDPOINT", self.endpoint.clone()),
            ("HF_HUB_CACHE", cache.display().to_string()),
            ("HF_HOME", cache.join("home").display().to_string()),
            ("NO_PROXY", "127.0.0.1".to_owned()),
        ]
    }
}

impl Drop for HubServer {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        for address in self.addresses {
            // Wakes the listener, which then sees that it is closed.
            let _ = TcpStream::connect(address);
        }
    }
}

fn info(s: &State, commit: &str) -> Value {
    let files = &s.commits[commit];
    let siblings: Vec<Value> = files
        .iter()
        .map(|(name, content)| {
            let mut file = json!({"rfilename": name, "size": content.len(), "blobId": git_sha1(content)});
            if is_large(name) {
                file["lfs"] = json!({"sha256": sha256(content), "size": content.len(), "pointerSize": 134});
            }
            file
        })
        .collect();
    let config: Value =
        files.get("config.json").and_then(|c| serde_json::from_slice(c).ok()).unwrap_or_default();
    let card = s.licence.map(|licence| json!({"license": licence, "tags": ["vision"]}));
    json!({
        "id": ID, "sha": commit, "private": false, "gated": false, "siblings": siblings, "cardData": card,
        "tags": ["transformers", "clip"], "config": {"model_type": config["model_type"], "architectures": ["CLIPModel"]},
    })
}

struct Request {
    path: String,
    range: Option<String>,
    token: Option<String>,
}

fn request(stream: &TcpStream) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or("/").to_owned();
    let (mut range, mut token) = (None, None);
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ") {
            match name.to_ascii_lowercase().as_str() {
                "range" => range = Some(value.to_owned()),
                "authorization" => token = Some(value.to_owned()),
                _ => {}
            }
        }
    }
    Ok(Request { path, range, token })
}

fn serve(
    mut stream: TcpStream,
    state: &Mutex<State>,
    storage: bool,
    storage_address: &str,
    closed: &AtomicBool,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let Request { path, range, token } = request(&stream)?;
    // It has one model, under two names.
    let path = path.replace(STOCK, ID);
    let fault = {
        let mut s = state.lock().unwrap();
        s.asked.push(Asked { path: path.clone(), range: range.clone(), token: token.clone(), storage });
        let fault = s.fault.clone();
        // What goes wrong so many times goes right after that.
        let counts = storage
            && matches!(s.fault, Some(Fault::Cut { .. } | Fault::Status { questions: false, .. }))
            || !storage
                && path.starts_with("/api/")
                && matches!(s.fault, Some(Fault::Status { questions: true, .. }));
        if counts {
            match &mut s.fault {
                Some(Fault::Cut { times, .. } | Fault::Status { times, .. }) if *times > 1 => *times -= 1,
                _ => s.fault = None,
            }
        }
        fault
    };
    let questions = path.starts_with("/api/models/");
    if let Some(Fault::Status { code, questions: of, .. }) = fault
        && (of && questions || !of && storage)
    {
        return head(&mut stream, code, &[("retry-after", "0".to_owned())], b"");
    }
    if storage {
        return send_blob(stream, state, &path, range, fault, closed);
    }
    let (commits, gated) = {
        let s = state.lock().unwrap();
        (s.refs.clone(), s.gated && token.is_none())
    };
    if gated {
        return head(&mut stream, 401, &[("x-error-code", "GatedRepo".to_owned())], b"");
    }
    if let Some(rest) = path.strip_prefix(&format!("/api/models/{ID}/")) {
        if rest.starts_with("discussions") {
            let list = commits.keys().filter_map(|r| r.strip_prefix("refs/pr/")?.parse::<u64>().ok()).map(|n| {
                json!({"num": n, "title": "Adding `safetensors` variant of this model", "isPullRequest": true,
                       "author": {"name": "SFconvertbot"}, "status": "open"})
            });
            // Anybody can open one.
            let other = json!({"num": 99, "title": "Adding `safetensors` variant of this model", "isPullRequest": true,
                               "author": {"name": "mallory"}, "status": "open"});
            let list: Vec<Value> = list.chain([other]).collect();
            return head(
                &mut stream,
                200,
                &[],
                json!({"discussions": list, "count": 2}).to_string().as_bytes(),
            );
        }
        match fault {
            Some(Fault::Info(bytes)) => return head(&mut stream, 200, &[], &bytes),
            Some(Fault::EndlessInfo) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[")?;
                while !closed.load(Ordering::Relaxed) {
                    stream.write_all(&[b' '; 65536])?;
                }
                return Ok(());
            }
            _ => {}
        }
        let named = rest.strip_prefix("revision/").and_then(|r| r.strip_suffix("?blobs=true"));
        let named = named.map(|r| r.replace("%2F", "/"));
        let s = state.lock().unwrap();
        let commit =
            named.and_then(|r| if s.commits.contains_key(&r) { Some(r) } else { commits.get(&r).cloned() });
        return match commit {
            Some(commit) => head(&mut stream, 200, &[], info(&s, &commit).to_string().as_bytes()),
            None => head(&mut stream, 404, &[("x-error-code", "RevisionNotFound".to_owned())], b"{}"),
        };
    }
    if let Some(rest) = path.strip_prefix(&format!("/{ID}/resolve/")) {
        let (commit, name) = rest.split_once('/').unwrap_or_default();
        let s = state.lock().unwrap();
        let Some(content) = s.commits.get(commit).and_then(|files| files.get(name)) else {
            return head(&mut stream, 404, &[], b"");
        };
        let etag = if is_large(name) { sha256(content) } else { git_sha1(content) };
        let etag = if fault == Some(Fault::OtherEtag) && is_large(name) { "0".repeat(64) } else { etag };
        let to = match (is_large(name), &fault) {
            (true, Some(Fault::Circle)) => path.clone(),
            (true, _) => format!("{storage_address}/{}?signature=x", sha256(content)),
            // The real one leads small files on to itself.
            (false, _) => format!("/api/resolve-cache/{commit}/{name}"),
        };
        let linked = [
            ("location", to),
            ("x-linked-etag", format!("\"{etag}\"")),
            ("x-linked-size", content.len().to_string()),
            ("x-repo-commit", commit.to_owned()),
        ];
        return head(&mut stream, 302, &linked, b"");
    }
    if let Some(rest) = path.strip_prefix("/api/resolve-cache/") {
        let (commit, name) = rest.split_once('/').unwrap_or_default();
        let s = state.lock().unwrap();
        return head(&mut stream, 200, &[], &s.commits[commit][name]);
    }
    head(&mut stream, 401, &[("x-error-code", "RepoNotFound".to_owned())], b"{}")
}

fn head(stream: &mut TcpStream, code: u16, headers: &[(&str, String)], body: &[u8]) -> std::io::Result<()> {
    let mut text = format!("HTTP/1.1 {code} Said\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    stream.write_all(text.as_bytes())?;
    stream.write_all(b"\r\n")?;
    stream.write_all(body)
}

fn send_blob(
    mut stream: TcpStream,
    state: &Mutex<State>,
    path: &str,
    range: Option<String>,
    fault: Option<Fault>,
    closed: &AtomicBool,
) -> std::io::Result<()> {
    let digest = path.trim_start_matches('/').split('?').next().unwrap_or_default().to_owned();
    let content = {
        let s = state.lock().unwrap();
        s.commits.values().flat_map(|files| files.values()).find(|c| sha256(c) == digest).cloned()
    };
    let Some(mut content) = content else { return head(&mut stream, 404, &[], b"") };
    let size = content.len();
    let from = range.and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let from = from.filter(|_| fault != Some(Fault::NoRanges));
    if fault == Some(Fault::Altered) {
        content[0] ^= 1;
    }
    if fault == Some(Fault::Page) {
        return head(&mut stream, 200, &[], b"Please sign in.");
    }
    let mut text = match from {
        Some(from) if from >= size => return head(&mut stream, 416, &[], b""),
        Some(from) => {
            let said = if fault == Some(Fault::OtherRange) { from + 1 } else { from };
            content.drain(..from);
            format!("HTTP/1.1 206 Part\r\ncontent-range: bytes {said}-{}/{size}\r\n", size - 1)
        }
        None => "HTTP/1.1 200 OK\r\n".to_owned(),
    };
    text += "connection: close\r\n";
    match fault {
        Some(Fault::Endless) => {}
        Some(Fault::LongLength) => text += &format!("content-length: {}\r\n", content.len() + 100),
        _ => text += &format!("content-length: {}\r\n", content.len()),
    }
    stream.write_all(text.as_bytes())?;
    stream.write_all(b"\r\n")?;
    match fault {
        Some(Fault::Cut { after, .. }) => stream.write_all(&content[..after.min(content.len())]),
        Some(Fault::Halt { after }) => {
            stream.write_all(&content[..after.min(content.len())])?;
            while !closed.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
        Some(Fault::Slow { bytes }) => {
            for piece in content.chunks(bytes) {
                if closed.load(Ordering::Relaxed) {
                    break;
                }
                stream.write_all(piece)?;
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(())
        }
        Some(Fault::Endless) => {
            stream.write_all(&content)?;
            while !closed.load(Ordering::Relaxed) {
                stream.write_all(&[0; 65536])?;
            }
            Ok(())
        }
        _ => stream.write_all(&content),
    }
}
