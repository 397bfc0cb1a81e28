//! `eval zero-shot` and `eval base-to-novel` on miniature data sets in the layouts in which the real ones are handed out: accuracies computed by hand, what is
//! missing and what cannot be decoded, and the same answers as `analyze` gives about the same clips.

use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_motionlens"));
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"] {
        command.env_remove(name);
    }
    command.env("MOTIONLENS_STATE_DIR", std::env::temp_dir()).env("XDG_CACHE_HOME", std::env::temp_dir());
    command.current_dir(folder).args(args).stdin(Stdio::null());
    command
}

fn motionlens(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

/// With the model that knows the clips made here where none is named.
fn eval(folder: &Path, args: &[&str]) -> Output {
    let model: &[&str] = if args.contains(&"--model") { &[] } else { &SHAPES };
    motionlens(folder, &[&["eval", "zero-shot", "--device", "cpu"], args, model].concat())
}

const SHAPES: [&str; 2] = ["--model", "shapes"];

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn report(folder: &Path, args: &[&str]) -> Value {
    let output = eval(folder, &[args, &["--json", "-"]].concat());
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Clips of half a second in which something moves to the left, right, up or down; the model knows them (asserted below).
struct Made {
    folder: PathBuf,
    clips: Vec<(&'static str, Vec<PathBuf>)>,
}

impl Made {
    fn new(folder: &Path) -> Self {
        let ways = ["left", "right", "up", "down"];
        let mut args = vec!["synth", "made", "--size", "64", "--frames", "8", "--fps", "16", "--count", "2"];
        let names = ways.map(|way| format!("moving {way} steadily"));
        names.iter().for_each(|name| args.extend(["--class", name]));
        let made = motionlens(folder, &args);
        assert!(made.status.success(), "{}", stderr(&made));
        let all = String::from_utf8(made.stdout).unwrap();
        let of = |way: &&'static str| {
            let files = all.lines().filter(|line| line.contains(&format!("moving-{way}-")));
            (*way, files.map(|line| folder.join(line)).collect())
        };
        Self { folder: folder.to_owned(), clips: ways.iter().map(of).collect() }
    }

    /// Puts a clip of a way where a data set wants it.
    fn put(&self, way: &str, number: usize, at: &str) {
        let (_, files) = self.clips.iter().find(|(name, _)| *name == way).unwrap();
        let at = self.folder.join(at);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::copy(&files[number], at).unwrap();
    }

    fn write(&self, at: &str, text: &str) {
        let at = self.folder.join(at);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, text).unwrap();
    }
}

/// What the protocol of every report has.
const CONDITIONS: [&str; 7] =
    ["classes_digest", "clips_digest", "frames", "negatives", "preprocess", "templates_digest", "views"];

/// The keys of an object, those of [`CONDITIONS`] first.
fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_by_key(|key| (!CONDITIONS.contains(key), *key));
    keys
}

fn near(got: &Value, want: f64) {
    let got = got.as_f64().unwrap_or(f64::NAN);
    assert!((got - want).abs() < 1e-9, "{got} is not {want}");
}

/// A split's numbers: clips, missing, undecodable, top-1.
fn split(report: &Value, place: usize, [clips, missing, undecodable]: [u64; 3], top1: f64) {
    let split = &report["splits"][place];
    assert_eq!(split["clips"], clips, "{split}");
    assert_eq!(split["missing"], missing, "{split}");
    assert_eq!(split["undecodable"], undecodable, "{split}");
    near(&split["top1"], top1);
}

/// UCF-101 with three classes in three splits: 3 of 4 right, 2 of 2, 1 of 2.
fn ucf(made: &Made) {
    let (l, r, u) = ("MovingLeftSteadily", "MovingRightSteadily", "MovingUpSteadily");
    made.put("left", 0, &format!("ucf/UCF-101/{l}/v_1.avi"));
    made.put("left", 1, &format!("ucf/UCF-101/{l}/v_2.avi"));
    made.put("right", 0, &format!("ucf/UCF-101/{r}/v_1.avi"));
    // What is called right here moves left, so the model is wrong by the lists.
    made.put("left", 0, &format!("ucf/UCF-101/{r}/v_2.avi"));
    made.put("up", 0, &format!("ucf/UCF-101/{u}/v_1.avi"));
    made.write("ucf/ucfTrainTestlist/classInd.txt", &format!("1 {l}\r\n2 {r}\r\n3 {u}\r\n"));
    made.write(
        "ucf/ucfTrainTestlist/testlist01.txt",
        &format!("{l}/v_1.avi\r\n{r}/v_1.avi\r\n{r}/v_2.avi\r\n{u}/v_1.avi\r\n"),
    );
    made.write("ucf/ucfTrainTestlist/testlist02.txt", &format!("{l}/v_2.avi\n{u}/v_1.avi\n{u}/v_9.avi\n"));
    made.write("ucf/ucfTrainTestlist/testlist03.txt", &format!("{l}/v_1.avi\n{r}/v_2.avi\n"));
}

#[test]
fn accuracies_and_deviations_are_those_computed_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let made = Made::new(dir.path());
    ucf(&made);
    let all = report(dir.path(), &["--dataset", "ucf101", "--root", "ucf", "--confusion", "c.png"]);
    split(&all, 0, [4, 0, 0], 75.0);
    split(&all, 1, [2, 1, 0], 100.0);
    split(&all, 2, [2, 0, 0], 50.0);
    near(&all["top1"]["mean"], 75.0);
    // Of 75, 100 and 50, divided by three: √(1250/3).
    near(&all["top1"]["std"], (1250.0_f64 / 3.0).sqrt());
    near(&all["top5"]["mean"], 100.0);
    near(&all["top5"]["std"], 0.0);
    let classes = all["classes"].as_array().unwrap();
    let told: Vec<(&str, u64)> =
        classes.iter().map(|c| (c["name"].as_str().unwrap(), c["clips"].as_u64().unwrap())).collect();
    assert_eq!(told, [("Moving Left Steadily", 3), ("Moving Right Steadily", 3), ("Moving Up Steadily", 2)]);
    near(&classes[0]["top1"], 100.0);
    near(&classes[1]["top1"], 100.0 / 3.0);
    assert_eq!(
        all["missing"],
        json!([{"split": 2, "class": "Moving Up Steadily", "clips": ["UCF-101/MovingUpSteadily/v_9.avi"]}])
    );
    assert_eq!(all["dataset"], "ucf101");
    let protocol = &all["protocol"];
    assert_eq!(
        (&protocol["frames"], &protocol["views"], &protocol["preprocess"]),
        (&json!(8), &json!(1), &json!("clip"))
    );
    assert_eq!((&protocol["splits"], &protocol["negatives"]), (&json!([1, 2, 3]), &json!(true)));
    assert_eq!(keys(protocol), [&CONDITIONS[..], &["splits"]].concat());
    for digest in ["templates_digest", "classes_digest", "clips_digest"] {
        assert_eq!(protocol[digest].as_str().unwrap().len(), 16, "{digest}");
    }
    assert_eq!(all["model"]["head"], "trained");
    let picture = image::open(dir.path().join("c.png")).unwrap();
    assert!(picture.width() > 300 && picture.height() > 100);

    // One split alone says the same of it, and names in one word are other classes.
    let second = report(dir.path(), &["--dataset", "ucf101", "--root", "ucf", "--splits", "3"]);
    assert_eq!(second["splits"], json!([all["splits"][2]]));
    near(&second["top1"]["std"], 0.0);
    let kept = eval(dir.path(), &["--dataset", "ucf101", "--root", "ucf", "--names", "keep", "--json", "-"]);
    assert!(stderr(&kept).contains("none of their words"), "{}", stderr(&kept));
    let kept: Value = serde_json::from_slice(&kept.stdout).unwrap();
    near(&kept["top1"]["mean"], 0.0);
    assert_ne!(kept["protocol"]["classes_digest"], protocol["classes_digest"]);
}

/// Order of the classes for each clip of `analyze`'s lines, best first.
fn orders(lines: &str) -> Vec<Vec<String>> {
    let order = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let classes = line["classes"].as_array().unwrap();
        let number = |c: &Value, key: &str| c[key].as_f64().unwrap_or(0.0);
        let alpha = line["alpha"].as_f64().unwrap();
        // METHOD §6.
        let typed = |c: &Value| c["s_typed"].as_f64().map_or(0.0, |s| (s - number(c, "s_floor")).max(0.0));
        let z = |c: &Value| number(c, "s_pos") - alpha * typed(c);
        let mut all: Vec<(f64, String)> =
            classes.iter().map(|c| (z(c), c["name"].as_str().unwrap().to_owned())).collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        all.into_iter().map(|(_, name)| name).collect()
    };
    lines.lines().map(order).collect()
}

#[test]
fn eval_says_of_a_clip_what_analyze_says() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let made = Made::new(folder);
    // Eight classes, four of them without clips; the labels go round, so that ranks differ.
    let names = ["left", "right", "up", "down"].map(|way| format!("moving {way} steadily"));
    let more = ["left", "right", "up", "down"].map(|way| format!("moving {way} while growing"));
    let ways = ["left", "right", "up", "down"];
    let (mut clips, mut truth) = (Vec::new(), Vec::new());
    for (i, name) in names.iter().enumerate() {
        for (way, number) in [(ways[i], 0), (ways[(i + 1) % 4], 0), (ways[i], 1)] {
            let at = format!("set/{name}/{way}{number}.mp4");
            made.put(way, number, &at);
            clips.push(at);
            truth.push(name.clone());
        }
    }
    for name in &more {
        std::fs::create_dir_all(folder.join("set").join(name)).unwrap();
    }
    let mut all: Vec<&str> = names.iter().chain(&more).map(String::as_str).collect();
    all.sort_unstable();
    let asked: Vec<&str> = all.iter().flat_map(|name| ["--class", *name]).collect();
    let clips: Vec<&str> = clips.iter().map(String::as_str).collect();
    let analyze = |more: &[&str]| {
        let output = motionlens(
            folder,
            &[&["analyze", "--device", "cpu"], &SHAPES[..], &asked[..], more, &clips[..]].concat(),
        );
        assert!(output.status.success(), "{}", stderr(&output));
        orders(&String::from_utf8(output.stdout).unwrap())
    };
    let share = |orders: &[Vec<String>], most: usize| {
        let right = |(order, truth): (&Vec<String>, &String)| order[..most].contains(truth);
        100.0 * orders.iter().zip(&truth).filter(|pair| right(*pair)).count() as f64 / truth.len() as f64
    };
    let vanilla = r#"{"no_motion":true,"no_vision_adapter":true,"no_joint_adapter":true,"no_lifting":true,"no_negatives":true}"#;
    let (own, plain) = (analyze(&[]), analyze(&["--surgery", vanilla, "--alpha", "0"]));
    let got = report(folder, &["--dataset", "folder", "--root", "set"]);
    assert_eq!(got["splits"][0]["clips"], 12);
    near(&got["top1"]["mean"], share(&own, 1));
    near(&got["top5"]["mean"], share(&own, 5));
    near(&got["vanilla_top1"]["mean"], share(&plain, 1));
    // By hand: of each class two clips are of its own motion, which the model names, and one is not.
    near(&got["top1"]["mean"], 200.0 / 3.0);
    let off = report(folder, &["--dataset", "folder", "--root", "set", "--no-negatives"]);
    near(&off["top1"]["mean"], share(&analyze(&["--surgery", r#"{"no_negatives":true}"#]), 1));
    assert_eq!(off["protocol"]["negatives"], false);
    // More views and the other preprocessing look at other numbers; here they name the same motions.
    let views = report(
        folder,
        &["--dataset", "folder", "--root", "set", "--views", "3", "--frames", "16", "--preprocess", "videox"],
    );
    let protocol = &views["protocol"];
    assert_eq!(
        (&protocol["frames"], &protocol["views"], &protocol["preprocess"]),
        (&json!(16), &json!(3), &json!("videox"))
    );
}

#[test]
fn every_layout_is_read_as_it_is_handed_out() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let made = Made::new(folder);
    let (l, r) = ("moving_left_steadily", "moving_right_steadily");
    for (way, class) in [("left", l), ("right", r)] {
        made.put(way, 0, &format!("hmdb/{class}/a.avi"));
        made.put(way, 1, &format!("hmdb/{class}/b.avi"));
        for number in [1, 2, 3] {
            let uses = if number == 2 { "a.avi 1 \nb.avi 2 \n" } else { "a.avi 2 \nb.avi 0 \n" };
            made.write(&format!("hmdb/testTrainMulti_7030_splits/{class}_test_split{number}.txt"), uses);
        }
    }
    let hmdb = report(folder, &["--dataset", "hmdb51", "--root", "hmdb"]);
    for place in 0..3 {
        split(&hmdb, place, [2, 0, 0], 100.0);
    }
    assert_eq!(hmdb["classes"][0], json!({"name": "moving left steadily", "clips": 3, "top1": 100.0}));

    // Two splits with classes of their own; the clip of "up" is in both, in neither the one of a class that no list has.
    let (left, right, up) = ("moving left steadily", "moving right steadily", "moving up steadily");
    made.write(
        "k600/test.csv",
        &format!(
            "label,youtube_id,time_start,time_end,split\r\n{left},abc,3,13,test\r\n{right},-x,0,10,test\r\n{up},up_1,5,15,test\r\n{up},gone,5,15,test\r\nother,o,1,2,test\r\n"
        ),
    );
    made.put("left", 0, &format!("k600/test/{left}/abc_000003_000013.mp4"));
    made.put("up", 0, &format!("k600/test/{right}/-x_000000_000010.mp4"));
    made.put("up", 0, &format!("k600/test/{up}/up_1_000005_000015.mp4"));
    made.write("k600/labels/ZS_split1_K600.csv", &format!("id,name\n0,{left}\n1,{up}\n"));
    made.write("k600/labels/ZS_split2_K600.csv", &format!("id,name\n0,{right}\n1,{up}\n"));
    let k600 = report(folder, &["--dataset", "k600", "--root", "k600", "--splits", "1,2"]);
    split(&k600, 0, [2, 1, 0], 100.0);
    split(&k600, 1, [2, 1, 0], 50.0);
    near(&k600["top1"]["std"], 25.0);
    assert_eq!(k600["classes"].as_array().unwrap().len(), 3);

    made.write(
        "ssv2/labels/labels.json",
        &json!({"Moving left steadily": "0", "Moving right steadily": "1"}).to_string(),
    );
    made.write(
        "ssv2/labels/validation.json",
        &json!([
            {"id": "11", "label": "x", "template": "Moving [left] steadily"},
            {"id": "12", "label": "x", "template": "Moving [right] steadily"}
        ])
        .to_string(),
    );
    made.put("left", 0, "ssv2/11.webm");
    made.put("left", 1, "ssv2/20bn-something-something-v2/12.webm");
    let ssv2 = report(folder, &["--dataset", "ssv2", "--root", "ssv2"]);
    split(&ssv2, 0, [2, 0, 0], 50.0);

    made.put("left", 0, "vifi/videos/a b.mp4");
    made.put("right", 0, "vifi/videos/c.mp4");
    made.write(
        "vifi/labels.csv",
        "\u{feff}id,name\r\n3,\"moving left, steadily\"\r\n7,moving right steadily\r\n",
    );
    made.write("vifi/val1.txt", "videos/a b.mp4 3\r\nvideos/c.mp4 7\r\n");
    made.write("vifi/val2.txt", "videos/c.mp4 3\r\n");
    let lists = ["--labels", "vifi/labels.csv", "--list", "vifi/val1.txt", "--list", "vifi/val2.txt"];
    let vifi = report(folder, &[&["--dataset", "hmdb51", "--root", "vifi"], &lists[..]].concat());
    split(&vifi, 0, [2, 0, 0], 100.0);
    split(&vifi, 1, [1, 0, 0], 0.0);
    near(&vifi["top1"]["std"], 50.0);
    // Through a pipe, which can be read once; it is asked about for both lists.
    if cfg!(unix) {
        let labels = File::open(folder.join("vifi/labels.csv")).unwrap();
        let mut through = Command::new("cat").stdin(labels).stdout(Stdio::piped()).spawn().unwrap();
        let args = [
            "eval",
            "zero-shot",
            "--device",
            "cpu",
            "--dataset",
            "hmdb51",
            "--root",
            "vifi",
            "--model",
            "shapes",
        ];
        let piped = ["--labels", "/dev/fd/0", "--json", "-"];
        let args = [&args[..], &lists[2..], &piped].concat();
        let output = command(folder, &args).stdin(through.stdout.take().unwrap()).output().unwrap();
        through.wait().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), vifi);
    }

    let timed = "path,label,start_s,end_s\r\nvifi/videos/c.mp4,moving right steadily,0.1,0.4\r\nvifi/videos/a b.mp4,\"moving left, steadily\"\r\n";
    made.write("list.csv", timed);
    let listed = report(folder, &["--dataset", "folder", "--root", "list.csv"]);
    split(&listed, 0, [2, 0, 0], 100.0);
}

#[test]
fn a_broken_clip_is_told_and_a_stopped_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let made = Made::new(folder);
    ucf(&made);
    made.write("ucf/UCF-101/MovingUpSteadily/v_1.avi", "not a video");
    let args = ["--dataset", "ucf101", "--root", "ucf", "--json", "r.json", "--resume", "kept"];
    let output = eval(folder, &args);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("1 of 5 clips could not be decoded"), "{}", stderr(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("split 1") && told.contains("Moving Right Steadily"), "{told}");
    let read = || serde_json::from_slice::<Value>(&std::fs::read(folder.join("r.json")).unwrap()).unwrap();
    let first = read();
    split(&first, 0, [3, 0, 1], 200.0 / 3.0);
    split(&first, 1, [1, 1, 1], 100.0);
    split(&first, 2, [2, 0, 0], 50.0);
    assert_eq!(first["undecodable"][0]["clip"], "UCF-101/MovingUpSteadily/v_1.avi");

    // As if it had been killed in the middle of a line; then with the clip mended.
    let kept = std::fs::read_to_string(folder.join("kept")).unwrap();
    assert_eq!(kept.lines().count(), 5, "a header, and the clips that could be decoded: {kept}");
    let half: Vec<&str> = kept.lines().take(3).collect();
    std::fs::write(folder.join("kept"), format!("{}\n{}", half.join("\n"), r#"{"clip":3,"sa"#)).unwrap();
    made.put("up", 0, "ucf/UCF-101/MovingUpSteadily/v_1.avi");
    let again = eval(folder, &args);
    assert!(again.status.success(), "{}", stderr(&again));
    assert!(stderr(&again).contains("2 of 5 clips are done already"), "{}", stderr(&again));
    split(&read(), 0, [4, 0, 0], 75.0);
    let other = eval(folder, &[&args[..], &["--no-negatives"]].concat());
    assert_eq!(other.status.code(), Some(2), "{}", stderr(&other));
    assert!(stderr(&other).contains("another run"), "{}", stderr(&other));
}

#[test]
fn a_file_that_is_not_of_resume_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    ucf(&Made::new(folder));
    let args = ["--dataset", "ucf101", "--root", "ucf", "--splits", "3", "--resume", "kept", "--json", "-"];
    for text in ["a note without an end of the line", "a note\nand its rest"] {
        std::fs::write(folder.join("kept"), text).unwrap();
        let output = eval(folder, &args);
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert_eq!(std::fs::read_to_string(folder.join("kept")).unwrap(), text);
    }
    // A run that was stopped within its first line.
    std::fs::write(folder.join("kept"), r#"{"sett"#).unwrap();
    assert!(eval(folder, &args).status.success());
    let kept = std::fs::read_to_string(folder.join("kept")).unwrap();
    assert!(kept.starts_with("{\"settings\"") && kept.lines().count() == 3, "{kept}");
}

#[test]
fn answers_about_other_files_and_damaged_ones_are_computed_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let made = Made::new(folder);
    ucf(&made);
    let run = || {
        let args =
            ["--dataset", "ucf101", "--root", "ucf", "--splits", "1", "--resume", "kept", "--json", "-"];
        let output = eval(folder, &args);
        assert!(output.status.success(), "{}", stderr(&output));
        (stderr(&output), serde_json::from_slice::<Value>(&output.stdout).unwrap())
    };
    let (_, first) = run();
    split(&first, 0, [4, 0, 0], 75.0);
    // The numbers of classes, of candidates and of splits that there are not.
    let kept = std::fs::read_to_string(folder.join("kept")).unwrap();
    let mut lines: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines[1]["said"][0][0]["best"] = json!(99);
    lines[2]["said"][0].as_array_mut().unwrap().pop();
    lines[3]["said"] = json!([]);
    let damaged: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(folder.join("kept"), damaged).unwrap();
    let (said, again) = run();
    assert!(said.contains("1 of 4 clips are done already"), "{said}");
    assert_eq!(again, first);
    // Another video in the place of one.
    made.put("up", 0, "ucf/UCF-101/MovingLeftSteadily/v_1.avi");
    let (said, other) = run();
    assert!(said.contains("3 of 4 clips are done already"), "{said}");
    split(&other, 0, [4, 0, 0], 50.0);
}

#[test]
fn reports_of_one_protocol_are_compared_and_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let made = Made::new(folder);
    ucf(&made);
    let base = ["--dataset", "ucf101", "--root", "ucf"];
    let a = report(folder, &base);
    let write = |name: &str, report: &Value| std::fs::write(folder.join(name), report.to_string()).unwrap();
    write("a.json", &a);
    // Another model on the same: one clip more of the first split is right.
    let mut better = a.clone();
    better["model"]["name"] = json!("other");
    better["splits"][0]["top1"] = json!(100.0);
    write("unlike.json", &better);
    let answers: Vec<u32> =
        a["splits"][0]["answers"].as_str().unwrap().chars().map(|c| c.to_digit(10).unwrap()).collect();
    assert_eq!(answers.iter().filter(|digit| **digit & 1 == 1).count(), 3, "{answers:?}");
    let all: String = answers.iter().map(|digit| (digit | 1).to_string()).collect();
    better["splits"][0]["answers"] = json!(all);
    write("b.json", &better);
    let compare = |a: &str, b: &str| motionlens(folder, &["eval", "compare", a, b]);
    let output = compare("a.json", "b.json");
    assert!(output.status.success(), "{}", stderr(&output));
    let told = String::from_utf8(output.stdout).unwrap();
    // Split 1: 25 points, of 3/4 and 4/4; the mean over three splits a third of that.
    assert!(told.contains("+25.00") && told.contains("+8.33"), "{told}");
    assert!(compare("a.json", "a.json").status.success());
    let unlike = compare("a.json", "unlike.json");
    assert_eq!(unlike.status.code(), Some(2), "{}", stderr(&unlike));
    assert!(stderr(&unlike).contains("do not go with its answers"), "{}", stderr(&unlike));

    let off = report(folder, &[&base[..], &["--no-negatives", "--splits", "1"]].concat());
    write("off.json", &off);
    let refused = compare("a.json", "off.json");
    assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    for part in ["negative prompts: on and off", "splits: [1, 2, 3] and [1]"] {
        assert!(stderr(&refused).contains(part), "{}", stderr(&refused));
    }
    assert!(refused.stdout.is_empty());
    // The same protocol on fewer clips is not the same either.
    std::fs::remove_file(folder.join("ucf/UCF-101/MovingLeftSteadily/v_2.avi")).unwrap();
    write("fewer.json", &report(folder, &base));
    let refused = compare("a.json", "fewer.json");
    assert!(stderr(&refused).contains("clips of split 2: 2 and 1"), "{}", stderr(&refused));
    let mut empty = a.clone();
    (empty["splits"], empty["protocol"]["splits"]) = (json!([]), json!([]));
    write("empty.json", &empty);
    let refused = compare("empty.json", "empty.json");
    assert_eq!(refused.status.code(), Some(2), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("no splits"), "{}", stderr(&refused));
    for (name, text) in [("bad.json", "{}"), ("none.json", "")] {
        std::fs::write(folder.join(name), text).unwrap();
        assert_eq!(compare("a.json", name).status.code(), Some(2));
    }
    assert_eq!(compare("a.json", "absent.json").status.code(), Some(2));
}

#[test]
fn what_cannot_be_measured_is_said_before_anything_is_computed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let made = Made::new(folder);
    ucf(&made);
    std::fs::create_dir_all(folder.join("empty")).unwrap();
    made.write("t.json", r#"{"positive": ["a video"], "negative": []}"#);
    std::fs::remove_file(folder.join("ucf/ucfTrainTestlist/testlist03.txt")).unwrap();
    made.write("ucf/ucfTrainTestlist/testlist02.txt", "\r\n");
    made.write("gone.csv", "path,label\nnowhere.mp4,moving left steadily\n");
    let many: String = (0..2001).map(|class| format!("one.mp4,class {class},{class}\n")).collect();
    made.write("many.csv", &many);
    made.put("left", 0, "one.mp4");
    let ucf = ["--dataset", "ucf101", "--root"];
    for (args, part) in [
        (&["--dataset", "folder", "--root", "many.csv", "--confusion", "c.png"][..], "at most 2000 classes"),
        (&[&ucf[..], &["ucf", "--splits", "1", "--templates", "empty"]].concat(), "no plain file"),
        (&[&ucf[..], &["nowhere"]].concat(), "nowhere is not there"),
        (&[&ucf[..], &["empty"]].concat(), "--root is the folder that holds UCF-101"),
        (&[&ucf[..], &["ucf"]].concat(), "testlist03.txt"),
        (&[&ucf[..], &["ucf", "--splits", "4"]].concat(), "no split 4"),
        (&[&ucf[..], &["ucf", "--splits", "one"]].concat(), "numbers such as 1,3"),
        (&[&ucf[..], &["ucf", "--splits", "1", "--frames", "12"]].concat(), "multiple of 8"),
        (&[&ucf[..], &["ucf", "--splits", "1", "--templates", "t.json"]].concat(), "\"a video\" has no {}"),
        (&[&ucf[..], &["ucf", "--splits", "1", "--json", "no/r.json"]].concat(), "no is no folder"),
        (&[&ucf[..], &["ucf", "--splits", "1", "--confusion", "empty"]].concat(), "it is a folder"),
        (&[&ucf[..], &["ucf", "--splits", "2"]].concat(), "its list names no clip"),
        (&[&ucf[..], &["ucf", "--labels", "t.json"]].concat(), "--list"),
        (&["--dataset", "folder", "--root", "empty"], "holds no videos"),
        (&["--dataset", "folder", "--root", "gone.csv"], "none of its 1 clips is there"),
        (&["--dataset", "hmdb51", "--root", "ucf"], "testTrainMulti_7030_splits"),
        (&["--dataset", "k600", "--root", "ucf"], "no CSV with the columns"),
        (&["--dataset", "ssv2", "--root", "ucf"], "labels.json"),
    ] {
        let output = eval(folder, args);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(part) && !said.contains("panicked"), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

/// A pipe to which nobody writes would be waited for without an end.
#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    ucf(&Made::new(folder));
    assert!(Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    let base = ["--dataset", "ucf101", "--root", "ucf", "--splits", "1"];
    for more in [&["--templates", "pipe"][..], &["--labels", "pipe", "--list", "pipe"], &["--resume", "pipe"]]
    {
        let output = eval(folder, &[&base[..], more].concat());
        assert!(stderr(&output).contains("no plain file"), "{more:?}: {}", stderr(&output));
    }
    let output = motionlens(folder, &["eval", "compare", "pipe", "pipe"]);
    assert!(stderr(&output).contains("no plain file"), "{}", stderr(&output));
}

/// The class of a way as UCF-101 writes its names.
fn name(way: &str) -> String {
    format!("Moving{}{}Steadily", way[..1].to_uppercase(), &way[1..])
}

/// UCF-101 with four classes. Base: left and right, with three clips for training. What is called down in the test moves up, once.
fn halved(made: &Made) {
    let (mut train, mut test, mut index) = (String::new(), String::new(), String::new());
    for (i, (way, count)) in [("down", 2), ("left", 3), ("right", 3), ("up", 2)].into_iter().enumerate() {
        let class = name(way);
        index += &format!("{} {class}\n", i + 1);
        for clip in 0..count {
            made.put(way, clip % 2, &format!("ucf/UCF-101/{class}/train{clip}.avi"));
            train += &format!("{class}/train{clip}.avi {}\n", i + 1);
        }
        made.put(way, 0, &format!("ucf/UCF-101/{class}/test0.avi"));
        made.put(if way == "down" { "up" } else { way }, 1, &format!("ucf/UCF-101/{class}/test1.avi"));
        test += &format!("{class}/test0.avi\n{class}/test1.avi\n{class}/gone.avi\n");
    }
    made.write("ucf/ucfTrainTestlist/classInd.txt", &index);
    made.write("ucf/ucfTrainTestlist/trainlist01.txt", &train);
    made.write("ucf/ucfTrainTestlist/testlist01.txt", &test);
}

#[test]
fn a_shot_that_cannot_be_decoded_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let made = Made::new(folder);
    halved(&made);
    made.write(&format!("ucf/UCF-101/{}/train1.avi", name("left")), "not a video");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/model");
    let command = "eval base-to-novel --device cpu --dataset ucf101 --root ucf --out heads --cache features --shots 3 --seeds 1 --epochs 1 --json r.json --model";
    let args: Vec<&str> = command.split(' ').chain([model.to_str().unwrap()]).collect();
    let output = motionlens(folder, &args);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("skipped: "), "{}", stderr(&output));
    assert!(stderr(&output).contains("a head on 5 clips of 2 classes"), "{}", stderr(&output));
    let got: Value = serde_json::from_slice(&std::fs::read(folder.join("r.json")).unwrap()).unwrap();
    let seed = &got["seeds"][0];
    assert_eq!(seed["trained_on"], 5);
    assert_eq!(seed["skipped"][0]["clip"], "UCF-101/MovingLeftSteadily/train1.avi");
    assert!(!seed["skipped"][0]["error"].as_str().unwrap().is_empty(), "{seed}");
    assert_eq!(seed["skipped"].as_array().unwrap().len(), 1);
    let card = std::fs::read_to_string(folder.join("heads/seed-1/motionlens.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&card).unwrap()["training"]["stage 2"]["batch"], 5);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("8 frames, 1 view\n") && table.contains(", 1 epoch, "), "{table}");
}

#[test]
fn heads_on_shots_are_measured_on_both_halves() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    let made = Made::new(folder);
    halved(&made);
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/model");
    let model = model.to_str().unwrap();
    let command = [
        "eval",
        "base-to-novel",
        "--device",
        "cpu",
        "--dataset",
        "ucf101",
        "--root",
        "ucf",
        "--model",
        model,
        "--out",
        "heads",
        "--cache",
        "features",
        "--shots",
        "2",
        "--seeds",
        "2",
        "--epochs",
        "3",
        "--json",
        "r.json",
    ];
    let read = || serde_json::from_slice::<Value>(&std::fs::read(folder.join("r.json")).unwrap()).unwrap();
    let output = motionlens(folder, &command);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("harmonic mean"));
    let got = read();
    assert_eq!(keys(&got["protocol"]), [&CONDITIONS[..], &["epochs", "shots"]].concat());
    let classes = |half: usize| got["halves"][half]["classes"].clone();
    assert_eq!(classes(0), json!(["Moving Left Steadily", "Moving Right Steadily"]));
    assert_eq!(classes(1), json!(["Moving Down Steadily", "Moving Up Steadily"]));
    for half in [0, 1] {
        let half = &got["halves"][half];
        assert_eq!(
            (&half["clips"], &half["missing"], &half["undecodable"]),
            (&json!(4), &json!(2), &json!(0))
        );
    }

    // Each head on each half is what `eval zero-shot` says of it; the means are over the seeds.
    made.write("base.csv", "id,name\n0,MovingLeftSteadily\n1,MovingRightSteadily\n");
    made.write("novel.csv", "id,name\n0,MovingDownSteadily\n1,MovingUpSteadily\n");
    let lines = |a: &str, b: &str| {
        let of = |way: &str, id: u32| {
            let class = name(way);
            format!("{class}/test0.avi {id}\n{class}/test1.avi {id}\n")
        };
        of(a, 0) + &of(b, 1)
    };
    made.write("base.txt", &lines("left", "right"));
    made.write("novel.txt", &lines("down", "up"));
    let mut reached = Vec::new();
    for (seed, place) in [("heads/seed-1", 0), ("heads/seed-2", 1)] {
        let half = |half: &str| {
            let (labels, list) = (format!("{half}.csv"), format!("{half}.txt"));
            report(
                folder,
                &[
                    "--dataset",
                    "ucf101",
                    "--root",
                    "ucf/UCF-101",
                    "--labels",
                    &labels,
                    "--list",
                    &list,
                    "--model",
                    seed,
                ],
            )
        };
        let (base, novel) = (half("base"), half("novel"));
        let figure = |r: &Value, key: &str| r[key]["mean"].as_f64().unwrap();
        let (b, n) = (figure(&base, "top1"), figure(&novel, "top1"));
        let told = &got["seeds"][place];
        near(&told["base"], b);
        near(&told["novel"], n);
        let hm = if b + n > 0.0 { 2.0 * b * n / (b + n) } else { 0.0 };
        near(&told["hm"], hm);
        assert_eq!((&told["trained_on"], &told["skipped"]), (&json!(4), &json!([])));
        near(&got["vanilla"]["base"], figure(&base, "vanilla_top1"));
        near(&got["vanilla"]["novel"], figure(&novel, "vanilla_top1"));
        reached.push([b, n, hm]);
    }
    for (i, key) in ["base", "novel", "hm"].into_iter().enumerate() {
        let (first, second) = (reached[0][i], reached[1][i]);
        near(&got[key]["mean"], (first + second) / 2.0);
        near(&got[key]["std"], (first - second).abs() / 2.0);
    }

    // Again: nothing is trained or encoded anew, and the figures are the same.
    let again = motionlens(folder, &command);
    assert!(again.status.success(), "{}", stderr(&again));
    assert!(stderr(&again).contains("8 of 8 clips are done already"), "{}", stderr(&again));
    assert_eq!(read(), got);
    // Heads on classes of other names, or on other videos, are other heads.
    let refused = |more: &[&str]| {
        let output = motionlens(folder, &[&command[..], more].concat());
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains("other settings"), "{}", stderr(&output));
    };
    refused(&["--names", "keep"]);
    made.put("up", 0, "ucf/UCF-101/MovingLeftSteadily/train0.avi");
    made.put("up", 0, "ucf/UCF-101/MovingLeftSteadily/train1.avi");
    made.put("up", 0, "ucf/UCF-101/MovingLeftSteadily/train2.avi");
    refused(&[]);
    for (args, part) in [
        (&["--dataset", "folder", "--root", "ucf", "--model", model][..], "k400, hmdb51, ucf101 or ssv2"),
        (&["--dataset", "ucf101", "--root", "ucf"], "--model"),
        (
            &["--dataset", "ucf101", "--root", "ucf", "--model", model, "--device", "cpu", "--frames", "7"],
            "multiple of",
        ),
        (&["--dataset", "hmdb51", "--root", "ucf", "--model", model], "testTrainMulti_7030_splits"),
    ] {
        let all = [&["eval", "base-to-novel", "--out", "no"], args].concat();
        let output = motionlens(folder, &all);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(part), "{args:?}: {}", stderr(&output));
    }
}
