//! The layers of both towers on the CPU, for inference: what [`super::encoder`] says in Burn's operations, by the crate
//! `motionlens-encoder`, which goes over memory less often. `cargo bench --bench towers` sets the two beside each other.
//!
//! The parameters are those of the Burn module, read where they lie: there is no second copy. [`layers`] answers `None` wherever they
//! are not plain numbers of the CPU (on a GPU, under autodiff), and Burn's operations do it then; `tests/cpu_tower.rs` holds the two
//! together.

use super::encoder::EncoderLayer;
use burn::nn::LayerNorm;
use burn::tensor::{DType, Tensor, TensorData};
use burn_flex::{Flex, FlexTensor};
use motionlens_encoder::{Batch, Layer, Norm, Weights, run};

/// `x (B, n, D)` through these layers; with `causal` a row sees itself and the rows before it. `None`: not on the CPU.
pub fn layers(layers: &[EncoderLayer], x: &Tensor<3>, causal: bool) -> Option<Tensor<3>> {
    let shape = x.dims();
    let input = in_order(x.clone())?;
    let held: Vec<Held> = layers.iter().map(Held::of).collect::<Option<_>>()?;
    let layers: Vec<Layer> = held.iter().map(Held::layer).collect();
    let out = run(&layers, Batch { numbers: input.as_slice()?, tokens: shape[1], width: shape[2] }, causal);
    Some(Tensor::from_data(TensorData::new(out, shape), &x.device()))
}

/// A tensor on the CPU, sharing its numbers; `None` where they are elsewhere, tracked, or of another type.
fn shared<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
    tensor.try_into_primitive::<Flex>().ok().filter(|tensor| tensor.dtype() == DType::F32)
}

/// The same with its numbers in order.
fn in_order<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
    shared(tensor).map(|tensor| if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() })
}

/// A [`burn::nn::Linear`]; the tensors share its numbers.
struct Linear {
    weight: FlexTensor,
    bias: Option<FlexTensor>,
}

impl Linear {
    fn of(linear: &burn::nn::Linear) -> Option<Self> {
        let bias = match &linear.bias {
            Some(bias) => Some(in_order(bias.val())?),
            None => None,
        };
        Some(Self { weight: shared(linear.weight.val())?, bias })
    }

    fn weights(&self) -> Weights<'_> {
        let layout = self.weight.layout();
        let (shape, strides) = (layout.shape(), layout.strides());
        Weights {
            data: &self.weight.storage()[layout.start_offset()..],
            inputs: shape[0],
            outputs: shape[1],
            strides: (strides[0].unsigned_abs(), strides[1].unsigned_abs()),
            bias: self.bias.as_ref().and_then(|b| b.as_slice()),
        }
    }
}

/// A LayerNorm; the tensors share its numbers.
struct Scale {
    gamma: FlexTensor,
    beta: Option<FlexTensor>,
    epsilon: f32,
}

impl Scale {
    fn of(norm: &LayerNorm, epsilon: f64) -> Option<Self> {
        let beta = match &norm.beta {
            Some(beta) => Some(in_order(beta.val())?),
            None => None,
        };
        Some(Self { gamma: in_order(norm.gamma.val())?, beta, epsilon: epsilon as f32 })
    }

    fn norm(&self) -> Norm<'_> {
        let beta = self.beta.as_ref().and_then(|b| b.as_slice());
        Norm { gamma: self.gamma.as_slice().unwrap_or(&[]), beta, epsilon: self.epsilon }
    }
}

/// An [`EncoderLayer`]; the tensors share its numbers.
struct Held {
    qkv: [Linear; 3],
    out: Linear,
    fc: [Linear; 2],
    norms: [Scale; 2],
    heads: usize,
}

impl Held {
    fn of(layer: &EncoderLayer) -> Option<Self> {
        let (attention, epsilon) = (&layer.self_attn, layer.epsilon);
        let of = Linear::of;
        Some(Self {
            qkv: [of(&attention.q_proj)?, of(&attention.k_proj)?, of(&attention.v_proj)?],
            out: of(&attention.out_proj)?,
            fc: [of(&layer.mlp.fc1)?, of(&layer.mlp.fc2)?],
            norms: [Scale::of(&layer.layer_norm1, epsilon)?, Scale::of(&layer.layer_norm2, epsilon)?],
            heads: attention.heads,
        })
    }

    fn layer(&self) -> Layer<'_> {
        Layer {
            qkv: self.qkv.each_ref().map(Linear::weights),
            out: self.out.weights(),
            fc1: self.fc[0].weights(),
            fc2: self.fc[1].weights(),
            norms: self.norms.each_ref().map(Scale::norm),
            heads: self.heads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::TowerConfig;
    use super::super::encoder::Encoder;
    use super::*;
    use burn::tensor::Device;

    fn encoder(device: &Device) -> Encoder {
        let config = TowerConfig { width: 8, layers: 2, heads: 2, mlp: 12, layer_norm_eps: 1e-5 };
        Encoder::init(&config, device)
    }

    #[test]
    fn inference_on_the_cpu_comes_here_and_training_does_not() {
        let (plain, tracked) = (Device::flex(), Device::flex().autodiff());
        let x = |device: &Device| Tensor::<3>::ones([2, 3, 8], device);
        assert!(layers(encoder(&plain).layers(), &x(&plain), false).is_some());
        assert!(layers(encoder(&tracked).layers(), &x(&tracked), false).is_none());
        assert!(
            layers(encoder(&tracked).layers(), &x(&plain), false).is_none(),
            "parameters that are trained"
        );
    }

    #[test]
    fn nothing_gives_nothing_and_no_layers_change_nothing() {
        let device = Device::flex();
        let none = layers(encoder(&device).layers(), &Tensor::<3>::zeros([0, 3, 8], &device), false);
        assert_eq!(none.unwrap().dims(), [0, 3, 8]);
        // Numbers out of order in memory.
        let x = TensorData::new(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [1, 2, 3]);
        let x = Tensor::<3>::from_data(x, &device).swap_dims(1, 2);
        let same = layers(&[], &x, true).unwrap();
        assert_eq!(same.into_data(), x.into_data());
    }
}
