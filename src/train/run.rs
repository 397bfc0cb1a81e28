//! One training run in a folder: `checkpoint/` (weights, optimiser, step) and `metrics.csv`.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Tensor};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("cannot write {path}: {reason}")]
    Write { path: PathBuf, reason: String },
    #[error("cannot resume from {path}: {reason}")]
    Resume { path: PathBuf, reason: String },
    #[error(
        "the loss is not finite at step {step} ({detail}); the last checkpoint in {path} is from before; lower the learning rate"
    )]
    NotFinite { step: usize, detail: String, path: PathBuf },
    #[error(transparent)]
    Work(#[from] crate::session::WorkError),
    #[error("{0}")]
    Other(String),
}

impl RunError {
    /// A file that could not be written; what to do where the disk is full.
    pub fn write(path: PathBuf, error: &std::io::Error) -> Self {
        let advice = match error.kind() == std::io::ErrorKind::StorageFull {
            true => "; make room and start the same command again: it goes on from its last checkpoint",
            false => "",
        };
        Self::Write { path, reason: format!("{error}{advice}") }
    }
}

/// What identifies a run and where it stands; a checkpoint of other settings is not resumed.
#[derive(Clone, Debug, Serialize, serde::Deserialize)]
struct State<S> {
    settings: S,
    /// Steps that are done.
    step: usize,
    metrics_bytes: u64,
}

/// A folder of a run in progress. `S` holds its settings.
pub struct Run<S> {
    folder: PathBuf,
    settings: S,
    metrics: std::fs::File,
}

impl<S: Serialize + DeserializeOwned + PartialEq + Clone> Run<S> {
    /// Opens the folder. Gives the number of finished steps, with `module` and `optimiser` as they were then; 0 for a
    /// new run. A checkpoint of a run with other settings is refused, so nothing is overwritten by mistake.
    pub fn open<M: Module>(
        folder: &Path,
        settings: S,
        module: M,
        optimiser: ModuleOptimizer,
        header: &str,
    ) -> Result<(Self, M, ModuleOptimizer, usize), RunError> {
        use std::io::{Seek, Write};
        let write = |path: &Path, e: &std::io::Error| RunError::write(path.to_owned(), e);
        std::fs::create_dir_all(folder).map_err(|e| write(folder, &e))?;
        let checkpoint = folder.join("checkpoint.bin");
        let table = folder.join("metrics.csv");
        let mut metrics = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .read(true)
            .open(&table)
            .map_err(|e| write(&table, &e))?;
        if !checkpoint.exists() {
            metrics.set_len(0).map_err(|e| write(&table, &e))?;
            writeln!(metrics, "{header}").map_err(|e| write(&table, &e))?;
            return Ok((Self { folder: folder.to_owned(), settings, metrics }, module, optimiser, 0));
        }
        let resume = |reason: String| RunError::Resume { path: checkpoint.clone(), reason };
        let bytes = std::fs::read(&checkpoint).map_err(|e| resume(e.to_string()))?;
        let [state, weights, moments] = unpack(&bytes).ok_or_else(|| resume("the file is damaged".into()))?;
        let state: State<S> = serde_json::from_slice(state).map_err(|e| resume(e.to_string()))?;
        if state.settings != settings {
            return Err(resume(
                "it belongs to a run with other settings; choose another --out, or delete the folder".into(),
            ));
        }
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(weights.to_vec()))
            .map_err(|e| resume(format!("{e:?}")))?;
        let module = module.load_record(record);
        let optimiser = optimiser
            .from_bytes(Bytes::from_bytes_vec(moments.to_vec()))
            .map_err(|e| resume(format!("{e:?}")))?;
        metrics.set_len(state.metrics_bytes).map_err(|e| write(&table, &e))?;
        metrics.seek(std::io::SeekFrom::End(0)).map_err(|e| write(&table, &e))?;
        Ok((Self { folder: folder.to_owned(), settings, metrics }, module, optimiser, state.step))
    }

    /// Appends a row to `metrics.csv`.
    pub fn log(&mut self, row: &str) -> Result<(), RunError> {
        use std::io::Write;
        writeln!(self.metrics, "{row}").map_err(|e| RunError::write(self.folder.join("metrics.csv"), &e))
    }

    /// Writes the checkpoint of `step` finished steps in one file, replaced as a whole.
    pub fn save<M: Module>(
        &mut self,
        module: &M,
        optimiser: &ModuleOptimizer,
        step: usize,
    ) -> Result<(), RunError> {
        let path = self.folder.join("checkpoint.bin");
        let fail = |reason: String| RunError::Write { path: path.clone(), reason };
        let metrics_bytes = self.metrics.metadata().map_err(|e| fail(e.to_string()))?.len();
        let state = State { settings: self.settings.clone(), step, metrics_bytes };
        let state = serde_json::to_vec(&state).map_err(|e| fail(e.to_string()))?;
        let weights = module.clone().into_record().into_bytes().map_err(|e| fail(format!("{e:?}")))?;
        let moments = optimiser.into_bytes().map_err(|e| fail(format!("{e:?}")))?;
        crate::files::write_atomic(&path, &pack([&state, &weights, &moments]))
            .map_err(|e| RunError::write(path.clone(), &e))
    }

    /// The error of a step whose loss is NaN or infinite.
    pub fn not_finite(&self, step: usize, detail: String) -> RunError {
        RunError::NotFinite { step, detail, path: self.folder.clone() }
    }
}

/// Three parts behind one another, each after its length.
fn pack(parts: [&[u8]; 3]) -> Vec<u8> {
    parts.iter().flat_map(|p| (p.len() as u64).to_le_bytes().into_iter().chain(p.iter().copied())).collect()
}

fn unpack(mut bytes: &[u8]) -> Option<[&[u8]; 3]> {
    let mut parts: [&[u8]; 3] = [&[]; 3];
    for part in &mut parts {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        (*part, bytes) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    }
    bytes.is_empty().then_some(parts)
}

/// Scales all gradients together so that their joint norm is at most `max`; gives the norm before.
pub fn clip_gradients<M: Module>(module: &M, grads: GradientsParams, max: f32) -> (GradientsParams, f32) {
    struct Squares<'a> {
        grads: &'a GradientsParams,
        squares: Vec<Tensor<1>>,
    }
    impl ModuleVisitor for Squares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(grad) = self.grads.get::<D>(param.id) {
                self.squares.push(grad.square().sum());
            }
        }
    }
    struct Scale {
        grads: GradientsParams,
        by: f32,
    }
    impl ModuleVisitor for Scale {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(grad) = self.grads.remove::<D>(param.id) {
                self.grads.register(param.id, grad.mul_scalar(self.by));
            }
        }
    }
    let mut squares = Squares { grads: &grads, squares: Vec::new() };
    module.visit(&mut squares);
    if squares.squares.is_empty() {
        return (grads, 0.0);
    }
    let norm = Tensor::cat(squares.squares, 0).sum().sqrt().into_scalar::<f32>();
    if norm <= max || !norm.is_finite() {
        return (grads, norm);
    }
    let mut scale = Scale { grads, by: max / norm };
    module.visit(&mut scale);
    (scale.grads, norm)
}
