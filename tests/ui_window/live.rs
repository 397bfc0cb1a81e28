//! The window on a real player, a real engine and a bundled clip: nothing is told to it, everything is waited for.

use egui_kittest::kittest::Queryable;
use motionlens::device::DeviceChoice;
use motionlens::export::Form;
use motionlens::session::ModelSource;
use motionlens::ui::bundled;
use motionlens::ui::edit::PromptEdit;
use motionlens::ui::intent::Intent;
use motionlens::ui::messages::Kind;
use motionlens::ui::panes::Pane;
use motionlens::ui::state::{State, clock};
use motionlens::ui::window::{WindowOptions, start};
use motionlens::video::Pts;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

type Window = super::support::Window;

/// The bundled clips, by name.
pub fn clips() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/clips");
    let mut clips: Vec<_> = std::fs::read_dir(folder)
        .expect("bundled clips")
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "mp4"))
        .collect();
    clips.sort();
    clips
}

fn clip() -> PathBuf {
    clips().swap_remove(0)
}

/// The window on a video: a bundled clip brings its model, any other has that of shapes.
pub fn open(video: PathBuf, wgpu: bool) -> Window {
    let builder = egui_kittest::Harness::builder().with_size([1280.0, 800.0]).with_step_dt(0.02);
    let builder = if wgpu { builder.renderer(super::support::renderer()) } else { builder };
    let bundled = bundled::cast_of(&bundled::clips(), &video).is_some();
    let model = (!bundled).then_some(ModelSource::Shapes);
    let options =
        WindowOptions { video: Some(video), model, device: DeviceChoice::Cpu, ..Default::default() };
    builder.build_eframe(|cc| start(cc, options))
}

/// Draws until `done`; the limit is for a hung test, not a measure.
#[track_caller]
pub fn wait(h: &mut Window, what: &str, done: impl Fn(&State) -> bool) {
    let limit = Instant::now() + Duration::from_secs(120);
    while !done(h.state().state()) {
        assert!(Instant::now() < limit, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
        h.step();
    }
    h.step();
}

pub fn scored(s: &State) -> bool {
    s.scores().is_some() && s.scores_fresh() && !s.is_stale()
}

#[test]
fn a_clip_opens_is_analysed_and_prompts_move_the_scores_without_the_vision_tower() {
    let mut h = open(clip(), false);
    wait(&mut h, "the first frame", |s| s.playback.shown.is_some());
    wait(&mut h, "scores", scored);
    let s = h.state().state();
    let frames = s.shown.as_ref().unwrap().answer.frames.len();
    assert_eq!(frames, s.model.as_ref().unwrap().frames);
    // The sweep, and what else is asked beside, encode frames of their own; only then is it the edit's turn.
    let encoded = settled(&mut h);
    assert!(encoded >= 1);
    let s = h.state().state();
    let before = s.score(0).cloned().unwrap();

    assert!(s.sort_by_score, "of the bundled prompts the likely ones come first");
    h.get_by_label("Sort by p").click();
    h.step();
    h.step();
    h.get_by_label("Name of class 1").focus();
    h.step();
    h.get_by_label("Name of class 1").type_text(" down");
    h.step();
    assert!(!h.state().state().scores_fresh(), "an edit asks for new scores");
    wait(&mut h, "new scores", scored);
    let after = h.state().state().score(0).cloned().unwrap();
    assert_ne!(before.s_pos, after.s_pos);
    assert_eq!(h.state().engine().unwrap().vision_frames(), encoded, "no frame was encoded again");
}

/// The frames that were encoded once the sweep and the other samplings of the span are done: nothing asks for more by itself.
pub fn settled(h: &mut Window) -> u64 {
    wait(h, "the sweep", |s| s.record.as_ref().is_some_and(|r| r.progress.done == r.progress.total));
    wait(h, "the other samplings", |s| {
        let shown = s.shown.as_ref().map(|shown| shown.answer.id);
        s.whiskers.as_ref().is_some_and(|w| Some(w.of) == shown && w.answered().count() == w.questions.len())
    });
    h.state().engine().unwrap().vision_frames()
}

#[test]
fn it_plays_pauses_steps_and_seeks() {
    let mut h = open(clip(), false);
    wait(&mut h, "the first frame", |s| s.playback.shown.is_some() && !s.playback.seeking);
    h.get_by_label("Play").click();
    h.step();
    wait(&mut h, "playing", |s| s.playback.playing && s.playback.position.secs() > 0.1);
    h.get_by_label("Pause").click();
    h.step();
    wait(&mut h, "paused", |s| !s.playback.playing);

    h.get_by_label("Seek bar").click();
    h.step();
    let half = h.state().state().playback.duration().secs() / 2.0;
    wait(&mut h, "the frame in the middle", |s| {
        !s.playback.seeking && (s.playback.position.secs() - half).abs() < 0.2
    });
    let at = h.state().state().playback.shown.unwrap();
    h.get_by_label("Next frame").click();
    h.step();
    wait(&mut h, "one frame on", |s| s.playback.shown.is_some_and(|p| p > at));
    h.key_press(egui::Key::Comma);
    h.step();
    wait(&mut h, "one frame back", |s| s.playback.shown == Some(at));
}

#[test]
fn a_broken_file_is_told_and_the_last_good_picture_stays() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.mp4");
    std::fs::write(&broken, b"this is no video").unwrap();
    let mut h = open(clip(), false);
    wait(&mut h, "scores", scored);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Open(broken));
    wait(&mut h, "the message", |s| !s.messages.all().is_empty());
    h.run_steps(2);
    assert_eq!(h.query_all_by_label_contains("broken.mp4").count(), 1, "the message names the file");
    let s = h.state().state();
    assert!(s.shown.is_some() && s.playback.shown.is_some() && s.opening.is_none());
}

/// A film of six seconds made by the `ffmpeg` command; `None`, with a message, where it cannot.
fn made(path: &Path, args: &str) -> Option<PathBuf> {
    let source = "-v error -y -f lavfi -i testsrc2=size=160x120:rate=25:duration=6";
    let run = std::process::Command::new("ffmpeg")
        .args(source.split(' ').chain(args.split(' ')))
        .arg(path)
        .output();
    let done = run.is_ok_and(|run| run.status.success());
    if !done {
        eprintln!("skipped: the ffmpeg command cannot make it");
    }
    done.then(|| path.to_owned())
}

/// As browsers record it: the header does not say how long it is.
#[test]
fn a_file_without_a_length_is_analysed_once_its_length_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let args = "-c:v libvpx -b:v 500k -deadline realtime -f webm -live 1";
    let Some(path) = made(&folder.path().join("live.webm"), args) else { return };
    let mut h = open(path, false);
    wait(&mut h, "scores", scored);
    let s = h.state().state();
    let end = s.playback.duration();
    assert!((end.secs() - 6.0).abs() < 0.1, "{end:?}");
    let span = s.shown.as_ref().unwrap().span();
    assert_eq!((span.start, span.end), (motionlens::video::Pts(0), end));
    assert!(!s.messages.all().iter().any(|m| m.kind == Kind::Problem), "nothing is wrong with it");
}

#[test]
fn a_file_that_was_cut_off_is_shown_and_the_window_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let args = "-c:v libx264 -pix_fmt yuv420p -movflags +faststart";
    let Some(path) = made(&folder.path().join("whole.mp4"), args) else { return };
    let bytes = std::fs::read(path).unwrap();
    let cut = folder.path().join("cut.mp4");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let mut h = open(cut, false);
    let told = |s: &State| s.playback.info.as_ref().is_some_and(|i| i.fault.is_some());
    wait(&mut h, "scores, and what is wrong", |s| scored(s) && told(s));
    h.run_steps(2);
    assert!(h.query_all_by_label_contains("cut.mp4: cut off").count() >= 1, "a message");
    let s = h.state().state();
    assert!((1.0..5.0).contains(&s.playback.duration().secs()), "{:?}", s.playback.duration());
}

#[test]
fn the_window_follows_the_play_head() {
    let mut h = open(clip(), false);
    wait(&mut h, "scores", scored);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Around(0.8));
    h.get_by_label("Follow play head").click();
    h.step();
    let end = h.state().state().playback.duration();
    h.state_mut().apply(&ctx, Intent::Seek(end));
    wait(&mut h, "a span at the end", |s| {
        s.work.is_none()
            && s.shown.as_ref().is_some_and(|shown| {
                let span = shown.span();
                span.start.secs() > end.secs() - 1.0 && (span.end.secs() - end.secs()).abs() < 0.2
            })
    });
}

#[test]
fn the_picture_is_on_the_stage() {
    let mut h = open(clip(), true);
    wait(&mut h, "scores", scored);
    // Seconds into the clip, where there is something to see.
    let ctx = h.ctx.clone();
    let middle = motionlens::video::Pts::from_secs(h.state().state().playback.duration().secs() / 2.0);
    h.state_mut().apply(&ctx, Intent::Seek(middle));
    wait(&mut h, "the frame", |s| !s.playback.seeking);
    let image = super::pixels::shot(&mut h, "live");
    let stage = h.state().state().stage_rect;
    let c = stage.center();
    let mut seen = std::collections::HashSet::new();
    for dx in -60..60 {
        seen.insert(image.get_pixel((c.x as i32 + dx) as u32, c.y as u32).0);
    }
    assert!(seen.len() > 20, "{} colours across the middle of the stage", seen.len());
}

#[test]
fn typing_into_a_name_plays_and_seeks_nothing() {
    let mut h = open(clip(), false);
    wait(&mut h, "scores", scored);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Pause);
    wait(&mut h, "pause", |s| !s.playback.playing && !s.playback.seeking);
    let before = h.state().state().playback.position;
    h.get_by_label("Sort by p").click();
    h.step();
    h.step();
    h.get_by_label("Name of class 1").focus();
    h.step();
    h.key_press(egui::Key::End);
    h.step();
    let start = h.state().state().prompts().classes[0].name.clone();
    let text = " jkl, fox [slow] go. ";
    type_keys(&mut h, text);
    wait(&mut h, "new scores", scored);
    let s = h.state().state();
    assert_eq!(s.prompts().classes[0].name, format!("{start}{text}"));
    let b = &s.playback;
    assert!(!b.playing && b.speed == 1.0 && b.position == before && s.range == (None, None), "{b:?}");
    assert!(s.time_field.is_none() && s.history.present().pinned.is_none());
}

/// Types as a keyboard does: every letter is a key and a text.
pub fn type_keys(h: &mut Window, text: &str) {
    for c in text.chars() {
        let key = match c {
            ' ' => egui::Key::Space,
            '[' => egui::Key::OpenBracket,
            ']' => egui::Key::CloseBracket,
            ',' => egui::Key::Comma,
            '.' => egui::Key::Period,
            _ => egui::Key::from_name(&c.to_uppercase().to_string()).unwrap(),
        };
        let modifiers = egui::Modifiers::NONE;
        let event = |pressed| egui::Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
        let text = egui::Event::Text(c.to_string());
        h.input_mut().events.extend([event(true), text, event(false)]);
        h.step();
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_class_of_unknown_words_takes_no_share_once_its_name_is_typed() {
    let mut h = open(clip(), false);
    wait(&mut h, "scores", scored);
    h.get_by_label("+ Add class").click();
    h.step();
    h.step();
    h.event(egui::Event::Text("juggling".into()));
    h.step();
    let n = h.state().state().prompts().classes.len() - 1;
    let own = move |s: &State| s.score(n).filter(|c| c.name == "juggling").cloned();
    wait(&mut h, "the class", |s| scored(s) && s.hold.is_none() && own(s).is_some_and(|c| !c.counts));
    assert_eq!(own(h.state().state()).unwrap().p, 0.0);
    let ctx = h.ctx.clone();
    let count = motionlens::ui::edit::PromptEdit::CountUnknown(true);
    h.state_mut().apply(&ctx, Intent::Edit(count));
    wait(&mut h, "its share", |s| scored(s) && own(s).is_some_and(|c| c.counts && c.p > 0.0));
}

#[test]
fn other_scripts_are_drawn_by_the_system_s_fonts() {
    // DejaVu Sans has these, the window's own fonts have not.
    let name = "ⴰⵎⴰⵣⵉⵖ قفز";
    if !Path::new("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf").exists() {
        eprintln!("skipped: DejaVu Sans is not installed");
        return;
    }
    let mut h = open(clip(), false);
    h.ctx.set_missing_glyph_policy(egui::epaint::text::MissingGlyphPolicy::default());
    wait(&mut h, "scores", scored);
    let ctx = h.ctx.clone();
    let font = egui::TextStyle::Body.resolve(&ctx.global_style());
    let rename = motionlens::ui::edit::PromptEdit::RenameClass(0, name.into());
    assert!(!ctx.fonts_mut(|f| f.has_glyphs(&font, name)));
    h.get_by_label("Sort by p").click();
    h.step();
    h.state_mut().apply(&ctx, Intent::Edit(rename));
    h.step();
    let drawn = ctx.clone();
    wait(&mut h, "the fonts", move |_| drawn.fonts_mut(|f| f.has_glyphs(&font, name)));
}

/// A message of this kind that holds `part`.
fn told(s: &State, kind: Kind, part: &str) -> bool {
    s.messages.all().iter().any(|m| m.kind == kind && m.text.contains(part))
}

#[test]
fn an_experiment_is_saved_and_opened_and_says_whether_the_numbers_are_the_same() {
    use motionlens::ui::edit::PromptEdit;
    use motionlens::video::clip::Order;
    let dir = tempfile::tempdir().unwrap();
    let (video, file) = (dir.path().join("a.mp4"), dir.path().join("e.json"));
    std::fs::copy(clip(), &video).unwrap();
    let mut h = open(video.clone(), false);
    let ctx = h.ctx.clone();
    wait(&mut h, "scores", scored);
    h.state_mut().apply(&ctx, Intent::Order(Order::Shuffled { seed: 3 }));
    h.state_mut().apply(&ctx, Intent::Edit(PromptEdit::AddClass("moving left".into())));
    h.step();
    wait(&mut h, "scores of the shuffled clip", |s| {
        scored(s) && s.altered_words().is_some() && s.hold.is_none()
    });
    let classes = h.state().state().prompts().classes.len();
    h.state_mut().apply(&ctx, Intent::SaveExperiment(file.clone()));
    wait(&mut h, "the file", |s| told(s, Kind::Done, "Experiment written"));

    h.state_mut().apply(&ctx, Intent::Order(Order::Forward));
    h.state_mut().apply(&ctx, Intent::Edit(PromptEdit::RemoveClass(0)));
    wait(&mut h, "other scores", |s| scored(s) && s.altered_words().is_none());
    h.state_mut().apply(&ctx, Intent::Open(file.clone()));
    wait(&mut h, "the comparison", |s| told(s, Kind::Done, "e.json: the same numbers, to the last bit"));
    let s = h.state().state();
    assert_eq!((s.prompts().classes.len(), &s.order), (classes, &Order::Shuffled { seed: 3 }));

    // Another file in its place, and then none.
    std::fs::write(&video, [std::fs::read(&video).unwrap(), vec![0; 9]].concat()).unwrap();
    h.state_mut().apply(&ctx, Intent::Open(file.clone()));
    wait(&mut h, "the question about the clip", |s| s.misplaced.is_some());
    h.get_by_label("The clip is another file");
    h.get_by_label("Cancel").click();
    h.step();
    h.step();
    assert!(h.state().state().misplaced.is_none());
    std::fs::rename(&video, dir.path().join("b.mp4")).unwrap();
    h.state_mut().apply(&ctx, Intent::Open(file));
    wait(&mut h, "the question about the clip", |s| s.misplaced.is_some());
    h.get_by_label("The clip is not there");
    h.state_mut().apply(&ctx, Intent::FindClip(dir.path().join("b.mp4")));
    wait(&mut h, "the altered clip", |s| s.misplaced.is_some());
    h.get_by_label("Open it all the same").click();
    h.step();
    wait(&mut h, "its name", |s| s.video.as_ref().is_some_and(|v| v.name == "b.mp4"));
    wait(&mut h, "its scores", scored);
}

#[test]
fn what_is_on_show_is_exported_in_every_form() {
    use motionlens::export::Form;
    let dir = tempfile::tempdir().unwrap();
    let mut h = open(clip(), false);
    let ctx = h.ctx.clone();
    wait(&mut h, "scores", scored);
    for (i, form) in Form::ALL.into_iter().enumerate() {
        let path = dir.path().join(format!("{i}.{}", form.extension()));
        h.state_mut().apply(&ctx, Intent::Export(form, path.clone()));
        wait(&mut h, "the export", |s| s.exporting.is_none());
        let told: Vec<_> = h.state().state().messages.all().iter().map(|m| m.text.clone()).collect();
        assert!(path.is_file(), "{form:?}: {told:?}");
    }
    h.state_mut().apply(&ctx, Intent::Export(Form::Npz, dir.path().join("none/a.npz")));
    wait(&mut h, "the problem", |s| told(s, Kind::Problem, "a.npz"));
}

#[test]
fn a_drag_of_the_time_bar_within_one_frame_ends_where_it_is_let_go() {
    let mut h = open(clip(), false);
    wait(&mut h, "scores", scored);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Pause);
    h.step();
    let bar = h.get_by_label("Seek bar").rect();
    let at = |share: f32| egui::pos2(bar.left() + share * bar.width(), bar.top() + 10.0);
    let button = |pos, pressed| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: egui::Modifiers::NONE,
    };
    let moved = egui::Event::PointerMoved;
    h.input_mut().events.extend([
        moved(at(0.2)),
        button(at(0.2), true),
        moved(at(0.75)),
        button(at(0.75), false),
    ]);
    h.step();
    let half = h.state().state().playback.duration().secs() / 2.0;
    wait(&mut h, "the place", |s| s.playback.position.secs() > half);
}

#[test]
fn a_clip_that_is_open_is_never_written_over() {
    use motionlens::export::Form;
    let dir = tempfile::tempdir().unwrap();
    let (video, other) = (dir.path().join("a.mp4"), dir.path().join("b.mp4"));
    std::fs::copy(clip(), &video).unwrap();
    std::fs::copy(clip(), &other).unwrap();
    let mut h = open(video.clone(), false);
    let ctx = h.ctx.clone();
    wait(&mut h, "scores", scored);
    h.state_mut().apply(&ctx, Intent::Shelve(other.clone()));
    wait(&mut h, "the shelf", |s| !s.shelf.rows().is_empty());
    let before = std::fs::read(&video).unwrap();
    let roundabout = dir.path().join(".").join("a.mp4");
    for intent in [
        Intent::Export(Form::Video, video.clone()),
        Intent::Export(Form::Json, roundabout),
        Intent::SaveExperiment(video.clone()),
        Intent::SavePrompts(other.clone()),
    ] {
        let ctx = h.ctx.clone();
        h.state_mut().apply(&ctx, intent.clone());
        assert!(told(h.state().state(), Kind::Problem, "is a clip that is open here"), "{intent:?}");
        h.state_mut().apply(&ctx, Intent::DismissAll);
        wait(&mut h, "the export", |s| s.exporting.is_none());
        for file in [&video, &other] {
            assert!(std::fs::read(file).unwrap() == before, "{intent:?}");
        }
    }
}

#[test]
fn clips_on_the_shelf_are_scored_one_after_the_other_and_a_broken_one_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(clip().parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    std::fs::write(folder.path().join("broken.mp4"), b"this is no video").unwrap();
    let mut h = open(clip(), false);
    wait(&mut h, "scores", scored);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Pane(Pane::Shelf, true));
    h.state_mut().apply(&ctx, Intent::Shelve(folder.path().to_owned()));
    wait(&mut h, "every clip", |s| s.shelf.rows().len() == 4 && s.shelf.progress() == (4, 4));
    let tally = h.state().state().shelf.tally();
    assert_eq!((tally.right, tally.judged), (3, 3), "{tally:?}");
    let problems: Vec<_> = h.state().state().shelf.rows().iter().filter(|r| r.problem.is_some()).collect();
    assert_eq!((problems.len(), problems[0].name.as_str()), (1, "broken.mp4"));

    // A clip of the shelf that is on the stage as a whole has the same scores there.
    let path =
        h.state().state().shelf.rows().iter().find(|r| r.right().is_some()).unwrap().place.path.clone();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    h.get_by_label(&format!("Open {name}")).click();
    wait(&mut h, "the clip on the stage", |s| s.video.as_ref().is_some_and(|v| v.path == path) && scored(s));
    let s = h.state().state();
    let row = s.shelf.rows().iter().find(|r| r.place.path == path).unwrap();
    let (a, b) = (s.scores().unwrap(), row.scores().unwrap());
    assert!(a.classes.iter().zip(&b.classes).all(|(a, b)| (a.p - b.p).abs() < 1e-6));

    // One edit, and every clip is scored anew: twice, as a name that is typed in counts as before until the hand rests.
    let encoded = settled(&mut h);
    h.state_mut().apply(&ctx, Intent::Edit(PromptEdit::RenameClass(0, "moving up".into())));
    h.step();
    let renamed = |s: &State| {
        let rows = s.shelf.rows().iter().filter_map(|r| r.scores());
        let all =
            rows.clone().count() == 3 && rows.clone().all(|scores| scores.classes[0].name == "moving up");
        all && s.hold.is_none() && !s.shelf.stale(s.revision)
    };
    wait(&mut h, "every clip scored anew", renamed);
    assert_eq!(h.state().engine().unwrap().vision_frames(), encoded);
}

#[test]
fn reversed_frames_run_backwards_beside_the_original() {
    use motionlens::video::Order;
    let mut h = open(clip(), false);
    let ctx = h.ctx.clone();
    wait(&mut h, "scores", scored);
    let frames = h.state().state().shown.as_ref().unwrap().answer.frames.clone();
    h.state_mut().apply(&ctx, Intent::Pause);
    h.state_mut().apply(&ctx, Intent::Seek(frames[1]));
    h.state_mut().apply(&ctx, Intent::Order(Order::Reversed));
    wait(&mut h, "both sides", |s| scored(s) && s.original().is_some() && s.frames_read);
    wait(&mut h, "the frame", |s| s.playback.shown == Some(frames[1]));
    let s = h.state().state();
    // The original shows its second frame; the altered side what the model was given second, which is the last but one.
    let drawn = s.drawn_altered().unwrap();
    assert_eq!((drawn.t, drawn.given, drawn.full), (1, Some(frames[frames.len() - 2]), true));
    assert_eq!(s.original().and_then(|answer| s.drawn_of(answer)).map(|d| (d.t, d.given)), Some((1, None)));
    assert!(h.query_all_by_label_contains("frame 2 of the order").count() > 0);
    // As filmed there is nothing else to show than the displayed frame.
    h.state_mut().apply(&ctx, Intent::Order(Order::Forward));
    wait(&mut h, "as filmed", scored);
    assert_eq!(h.state().state().drawn_altered().and_then(|d| d.given), None);
}

#[test]
fn the_sweep_fills_the_lanes_by_itself_and_an_edit_scores_them_anew() {
    let mut h = open(clip(), false);
    wait(&mut h, "scores", scored);
    let done = |s: &State| {
        s.record.as_ref().is_some_and(|r| r.progress.done == r.progress.total && r.revision == s.revision)
    };
    wait(&mut h, "the sweep", |s| scored(s) && done(s));
    let s = h.state().state();
    let record = s.record.as_ref().unwrap();
    assert_eq!(
        (record.len() as u32, record.sweep.spans()),
        (17, 17),
        "three seconds, a span of one second every eighth"
    );
    let before = record.value(3, motionlens::ui::record::Value::P(0)).unwrap();
    let encoded = settled(&mut h);
    let ctx = h.ctx.clone();
    let rename = motionlens::ui::edit::PromptEdit::RenameClass(0, "moving up while growing".into());
    h.state_mut().apply(&ctx, Intent::Edit(rename));
    assert!(!done(h.state().state()));
    wait(&mut h, "the lanes of the new prompts", done);
    let record = h.state().state().record.as_ref().unwrap();
    assert_ne!(record.value(3, motionlens::ui::record::Value::P(0)), Some(before));
    assert_eq!(h.state().engine().unwrap().vision_frames(), encoded, "no frame was encoded again");
}

#[test]
fn the_scores_of_the_moment_go_with_the_play_head_and_are_those_of_its_span() {
    let mut h = open(clip(), false);
    let done = |s: &State| s.record.as_ref().is_some_and(|r| r.progress.done == r.progress.total);
    wait(&mut h, "the sweep", |s| scored(s) && done(s));
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Pause);
    let of_clip = h.state().state().scores().cloned();
    h.get_by_label("Moment").click();
    h.step();
    for secs in [0.2, 1.5, 2.9] {
        h.state_mut().apply(&ctx, Intent::Seek(motionlens::video::Pts::from_secs(secs)));
        wait(&mut h, "the moment", |s| {
            !s.playback.seeking
                && s.scores_fresh()
                && s.moment_question().map(|q| q.1) == s.current().map(|x| x.question)
                && (s.playback.position.secs() - secs).abs() < 0.1
        });
        let s = h.state().state();
        let (record, row) = (s.record.as_ref().unwrap(), s.moment_row().unwrap());
        let span = record.sweep.span(record.span(row).unwrap());
        assert!(span.start.secs() <= secs && secs <= span.end.secs());
        for (c, class) in s.scores().unwrap().classes.iter().enumerate() {
            let lane = record.value(row, motionlens::ui::record::Value::P(c)).unwrap();
            assert!((lane - class.p).abs() <= 1e-6, "{}: {lane} {}", class.name, class.p);
        }
        h.step();
        h.get_by_label_contains("scores of the moment");
    }
    h.get_by_label("Clip").click();
    h.step();
    assert_eq!(h.state().state().scores().cloned(), of_clip);
}

#[test]
fn between_two_frames_of_the_grid_the_caption_says_that_the_map_is_interpolated_and_on_one_it_does_not() {
    let mut h = open(clip(), false);
    let done = |s: &State| s.record.as_ref().is_some_and(|r| r.progress.done == r.progress.total);
    wait(&mut h, "the sweep", |s| scored(s) && done(s));
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Pause);
    h.get_by_label("Moment").click();
    h.step();
    // The frames of the grid, found without asking the record: those that are shown at the middle of each step.
    let s = h.state().state();
    let sweep = s.record.as_ref().unwrap().sweep.clone();
    let times = s.playback.info.as_ref().unwrap().frames.clone().unwrap();
    let steps = (s.playback.duration().0 / sweep.step().0) as u32;
    let grid: Vec<Pts> =
        (0..steps).map(|step| times.nth(times.place(sweep.middle_of_step(step)).unwrap()).unwrap()).collect();
    assert!(grid.len() > 10 && grid.windows(2).all(|w| w[0] < w[1]), "{grid:?}");
    let go = |h: &mut Window, at: Pts| {
        h.state_mut().apply(&ctx, Intent::Seek(at));
        wait(h, "the frame", |s| !s.playback.seeking && s.playback.shown == Some(at));
        h.run_steps(2);
    };
    for k in [0, 9, steps as usize - 2] {
        let (here, next) = (grid[k], grid[k + 1]);
        let between = times.nth(times.place(here).unwrap() + 1).unwrap();
        assert!(here < between && between < next);
        go(&mut h, here);
        h.get_by_label("Caption: Motion: map of this frame, from the span around it");
        assert_eq!(h.query_all_by_label_contains("interpolated").count(), 0);
        go(&mut h, between);
        let (a, b) = (clock(here), clock(next));
        h.get_by_label(&format!("Caption: Motion: interpolated between the maps of {a} and {b}"));
        assert_eq!(h.query_all_by_label_contains("map of this frame").count(), 0);
    }
    // While it plays the caption is that of the frame on show.
    let (mut on, mut off) = (0, 0);
    while on == 0 || off < 5 {
        let s = h.state().state();
        if !s.playback.playing || s.playback.shown >= grid.last().copied() {
            h.state_mut().apply(&ctx, Intent::Pause);
            go(&mut h, grid[0]);
            h.state_mut().apply(&ctx, Intent::TogglePlay);
        }
        let before = h.state().state().playback.shown;
        wait(&mut h, "another frame", |s| s.playback.shown != before);
        let shown = h.state().state().playback.shown.unwrap();
        let interpolated = h.query_all_by_label_contains("interpolated between").count() == 1;
        if grid.contains(&shown) {
            on += 1;
            assert!(!interpolated, "{shown:?}");
        } else if shown < grid[grid.len() - 1] {
            off += 1;
            assert!(interpolated, "{shown:?}");
        }
    }
}

#[test]
fn the_lanes_are_written_as_a_table_and_as_a_figure_that_makes_itself_again() {
    let dir = tempfile::tempdir().unwrap();
    let (figure, table) = (dir.path().join("l.png"), dir.path().join("l.csv"));
    let mut h = open(clip(), false);
    let ctx = h.ctx.clone();
    let done = |s: &State| {
        s.record.as_ref().is_some_and(|r| r.progress.done == r.progress.total && r.revision == s.revision)
    };
    wait(&mut h, "the sweep", |s| scored(s) && done(s));
    h.state_mut().apply(&ctx, Intent::Pause);
    h.state_mut().apply(&ctx, Intent::Seek(Pts::from_secs(1.0)));
    wait(&mut h, "the place", |s| !s.playback.seeking && s.playback.position.secs() > 0.9);
    for (form, path) in [(Form::Lanes, &figure), (Form::LanesCsv, &table)] {
        h.state_mut().apply(&ctx, Intent::Export(form, path.clone()));
        wait(&mut h, "the file", |s| s.exporting.is_none());
        assert!(path.is_file(), "{form:?}");
    }
    assert_eq!(std::fs::read_to_string(&table).unwrap().lines().count(), 1 + 17);
    // By the command, which knows nothing of the window.
    let again = std::process::Command::new(env!("CARGO_BIN_EXE_motionlens"))
        .current_dir(dir.path())
        .args(["replay", "l.png", "--figure", "again.png"])
        .output()
        .unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    let read = |name: &str| image::open(dir.path().join(name)).unwrap().to_rgb8();
    let (first, second) = (read("l.png"), read("again.png"));
    assert_eq!(first.dimensions(), second.dimensions());
    let same = first.pixels().zip(second.pixels()).filter(|(a, b)| a == b).count();
    assert!(same as f64 > 0.99 * f64::from(first.width() * first.height()), "{same}");
    if let Some(folder) = std::env::var_os("MOTIONLENS_SHOTS") {
        std::fs::copy(&figure, Path::new(&folder).join("lanes-figure.png")).unwrap();
    }
    // While the lanes are of other prompts nothing is written.
    let rename = PromptEdit::RenameClass(0, "moving up".into());
    h.state_mut().apply(&ctx, Intent::Edit(rename));
    h.state_mut().apply(&ctx, Intent::Export(Form::Lanes, dir.path().join("stale.png")));
    assert!(told(h.state().state(), Kind::Problem, "no lanes of these prompts yet"));
    assert!(!dir.path().join("stale.png").exists());
}

#[test]
fn a_click_in_the_lanes_goes_there_and_the_strongest_stretch_is_played_again_and_again() {
    let mut h = open(clip(), false);
    let done = |s: &State| s.record.as_ref().is_some_and(|r| r.progress.done == r.progress.total);
    wait(&mut h, "the sweep", |s| scored(s) && done(s));
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Pause);
    h.step();
    let end = h.state().state().playback.duration().secs();
    h.get_by_label_contains("Scores over time").click();
    h.step();
    wait(&mut h, "the middle", |s| {
        !s.playback.seeking && (s.playback.position.secs() - end / 2.0).abs() < 0.1
    });
    let name = h.state().state().prompts().classes[0].name.clone();
    h.state_mut().apply(&ctx, Intent::LoopStrongest(name));
    wait(&mut h, "the loop", |s| s.playback.looping && s.playback.playing);
    let s = h.state().state();
    let (from, to) = (s.range.0.unwrap(), s.range.1.unwrap());
    assert!(from < to && to.secs() - from.secs() >= 0.99, "at least a span");
}

#[test]
fn a_bundled_clip_is_known_by_a_relative_path_as_well() {
    // Tests run in the package's folder.
    let full = clip();
    let relative = full.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned();
    let mut h = open(relative, false);
    wait(&mut h, "the clip", |s| s.video.is_some());
    assert!(h.state().state().video.as_ref().is_some_and(|v| v.bundled.is_some()));
}

/// The bundled clip in a folder of its own, with this beside it.
fn beside(truth: Option<&[u8]>) -> (tempfile::TempDir, Window) {
    let dir = tempfile::tempdir().unwrap();
    let video = dir.path().join("a.mp4");
    std::fs::copy(clip(), &video).unwrap();
    if let Some(truth) = truth {
        std::fs::write(video.with_extension("json"), truth).unwrap();
    }
    let mut h = open(video, false);
    wait(&mut h, "scores", scored);
    (dir, h)
}

#[test]
fn where_the_truth_is_known_the_mover_is_outlined_and_the_map_is_judged_by_it() {
    use motionlens::view::Layer;
    let truth = std::fs::read(clip().with_extension("json")).unwrap();
    let (_dir, mut h) = beside(Some(&truth));
    wait(&mut h, "the truth", |s| s.truth.is_some());
    h.step();
    // "AUROC .97 for the mover".
    let told = |h: &Window, auroc: f64| {
        h.get_by_label(&format!("AUROC {} for the mover", format!("{auroc:.2}").trim_start_matches('0')));
    };
    let of = |h: &Window, map: fn(&motionlens::session::Maps) -> &motionlens::session::Map| {
        let s = h.state().state();
        let answer = &s.shown.as_ref().unwrap().answer;
        s.mover_auroc(answer, &map(&answer.evidence.maps).data).unwrap()
    };
    let motion = of(&h, |m| &m.motion);
    assert!(motion > 0.9, "{motion}");
    told(&h, motion);
    h.get_by_label("Evidence").click();
    h.run_steps(2);
    told(&h, of(&h, |m| &m.evidence));
    assert_eq!(h.query_all_by_label("mover").count(), 0, "not before it is wanted");
    h.get_by_label("Truth").click();
    h.run_steps(2);
    let at = h.get_by_label("mover").rect().center();
    assert!(h.state().state().stage_rect.contains(at));
    // In small pictures it does not cover whose map it is.
    h.key_press(egui::Key::Num4);
    h.run_steps(3);
    let picture = h.get_by_label("Picture: Motion").rect();
    let auroc = format!("AUROC {} for the mover", format!("{motion:.2}").trim_start_matches('0'));
    let place =
        h.query_all_by_label(&auroc).map(|node| node.rect()).find(|r| picture.expand(30.0).contains_rect(*r));
    let place = place.expect("beside its picture");
    // Whose map it is stands on the line below.
    let caption = h.get_by_label_contains("Caption: Motion: ").rect();
    assert!(place.bottom() <= caption.center().y + 1.0, "{place:?} {caption:?}");
    h.key_press(egui::Key::Num1);
    h.run_steps(2);
    // Also over the picture alone.
    h.get_by_label(Layer::Input.name()).click();
    h.run_steps(2);
    h.get_by_label("mover");
    assert_eq!(h.query_all_by_label_contains("for the mover").count(), 0, "the picture is no map");
}

#[test]
fn without_a_truth_nothing_is_said_of_it_and_a_broken_one_is_told() {
    let nothing = |h: &Window| {
        assert_eq!(h.query_all_by_label("Truth").count(), 0);
        assert_eq!(h.query_all_by_label_contains("AUROC").count(), 0);
    };
    let (_dir, h) = beside(None);
    nothing(&h);
    let (_dir, h) = beside(Some(br#"{"version":1,"classes":[]}"#));
    nothing(&h);
    assert!(!told(h.state().state(), Kind::Problem, "truth"));
    let (_dir, mut h) =
        beside(Some(br#"{"version":1,"class":"moving left","size":320,"frames":[{"pts_s":0,"mask":[7]}]}"#));
    wait(&mut h, "the message", |s| {
        told(s, Kind::Problem, "a.json, the truth beside the clip, cannot be used: a mask has 7 pixels")
    });
    nothing(&h);
}

/// A clip twice as wide as high, in which a square moves at the left.
fn wide_clip(folder: &Path) -> PathBuf {
    use motionlens::video::{Mp4Writer, RgbImage};
    let path = folder.join("wide.mp4");
    let mut writer = Mp4Writer::create(&path, 192, 96, 16.0, 12).expect("an mp4");
    for frame in 0..24 {
        let inside = |x: u32, y: u32| (4 + frame..28 + frame).contains(&x) && (30..54).contains(&y);
        let pixel = |x, y| if inside(x, y) { [220, 60, 40] } else { [60, 60 + (x / 16 % 2) as u8 * 60, 90] };
        let data = (0..96).flat_map(|y| (0..192).flat_map(move |x| pixel(x, y))).collect();
        writer.push(&RgbImage { width: 192, height: 96, data }).expect("a frame");
    }
    writer.finish().expect("a finished mp4");
    path
}

#[test]
fn the_crop_is_dragged_and_letterboxed_and_the_scores_are_those_of_the_command() {
    use egui::accesskit::Role;
    use motionlens::experiment::Experiment;
    use motionlens::video::Crop;
    let dir = tempfile::tempdir().unwrap();
    let video = wide_clip(dir.path());
    let mut h = open(video.clone(), false);
    let ctx = h.ctx.clone();
    wait(&mut h, "scores", scored);
    let embedding = |h: &Window| h.state().state().shown.as_ref().unwrap().answer.evidence.embedding.clone();
    let centre = embedding(&h);
    assert_eq!(h.query_all_by_label_contains("crop moved").count(), 0);

    // The square is half of the picture: dragged by its edge to the far left.
    let edge = h.get_by_label("Crop frame, left edge: Motion").rect();
    let from = egui::pos2(edge.right() - 3.0, edge.center().y);
    h.drag_at(from);
    h.step();
    h.hover_at(from - egui::vec2(0.2 * edge.width(), 0.0));
    h.step();
    let on_the_way = h.state().state().crop;
    assert!(matches!(on_the_way, Crop::Moved { thousandths: 350..450 }), "{on_the_way:?}");
    h.hover_at(from - egui::vec2(2.0 * edge.width(), 0.0));
    h.step();
    h.drop_at(from - egui::vec2(2.0 * edge.width(), 0.0));
    h.step();
    assert_eq!(h.state().state().crop, Crop::at(0.0));
    wait(&mut h, "scores of the left", |s| scored(s) && s.shown.as_ref().unwrap().answer.crop.x0 == 0.0);
    h.get_by_label_contains("crop moved 100% left");
    let left = embedding(&h);
    assert_ne!(left, centre);

    // A key moves it a hundredth of the way, and the slider goes anywhere.
    h.get_by_label("Crop frame, right edge: Motion").focus();
    h.step();
    h.key_press(egui::Key::ArrowRight);
    h.step();
    h.step();
    assert_eq!(h.state().state().crop, Crop::at(0.01));
    let slider = h.get_by_role_and_label(Role::Slider, "Crop").rect();
    let at = slider.left_center() + egui::vec2(slider.width() * 0.8, 0.0);
    h.drag_at(at);
    h.run_steps(2);
    h.drop_at(at);
    h.run_steps(2);
    assert!(matches!(h.state().state().crop, Crop::Moved { thousandths: 700..960 }));
    h.get_by_label("Letterbox").click();
    h.step();
    wait(&mut h, "scores of the whole", |s| scored(s) && s.shown.as_ref().unwrap().answer.crop.y0 == -0.5);
    h.get_by_label_contains("letterboxed");
    assert_eq!(h.query_all_by_label_contains("Crop frame").count(), 0, "nothing is cut off");

    // The command says the same numbers, and an experiment leads back.
    for (crop, text) in [(Crop::Letterbox, "letterbox"), (Crop::at(0.2), "0.2")] {
        h.state_mut().apply(&ctx, Intent::Crop(crop));
        wait(&mut h, "scores", |s| scored(s) && s.shown.as_ref().unwrap().answer.question.clip.crop == crop);
        let own = dir.path().join(format!("{text}.json"));
        let command = std::process::Command::new(env!("CARGO_BIN_EXE_motionlens"))
            .args([
                "analyze",
                video.to_str().unwrap(),
                "--device",
                "cpu",
                "--model",
                "shapes",
                "--crop",
                text,
            ])
            .arg("--experiment")
            .arg(&own)
            .output()
            .unwrap();
        assert!(command.status.success(), "{}", String::from_utf8_lossy(&command.stderr));
        let theirs = Experiment::load(&own).unwrap();
        assert_eq!((theirs.scope.crop, &theirs.seen.embedding), (crop, &embedding(&h)));
        assert!(theirs.seen.embedding != centre && theirs.seen.embedding != left);
    }
    h.state_mut().apply(&ctx, Intent::Crop(Crop::Centre));
    wait(&mut h, "scores", |s| scored(s) && s.shown.as_ref().unwrap().answer.question.clip.crop.is_centre());
    assert_eq!(embedding(&h), centre);
    h.state_mut().apply(&ctx, Intent::Open(dir.path().join("letterbox.json")));
    wait(&mut h, "the comparison", |s| {
        told(s, Kind::Done, "letterbox.json: the same numbers, to the last bit")
    });
    assert_eq!(h.state().state().crop, Crop::Letterbox);
}
