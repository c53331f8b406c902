"""Models: names, shapes, first bits and outputs of the reference implementations, in small sizes.

Needs torchvision and transformers besides PyTorch. After `manual_seed(7)` a model is made and the hash of its bits recorded (where
its first values are the reference's too); then every parameter is filled in the order of `named_parameters()` with normal
numbers times 0.1 after `manual_seed(11)`, and the output is that of the float64 model in evaluation.
"""

import torch
from torch import nn

from encode import elements
from random_cases import fnv

F64 = torch.float64


def fill(m):
    torch.manual_seed(11)
    with torch.no_grad():
        for _, p in m.named_parameters():
            p.copy_(torch.randn(p.shape) * 0.1)


def case(name, make, inputs, exact=True, pick=lambda out: out, near=1e-9, **options):
    torch.manual_seed(7)
    m = make()
    whole = torch.cat([t.reshape(-1).view(torch.uint8) for t in m.state_dict().values() if t.numel()])
    out = {"model": name, "options": options, "names": [[k, list(t.shape)] for k, t in m.state_dict().items()],
           "near": near, "parameters": sum(p.numel() for p in m.parameters())}
    if exact:
        out["bits"] = fnv(whole)
    fill(m)
    m = m.double().eval()
    torch.manual_seed(12)
    args = [torch.randint(0, spec["high"], spec["shape"]) if "high" in spec else torch.randn(spec["shape"], dtype=F64) for spec in inputs]
    with torch.no_grad():
        y = pick(m(*args))
    flat = y.reshape(-1)
    return {**out, "inputs": inputs, "shape": list(y.shape), "out": elements(flat[:64])}


class Lenet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2).flatten(1)
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


class WordModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.rnn, self.decoder = nn.Embedding(13, 6), nn.LSTM(6, 8, 2, batch_first=True), nn.Linear(8, 13)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, x):
        return self.decoder(self.rnn(self.encoder(x))[0])


def small_classifier(m, features):
    """The reference's features before a narrow classifier: the wide one has a hundred million weights."""
    m.classifier = nn.Sequential(nn.Linear(features, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 5))
    return m


def alexnet():
    from torchvision.models import AlexNet
    m = AlexNet(num_classes=5)
    m.classifier = nn.Sequential(nn.Dropout(), nn.Linear(9216, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 5))
    return m


def cases():
    import torchvision.models as tv
    from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
    from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    yield case("lenet", Lenet, [{"shape": [2, 1, 28, 28]}])
    yield case("resnet", lambda: ResNet(BasicBlock, [2, 1, 1, 1], num_classes=5), [{"shape": [2, 3, 40, 36]}], layers=[2, 1, 1, 1])
    yield case("resnet", lambda: ResNet(Bottleneck, [1, 1, 1, 1], num_classes=5, groups=4, width_per_group=16), [{"shape": [1, 3, 33, 32]}],
               layers=[1, 1, 1, 1], bottleneck=True, groups=4, width_per_group=16)
    yield case("vgg", lambda: small_classifier(tv.vgg11(weights=None), 512 * 49), [{"shape": [1, 3, 32, 32]}], exact=False, batch_norm=False)
    yield case("vgg", lambda: small_classifier(tv.vgg11_bn(weights=None), 512 * 49), [{"shape": [1, 3, 32, 32]}], exact=False, batch_norm=True)
    yield case("alexnet", alexnet, [{"shape": [1, 3, 64, 64]}], exact=False)
    yield case("vit", lambda: tv.VisionTransformer(8, 4, 2, 2, 16, 32, num_classes=5), [{"shape": [3, 3, 8, 8]}])
    yield case("gpt", lambda: GPT2LMHeadModel(GPT2Config(vocab_size=17, n_positions=8, n_embd=12, n_layer=2, n_head=3, bos_token_id=0, eos_token_id=0)),
               [{"high": 17, "shape": [2, 7]}], exact=False, pick=lambda out: out.logits)
    bert = BertConfig(vocab_size=17, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=20, max_position_embeddings=9, pad_token_id=0)
    yield case("bert", lambda: BertModel(bert), [{"high": 17, "shape": [2, 7]}, {"high": 2, "shape": [2, 7]}], exact=False,
               pick=lambda out: torch.cat([out.last_hidden_state.reshape(-1), out.pooler_output.reshape(-1)]))
    llama = LlamaConfig(vocab_size=17, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
    yield case("llama", lambda: LlamaForCausalLM(llama), [{"high": 17, "shape": [2, 7]}], exact=False, pick=lambda out: out.logits,
               near=1e-5)  # its angles and means are float32
    yield case("lstm", WordModel, [{"high": 13, "shape": [2, 5]}])
