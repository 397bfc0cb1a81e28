//! Decoding against what ffmpeg's own tools say of the same files.

mod video_support;

use motionlens::video::decode::Decoder;
use motionlens::video::frame::{Layout, Matrix, Range};
use motionlens::video::{Cancel, Frame, Mp4Writer, Pts, RgbImage, VideoError};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use video_support::{all_frames, make, open};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn flat(width: u32, height: u32, rgb: [u8; 3]) -> RgbImage {
    RgbImage { width, height, data: rgb.repeat((width * height) as usize) }
}

/// Mean colour of the middle half of a picture.
fn middle(image: &RgbImage) -> [f64; 3] {
    let (w, h) = (image.width as usize, image.height as usize);
    let mut sum = [0.0; 3];
    let mut count = 0.0;
    for y in h / 4..(3 * h).div_ceil(4) {
        for x in w / 4..(3 * w).div_ceil(4) {
            for (c, total) in sum.iter_mut().enumerate() {
                *total += f64::from(image.data[3 * (y * w + x) + c]);
            }
            count += 1.0;
        }
    }
    sum.map(|s| s / count)
}

/// One pixel.
fn pixel(image: &RgbImage, x: u32, y: u32) -> [u8; 3] {
    let at = 3 * (y as usize * image.width as usize + x as usize);
    [image.data[at], image.data[at + 1], image.data[at + 2]]
}

/// Every kind of stream whose seeking differs, three seconds each.
const STREAMS: &[(&str, &str)] = &[
    ("bframes.mp4", "-c:v libx264 -preset fast -bf 3 -g 30 -pix_fmt yuv420p"),
    ("one_gop.mp4", "-c:v libx264 -preset fast -bf 2 -g 999 -pix_fmt yuv420p"),
    (
        "open_gop.mp4",
        "-c:v libx264 -preset fast -x264-params open-gop=1:bframes=3:keyint=12:min-keyint=12:b-pyramid=2 -pix_fmt yuv420p",
    ),
    (
        "open_gop.ts",
        "-c:v libx264 -preset fast -x264-params open-gop=1:bframes=3:keyint=12:min-keyint=12 -pix_fmt yuv420p",
    ),
    (
        "open_gop.mkv",
        "-c:v libx264 -preset fast -x264-params open-gop=1:bframes=3:keyint=12:min-keyint=12 -pix_fmt yuv420p",
    ),
    (
        "hevc.mp4",
        "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=12:min-keyint=12:bframes=3 -pix_fmt yuv420p",
    ),
    ("mpeg2.ts", "-c:v mpeg2video -bf 2 -g 12 -q:v 4"),
    ("mpeg2.mpg", "-c:v mpeg2video -bf 2 -g 12 -q:v 4"),
    ("mpeg4.avi", "-c:v mpeg4 -bf 2 -g 12 -q:v 4"),
    ("vp8.webm", "-c:v libvpx -auto-alt-ref 1 -lag-in-frames 16 -g 20 -b:v 1M -deadline realtime"),
    ("vp9.webm", "-c:v libvpx-vp9 -g 20 -b:v 1M -deadline realtime -cpu-used 8"),
    ("av1.mp4", "-c:v libsvtav1 -preset 10 -g 20 -pix_fmt yuv420p"),
    ("mjpeg.mov", "-c:v mjpeg -q:v 3"),
    ("raw.h264", "-c:v libx264 -preset fast -bf 2 -g 12 -pix_fmt yuv420p"),
    ("raw.flv", "-c:v flv -g 12"),
    ("animated.gif", ""),
    ("gray.mkv", "-c:v ffv1 -pix_fmt gray"),
    (
        "vfr.mp4",
        "-vf select='not(mod(n\\,3))+lt(mod(n\\,7)\\,2)' -vsync vfr -c:v libx264 -preset fast -bf 2 -g 20 -pix_fmt yuv420p",
    ),
];

#[test]
fn seeking_gives_the_frame_that_playing_gives() {
    let folder = folder();
    for (name, args) in STREAMS {
        let source = "-f lavfi -i testsrc2=size=128x96:rate=25:duration=3";
        let Some(path) = make(&folder.path().join(name), &format!("{source} {args}")) else { continue };
        let frames = all_frames(&path);
        assert!(frames.len() >= 40, "{name}: {} frames", frames.len());
        assert!(frames.windows(2).all(|w| w[0].pts < w[1].pts), "{name}: times rise");
        let pictures: Vec<_> = frames.iter().map(|f| f.to_rgb()).collect();
        let mut decoder = open(&path);
        let n = frames.len();
        // Far jumps, near jumps, backwards and forwards: 7 has no factor in common with most counts.
        let order = || (0..n).map(|i| i * 7 % n).chain((0..n).rev()).chain([0, n - 1, 0]);
        // First without, then with the list of frames, which lets the decoder leave pictures out on the way.
        for i in order().chain([usize::MAX]).chain(order()) {
            if i == usize::MAX {
                decoder.know(Arc::new(decoder.scanner().run(&Cancel::default()).expect(name)));
                continue;
            }
            let exact = frames[i].pts;
            let within =
                Pts(exact.0 + frames.get(i + 1).map_or(1_000_000, |next| (next.pts.0 - exact.0) / 2));
            for at in [exact, within] {
                let complete_from = decoder.complete_from(at);
                let mut seen = Vec::new();
                let mut collect = |f: &Arc<Frame>| {
                    // A jump that is repeated from farther back starts again.
                    if seen.last().is_some_and(|last| *last >= f.pts) {
                        seen.clear();
                    }
                    seen.push(f.pts);
                    true
                };
                let got = decoder.seek(at, &mut collect).expect(name).expect(name);
                assert_eq!(got.pts, exact, "{name}: frame {i}");
                assert!(got.to_rgb() == pictures[i], "{name}: another picture at frame {i}");
                // What it saw from there on has no gaps.
                let start = seen.iter().rposition(|p| *p <= complete_from).unwrap_or(0);
                let first = frames.iter().position(|f| f.pts == seen[start]).expect(name);
                let want: Vec<Pts> = frames[first..=i].iter().map(|f| f.pts).collect();
                assert_eq!(seen[start..], want, "{name}: on the way to frame {i}");
            }
        }
        // One by one, whatever lies between them; then a seek finds its way from wherever that ended.
        for apart in [1, 5, 13, 29, n - 1] {
            let picked: Vec<usize> = (apart % 3..n).step_by(apart).collect();
            for (i, next) in picked.iter().zip(picked[1..].iter().map(Some).chain([None])) {
                let (at, then) = (frames[*i].pts, next.map(|next| frames[*next].pts));
                let got = decoder.pick(at, then, &mut |_| true).expect(name).expect(name);
                assert_eq!(got.pts, at, "{name}: frame {i} of every {apart}");
                assert!(
                    got.to_rgb() == pictures[*i],
                    "{name}: another picture at frame {i} of every {apart}"
                );
            }
        }
        // After a seek it plays on without a gap.
        decoder.seek(frames[n / 2].pts, &mut |_| true).expect(name);
        for (i, frame) in frames.iter().enumerate().skip(n / 2 + 1) {
            let next = decoder.next_frame().expect(name).expect(name);
            assert_eq!(next.pts, frame.pts, "{name}: frame {i} after the seek");
            assert!(next.to_rgb() == pictures[i], "{name}: frame {i} after the seek");
        }
        assert!(decoder.next_frame().expect(name).is_none(), "{name}");
        let before = decoder.seek(Pts(-5), &mut |_| true).expect(name).expect(name);
        assert_eq!(before.pts, frames[0].pts, "{name}: before the start");
        let after = decoder.seek(Pts::from_secs(1e6), &mut |_| true).expect(name).expect(name);
        assert_eq!(after.pts, frames[n - 1].pts, "{name}: after the end");
    }
}

#[test]
fn the_packet_scan_lists_the_frames() {
    let folder = folder();
    for (name, args) in STREAMS {
        let source = "-f lavfi -i testsrc2=size=128x96:rate=25:duration=3";
        let Some(path) = make(&folder.path().join(name), &format!("{source} {args}")) else { continue };
        let decoded: Vec<Pts> = all_frames(&path).iter().map(|f| f.pts).collect();
        let times = open(&path).scanner().run(&Cancel::default()).expect(name);
        assert_eq!((&times.times, &times.damaged), (&decoded, &None), "{name}");
        assert_eq!(times.is_variable(), *name == "vfr.mp4", "{name}");
        let end = if *name == "vfr.mp4" { 2.9 } else { 3.0 };
        assert!((times.end.secs() - end).abs() < 0.11, "{name} ends at {}", times.end.secs());
    }
}

/// Of a file with key frames 12 apart, 8 of 300 frames cost a few each and not the way between them.
#[test]
fn far_frames_cost_only_what_they_lean_on() {
    let folder = folder();
    let source = "-f lavfi -i testsrc2=size=128x96:rate=30:duration=10";
    for (name, args, most) in [
        ("h264.mp4", "-c:v libx264 -g 12 -keyint_min 12 -sc_threshold 0 -pix_fmt yuv420p", 40),
        (
            "hevc.mp4",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=12:min-keyint=12:bframes=3 -pix_fmt yuv420p",
            80,
        ),
        ("mpeg4.avi", "-c:v mpeg4 -g 12", 60),
        ("av1.mp4", "-c:v libsvtav1 -preset 10 -g 12 -pix_fmt yuv420p", 70),
    ] {
        let Some(path) = make(&folder.path().join(name), &format!("{source} {args}")) else { continue };
        let frames = all_frames(&path);
        let mut decoder = open(&path);
        decoder.know(Arc::new(decoder.scanner().run(&Cancel::default()).expect(name)));
        let before = decoder.decoded();
        let wanted: Vec<usize> = (0..8).map(|i| (2 * i + 1) * frames.len() / 16).collect();
        for (i, next) in wanted.iter().zip(wanted[1..].iter().map(Some).chain([None])) {
            let then = next.map(|next| frames[*next].pts);
            let got = decoder.pick(frames[*i].pts, then, &mut |_| true).expect(name).expect(name);
            assert!(got.to_rgb() == frames[*i].to_rgb(), "{name}: frame {i}");
        }
        let decoded = decoder.decoded() - before;
        println!("{name}: {decoded} of {} frames decoded for 8", frames.len());
        assert!(decoded <= most, "{name}: {decoded} frames decoded for 8");
    }
}

/// A far seek forward within one group of pictures goes on from where it is: eight frames of a clip cost one pass.
#[test]
fn a_seek_within_a_run_decodes_on() {
    let folder = folder();
    let args =
        "-f lavfi -i testsrc2=size=64x48:rate=25:duration=10 -c:v libx264 -bf 2 -g 999 -pix_fmt yuv420p";
    let Some(path) = make(&folder.path().join("one_gop.mp4"), args) else { return };
    let frames = all_frames(&path);
    let mut decoder = open(&path);
    let times = decoder.scanner().run(&Cancel::default()).expect("scans");
    assert_eq!(times.keys, [Pts(0)]);
    decoder.know(Arc::new(times));
    let mut seen = 0;
    for i in (15..250).step_by(31) {
        let mut from = None;
        let mut count = |f: &Arc<Frame>| {
            from.get_or_insert(f.pts);
            seen += 1;
            true
        };
        let got = decoder.seek(frames[i].pts, &mut count).expect("seeks").expect("a frame");
        assert!(got.to_rgb() == frames[i].to_rgb(), "frame {i}");
        let before = if i == 15 { Pts(0) } else { frames[i - 31].pts };
        assert_eq!(from, Some(before), "frame {i}");
    }
    assert!(seen <= 250 + 8, "{seen} frames decoded for 8");
}

/// ffprobe's list of frame times, from the first frame; `None` inside where it knows none.
fn probed(path: &Path) -> Option<Vec<Option<f64>>> {
    let fields =
        ["-v", "error", "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time"];
    let out = Command::new("ffprobe").args(fields).args(["-of", "csv=p=0"]).arg(path).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let lines = text.lines().map(|l| l.trim().trim_end_matches(',')).filter(|l| !l.is_empty());
    let times: Vec<Option<f64>> = lines.map(|l| l.parse().ok()).collect();
    let first = (*times.first()?)?;
    Some(times.iter().map(|t| t.map(|t| t - first)).collect())
}

#[test]
fn times_are_those_of_ffprobe() {
    let folder = folder();
    for (name, args) in STREAMS.iter().filter(|s| s.0 != "raw.h264") {
        let source = "-f lavfi -i testsrc2=size=128x96:rate=30000/1001:duration=2";
        let Some(path) = make(&folder.path().join(name), &format!("{source} {args}")) else { continue };
        let Some(want) = probed(&path) else { return };
        let frames = all_frames(&path);
        assert_eq!(frames.len(), want.len(), "{name}");
        for (frame, want) in frames.iter().zip(want) {
            let got = frame.pts.secs() - frames[0].pts.secs();
            assert!(want.is_none_or(|want| (got - want).abs() < 2e-6), "{name}: {got} instead of {want:?}");
        }
    }
}

#[test]
fn an_edit_list_cuts_the_beginning() {
    let folder = folder();
    let source =
        "-f lavfi -i testsrc2=size=128x96:rate=25:duration=3 -c:v libx264 -g 50 -bf 2 -pix_fmt yuv420p";
    let Some(whole) = make(&folder.path().join("whole.mp4"), source) else { return };
    // Copying from the middle of a group of pictures: the edit list hides what comes before.
    let args = format!("-ss 0.6 -i {} -c copy", whole.display());
    let Some(cut) = make(&folder.path().join("cut.mp4"), &args) else { return };
    let (whole, frames) = (all_frames(&whole), all_frames(&cut));
    assert_eq!(frames[0].pts, Pts(0));
    assert_eq!(frames.len(), whole.len() - 15);
    assert!(frames[0].to_rgb() == whole[15].to_rgb(), "the first frame on show is that of 0.6 s");
    let times = open(&cut).scanner().run(&Cancel::default()).expect("scan");
    assert_eq!(times.times, frames.iter().map(|f| f.pts).collect::<Vec<_>>());
}

#[test]
fn colours_come_out_right() {
    let folder = folder();
    let want = [200.0, 60.0, 30.0];
    let cases = [
        (
            "601 small",
            "a.mp4",
            "320x240",
            "-vf scale=out_color_matrix=bt601 -c:v libx264 -pix_fmt yuv420p",
            Matrix::Bt601,
            Range::Limited,
            8,
        ),
        (
            "709 large untagged",
            "b.mp4",
            "1280x720",
            "-vf scale=out_color_matrix=bt709 -c:v libx264 -pix_fmt yuv420p",
            Matrix::Bt709,
            Range::Limited,
            8,
        ),
        (
            "709 small tagged",
            "c.mp4",
            "320x240",
            "-vf scale=out_color_matrix=bt709 -colorspace bt709 -c:v libx264 -pix_fmt yuv420p",
            Matrix::Bt709,
            Range::Limited,
            8,
        ),
        (
            "601 large tagged",
            "d.mp4",
            "1280x720",
            "-vf scale=out_color_matrix=bt601 -colorspace smpte170m -c:v libx264 -pix_fmt yuv420p",
            Matrix::Bt601,
            Range::Limited,
            8,
        ),
        (
            "2020 10 bit",
            "e.mp4",
            "320x240",
            "-vf scale=out_color_matrix=bt2020 -colorspace bt2020nc -c:v libx264 -pix_fmt yuv420p10le",
            Matrix::Bt2020,
            Range::Limited,
            10,
        ),
        (
            "full range",
            "f.mp4",
            "320x240",
            "-vf scale=out_range=full:out_color_matrix=bt601 -color_range pc -c:v libx264 -pix_fmt yuv420p",
            Matrix::Bt601,
            Range::Full,
            8,
        ),
        ("4:2:2", "g.mkv", "320x240", "-c:v ffv1 -pix_fmt yuv422p", Matrix::Bt601, Range::Limited, 8),
        (
            "4:4:4 10 bit",
            "h.mkv",
            "320x240",
            "-c:v ffv1 -pix_fmt yuv444p10le",
            Matrix::Bt601,
            Range::Limited,
            10,
        ),
        (
            "4:1:1 through swscale",
            "i.mkv",
            "320x240",
            "-c:v ffv1 -pix_fmt yuv411p",
            Matrix::Bt601,
            Range::Limited,
            8,
        ),
        (
            "packed 4:2:2",
            "j.mov",
            "320x240",
            "-c:v rawvideo -pix_fmt uyvy422",
            Matrix::Bt601,
            Range::Limited,
            8,
        ),
        ("nv12", "k.nut", "320x240", "-c:v rawvideo -pix_fmt nv12", Matrix::Bt601, Range::Limited, 8),
        ("jpeg", "l.jpg", "320x240", "-frames:v 1 -q:v 1", Matrix::Bt601, Range::Full, 8),
    ];
    for (what, name, size, args, matrix, range, bits) in cases {
        let source = format!("-f lavfi -i color=c=0xC83C1E:size={size}:rate=5:duration=0.4,format=gbrp");
        let Some(path) = make(&folder.path().join(name), &format!("{source} {args}")) else { continue };
        let frame = open(&path).next_frame().expect(what).expect(what);
        assert_eq!(
            (frame.color.matrix, frame.color.range, frame.color.bits),
            (matrix, range, bits),
            "{what}"
        );
        let got = middle(&frame.to_rgb());
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 3.5, "{what}: {got:.1} instead of {want} ({:?})", frame);
        }
    }
    for (name, args) in [
        ("rgb.png", "-frames:v 1"),
        ("rgb.bmp", "-frames:v 1"),
        ("rgb.mkv", "-c:v ffv1 -pix_fmt bgr0"),
        ("rgb.avi", "-c:v rawvideo -pix_fmt bgr24"),
    ] {
        let source = "-f lavfi -i color=c=0xC83C1E:size=64x48:rate=5:duration=0.4,format=gbrp";
        let Some(path) = make(&folder.path().join(name), &format!("{source} {args}")) else { continue };
        let frame = open(&path).next_frame().expect(name).expect(name);
        assert_eq!(frame.layout, Layout::Rgba, "{name}");
        assert_eq!(pixel(&frame.to_rgb(), 5, 5), [200, 60, 30], "{name}");
    }
}

#[test]
fn rotation_turns_the_picture_as_ffmpeg_does() {
    let folder = folder();
    // Red left, blue right; 160×90.
    let source = "-f lavfi -i color=c=red:size=80x90:rate=5:duration=0.4 -f lavfi -i color=c=blue:size=80x90:rate=5:duration=0.4 -filter_complex hstack -c:v libx264 -pix_fmt yuv420p";
    let Some(plain) = make(&folder.path().join("plain.mp4"), source) else { return };
    for (degrees, size) in [(90, (90, 160)), (180, (160, 90)), (270, (90, 160))] {
        let args = format!("-i {} -c copy -metadata:s:v rotate={degrees}", plain.display());
        let Some(path) = make(&folder.path().join(format!("{degrees}.mp4")), &args) else { return };
        let frame = open(&path).next_frame().expect("decodes").expect("a frame");
        assert_ne!(frame.rotation, 0, "{degrees}");
        let got = frame.to_rgb();
        assert_eq!((got.width, got.height), size, "{degrees}");
        // What ffmpeg shows for the same file.
        let shown = folder.path().join(format!("{degrees}.png"));
        make(&shown, &format!("-i {} -frames:v 1", path.display())).expect("ffmpeg ran before");
        let want = open(&shown).next_frame().expect("png").expect("png").to_rgb();
        assert_eq!((want.width, want.height), size, "{degrees}");
        for (x, y) in [(10, 10), (size.0 - 10, 10), (10, size.1 - 10), (size.0 - 10, size.1 - 10)] {
            let (a, b) = (pixel(&got, x, y), pixel(&want, x, y));
            assert!(a.iter().zip(b).all(|(a, b)| a.abs_diff(b) < 8), "{degrees} at {x},{y}: {a:?}, {b:?}");
        }
    }
}

#[test]
fn samples_that_are_not_square_are_stretched() {
    let folder = folder();
    for (sar, size) in [("4/3", (160, 90)), ("1/2", (120, 180)), ("1000/1", (120, 90)), ("1/1", (120, 90))] {
        let name = format!("{}.mkv", sar.replace('/', "_"));
        let args = format!(
            "-f lavfi -i testsrc=size=120x90:rate=5:duration=0.4,setsar={sar} -c:v ffv1 -pix_fmt yuv420p"
        );
        let Some(path) = make(&folder.path().join(name), &args) else { return };
        let frame = open(&path).next_frame().expect("decodes").expect("a frame");
        assert_eq!(frame.display_size(), size, "{sar}");
        let rgb = frame.to_rgb();
        assert_eq!((rgb.width, rgb.height), size, "{sar}");
    }
}

#[test]
fn odd_sizes() {
    let folder = folder();
    for format in ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "nv12", "gray", "yuv410p", "bgr24"] {
        let codec = if ["nv12", "bgr24"].contains(&format) { "rawvideo" } else { "ffv1" };
        let args = format!(
            "-f lavfi -i color=c=0xC83C1E:size=36x24:rate=5:duration=0.4,format={format},crop=35:21:0:0:exact=1 -c:v {codec} -pix_fmt {format}"
        );
        let Some(path) = make(&folder.path().join(format!("{format}.nut")), &args) else { return };
        let frame = open(&path).next_frame().expect(format).expect(format);
        let rgb = frame.to_rgb();
        assert_eq!((rgb.width, rgb.height), (35, 21), "{format}");
        if format != "gray" {
            // The last column and row as well: nothing is read beside the planes.
            for (x, y) in [(0, 0), (34, 20), (34, 0), (0, 20)] {
                let got = pixel(&rgb, x, y);
                assert!(
                    got.iter().zip([200, 60, 30]).all(|(a, b): (&u8, u8)| a.abs_diff(b) < 5),
                    "{format}: {got:?}"
                );
            }
        }
    }
}

#[test]
fn stills_sound_and_single_frames() {
    let folder = folder();
    let still = "-f lavfi -i testsrc=size=64x48:rate=5:duration=1 -frames:v 1";
    for name in ["still.png", "still.jpg", "still.bmp", "one.mp4", "one.gif"] {
        let Some(path) = make(&folder.path().join(name), still) else { return };
        assert_eq!(all_frames(&path).len(), 1, "{name}");
        let mut decoder = open(&path);
        assert_eq!(decoder.fps().is_none(), name.starts_with("still"), "{name}");
        let times = decoder.scanner().run(&Cancel::default()).expect(name);
        assert_eq!(times.times, [Pts(0)], "{name}");
        for at in [-1.0, 0.0, 0.5, 100.0] {
            let frame = decoder.seek(Pts::from_secs(at), &mut |_| true).expect(name).expect(name);
            assert_eq!(frame.pts, Pts(0), "{name}");
        }
    }
    let sound = "-f lavfi -i sine=duration=1";
    for name in ["sound.wav", "sound.mp3", "sound.m4a", "sound.ogg", "sound.flac", "sound.mkv"] {
        let Some(path) = make(&folder.path().join(name), sound) else { return };
        let error = Decoder::open(&path, &Cancel::default()).err().expect(name);
        assert!(matches!(error, VideoError::NoVideo { what: "sound", .. }), "{name}: {error}");
    }
    let Some(cover) = make(&folder.path().join("cover.png"), still) else { return };
    let args = format!(
        "-f lavfi -i sine=duration=1 -i {} -map 0 -map 1 -c:v copy -disposition:v attached_pic",
        cover.display()
    );
    let Some(path) = make(&folder.path().join("cover.mp3"), &args) else { return };
    let error = Decoder::open(&path, &Cancel::default()).err().expect("cover");
    assert!(matches!(error, VideoError::NoVideo { what: "sound and a cover picture", .. }), "{error}");
}

#[test]
fn video_beside_sound_starts_at_zero() {
    let folder = folder();
    let args = "-f lavfi -i sine=duration=2 -itsoffset 0.5 -f lavfi -i testsrc2=size=64x48:rate=25:duration=1 -map 0 -map 1 -vsync passthrough -c:v libx264 -pix_fmt yuv420p";
    for name in ["late.mp4", "late.ts", "late.mkv"] {
        let Some(path) = make(&folder.path().join(name), args) else { return };
        let frames = all_frames(&path);
        assert_eq!(frames[0].pts, Pts(0), "{name}");
        assert_eq!(frames.len(), 25, "{name}");
        let mut decoder = open(&path);
        let got = decoder.seek(frames[20].pts, &mut |_| true).expect(name).expect(name);
        assert_eq!(got.pts, frames[20].pts, "{name}");
    }
}

#[test]
fn writes_what_it_reads() {
    let folder = folder();
    let path = folder.path().join("written.mp4");
    let colours =
        [[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [200, 60, 30], [128, 128, 128]];
    let mut writer = Mp4Writer::create(&path, 64, 48, 29.97, 10).expect("starts");
    for colour in colours {
        writer.push(&flat(64, 48, colour)).expect("takes a frame");
    }
    assert!(!path.exists(), "not before it is finished");
    writer.finish().expect("finishes");
    let frames = all_frames(&path);
    assert_eq!(frames.len(), colours.len());
    for (i, (frame, colour)) in frames.iter().zip(colours).enumerate() {
        assert!((frame.pts.secs() - i as f64 / 29.97).abs() < 1e-5, "frame {i} at {:?}", frame.pts);
        let got = middle(&frame.to_rgb());
        assert!(
            got.iter().zip(colour).all(|(a, b)| (a - f64::from(b)).abs() < 4.0),
            "{colour:?} became {got:?}"
        );
        assert_eq!((frame.color.matrix, frame.color.range), (Matrix::Bt709, Range::Limited));
    }

    // Times of its own.
    let path = folder.path().join("vfr.mp4");
    let times = [0.0, 0.1, 0.5, 0.52, 2.0];
    let mut writer = Mp4Writer::create(&path, 64, 48, 30.0, 20).expect("starts");
    for (i, t) in times.iter().enumerate() {
        writer.push_at(&flat(64, 48, [i as u8 * 40; 3]), Pts::from_secs(*t)).expect("takes a frame");
    }
    let late = writer.push_at(&flat(64, 48, [0; 3]), Pts::from_secs(1.0));
    assert!(late.is_err_and(|e| e.to_string().contains("does not come after")));
    writer.finish().expect("finishes");
    for (frame, t) in all_frames(&path).iter().zip(times) {
        assert!((frame.pts.secs() - t).abs() < 1e-5);
    }

    let odd = Mp4Writer::create(&folder.path().join("odd.mp4"), 63, 48, 30.0, 20);
    assert!(odd.is_err_and(|e| e.to_string().contains("not even")));
    let writer = Mp4Writer::create(&folder.path().join("dropped.mp4"), 64, 48, 30.0, 20).expect("starts");
    drop(writer);
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).expect("folder").flatten().map(|e| e.file_name()).collect();
    assert!(!left.iter().any(|n| n.to_string_lossy().contains("dropped")), "{left:?}");
}

/// A picture whose chroma varies: writing and reading must use the same siting and matrix.
#[test]
fn chroma_comes_back_in_its_place() {
    let folder = folder();
    let path = folder.path().join("ramp.mp4");
    let (w, h) = (128u32, 64u32);
    let data = (0..h)
        .flat_map(|y| (0..w).flat_map(move |x| [x as u8 * 2, y as u8 * 4, 255 - x as u8 * 2]))
        .collect();
    let image = RgbImage { width: w, height: h, data };
    let mut writer = Mp4Writer::create(&path, w, h, 25.0, 0).expect("starts");
    writer.push(&image).expect("takes it");
    writer.finish().expect("finishes");
    let got = all_frames(&path)[0].to_rgb();
    let inner = |x: &usize| (6..3 * 122).contains(&(x % (3 * 128)));
    let errors = image.data.iter().zip(&got.data).enumerate().filter(|(i, _)| inner(i));
    let worst = errors.map(|(_, (a, b))| a.abs_diff(*b)).max();
    assert!(worst <= Some(5), "{worst:?}");
}
