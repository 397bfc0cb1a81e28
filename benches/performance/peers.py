"""The Python peers of the bench: transformers' CLIP in PyTorch and in ONNX Runtime, and PyAV, as few lines as do each job well.

Says in a line of JSON which versions it has, then answers lines of JSON, {"do": NAME, ...}, with a line each: what it found and the
"seconds" that it took, or what is "missing" (a package, mostly: each is imported where it is needed). Nothing is timed that is needed once: starting Python, loading and exporting the model.
"""

import json
import os
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

warnings.filterwarnings("ignore")


class Models:
    """The towers of a CLIP folder, each made when it is first asked for."""

    def __init__(self, folder, pixels, ids):
        self.folder, self.made, self.inputs = folder, {}, {}
        import numpy
        import torch
        import transformers

        transformers.logging.set_verbosity_error()
        self.torch, self.transformers = torch, transformers
        self.side = self.tower("vision").config.image_size
        # (frames, 3, side, side) of f32, and (texts, length) of i64, both raw.
        pixels = numpy.fromfile(pixels, "float32").reshape(-1, 3, self.side, self.side)
        ids = numpy.fromfile(ids, "int64").reshape(1, -1)
        self.inputs = {"vision": self.torch.from_numpy(pixels), "text": self.torch.from_numpy(ids)}

    def once(self, key, make):
        if key not in self.made:
            self.made[key] = make()
        return self.made[key]

    def tower(self, name, dtype="float32", device="cpu"):
        kinds = {"vision": self.transformers.CLIPVisionModel, "text": self.transformers.CLIPTextModel}
        dtype = getattr(self.torch, dtype)
        make = lambda: kinds[name].from_pretrained(self.folder, dtype=dtype).eval().to(device)
        return self.once((name, dtype, device), make)

    def session(self, name):
        return self.once((name, "onnx"), lambda: self.export(name))

    def export(self, name):
        import onnxruntime

        torch, tower = self.torch, self.tower(name)

        class Tokens(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.tower = tower

            def forward(self, x):
                return self.tower(x).last_hidden_state

        with tempfile.TemporaryDirectory() as scratch, torch.inference_mode():
            path = os.path.join(scratch, "tower.onnx")
            axes = {"x": {0: "items"}, "y": {0: "items"}}
            example = (self.inputs[name][:1],)
            kinds = {"dynamo": False, "input_names": ["x"], "output_names": ["y"], "dynamic_axes": axes, "opset_version": 17}
            torch.onnx.export(Tokens(), example, path, **kinds)
            return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def runner(self, peer, name):
        """What makes all tokens of a batch, as a tensor of that peer's kind; on a GPU, those of the first item, brought back."""
        if peer == "onnxruntime":
            session = self.session(name)
            return lambda x: session.run(None, {"x": x.numpy()})[0]
        if peer.startswith("cuda "):
            tower = self.tower(name, peer.removeprefix("cuda "), "cuda")
            kind = tower.dtype if name == "vision" else self.torch.int64
            return lambda x: tower(x.to("cuda", kind)).last_hidden_state[:1].float().cpu()
        tower = self.tower(name, "float32" if peer == "torch" else peer)
        return lambda x: tower(x.to(tower.dtype) if name == "vision" else x).last_hidden_state

    def normed(self, tokens):
        """The class tokens after the last norm, which last_hidden_state of pictures is from before."""
        tower = self.tower("vision")
        tokens = tokens if isinstance(tokens, self.torch.Tensor) else self.torch.from_numpy(tokens)
        return getattr(tower, "vision_model", tower).post_layernorm(tokens[:, 0].float())


MODELS = None


def load(folder, pixels, ids):
    global MODELS
    MODELS = Models(folder, pixels, ids)
    return {}


def models():
    if MODELS is None:
        raise RuntimeError("no model was loaded: torch and transformers are needed")
    return MODELS


def tower(peer, name, count):
    run, x = models().runner(peer, name), MODELS.inputs[name][:count]
    with MODELS.torch.inference_mode():
        began = time.perf_counter()
        tokens = run(x)
        seconds = time.perf_counter() - began
        row = MODELS.normed(tokens)[0] if name == "vision" else MODELS.torch.as_tensor(tokens)[0, -1].float()
    return {"seconds": seconds, "row": row.tolist()}


def pixels(image, size):
    """The short side at `size`, the middle cut out, normalised: (3, size, size)."""
    import torch
    from PIL import Image

    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    scale = size / min(image.size)
    width, height = (max(size, int(side * scale)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    image = image.crop((left, top, left + size, top + size))
    rgb = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(size, size, 3)
    return (rgb.permute(2, 0, 1) / 255 - mean) / std


def read(path, count, size):
    """The frames in the middles of `count` equal segments: (count, 3, size, size)."""
    import av
    import torch

    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        # The files of the bench say how many frames they have.
        wanted = [(2 * i + 1) * stream.frames // (2 * count) for i in range(count)]
        found = {}
        for place, frame in enumerate(container.decode(stream)):
            if place in wanted:
                found[place] = pixels(frame.to_image(), size)
            if place == wanted[-1]:
                break
    return torch.stack([found[place] for place in wanted])


def folder(peer, frames, videos):
    """File to tokens; one thread reads ahead."""
    run, size = models().runner(peer, "vision"), MODELS.side
    with MODELS.torch.inference_mode(), ThreadPoolExecutor(1) as ahead:
        began = time.perf_counter()
        for clip in ahead.map(lambda path: read(path, frames, size), videos):
            token = MODELS.normed(run(clip)).mean(0)
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "row": token.tolist()}


def opened(path, threads):
    import av

    container = av.open(path)
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = threads
    return container, stream


def decode(video, threads):
    began = time.perf_counter()
    container, stream = opened(video, threads)
    with container:
        frames = sum(1 for _ in container.decode(stream))
    return {"seconds": time.perf_counter() - began, "frames": frames}


HELD = (None, None, None)


def seek(video, at, threads):
    """To the key frame before, and decode up to the frame at that time; the file stays open from one seek to the next. Where the key
    frame has pictures before it that lean on what was not decoded (open groups), the way back is longer."""
    global HELD
    if HELD[0] != video:
        HELD = (video, *opened(video, threads))
    _, container, stream = HELD
    began = time.perf_counter()
    for back in (0, 1, 4, 16, 64):
        container.seek(round(max(0, at - back) / stream.time_base), stream=stream)
        frame = next(frame for frame in container.decode(stream) if frame.time > at - 1e-4)
        if frame.time < at + 1e-4:
            break
    return {"seconds": time.perf_counter() - began, "at": frame.time}


def versions():
    found = {}
    for name in ("torch", "transformers", "onnxruntime", "av"):
        try:
            found[name] = __import__(name).__version__
        except ImportError:
            found[name] = "missing"
    if "av" in sys.modules:
        found["av"] += f" (FFmpeg {sys.modules['av'].ffmpeg_version_info})"
    return found


def main():
    print(json.dumps(versions()), flush=True)
    work = {"load": load, "tower": tower, "folder": folder, "decode": decode, "seek": seek}
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = work[asked.pop("do")](**asked)
        except Exception as why:
            answer = {"missing": f"{type(why).__name__}: {why}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
