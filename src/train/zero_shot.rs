//! Zero-shot classification of embedded clips: text side, video side, and accuracy in a label space.

use super::RunError;
use super::features::Features;
use crate::model::Surgery;
use crate::model::head::MotionHead;
use crate::prompt::{PromptSet, Templates};
use crate::score::{ClassEmbedding, score};
use crate::session::Session;
use burn::tensor::{Device, Tensor, TensorData};
use std::sync::Arc;

/// Clips that go through the head at once.
const BATCH: usize = 32;

/// t⁺ and t⁻ of every class before DA_j: unit rows `(C, E)`.
pub struct TextSide {
    pub names: Vec<String>,
    pub positive: Tensor<2>,
    pub negative: Tensor<2>,
}

fn to_vec(tensor: Tensor<2>) -> Result<Vec<f32>, RunError> {
    let data = tensor.try_into_data().map_err(|e| RunError::Other(e.to_string()))?;
    data.try_into_vec::<f32>().map_err(|e| RunError::Other(format!("{e:?}")))
}

impl TextSide {
    /// Fills the templates with each name and runs the text tower.
    pub fn encode(session: &mut Session, names: &[String], templates: &Templates) -> Result<Self, RunError> {
        let set = PromptSet { templates: templates.clone(), ..PromptSet::from_names(names) };
        let means = session.text_means(&set)?;
        let side = |rows: Vec<Vec<f32>>| {
            let shape = [names.len(), session.config().joint];
            Tensor::from_data(TensorData::new(rows.concat(), shape), session.device())
        };
        Ok(Self { names: names.to_vec(), positive: side(means.positive), negative: side(means.negative) })
    }

    /// The rows of some classes, on a device.
    pub fn subset(&self, classes: &[usize], device: &Device) -> Self {
        let rows = |t: &Tensor<2>| {
            let picked: Vec<Tensor<2>> = classes.iter().map(|&c| t.clone().narrow(0, c, 1)).collect();
            Tensor::from_data(Tensor::cat(picked, 0).into_data(), device)
        };
        Self {
            names: classes.iter().map(|&c| self.names[c].clone()).collect(),
            positive: rows(&self.positive),
            negative: rows(&self.negative),
        }
    }

    /// After DA_j, as plain numbers.
    pub fn joint(&self, head: &MotionHead) -> Result<Vec<ClassEmbedding>, RunError> {
        let e = self.positive.dims()[1];
        let positive = to_vec(head.joint(self.positive.clone()))?;
        let negative = to_vec(head.joint(self.negative.clone()))?;
        let rows = self.names.iter().zip(positive.chunks(e).zip(negative.chunks(e)));
        Ok(rows
            .map(|(name, (p, n))| {
                let negative = Arc::<[f32]>::from(n);
                ClassEmbedding {
                    counts: true,
                    name: name.clone(),
                    positive: Some(p.into()),
                    from_templates: 1,
                    floor: Some(negative.clone()),
                    negatives: vec![negative],
                    ..ClassEmbedding::default()
                }
            })
            .collect())
    }
}

/// f (E) of each of the `clips`, by a head that is being trained.
pub fn embed(
    head: &MotionHead,
    session: &Session,
    features: &Features,
    clips: &[usize],
) -> Result<Vec<Vec<f32>>, RunError> {
    let mut all = Vec::with_capacity(clips.len());
    for which in clips.chunks(BATCH) {
        all.extend(session.embed_by(head, features.batch(which, session.device()), &Surgery::default())?);
    }
    Ok(all)
}

/// The class of `space` (indices into `classes`) that scores highest for a clip. The negatives of templates alone, which classes
/// have here, leave that to the positives whatever α is (METHOD §6).
pub fn predict(f: &[f32], classes: &[ClassEmbedding], space: &[usize]) -> usize {
    let chosen: Vec<ClassEmbedding> = space.iter().map(|&c| classes[c].clone()).collect();
    let logits =
        score(f, &chosen, 1.0, 0.0).classes.into_iter().map(|c| c.logit.unwrap_or(f32::NEG_INFINITY));
    let best = logits.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(i, _)| i);
    space[best]
}

/// Top-1 accuracy in percent, among the classes of `space`, over clips whose labels are all in it. 0 without clips.
pub fn top1(f: &[Vec<f32>], labels: &[usize], classes: &[ClassEmbedding], space: &[usize]) -> f64 {
    let right = f.iter().zip(labels).filter(|(f, l)| predict(f, classes, space) == **l).count();
    100.0 * right as f64 / labels.len().max(1) as f64
}
