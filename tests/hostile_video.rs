//! Broken and odd files: each gives a picture or a clear error, in bounded time and memory, without a panic, and
//! without anything else being opened.

use motionlens::video::decode::Decoder;
use motionlens::video::{
    Cancel, ClipSpec, FrameReader, Mp4Writer, Player, Pts, RgbImage, Source, Span, VideoError,
};
use rand::{Rng, SeedableRng};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Far above what any of these needs on a slow machine; the point is that it ends.
const PATIENCE: Duration = Duration::from_secs(90);

/// How a file ended.
#[derive(Debug)]
enum End {
    /// So many frames.
    Frames(usize),
    Error(VideoError),
}

/// Everything that the app does with a file, on a watched thread.
fn exercise(path: &Path) -> End {
    let (tell, told) = channel();
    let own = path.to_owned();
    let thread = std::thread::spawn(move || {
        let _ = tell.send(run(&own));
    });
    match told.recv_timeout(PATIENCE) {
        Ok(end) => {
            thread.join().expect("it has ended");
            end
        }
        Err(RecvTimeoutError::Timeout) => panic!("{}: still busy after {PATIENCE:?}", path.display()),
        Err(RecvTimeoutError::Disconnected) => panic!("{}: a panic", path.display()),
    }
}

fn run(path: &Path) -> End {
    let cancel = Cancel::default();
    let mut decoder = match Decoder::open(path, &cancel) {
        Ok(decoder) => decoder,
        Err(error) => {
            let text = error.to_string();
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            assert!(text.contains(&name), "the message names the file: {text}");
            assert!(text.len() > name.len() + 20, "the message says something: {text}");
            // The other doors lead to the same room.
            let source = Source::open(path, Arc::new(|| {}));
            assert!(source.frames(&cancel).is_err());
            assert!(FrameReader::open(&source, &cancel).is_err());
            return End::Error(error);
        }
    };
    let mut frames = 0;
    while let Ok(Some(frame)) = decoder.next_frame() {
        if frames == 0 {
            let rgb = frame.to_rgb();
            assert_eq!(rgb.data.len(), 3 * rgb.width as usize * rgb.height as usize);
        }
        frames += 1;
    }
    for at in [0.0, 0.3, 1e9, -1.0, 0.1] {
        let _ = decoder.seek(Pts::from_secs(at), &mut |_| true);
    }
    let _ = decoder.scanner().run(&cancel);
    let source = Source::open(path, Arc::new(|| {}));
    // Whatever it is, it comes to an end: a list or a reason.
    let listed = source.frames(&cancel);
    assert!(source.digest(&cancel).is_ok());
    if let Ok(times) = &listed {
        let spec = ClipSpec::segments(Span::new(Pts(0), Pts::from_secs(10.0)));
        let clip = spec.frames(times, 4).expect("a list has frames");
        if let Ok(mut reader) = FrameReader::open(&source, &cancel) {
            let _ = reader.read(&clip, &cancel, &mut |_, _| {}, &mut |_, _| {});
        }
    }
    let mut player = Player::open(&source);
    let start = Instant::now();
    while player.frame().is_none() && player.error().is_none() && start.elapsed() < PATIENCE {
        player.update(Instant::now());
        std::thread::sleep(Duration::from_millis(1));
    }
    player.play();
    player.seek(Pts::from_secs(0.2));
    player.update(Instant::now());
    player.step(-1);
    player.update(Instant::now());
    End::Frames(frames)
}

fn picture(width: u32, height: u32, seed: u32) -> RgbImage {
    let value = |x: u32, y: u32| (((x / 8) ^ (y / 8)).wrapping_mul(37).wrapping_add(seed * 5) & 0xff) as u8;
    let data =
        (0..height).flat_map(|y| (0..width).flat_map(move |x| [value(x, y), x as u8, y as u8])).collect();
    RgbImage { width, height, data }
}

fn mp4(path: &Path, width: u32, height: u32, frames: u32) -> Vec<u8> {
    let mut writer = Mp4Writer::create(path, width, height, 25.0, 23).expect("starts");
    for i in 0..frames {
        writer.push(&picture(width, height, i)).expect("takes it");
    }
    writer.finish().expect("finishes");
    std::fs::read(path).expect("reads")
}

/// Where a box's four letters stand.
fn find(bytes: &[u8], letters: &[u8; 4]) -> usize {
    bytes.windows(4).position(|w| w == letters).unwrap_or_else(|| panic!("no {letters:?}"))
}

fn wav() -> Vec<u8> {
    let samples = vec![0u8; 16000];
    let mut out = b"RIFF".to_vec();
    out.extend((36 + samples.len() as u32).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
    out.extend((samples.len() as u32).to_le_bytes());
    out.extend(samples);
    out
}

/// A PNG whose header says `width`×`height` and whose data ends early.
fn png(width: u32, height: u32) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        !bytes.iter().fold(!0u32, |crc, b| {
            (0..8).fold(crc ^ u32::from(*b), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xEDB8_8320 } else { c >> 1 })
        })
    };
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [
        (b"IHDR", [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat()),
        (b"IDAT", vec![0x78, 0x9c, 0x63, 0, 0]),
        (b"IEND", vec![]),
    ] {
        out.extend((data.len() as u32).to_be_bytes());
        let body = [&kind[..], &data].concat();
        out.extend(&body);
        out.extend(crc(&body).to_be_bytes());
    }
    out
}

struct Files {
    folder: tempfile::TempDir,
    count: usize,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), count: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&mut self, path: &Path) -> End {
        self.count += 1;
        let end = exercise(path);
        match &end {
            End::Frames(n) => println!("{}: {n} frames", path.display()),
            End::Error(e) => println!("{e}"),
        }
        end
    }

    fn with(&mut self, name: &str, bytes: &[u8]) -> End {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("writes");
        self.run(&path)
    }

    fn error(&mut self, name: &str, bytes: &[u8]) -> VideoError {
        match self.with(name, bytes) {
            End::Error(e) => e,
            End::Frames(n) => panic!("{name} gave {n} frames"),
        }
    }

    fn frames(&mut self, name: &str, bytes: &[u8]) -> usize {
        match self.with(name, bytes) {
            End::Frames(n) => n,
            End::Error(e) => panic!("{e}"),
        }
    }
}

#[test]
fn damaged_containers() {
    let mut files = Files::new();
    let good = mp4(&files.path("good.mp4"), 96, 64, 40);
    assert_eq!(files.frames("again.mp4", &good), 40);
    // The header is at the end: every cut loses it.
    for percent in [0, 1, 5, 20, 50, 80] {
        let cut = &good[..good.len() * percent / 100];
        let error = files.error(&format!("cut{percent}.mp4"), cut);
        assert!(!matches!(error, VideoError::Cancelled | VideoError::Timeout { .. }), "{error}");
    }
    // Of the header only the ending is gone.
    for missing in [1, 10, 100, 300] {
        files.with(&format!("without_the_last_{missing}.mp4"), &good[..good.len() - missing]);
    }
    assert!(matches!(files.error("empty.mp4", b""), VideoError::Empty { .. }));

    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
    let moov = find(&good, b"moov");
    for i in 0..24 {
        let mut bytes = good.clone();
        // Anywhere, in the pictures only, in the header only.
        let range = [32..good.len(), 48..moov - 8, moov + 4..good.len()][i % 3].clone();
        for _ in 0..1 + i * 2 {
            bytes[rng.random_range(range.clone())] ^= 1 << rng.random_range(0..8);
        }
        files.with(&format!("flipped{i}.mp4"), &bytes);
    }
    let mut hole = good.clone();
    let (from, to) = (moov / 3, moov / 2);
    hole[from..to].fill(0);
    assert!(files.frames("hole.mp4", &hole) > 5, "what is left is shown");

    let mut without = good.clone();
    without[moov..moov + 4].copy_from_slice(b"none");
    files.error("without_moov.mp4", &without);
    let mut timeless = good.clone();
    for (letters, offset) in [(b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20)] {
        let at = find(&good, letters) + offset;
        timeless[at..at + 4].fill(0);
    }
    assert_eq!(files.frames("zero_duration.mp4", &timeless), 40);
    let mut stopped = good.clone();
    let stts = find(&good, b"stts");
    stopped[stts + 16..stts + 20].fill(0);
    files.with("all_at_once.mp4", &stopped);
    let mut huge = good.clone();
    let avc1 = find(&good, b"avc1");
    huge[avc1 + 28..avc1 + 32].fill(0xff);
    files.with("says_65535.mp4", &huge);
    let mut endless = good.clone();
    let mdat = find(&good, b"mdat");
    endless[mdat - 4..mdat].copy_from_slice(&0x7fff_ffffu32.to_be_bytes());
    files.with("endless_box.mp4", &endless);
    let mut samples = good.clone();
    let stsz = find(&good, b"stsz");
    samples[stsz + 12..stsz + 16].fill(0x7f);
    files.with("too_many_samples.mp4", &samples);
    assert!(files.count >= 40, "{}", files.count);
}

#[test]
fn other_containers_cut_and_flipped() {
    let mut files = Files::new();
    let made = |files: &Files, name: &str, args: &str| {
        let path = files.path(name);
        let run = Command::new("ffmpeg")
            .args("-v error -nostdin -y -f lavfi -i testsrc2=size=96x64:rate=25:duration=1.5".split(' '))
            .args(args.split_whitespace())
            .arg(&path)
            .output();
        match run {
            Ok(run) if run.status.success() => std::fs::read(path).ok(),
            _ => None,
        }
    };
    let kinds = [
        ("a.mkv", "-c:v libx264 -pix_fmt yuv420p"),
        ("a.webm", "-c:v libvpx -b:v 500k -deadline realtime"),
        ("a.ts", "-c:v mpeg2video"),
        ("a.mpg", "-c:v mpeg2video"),
        ("a.avi", "-c:v mpeg4"),
        ("a.flv", "-c:v flv"),
        ("a.gif", ""),
        ("a.ogv", "-c:v libtheora"),
        ("a.h264", "-c:v libx264 -pix_fmt yuv420p"),
        ("a.mjpeg", "-c:v mjpeg"),
        ("a.jpg", "-frames:v 1"),
        ("a.png", "-frames:v 1"),
        ("a.webp", "-frames:v 1"),
        ("a.tiff", "-frames:v 1"),
    ];
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(9);
    for (name, args) in kinds {
        let Some(good) = made(&files, name, args) else {
            eprintln!("skipped {name}: ffmpeg cannot make it");
            continue;
        };
        for percent in [2, 30, 70, 97] {
            files.with(&format!("cut{percent}.{name}"), &good[..good.len() * percent / 100]);
        }
        for i in 0..3 {
            let mut bytes = good.clone();
            for _ in 0..(bytes.len() >> (5 + i)).clamp(3, 3000) {
                let at = rng.random_range(0..bytes.len());
                bytes[at] = rng.random();
            }
            files.with(&format!("noise{i}.{name}"), &bytes);
        }
    }
}

#[test]
fn what_is_no_video() {
    let mut files = Files::new();
    let good = mp4(&files.path("good.mp4"), 32, 32, 5);
    files.error("one_byte.mp4", b"x");
    files.error("text.mp4", "Nothing to see here.\n".repeat(500).as_bytes());
    files.error(
        "page.mp4",
        b"<!DOCTYPE html><html><body><video src=\"http://127.0.0.1/a.mp4\"></body></html>",
    );
    files.error("zeros.mp4", &vec![0; 1 << 20]);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    files.error("noise.mp4", &(0..1 << 18).map(|_| rng.random()).collect::<Vec<u8>>());
    files.error("beginning.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom");
    files.error("subtitles.mp4", b"1\n00:00:00,000 --> 00:00:05,000\nHello\n");
    files.error("archive.mp4", b"PK\x03\x04\x14\0\0\0\x08\0");
    let error = files.error("sound.mp4", &wav());
    assert!(matches!(error, VideoError::NoVideo { what: "sound", .. }), "{error}");
    // Content decides, not the name.
    for name in ["film.txt", "film.m3u8", "film.jpg", "film", "film%03d.png", "film\n.mp4", "сюжет 🎬.mp4"]
    {
        assert_eq!(files.frames(name, &good), 5, "{name}");
    }
    files.error("big.png", &png(60_000, 60_000));
    files.error("wide.png", &png(20_000, 3));
    files.with("cut.png", &png(400, 300));
    let gif = b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;";
    files.error("big.gif", gif);
    for (width, height) in [(16, 16), (18, 4096), (4096, 2160)] {
        let path = files.path(&format!("{width}x{height}.mp4"));
        mp4(&path, width, height, 2);
        assert!(matches!(files.run(&path), End::Frames(2)), "{width}x{height}");
    }
}

#[test]
fn what_is_no_file() {
    let mut files = Files::new();
    let good = files.path("good.mp4");
    mp4(&good, 32, 32, 5);
    let error = |end: End| match end {
        End::Error(e) => e,
        End::Frames(n) => panic!("{n} frames"),
    };
    let folder = files.path("folder.mp4");
    std::fs::create_dir(&folder).expect("a folder");
    assert!(matches!(error(files.run(&folder)), VideoError::NotAFile { what: "a folder", .. }));
    assert!(matches!(error(files.run(&files.path("absent.mp4"))), VideoError::Io { .. }));
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        use std::os::unix::fs::symlink;
        let fifo = files.path("fifo.mp4");
        assert!(Command::new("mkfifo").arg(&fifo).status().is_ok_and(|s| s.success()));
        assert!(matches!(error(files.run(&fifo)), VideoError::NotAFile { .. }));
        for device in ["/dev/zero", "/dev/null"] {
            assert!(matches!(error(files.run(Path::new(device))), VideoError::NotAFile { .. }), "{device}");
        }
        let link = files.path("link.mp4");
        symlink(&good, &link).expect("a link");
        assert!(matches!(files.run(&link), End::Frames(5)));
        let dangling = files.path("dangling.mp4");
        symlink(files.path("absent.mp4"), &dangling).expect("a link");
        assert!(matches!(error(files.run(&dangling)), VideoError::Io { .. }));
        let ring = files.path("ring.mp4");
        symlink(&ring, &ring).expect("a link");
        assert!(matches!(error(files.run(&ring)), VideoError::Io { .. }));
        let odd = files.folder.path().join(std::ffi::OsStr::from_bytes(b"not\xff\xfeutf8.mp4"));
        std::fs::copy(&good, &odd).expect("copies");
        assert!(matches!(files.run(&odd), End::Frames(5)));
    }
}

/// Files that name other files and addresses: refused, and nobody is called.
#[test]
fn playlists_open_nothing() {
    let mut files = Files::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("nonblocking");
    let port = listener.local_addr().expect("an address").port();
    let good = files.path("good.mp4");
    mp4(&good, 32, 32, 5);
    let good = good.display().to_string();
    for target in [
        good.clone(),
        format!("file://{good}"),
        "good.mp4".to_owned(),
        format!("http://127.0.0.1:{port}/a.ts"),
        format!("tcp://127.0.0.1:{port}"),
    ] {
        let lists = [
            (
                "hls.m3u8",
                format!(
                    "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{target}\n#EXT-X-ENDLIST\n"
                ),
            ),
            ("master.m3u8", format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n")),
            ("list.ffconcat", format!("ffconcat version 1.0\nfile '{target}'\n")),
            ("list.txt", format!("file '{target}'\n")),
            (
                "session.sdp",
                format!(
                    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=control:{target}\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
                ),
            ),
            (
                "dash.mpd",
                format!(
                    "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\"><Period><AdaptationSet><Representation id=\"1\" mimeType=\"video/mp4\"><BaseURL>{target}</BaseURL></Representation></AdaptationSet></Period></MPD>"
                ),
            ),
            ("list.pls", format!("[playlist]\nFile1={target}\n")),
            ("list.asx", format!("<asx version=\"3.0\"><entry><ref href=\"{target}\"/></entry></asx>")),
            (
                "list.xspf",
                format!(
                    "<?xml version=\"1.0\"?><playlist version=\"1\"><trackList><track><location>{target}</location></track></trackList></playlist>"
                ),
            ),
            ("list.smil", format!("<smil><body><video src=\"{target}\"/></body></smil>")),
            ("a.rtsp", format!("RTSPtext\n{target}\n")),
            (
                "picture.svg",
                format!(
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"9\" height=\"9\"><image xlink:href=\"{target}\"/></svg>"
                ),
            ),
            ("vapour.vpy", format!("import os\nos.system('touch {target}.touched')\n")),
            ("avisynth.avs", format!("AviSource(\"{target}\")\n")),
        ];
        for (name, text) in &lists {
            for name in [(*name).to_owned(), format!("{name}.mp4")] {
                let error = files.error(&name, text.as_bytes());
                assert!(
                    matches!(error, VideoError::Playlist { .. } | VideoError::NotAVideo { .. }),
                    "{name}: {error}"
                );
            }
        }
    }
    // A QuickTime film whose data lies in another file.
    let bytes = std::fs::read(&good).expect("reads");
    let mut referring = bytes.clone();
    let dref = find(&bytes, b"dref");
    // "url " with the flag "in this file" becomes an alias elsewhere.
    referring[dref + 16..dref + 20].copy_from_slice(b"alis");
    referring[dref + 20..dref + 24].fill(0);
    files.with("reference.mov", &referring);
    assert!(listener.accept().is_err(), "nobody was called");
    assert!(files.count > 100);
}

/// After everything above, or what of it ran before, in this process.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_bounded() {
    let mut files = Files::new();
    for (name, bytes) in [("a.png", png(16_384, 6_103)), ("b.png", png(16_000, 16_000))] {
        files.with(name, &bytes);
    }
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("VmHWM");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    println!("peak {} MB", kilobytes >> 10);
    assert!(kilobytes < 4 << 20, "{} MB", kilobytes >> 10);
}
