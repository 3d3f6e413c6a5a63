import ml_collections


def get_config():
    config = ml_collections.ConfigDict()

    config.env_name = 'HalfCheetah-v2'
    config.max_steps = int(1e6)
    config.start_training = int(1e4)
    config.seed = 42

    config.algo = 'td3'
    config.actor_lr = 3e-4
    config.critic_lr = 3e-4
    config.hidden_dims = (256, 256)
    config.discount = 0.99
    config.tau = 0.005
    config.batch_size = 256
    config.replay_buffer_size = int(1e6)

    config.noise = ml_collections.ConfigDict()
    config.noise.exploration = 0.1
    config.noise.target = 0.2
    config.noise.clip = 0.5
    config.policy_delay = 2
    config.layer_norm = False

    config.eval = ml_collections.ConfigDict()
    config.eval.interval = 5000
    config.eval.episodes = 10
    return config
