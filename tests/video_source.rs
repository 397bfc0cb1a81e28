//! One source a file: read once whoever asks, whole or an error or said to be damaged, and nobody waits for its end.

mod video_support;

use motionlens::video::decode::Decoder;
use motionlens::video::source::reads;
use motionlens::video::{
    Cancel, ClipSpec, FrameReader, Player, Pts, RgbImage, Source, Span, VideoError, Wake,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use video_support::{all_frames, make};

/// Far above what any of these needs on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The counts of [`reads`] are the process's, so the tests here take turns.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn quiet() -> Wake {
    Arc::new(|| {})
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn first_picture(player: &mut Player) {
    until("the first picture", || {
        player.update(Instant::now());
        assert!(player.error().is_none(), "{:?}", player.error());
        player.frame().is_some()
    });
}

const FILM: &str =
    "-f lavfi -i testsrc2=size=160x120:rate=25:duration=3 -c:v libx264 -bf 3 -g 40 -pix_fmt yuv420p";

#[test]
fn everything_is_read_once() {
    let _turn = alone();
    let folder = folder();
    let Some(path) = make(&folder.path().join("a.mp4"), FILM) else { return };
    let whole: Vec<Pts> = all_frames(&path).iter().map(|f| f.pts).collect();
    let before = reads();
    let wakes = Arc::new(AtomicUsize::new(0));
    let count = wakes.clone();
    let wake = move || {
        count.fetch_add(1, Ordering::Relaxed);
    };
    let source = Source::open(&path, Arc::new(wake));
    assert_eq!(source.path(), path);
    let mut player = Player::open(&source);
    // The player, two samplers, the filmstrip and the report, all at once.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let cancel = Cancel::default();
                let times = source.frames(&cancel).expect("a list");
                assert_eq!((&times.times, &times.damaged), (&whole, &None));
                let clip =
                    ClipSpec::segments(Span::new(Pts(0), times.end)).frames(&times, 8).expect("a clip");
                let mut reader = FrameReader::open(&source, &cancel).expect("opens");
                let mut got = Vec::new();
                let mut keep = |at, _: RgbImage| got.push(at);
                reader.read(&clip, &cancel, &mut |_, _| {}, &mut keep).expect("reads");
                assert_eq!(got, clip);
                source.digest(&cancel).expect("a digest");
            });
        }
    });
    until("the scan in the player", || {
        player.update(Instant::now());
        player.info().is_some_and(|i| i.frames.is_some())
    });
    let after = reads();
    assert_eq!((after.scans - before.scans, after.digests - before.digests), (1, 1));
    assert_eq!(source.progress(), None, "it is over");
    assert!(wakes.load(Ordering::Relaxed) >= 3, "opened, listed, hashed");
    let bytes = std::fs::read(&path).expect("reads");
    let digest = source.try_digest().expect("known").expect("no error");
    assert_eq!(&*digest.0, &blake3::hash(&bytes).to_hex()[..32]);
    // Opened again it is the same file, changed it is another.
    let again = Source::open(&path, quiet());
    assert_eq!(again.id(), source.id());
    std::fs::write(&path, [&bytes[..], b"more"].concat()).expect("writes");
    assert_ne!(Source::open(&path, quiet()).id(), source.id());
}

#[test]
fn who_is_cancelled_takes_nothing_from_the_next() {
    let _turn = alone();
    let folder = folder();
    let Some(path) = make(&folder.path().join("a.mp4"), FILM) else { return };
    let source = Source::open(&path, quiet());
    let cancel = Cancel::default();
    cancel.cancel();
    assert!(matches!(source.frames(&cancel), Err(VideoError::Cancelled)));
    assert!(matches!(source.digest(&cancel), Err(VideoError::Cancelled)));
    // One that waits already.
    let cancel = Cancel::default();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| source.frames(&cancel));
        cancel.cancel();
        match waiting.join().expect("no panic") {
            Ok(times) => assert_eq!(times.times.len(), 75, "it was there before"),
            Err(e) => assert!(matches!(e, VideoError::Cancelled), "{e}"),
        }
    });
    let times = source.frames(&Cancel::default()).expect("a list");
    assert_eq!((times.times.len(), times.end), (75, Pts::from_secs(3.0)));
}

/// Something that can be held shut; a thread that comes by waits.
#[derive(Default)]
struct Gate(Mutex<()>);

impl Gate {
    fn shut(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[test]
fn dropping_waits_for_nobody() {
    let _turn = alone();
    let folder = folder();
    let Some(path) = make(&folder.path().join("a.mp4"), FILM) else { return };
    let gate: Arc<Gate> = Arc::default();
    let held = gate.shut();
    // Every thread of the source and its players gets stuck when it first tells something.
    let came = Arc::new(AtomicUsize::new(0));
    let wake: Wake = {
        let (gate, came) = (gate.clone(), came.clone());
        Arc::new(move || {
            came.fetch_add(1, Ordering::Relaxed);
            drop(gate.shut());
        })
    };
    let source = Source::open(&path, wake);
    let (first, second) = (Player::open(&source), Player::open(&source));
    until("three stuck threads", || came.load(Ordering::Relaxed) == 3);
    let (id, weak) = (source.id().clone(), Arc::downgrade(&source));
    assert!(!source.close(Duration::from_millis(20)), "{id}: it is stuck");
    let dropped = std::thread::spawn(move || {
        drop(first);
        assert!(!second.close(Duration::from_millis(20)), "it is stuck");
        drop(source);
    });
    until("dropping", || dropped.is_finished());
    dropped.join().expect("no panic");
    drop(held);
    // The threads end by themselves; then nobody holds the source or its wake any more.
    until("the threads", || weak.upgrade().is_none() && Arc::strong_count(&gate) == 1);

    // A reader that is kept for the next clip does not keep the source.
    let source = Source::open(&path, quiet());
    let reader = FrameReader::open(&source, &Cancel::default()).expect("opens");
    let weak = Arc::downgrade(&source);
    drop(source);
    assert!(weak.upgrade().is_none());
    drop(reader);

    let source = Source::open(&path, quiet());
    let mut player = Player::open(&source);
    first_picture(&mut player);
    assert!(player.close(PATIENCE) && source.close(PATIENCE), "they end when they are told to");
}

/// A file whose index stands in front.
fn streamable(path: &Path) -> Option<PathBuf> {
    make(path, &format!("{FILM} -movflags +faststart"))
}

#[test]
fn a_file_that_was_cut_off_says_so() {
    let _turn = alone();
    let folder = folder();
    let film = "-f lavfi -i testsrc2=size=160x120:rate=25:duration=6 -f lavfi -i sine=duration=6";
    for (name, args) in [
        ("a.mp4", "-c:v libx264 -bf 3 -g 40 -pix_fmt yuv420p -movflags +faststart"),
        ("a.mkv", "-c:v libx264 -bf 3 -g 40 -pix_fmt yuv420p"),
        ("a.webm", "-c:v libvpx -b:v 500k -deadline realtime -c:a libopus"),
        ("a.avi", "-c:v mpeg4 -q:v 5"),
    ] {
        let Some(path) = make(&folder.path().join(name), &format!("{film} {args}")) else { continue };
        let whole = Source::open(&path, quiet()).frames(&Cancel::default()).expect(name);
        assert_eq!((whole.times.len(), &whole.damaged), (150, &None), "{name}");
        let bytes = std::fs::read(&path).expect("reads");
        let cut = folder.path().join(format!("cut {name}"));
        std::fs::write(&cut, &bytes[..bytes.len() * 55 / 100]).expect("writes");
        let source = Source::open(&cut, quiet());
        let mut player = Player::open(&source);
        let times = source.frames(&Cancel::default()).expect(name);
        assert!((30..140).contains(&times.times.len()), "{name}: {} frames", times.times.len());
        // The last frames may lean on one that is not there; what comes before them is whole.
        let sure = times.times.len() - 4;
        assert_eq!(times.times[..sure], whole.times[..sure], "{name}: a beginning of the whole");
        let said = times.damaged.clone().unwrap_or_default();
        println!("{name}: {said}");
        assert!(said.starts_with("cut off"), "{name}: {said:?}");
        // It is played as far as it goes, and the window can tell.
        until("the scan in the player", || {
            player.update(Instant::now());
            player.info().is_some_and(|i| i.fault.is_some())
        });
        first_picture(&mut player);
        let info = player.info().expect("open");
        assert_eq!((info.duration, &info.fault), (Some(times.end), &times.damaged), "{name}");
    }
}

/// As a browser or a camera writes them, which cannot go back to fill in the length.
const UNSTATED: &[(&str, &str)] = &[
    ("live.webm", "-c:v libvpx -b:v 500k -deadline realtime -f webm -live 1"),
    ("live.mkv", "-c:v libx264 -bf 0 -pix_fmt yuv420p -f matroska -live 1"),
    ("raw.h264", "-c:v libx264 -bf 2 -pix_fmt yuv420p -f h264"),
    ("raw.m2v", "-c:v mpeg2video -f mpeg2video"),
    ("raw.mjpeg", "-c:v mjpeg -f mjpeg"),
    ("parts.mp4", "-c:v libx264 -pix_fmt yuv420p -movflags frag_keyframe+empty_moov"),
];

#[test]
fn a_length_that_nobody_states_is_not_made_up() {
    let _turn = alone();
    let folder = folder();
    for (name, args) in UNSTATED {
        let args = format!("-f lavfi -i testsrc2=size=160x120:rate=25:duration=3 {args}");
        let Some(path) = make(&folder.path().join(name), &args) else { continue };
        let decoder = Decoder::open(&path, &Cancel::default()).expect(name);
        println!("{name}: {:?}", decoder.stated_duration());
        assert!(decoder.stated_duration().is_none_or(|d| d == Pts::from_secs(3.0)), "{name}");
        if *name != "parts.mp4" {
            assert_eq!(decoder.stated_duration(), None, "{name}");
        }
        let source = Source::open(&path, quiet());
        let mut player = Player::open(&source);
        let mut lengths = Vec::new();
        until("the scan in the player", || {
            player.update(Instant::now());
            lengths.extend(player.info().map(|i| i.duration));
            player.info().is_some_and(|i| i.frames.is_some())
        });
        lengths.dedup();
        let times = source.frames(&Cancel::default()).expect(name);
        assert_eq!(times.damaged, None, "{name}");
        assert!((times.end.secs() - 3.0).abs() < 0.05, "{name}: {}", times.end.secs());
        assert!(
            lengths.iter().all(|l| l.is_none_or(|l| l == times.end)),
            "{name}: first unknown, then right: {lengths:?}"
        );
        assert_eq!(lengths.last(), Some(&Some(times.end)), "{name}");
    }
}

#[test]
fn two_hours_open_at_once() {
    let _turn = alone();
    let folder = folder();
    let args = "-f lavfi -i testsrc2=size=64x48:rate=1:duration=7200 -c:v libx264 -preset ultrafast -g 600 -pix_fmt yuv420p";
    let Some(path) = make(&folder.path().join("long.mp4"), args) else { return };
    // A source that never gets to its list: the first picture does not wait for it, nor does a far seek.
    let source = Source::open(&path, quiet());
    source.close(PATIENCE);
    let mut player = Player::open(&source);
    first_picture(&mut player);
    assert_eq!(player.info().expect("open").duration, Some(Pts::from_secs(7200.0)));
    player.seek(Pts::from_secs(7001.5));
    until("the seek", || {
        player.update(Instant::now());
        !player.is_seeking()
    });
    assert_eq!(player.frame().expect("shown").pts, Pts::from_secs(7001.0));
    // And one that gets to it.
    let source = Source::open(&path, quiet());
    let times = source.frames(&Cancel::default()).expect("a list");
    assert_eq!((times.times.len(), times.end, &times.damaged), (7200, Pts::from_secs(7200.0), &None));
    let mut reader = FrameReader::open(&source, &Cancel::default()).expect("opens");
    let clip = ClipSpec::segments(Span::new(Pts(0), times.end)).frames(&times, 8).expect("a clip");
    let mut got = Vec::new();
    let mut keep = |at, _: RgbImage| got.push(at);
    reader.read(&clip, &Cancel::default(), &mut |_, _| {}, &mut keep).expect("reads");
    assert_eq!(got, clip);
}

#[test]
fn pictures_are_those_of_playing_in_whatever_order() {
    let _turn = alone();
    let folder = folder();
    let Some(path) = streamable(&folder.path().join("a.mp4")) else { return };
    let frames = all_frames(&path);
    let source = Source::open(&path, quiet());
    let cancel = Cancel::default();
    let mut reader = FrameReader::open(&source, &cancel).expect("opens");
    let asked: Vec<usize> = vec![60, 3, 74, 31, 0, 30, 3];
    let (mut got, mut seen) = (Vec::new(), Vec::new());
    let times: Vec<Pts> = asked.iter().map(|i| frames[*i].pts).collect();
    reader
        .read(&times, &cancel, &mut |done, total| seen.push((done, total)), &mut |at, picture| {
            got.push((at, picture));
        })
        .expect("reads");
    assert_eq!(seen, (0..=6).map(|i| (i, 6)).collect::<Vec<_>>());
    let order: Vec<Pts> = got.iter().map(|(at, _)| *at).collect();
    assert_eq!(order, [0, 3, 30, 31, 60, 74].map(|i| frames[i].pts), "each once, in rising order");
    for ((_, picture), i) in got.iter().zip([0, 3, 30, 31, 60, 74]) {
        assert!(*picture == frames[i].to_rgb(), "frame {i}");
    }
    // One job is stopped; the next one on the same reader is as good as before.
    let stop = Cancel::default();
    let mut count = 0;
    let stopped = reader.read(&times, &stop, &mut |_, _| {}, &mut |_, _| {
        count += 1;
        stop.cancel();
    });
    assert!(matches!(stopped, Err(VideoError::Cancelled)) && count == 1, "{stopped:?}, {count}");
    let mut again = None;
    reader
        .read(&[frames[42].pts], &cancel, &mut |_, _| {}, &mut |_, picture| again = Some(picture))
        .expect("reads");
    assert!(again == Some(frames[42].to_rgb()));
}
