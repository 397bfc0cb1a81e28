//! `motionlens model`: which models there are, and those of the hub fetched and checked. Also how `--model` is understood.

use super::CliError;
use super::train::progress_bar;
use crate::model::hub::{Check, KNOWN, Plan, Stage};
use crate::model::{Hub, HubId, HubModel, Model};
use crate::session::{ModelSource, Session};
use burn::tensor::Device;
use clap::{Args, Subcommand};
use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct ModelArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The models that are here, and those of the hub that are known to work; no network is used
    List,
    /// What a model is; of one of the hub that is not here the hub is asked: licence, size, files
    Info(Named),
    /// Fetch a model of the hub into its ordinary cache, or bring it up to date; its folder goes to the standard output
    Fetch {
        /// As openai/clip-vit-base-patch32, with @REVISION for another than its main branch
        #[arg(value_name = "ID")]
        id: HubId,
    },
    /// Compare the files with their digests, and load the weights with every check; no network is used
    Verify(Named),
}

#[derive(Debug, Args)]
struct Named {
    /// A folder, an id of the hub as openai/clip-vit-base-patch32, "people" or "shapes"
    #[arg(value_name = "MODEL")]
    model: PathBuf,
}

/// The models in the program, where there is no folder of that name; that of shapes also by the name that it had first.
const PEOPLE: &str = "people";
const SHAPES: &str = "shapes";
const SHAPES_AT_FIRST: &str = "embedded";

pub(super) fn run(args: &ModelArgs) -> Result<(), CliError> {
    match &args.what {
        What::List => list(),
        What::Info(named) => info(&named.model),
        What::Fetch { id } => {
            let model = fetch(&Hub::from_env()?, id, &|_| true)?;
            print(&format!("{}\n", model.folder.display()))
        }
        What::Verify(named) => verify(&named.model),
    }
}

/// What `--model` says. One of the hub that is not in its cache is fetched where `--fetch` says so or a person at the terminal
/// does; else nothing is asked of anybody.
pub(super) fn named(name: &Path, fetch_it: bool) -> Result<ModelSource, CliError> {
    let id = match looked_for(name)? {
        Ok(source) => return Ok(source),
        Err(id) => id,
    };
    let hub = Hub::from_env()?;
    let asked = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let question = format!(
        "{id} is neither a folder here nor in the cache of the hub. Ask {} what it is?",
        hub.endpoint()
    );
    let found = match (fetch_it, asked) {
        (true, _) => fetch(&hub, &id, &|_| true)?,
        (false, true) if hub.is_offline() || yes(&question) => fetch(&hub, &id, &yes)?,
        (false, true) => return Err(declined(&id)),
        (false, false) => {
            let help = match hub.is_offline() {
                true => hub.places(&id),
                false => format!(
                    "Nothing is fetched unasked: run \"motionlens model fetch {id}\" first, or add --fetch"
                ),
            };
            return Err(CliError::Missing(format!(
                "{id} is neither a folder here nor in the cache of the hub. {help}"
            )));
        }
    };
    Ok(ModelSource::Hub(found))
}

/// A question on the terminal; everything but y or yes is no.
fn yes(question: &str) -> bool {
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    // An end of the input is no answer, and so no.
    let read = std::io::stdin().read_line(&mut answer).is_ok();
    read && ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())
}

fn declined(id: &HubId) -> CliError {
    CliError::Missing(format!("{id} was not fetched"))
}

/// What `--model` says to the window: a model of the hub that is not here is asked about there.
pub(super) fn for_window(name: &Path) -> Result<(Option<ModelSource>, Option<HubId>), CliError> {
    Ok(match looked_for(name)? {
        Ok(source) => (Some(source), None),
        Err(id) => (None, Some(id)),
    })
}

/// What a name is: a model that is here, or one of the hub that is not in its cache. A name that can be no id of the hub, or is in a
/// folder that is here, is a folder, there or not.
fn looked_for(name: &Path) -> Result<Result<ModelSource, HubId>, CliError> {
    if let Some(source) = local(name) {
        return Ok(Ok(source));
    }
    let Some(id) = HubId::in_place_of(name) else { return Ok(Ok(ModelSource::Folder(name.to_owned()))) };
    Ok(Hub::from_env()?.find(&id).map(ModelSource::Hub).ok_or(id))
}

/// What a name is without the hub.
pub(super) fn local(name: &Path) -> Option<ModelSource> {
    match name.exists() {
        true => Some(ModelSource::in_folder(name.to_owned())),
        false if name == Path::new(PEOPLE) => Some(ModelSource::People),
        false if [SHAPES, SHAPES_AT_FIRST].map(Path::new).contains(&name) => Some(ModelSource::Shapes),
        false => None,
    }
}

/// A model that is here; the error of one that is not says how to get it.
fn here(name: &Path) -> Result<ModelSource, CliError> {
    looked_for(name)?.or_else(|id| {
        let places = Hub::from_env()?.places(&id);
        Err(CliError::Missing(format!("{id} is not in the cache of the hub. {places}")))
    })
}

fn list() -> Result<(), CliError> {
    let hub = Hub::from_env()?;
    let mut out = format!(
        "{PEOPLE:<31} in the program, the default: knows people who act\n{SHAPES:<31} in the program: knows moving shapes\n"
    );
    let cached = hub.cached();
    for cached in &cached {
        let bytes = DecimalBytes(cached.bytes);
        out += &match &cached.model {
            Some(model) => format!("{:<31} {bytes} in {}\n", cached.id.to_string(), model.folder.display()),
            None => format!(
                "{:<31} not whole: {bytes} have come; fetching goes on from there\n",
                cached.id.to_string()
            ),
        };
    }
    for (id, about) in KNOWN.iter().filter(|(id, _)| cached.iter().all(|c| c.id.repo() != *id)) {
        out += &format!("{id:<31} not fetched: {about}\n");
    }
    eprintln!("cache of the hub: {}", place(&hub));
    print(&out)
}

/// Where the cache is, and what is to be known of it.
fn place(hub: &Hub) -> String {
    let free = hub.free().map_or_else(String::new, |free| format!(", {} free", DecimalBytes(free)));
    format!("{}{free}; {}", hub.cache().display(), network(hub))
}

/// Where models come from, or that none do.
pub(super) fn network(hub: &Hub) -> String {
    match (hub.is_offline(), hub.has_token()) {
        (true, _) => "offline, as HF_HUB_OFFLINE says".to_owned(),
        (false, token) => {
            format!("models come from {}{}", hub.endpoint(), if token { ", with a token" } else { "" })
        }
    }
}

fn info(name: &Path) -> Result<(), CliError> {
    match looked_for(name)? {
        Err(id) => {
            let plan = look(&Hub::from_env()?, &id)?;
            let mut out = format!("{id}: not fetched\n{}", words(&plan));
            for file in &plan.files {
                out += &format!("  {:>10}  {}\n", DecimalBytes(file.size).to_string(), file.name);
            }
            out += &format!("fetch it with: motionlens model fetch {id}\n");
            print(&out)
        }
        Ok(source) => {
            let (model, place) = load(&source)?;
            let (vision, text) = (&model.config.vision, &model.config.text);
            let head = if model.head_trained {
                "trained"
            } else {
                "untrained: scores are CLIP's, the separation is the plain Haar one"
            };
            let note = model.note.as_ref().map_or_else(String::new, |note| format!("note: {note}\n"));
            let out = format!(
                "{0}\nplace: {place}\npictures: {1}×{1} pixels, {2}×{2} patches of {3} pixels\ntowers: vision {4} layers of width {5}, text {6} of \
                 {7}, {8} tokens\nparameters: {9:.1} million\nmotion head: {head}, {10} frames a clip, patches of vision layer {11}\n\
                 {note}BLAKE3 of the weights: {12}\n",
                model.name,
                model.config.image_size,
                model.config.grid(),
                model.config.patch_size,
                vision.layers,
                vision.width,
                text.layers,
                text.width,
                model.config.context,
                model.parameters() as f64 / 1e6,
                model.head_config.frames,
                model.head_config.motion_layer.unwrap_or(vision.layers),
                model.digest,
            );
            print(&out)
        }
    }
}

/// Reads and checks a model, as everything that runs it does.
fn load(source: &ModelSource) -> Result<(Model, String), CliError> {
    let device = Device::flex();
    let session = Session::load(source, &device, &|_, _| ()).map_err(|e| CliError::Engine(e.to_string()))?;
    let place = match source {
        ModelSource::Shapes | ModelSource::People => source.to_string(),
        ModelSource::Folder(folder) => folder.display().to_string(),
        ModelSource::Hub(model) => format!("{}, commit {}", model.folder.display(), model.commit.as_str()),
    };
    Ok((session.model().clone(), place))
}

fn verify(name: &Path) -> Result<(), CliError> {
    let source = here(name)?;
    if let ModelSource::Hub(model) = &source {
        let hub = Hub::from_env()?;
        let bar = bytes_bar();
        bar.set_message("comparing");
        let checks = hub.verify(model, &|| false, &mut |n| bar.inc(n))?;
        bar.finish_and_clear();
        let mut wrong = Vec::new();
        for (file, check) in &checks {
            let said = match check {
                Check::Right { what, digest } => format!("right, {what} {digest}"),
                Check::Unknown => "not compared: the cache does not say its digest".to_owned(),
                Check::Wrong { what, found, expected, path } => {
                    wrong.push(path.display().to_string());
                    format!("WRONG: {what} {found}, and not {expected}")
                }
            };
            print(&format!("{file}: {said}\n"))?;
        }
        if !wrong.is_empty() {
            return Err(CliError::Differs(format!(
                "{} of {} is not what the hub gave out. Fetch it again with motionlens model fetch {}",
                wrong.join(", "),
                model.id,
                model.id
            )));
        }
    }
    let (model, place) = load(&source)?;
    print(&format!(
        "weights: every tensor is there, of the right shape and finite ({:.1} million parameters)\nBLAKE3 of the weights: {}\nplace: {place}\n",
        model.parameters() as f64 / 1e6,
        model.digest
    ))
}

fn look(hub: &Hub, id: &HubId) -> Result<Plan, CliError> {
    Ok(hub.look(id, &|| false)?)
}

/// What a person has to know before anything is fetched, a line each.
fn words(plan: &Plan) -> String {
    plan.facts().into_iter().map(|(name, text)| format!("{name}: {text}\n")).collect()
}

/// Fetches a model if the person agrees when they have seen what it is.
fn fetch(hub: &Hub, id: &HubId, agree: &dyn Fn(&str) -> bool) -> Result<HubModel, CliError> {
    let plan = look(hub, id)?;
    eprintln!("{id}\n{}Ctrl+C stops; the next fetch goes on from there.", words(&plan));
    if !agree(&format!("Fetch {}?", DecimalBytes(plan.missing()))) {
        return Err(declined(id));
    }
    let bar = bytes_bar();
    bar.set_length(plan.size());
    let quiet = !std::io::stderr().is_terminal();
    let mut last = String::new();
    let model = hub.fetch(&plan, &|| false, &mut |p| {
        bar.set_position(p.done);
        if last != p.file || p.stage != Stage::Fetching {
            bar.set_message(match p.stage {
                Stage::Checking => format!("{}, comparing what is there", p.file),
                Stage::Waiting => format!("{}, which another program fetches", p.file),
                Stage::Fetching => p.file.to_owned(),
            });
        }
        if quiet && last != p.file {
            eprintln!("{}", p.file);
        }
        last.clear();
        last.push_str(p.file);
    })?;
    bar.finish_and_clear();
    eprintln!("{id} is there.");
    Ok(model)
}

/// A bar with bytes, rate and time left.
fn bytes_bar() -> ProgressBar {
    let bar = progress_bar(0, "");
    let template =
        "{bar:24} {decimal_bytes}/{decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left: {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

fn print(text: &str) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output)
}
