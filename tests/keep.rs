//! What is kept between runs: nothing typed is lost, and no file that cannot be read is overwritten.

use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use motionlens::data::cast::Cast;
use motionlens::device::DeviceChoice;
use motionlens::prompt::PromptSet;
use motionlens::ui::App;
use motionlens::ui::edit::PromptEdit;
use motionlens::ui::intent::Intent;
use motionlens::ui::jobs::Desk;
use motionlens::ui::jobs::JobOutcome;
use motionlens::ui::keep::{Found, Keep, Kept};
use motionlens::ui::look::{Arrangement, View};
use motionlens::ui::panes::Pane;
use motionlens::ui::window::{WindowOptions, setup, start};
use motionlens::view::Layer;
use std::path::Path;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);

fn desk() -> Desk {
    Desk::new(egui::Context::default())
}

fn bundled() -> PromptSet {
    PromptSet::from_names(["of the program"])
}

fn typed(name: &str) -> PromptSet {
    PromptSet::from_names([name, "ação", "走る"])
}

fn open(folder: &Path) -> (Keep, Found) {
    Keep::open(Some(folder.to_owned()), vec![bundled()], false)
}

/// A run in which `set` is typed and the window is closed.
fn run(folder: &Path, set: &PromptSet) {
    let (mut keep, _) = open(folder);
    keep.typed(Instant::now());
    let desk = desk();
    keep.close(&desk, set.clone(), Kept::default(), false);
    assert!(desk.finish(LIMIT));
}

#[test]
fn what_is_typed_is_written_a_moment_later_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("not/made/yet");
    let (mut keep, found) = open(&folder);
    assert!(found.draft.is_none() && found.problems.is_empty());
    assert_eq!(found.kept, Kept::default());
    let (desk, start) = (desk(), Instant::now());
    let later = |seconds: f64| start + Duration::from_secs_f64(seconds);
    keep.typed(start);
    let wait = keep.tick(later(0.1), &desk, || typed("early"), Kept::default);
    assert!(
        wait.is_some_and(|w| w <= Duration::from_secs(2)),
        "two seconds after the last edit at the latest"
    );
    // Somebody who never pauses is written too.
    for tenth in 1..60 {
        keep.typed(later(f64::from(tenth) / 10.0));
    }
    assert_eq!(keep.tick(later(6.0), &desk, || typed("a whole sentence"), Kept::default), None);
    assert!(desk.finish(LIMIT) && keep.works());
    drop(keep);
    let (_, found) = open(&folder);
    assert_eq!(found.draft, Some(typed("a whole sentence")));
}

#[test]
fn what_is_typed_right_before_the_close_is_kept_and_the_own_set_needs_no_file() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &typed("at the last moment"));
    assert_eq!(open(dir.path()).1.draft, Some(typed("at the last moment")));
    run(dir.path(), &bundled());
    assert_eq!(open(dir.path()).1.draft, None, "back to the set of the program");
    // The set of the program brings the templates of its model, which are not kept as a person's.
    let mut own = bundled();
    own.templates.positive = vec!["an object {}".to_owned()];
    run(dir.path(), &typed("once more"));
    let (mut keep, _) = Keep::open(Some(dir.path().to_owned()), vec![own], false);
    keep.typed(Instant::now());
    let desk = desk();
    keep.close(&desk, bundled(), Kept::default(), false);
    assert!(desk.finish(LIMIT));
    drop(keep);
    assert_eq!(open(dir.path()).1.draft, None, "back to the set of the program");
}

#[test]
fn a_broken_or_newer_file_is_set_aside_and_told() {
    for (name, content, says) in [
        ("window.json", "{ this is no JSON", "window.json"),
        ("window.json", r#"{ "version": 999, "everything": "new" }"#, "newer"),
        ("window.json", r#"{ "version": 1, "zoom": "large" }"#, "window.json"),
        ("draft-1.json", "\0\0\0\0", "draft-1.json"),
        ("draft-1.json", r#"{ "version": 999, "classes": [] }"#, "999"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(name), content).unwrap();
        let (keep, found) = open(dir.path());
        drop(keep);
        assert_eq!(found.problems.len(), 1, "{content}: {:?}", found.problems);
        assert!(found.problems[0].contains(says), "{:?}", found.problems);
        run(dir.path(), &typed("new"));
        let aside = dir.path().join(name.replace(".json", ".aside-1.json"));
        assert!(found.problems[0].contains(&aside.display().to_string()));
        assert_eq!(std::fs::read_to_string(aside).unwrap(), content, "not a byte is lost");
        assert_eq!(open(dir.path()).1.draft, Some(typed("new")));
    }
}

#[test]
fn a_file_of_an_earlier_build_loads_and_odd_values_make_no_unusable_window() {
    let dir = tempfile::tempdir().unwrap();
    let old = r#"{ "version": 1, "zoom": 1e30, "size": [3, 1e9], "view": { "opacity": -4, "palette": "diverging" } }"#;
    std::fs::write(dir.path().join("window.json"), old).unwrap();
    let (_keep, found) = open(dir.path());
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let kept = found.kept;
    assert!(kept.zoom == 2.0 && kept.view.opacity == 0.0 && kept.view.palette == View::default().palette);
    assert_eq!(kept.size, Some([900.0, 8192.0]));
    assert_eq!(kept.view.layer, View::default().layer, "what the file lacks is as without a file");
}

#[test]
fn a_folder_that_cannot_be_written_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let in_the_way = dir.path().join("file");
    std::fs::write(&in_the_way, "a file, no folder").unwrap();
    let (mut keep, found) = open(&in_the_way.join("state"));
    assert!(found.problems.is_empty() && found.draft.is_none());
    let desk = desk();
    let mut now = Instant::now();
    let mut told = Vec::new();
    for name in ["one", "two", "three"] {
        keep.typed(now);
        now += Duration::from_secs(10);
        keep.tick(now, &desk, || typed(name), || Kept { zoom: 2.0, ..Kept::default() });
        assert!(desk.finish(LIMIT));
        told.extend(std::iter::from_fn(|| desk.take()));
    }
    assert!(!keep.works());
    let [JobOutcome::Told(Err(words))] = told.as_slice() else { panic!("{told:?}") };
    assert!(words.contains("cannot be kept") && words.contains("Save your prompts"), "{words}");
}

#[test]
fn two_windows_each_keep_their_own_draft() {
    let dir = tempfile::tempdir().unwrap();
    let desk = desk();
    let (mut first, _) = open(dir.path());
    let (mut second, _) = open(dir.path());
    for (keep, name) in [(&mut first, "in the first"), (&mut second, "in the second")] {
        keep.typed(Instant::now());
        keep.close(&desk, typed(name), Kept::default(), false);
    }
    assert!(desk.finish(LIMIT));
    drop((first, second));
    let (_first, one) = open(dir.path());
    let (_second, two) = open(dir.path());
    assert_eq!((one.draft, two.draft), (Some(typed("in the first")), Some(typed("in the second"))));
}

#[test]
fn named_prompts_do_not_overwrite_the_draft_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &typed("of yesterday"));
    let (mut keep, found) = Keep::open(Some(dir.path().to_owned()), vec![bundled()], true);
    assert_eq!(found.draft, None);
    let desk = desk();
    keep.close(&desk, typed("the file, not edited"), Kept::default(), false);
    assert!(desk.finish(LIMIT));
    assert_eq!(PromptSet::load(&dir.path().join("draft-1.json")).unwrap(), typed("of yesterday"));
    keep.typed(Instant::now());
    keep.close(&desk, typed("the file, edited"), Kept::default(), false);
    assert!(desk.finish(LIMIT));
    drop(keep);
    assert_eq!(PromptSet::load(&dir.path().join("draft-1.aside-1.json")).unwrap(), typed("of yesterday"));
    assert_eq!(open(dir.path()).1.draft, Some(typed("the file, edited")));
}

/// A fault of ours on the window's own thread: the panic is the end of it, and not of what was typed.
#[test]
fn what_is_typed_survives_a_panic_of_the_window() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().to_owned();
    let panicked = std::thread::spawn(move || {
        let mut h = window(&state, None);
        edit(&mut h, PromptEdit::RenameClass(0, "typed in the last second".into()));
        panic!("a fault of ours (this is the test)");
    });
    assert!(panicked.join().is_err());
    let (_keep, found) = open(dir.path());
    assert_eq!(found.draft.expect("a draft").classes[0].name, "typed in the last second");
}

type Window = Harness<'static, App>;

/// The whole window on the embedded model and no display.
fn window(state: &Path, prompts: Option<&Path>) -> Window {
    let options = WindowOptions {
        device: DeviceChoice::Cpu,
        state: Some(state.to_owned()),
        prompts: prompts.map(Path::to_owned),
        ..WindowOptions::default()
    };
    let mut h = Harness::builder().with_size([1280.0, 800.0]).build_eframe(|cc| start(cc, options));
    h.run_steps(3);
    // Whoever comes for the first time is in the first minute.
    if h.state().state().learning.is_some() {
        let ctx = h.ctx.clone();
        h.state_mut().apply(&ctx, Intent::Learn(None));
    }
    h
}

/// Closes the window as eframe does.
fn close(mut h: Window) {
    eframe::App::on_exit(h.state_mut());
}

fn edit(h: &mut Window, edit: PromptEdit) {
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Edit(edit));
}

#[test]
fn the_window_comes_back_as_it_was_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), None);
    let ctx = h.ctx.clone();
    let view =
        View { layer: Layer::Gate, arrangement: Arrangement::Wipe, opacity: 0.25, ..h.state().state().view };
    h.state_mut().apply(&ctx, Intent::SetView(view));
    h.state_mut().apply(&ctx, Intent::SortByScore(false));
    h.state_mut().apply(&ctx, Intent::Pane(Pane::Inspector, false));
    edit(&mut h, PromptEdit::RenameClass(0, "typed by me".into()));
    h.state_mut().apply(&ctx, Intent::TextSize(125));
    h.state_mut().apply(&ctx, Intent::Theme(egui::ThemePreference::Light));
    h.run_steps(3);
    let (classes, width) = (h.state().state().prompts().classes.clone(), h.state().state().prompts_width);
    close(h);

    // The harness sets a theme of its own after its window has begun, and that is kept: this one begins without, and first.
    let bare = egui::Context::default();
    let (keep, found) = open(dir.path());
    App::new(&bare, None, None).restore(&bare, keep, found);
    assert_eq!(bare.theme(), egui::Theme::Light);

    let mut h = window(dir.path(), None);
    let s = h.state().state();
    assert_eq!(s.prompts().classes, classes);
    assert_eq!((s.view, s.sort_by_score), (view, false));
    assert!(!h.state().panes().is_open(Pane::Inspector, egui::vec2(1920.0, 1080.0)));
    assert_eq!(h.ctx.zoom_factor(), 1.25);
    assert_eq!(s.prompts_width, width);
    assert!(s.messages.all().iter().any(|m| m.text.contains("last time")), "it is told");
    // The way back.
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Undo);
    let own = motionlens::ui::bundled::prompts(Cast::default());
    assert_eq!(h.state().state().prompts().classes, own.classes);
    h.state_mut().apply(&ctx, Intent::Redo);
    assert_eq!(h.state().state().prompts().classes, classes);
    h.state_mut().apply(&ctx, Intent::BundledPrompts);
    assert_eq!(h.state().state().prompts().classes, own.classes);
    close(h);
    let h = window(dir.path(), None);
    assert_eq!(h.state().state().prompts().classes, own.classes);
    assert!(h.state().state().messages.all().is_empty(), "there is nothing to tell");
}

#[test]
fn prompts_on_the_command_line_come_before_the_draft_and_undo_does_not_empty_the_list() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &typed("of yesterday"));
    let file = dir.path().join("named.json");
    PromptSet::from_names(["named"]).save(&file).unwrap();
    let mut h = window(dir.path(), Some(&file));
    let limit = Instant::now() + LIMIT;
    // Until then there is no class at all.
    while h.state().state().prompts().classes.first().is_none_or(|class| class.name != "named") {
        assert!(Instant::now() < limit, "the file is read");
        std::thread::sleep(Duration::from_millis(5));
        h.step();
    }
    assert!(h.state().state().recent.prompts.contains(&file));
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Undo);
    assert!(!h.state().state().prompts().classes.is_empty());
}

/// Closing right after Save: the file is there.
#[test]
fn a_save_right_before_the_close_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut h = window(dir.path(), None);
    // Large enough that writing it takes longer than closing.
    edit(&mut h, PromptEdit::Replace(PromptSet::from_names((0..5000).map(|i| format!("class {i} of many")))));
    let saved = dir.path().join("saved.json");
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::SavePrompts(saved.clone()));
    close(h);
    assert_eq!(PromptSet::load(&saved).unwrap().classes.len(), 5000);
}

#[test]
fn recent_files_are_in_the_menu() {
    let dir = tempfile::tempdir().unwrap();
    let saved = dir.path().join("mine.json");
    let mut h = window(dir.path(), None);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::SavePrompts(saved.clone()));
    close(h);
    let mut h = window(dir.path(), None);
    assert_eq!(h.state().state().recent.prompts, [saved]);
    h.get_by_label("Open").click();
    h.run_steps(3);
    h.get_by_label_contains("Recent prompt sets").click();
    h.run_steps(3);
    assert!(h.query_by_label_contains("mine.json").is_some());
}

/// The device that draws the window is lost: the window asks to be closed, and what was typed is on the disk.
#[test]
fn a_window_whose_gpu_is_lost_keeps_what_was_typed_and_closes() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().to_owned();
    let options = WindowOptions { device: DeviceChoice::Cpu, state: Some(state), ..WindowOptions::default() };
    let renderer = egui_kittest::wgpu::WgpuTestRenderer::from_setup(setup(true));
    let mut h: Window = Harness::builder()
        .with_size([1280.0, 800.0])
        .renderer(renderer)
        .build_eframe(|cc| start(cc, options));
    h.run_steps(3);
    edit(&mut h, PromptEdit::RenameClass(0, "typed in the last second".into()));
    h.state().gpu().expect("the window's device").destroy();
    h.step();
    let output = h.output();
    let asked = output.viewport_output.values().flat_map(|v| &v.commands);
    assert!(asked.into_iter().any(|c| *c == egui::ViewportCommand::Close), "the window closes");
    close(h);
    let (_keep, found) = Keep::open(Some(dir.path().to_owned()), vec![bundled()], false);
    assert_eq!(found.draft.unwrap().classes[0].name, "typed in the last second");
}

/// A lesson plays with the prompts; the window may end in the middle of it.
#[test]
fn prompts_outlive_a_window_that_ends_in_a_lesson() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &typed("of yesterday"));
    let mut h = window(dir.path(), None);
    let mine = h.state().state().prompts().classes.clone();
    assert_ne!(mine, motionlens::ui::bundled::prompts(Cast::default()).classes);
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Learn(Some(3)));
    let limit = Instant::now() + LIMIT;
    while h.state().state().prompts().classes == mine {
        assert!(Instant::now() < limit, "the lesson has its own prompts");
        std::thread::sleep(Duration::from_millis(5));
        h.step();
    }
    close(h);
    let h = window(dir.path(), None);
    assert_eq!(h.state().state().prompts().classes, mine);
}
