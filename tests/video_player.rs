//! The player against sequential decoding. Time is passed in, so nothing here depends on how fast the machine is;
//! only the decode thread's answers are waited for.

mod video_support;

use motionlens::video::{Frame, Player, Pts, Source, VideoError, Wake};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use video_support::{all_frames, make};

/// A player, the instant that it believes in, and how often it woke the window.
struct Bench {
    player: Player,
    now: Instant,
    wakes: Arc<AtomicUsize>,
}

impl Bench {
    fn open(path: &Path) -> Self {
        let wakes = Arc::new(AtomicUsize::new(0));
        let count = wakes.clone();
        let wake: Wake = Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        Self { player: Player::open(&Source::open(path, wake)), now: Instant::now(), wakes }
    }

    /// Updates without time passing until `done`.
    fn until(&mut self, what: &str, done: impl Fn(&Player) -> bool) {
        let start = Instant::now();
        loop {
            self.player.update(self.now);
            if done(&self.player) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "waited in vain for: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn settle(&mut self) {
        self.until("an answer", |p| !p.is_seeking() && (p.frame().is_some() || p.error().is_some()));
    }

    fn scanned(&mut self) {
        self.until("the scan", |p| p.info().is_some_and(|i| i.frames.is_some()));
    }

    fn pts(&self) -> Pts {
        self.player.frame().expect("a frame is shown").pts
    }

    /// Plays on to the next thing that is due and updates then; waits for the decoder where it has to.
    fn tick(&mut self) {
        let start = Instant::now();
        loop {
            match self.player.next_update(self.now) {
                Some(wait) => {
                    self.now += wait;
                    self.player.update(self.now);
                    return;
                }
                None => {
                    assert!(start.elapsed() < Duration::from_secs(60), "nothing comes");
                    std::thread::sleep(Duration::from_millis(1));
                    self.player.update(self.now);
                    if !self.player.is_playing() {
                        return;
                    }
                }
            }
        }
    }
}

const BFRAMES: &str =
    "-f lavfi -i testsrc2=size=160x120:rate=25:duration=3 -c:v libx264 -bf 3 -g 40 -pix_fmt yuv420p";

fn bframes(folder: &tempfile::TempDir) -> Option<(std::path::PathBuf, Vec<Arc<Frame>>)> {
    let path = make(&folder.path().join("b.mp4"), BFRAMES)?;
    let frames = all_frames(&path);
    assert_eq!(frames.len(), 75);
    Some((path, frames))
}

#[test]
fn opens_paused_at_the_first_frame() {
    let folder = tempfile::tempdir().expect("folder");
    let Some((path, frames)) = bframes(&folder) else { return };
    let mut b = Bench::open(&path);
    assert!(b.player.frame().is_none() || b.player.info().is_some());
    b.settle();
    assert_eq!(b.pts(), Pts(0));
    assert!(!b.player.is_playing());
    assert!(b.wakes.load(Ordering::Relaxed) > 0, "the window was woken");
    b.scanned();
    let info = b.player.info().expect("open");
    assert_eq!((info.width, info.height), (160, 120));
    assert_eq!(info.fps, Some(25.0));
    assert!(!info.variable_rate);
    assert_eq!(info.duration, Some(Pts::from_secs(3.0)));
    assert!(info.format.contains("h264") && info.format.contains("yuv420p"), "{}", info.format);
    let list: Vec<Pts> = frames.iter().map(|f| f.pts).collect();
    assert_eq!(info.frames.as_ref().map(|f| &f.times), Some(&list));
    assert_eq!(info.fault, None);
    b.now += Duration::from_secs(10);
    b.player.update(b.now);
    assert_eq!((b.pts(), b.player.position()), (Pts(0), Pts(0)), "it stays paused");
    assert_eq!(b.player.next_update(b.now), None);
}

#[test]
fn every_frame_can_be_sought_exactly() {
    let folder = tempfile::tempdir().expect("folder");
    let Some((path, frames)) = bframes(&folder) else { return };
    let pictures: Vec<_> = frames.iter().map(|f| f.to_rgb()).collect();
    let mut b = Bench::open(&path);
    b.settle();
    for i in (0..75).map(|i| i * 29 % 75) {
        let at = Pts(frames[i].pts.0 + 13_000_000);
        b.player.seek(at);
        assert_eq!(b.player.position(), at, "the play head is where the person asked to go");
        b.settle();
        assert_eq!(b.pts(), frames[i].pts);
        assert_eq!(b.player.position(), at);
        assert!(b.player.frame().expect("shown").to_rgb() == pictures[i], "frame {i}");
    }
}

#[test]
fn steps_go_over_every_frame_both_ways() {
    let folder = tempfile::tempdir().expect("folder");
    let Some((path, frames)) = bframes(&folder) else { return };
    let mut b = Bench::open(&path);
    b.settle();
    for frame in &frames[1..] {
        b.player.step(1);
        b.settle();
        assert_eq!((b.pts(), b.player.position()), (frame.pts, frame.pts));
    }
    b.player.step(1);
    b.settle();
    assert_eq!(b.pts(), frames[74].pts, "the last frame stays");
    for frame in frames.iter().rev().skip(1) {
        b.player.step(-1);
        b.settle();
        assert_eq!(b.pts(), frame.pts);
        assert!(b.player.frame().expect("shown").to_rgb() == frame.to_rgb());
    }
    b.player.step(-1);
    b.settle();
    assert_eq!(b.pts(), Pts(0), "the first frame stays");
    // Many at once, also while the last answer is still to come, and after a far seek.
    b.player.seek(frames[60].pts);
    b.player.step(-3);
    b.player.step(-2);
    b.settle();
    assert_eq!(b.pts(), frames[55].pts);
    b.player.step(10);
    b.settle();
    assert_eq!(b.pts(), frames[65].pts);
    b.player.step(-40);
    b.settle();
    assert_eq!(b.pts(), frames[25].pts);
    b.player.step(-1000);
    b.settle();
    assert_eq!(b.pts(), Pts(0));
}

#[test]
fn plays_every_frame_in_its_time() {
    let folder = tempfile::tempdir().expect("folder");
    let Some((path, frames)) = bframes(&folder) else { return };
    let mut b = Bench::open(&path);
    b.settle();
    for speed in [1.0, 0.5] {
        b.player.seek(Pts(0));
        b.settle();
        b.player.set_speed(speed);
        b.player.play();
        let start = b.now;
        let mut shown = vec![b.pts()];
        while b.player.is_playing() {
            b.tick();
            if b.pts() != shown[shown.len() - 1] {
                shown.push(b.pts());
                let due = b.pts().secs() / speed;
                assert!(((b.now - start).as_secs_f64() - due).abs() < 1e-6);
            }
        }
        assert_eq!(shown, frames.iter().map(|f| f.pts).collect::<Vec<_>>());
        assert_eq!(b.player.position(), Pts::from_secs(3.0), "it stops at the end");
        assert!(((b.now - start).as_secs_f64() - 3.0 / speed).abs() < 1e-6);
    }
    b.player.play();
    b.settle();
    assert_eq!(b.pts(), Pts(0), "playing at the end starts again");
    assert!(b.player.is_playing());
    b.player.set_speed(1.0);
    b.tick();
    b.tick();
    b.tick();
    b.player.pause();
    let at = b.player.position();
    b.now += Duration::from_secs(1);
    b.player.update(b.now);
    assert_eq!(b.player.position(), at);
}

#[test]
fn late_frames_are_dropped_and_a_long_pause_is_not_skipped() {
    let folder = tempfile::tempdir().expect("folder");
    let Some((path, frames)) = bframes(&folder) else { return };
    let mut b = Bench::open(&path);
    b.settle();
    b.player.play();
    b.player.update(b.now);
    // Everything is decoded ahead (64 MB are much more than this video).
    std::thread::sleep(Duration::from_millis(500));
    b.now += Duration::from_millis(210);
    b.until("the frame due", |p| p.frame().is_some_and(|f| f.pts == frames[5].pts));
    // The window was hidden for a minute: at the end it stops, no time is skipped beyond it.
    b.now += Duration::from_secs(60);
    b.until("the end", |p| !p.is_playing());
    assert_eq!(b.pts(), frames[74].pts);
}

#[test]
fn loops_from_out_to_in() {
    let folder = tempfile::tempdir().expect("folder");
    let Some((path, frames)) = bframes(&folder) else { return };
    let mut b = Bench::open(&path);
    b.settle();
    b.player.set_loop(Some((frames[20].pts, frames[30].pts)));
    b.player.seek(frames[28].pts);
    b.settle();
    b.player.play();
    let mut shown = vec![b.pts()];
    while shown.len() < 25 {
        b.tick();
        if b.player.is_seeking() {
            b.settle();
        }
        if b.pts() != shown[shown.len() - 1] {
            shown.push(b.pts());
        }
    }
    let want: Vec<Pts> = (28..30).chain(20..30).chain(20..30).chain(20..23).map(|i| frames[i].pts).collect();
    assert_eq!(shown, want);
    // The end of the video counts as the out point of a loop that reaches beyond it.
    b.player.set_loop(Some((frames[70].pts, Pts::from_secs(50.0))));
    b.player.seek(frames[73].pts);
    b.settle();
    let mut shown = vec![b.pts()];
    while shown.len() < 5 {
        b.tick();
        if b.player.is_seeking() {
            b.settle();
        }
        if b.pts() != shown[shown.len() - 1] {
            shown.push(b.pts());
        }
    }
    assert_eq!(shown, [73, 74, 70, 71, 72].map(|i| frames[i].pts));
}

#[test]
fn the_latest_seek_wins() {
    let folder = tempfile::tempdir().expect("folder");
    let Some((path, frames)) = bframes(&folder) else { return };
    let mut b = Bench::open(&path);
    // Even before the file is open.
    b.player.seek(frames[50].pts);
    b.settle();
    assert_eq!(b.pts(), frames[50].pts);
    for i in 0..200 {
        b.player.seek(frames[i * 31 % 75].pts);
        b.player.update(b.now);
    }
    b.player.seek(frames[33].pts);
    b.settle();
    assert_eq!(b.pts(), frames[33].pts);
    assert_eq!(b.player.position(), frames[33].pts);
}

#[test]
fn errors_are_told_and_dropping_never_hangs() {
    let folder = tempfile::tempdir().expect("folder");
    let mut b = Bench::open(Path::new("/nowhere/at all.mp4"));
    b.until("an error", |p| p.error().is_some());
    assert!(matches!(b.player.error(), Some(VideoError::Io { .. })));
    assert!(!b.player.is_seeking());
    b.player.play();
    b.player.seek(Pts(5));
    b.player.step(1);
    b.player.update(b.now);
    assert!(b.player.frame().is_none() && !b.player.is_seeking());

    let Some((path, _)) = bframes(&folder) else { return };
    for i in 0..20 {
        let mut b = Bench::open(&path);
        if i % 2 == 0 {
            b.settle();
        }
        b.player.play();
        b.player.seek(Pts::from_secs(f64::from(i) * 0.1));
        b.player.update(b.now);
    }
}

#[test]
fn a_still_is_one_frame() {
    let folder = tempfile::tempdir().expect("folder");
    let args = "-f lavfi -i testsrc=size=64x48:rate=5:duration=1 -frames:v 1";
    let Some(path) = make(&folder.path().join("a.png"), args) else { return };
    let mut b = Bench::open(&path);
    b.settle();
    b.scanned();
    assert_eq!(b.player.info().expect("open").fps, None);
    b.player.step(1);
    b.settle();
    b.player.step(-1);
    b.settle();
    b.player.play();
    while b.player.is_playing() {
        b.tick();
    }
    assert_eq!(b.pts(), Pts(0));
}

/// Ten pictures a second of their own number, of which there are ten.
struct Numbers {
    times: Arc<motionlens::video::FrameTimes>,
    digest: motionlens::video::VideoDigest,
    first: u8,
}

impl motionlens::video::Film for Numbers {
    fn digest(&self) -> &motionlens::video::VideoDigest {
        &self.digest
    }

    fn times(&self) -> &Arc<motionlens::video::FrameTimes> {
        &self.times
    }

    fn size(&self) -> (u32, u32) {
        (4, 2)
    }

    fn picture(&self, at: Pts) -> motionlens::video::RgbImage {
        let value = self.first + self.times.place(at).unwrap() as u8;
        motionlens::video::RgbImage { width: 4, height: 2, data: vec![value; 24] }
    }
}

fn numbers(first: u8) -> Arc<Source> {
    let at = |i: i64| Pts(i * 100_000_000);
    let times = motionlens::video::FrameTimes::new((0..10).map(at).collect(), at(10));
    let digest = motionlens::video::VideoDigest(format!("{first}").into());
    Source::of_film(Arc::new(Numbers { times: Arc::new(times), digest, first }), "numbers", Arc::new(|| {}))
}

#[test]
fn a_film_plays_loops_seeks_steps_and_is_swapped_without_a_thread() {
    let source = numbers(0);
    assert!(source.id().is_film());
    let mut player = Player::open(&source);
    let start = Instant::now();
    let later = |ms| start + Duration::from_millis(ms);
    let shown = |p: &Player| p.frame().unwrap().to_rgb().data[0];
    player.update(start);
    let info = player.info().unwrap();
    assert_eq!((info.width, info.fps, info.duration), (4, Some(10.0), Some(Pts(1_000_000_000))));
    assert_eq!((shown(&player), player.is_seeking(), player.next_update(start)), (0, false, None));

    player.play();
    player.update(start);
    player.update(later(250));
    assert_eq!((shown(&player), player.next_update(later(250))), (2, Some(Duration::from_millis(50))));
    player.swap(&numbers(100));
    assert_eq!(shown(&player), 102, "the other film from the same time on");
    player.update(later(310));
    assert_eq!((shown(&player), player.is_playing()), (103, true));
    player.update(later(1_200));
    assert_eq!((shown(&player), player.is_playing()), (109, false), "the end");
    player.play();
    player.update(later(1_300));
    assert_eq!(shown(&player), 100, "from the start again");

    player.set_loop(Some((Pts(0), Pts(1_000_000_000))));
    player.update(later(2_350));
    assert!(player.is_playing() && shown(&player) <= 101, "round");
    player.seek(Pts(555_000_000));
    assert_eq!((shown(&player), player.position()), (105, Pts(555_000_000)));
    player.step(-2);
    assert_eq!((shown(&player), player.position(), player.is_playing()), (103, Pts(300_000_000), false));
    player.step(99);
    assert_eq!(shown(&player), 109);
    player.step(-99);
    assert_eq!(shown(&player), 100);
    assert!(player.close(Duration::from_secs(1)));
}

#[test]
fn a_film_is_read_as_a_file_is() {
    let source = numbers(7);
    let cancel = motionlens::video::Cancel::default();
    let times = source.frames(&cancel).unwrap();
    assert_eq!((times.times.len(), source.digest(&cancel).unwrap().0.as_ref()), (10, "7"));
    let mut reader = motionlens::video::FrameReader::open(&source, &cancel).unwrap();
    let mut read = Vec::new();
    let wanted = [times.times[5], times.times[2], times.times[5]];
    let mut each = |at: Pts, picture: motionlens::video::RgbImage| read.push((at, picture.data[0]));
    reader.read(&wanted, &cancel, &mut |_, _| {}, &mut each).unwrap();
    assert_eq!(read, [(times.times[2], 9), (times.times[5], 12)]);
    cancel.cancel();
    assert!(reader.read(&wanted, &cancel, &mut |_, _| {}, &mut |_, _| {}).is_err());
}
