//! The layers of both towers on the CPU: what [`super::encoder`] says in Burn's operations, by the crate `motionlens-encoder`, which
//! goes over memory less often. `cargo bench --bench towers` sets the two beside each other.
//!
//! The parameters are those of the Burn module, read where they lie: there is no second copy. [`layers`] is for inference;
//! [`trained`] is one layer as one operation of Burn's autodiff. Both answer `None` wherever there are not numbers of the CPU, and
//! Burn's operations do it then; `tests/cpu_tower.rs` holds the two together.

use super::encoder::EncoderLayer;
use burn::backend::BackendTypes;
use burn::tensor::{DType, Tensor, TensorData};
use burn_autodiff::Autodiff;
use burn_autodiff::checkpoint::base::Checkpointer;
use burn_autodiff::checkpoint::strategy::NoCheckpointing;
use burn_autodiff::grads::Gradients;
use burn_autodiff::ops::{Backward, Ops, OpsKind};
use burn_flex::{Flex, FlexTensor};
use motionlens_encoder::{Batch, Layer, Norm, Weights, gradient, run};

/// `x (B, n, D)` through these layers; with `causal` a row sees itself and the rows before it. `None`: not on the CPU.
pub fn layers(layers: &[EncoderLayer], x: &Tensor<3>, causal: bool) -> Option<Tensor<3>> {
    let input = in_order(x.clone())?;
    let held = |layer: &EncoderLayer| {
        Some(Held {
            tensors: parameters(layer, shared, in_order)?,
            heads: layer.self_attn.heads,
            epsilon: layer.epsilon as f32,
        })
    };
    let held: Vec<Held> = layers.iter().map(held).collect::<Option<_>>()?;
    let layers: Vec<Layer> = held.iter().map(Held::layer).collect();
    let out = run(&layers, batch(&input, x.dims())?, causal);
    Some(Tensor::from_data(TensorData::new(out, x.dims()), &x.device()))
}

/// One layer with its gradients, as [`layers`] otherwise. `None`: not on the CPU, or not under autodiff.
pub fn trained(layer: &EncoderLayer, x: &Tensor<3>, causal: bool) -> Option<Tensor<3>> {
    let shape = x.dims();
    let x = tracked(x.clone())?;
    let parameters = parameters(layer, tracked, tracked)?;
    let input = contiguous(x.primitive().clone());
    // Weights are read along either axis, all else in order.
    let tensors = std::array::from_fn(|i| {
        let tensor = parameters[i].primitive().clone();
        if is_weight(i) { tensor } else { contiguous(tensor) }
    });
    let held = Held { tensors, heads: layer.self_attn.heads, epsilon: layer.epsilon as f32 };
    let out = run(&[held.layer()], batch(&input, shape)?, causal);
    let out = FlexTensor::from_data(TensorData::new(out, shape));
    let nodes = std::array::from_fn(|i| if i == 0 { x.node() } else { parameters[i - 1].node() });
    let made = match LayerBack.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(step) => step.finish(LayerState { held, input, shape, causal }, out),
        OpsKind::UnTracked(step) => step.finish(out),
    };
    Some(Tensor::from_primitive::<Autodiff<Flex>>(made))
}

/// A layer on its way back.
#[derive(Debug)]
struct LayerBack;

/// What the way back starts from.
#[derive(Clone, Debug)]
struct LayerState {
    held: Held,
    input: FlexTensor,
    shape: [usize; 3],
    causal: bool,
}

impl Backward<Flex, { 1 + PARAMETERS }> for LayerBack {
    type State = LayerState;

    fn backward(self, ops: Ops<LayerState, { 1 + PARAMETERS }>, grads: &mut Gradients, _: &mut Checkpointer) {
        let LayerState { held, input, shape, causal } = ops.state;
        let upstream = contiguous(grads.consume::<Flex>(&ops.node));
        let (Some(batch), Some(upstream)) = (batch(&input, shape), upstream.as_slice()) else {
            unreachable!("the layer ran with them")
        };
        let found = gradient(&held.layer(), batch, causal, upstream);
        let [q, k, v] = found.qkv;
        let linear = [q, k, v, found.out, found.fc1, found.fc2].map(|g| [g.weight, g.bias]);
        let norms = found.norms.map(|g| [g.gamma, g.beta]);
        let numbers = linear.into_iter().chain(norms).flatten();
        let shapes = held.tensors.iter().map(|t| t.layout().shape().clone());
        let all = std::iter::once((found.input, shape.into())).chain(numbers.zip(shapes));
        for (parent, (numbers, shape)) in ops.parents.into_iter().zip(all) {
            if let Some(parent) = parent {
                grads.register::<Flex>(parent.id, FlexTensor::from_data(TensorData::new(numbers, shape)));
            }
        }
    }
}

fn batch(input: &FlexTensor, [_, tokens, width]: [usize; 3]) -> Option<Batch<'_>> {
    Some(Batch { numbers: input.as_slice()?, tokens, width })
}

/// A tensor on the CPU, sharing its numbers; `None` where they are elsewhere, tracked, or of another type.
fn shared<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
    tensor.try_into_primitive::<Flex>().ok().filter(|tensor| tensor.dtype() == DType::F32)
}

/// The same with its numbers in order.
fn in_order<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
    shared(tensor).map(contiguous)
}

type Tracked = <Autodiff<Flex> as BackendTypes>::FloatTensorPrimitive;

/// A tensor on the CPU under autodiff.
fn tracked<const D: usize>(tensor: Tensor<D>) -> Option<Tracked> {
    let tensor = tensor.try_into_primitive::<Autodiff<Flex>>().ok()?;
    (tensor.primitive().dtype() == DType::F32).then_some(tensor)
}

fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() }
}

/// How many tensors a layer has.
const PARAMETERS: usize = 16;

/// Whether that one of [`parameters`] is a matrix.
fn is_weight(i: usize) -> bool {
    i < 12 && i.is_multiple_of(2)
}

/// A layer's parameters: weight and bias of q, k, v, out, fc1 and fc2, γ and β of the norms. `None`: not all are there, or not to be
/// had so.
fn parameters<T>(
    layer: &EncoderLayer,
    matrix: impl Fn(Tensor<2>) -> Option<T>,
    vector: impl Fn(Tensor<1>) -> Option<T>,
) -> Option<[T; PARAMETERS]> {
    let (attention, mlp) = (&layer.self_attn, &layer.mlp);
    let mut all = Vec::with_capacity(PARAMETERS);
    for linear in
        [&attention.q_proj, &attention.k_proj, &attention.v_proj, &attention.out_proj, &mlp.fc1, &mlp.fc2]
    {
        all.push(matrix(linear.weight.val())?);
        all.push(vector(linear.bias.as_ref()?.val())?);
    }
    for norm in [&layer.layer_norm1, &layer.layer_norm2] {
        all.push(vector(norm.gamma.val())?);
        all.push(vector(norm.beta.as_ref()?.val())?);
    }
    all.try_into().ok()
}

/// An [`EncoderLayer`]; the tensors, in the order of [`parameters`], share its numbers.
#[derive(Clone, Debug)]
struct Held {
    tensors: [FlexTensor; PARAMETERS],
    heads: usize,
    epsilon: f32,
}

impl Held {
    fn layer(&self) -> Layer<'_> {
        let vector = |i: usize| self.tensors[i].as_slice().unwrap_or(&[]);
        let weights = |i: usize| {
            let weight = &self.tensors[2 * i];
            let (shape, strides) = (weight.layout().shape(), weight.layout().strides());
            Weights {
                data: &weight.storage()[weight.layout().start_offset()..],
                inputs: shape[0],
                outputs: shape[1],
                strides: (strides[0].unsigned_abs(), strides[1].unsigned_abs()),
                bias: Some(vector(2 * i + 1)),
            }
        };
        let norm = |i: usize| Norm { gamma: vector(i), beta: Some(vector(i + 1)), epsilon: self.epsilon };
        Layer {
            qkv: [weights(0), weights(1), weights(2)],
            out: weights(3),
            fc1: weights(4),
            fc2: weights(5),
            norms: [norm(12), norm(14)],
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
    fn inference_and_training_on_the_cpu_come_here_each_to_its_own() {
        let (plain, tracked) = (Device::flex(), Device::flex().autodiff());
        let x = |device: &Device| Tensor::<3>::ones([2, 3, 8], device);
        let here = |device: &Device, of: &Device| {
            let encoder = encoder(of);
            let one = trained(&encoder.layers()[0], &x(device), false);
            (layers(encoder.layers(), &x(device), false).is_some(), one.is_some())
        };
        assert_eq!(here(&plain, &plain), (true, false));
        assert_eq!(here(&tracked, &tracked), (false, true));
        assert_eq!(here(&plain, &tracked), (false, false), "parameters that are trained");
        let checkpointing = tracked.clone().gradient_checkpointing();
        assert_eq!(here(&checkpointing, &checkpointing), (false, false), "Burn does it");
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
