"""The peers of the bench: the towers of a CLIP folder in transformers (PyTorch) and in ONNX Runtime, on the CPU.

peers.py MODEL PIXELS IDS: PIXELS is a file of f32 (frames, 3, side, side), IDS of i64 (texts, length), both raw. Says in a line of
JSON which versions it has, then answers a line "PEER TOWER COUNT" (onnxruntime | torch | bfloat16, vision | text, frames or texts) with a
line of JSON: the seconds of one pass, and the class token or the end-of-text row of the first item. Threads are as many as the
libraries take by themselves.
"""

import json
import os
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")

import numpy
import torch
import transformers

try:
    import onnxruntime
except ImportError:
    onnxruntime = None


class First(torch.nn.Module):
    """A tower that gives all tokens."""

    def __init__(self, tower):
        super().__init__()
        self.tower = tower

    def forward(self, x):
        return self.tower(x).last_hidden_state


def session(tower, example, folder, name):
    path = os.path.join(folder, name)
    axes = {"x": {0: "items"}, "y": {0: "items"}}
    with torch.inference_mode():
        torch.onnx.export(
            First(tower), (example,), path, dynamo=False, input_names=["x"], output_names=["y"], dynamic_axes=axes, opset_version=17
        )
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def main(folder, pixels, ids):
    vision = transformers.CLIPVisionModel.from_pretrained(folder, dtype=torch.float32).eval()
    text = transformers.CLIPTextModel.from_pretrained(folder, dtype=torch.float32).eval()
    side = vision.config.image_size
    inputs = {
        "vision": torch.from_numpy(numpy.fromfile(pixels, "float32").reshape(-1, 3, side, side)),
        "text": torch.from_numpy(numpy.fromfile(ids, "int64").reshape(1, -1)),
    }
    towers = {"vision": vision, "text": text}
    half = {}
    versions = {module.__name__: module.__version__ for module in (torch, transformers)}
    sessions = {}
    if onnxruntime is not None:
        versions["onnxruntime"] = onnxruntime.__version__
        with tempfile.TemporaryDirectory() as scratch:
            sessions = {name: session(towers[name], inputs[name][:1], scratch, name + ".onnx") for name in towers}
    versions["threads of torch"] = torch.get_num_threads()
    print(json.dumps(versions), flush=True)
    for line in sys.stdin:
        peer, name, count = line.split()
        x = inputs[name][: int(count)]
        if peer == "onnxruntime":
            if not sessions:
                print(json.dumps({"missing": "no module onnxruntime"}), flush=True)
                continue
            x = x.numpy()
            began = time.perf_counter()
            out = sessions[name].run(None, {"x": x})[0]
            seconds = time.perf_counter() - began
        else:
            if peer == "bfloat16":
                if name not in half:
                    kind = transformers.CLIPVisionModel if name == "vision" else transformers.CLIPTextModel
                    half[name] = kind.from_pretrained(folder, dtype=torch.bfloat16).eval()
                tower, x = half[name], x.to(torch.bfloat16) if name == "vision" else x
            else:
                tower = towers[name]
            with torch.inference_mode():
                began = time.perf_counter()
                out = tower(x).last_hidden_state
                seconds = time.perf_counter() - began
            out = out.float().numpy()
        row = out[0, 0] if name == "vision" else out[0, -1]
        if name == "vision":
            # last_hidden_state of pictures is from before this norm; that of texts is from after theirs.
            with torch.inference_mode():
                row = getattr(vision, "vision_model", vision).post_layernorm(torch.from_numpy(row)).numpy()
        print(json.dumps({"seconds": seconds, "row": row.tolist()}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
