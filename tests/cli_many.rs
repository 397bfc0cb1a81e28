//! The built program on many videos at once: nothing is lost when it is killed, shards are parts of the whole, a broken file is told,
//! and every line says what the same clip says alone.

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// With the model that knows the videos made here.
const SHAPES: [&str; 5] = ["analyze", "--device", "cpu", "--model", "shapes"];

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_motionlens"));
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        command.env_remove(name);
    }
    command.env("MOTIONLENS_STATE_DIR", std::env::temp_dir()).env("XDG_CACHE_HOME", std::env::temp_dir());
    command.current_dir(folder).args(args).stdin(Stdio::null());
    command
}

fn analyze(folder: &Path, args: &[&str]) -> Output {
    let all = [&SHAPES[..], args].concat();
    command(folder, &all).output().unwrap()
}

/// `count` videos of half a second and `broken` that are none, in a folder `in`.
fn videos(folder: &Path, count: usize, broken: usize) {
    let synth =
        ["synth", "made", "--class", "moving left steadily", "--size", "64", "--frames", "8", "--fps", "16"];
    let number = count.to_string();
    let made = command(folder, &[&synth[..], &["--count", &number]].concat()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::create_dir(folder.join("in")).unwrap();
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder.join("made"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "mp4"))
        .collect();
    found.sort();
    assert_eq!(found.len(), count);
    for (i, path) in found.iter().enumerate() {
        std::fs::rename(path, folder.join(format!("in/{i:03}.mp4"))).unwrap();
    }
    for i in 0..broken {
        // A head of a real video, then nothing; or no video at all.
        let bytes = std::fs::read(folder.join("in/000.mp4")).unwrap();
        let bytes = if i % 2 == 0 { bytes[..bytes.len() / 3].to_vec() } else { b"not a video".to_vec() };
        std::fs::write(folder.join(format!("in/{:03}-broken.mp4", i * 10)), bytes).unwrap();
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn sixty_videos_survive_a_kill_and_two_halves_are_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    videos(folder, 55, 5);
    let whole = analyze(folder, &["in", "--output", "whole.jsonl"]);
    let stderr = String::from_utf8_lossy(&whole.stderr);
    assert_eq!(whole.status.code(), Some(1), "some failed: {stderr}");
    assert_eq!(stderr.lines().filter(|l| l.contains("failed: ")).count(), 5, "{stderr}");
    assert!(stderr.contains("5 of 60"), "{stderr}");
    let all = lines(&folder.join("whole.jsonl"));
    assert_eq!(all.len(), 60);
    assert_eq!(all.iter().filter(|l| l["error"].is_string()).count(), 5);
    let want = std::fs::read(folder.join("whole.jsonl")).unwrap();

    let begun = ["analyze", "--device", "cpu", "--model", "shapes", "in", "--output", "cut.jsonl"];
    let mut child = command(folder, &begun).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let since = Instant::now();
    let length = || std::fs::metadata(folder.join("cut.jsonl")).map_or(0, |m| m.len());
    while length() < want.len() as u64 / 3 && child.try_wait().unwrap().is_none() {
        assert!(since.elapsed() < Duration::from_secs(120), "nothing is written");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(length() < want.len() as u64, "it was to be killed before its end");
    let refused = analyze(folder, &["in", "--output", "cut.jsonl"]);
    assert_eq!(refused.status.code(), Some(2), "what is there is not written over");
    let resumed = analyze(folder, &["in", "--output", "cut.jsonl", "--resume"]);
    assert_eq!(resumed.status.code(), Some(1));
    assert_eq!(std::fs::read(folder.join("cut.jsonl")).unwrap(), want);
    // With nothing left to do, nothing changes; other settings are another run.
    let again = analyze(folder, &["in", "--output", "cut.jsonl", "--resume"]);
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(told.contains("59 of 60 videos are there already"), "{told}");
    assert_eq!(std::fs::read(folder.join("cut.jsonl")).unwrap(), want);
    let other = analyze(folder, &["in", "--output", "cut.jsonl", "--resume", "--class", "moving up"]);
    assert_eq!(other.status.code(), Some(2));

    let mut parts = Vec::new();
    for part in ["1/2", "2/2"] {
        parts.extend(analyze(folder, &["in", "--shard", part]).stdout);
    }
    assert_eq!(parts, want);
}

/// Numbers of a line and of the same clip alone.
fn same(line: &Value, alone: &Value) {
    for key in ["video", "model", "scope", "frames", "alpha", "none"] {
        assert_eq!(line[key], alone[key], "{key}");
    }
    let classes = |v: &Value| v["classes"].as_array().unwrap().clone();
    assert!(!classes(line).is_empty());
    assert_eq!(classes(line), classes(alone));
}

#[test]
fn a_line_says_what_the_clip_says_alone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    videos(folder, 2, 0);
    let many = analyze(folder, &["in/000.mp4", "in/001.mp4"]);
    assert!(many.status.success(), "{}", String::from_utf8_lossy(&many.stderr));
    for (line, path) in String::from_utf8(many.stdout).unwrap().lines().zip(["in/000.mp4", "in/001.mp4"]) {
        let alone = analyze(folder, &[path, "--json", "-"]);
        same(&serde_json::from_str(line).unwrap(), &serde_json::from_slice(&alone.stdout).unwrap());
    }

    let spans = analyze(folder, &["in/000.mp4", "--span-s", "0.2", "--hop-s", "0.15"]);
    let spans: Vec<Value> =
        String::from_utf8(spans.stdout).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let starts: Vec<f64> = spans.iter().map(|l| l["scope"]["start_s"].as_f64().unwrap()).collect();
    assert_eq!(starts.len(), 3, "{starts:?}");
    assert!(starts.iter().zip([0.0, 0.15, 0.3]).all(|(got, want)| (got - want).abs() < 1e-9), "{starts:?}");
    let alone = analyze(folder, &["in/000.mp4", "--start-s", "0.15", "--end-s", "0.35", "--json", "-"]);
    same(&spans[1], &serde_json::from_slice(&alone.stdout).unwrap());
}

#[test]
fn tables_folders_of_files_and_lists_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    videos(folder, 3, 0);
    let run = |args: &[&str]| {
        let output = analyze(folder, args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let table =
        run(&["in/*.mp4", "--format", "csv", "--class", "moving left steadily", "--class", "left, \"b\""]);
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.unwrap()).collect();
    assert!(rows.len() >= 6 && rows.iter().all(|r| r[13].is_empty()), "{table}");
    let halves = [1, 2].map(|i| {
        run(&[
            "in",
            "--format",
            "csv",
            "--class",
            "moving left steadily",
            "--class",
            "left, \"b\"",
            "--shard",
            &format!("{i}/2"),
        ])
    });
    assert_eq!(halves.concat(), table, "one header, in the first part");

    for format in ["json", "npz"] {
        let output = format!("out-{format}");
        run(&["in", "--format", format, "--output", &output]);
        let index = lines(&folder.join(&output).join("index.jsonl"));
        assert_eq!(index.len(), 3);
        for line in index {
            let file = folder.join(&output).join(line["file"].as_str().unwrap());
            assert!(std::fs::metadata(&file).unwrap().len() > 1000, "{}", file.display());
            assert!(file.extension().is_some_and(|e| e == format));
        }
    }

    std::fs::write(
        folder.join("late.csv"),
        "path,label,start_s,end_s\nin/000.mp4,a,7,8\nin/000.mp4,a,7\nin/000.mp4,a,0.1,0.3\n",
    )
    .unwrap();
    let late = analyze(folder, &["--video-list", "late.csv"]);
    assert_eq!(late.status.code(), Some(1), "a stretch after the end is no clip");
    let stderr = String::from_utf8_lossy(&late.stderr);
    assert_eq!(stderr.matches("from 7 s was named, but the video ends at 0.500 s").count(), 2, "{stderr}");
    assert_eq!(String::from_utf8(late.stdout).unwrap().lines().count(), 3);
}

/// What a shell puts in the place of `<(…)` is `/dev/fd/N`, as `/dev/fd/0` is.
#[cfg(unix)]
#[test]
fn a_list_may_come_through_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    videos(folder, 2, 0);
    let table = "path,label\nin/001.mp4,left\nin/000.mp4,\"a \"\"b\"\"\"\n";
    std::fs::create_dir(folder.join("lists")).unwrap();
    std::fs::write(folder.join("lists/table.csv"), table).unwrap();
    let with = |args: &[&str], stdin: Stdio, text: &str| {
        let mut child = command(folder, &[&SHAPES[..], args].concat())
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(text.as_bytes()).unwrap();
        }
        child.wait_with_output().unwrap()
    };
    for name in ["-", "/dev/stdin", "/dev/fd/0"] {
        let file = || Stdio::from(std::fs::File::open(folder.join("lists/table.csv")).unwrap());
        // A file that the shell opened lies nowhere either.
        for stdin in [Stdio::piped(), file()] {
            let output = with(&["--video-list", name], stdin, table);
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8(output.stdout).unwrap();
            let listed: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
            let told = |l: &Value| [&l["video"]["path"], &l["label"]].map(|v| v.as_str().unwrap().to_owned());
            let told: Vec<_> = listed.iter().map(told).collect();
            assert_eq!(told, [["in/001.mp4", "left"], ["in/000.mp4", "a \"b\""]], "{name}");
        }
    }

    // Names of classes come likewise. A video cannot: it is sought in.
    let names = ["in/000.mp4", "in/001.mp4", "--prompts", "/dev/fd/0", "--format", "csv"];
    let output = with(&names, Stdio::piped(), "moving left\nmoving up\n");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() == 5 && text.contains("moving up"), "{text}");
    let video = with(&["/dev/fd/0"], Stdio::piped(), "");
    let stderr = String::from_utf8_lossy(&video.stderr);
    assert!(video.status.code() == Some(2) && stderr.contains("--video-list"), "{stderr}");
    // One that lies in a folder may have nobody who writes.
    assert!(Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    let waits = analyze(folder, &["--video-list", "pipe"]);
    let stderr = String::from_utf8_lossy(&waits.stderr);
    assert!(waits.status.code() == Some(2) && stderr.contains("no plain file"), "{stderr}");
}

#[test]
fn wrong_usage_of_many_exits_with_two_and_missing_videos_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    std::fs::create_dir(folder.join("empty")).unwrap();
    for (args, code, part) in [
        (&["a.mp4", "b.mp4", "--json", "-"][..], 2, "--json is for one video"),
        (&["a.mp4", "--shard", "3/2"], 2, "1/4"),
        (&["a.mp4", "b.mp4", "--resume"], 2, "--output"),
        (&["a.mp4", "b.mp4", "--format", "npz"], 2, "--output"),
        (&["a.mp4", "b.mp4", "--span-s", "0"], 2, "seconds"),
        (&["empty"], 2, "no video"),
        (&["a.mp4", "b.mp4"], 1, "2 of 2"),
    ] {
        let output = analyze(folder, args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(part) && !stderr.contains("panicked"), "{args:?}: {stderr}");
    }
}
