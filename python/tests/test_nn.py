"""`torch.nn` as a tutorial reader uses it: modules, hooks, state, lazy layers, packed sequences, parametrisations."""

import copy
import pickle
import unittest
import warnings

import duoc as torch
from duoc import nn
from duoc.nn.utils import parametrize, rnn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        self.register_buffer("scale", torch.ones(1))

    def forward(self, x):
        return self.body(x) * self.scale


class Layers(unittest.TestCase):
    def test_a_network_learns(self):
        torch.manual_seed(0)
        net, x = Net(), torch.randn(64, 4)
        y = (x.sum(1) > 0).long()
        opt = torch.optim.Adam(net.parameters(), lr=0.05)
        loss = nn.CrossEntropyLoss()
        first = loss(net(x), y).item()
        for _ in range(60):
            opt.zero_grad()
            value = loss(net(x), y)
            value.backward()
            opt.step()
        assert value.item() < 0.2 < first
        assert (net(x).argmax(1) == y).float().mean() > 0.95

    def test_the_first_bits_are_pytorchs(self):
        torch.manual_seed(0)
        layer = nn.Linear(2, 2)
        assert layer.weight.tolist() == [[-0.005293981172144413, 0.37932288646698], [-0.5819807648658752, -0.5203874707221985]]

    def test_names_and_texts(self):
        net = Net()
        assert [n for n, _ in net.named_parameters()] == ["body.0.weight", "body.0.bias", "body.2.weight", "body.2.bias"]
        assert list(net.state_dict()) == ["scale", *(n for n, _ in net.named_parameters())]
        assert repr(net) == ("Net(\n  (body): Sequential(\n    (0): Linear(in_features=4, out_features=8, bias=True)\n    (1): ReLU()\n"
                             "    (2): Linear(in_features=8, out_features=2, bias=True)\n  )\n)")
        assert repr(nn.ModuleList([nn.ReLU(), nn.ReLU()])) == "ModuleList(\n  (0-1): 2 x ReLU()\n)"

    def test_state_goes_round_and_wrong_state_is_refused(self):
        net, other = Net(), Net()
        assert str(other.load_state_dict(net.state_dict())) == "<All keys matched successfully>"
        assert all(torch.equal(a, b) for a, b in zip(net.parameters(), other.parameters()))
        state = net.state_dict()
        state["extra"] = state.pop("scale")
        with self.assertRaisesRegex(RuntimeError, 'Missing key.*"scale".*\n.*Unexpected key.*"extra"'):
            other.load_state_dict(state)
        assert other.load_state_dict(state, strict=False).missing_keys == ["scale"]
        state = net.state_dict()
        state["scale"] = torch.ones(3)
        with self.assertRaisesRegex(RuntimeError, "size mismatch for scale"):
            other.load_state_dict(state)

    def test_copies_and_pickles_are_whole(self):
        net = Net()
        for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
            assert repr(other) == repr(net) and other.body[0].weight is not net.body[0].weight
            assert torch.equal(other.body[0].weight, net.body[0].weight)
            assert isinstance(other.body[0].weight, nn.Parameter)

    def test_assignments_are_judged(self):
        net = Net()
        with self.assertRaisesRegex(TypeError, "cannot assign"):
            net.body[0].weight = torch.ones(8, 4)
        with self.assertRaisesRegex(AttributeError, "before Module.__init__"):
            class Early(nn.Module):
                def __init__(self):
                    self.layer = nn.Linear(1, 1)
            Early()
        with self.assertRaisesRegex(AttributeError, "no attribute 'nothing'"):
            net.nothing
        with self.assertRaises(NotImplementedError):
            nn.Module()(1)

    def test_hooks_see_and_change(self):
        seen = []
        net = Net()
        pre = net.body.register_forward_pre_hook(lambda m, args: (args[0] * 2,))
        post = net.body.register_forward_hook(lambda m, args, out: seen.append(out.shape) or out + 1)
        x = torch.ones(3, 4, requires_grad=True)
        changed = net(x)
        pre.remove(), post.remove()
        assert torch.allclose(changed, net(x * 2) + 1) and seen == [torch.Size([3, 2])]
        grads = []
        net.body.register_full_backward_hook(lambda m, gi, go: grads.append((gi[0].shape, go[0].shape)))
        net(x).sum().backward()
        assert grads == [(torch.Size([3, 4]), torch.Size([3, 2]))]

    def test_modes_dtypes_and_gradients(self):
        net = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(4))
        assert not net.eval()[0].training and net.train()[1].training
        net.double()
        assert net[1].running_mean.dtype is torch.float64 and net[1].num_batches_tracked.dtype is torch.int64
        net(torch.randn(8, 4, dtype=torch.float64)).sum().backward()
        assert net[1].weight.grad is not None
        net.zero_grad()
        assert net[1].weight.grad is None
        with self.assertRaisesRegex(TypeError, "floating point or complex"):
            net.to(torch.int64)

    def test_lazy_layers_take_their_shape_from_the_input(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layer = nn.LazyConv2d(5, 3)
        with self.assertRaisesRegex(RuntimeError, "uninitialized"):
            layer.weight.shape
        assert layer(torch.ones(1, 2, 6, 6)).shape == (1, 5, 4, 4)
        assert type(layer) is nn.Conv2d and layer.in_channels == 2

    def test_packed_sequences(self):
        lstm = nn.LSTM(3, 4, batch_first=True, bidirectional=True)
        parts = [torch.randn(n, 3) for n in (2, 5, 3)]
        padded = rnn.pad_sequence(parts, batch_first=True)
        packed = rnn.pack_padded_sequence(padded, [2, 5, 3], batch_first=True, enforce_sorted=False)
        out, (h, c) = lstm(packed)
        out, lengths = rnn.pad_packed_sequence(out, batch_first=True)
        assert lengths.tolist() == [2, 5, 3] and h.shape == c.shape == (2, 3, 4)
        alone, _ = lstm(parts[2].unsqueeze(0))
        assert torch.allclose(out[2, :3], alone[0], atol=1e-6)

    def test_attention_with_masks(self):
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        x = torch.randn(2, 5, 8)
        mask = nn.Transformer.generate_square_subsequent_mask(5)
        a, b = layer(x, src_mask=mask), layer(torch.cat([x[:, :3], torch.randn(2, 2, 8)], 1), src_mask=mask)
        assert torch.allclose(a[:, :3], b[:, :3], atol=1e-6) and not torch.allclose(a[:, 3:], b[:, 3:])
        out, weights = nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
        assert out.shape == (2, 5, 8) and torch.allclose(weights.sum(-1), torch.ones(2, 5))

    def test_parametrisations(self):
        class Symmetric(nn.Module):
            def forward(self, x):
                return x.triu() + x.triu(1).mT

        layer = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
        assert torch.equal(layer.weight, layer.weight.mT) and list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
        parametrize.remove_parametrizations(layer, "weight")
        assert type(layer) is nn.Linear and torch.equal(layer.weight, layer.weight.mT)

    def test_clipping_and_vectors(self):
        net = Net()
        net(torch.ones(2, 4)).sum().backward()
        before = nn.utils.clip_grad_norm_(net.parameters(), 0.1)
        after = nn.utils.get_total_norm([p.grad for p in net.parameters()])
        assert before > 0.1 and abs(after.item() - 0.1) < 1e-4
        vec = nn.utils.parameters_to_vector(net.parameters())
        nn.utils.vector_to_parameters(vec * 2, net.parameters())
        assert torch.equal(nn.utils.parameters_to_vector(net.parameters()), vec * 2)


if __name__ == "__main__":
    unittest.main()
