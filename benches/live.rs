//! The window at work, without a screen: what a person would feel on this machine. Not a criterion bench, because nothing here is
//! done again and again: the app runs in real time, and the numbers are the spread of what happened.
//!
//! `cargo bench --bench live` plays 720p for 30 seconds, with the sweep over it and two edits a second;
//! `cargo bench --bench live -- long` opens two hours, sweeps and scrubs them for two minutes, and tells the memory;
//! `cargo bench --bench live -- hour` sweeps one hour to its end, and tells the memory after each quarter;
//! `cargo bench --bench live -- draw` draws a motion for 20 seconds, another one as soon as the last has its scores.

use motionlens::data::cast::Cast;
use motionlens::data::drawing::Drawing;
use motionlens::data::track::Track;
mod random_b16;
mod test_clip;

use motionlens::device::DeviceChoice;
use motionlens::engine::Engine;
use motionlens::session::ModelSource;
use motionlens::ui::App;
use motionlens::ui::bundled;
use motionlens::ui::easel::Draw;
use motionlens::ui::edit::PromptEdit;
use motionlens::ui::intent::Intent;
use motionlens::ui::state::State;
use motionlens::video::Pts;
use random_b16::random_b16;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use test_clip::test_clip;

/// Sixty drawn frames a second.
const FRAME: Duration = Duration::from_micros(16_667);

/// The app, its engine, and a loop that draws as a desktop would: 60 times a second, and at once when it is woken.
struct Live {
    app: App,
    ctx: egui::Context,
    woken: Arc<AtomicBool>,
    began: Instant,
    next: Instant,
    /// How long each drawn frame took: events, layout, tessellation.
    work: Vec<Duration>,
    /// The video's frames that were drawn.
    shown: BTreeSet<Pts>,
}

impl Live {
    fn open(path: &Path, model: ModelSource) -> Self {
        let ctx = egui::Context::default();
        let woken = Arc::new(AtomicBool::new(false));
        let (flag, me) = (woken.clone(), std::thread::current());
        let wake = Arc::new(move || {
            flag.store(true, Ordering::Release);
            me.unpark();
        });
        let engine = Engine::spawn(DeviceChoice::Cpu, None, None, wake);
        let mut app = App::new(&ctx, None, Some(engine));
        app.start_with(bundled::prompts(Cast::Shapes));
        app.apply(&ctx, Intent::OpenModel(model));
        app.apply(&ctx, Intent::OpenVideo(path.to_owned()));
        let now = Instant::now();
        Self { app, ctx, woken, began: now, next: now, work: Vec::new(), shown: BTreeSet::new() }
    }

    fn state(&self) -> &State {
        self.app.state()
    }

    fn frame(&mut self) {
        while Instant::now() < self.next && !self.woken.swap(false, Ordering::AcqRel) {
            std::thread::park_timeout(self.next - Instant::now().min(self.next));
        }
        let start = Instant::now();
        if start >= self.next {
            self.next = start + FRAME;
        }
        self.app.poll(&self.ctx, start);
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1920.0, 1080.0))),
            time: Some(self.began.elapsed().as_secs_f64()),
            ..Default::default()
        };
        let app = &mut self.app;
        let output = self.ctx.run_ui(input, |ui| app.draw(ui));
        std::hint::black_box(self.ctx.tessellate(output.shapes, output.pixels_per_point));
        self.work.push(start.elapsed());
        self.shown.extend(self.state().playback.shown);
    }

    fn until(&mut self, what: &str, done: impl Fn(&State) -> bool) {
        let limit = Instant::now() + Duration::from_secs(300);
        while !done(self.state()) {
            assert!(Instant::now() < limit, "waited in vain: {what}");
            self.frame();
        }
    }
}

/// "median 1.2, p95 3.4, p99 5.0, largest 9.1 ms".
fn spread(all: &mut [Duration]) -> String {
    all.sort_unstable();
    let at = |share: f64| all[((all.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3;
    format!("median {:.1}, p95 {:.1}, p99 {:.1}, largest {:.1} ms", at(0.5), at(0.95), at(0.99), at(1.0))
}

/// Bytes that this process has in memory, now or at most so far.
fn resident(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status
        .lines()
        .find_map(|l| l.strip_prefix(line)?.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
    found.unwrap_or(0) << 10
}

fn play() {
    let Some(path) = test_clip("testsrc2=size=1280x720:rate=30:duration=60", "libx264 -g 60") else {
        return;
    };
    let mut live = Live::open(&path, ModelSource::Shapes);
    live.until("scores", |s| s.scores().is_some() && s.scores_fresh());
    live.app.apply(&live.ctx.clone(), Intent::TogglePlay);
    live.until("playing", |s| s.playback.playing && !s.playback.seeking && s.record.is_some());
    live.work.clear();
    live.shown.clear();
    let (start, from) = (Instant::now(), live.state().playback.position);
    let (mut edits, mut waits, mut edited) = (0u32, Vec::new(), None);
    while start.elapsed() < Duration::from_secs(30) {
        if edited.is_none() && start.elapsed() >= Duration::from_millis(500) * edits {
            edits += 1;
            let words = ["left", "right", "up", "down"][edits as usize % 4];
            let manner = ["steadily", "while spinning", "while blinking"][edits as usize % 3];
            let edit = PromptEdit::RenameClass(0, format!("moving {words} {manner} {}", edits % 7));
            let ctx = live.ctx.clone();
            edited = Some(Instant::now());
            live.app.apply(&ctx, Intent::Edit(edit));
        }
        live.frame();
        if live.state().scores_fresh()
            && let Some(since) = edited.take()
        {
            waits.push(since.elapsed());
        }
    }
    let played = live.state().playback.position.secs() - from.secs();
    let wanted = (played * 30.0).round() as usize;
    let record = live.state().record.as_ref().map(|r| r.progress);
    println!("720p playing for 30 s, sweep running, {edits} edits, window 1920×1080");
    println!("  work of a drawn frame ({}): {}", live.work.len(), spread(&mut live.work));
    println!("  frames of the video: {} of {wanted} shown", live.shown.len());
    println!("  edit to scores on the screen: {}", spread(&mut waits));
    println!("  sweep: {record:?}");
}

/// A small picture in so many seconds of video.
fn small_clip(seconds: u32) -> Option<PathBuf> {
    let source = format!("testsrc2=size=320x240:rate=15:duration={seconds}");
    test_clip(&source, "libx264 -preset ultrafast -crf 40")
}

const MIB: f64 = (1 << 20) as f64;

/// The memory that a swept hour takes, under the model of shapes.
fn hour() {
    let Some(path) = small_clip(3600) else { return };
    let mut live = Live::open(&path, ModelSource::Shapes);
    live.until("scores", |s| s.scores().is_some() && s.scores_fresh());
    let base = resident("VmRSS:");
    let start = Instant::now();
    for quarter in 1..=4 {
        let swept = |s: &State| {
            let progress = s.record.as_ref().map(|r| r.progress);
            progress.is_some_and(|p| p.full || p.total > 0 && p.done + p.failed >= p.total * quarter / 4)
        };
        while !swept(live.state()) {
            live.frame();
        }
        let progress = live.state().record.as_ref().map(|r| r.progress).unwrap_or_default();
        let (beyond, after) = (resident("VmRSS:").saturating_sub(base), start.elapsed().as_secs_f64());
        let (done, total) = (progress.done, progress.total);
        println!(
            "  {done} of {total} spans after {after:.0} s: {:.0} MiB more than at its first scores",
            beyond as f64 / MIB
        );
    }
}

fn long(large: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    let model = if large {
        random_b16(folder.path());
        ModelSource::Folder(folder.path().to_owned())
    } else {
        ModelSource::Shapes
    };
    let Some(path) = small_clip(7200) else { return };
    let mut live = Live::open(&path, model);
    let opened = Instant::now();
    live.until("the model", |s| s.model.is_some() && s.loading.is_none());
    let base = resident("VmRSS:");
    live.until("scores", |s| s.scores().is_some() && s.scores_fresh());
    println!("two hours: first scores after {:.1} s", opened.elapsed().as_secs_f64());
    live.until("the sweep", |s| s.record.is_some());
    let start = Instant::now();
    let (mut overview, mut scrubs, mut waits) = (None, 0u32, Vec::new());
    let mut sought: Option<(Pts, Instant)> = None;
    let (mut scrubbing, mut minute): (Option<Instant>, _) = (None, None);
    while start.elapsed() < Duration::from_secs(120) {
        live.frame();
        let s = live.state();
        let progress = s.record.as_ref().map(|r| r.progress).unwrap_or_default();
        if overview.is_none() && progress.overview.0 == progress.overview.1 && progress.overview.1 > 0 {
            overview = Some(start.elapsed());
        }
        if let Some((to, since)) = sought
            && !s.playback.seeking
            && (s.playback.position.secs() - to.secs()).abs() < 0.2
        {
            waits.push(since.elapsed());
            sought = None;
        }
        if start.elapsed() >= Duration::from_secs(60) {
            minute.get_or_insert(progress.overview);
        }
        // After the overview, or a minute, somebody scrubs through all of it.
        if overview.is_some() || minute.is_some() {
            scrubbing.get_or_insert_with(Instant::now);
        }
        let scrubs_now = scrubbing.is_some_and(|since| since.elapsed() >= Duration::from_secs(2) * scrubs);
        if sought.is_none() && scrubs_now {
            scrubs += 1;
            let to = Pts::from_secs(f64::from(scrubs * 2741 % 7190));
            let ctx = live.ctx.clone();
            live.app.apply(&ctx, Intent::Seek(to));
            sought = Some((to, Instant::now()));
        }
    }
    let progress = live.state().record.as_ref().map(|r| r.progress);
    match (overview, minute) {
        (Some(after), _) => println!("  overview of the whole after {:.1} s", after.as_secs_f64()),
        (None, spans) => println!("  of the overview done after a minute: {:?}", spans.unwrap_or_default()),
    }
    println!("  {scrubs} seeks: {}", spread(&mut waits));
    println!("  work of a drawn frame: {}", spread(&mut live.work));
    println!("  sweep: {progress:?}");
    let mb = |bytes: u64| bytes as f64 / MIB;
    let (now, most) = (resident("VmRSS:"), resident("VmHWM:"));
    println!("  memory: {:.0} MiB with the model, {:.0} now, {:.0} at most", mb(base), mb(now), mb(most));
    assert!(most.saturating_sub(base) < 1 << 30, "more than 1 GiB beyond the model");
}

/// Another drawing with every answer: path, size and colour in turn.
fn draw() {
    let Some(clip) = bundled::clips().into_iter().next() else {
        eprintln!("skipped: no bundled clip is there");
        return;
    };
    let mut live = Live::open(&clip.path, ModelSource::Shapes);
    live.until("scores", |s| s.scores().is_some() && s.scores_fresh());
    let ctx = live.ctx.clone();
    live.app.apply(&ctx, Intent::Draw(Draw::Begin));
    let fresh = |s: &State| s.scores().is_some() && s.scores_fresh() && !s.is_stale();
    live.until("scores of the drawing", fresh);
    live.work.clear();
    let start = Instant::now();
    let mut waits = Vec::new();
    while start.elapsed() < Duration::from_secs(20) {
        let step = waits.len() as f32;
        let (sin, cos) = (step * 0.1).sin_cos();
        let place = |r: f32| [31.5 + r * cos, 31.5 + r * sin];
        let mut drawing = Drawing { track: Track::even(&[place(-16.0), place(16.0)]), ..Drawing::default() };
        drawing.radius = 7.0 + sin;
        drawing.mover.colour = waits.len() % 8;
        let since = Instant::now();
        live.app.apply(&ctx, Intent::Draw(Draw::Change(drawing)));
        live.until("scores of the change", fresh);
        waits.push(since.elapsed());
    }
    let rate = waits.len() as f64 / start.elapsed().as_secs_f64();
    println!("drawing for 20 s while it plays, window 1920×1080");
    println!("  {rate:.1} answers a second; change to scores on the screen: {}", spread(&mut waits));
    println!("  work of a drawn frame ({}): {}", live.work.len(), spread(&mut live.work));
}

fn main() {
    let wanted = |name: &str| std::env::args().any(|a| a == name);
    // `cargo test --benches` builds and starts it as well: then there is nothing to measure.
    if std::env::args().any(|a| a == "--test") {
        return;
    }
    if wanted("long") {
        long(wanted("large"));
    } else if wanted("hour") {
        hour();
    } else if wanted("draw") {
        draw();
    } else {
        play();
    }
}
