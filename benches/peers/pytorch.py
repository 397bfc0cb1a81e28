"""The peer of the bench: PyAV, Pillow and transformers' CLIP on the CPU, as few lines as do the job well.

pytorch.py MODEL FRAMES VIDEO... : so many frames of each video through the vision tower of a CLIP folder. The first video is for
warming up and is not timed. One thread reads ahead; decoding and torch take the threads that they take by themselves.

Prints JSON: the seconds for the other videos, the last one's class token averaged over its frames, and the versions.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import av
import torch
import transformers
from PIL import Image

MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)


def pixels(image, size):
    """The short side at `size`, the middle cut out, normalised: (3, size, size)."""
    scale = size / min(image.size)
    width, height = (max(size, int(side * scale)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    image = image.crop((left, top, left + size, top + size))
    rgb = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(size, size, 3)
    return (rgb.permute(2, 0, 1) / 255 - MEAN) / STD


def read(path, count, size):
    """The frames in the middles of `count` equal segments: (count, 3, size, size)."""
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


def main(folder, count, videos):
    model = transformers.CLIPVisionModel.from_pretrained(folder, dtype=torch.float32).eval()
    size = model.config.image_size
    with torch.inference_mode(), ThreadPoolExecutor(1) as ahead:
        model(read(videos[0], count, size))
        began = time.perf_counter()
        for clip in ahead.map(lambda path: read(path, count, size), videos[1:]):
            token = model(clip).pooler_output.mean(0)
        seconds = time.perf_counter() - began
    versions = {module.__name__: module.__version__ for module in (torch, av, transformers)}
    print(json.dumps({"seconds": seconds, "token": token.tolist(), "versions": versions}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
