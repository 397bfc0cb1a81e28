//! The built program without a window: `analyze` and `doctor`, their output, their errors and their exit codes.

mod common;

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const SIDE: u32 = 64;

fn motionlens(args: &[&str]) -> Output {
    motionlens_in(Path::new("."), args)
}

fn motionlens_in(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_motionlens"));
    // No display: a window must never open from a test.
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        command.env_remove(name);
    }
    // Nor may the user's own folders be touched.
    command.env("MOTIONLENS_STATE_DIR", std::env::temp_dir()).env("XDG_CACHE_HOME", std::env::temp_dir());
    command.current_dir(folder).args(args).stdin(Stdio::null()).output().unwrap()
}

/// Runs `analyze` on the CPU with these further arguments; with the model of shapes where they name none.
fn analyze(video: &Path, args: &[&str]) -> Output {
    let mut all = vec!["analyze", video.to_str().unwrap(), "--device", "cpu"];
    if !args.contains(&"--model") {
        all.extend(["--model", "shapes"]);
    }
    all.extend(args);
    motionlens(&all)
}

/// A synthetic clip of one second: 24 frames.
fn clip(dir: &Path) -> PathBuf {
    let (out, side) = (dir.join("clips"), SIDE.to_string());
    let made = motionlens(&[
        "synth",
        out.to_str().unwrap(),
        "--class",
        "moving left steadily",
        "--size",
        &side,
        "--frames",
        "24",
        "--fps",
        "24",
    ]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let files = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().path());
    files.into_iter().find(|p| p.extension().is_some_and(|e| e == "mp4")).unwrap()
}

/// As in the window: a clip of the program brings the model that knows it, and its prompts; any other video has that of people.
#[test]
fn without_a_model_the_clip_chooses_and_the_default_knows_people() {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let dir = tempfile::tempdir().unwrap();
    let own = dir.path().join("own.mp4");
    std::fs::copy(assets.join("people/by-the-plant.mp4"), &own).unwrap();
    let shape = assets.join("clips/moving-right-while-growing.mp4");
    for (video, model, winner) in [
        (&shape, "shapes", "moving right while growing"),
        (&assets.join("people/by-the-plant.mp4"), "people", "falling over"),
        (&own, "people", "falling over"),
    ] {
        let found =
            json(&motionlens(&["analyze", video.to_str().unwrap(), "--device", "cpu", "--json", "-"]));
        assert_eq!(found["model"]["name"], model);
        let classes = found["classes"].as_array().unwrap();
        let p = |class: &Value| class["p"].as_f64().unwrap();
        let best = classes.iter().max_by(|a, b| p(a).total_cmp(&p(b))).unwrap();
        assert_eq!(best["name"], winner);
    }
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// One line that starts with "error: " and holds `part`; nothing on stdout.
fn assert_error(output: &Output, code: i32, part: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(part) && !stderr.contains("panicked"), "{stderr}");
    if code == 1 {
        let errors: Vec<_> = stderr.lines().filter(|l| l.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{stderr}");
        assert_eq!(stderr.lines().last(), errors.last().copied());
    }
    assert!(output.stdout.is_empty());
}

#[test]
fn json_has_the_promised_keys_and_shapes() {
    let dir = tempfile::tempdir().unwrap();
    let video = clip(dir.path());
    let value = json(&analyze(&video, &["--json", "-"]));
    let promised =
        ["video", "model", "device", "scope", "frames", "alpha", "classes", "none", "notes", "maps"];
    assert_eq!(keys(&value), promised.into());
    assert_eq!(keys(&value["scope"]), ["start_s", "end_s", "frames"].into());
    assert_eq!((&value["scope"]["start_s"], &value["scope"]["frames"]), (&0.0.into(), &8.into()));
    assert_eq!(value["scope"]["end_s"], value["video"]["duration_s"], "the whole video");
    assert_eq!(keys(&value["video"]), ["path", "digest", "duration_s", "width", "height"].into());
    assert_eq!(keys(&value["model"]), ["name", "digest", "head"].into());
    assert_eq!(keys(&value["maps"]), ["motion", "static", "gate", "evidence"].into());
    assert_eq!(value["video"]["path"], video.to_str().unwrap());
    assert_eq!(value["video"]["digest"].as_str().unwrap().len(), 32);
    assert_eq!((&value["video"]["width"], &value["video"]["height"]), (&SIDE.into(), &SIDE.into()));
    assert!((value["video"]["duration_s"].as_f64().unwrap() - 1.0).abs() < 0.01);
    assert!(["trained", "untrained"].contains(&value["model"]["head"].as_str().unwrap()));
    assert!(value["device"].as_str().unwrap().contains("CPU"));

    // METHOD §1: of 24 frames, floor(i·24/8 + 24/16) = 1, 4, 7, …, 22.
    let frames: Vec<f64> =
        value["frames"].as_array().unwrap().iter().map(|f| f["pts_s"].as_f64().unwrap()).collect();
    assert_eq!(frames.len(), 8);
    for (i, pts) in frames.iter().enumerate() {
        assert_eq!(keys(&value["frames"][i]), ["pts_s"].into());
        assert!((pts - (3 * i + 1) as f64 / 24.0).abs() < 2e-3, "{frames:?}");
    }

    let classes = value["classes"].as_array().unwrap();
    assert_eq!(classes.len(), 32, "the bundled prompt set");
    let mut sum = 0.0;
    let mut none = 0.0;
    for class in classes {
        let expected = ["name", "s_pos", "s_neg", "s_typed", "s_floor", "margin", "p", "counts", "yes"];
        assert_eq!(keys(class), expected.into());
        assert_eq!((&class["s_typed"], &class["s_floor"]), (&Value::Null, &class["s_neg"]), "none is typed");
        let number = |key: &str| class[key].as_f64().unwrap();
        assert!((number("margin") - (number("s_pos") - number("s_neg"))).abs() < 1e-5);
        sum += number("p");
        none += number("p") * (1.0 - number("yes"));
    }
    assert!((sum - 1.0).abs() < 1e-4);
    assert!((value["none"].as_f64().unwrap() - none).abs() < 1e-4);

    for map in ["motion", "static", "gate", "evidence"] {
        let frames = value["maps"][map].as_array().unwrap();
        assert_eq!(frames.len(), 8, "{map}");
        for rows in frames.iter().map(|f| f.as_array().unwrap()) {
            assert_eq!(rows.len(), 8, "{map}");
            for row in rows.iter().map(|r| r.as_array().unwrap()) {
                assert!(row.len() == 8 && row.iter().all(Value::is_f64), "{map}");
            }
        }
    }
}

#[test]
fn embeddings_explain_the_scores() {
    let dir = tempfile::tempdir().unwrap();
    let video = clip(dir.path());
    let prompts = dir.path().join("prompts.json");
    let set = r#"{"version": 1, "classes": [{"name": "moving left"}, {"name": "still", "positive": ["a still object"],
        "negative": []}, {"name": "nothing", "positive": [], "negative": []}]}"#;
    std::fs::write(&prompts, set).unwrap();
    let out = analyze(&video, &["--prompts", prompts.to_str().unwrap(), "--embeddings", "--json", "-"]);
    let value = json(&out);
    let vector =
        |v: &Value| -> Vec<f64> { v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect() };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let f = vector(&value["video_embedding"]);
    assert!((dot(&f, &f) - 1.0).abs() < 1e-4);
    let [left, still, nothing] = &value["classes"].as_array().unwrap()[..] else { panic!("three classes") };
    for class in [left, still, nothing] {
        let expected = [
            "name", "s_pos", "s_neg", "s_typed", "s_floor", "margin", "p", "counts", "yes", "text_pos",
            "text_neg",
        ];
        assert_eq!(keys(class), expected.into());
    }
    for (class, text, score) in
        [(left, "text_pos", "s_pos"), (left, "text_neg", "s_neg"), (still, "text_pos", "s_pos")]
    {
        let t = vector(&class[text]);
        assert!((dot(&f, &t) - class[score].as_f64().unwrap()).abs() < 1e-5, "{score}");
    }
    assert_eq!(
        (&still["text_neg"], &still["s_neg"], &still["yes"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(
        (&nothing["s_pos"], &nothing["margin"], &nothing["p"]),
        (&Value::Null, &Value::Null, &0.0.into())
    );
}

#[test]
fn classes_of_unknown_words_are_left_out_unless_they_are_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let video = clip(dir.path());
    let names = ["moving left", "ジャンプ", "juggling knives"];
    let classes: Vec<&str> = names.iter().flat_map(|name| ["--class", name]).collect();
    let shares = |more: &[&str]| -> (Vec<(f64, bool)>, String) {
        let out = analyze(&video, &[&classes[..], more].concat());
        let value = json(&out);
        let of = |c: &Value| (c["p"].as_f64().unwrap(), c["counts"].as_bool().unwrap());
        let classes = value["classes"].as_array().unwrap().iter().map(of).collect();
        (classes, String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (left_out, told) = shares(&["--json", "-"]);
    assert_eq!(left_out, [(1.0, true), (0.0, false), (0.0, false)]);
    assert!(told.contains("left out of p") && told.contains("ジャンプ, juggling knives"), "{told}");
    let (counted, told) = shares(&["--json", "-", "--count-unknown"]);
    assert!(counted.iter().all(|(p, counts)| *p > 0.0 && *counts), "{counted:?}");
    assert!(!told.contains("left out"), "{told}");
}

/// To the model they are one and the same row of unknown tokens, which fitted clips better than the right name did.
#[test]
fn a_typed_negative_of_unknown_words_weighs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let video = clip(dir.path());
    let scores = |negatives: &[&str], unknown: bool| {
        let path = dir.path().join("set.json");
        let set = serde_json::json!({ "version": 1, "count_unknown": unknown, "classes": [
            { "name": "moving left steadily", "negative": negatives },
            { "name": "moving up steadily" },
        ] });
        std::fs::write(&path, set.to_string()).unwrap();
        let value = json(&analyze(&video, &["--prompts", path.to_str().unwrap(), "--json", "-"]));
        let class = &value["classes"][0];
        ["p", "yes", "s_neg", "s_typed"].map(|key| class[key].as_f64())
    };
    let known = ["moving right", "not moving left steadily"];
    let with = ["moving right", "not moving left steadily", "elephant", "ジャンプ"];
    assert_eq!(scores(&with, false), scores(&known, false));
    assert_ne!(scores(&with, true), scores(&known, true), "somebody wants them to count");
    let [p, yes, s_neg, s_typed] = scores(&["elephant"], false);
    assert!(p.is_some() && [yes, s_neg, s_typed] == [None; 3], "there is nothing to weigh");
}

#[test]
fn what_is_read_is_never_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let video = clip(dir.path());
    let (before, name) = (std::fs::read(&video).unwrap(), video.to_str().unwrap());
    let prompts = dir.path().join("p.json");
    std::fs::write(&prompts, r#"["moving left"]"#).unwrap();
    let prompts = prompts.to_str().unwrap();
    let link = dir.path().join("link.json");
    std::os::unix::fs::symlink(&video, &link).unwrap();
    for args in [
        ["--video-out", name].as_slice(),
        &["--json", name],
        &["--csv", link.to_str().unwrap()],
        &["--prompts", prompts, "--experiment", prompts],
        &["--json", "one.json", "--npz", "./one.json"],
        &["--csv", "one.csv", "--lanes-csv", "one-maps.csv"],
    ] {
        let out = analyze(&video, args);
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(2), "{args:?}: {told}");
        assert!(told.contains("are one file"), "{told}");
    }
    assert!(std::fs::read(&video).unwrap() == before && !Path::new("one.json").exists());
    assert_eq!(std::fs::read_to_string(prompts).unwrap(), r#"["moving left"]"#);
}

#[test]
fn what_cannot_be_written_is_told_before_the_work() {
    let dir = tempfile::tempdir().unwrap();
    let video = clip(dir.path());
    let none = dir.path().join("none/a.json");
    let file = dir.path().join("a.txt");
    std::fs::write(&file, "mine").unwrap();
    let below = file.join("report");
    for (argument, path) in [("--json", &none), ("--video-out", &none), ("--out", &below)] {
        let out = analyze(&video, &[argument, path.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(1) && told.contains(path.to_str().unwrap()), "{argument}: {told}");
        assert!(!told.contains("scores of"), "{argument}: {told}");
    }
}

/// `motionlens synth --list | head -1`.
#[test]
fn who_reads_no_more_ends_no_list_in_a_panic() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_motionlens"))
        .args(["synth", "--list", "--cast", "all"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && !told.contains("panicked"), "{told}");
}

#[test]
fn a_class_needs_a_name_and_a_word_that_is_no_file_may_have_been_a_command() {
    let dir = tempfile::tempdir().unwrap();
    let out = analyze(&clip(dir.path()), &["--class", " "]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("a class needs a name"));
    let out = motionlens(&["analyse"]);
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(2), "{told}");
    assert!(told.contains("no file analyse") && told.contains("analyze, synth"), "{told}");
}

#[test]
fn a_frame_that_is_not_sampled_has_no_figure() {
    let dir = tempfile::tempdir().unwrap();
    let (video, figure) = (clip(dir.path()), dir.path().join("f.png"));
    let out = analyze(&video, &["--figure", figure.to_str().unwrap(), "--frame", "8"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("0 to 7") && !figure.exists());
}

#[test]
fn a_video_that_is_cut_off_is_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let cut = dir.path().join("cut.mp4");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(clip(dir.path()));
    let made = ffmpeg.args(["-c", "copy", "-movflags", "+faststart"]).arg(&cut).status();
    assert!(made.unwrap().success());
    let whole = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &whole[..whole.len() * 2 / 3]).unwrap();
    let folder = dir.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(&cut, folder.join("cut.mp4")).unwrap();
    for args in [["--json", "-"], ["--format", "jsonl"]] {
        let out = analyze(if args[0] == "--json" { &cut } else { &folder }, &args);
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success() && told.contains("cut off"), "{args:?}: {told}");
        assert!(json(&out)["notes"].to_string().contains("cut off"), "{args:?}");
    }
}

#[test]
fn classes_a_window_and_alpha_are_taken() {
    let dir = tempfile::tempdir().unwrap();
    let video = clip(dir.path());
    let file = dir.path().join("scores.json");
    // One of these negatives fits the clip better than "not moving left", so that it counts.
    let prompts = dir.path().join("prompts.json");
    let ways = r#"["moving left", "moving right", "moving up", "moving down"]"#;
    let set = format!(
        r#"{{"version": 1, "classes": [{{"name": "moving left", "negative": {ways}}}, {{"name": "moving right"}}]}}"#
    );
    std::fs::write(&prompts, set).unwrap();
    let window = ["--start", "0.25", "--end", "0.5", "--prompts", prompts.to_str().unwrap()];
    let mut args = window.to_vec();
    args.extend(["--alpha", "1", "--json", file.to_str().unwrap()]);
    let out = analyze(&video, &args);
    assert!(out.status.success() && out.stdout.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    let value: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let names: Vec<_> =
        value["classes"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["moving left", "moving right"]);
    for frame in value["frames"].as_array().unwrap() {
        let pts = frame["pts_s"].as_f64().unwrap();
        assert!((0.249..=0.501).contains(&pts), "{pts}");
    }
    // α weighs the negatives: with it the probabilities move, the cosines do not.
    let mut args = window.to_vec();
    args.extend(["--alpha", "0", "--json", "-"]);
    let plain = json(&analyze(&video, &args));
    assert_eq!(plain["classes"][0]["s_neg"], value["classes"][0]["s_neg"]);
    assert_ne!(plain["classes"][0]["p"], value["classes"][0]["p"]);
}

#[test]
fn a_table_for_people_and_notes_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let out = analyze(&clip(dir.path()), &["--class", "moving left", "--class", "juggling xylophones"]);
    assert!(out.status.success());
    let (table, notes) = (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.starts_with("class") && table.contains("moving left") && table.contains("(none)"));
    assert!(notes.contains("juggling, xylophones"), "{notes}");
}

/// The folder that a run with `--out` says it has written.
fn report_folder(output: &Output) -> PathBuf {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let line = said.lines().find_map(|l| l.strip_prefix("The report is in "));
    line.unwrap_or_else(|| panic!("{said}")).into()
}

fn files(folder: &Path) -> BTreeSet<String> {
    std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_report_has_a_folder_of_its_own_and_keeps_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let (video, out) = (clip(dir.path()), dir.path().join("chosen"));
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("index.html"), "mine").unwrap();
    let write = || {
        report_folder(&analyze(
            &video,
            &["--class", "<script>alert(1)</script>", "--out", out.to_str().unwrap()],
        ))
    };
    let first = write();
    assert_eq!(std::fs::read(out.join("index.html")).unwrap(), b"mine");
    assert!(first.starts_with(&out) && files(&out).len() == 2, "{:?}", files(&out));
    let mut expected: BTreeSet<String> =
        ["index.html", "scores.json", "prompts.json", "experiment.json", "contact-sheet.png"]
            .map(str::to_owned)
            .into();
    for view in ["input", "motion", "static", "gate", "evidence", "signed"] {
        expected.extend((0..8).map(|t| format!("{view}-{t:02}.png")));
    }
    assert_eq!(files(&first), expected);
    let picture = image::open(first.join("motion-03.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (SIDE, SIDE));
    assert_ne!(
        std::fs::read(first.join("motion-03.png")).unwrap(),
        std::fs::read(first.join("input-03.png")).unwrap()
    );
    let page = std::fs::read_to_string(first.join("index.html")).unwrap();
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"));
    assert!(!page.contains("src=\"http") && page.contains("data:image/png;base64,"));
    assert!(page.contains("Scores of 0.000 s to") && page.contains("8 frames, α 0.25"), "{page}");
    let scores: Value = serde_json::from_slice(&std::fs::read(first.join("scores.json")).unwrap()).unwrap();
    assert_eq!(scores["classes"].as_array().unwrap().len(), 1);

    std::fs::write(first.join("index.html"), "older").unwrap();
    let second = write();
    assert_ne!(second, first);
    assert_eq!(std::fs::read(first.join("index.html")).unwrap(), b"older");

    let blocked = dir.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    assert_error(&analyze(&video, &["--out", blocked.to_str().unwrap()]), 1, "file");
}

/// What a page shows and says, by a parser that takes nothing but well-formed documents.
#[test]
fn the_page_of_a_report_is_well_formed_whatever_it_is_of_and_needs_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let video = dir.path().join("<script>alert('a')</script> \"b\" & c.mp4".replace('/', "∕"));
    std::fs::rename(clip(dir.path()), &video).unwrap();
    let evil = "\"'><script src=x>alert(1)</script>&amp;<img onerror=x> moving left";
    let prompts = dir.path().join("p.json");
    let set = serde_json::json!({ "version": 1, "count_unknown": true, "classes": [
        { "name": evil, "positive": [evil, "moving left", "a square moving left"], "negative": ["</td></table>", "moving right"] },
        { "name": "moving up" },
        { "name": "bare", "positive": ["moving down"], "negative": [] },
    ] });
    std::fs::write(&prompts, set.to_string()).unwrap();
    let out = dir.path().join("out");
    let folder = report_folder(&analyze(
        &video,
        &[
            "--prompts",
            prompts.to_str().unwrap(),
            "--order",
            "reversed",
            "--surgery",
            r#"{"no_attention":true}"#,
            "--lanes-csv",
            dir.path().join("l.csv").to_str().unwrap(),
            "--lanes-span-s",
            "0.5",
            "--out",
            out.to_str().unwrap(),
        ],
    ));
    assert!(["lanes.png", "lanes.csv", "experiment.json"].iter().all(|name| files(&folder).contains(*name)));
    let page = std::fs::read_to_string(folder.join("index.html")).unwrap();
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
    let document = roxmltree::Document::parse_with_options(&page, options).unwrap();
    let all = || document.descendants().filter(|n| n.is_element());
    // No script, nothing from elsewhere, no event handlers.
    let named = |name: &str| all().filter(|n| n.has_tag_name(name)).count();
    assert_eq!(["script", "link", "iframe", "object", "base"].map(named), [0; 5]);
    for element in all() {
        for attribute in element.attributes() {
            assert!(!attribute.name().starts_with("on"), "{attribute:?}");
            let refers = ["src", "href", "srcset", "data", "action"].contains(&attribute.name());
            assert!(!refers || attribute.value().starts_with("data:image/png;base64,"), "{attribute:?}");
        }
    }
    let style: String = all().filter(|n| n.has_tag_name("style")).filter_map(|n| n.text()).collect();
    assert!(!style.contains("url(") && !style.contains("@import"));
    // Every picture is one.
    let pictures: Vec<&str> = all().filter_map(|n| n.attribute("src")).collect();
    assert!(pictures.len() >= 2 + 1 + 6 * 8, "stage, lanes, filmstrip: {}", pictures.len());
    for picture in pictures {
        use base64::Engine as _;
        let bytes = picture.strip_prefix("data:image/png;base64,").unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(bytes).unwrap();
        assert!(image::load_from_memory(&bytes).is_ok());
    }
    // The texts are those that were given, letter by letter.
    let texts: Vec<&str> = all()
        .filter(|n| ["th", "td", "h1"].iter().any(|t| n.has_tag_name(*t)))
        .filter_map(|n| n.text())
        .collect();
    assert!(texts.iter().filter(|t| **t == evil).count() >= 3, "in the scores, as class and as prompt");
    assert!(texts.contains(&"</td></table>") && texts.contains(&video.to_str().unwrap()));
    let headings: Vec<&str> = all().filter(|n| n.has_tag_name("h2")).filter_map(|n| n.text()).collect();
    assert_eq!(
        headings,
        ["Stage", "Scores", "Over time", "Frames and maps", "Prompts", "To compute this again"]
    );
    let words: String = document.descendants().filter_map(|n| n.text()).collect();
    assert!(
        words.contains("altered: ")
            && words.contains(r#""no_attention":true"#)
            && words.contains("\"reversed\"")
    );

    // Each prompt has its cosine; of two prompts what each adds is what p loses without it.
    let row = |prompt: &str| -> Vec<String> {
        let own = |n: &roxmltree::Node<'_, '_>| n.has_tag_name("td") && n.text() == Some(prompt);
        let cells = all().find(own).unwrap().parent().unwrap();
        cells
            .children()
            .filter(|n| n.has_tag_name("td"))
            .map(|n| n.text().unwrap_or_default().to_owned())
            .collect()
    };
    let (left, down) = (row("a square moving left"), row("moving down"));
    assert_eq!((&left[0][..], &down[0][..]), ("+ positive", "+ positive"));
    let cosine: f64 = left[2].parse().unwrap();
    assert!((-1.0..=1.0).contains(&cosine) && left[3].ends_with(" pp"), "{left:?}");
    let (mut fewer, without) = (set.clone(), dir.path().join("w.json"));
    fewer["classes"][0]["positive"].as_array_mut().unwrap().pop();
    std::fs::write(&without, fewer.to_string()).unwrap();
    let scores = |prompts: &Path| -> f64 {
        let said = analyze(
            &video,
            &[
                "--prompts",
                prompts.to_str().unwrap(),
                "--order",
                "reversed",
                "--surgery",
                r#"{"no_attention":true}"#,
                "--json",
                "-",
            ],
        );
        let json: Value = serde_json::from_slice(&said.stdout).unwrap();
        json["classes"][0]["p"].as_f64().unwrap()
    };
    let lost = 100.0 * (scores(&prompts) - scores(&without));
    let adds: f64 = left[3].trim_end_matches(" pp").parse().unwrap();
    assert!((adds - lost).abs() < 0.06, "{adds} and {lost}");

    // The other command of the page.
    let again = Command::new(env!("CARGO_BIN_EXE_motionlens"))
        .current_dir(&folder)
        .args(["replay", "experiment.json"])
        .output()
        .unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
}

/// The command that a report gives is run as a person would run it: in the report's folder, in a shell.
#[cfg(unix)]
#[test]
fn the_command_of_a_report_gives_the_same_scores() {
    let dir = tempfile::tempdir().unwrap();
    let video = dir.path().join("it's $HOME & \"more\" <b>.mp4");
    std::fs::rename(clip(dir.path()), &video).unwrap();
    let prompts = dir.path().join("mine.json");
    let set = r#"{"version": 1, "classes": [{"name": "moving left", "negative": ["a </pre> <b>bold</b> square"]},
        {"name": "still", "positive": ["a still object"], "negative": []}, {"name": "moving up"}]}"#;
    std::fs::write(&prompts, set).unwrap();
    let clip = r#"{"span":{"start":100000000,"end":900000000},"rule":"segments","order":"reversed"}"#;
    let span = ["--start-s", "0.123456789", "--end-s", "0.8", "--alpha", "0.35"];
    let altered = ["--clip", clip, "--surgery", r#"{"no_motion":true}"#];
    let program = Path::new(env!("CARGO_BIN_EXE_motionlens")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    for asked in [&span[..], &altered] {
        let mut args = vec!["--prompts", prompts.to_str().unwrap(), "--out", dir.path().to_str().unwrap()];
        args.extend(asked);
        let folder = report_folder(&analyze(&video, &args));
        let page = std::fs::read_to_string(folder.join("index.html")).unwrap();
        assert!(page.contains("a &lt;/pre&gt; &lt;b&gt;bold"), "prompts are on the page");
        let command = page.split_once("<pre id=\"command\">").unwrap().1.split_once("</pre>").unwrap().0;
        let command = html_escape::decode_html_entities(command);
        assert!(
            command.starts_with("motionlens analyze ") && command.contains("--prompts prompts.json"),
            "{command}"
        );
        let again = Command::new("sh")
            .args(["-c", &format!("{command} --json -")])
            .env("PATH", &path)
            .current_dir(&folder)
            .output()
            .unwrap();
        let (again, before) = (json(&again), std::fs::read(folder.join("scores.json")).unwrap());
        let before: Value = serde_json::from_slice(&before).unwrap();
        for key in ["scope", "frames", "alpha", "classes", "none", "maps"] {
            assert_eq!(again[key], before[key], "{key}");
        }
    }
}

#[test]
fn frames_that_are_far_apart_are_called_so() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("slow");
    let made = motionlens(&[
        "synth",
        out.to_str().unwrap(),
        "--class",
        "moving left steadily",
        "--size",
        "64",
        "--frames",
        "24",
        "--fps",
        "1",
    ]);
    assert!(made.status.success());
    let video = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().path());
    let video = video.into_iter().find(|p| p.extension().is_some_and(|e| e == "mp4")).unwrap();
    let whole = analyze(&video, &["--json", "-"]);
    let said = String::from_utf8_lossy(&whole.stderr).into_owned();
    assert!(said.contains("3.0 s apart: then motion is change of scene"), "{said}");
    assert!(said.contains("scores of 0.000 s to "), "{said}");
    let whole = json(&whole);
    let noted = |value: &Value| value["notes"].to_string().contains("change of scene");
    assert!(noted(&whole) && whole["scope"]["end_s"].as_f64().unwrap() > 22.0, "{whole}");
    let part = json(&analyze(&video, &["--json", "-", "--start-s", "0", "--end-s", "8"]));
    assert!(!noted(&part));
    assert_eq!(part["scope"], serde_json::json!({ "start_s": 0.0, "end_s": 8.0, "frames": 8 }));
}

#[test]
fn scores_of_stillness_are_said_to_mean_little() {
    let dir = tempfile::tempdir().unwrap();
    let video = clip(dir.path());
    for (order, still) in [("forward", false), ("frozen:middle", true)] {
        let out = analyze(&video, &["--json", "-", "--order", order]);
        let noted = json(&out)["notes"].to_string().contains("next to no motion");
        assert_eq!(noted, still, "{order}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_display_the_window_becomes_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let video = clip(dir.path());
    let out = motionlens_in(dir.path(), &[video.to_str().unwrap(), "--device", "cpu"]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.contains("No display") && said.contains("report"), "{said}");
    assert!(report_folder(&out).starts_with("."), "{said}");
    assert!(dir.path().join(report_folder(&out)).join("index.html").is_file());
}

#[test]
fn errors_name_the_file_and_exit_with_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    assert_error(&analyze(&path("missing.mp4"), &[]), 1, "missing.mp4");
    std::fs::write(path("text.mp4"), "not a video").unwrap();
    assert_error(&analyze(&path("text.mp4"), &[]), 1, "text.mp4");

    let video = clip(dir.path());
    std::fs::write(path("prompts.json"), "{\"version\": 9}").unwrap();
    let prompts = path("prompts.json");
    assert_error(&analyze(&video, &["--prompts", prompts.to_str().unwrap()]), 1, "version 9");
    let nowhere = path("no-model");
    assert_error(&analyze(&video, &["--model", nowhere.to_str().unwrap()]), 1, "no-model");
    std::fs::create_dir(path("empty-model")).unwrap();
    assert_error(&analyze(&video, &["--model", path("empty-model").to_str().unwrap()]), 1, "config.json");
    let target = path("no/such/folder.json");
    assert_error(&analyze(&video, &["--json", target.to_str().unwrap()]), 1, "folder.json");
    if Path::new("/dev/full").exists() {
        assert_error(&analyze(&video, &["--json", "/dev/full"]), 1, "/dev/full");
    }
}

#[test]
fn a_stretch_after_the_end_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let video = clip(dir.path());
    for args in [&["--start-s", "7"][..], &["--start-s", "7", "--end-s", "8"]] {
        assert_error(&analyze(&video, args), 1, "from 7 s was named, but the video ends at 1.000 s");
    }
}

#[test]
fn wrong_usage_exits_with_two() {
    for args in [
        &["analyze"][..],
        &["analyze", "a.mp4", "--start", "2", "--end", "1"],
        &["analyze", "a.mp4", "--class", "a", "--prompts", "b"],
        &["analyze", "a.mp4", "--start-s", "2", "--end-s", "1"],
        &["--nonsense"],
    ] {
        assert_error(&motionlens(args), 2, "sage");
    }
    assert_error(&motionlens(&["eval", "synth", "--seeds", "0"]), 2, "1..=1000");
    for argument in ["--alpha", "--start-s", "--end-s"] {
        assert_error(&motionlens(&["analyze", "a.mp4", argument, "-1"]), 2, "at least 0");
    }
    let help = motionlens(&["--help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("analyze"));
}

#[test]
fn doctor_says_what_there_is() {
    let out = motionlens(&["doctor"]);
    assert!(out.status.success());
    let text = String::from_utf8(out.stdout).unwrap();
    for part in [
        "graphics adapters",
        "device that the model runs on",
        "first pass",
        "libavcodec",
        "display\n  none",
        "what is kept between runs",
        "cache of training features",
        "missing",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// No driver, and a home that nobody can write to, root neither: each is told with what helps, and the rest is tried all the same.
#[cfg(target_os = "linux")]
#[test]
fn doctor_says_what_helps_where_much_is_missing() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_motionlens"));
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "HF_HOME", "HF_HUB_CACHE"] {
        command.env_remove(name);
    }
    for name in ["MOTIONLENS_STATE_DIR", "XDG_CACHE_HOME", "XDG_STATE_HOME", "HUGGINGFACE_HUB_CACHE"] {
        command.env_remove(name);
    }
    command.env("HOME", "/proc/self").env("HF_HUB_OFFLINE", "1");
    for name in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
        command.env(name, "/nonexistent");
    }
    let out = command.arg("doctor").stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success());
    let text = String::from_utf8(out.stdout).unwrap();
    let (tried, missing) = text.split_once("\nmissing\n").unwrap();
    for part in ["first pass", "libavcodec", "offline", "by-the-plant.mp4"] {
        assert!(tried.contains(part), "{part}: {text}");
    }
    assert_eq!(tried.matches("cannot be written").count(), 3, "{text}");
    // A machine may have OpenGL besides.
    if tried.contains("graphics adapters\n  none") {
        let driver = missing.lines().any(|line| line.contains("a driver for Vulkan"));
        assert!(driver && tried.contains("wgpu finds no graphics adapter"), "{text}");
    }
    for (place, helps) in [
        ("/proc/self/.cache/huggingface/hub (", "HF_HUB_CACHE names another place"),
        ("/proc/self/.local/state/motionlens (", "MOTIONLENS_STATE_DIR names another place"),
        ("/proc/self/.cache/motionlens (", "train head --cache names another place"),
        ("a display", "xvfb-run"),
    ] {
        let line =
            missing.lines().find(|line| line.contains(place)).unwrap_or_else(|| panic!("{place}: {text}"));
        assert!(line.contains(helps), "{line}");
    }
}

/// What a person tries first, on what the program comes with.
#[test]
fn prompts_on_the_bundled_clips_do_what_a_person_expects() {
    let dir = tempfile::tempdir().unwrap();
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    let set = std::fs::read(assets.join("prompts/moving-shapes.json")).unwrap();
    let set: Value = serde_json::from_slice(&set).unwrap();
    let files = std::fs::read_dir(assets.join("clips")).unwrap().map(|e| e.unwrap().path());
    let clips: Vec<PathBuf> = files.filter(|p| p.extension().is_some_and(|e| e == "mp4")).collect();
    assert!(clips.len() >= 3);
    for clip in clips {
        let truth = std::fs::read(clip.with_extension("json")).unwrap();
        let truth: Value = serde_json::from_slice(&truth).unwrap();
        let name = truth["class"].as_str().unwrap();
        // The winner, and p and yes of the true class, with one more negative typed for it.
        let scores = |added: Option<&str>| -> (String, f64, f64) {
            let mut set = set.clone();
            for class in set["classes"].as_array_mut().unwrap().iter_mut().filter(|c| c["name"] == name) {
                let templates = ["not {}", "an object not {}", "a video of an object not {}"];
                let filled = templates.map(|t| t.replace("{}", name));
                class["negative"] = filled.into_iter().chain(added.map(str::to_owned)).collect();
            }
            let prompts = dir.path().join("prompts.json");
            std::fs::write(&prompts, set.to_string()).unwrap();
            let found = json(&analyze(&clip, &["--json", "-", "--prompts", prompts.to_str().unwrap()]));
            let classes = found["classes"].as_array().unwrap();
            let p = |c: &Value| c["p"].as_f64().unwrap();
            let winner = classes.iter().max_by(|a, b| p(a).total_cmp(&p(b))).unwrap();
            let own = classes.iter().find(|c| c["name"] == name).unwrap();
            (winner["name"].as_str().unwrap().to_owned(), p(own), own["yes"].as_f64().unwrap())
        };
        let before = scores(None);
        assert_eq!(before.0, name);
        let unrelated = scores(Some("moving up while shaking"));
        assert_eq!(unrelated.0, name);
        assert!(
            (unrelated.1 - before.1).abs() < 0.1 && (unrelated.2 - before.2).abs() < 0.1,
            "{unrelated:?}"
        );
        let denied = scores(Some(name));
        assert!(denied.1 < before.1 - 0.1 && denied.2 < before.2 - 0.1, "{name}: {before:?} to {denied:?}");
    }
}

/// The real clip, where it is there: pictures of another shape than the model's, and a real decoder's times.
#[test]
fn a_real_clip_is_analysed() {
    let Some(shared) = common::shared_dir() else { return };
    let video = shared.join("fixtures/video/arm-wrestling.mp4");
    let value = json(&analyze(&video, &["--class", "moving left", "--class", "moving right", "--json", "-"]));
    // Its pixels are not square: 340 columns are shown 427 wide.
    assert_eq!((&value["video"]["width"], &value["video"]["height"]), (&427.into(), &256.into()));
    assert!(
        value["frames"]
            .as_array()
            .unwrap()
            .windows(2)
            .all(|f| f[0]["pts_s"].as_f64() < f[1]["pts_s"].as_f64())
    );
}

/// The command and the window's engine are the same flow: what is altered gives the same numbers in both, and the JSON says
/// what it was.
#[test]
fn what_is_altered_is_scored_as_the_engine_scores_it() {
    use motionlens::device::DeviceChoice;
    use motionlens::engine::{Engine, Event, ModelSource, Question, Rank};
    use motionlens::prompt::PromptSet;
    use motionlens::video::{ClipSpec, Pts, Source, Span};
    use std::sync::Arc;
    use std::time::Duration;

    let dir = tempfile::tempdir().unwrap();
    let path = clip(dir.path());
    let names = ["moving left steadily", "moving right steadily"];
    let engine = Engine::spawn(DeviceChoice::Cpu, None, None, Arc::new(|| {}));
    engine.load_model(ModelSource::Shapes);
    let wait = |pick: &mut dyn FnMut(Event) -> bool| {
        while !pick(engine.wait_event(Duration::from_secs(120)).expect("an event")) {}
    };
    let mut loaded = None;
    wait(&mut |event| {
        if let Event::ModelLoaded { info, device } = event {
            loaded = Some((info, device));
        }
        loaded.is_some()
    });
    let (info, device) = loaded.unwrap();
    let source = Source::open(&path, Arc::new(|| {}));
    let end = source.frames(&Default::default()).unwrap().end;
    let set = PromptSet::from_names(names).or_templates(info.templates.as_ref());
    engine.set_prompts(1, Arc::new(set), None);
    for (order, surgery) in [
        ("reversed", "{}"),
        ("shuffled:3", r#"{"no_joint_adapter":true}"#),
        ("hand:0,0,1,2,3,7,6,5", r#"{"gates":[{"block":null,"head":null,"thousandths":0}]}"#),
        ("forward", r#"{"no_motion":true,"alpha_thousandths":250}"#),
        ("frozen:middle", r#"{"no_negatives":true}"#),
        ("half_rate", r#"{"frozen_pixels":[27,28,35,36],"frozen":[1]}"#),
    ] {
        let args =
            ["--class", names[0], "--class", names[1], "--order", order, "--surgery", surgery, "--json", "-"];
        let told = json(&analyze(&path, &args));
        let question = Question {
            source: source.id().clone(),
            clip: ClipSpec { order: order.parse().unwrap(), ..ClipSpec::segments(Span::new(Pts(0), end)) },
            frames: info.frames,
            model: info.identity.clone(),
            device: device.name.clone(),
            surgery: serde_json::from_str(surgery).unwrap(),
        };
        assert_eq!(told["altered"]["what"], question.altered().unwrap());
        let id = engine.ask(&source, question, Rank::Screen);
        let mut scores = None;
        wait(&mut |event| {
            if let Event::Answered { scored: Some(s), .. } | Event::Scored(s) = event
                && s.question == id
            {
                scores = Some(s.scores);
            }
            scores.is_some()
        });
        for (there, here) in told["classes"].as_array().unwrap().iter().zip(&scores.unwrap().classes) {
            for (key, value) in
                [("p", Some(here.p)), ("s_pos", here.s_pos), ("s_neg", here.s_neg), ("margin", here.margin)]
            {
                match (there[key].as_f64(), value) {
                    (Some(a), Some(b)) => {
                        assert!((a - f64::from(b)).abs() <= 1e-6, "{order} {surgery} {key}")
                    }
                    (a, b) => assert!(a.is_none() && b.is_none(), "{order} {surgery} {key}: {a:?} {b:?}"),
                }
            }
        }
    }
    let bad = analyze(&path, &["--order", "sideways"]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("reversed"), "it says what there is");
}

#[test]
fn the_examination_takes_the_same_surgery() {
    let eval = |args: &[&str]| {
        let mut all = vec![
            "eval",
            "synth",
            "--device",
            "cpu",
            "--seeds",
            "1",
            "--faithfulness",
            "0",
            "--clips-per-class",
            "1",
            "--json",
            "-",
        ];
        all.extend(args);
        json(&motionlens(&all))
    };
    let mean = |report: &Value, figure: &str| report[figure]["mean"].as_f64().unwrap();
    let plain = eval(&[]);
    assert!(plain.get("altered").is_none());
    assert!(mean(&plain, "negative_lowers") > 95.0, "the true motion typed as a negative");
    let reversed = eval(&["--order", "reversed"]);
    assert_eq!(reversed["altered"], "frames reversed");
    // Played backwards twice it is the clip as it was filmed.
    let all =
        (8.0 * mean(&plain, "generalised_unseen_top1") + 24.0 * mean(&plain, "generalised_seen_top1")) / 32.0;
    assert!((mean(&reversed, "reversed_original_top1") - all).abs() < 1e-9);
    assert_eq!(mean(&reversed, "vanilla_seen_top1"), mean(&plain, "vanilla_seen_top1"));
    let off = eval(&["--surgery", r#"{"no_motion":true}"#]);
    assert!(
        mean(&off, "generalised_seen_top1") < mean(&plain, "generalised_seen_top1") - 20.0,
        "motion carries the result"
    );
}

#[test]
fn layers_are_examined_and_what_stands_still_is_stillest_in_the_first() {
    let report = json(&motionlens(&[
        "eval",
        "layers",
        "--device",
        "cpu",
        "--seeds",
        "1",
        "--clips-per-class",
        "1",
        "--json",
        "-",
    ]));
    let layers = report.as_array().unwrap();
    assert_eq!(layers.iter().map(|l| l["layer"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let of = |name: &str| -> Vec<f64> { layers.iter().map(|l| l[name]["mean"].as_f64().unwrap()).collect() };
    assert!(of("motion_auroc").iter().all(|v| (0.9..=1.0).contains(v)), "{report}");
    assert!(of("distractor_ratio").is_sorted(), "it leaks more from layer to layer: {report}");
}

#[test]
fn the_crop_of_one_video_is_that_of_many_and_of_the_experiment() {
    use motionlens::video::{Mp4Writer, RgbImage};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tall.mp4");
    let mut writer = Mp4Writer::create(&path, 64, 128, 16.0, 12).unwrap();
    for frame in 0..16u32 {
        let pixel = |i: u32| {
            let (x, y) = (i % 64, i / 64);
            if (20..40).contains(&x) && (4 + frame..30 + frame).contains(&y) {
                [220, 40, 30]
            } else {
                [40, (y * 2) as u8, 90]
            }
        };
        writer
            .push(&RgbImage { width: 64, height: 128, data: (0..64 * 128).flat_map(pixel).collect() })
            .unwrap();
    }
    writer.finish().unwrap();
    let one = |args: &[&str]| {
        let mut all = vec!["--class", "moving down", "--class", "moving up", "--embeddings", "--json", "-"];
        all.extend(args);
        json(&analyze(&path, &all))
    };
    let plain = one(&[]);
    assert!(plain["scope"].get("crop").is_none());
    for same in ["centre", "0.5"] {
        assert_eq!(one(&["--crop", same])["video_embedding"], plain["video_embedding"], "{same}");
    }
    let mut seen = vec![plain["video_embedding"].clone()];
    for (crop, words) in
        [("letterbox", "letterboxed"), ("0", "crop moved 100% up"), ("0.9", "crop moved 80% down")]
    {
        let experiment = dir.path().join(format!("{crop}.json"));
        let output = analyze(
            &path,
            &[
                "--class",
                "moving down",
                "--class",
                "moving up",
                "--embeddings",
                "--json",
                "-",
                "--crop",
                crop,
                "--experiment",
                experiment.to_str().unwrap(),
            ],
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(&format!("8 frames, {words}")), "{said}");
        let told = json(&output);
        assert_eq!(told["scope"]["crop"], crop);
        assert!(!seen.contains(&told["video_embedding"]), "{crop}: other pixels, other numbers");
        seen.push(told["video_embedding"].clone());
        let many = json(&analyze(
            &path,
            &[
                "--class",
                "moving down",
                "--class",
                "moving up",
                "--embeddings",
                "--format",
                "jsonl",
                "--crop",
                crop,
            ],
        ));
        for key in ["scope", "classes", "video_embedding"] {
            assert_eq!(many[key], told[key], "{crop} {key}");
        }
        let again = motionlens(&["replay", experiment.to_str().unwrap()]);
        assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stderr));
        assert!(String::from_utf8_lossy(&again.stdout).starts_with("the same numbers, to the last bit"));
    }
    let bad = analyze(&path, &["--crop", "left"]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("letterbox"), "it says what there is");
}
