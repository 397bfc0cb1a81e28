//! Golden images: the main views of the real window on a bundled clip, as the README shows them, held to the pictures in
//! `assets/pictures`. `make pictures` takes them anew.

use super::live::{clips, open, scored, settled, wait};
use super::support::Window;
use egui::ThemePreference;
use image::RgbaImage;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use motionlens::data::draw::{Object, Shape};
use motionlens::data::drawing::{Drawing, Ready};
use motionlens::data::world::Manner;
use motionlens::session::ModelSource;
use motionlens::ui::bundled;
use motionlens::ui::compare::Side;
use motionlens::ui::easel::Draw;
use motionlens::ui::intent::Intent;
use motionlens::ui::learning::{Learning, Turn};
use motionlens::ui::look::View;
use motionlens::ui::negation::Negated;
use motionlens::ui::panes::Pane;
use motionlens::ui::shelf::Place;
use motionlens::ui::state::State;
use motionlens::video::clip::Order;
use motionlens::view::Layer;
use std::path::{Path, PathBuf};

/// The one tolerance of all golden images: a pixel is another where a channel is this far off, and so many of all may be.
/// What differs from run to run are times that were measured; a pane, a map or a label that is gone is well over it.
const FAR: u8 = 40;
const SHARE: f64 = 0.01;

#[test]
fn every_view_looks_as_the_readme_shows_it() {
    let clip = clips().pop().expect("bundled clips");
    let mut h = open(clip.clone(), true);
    let mut pictures = Pictures::default();
    let shelved = |s: &State| s.shelf.rows().len() > 1 && s.shelf.progress().0 == s.shelf.rows().len();
    wait(&mut h, "scores", scored);
    apply(&mut h, Intent::Pause);
    settled(&mut h);
    let middle = h.state().state().shown.as_ref().unwrap().answer.frames[3];
    apply(&mut h, Intent::Seek(middle));
    wait(&mut h, "the frame", |s| s.playback.shown == Some(middle) && !s.playback.seeking);
    pictures.take(&mut h, "window");
    for layer in [Layer::Static, Layer::Gate, Layer::Evidence] {
        let view = View { layer, ..h.state().state().view };
        apply(&mut h, Intent::SetView(view));
        pictures.take(&mut h, &layer.name().to_lowercase());
    }
    let view = View { layer: Layer::Motion, ..h.state().state().view };
    apply(&mut h, Intent::SetView(view));

    apply(&mut h, Intent::Shelve(clip.parent().unwrap().to_owned()));
    wait(&mut h, "the shelf", shelved);
    // First what is altered, and its original beside it.
    apply(&mut h, Intent::Pane(Pane::Surgery, true));
    apply(&mut h, Intent::Order(Order::Reversed));
    wait(&mut h, "the reversed clip", |s| scored(s) && s.original_scores().is_some());
    settled(&mut h);
    pictures.take(&mut h, "surgery");
    apply(&mut h, Intent::ResetAltered);
    wait(&mut h, "the clip as it was filmed", |s| scored(s) && s.altered_words().is_none());
    settled(&mut h);
    for pane in [Pane::Lanes, Pane::Filmstrip, Pane::Shelf, Pane::History] {
        apply(&mut h, Intent::Pane(pane, true));
        pictures.take(&mut h, &pane.title().to_lowercase());
    }
    apply(&mut h, Intent::Pane(Pane::Compare, true));
    apply(&mut h, Intent::Compare(Some(Side::Clip(Place::whole(clips().swap_remove(0))))));
    wait(&mut h, "scores of both clips", |s| scored(s) && s.other_scores().is_some());
    settled(&mut h);
    pictures.take(&mut h, "compare");
    apply(&mut h, Intent::Compare(None));

    apply(&mut h, Intent::Pane(Pane::Negation, true));
    apply(&mut h, Intent::Negate(Negated { idea: "moving right".into(), ..Negated::default() }));
    wait(&mut h, "the ways", |s| s.negation.found.is_some());
    pictures.take(&mut h, "negation");
    apply(&mut h, Intent::Negate(Negated::default()));

    apply(&mut h, Intent::Draw(Draw::Begin));
    let track = Ready::Circle.track();
    let mover = Object { shape: Shape::Cross, colour: 3 };
    let still = Some((Object { shape: Shape::Ring, colour: 2 }, [49.0, 13.0]));
    let drawing =
        Drawing { track, mover, still, manner: Manner::Spinning, background: 3, ..Drawing::default() };
    apply(&mut h, Intent::Draw(Draw::Change(drawing)));
    wait(&mut h, "the drawing", scored);
    apply(&mut h, Intent::Pause);
    settled(&mut h);
    let third = h.state().state().shown.as_ref().unwrap().answer.frames[2];
    apply(&mut h, Intent::Seek(third));
    apply(&mut h, Intent::Pane(Pane::Lanes, true));
    pictures.take(&mut h, "drawing");
    apply(&mut h, Intent::Draw(Draw::Done));
    wait(&mut h, "the clip again", scored);

    let place = h.state().state().lessons.iter().position(|l| l.title.contains("negative prompt")).unwrap();
    apply(&mut h, Intent::Learn(Some(place)));
    wait(&mut h, "the first step", |s| s.learning.as_ref().is_some_and(Learning::is_through) && scored(s));
    apply(&mut h, Intent::Lesson(Turn::Next));
    wait(&mut h, "the question", |s| s.learning.as_ref().is_some_and(|l| l.asks().is_some()));
    settled(&mut h);
    apply(&mut h, Intent::Pause);
    apply(&mut h, Intent::Seek(middle));
    wait(&mut h, "the frame", |s| !s.playback.seeking && s.work.is_none());
    dismiss(&mut h);
    settled(&mut h);
    pictures.take(&mut h, "lesson");
    apply(&mut h, Intent::Learn(None));
    apply(&mut h, Intent::DefaultPanes);

    let person =
        bundled::clips().into_iter().find(|clip| clip.name == "by the plant").expect("a clip of people");
    apply(&mut h, Intent::OpenVideo(person.path));
    let knows =
        |s: &State| s.model.as_ref().is_some_and(|m| m.source == ModelSource::People) && s.loading.is_none();
    wait(&mut h, "the clip of a person", |s| knows(s) && scored(s) && s.opening.is_none());
    apply(&mut h, Intent::Pause);
    settled(&mut h);
    let fifth = h.state().state().shown.as_ref().unwrap().answer.frames[4];
    apply(&mut h, Intent::Seek(fifth));
    wait(&mut h, "the frame", |s| s.playback.shown == Some(fifth) && !s.playback.seeking && s.work.is_none());
    dismiss(&mut h);
    settled(&mut h);
    pictures.take(&mut h, "people");
    pictures.judge();
}

/// The views that README does not show, for whoever looks: `MOTIONLENS_SHEETS=<folder>`.
#[test]
fn further_views_are_drawn_at_every_size_theme_and_size_of_text() {
    let clip = clips().pop().expect("bundled clips");
    let mut h = open(clip, true);
    let mut pictures = Pictures::default();
    wait(&mut h, "scores", scored);
    settled(&mut h);
    let rests =
        |s: &State| s.learning.as_ref().is_some_and(|l| !l.waits()) && scored(s) && s.opening.is_none();
    apply(&mut h, Intent::Learn(Some(0)));
    let steps = h.state().state().learning.as_ref().unwrap().lesson.steps.len();
    for step in 1..=steps {
        wait(&mut h, "the step", rests);
        apply(&mut h, Intent::Pause);
        pictures.look(&mut h, &format!("minute-{step}"));
        apply(&mut h, Intent::Lesson(Turn::Next));
    }
    apply(&mut h, Intent::Learn(None));
    apply(&mut h, Intent::Help(true));
    pictures.look(&mut h, "keys");
    apply(&mut h, Intent::Help(false));
    let name = h.state().state().prompts().classes[0].name.clone();
    apply(&mut h, Intent::ShowClass(name));
    apply(&mut h, Intent::Try("jumping to the right while shrinking".into()));
    wait(&mut h, "what if", |s| s.work.is_none() && scored(s));
    pictures.look(&mut h, "class-and-what-if");
    apply(&mut h, Intent::Try(String::new()));
    apply(&mut h, Intent::Present(true));
    pictures.look(&mut h, "presenter");
    apply(&mut h, Intent::Learn(Some(1)));
    wait(&mut h, "the first step", rests);
    pictures.look(&mut h, "presenter-lesson");
}

/// Messages go by themselves after a time.
fn dismiss(h: &mut Window) {
    let messages: Vec<u64> = h.state().state().messages.all().iter().map(|m| m.id).collect();
    messages.into_iter().for_each(|id| apply(h, Intent::Dismiss(id)));
}

fn apply(h: &mut Window, intent: Intent) {
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, intent);
    h.step();
}

/// What is wrong with the pictures so far; with `MOTIONLENS_PICTURES=write` they are written, and nothing is.
#[derive(Default)]
struct Pictures {
    wrong: Vec<String>,
}

impl Pictures {
    fn take(&mut self, h: &mut Window, name: &str) {
        if Self::sheets().is_some() {
            return self.look(h, name);
        }
        h.run_steps(8);
        let picture = h.render().expect("a picture");
        let golden =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pictures").join(format!("{name}.png"));
        if std::env::var_os("MOTIONLENS_PICTURES").is_some() {
            let file = std::fs::File::create(golden).expect("a file");
            let best = PngEncoder::new_with_quality(file, CompressionType::Best, FilterType::Adaptive);
            picture.write_with_encoder(best).expect("written");
            return;
        }
        let share = match image::open(&golden) {
            Ok(golden) => share_of_others(&golden.to_rgba8(), &picture),
            Err(_) => 1.0,
        };
        if share > SHARE {
            let other: PathBuf = std::env::temp_dir().join(format!("motionlens-{name}.png"));
            picture.save(&other).expect("written");
            self.wrong.push(format!(
                "{name}: {:.2}% of the pixels differ, see {}",
                100.0 * share,
                other.display()
            ));
        }
    }

    /// The view at every size of the window, theme and size of text, into the folder `MOTIONLENS_SHEETS` where that is set.
    fn look(&mut self, h: &mut Window, name: &str) {
        let Some(folder) = Self::sheets() else { return };
        for (size, text) in
            [([1280.0, 800.0], 100), ([1280.0, 800.0], 200), ([1920.0, 1080.0], 100), ([1920.0, 1080.0], 200)]
        {
            for theme in [ThemePreference::Dark, ThemePreference::Light] {
                apply(h, Intent::Theme(theme));
                apply(h, Intent::TextSize(text));
                let [width, height] = size.map(|points| points * 100.0 / f32::from(text));
                h.set_size(egui::vec2(width, height));
                h.run_steps(12);
                let file = format!("{name}-{}-{text}-{theme:?}.png", size[0]);
                h.render().expect("a picture").save(folder.join(file)).expect("written");
            }
        }
        apply(h, Intent::Theme(ThemePreference::Dark));
        apply(h, Intent::TextSize(100));
        h.set_size(egui::vec2(1280.0, 800.0));
        h.run_steps(8);
    }

    fn sheets() -> Option<PathBuf> {
        std::env::var_os("MOTIONLENS_SHEETS").map(PathBuf::from)
    }

    fn judge(self) {
        let wrong = self.wrong.join("\n");
        assert!(wrong.is_empty(), "{wrong}\nIf they look as they should: make pictures");
    }
}

/// Which part of the pixels are others, from 0 to 1; pictures of another size are wholly others.
fn share_of_others(a: &RgbaImage, b: &RgbaImage) -> f64 {
    if a.dimensions() != b.dimensions() {
        return 1.0;
    }
    let other = a.pixels().zip(b.pixels()).filter(|(a, b)| (0..3).any(|c| a.0[c].abs_diff(b.0[c]) > FAR));
    other.count() as f64 / (a.pixels().len().max(1)) as f64
}

#[test]
fn a_picture_with_a_label_more_is_another() {
    let plain = RgbaImage::from_pixel(1280, 800, image::Rgba([30, 30, 30, 255]));
    let mut other = plain.clone();
    assert_eq!(share_of_others(&plain, &other), 0.0);
    for (x, y) in (0..160).flat_map(|x| (0..80).map(move |y| (x, y))) {
        other.put_pixel(x, y, image::Rgba([200, 30, 30, 255]));
    }
    assert!(share_of_others(&plain, &other) > SHARE);
    assert_eq!(share_of_others(&plain, &RgbaImage::new(1, 1)), 1.0);
}
