//! Linear readings of the class token in stage 1, thrown away afterwards: what a picture shows (attributes) and where the
//! joints are. Captions name these things only now and then and only in relation to others; asked for directly they are learnt
//! in a fraction of the pictures.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor, TensorData};

/// Weights of both losses beside the contrastive one.
const ATTRIBUTES: f32 = 0.25;
const POINTS: f32 = 1.0;

/// The readings.
#[derive(Module, Debug)]
pub struct Auxiliary {
    attributes: Linear,
    points: Linear,
    /// Values of each attribute.
    sizes: Vec<usize>,
}

/// What is to be read, of B pictures.
pub struct Truths {
    /// `B × attributes`; `None` where it cannot be told.
    pub attributes: Vec<Option<usize>>,
    /// `B × numbers`.
    pub points: Vec<f32>,
}

impl Auxiliary {
    pub fn init(width: usize, sizes: &[usize], points: usize, device: &Device) -> Self {
        Self {
            attributes: LinearConfig::new(width, sizes.iter().sum()).init(device),
            points: LinearConfig::new(width, points).init(device),
            sizes: sizes.to_vec(),
        }
    }

    /// Of class tokens (B,D): the cross entropy of all attributes together and the squared error of the key points, weighted, a
    /// scalar.
    pub fn loss(&self, class_tokens: Tensor<2>, truths: &Truths) -> Tensor<1> {
        let device = class_tokens.device();
        let [batch, _] = class_tokens.dims();
        let total: usize = self.sizes.iter().sum();
        let mut wanted = vec![0.0f32; batch * total];
        for (row, values) in wanted.chunks_mut(total).zip(truths.attributes.chunks(self.sizes.len())) {
            let mut before = 0;
            for (value, size) in values.iter().zip(&self.sizes) {
                if let Some(value) = value {
                    row[before + value] = 1.0;
                }
                before += size;
            }
        }
        let wanted = Tensor::<2>::from_data(TensorData::new(wanted, [batch, total]), &device);
        let logits = self.attributes.forward(class_tokens.clone());
        let mut before = 0;
        let likelihoods = self.sizes.iter().map(|&size| {
            let group = log_softmax(logits.clone().narrow(1, before, size), 1);
            before += size;
            group
        });
        let surprise = -(Tensor::cat(likelihoods.collect(), 1) * wanted).sum_dim(1).mean();
        let found = self.points.forward(class_tokens);
        let points = Tensor::<2>::from_data(TensorData::new(truths.points.clone(), found.dims()), &device);
        surprise * ATTRIBUTES + (found - points).square().mean() * POINTS
    }
}
