//! `motionlens model`: which models there are, and those of the hub fetched and checked. Also how `--model` is understood.

use super::CliError;
use super::train::progress_bar;
use crate::model::hub::{Check, KNOWN, Plan, Stage};
use crate::model::{Hub, HubId, HubModel, Model, ModelFiles};
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
    /// A folder, an id of the hub as openai/clip-vit-base-patch32, or "embedded"
    #[arg(value_name = "MODEL")]
    model: PathBuf,
}

/// The embedded model, where there is no folder of that name.
const EMBEDDED: &str = "embedded";

pub(super) fn run(args: &ModelArgs) -> Result<(), CliError> {
    match &args.what {
        What::List => list(),
        What::Info(named) => info(&named.model),
        What::Fetch { id } => {
            let hub = Hub::from_env()?;
            let model = fetch(&hub, id)?;
            print(&format!("{}\n", model.folder.display()))
        }
        What::Verify(named) => verify(&named.model),
    }
}

/// What `--model` says; a model of the hub that is not in its cache is fetched.
pub(super) fn named(name: &Path) -> Result<ModelSource, CliError> {
    match (HubId::in_place_of(name), local(name)) {
        (_, Some(source)) => Ok(source),
        (Some(id), None) => {
            let hub = Hub::from_env()?;
            let found = hub.find(&id).map_or_else(|| fetch(&hub, &id), Ok)?;
            Ok(ModelSource::Hub(found))
        }
        (None, None) => Ok(ModelSource::Folder(name.to_owned())),
    }
}

/// What `--model` says to the window: a model of the hub that is not here is asked about there.
pub(super) fn for_window(name: &Path) -> Result<(ModelSource, Option<HubId>), CliError> {
    match (local(name), HubId::in_place_of(name)) {
        (None, Some(id)) => {
            let found = Hub::from_env()?.find(&id).map(ModelSource::Hub);
            let wanted = found.is_none().then_some(id);
            Ok((found.unwrap_or_default(), wanted))
        }
        (source, _) => Ok((source.unwrap_or_else(|| ModelSource::Folder(name.to_owned())), None)),
    }
}

/// What a name is without the hub.
fn local(name: &Path) -> Option<ModelSource> {
    match name.exists() {
        true => Some(ModelSource::in_folder(name.to_owned())),
        false => (name == Path::new(EMBEDDED)).then_some(ModelSource::Embedded),
    }
}

/// The same, with what the cache has; the error of a model that is not in it says how to get it.
fn here(name: &Path) -> Result<ModelSource, CliError> {
    if let Some(source) = local(name) {
        return Ok(source);
    }
    let Some(id) = HubId::in_place_of(name) else { return Ok(ModelSource::Folder(name.to_owned())) };
    let hub = Hub::from_env()?;
    let missing = || CliError::Missing(format!("{id} is not in the cache of the hub. {}", hub.places(&id)));
    hub.find(&id).map(ModelSource::Hub).ok_or_else(missing)
}

fn list() -> Result<(), CliError> {
    let hub = Hub::from_env()?;
    let mut out = format!("{EMBEDDED:<32}the small model in the program\n");
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
    match (here(name), HubId::in_place_of(name)) {
        (Err(CliError::Missing(_)), Some(id)) => {
            let hub = Hub::from_env()?;
            let plan = look(&hub, &id)?;
            let mut out = format!("{id}: not fetched\n{}", words(&plan));
            for file in &plan.files {
                out += &format!("  {:>10}  {}\n", DecimalBytes(file.size).to_string(), file.name);
            }
            out += &format!("fetch it with: motionlens model fetch {id}\n");
            print(&out)
        }
        (source, _) => {
            let source = source?;
            let (model, place) = load(&source)?;
            let (vision, text) = (&model.config.vision, &model.config.text);
            let head = if model.head_trained {
                "trained"
            } else {
                "untrained: scores are CLIP's, the separation is the plain Haar one"
            };
            let out = format!(
                "{0}\nplace: {place}\npictures: {1}×{1} pixels, {2}×{2} patches of {3} pixels\ntowers: vision {4} layers of width {5}, text {6} of \
                 {7}, {8} tokens\nparameters: {9:.1} million\nmotion head: {head}, {10} frames a clip\nBLAKE3 of the weights: {11}\n",
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
        ModelSource::Embedded => ModelFiles::embedded().place,
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

/// What a person has to know before anything is fetched.
fn words(plan: &Plan) -> String {
    let note = plan.note.as_ref().map_or_else(String::new, |note| format!("note: {note}\n"));
    let free = plan.free.map_or_else(String::new, |free| format!(", {} free there", DecimalBytes(free)));
    format!(
        "licence: {}\nsize: {} in {} files, {} to fetch{free}\nrevision: {}, commit {}\n{note}into: {}\n",
        plan.licence_words(),
        DecimalBytes(plan.size()),
        plan.files.len(),
        DecimalBytes(plan.missing()),
        plan.revision,
        plan.commit.as_str(),
        plan.folder.display(),
    )
}

fn fetch(hub: &Hub, id: &HubId) -> Result<HubModel, CliError> {
    let plan = look(hub, id)?;
    eprintln!("{id}\n{}Ctrl+C stops; the next fetch goes on from there.", words(&plan).trim_start());
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
