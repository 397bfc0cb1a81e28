//! Everything that a person can ask of the window. Panels, keys and tests all speak this, and so can a file: an intent says the
//! same in JSON. What other threads bring back is an [`JobOutcome`](super::jobs::JobOutcome).

use super::compare::{self, Align};
use super::easel::Draw;
use super::edit::{PromptEdit, Side, StateId};
use super::fetching::Fetch;
use super::import::Names;
use super::lanes::Lanes;
use super::learning::Turn;
use super::lens::Lens;
use super::look::View;
use super::negation::Negated;
use super::panes::Pane;
use super::probes::{Brush, PatchAt};
use super::scope::Scope;
use super::shelf::Place;
use crate::export::Form;
use crate::model::Surgery;
use crate::session::ModelSource;
use crate::video::clip::Order;
use crate::video::{Crop, Pts};
use egui::ThemePreference;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One request; [`super::app::App::apply`] carries it out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// A path of any kind: a model folder, a prompt file or a video, told apart by what it is.
    Open(PathBuf),
    OpenVideo(PathBuf),
    OpenModel(ModelSource),
    /// A model of the hub: to be loaded, or fetched.
    Model(Fetch),
    LoadPrompts(PathBuf),
    SavePrompts(PathBuf),
    /// Back to the set that comes with the program.
    BundledPrompts,
    /// Opens a file dialog on another thread.
    Ask(Dialog),
    /// Shows or hides the field that takes a path as text.
    PathField(bool),

    TogglePlay,
    Pause,
    Seek(Pts),
    /// Seconds from the play head.
    SeekBy(f64),
    /// Frames from the play head, ±1.
    Step(i32),
    SetSpeed(f64),
    ToggleLoop,
    SetIn,
    SetOut,
    ClearRange,
    /// In and out point at once.
    Range(Pts, Pts),
    /// Plays the stretch where the class of that name is strongest, again and again.
    LoopStrongest(String),
    /// Shows or hides the field that takes a time.
    TimeField(bool),

    /// Which part of the video the scores are of.
    Scope(Scope),
    /// The part around the play head goes with it also while the video plays.
    Follow(bool),
    /// Its length in seconds.
    Around(f64),
    /// Asks again for what is selected, after it was cancelled or failed.
    AskAgain,
    /// In which order the model sees the frames.
    Order(Order),
    /// What the model sees of pictures that are not square.
    Crop(Crop),
    /// What is altered inside the model.
    Surgery(Surgery),
    /// Frames as they were filmed, and the model as it is.
    ResetAltered,
    /// Scores with every gate at ½ beside the real ones.
    GateWorth(bool),
    /// The class whose margin the freeze map is of; `None`: the likeliest.
    FreezeClass(Option<String>),
    /// What a hand on the stage freezes; `None`: it freezes nothing, and a click asks about a patch.
    Brush(Option<Brush>),
    /// The patch that is asked about.
    Patch(Option<PatchAt>),
    /// Where does that prompt (class, side, place in its list) find support? `None`: no prompt.
    Where(Option<(usize, Side, usize)>),
    CancelWork,

    SetView(View),
    /// How the lanes look, and which spans they are of.
    Lanes(Lanes),
    /// The scores and maps on show are those of the span around the play head, and not of the scope.
    Moment(bool),
    /// What part of the picture the stage shows, and how large.
    Lens(Lens),
    Edit(PromptEdit),
    /// The keyboard is that line's (class, side, place in its list, of which the last is taken where there are fewer); its class is
    /// opened for that.
    TypeInto(usize, Side, usize),
    /// Opens the card of the class of that name.
    ShowClass(String),
    Undo,
    Redo,
    /// Keeps the present scores as the baseline of Δ.
    Pin,
    Unpin,
    SortByScore(bool),
    /// Back to a state that the prompts have been in.
    ReturnTo(StateId),
    /// The class whose changes the history shows; `None`: the winner of each state.
    Watch(Option<String>),
    /// Where would a class of this name land? Empty: no question.
    Try(String),
    /// What the negation bench is about.
    Negate(Negated),
    /// What is to become of the names that were read; `None`: nothing.
    Import(Option<Names>),

    /// Puts clips on the shelf: a video, a folder, or a list of labelled clips.
    Shelve(PathBuf),
    Unshelve(Place),
    ClearShelf,
    /// Says what a clip on the shelf shows.
    ShelfLabel(Place, String),

    /// What stands on the other side of a comparison; `None`: nothing is compared any more.
    Compare(Option<compare::Side>),
    /// Where the other side's play head stands.
    Align(Align),

    /// Draws a motion.
    Draw(Draw),

    /// Writes a PNG of the stage.
    Snapshot,
    /// Writes the report folder of the present analysis.
    Report(PathBuf),
    /// Writes what is on show in this form.
    Export(Form, PathBuf),
    CancelExport,
    /// Writes what is on show as an experiment.
    SaveExperiment(PathBuf),
    /// This is the clip of the experiment that waits for it.
    FindClip(PathBuf),
    /// Opens that experiment with the clip that was found, or leaves it.
    OpenMisplaced(bool),
    /// Begins that lesson of the program, by its place in their list; `None`: ends the lesson, and gives the window back as it
    /// was.
    Learn(Option<usize>),
    /// Begins the lesson of a file.
    LearnFile(PathBuf),
    Lesson(Turn),
    Dismiss(u64),
    DismissAll,
    /// Somebody reads that message: it is told in full and stays.
    ReadMessage(u64),
    Help(bool),
    /// Opens a pane in front of others, or closes it.
    Pane(Pane, bool),
    /// Every pane where it was at first.
    DefaultPanes,
    Fullscreen,
    /// Presenter mode: the stage and the scores for a hall, without panels.
    Present(bool),
    /// Dark, light, or as the system has it.
    Theme(ThemePreference),
    /// The size of text and controls in percent, within [`keep::TEXT_SIZES`].
    TextSize(u16),
}

/// Which file dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialog {
    Video,
    Model,
    LoadPrompts,
    SavePrompts,
    SaveDrawing,
    Report,
    Export(Form),
    OpenExperiment,
    SaveExperiment,
    FindClip,
    ShelfClip,
    ShelfFolder,
    CompareClip,
    CompareModel,
    ComparePrompts,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::drawing::Ready;
    use crate::ui::lanes::Measure;
    use crate::video::clip::Freeze;

    /// Lessons and experiment files will speak it, so its words are a promise.
    #[test]
    fn an_intent_says_the_same_in_json() {
        for (intent, json) in [
            (Intent::TogglePlay, r#""toggle_play""#),
            (Intent::Seek(Pts(1_500_000_000)), r#"{"seek":1500000000}"#),
            (Intent::Range(Pts(5), Pts(9)), r#"{"range":[5,9]}"#),
            (Intent::LoopStrongest("moving left".into()), r#"{"loop_strongest":"moving left"}"#),
            (Intent::Moment(true), r#"{"moment":true}"#),
            (Intent::Pane(Pane::Inspector, true), r#"{"pane":["inspector",true]}"#),
            (Intent::Lens(Lens::default()), r#"{"lens":{"zoom":1.0,"centre":[0.5,0.5]}}"#),
            (Intent::Scope(Scope::Around), r#"{"scope":"around"}"#),
            (Intent::Order(Order::Frozen(Freeze::Middle)), r#"{"order":{"frozen":"middle"}}"#),
            (Intent::Order(Order::Hand(vec![1, 0])), r#"{"order":{"hand":[1,0]}}"#),
            (Intent::Crop(Crop::Letterbox), r#"{"crop":"letterbox"}"#),
            (Intent::Crop(Crop::at(0.3)), r#"{"crop":{"moved":{"thousandths":300}}}"#),
            (Intent::Brush(Some(Brush::Pixels)), r#"{"brush":"pixels"}"#),
            (
                Intent::Patch(Some(PatchAt { frame: 2, patch: 9, other: false })),
                r#"{"patch":{"frame":2,"patch":9}}"#,
            ),
            (Intent::Where(Some((1, Side::Negative, 0))), r#"{"where":[1,"negative",0]}"#),
            (Intent::ShowClass("moving left".into()), r#"{"show_class":"moving left"}"#),
            (Intent::TypeInto(1, Side::Negative, 0), r#"{"type_into":[1,"negative",0]}"#),
            (Intent::Draw(Draw::Begin), r#"{"draw":"begin"}"#),
            (Intent::Draw(Draw::Ready(Ready::ThereAndBack)), r#"{"draw":{"ready":"there_and_back"}}"#),
            (Intent::ResetAltered, r#""reset_altered""#),
            (Intent::Theme(ThemePreference::Light), r#"{"theme":"Light"}"#),
            (Intent::Present(true), r#"{"present":true}"#),
            (Intent::TextSize(150), r#"{"text_size":150}"#),
            (Intent::GateWorth(true), r#"{"gate_worth":true}"#),
            (Intent::OpenModel(ModelSource::Shapes), r#"{"open_model":"shapes"}"#),
            (Intent::OpenModel(ModelSource::People), r#"{"open_model":"people"}"#),
            (Intent::Model(Fetch::Want("a/b".parse().unwrap())), r#"{"model":{"want":"a/b"}}"#),
            (Intent::Model(Fetch::Begin), r#"{"model":"begin"}"#),
            (
                Intent::Edit(PromptEdit::AddPrompt(0, Side::Negative, "standing".into())),
                r#"{"edit":{"add_prompt":[0,"negative","standing"]}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&intent).unwrap(), json);
            assert_eq!(serde_json::from_str::<Intent>(json).unwrap(), intent);
        }
        for (json, intent) in [
            (r#"{"return_to":3}"#, "ReturnTo(StateId(3))"),
            (r#"{"watch":"jump"}"#, "Watch(Some(\"jump\"))"),
            (r#"{"try":"hop"}"#, "Try(\"hop\")"),
            (r#"{"import":null}"#, "Import(None)"),
            // As earlier versions kept it.
            (r#"{"open_model":"embedded"}"#, "OpenModel(Shapes)"),
        ] {
            assert_eq!(format!("{:?}", serde_json::from_str::<Intent>(json).unwrap()), intent);
        }
        let negated: Intent = serde_json::from_str(r#"{"negate":{"class":"hop","idea":"run"}}"#).unwrap();
        let (class, idea) = (Some("hop".to_owned()), "run".to_owned());
        assert_eq!(negated, Intent::Negate(Negated { class, idea, ..Negated::default() }));
        let lanes: Intent = serde_json::from_str(r#"{"lanes":{"measure":"margin","hop":0.5}}"#).unwrap();
        let half = Lanes { measure: Measure::Margin, hop: Some(0.5), ..Lanes::default() };
        assert_eq!(lanes, Intent::Lanes(half));
        let surgery: Intent = serde_json::from_str(r#"{"surgery":{"no_motion":true}}"#).unwrap();
        assert_eq!(surgery, Intent::Surgery(Surgery { no_motion: true, ..Surgery::default() }));
    }
}
