//! The small windows that take a path or a time as text. What is not understood is said in the window, which stays open.

use super::fetching::Fetch;
use super::intent::{Dialog, Intent};
use super::state::{Playback, State, parse_clock};
use super::theme;
use crate::video::{Pts, times};
use egui::text::{CCursor, CCursorRange};
use egui::{Id, RichText};
use std::path::{Path, PathBuf};

/// An open window that asks for a text.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub text: String,
    /// What was wrong with the text that was entered.
    pub problem: Option<String>,
    /// What a path is wanted for; `None`: a video, a model folder or a prompt set, told apart by what it is.
    pub purpose: Option<Dialog>,
    /// The file that is there already and goes where it is entered once more.
    replaces: Option<PathBuf>,
    /// The text stands there from before, to be written over.
    again: bool,
}

impl Asked {
    /// Asks for a path. What was entered for the same purpose last stands there: it may have been wrong by a letter.
    pub fn path(purpose: Option<Dialog>, last: Option<&(Option<Dialog>, String)>) -> Self {
        let text = last.filter(|(of, _)| *of == purpose).map_or_else(String::new, |(_, text)| text.clone());
        Self { again: !text.is_empty(), text, purpose, ..Self::default() }
    }
}

/// Draws them and takes what is entered.
pub fn show(ctx: &egui::Context, s: &mut State, out: &mut Vec<Intent>) {
    if let Some(asked) = &mut s.path_field {
        let (title, about) = match asked.purpose {
            None => ("Open a path", "Of a video, a model folder or a prompt set"),
            Some(Dialog::Video) => ("Open a video", "The path of a video or picture"),
            Some(Dialog::Model) => {
                ("Open a model folder", "The path of a CLIP folder in the Hugging Face layout")
            }
            Some(Dialog::LoadPrompts) => {
                ("Open a prompt set", "The path of JSON, a list of names, or id,name CSV")
            }
            Some(Dialog::SavePrompts) => ("Save the prompt set", "The path of the JSON file to write"),
            Some(Dialog::SaveDrawing) => {
                ("Save the drawn motion", "The path of the MP4 to write; its truth goes beside it as JSON")
            }
            Some(Dialog::Export(_)) => ("Export", "The path of the file to write"),
            Some(Dialog::OpenExperiment) => ("Open an experiment", "The path of the experiment's JSON file"),
            Some(Dialog::SaveExperiment) => ("Save the experiment", "The path of the JSON file to write"),
            Some(Dialog::FindClip) => ("Find the clip", "The path of the clip of the experiment"),
            Some(Dialog::Report) => ("Write the report", "The path of a folder"),
            Some(Dialog::ShelfClip) => {
                ("Put a clip on the shelf", "The path of a video, or of a list of them (CSV)")
            }
            Some(Dialog::CompareClip) => ("Compare with a clip", "The path of a video or picture"),
            Some(Dialog::CompareModel) => {
                ("Compare with a model", "The path of a CLIP folder in the Hugging Face layout")
            }
            Some(Dialog::ComparePrompts) => {
                ("Compare with a prompt set", "The path of JSON, a list of names, or id,name CSV")
            }
            Some(Dialog::ShelfFolder) => ("Put a folder on the shelf", "The path of a folder of videos"),
        };
        let file = match asked.purpose {
            Some(Dialog::Model | Dialog::CompareModel) => "clip-vit-base-patch32",
            Some(Dialog::LoadPrompts | Dialog::SavePrompts | Dialog::ComparePrompts) => "prompts.json",
            Some(Dialog::OpenExperiment | Dialog::SaveExperiment) => "experiment.json",
            Some(Dialog::Report) => "reports",
            Some(Dialog::ShelfFolder) => "clips",
            Some(Dialog::SaveDrawing) => "drawing.mp4",
            Some(Dialog::Export(form)) => &format!("clip.{}", form.extension()),
            _ => "clip.mp4",
        };
        match field_window(ctx, title, about, ("Path", &format!("~/{file}")), asked) {
            Outcome::Open => {}
            Outcome::Closed => out.push(Intent::PathField(false)),
            Outcome::Entered => {
                let home = directories::BaseDirs::new();
                let path = path(&asked.text, home.as_ref().map(|d| d.home_dir()));
                match path.map(|path| asked.purpose.map_or(path.clone(), |d| d.with_extension(path))) {
                    Ok(path)
                        if asked.purpose.is_some_and(|d| d.writes(&path))
                            && asked.replaces.as_ref() != Some(&path) =>
                    {
                        asked.problem = Some(format!("{} is there already. Replace it?", path.display()));
                        asked.replaces = Some(path);
                    }
                    Ok(path) => {
                        s.path_entered = Some((asked.purpose, asked.text.clone()));
                        out.push(asked.purpose.map_or(Intent::Open(path.clone()), |d| d.chosen(path)));
                        out.push(Intent::PathField(false));
                    }
                    Err(why) => asked.problem = Some(why),
                }
            }
        }
    }
    if let Some(asked) = &mut s.id_field {
        let about = "As owner/name, with @revision for another than its main branch. Licence and size are shown before it is fetched";
        let (name, hint) = ("Id of the model", "openai/clip-vit-base-patch32");
        match field_window(ctx, "A model of the hub", about, (name, hint), asked) {
            Outcome::Open => {}
            Outcome::Closed => out.push(Intent::Model(Fetch::Name(false))),
            Outcome::Entered => match asked.text.trim().parse() {
                Ok(id) => out.extend([Intent::Model(Fetch::Name(false)), Intent::Model(Fetch::Want(id))]),
                Err(why) => asked.problem = Some(why),
            },
        }
    }
    if let Some(asked) = &mut s.time_field {
        let about = "Seconds, minutes and seconds, or a frame: 12.5, 1:02.5, frame 100";
        match field_window(ctx, "Go to time", about, ("Time or frame", "1:02.5"), asked) {
            Outcome::Open => {}
            Outcome::Closed => out.push(Intent::TimeField(false)),
            Outcome::Entered => match place(&asked.text, &s.playback) {
                Ok(t) => out.extend([Intent::Seek(t), Intent::TimeField(false)]),
                Err(why) => asked.problem = Some(why),
            },
        }
    }
}

enum Outcome {
    Open,
    Closed,
    Entered,
}

fn field_window(
    ctx: &egui::Context,
    title: &str,
    about: &str,
    (name, hint): (&str, &str),
    asked: &mut Asked,
) -> Outcome {
    let mut outcome = Outcome::Open;
    let id = Id::unique(("field", title));
    let modal = egui::Modal::new(Id::unique(title)).show(ctx, |ui| {
        ui.set_width(420.0);
        ui.label(RichText::new(title).strong().color(theme::of(ui).strong));
        ui.label(RichText::new(about).font(theme::small()).color(theme::of(ui).weak));
        if std::mem::take(&mut asked.again) {
            ui.memory_mut(|m| m.request_focus(id));
            let mut state = egui::TextEdit::load_state(ctx, id).unwrap_or_default();
            let end = CCursor::new(asked.text.chars().count());
            state.cursor.set_char_range(Some(CCursorRange::two(CCursor::new(0), end)));
            state.store(ctx, id);
        }
        let edit = egui::TextEdit::singleline(&mut asked.text).id(id);
        let r = ui.add(edit.hint_text(hint).desired_width(f32::INFINITY)).accessible_name(name);
        if r.changed() {
            (asked.problem, asked.replaces) = (None, None);
        }
        let entered = r.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        if entered || ui.memory(|m| m.focused().is_none()) {
            r.request_focus();
        }
        // The room for a problem is there before there is one.
        let problem = asked.problem.as_deref().unwrap_or(" ");
        ui.add(
            egui::Label::new(RichText::new(problem).font(theme::small()).color(theme::of(ui).warn)).wrap(),
        );
        ui.horizontal(|ui| {
            let go = if asked.replaces.is_some() { "Replace" } else { "Go" };
            if ui.button(go).clicked() || entered {
                outcome = Outcome::Entered;
            }
            if ui.button("Close").clicked() {
                outcome = Outcome::Closed;
            }
        });
    });
    if modal.should_close() && matches!(outcome, Outcome::Open) {
        outcome = Outcome::Closed;
    }
    outcome
}

/// A path as people type it: quotes around it, and `~` for the own folder.
fn path(text: &str, home: Option<&Path>) -> Result<PathBuf, String> {
    let text = text.trim();
    let quoted = |q: char| text.strip_prefix(q).and_then(|t: &str| t.strip_suffix(q));
    let text = quoted('"').or(quoted('\'')).unwrap_or(text);
    if text.is_empty() {
        return Err("Write a path, or press Close.".to_owned());
    }
    let Some(rest) = text.strip_prefix('~').filter(|r| r.is_empty() || r.starts_with(['/', '\\'])) else {
        return Ok(PathBuf::from(text));
    };
    let home =
        home.ok_or("Nobody says where your own folder is, so “~” means nothing here; write the whole path.")?;
    Ok(home.join(rest.trim_start_matches(['/', '\\'])))
}

/// Where a person wants to go: `12.5`, `1:02.5`, `frame 100`, `f100`.
fn place(text: &str, playback: &Playback) -> Result<Pts, String> {
    let lower = text.trim().to_lowercase();
    let frames = playback.info.as_ref().and_then(|i| i.frames.as_deref());
    let number = ["frame", "f", "#"].iter().find_map(|word| lower.strip_prefix(word));
    if let Some(n) = number.and_then(|n| n.trim().parse::<usize>().ok()) {
        let Some(frames) = frames else {
            return Err("The frames are still being counted; try again in a moment.".to_owned());
        };
        let count = frames.times.len();
        let found = n.checked_sub(1).and_then(|n| frames.nth(n));
        return found.ok_or_else(|| format!("There is no frame {n}: the frames are 1 to {count}."));
    }
    let t = parse_clock(&lower).ok_or_else(|| {
        format!("“{}” is not a time or a frame. Write 12.5 (seconds), 1:02.5, or frame 100.", text.trim())
    })?;
    Ok(frames.and_then(|f| f.frame_at_printed(times::printed(t))).unwrap_or(t))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::state::clock;
    use crate::video::{FrameTimes, VideoInfo};
    use std::sync::Arc;

    /// 100 frames at 30 a second: the 17th is at 0.53333 s and is printed 0.533.
    fn playback() -> Playback {
        let times = (0..100).map(|i| Pts(i * 1_000_000_000 / 30));
        let info = VideoInfo {
            width: 4,
            height: 4,
            duration: Some(Pts(3_333_333_333)),
            fps: Some(30.0),
            variable_rate: false,
            format: String::new(),
            sound: false,
            frames: Some(Arc::new(FrameTimes::new(times.collect(), Pts(3_333_333_333)))),
            fault: None,
        };
        Playback { info: Some(info), ..Playback::default() }
    }

    #[test]
    fn what_is_printed_leads_back_to_its_frame() {
        let p = playback();
        for i in 0..100 {
            let pts = Pts(i * 1_000_000_000 / 30);
            assert_eq!(place(&clock(pts), &p), Ok(pts), "{}", clock(pts));
            assert_eq!(place(&format!("frame {}", i + 1), &p), Ok(pts));
        }
        assert_eq!(place("0.533", &p), Ok(Pts(533_333_333)));
        assert_eq!(place("0.54", &p), Ok(Pts(540_000_000)), "between two frames it is just a time");
        for text in ["f100", "F 100", "frame 100", "Frame100", "#100", " frame  100 "] {
            assert_eq!(place(text, &p), Ok(Pts(3_300_000_000)), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let p = playback();
        assert!(place("frame 101", &p).unwrap_err().contains("1 to 100"));
        assert!(place("f0", &p).unwrap_err().contains("1 to 100"));
        assert!(place("frame 3", &Playback::default()).unwrap_err().contains("still being counted"));
        for text in ["", "soon", "frame", "frame -1", "1:2:3:4", "1s"] {
            assert!(place(text, &p).unwrap_err().contains("not a time"), "{text}");
        }
    }

    #[test]
    fn a_path_may_have_quotes_and_a_tilde() {
        let home = Some(Path::new("/home/me"));
        for (text, want) in [
            ("/a/b.mp4", "/a/b.mp4"),
            (" \"/a b.mp4\" ", "/a b.mp4"),
            ("'c.mp4'", "c.mp4"),
            ("~", "/home/me/"),
            ("~/clips/a.mp4", "/home/me/clips/a.mp4"),
            ("~other/a.mp4", "~other/a.mp4"),
            ("a~b", "a~b"),
        ] {
            assert_eq!(path(text, home), Ok(PathBuf::from(want)), "{text}");
        }
        assert!(path("~/a", None).unwrap_err().contains("whole path"));
        assert!(path("  ", home).is_err() && path("\"\"", home).is_err());
    }
}
