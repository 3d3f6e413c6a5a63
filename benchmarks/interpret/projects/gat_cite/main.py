"""Graph attention on citation networks."""
import time

import torch
import torch.nn.functional as F
from absl import app, flags, logging
from torch_geometric.datasets import Planetoid
from torch_geometric.nn import GATConv, GCNConv, SAGEConv

FLAGS = flags.FLAGS
flags.DEFINE_enum("graph", "cora", ["cora", "citeseer", "pubmed"], "Which citation graph.")
flags.DEFINE_enum("conv", "gat", ["gat", "gcn", "sage"], "Kind of message passing.")
flags.DEFINE_integer("depth", 2, "Message passing rounds.")
flags.DEFINE_integer("nhid", 8, "Hidden units per head.")
flags.DEFINE_integer("nheads", 8, "Attention heads in the hidden layers.")
flags.DEFINE_float("feat_drop", 0.6, "Dropout on node features.")
flags.DEFINE_float("attn_drop", 0.6, "Dropout on attention coefficients.")
flags.DEFINE_float("edge_drop", 0.0, "Share of edges removed at random in each training step.")
flags.DEFINE_float("step_size", 0.005, "Learning rate of Adam.")
flags.DEFINE_float("l2", 5e-4, "Weight decay.")
flags.DEFINE_float("label_smoothing", 0.0, "")
flags.DEFINE_integer("max_epochs", 1000, "")
flags.DEFINE_integer("patience", 100, "Epochs without a better validation loss before stopping.")
flags.DEFINE_bool("self_loops", True, "Add self loops.")
flags.DEFINE_bool("residual", False, "Skip connections around each round.")
flags.DEFINE_bool("row_normalize", True, "Row-normalise features.")
flags.DEFINE_integer("rng", 72, "Random seed.")
flags.DEFINE_string("root", "/tmp/planetoid", "Where the data lies.")
flags.DEFINE_string("save_to", None, "Optional path for the best weights.")

KINDS = {"gcn": GCNConv, "sage": SAGEConv}


class Net(torch.nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.rounds = torch.nn.ModuleList()
        width = n_in
        for i in range(FLAGS.depth):
            last = i == FLAGS.depth - 1
            if FLAGS.conv == "gat":
                heads = 1 if last else FLAGS.nheads
                out = n_out if last else FLAGS.nhid
                self.rounds.append(GATConv(width, out, heads, dropout=FLAGS.attn_drop, add_self_loops=FLAGS.self_loops))
                width = out * heads
            else:
                out = n_out if last else FLAGS.nhid
                self.rounds.append(KINDS[FLAGS.conv](width, out))
                width = out

    def forward(self, x, edges):
        for i, conv in enumerate(self.rounds):
            x = F.dropout(x, FLAGS.feat_drop, self.training)
            h = conv(x, edges)
            x = h + x if FLAGS.residual and h.shape == x.shape else h
            if i < len(self.rounds) - 1:
                x = F.elu(x)
        return x


def main(_):
    torch.manual_seed(FLAGS.rng)
    data = Planetoid(FLAGS.root, FLAGS.graph)[0]
    net = Net(data.num_features, int(data.y.max()) + 1)
    opt = torch.optim.Adam(net.parameters(), lr=FLAGS.step_size, weight_decay=FLAGS.l2)
    best, waited, began = float("inf"), 0, time.time()
    for epoch in range(FLAGS.max_epochs):
        net.train()
        edges = data.edge_index
        edges = edges[:, torch.rand(edges.shape[1]) >= FLAGS.edge_drop]
        out = net(data.x, edges)
        loss = F.cross_entropy(out[data.train_mask], data.y[data.train_mask], label_smoothing=FLAGS.label_smoothing)
        opt.zero_grad()
        loss.backward()
        opt.step()
        net.eval()
        out = net(data.x, data.edge_index)
        val_loss = F.cross_entropy(out[data.val_mask], data.y[data.val_mask]).item()
        test_acc = (out[data.test_mask].argmax(1) == data.y[data.test_mask]).float().mean().item()
        logging.info("epoch %d val_loss %.4f test_acc %.4f", epoch, val_loss, test_acc)
        waited = 0 if val_loss < best else waited + 1
        best = min(best, val_loss)
        if waited >= FLAGS.patience:
            break
    print(f"test_acc: {test_acc:.4f} ({time.time() - began:.0f}s)")


if __name__ == "__main__":
    app.run(main)
