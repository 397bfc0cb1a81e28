//! `motionlens replay` on the built program: an experiment computes to the same numbers, and what has changed is said.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn motionlens(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_motionlens"));
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        command.env_remove(name);
    }
    command.env("MOTIONLENS_STATE_DIR", std::env::temp_dir()).env("XDG_CACHE_HOME", std::env::temp_dir());
    command.current_dir(folder).args(args).stdin(Stdio::null());
    if args[0] == "analyze" && !args.contains(&"--model") {
        // The one that knows the clips made here.
        command.args(["--model", "shapes"]);
    }
    command.output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Clips of two motions, named a.mp4 and b.mp4.
fn clips(folder: &Path) {
    for (motion, name) in [("moving left steadily", "a.mp4"), ("moving up while spinning", "b.mp4")] {
        let out = folder.join("made");
        let args = ["synth", "made", "--class", motion, "--size", "64", "--frames", "24", "--fps", "24"];
        let made = motionlens(folder, &args);
        assert!(made.status.success(), "{}", stderr(&made));
        let mut files = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().path());
        let clip = files.find(|p| p.extension().is_some_and(|e| e == "mp4")).unwrap();
        std::fs::rename(clip, folder.join(name)).unwrap();
        std::fs::remove_dir_all(out).unwrap();
    }
}

/// An experiment on a.mp4 with frames in another order, something altered, and an α of its own.
fn experiment(folder: &Path) -> PathBuf {
    clips(folder);
    let clip = r#"{"span":{"start":0,"end":900000000},"rule":"segments","order":{"shuffled":{"seed":7}}}"#;
    let surgery = r#"{"gates":[{"block":null,"head":null,"thousandths":500}]}"#;
    let made = motionlens(
        folder,
        &[
            "analyze",
            "a.mp4",
            "--device",
            "cpu",
            "--class",
            "moving left",
            "--class",
            "moving up",
            "--alpha",
            "0.3",
            "--clip",
            clip,
            "--surgery",
            surgery,
            "--experiment",
            "e.json",
        ],
    );
    assert!(made.status.success(), "{}", stderr(&made));
    folder.join("e.json")
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn an_experiment_computes_to_the_same_numbers_and_says_what_has_changed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let file = experiment(folder);
    let e = read(&file);
    assert_eq!((&e["experiment"], &e["clip"]["relative"]), (&1.into(), &"a.mp4".into()));
    assert_eq!(e["scope"]["order"]["shuffled"]["seed"], 7);
    assert!(e["seen"]["embedding"].as_array().unwrap().len() > 8);

    let same = motionlens(folder, &["replay", "e.json"]);
    assert_eq!(same.status.code(), Some(0), "{}", stderr(&same));
    assert!(String::from_utf8_lossy(&same.stdout).starts_with("the same numbers, to the last bit"));
    let same = motionlens(folder, &["replay", "e.json", "--json", "-"]);
    let report: Value = serde_json::from_slice(&same.stdout).unwrap();
    assert_eq!((&report["verdict"], &report["same_clip"]), (&"same".into(), &true.into()));
    assert_eq!(report["max_delta_cosine"], 0.0);

    // Numbers that somebody wrote by hand.
    let mut edited = e.clone();
    let s_pos = edited["seen"]["scores"]["classes"][0]["s_pos"].as_f64().unwrap();
    edited["seen"]["scores"]["classes"][0]["s_pos"] = (s_pos + 0.25).into();
    std::fs::write(folder.join("edited.json"), edited.to_string()).unwrap();
    let other = motionlens(folder, &["replay", "edited.json"]);
    assert_eq!(other.status.code(), Some(1));
    assert!(stderr(&other).contains("cosines by up to 2.50e-1"), "{}", stderr(&other));

    // The same numbers on another device are allowed to differ a little.
    edited["seen"]["scores"]["classes"][0]["s_pos"] = (s_pos + 0.0005).into();
    edited["device"]["name"] = "another one".into();
    std::fs::write(folder.join("device.json"), edited.to_string()).unwrap();
    let close = motionlens(folder, &["replay", "device.json", "--json", "-"]);
    assert_eq!(close.status.code(), Some(0), "{}", stderr(&close));
    let report: Value = serde_json::from_slice(&close.stdout).unwrap();
    assert_eq!((&report["verdict"], &report["same_device"]), (&"close".into(), &false.into()));
    assert!(stderr(&close).contains("another device"));

    // Another clip under the same name.
    std::fs::rename(folder.join("a.mp4"), folder.join("was.mp4")).unwrap();
    std::fs::copy(folder.join("b.mp4"), folder.join("a.mp4")).unwrap();
    let altered = motionlens(folder, &["replay", "e.json"]);
    assert_eq!(altered.status.code(), Some(1));
    assert!(stderr(&altered).contains("the clip was altered; the numbers differ"), "{}", stderr(&altered));

    // None at all, and then where it is now.
    std::fs::remove_file(folder.join("a.mp4")).unwrap();
    let missing = motionlens(folder, &["replay", "e.json"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("--clip VIDEO"), "{}", stderr(&missing));
    let found = motionlens(folder, &["replay", "e.json", "--clip", "was.mp4"]);
    assert_eq!(found.status.code(), Some(0), "{}", stderr(&found));
}

#[test]
fn what_is_no_experiment_or_not_there_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    std::fs::write(folder.join("set.json"), r#"{"version":1,"classes":[]}"#).unwrap();
    std::fs::write(folder.join("new.json"), r#"{"experiment":9}"#).unwrap();
    for (file, code, part) in [
        ("none.json", 2, "none.json"),
        ("set.json", 1, "does not say \"experiment\": 1"),
        ("new.json", 1, "version 9"),
    ] {
        let out = motionlens(folder, &["replay", file]);
        assert_eq!(out.status.code(), Some(code), "{}", stderr(&out));
        assert!(stderr(&out).contains(part), "{}", stderr(&out));
    }
    assert_eq!(motionlens(folder, &["replay"]).status.code(), Some(2));
}

/// Names and bytes of the arrays of an NPZ, by the headers before them.
fn arrays(path: &Path) -> Vec<(String, Vec<u8>)> {
    let bytes = std::fs::read(path).unwrap();
    let (mut at, mut found) = (0, Vec::new());
    while bytes[at..].starts_with(b"PK\x03\x04") {
        let size = u32::from_le_bytes(bytes[at + 18..at + 22].try_into().unwrap()) as usize;
        let name = usize::from(u16::from_le_bytes([bytes[at + 26], bytes[at + 27]]));
        let content = at + 30 + name;
        let words = String::from_utf8(bytes[at + 30..content].to_vec()).unwrap();
        found.push((words, bytes[content..content + size].to_vec()));
        at = content + size;
    }
    // By somebody else's reader, where there is one: names, sizes and checksums.
    if let Ok(out) = Command::new("python3").args(["-m", "zipfile", "-t"]).arg(path).output() {
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && said.contains("Done testing"), "{said}");
    }
    found
}

#[test]
fn figures_tables_arrays_and_videos_are_written_and_a_figure_makes_itself_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    clips(folder);
    let run = |args: &[&str]| motionlens(folder, &[&["analyze", "a.mp4", "--device", "cpu"], args].concat());
    let made = run(&[
        "--class",
        "=moving left",
        "--class",
        "moving up",
        "--count-unknown",
        "--csv",
        "s.csv",
        "--npz",
        "a.npz",
        "--figure",
        "a strip.png",
        "--video-out",
        "o.mp4",
        "--layer",
        "gate",
    ]);
    assert!(made.status.success() && made.stdout.is_empty(), "{}", stderr(&made));
    let table = std::fs::read_to_string(folder.join("s.csv")).unwrap();
    assert!(table.starts_with("class,p,s_pos,s_neg,margin,yes,counts\n'=moving left,"), "{table}");
    let maps = std::fs::read_to_string(folder.join("s-maps.csv")).unwrap();
    assert_eq!(maps.lines().count(), 1 + 8 * 8 * 8);

    let arrays = arrays(&folder.join("a.npz"));
    let header = |name: &str| {
        let (_, bytes) = arrays.iter().find(|(n, _)| n == name).unwrap();
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((&bytes[..8], (10 + length) % 64), (&b"\x93NUMPY\x01\x00"[..], 0), "{name}");
        (String::from_utf8(bytes[10..10 + length].to_vec()).unwrap(), bytes.len() - 10 - length)
    };
    let (motion, bytes) = header("motion.npy");
    assert_eq!(bytes, 4 * 8 * 8 * 8);
    assert!(motion.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (8,8,8,), }"), "{motion}");
    assert_eq!(header("p.npy").1, 2 * 4);
    assert_eq!(header("pts_s.npy").1, 8 * 8);

    let video = motionlens_video(&folder.join("o.mp4"));
    assert_eq!((video.0, video.1, video.2), (64, 64 + 26, 24));

    // The command that the figure names, without anything else.
    let again = motionlens(folder, &["replay", "a strip.png", "--figure", "again.png"]);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    let read = |name: &str| image::open(folder.join(name)).unwrap().to_rgb8();
    let (first, second) = (read("a strip.png"), read("again.png"));
    assert_eq!(first.dimensions(), second.dimensions());
    // The line with the clip and the command differs in the names alone.
    let same = first.pixels().zip(second.pixels()).filter(|(a, b)| a == b).count();
    assert!(same as f64 > 0.99 * (first.width() * first.height()) as f64, "{same}");

    // Where nothing can be written it is said, and nothing is lost.
    std::fs::write(folder.join("kept.csv"), "mine").unwrap();
    let mut locked = std::fs::metadata(folder.join("kept.csv")).unwrap().permissions();
    locked.set_readonly(true);
    std::fs::set_permissions(folder.join("kept.csv"), locked).unwrap();
    for args in [
        ["--csv", "kept.csv"],
        ["--npz", "none/a.npz"],
        ["--figure", "none/a.png"],
        ["--video-out", "none/o.mp4"],
    ] {
        let refused = run(&args);
        assert_eq!(refused.status.code(), Some(1), "{args:?} {}", stderr(&refused));
        assert!(stderr(&refused).contains(args[1]), "{}", stderr(&refused));
    }
    assert_eq!(std::fs::read_to_string(folder.join("kept.csv")).unwrap(), "mine");
    #[cfg(target_os = "linux")]
    assert_eq!(run(&["--npz", "/dev/full"]).status.code(), Some(1));
}

#[test]
fn a_figure_of_the_lanes_makes_itself_again_and_the_table_has_every_span() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    clips(folder);
    let args = [
        "analyze",
        "a.mp4",
        "--device",
        "cpu",
        "--class",
        "moving left",
        "--class",
        "moving up",
        "--lanes",
        "l.png",
        "--lanes-csv",
        "l.csv",
        "--lanes-span-s",
        "0.5",
        "--lanes-hop-s",
        "0.1",
        "--start-s",
        "0.2",
        "--end-s",
        "0.8",
    ];
    let made = motionlens(folder, &args);
    assert!(made.status.success() && made.stdout.is_empty(), "{}", stderr(&made));
    // A second of 24 frames: spans of eight steps of 1/16 s, hops rounded to two of them.
    let table = std::fs::read_to_string(folder.join("l.csv")).unwrap();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    let head = "start_s,end_s,p of moving left,p of moving up,margin of moving left,margin of moving up,cosine of moving left,\
                cosine of moving up,none,motion_mean,motion_99,gate";
    assert_eq!(table.lines().next(), Some(head));
    let number = |row: usize, column: usize| lines[row][column].parse::<f64>().unwrap();
    assert_eq!(lines.len(), 1 + 5, "{table}");
    for row in 1..lines.len() {
        assert!((number(row, 1) - number(row, 0) - 0.5).abs() < 1e-6, "{table}");
        assert!((number(row, 2) + number(row, 3) - 1.0).abs() < 1e-5, "p of all is 1");
        assert!(number(row, 10) >= number(row, 9) && (0.0..=1.0).contains(&number(row, 11)), "{table}");
    }
    assert!((number(1, 0), number(5, 1)) == (0.0, 1.0), "from the start to the end");

    // Each line is what analyze says of that span.
    let grid =
        r#"{"span":{"start":250000000,"end":750000000},"rule":{"grid":{"step":62500000}},"order":"forward"}"#;
    let span = ["--clip", grid, "--json", "-"];
    let one = motionlens(folder, &[&args[..8], &span].concat());
    let one: Value = serde_json::from_slice(&one.stdout).unwrap();
    assert!((one["classes"][0]["p"].as_f64().unwrap() - number(3, 2)).abs() < 1e-4, "{}", one["classes"][0]);

    // The command that stands in the figure, and in its metadata, without anything else; the clip may lie elsewhere.
    let bytes = std::fs::read(folder.join("l.png")).unwrap();
    let said = motionlens::export::figure::text(&bytes, "motionlens:command").unwrap();
    assert_eq!(said, "motionlens replay l.png --figure again.png");
    let words: Vec<&str> = said.split(' ').skip(1).collect();
    let again = motionlens(folder, &words);
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    let read = |name: &str| image::open(folder.join(name)).unwrap().to_rgb8();
    let (first, second) = (read("l.png"), read("again.png"));
    assert_eq!(first.dimensions(), second.dimensions());
    // The last line alone differs: it has the name of the file.
    let (width, above) = (first.width(), first.height() - 16 - 20);
    let differ = (0..width)
        .flat_map(|x| (0..above).map(move |y| (x, y)))
        .find(|(x, y)| first.get_pixel(*x, *y) != second.get_pixel(*x, *y));
    assert_eq!(differ, None);
    // Something is drawn: lines in the colours of both classes.
    for colour in [[0, 114, 178], [204, 62, 62]] {
        assert!(first.pixels().filter(|p| p.0 == colour).count() > 100, "{colour:?}");
    }
    let meta = |name: &str| {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        motionlens::export::figure::text(&bytes, motionlens::export::lanes::SPEC).unwrap()
    };
    assert_eq!(meta("l.png"), meta("again.png"));

    // What a figure says of itself and cannot be read is told.
    let spec = r#"{"length":1}"#;
    let mut bad = image::open(folder.join("l.png")).unwrap().to_rgb8();
    bad.put_pixel(0, 0, image::Rgb([0; 3]));
    write_with(
        &folder.join("bad.png"),
        &bad,
        &[
            (
                "motionlens:experiment",
                &motionlens::export::figure::text(&bytes, "motionlens:experiment").unwrap(),
            ),
            (motionlens::export::lanes::SPEC, spec),
        ],
    );
    let refused = motionlens(folder, &["replay", "bad.png", "--figure", "x.png"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("what its figure shows cannot be read"), "{}", stderr(&refused));
    // Lengths without lanes mean nothing.
    let odd = motionlens(folder, &["analyze", "a.mp4", "--lanes-hop-s", "1"]);
    assert_eq!(odd.status.code(), Some(2), "{}", stderr(&odd));
}

/// A PNG with texts.
fn write_with(path: &Path, picture: &image::RgbImage, texts: &[(&str, &str)]) {
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    for (word, text) in texts {
        encoder.add_itxt_chunk((*word).to_owned(), (*text).to_owned()).unwrap();
    }
    encoder.write_header().unwrap().write_image_data(picture.as_raw()).unwrap();
}

/// Width, height and number of frames.
fn motionlens_video(path: &Path) -> (u32, u32, usize) {
    use motionlens::video::{Cancel, FrameReader, Source};
    let source = Source::open(path, std::sync::Arc::new(|| {}));
    let times = source.frames(&Cancel::default()).unwrap();
    let mut size = (0, 0);
    let mut reader = FrameReader::open(&source, &Cancel::default()).unwrap();
    reader
        .read(&times.times[..1], &Cancel::default(), &mut |_, _| {}, &mut |_, p| size = (p.width, p.height))
        .unwrap();
    (size.0, size.1, times.times.len())
}
