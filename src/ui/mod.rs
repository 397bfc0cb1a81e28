//! The window. It owns the play head and the state, and never waits: files, dialogs, decoding and the model all
//! live on other threads and answer through channels that wake it.
//!
//! State changes in one place. Panels read [`state::State`] and say what the person asked for as an
//! [`intent::Intent`]; [`app::App::apply`] is the only function that carries one out. What jobs on other threads bring back
//! goes through [`app::App::take`], events of the engine through [`app::App::on_event`]. A test can therefore press
//! buttons, send intents, or feed outcomes and events.

pub mod app;
pub mod ask;
pub mod beside;
pub mod bundled;
pub mod class_card;
pub mod class_list;
pub mod compare;
pub mod compare_pane;
pub mod crop;
pub mod difference_table;
pub mod document;
pub mod draw_pane;
pub mod drawn;
pub mod easel;
pub mod edit;
pub mod elide;
pub mod experiment_ask;
pub mod explain;
pub mod fetching;
pub mod field;
pub mod filmstrip;
pub mod focus;
pub mod fonts;
pub mod gates;
pub mod hall;
pub mod history_pane;
pub mod hold;
pub mod icon;
pub mod import;
pub mod inspector;
pub mod intent;
pub mod jobs;
pub mod keep;
pub mod keys;
pub mod lanes;
pub mod learning;
pub mod lens;
pub mod lesson;
pub mod lesson_panel;
pub mod look;
pub mod messages;
pub mod negation;
pub mod negation_pane;
pub mod overlay;
pub mod panes;
pub mod patch;
pub mod pictures;
pub mod probes;
pub mod prompt_log;
pub mod prompt_panel;
pub mod prompt_rows;
pub mod record;
pub mod restart;
pub mod scope;
pub mod score_row;
pub mod shelf;
pub mod shelf_pane;
pub mod stage;
pub mod start;
pub mod state;
pub mod surgery;
pub mod theme;
pub mod thumbnails;
pub mod topbar;
pub mod transport;
pub mod trial;
pub mod truth;
pub mod video_paint;
pub mod whiskers;
pub mod window;

pub use app::App;
pub use window::{WindowError, WindowOptions, run};
