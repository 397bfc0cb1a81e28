//! Broken and odd prompt files: each gives a set or a clear error that names the file, in bounded time.

use motionlens::prompt::set::{MAX_BYTES, MAX_CLASSES};
use motionlens::prompt::{PromptSet, PromptSetError};
use std::path::Path;

const BUNDLED: &str = include_str!("../assets/prompts/moving-shapes.json");

fn load(dir: &Path, bytes: &[u8]) -> Result<PromptSet, PromptSetError> {
    let path = dir.join("prompts.txt");
    std::fs::write(&path, bytes).unwrap();
    let result = PromptSet::load(&path);
    if let Err(error) = &result {
        let message = error.to_string();
        assert!(
            message.contains("prompts.txt") && !message.contains('\n') && message.len() < 1000,
            "{message}"
        );
    }
    result
}

#[test]
fn each_refusal_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let many = (0..=MAX_CLASSES).map(|i| format!("c{i}\n")).collect::<String>();
    let deep = format!("{{\"version\":1,\"classes\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let cases: &[(&[u8], &str)] = &[
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"# only a comment\n", "no names"),
        (b"id,name\n", "no names"),
        (b"run\n\xff\xfejump", "byte 4"),
        (b"\xef\xbb\xbfrun\xc3", "byte 6"),
        (b"\xff\xfer\0u\0n\0", "UTF-16"),
        (b"{", "JSON"),
        (b"{}", "version"),
        (b"{\"version\": null}", "version"),
        (b"{\"version\": 2, \"classes\": []}", "version 2"),
        (b"{\"version\": \"1\", \"classes\": []}", "JSON"),
        (b"{\"version\": -1, \"classes\": []}", "JSON"),
        (b"{\"version\": 1}", "classes"),
        (b"{\"version\": 1, \"classes\": {}}", "sequence"),
        (b"{\"version\": 1, \"classes\": [{\"positive\": []}]}", "name"),
        (b"{\"version\": 1, \"classes\": [{\"name\": \"a\", \"positives\": []}]}", "positives"),
        (b"{\"version\": 1, \"classes\": [{\"name\": 7}]}", "string"),
        (b"{\"version\": 1, \"classes\": [{\"name\": \"a\", \"positive\": \"run\"}]}", "sequence"),
        (b"{\"version\": 1, \"classes\": [], \"templates\": {\"positive\": []}}", "negative"),
        (b"{\"version\": 1, \"classes\": []} trailing", "trailing"),
        (b"[\"run\", 7]", "entry 2"),
        (b"[\"run\", {\"name\": \"jump\"}]", "entry 2"),
        (b"[\"run\", \" \"]", "entry 2"),
        (b"[\"run\", \"jump\", \"run\"]", "entry 1 already"),
        (b"[\"run\", ", "JSON"),
        (b"[]", "no names"),
        (deep.as_bytes(), "JSON"),
        (b"run\njump\nrun\n", "line 3"),
        (b"run\r\njump\r\nrun\r\n", "line 3"),
        (b"id,name\n0,run\nx,jump\n", "line 3"),
        (b"id,name\n0,run\n1,\n", "line 3 has no name"),
        (b"0,run\n1,jump,high\n", "3 field(s)"),
        (b"0,run\n1\n", "1 field(s)"),
        (b"0,run\n1,run\n", "line 1 already"),
        (many.as_bytes(), "10001 classes and at most 10000 are read"),
    ];
    for (bytes, reason) in cases {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
        match load(dir.path(), bytes) {
            Ok(set) => panic!("{shown:?} was read as {} classes", set.classes.len()),
            Err(e) => assert!(e.to_string().contains(reason), "{shown:?}: {e}"),
        }
    }
}

#[test]
fn too_large_missing_or_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prompts.txt");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(MAX_BYTES + 1).unwrap();
    assert!(PromptSet::load(&path).unwrap_err().to_string().contains("larger than 16 MB"));
    let missing = dir.path().join("missing.json");
    assert!(PromptSet::load(&missing).unwrap_err().to_string().contains("missing.json"));
    assert!(PromptSet::load(dir.path()).unwrap_err().to_string().contains("not a file"));
    if Path::new("/dev/zero").exists() {
        assert!(PromptSet::load(Path::new("/dev/zero")).is_err());
    }
}

/// Cut anywhere and with any one byte spoilt: never a panic, and never a set that reads as the whole one.
#[test]
fn damaged_json_is_refused_or_read_as_what_it_says() {
    let whole = PromptSet::from_bytes(BUNDLED.as_bytes()).unwrap();
    let text = BUNDLED.trim_end().as_bytes();
    for length in 0..text.len() {
        assert!(PromptSet::from_bytes(&text[..length]).is_err(), "cut at {length}");
    }
    for i in 0..text.len() {
        let mut spoilt = text.to_vec();
        spoilt[i] ^= 0x80;
        assert!(PromptSet::from_bytes(&spoilt).is_err());
        spoilt[i] = 0;
        assert!(PromptSet::from_bytes(&spoilt).is_err());
    }
    assert_eq!(PromptSet::from_bytes(text).unwrap(), whole);
}

#[test]
fn odd_but_good_files_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let long = "x".repeat(1 << 20);
    let cases: &[(&[u8], usize)] = &[
        (b"one", 1),
        (b"\xef\xbb\xbfone\n", 1),
        (b"{\"version\": 1, \"classes\": []}", 0),
        (b"\r\n\r\n{\"version\":1,\"classes\":[{\"name\":\"\"}]}", 1),
        (b"\0\n<script>\n../../etc/passwd\n", 3),
        (long.as_bytes(), 1),
        ("\u{202e}right to left\n🤸‍♀️\n".as_bytes(), 2),
    ];
    for (bytes, classes) in cases {
        assert_eq!(load(dir.path(), bytes).unwrap().classes.len(), *classes);
    }
}
